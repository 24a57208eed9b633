// The Go pool knadh/smtppool, which listmonk sends with, and html/template for every reader: smtppool TASK
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"net/textproto"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	text "text/template"
	"time"

	"github.com/knadh/smtppool/v2"
)

type task struct {
	Port, Count, Connections  int
	Text, Html, Marked, Token string
	Sender, Subject           string
	Names                     []string
}

type reader struct{ First, Token string }

func cpu() (seconds float64, megabytes float64) {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	spent := time.Duration(used.Utime.Nano() + used.Stime.Nano())
	status, _ := os.ReadFile("/proc/self/status") // Maxrss would be the starter's, if that was larger
	var kilobytes float64
	if _, after, found := strings.Cut(string(status), "VmHWM:"); found {
		fmt.Sscan(after, &kilobytes)
	}
	return spent.Seconds(), kilobytes / 1024
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	var t task
	content, err := os.ReadFile(os.Args[1])
	check(err)
	check(json.Unmarshal(content, &t))
	startCPU, _ := cpu()
	started := time.Now()

	slots := strings.NewReplacer(t.Marked, "{{.First}}", t.Token, "{{.Token}}")
	page := template.Must(template.New("html").Parse(slots.Replace(t.Html)))
	plain := text.Must(text.New("text").Parse(slots.Replace(t.Text)))
	pool, err := smtppool.New(smtppool.Opt{Host: "127.0.0.1", Port: t.Port, MaxConns: t.Connections,
		IdleTimeout: 30 * time.Second, PoolWaitTimeout: 30 * time.Second, HelloHostname: "localhost"})
	check(err)

	numbers := make(chan int)
	var workers sync.WaitGroup
	for w := 0; w < t.Connections; w++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for number := range numbers {
				token, name := fmt.Sprintf("%026d", number), fmt.Sprintf("Reader %d", number)
				if len(t.Names) > 0 {
					name = t.Names[number%len(t.Names)]
				}
				to := fmt.Sprintf("reader%d@example.com", number)
				who := reader{strings.Fields(name)[0], token}
				var html, body bytes.Buffer
				check(page.Execute(&html, who))
				check(plain.Execute(&body, who))
				check(pool.Send(smtppool.Email{
					From: t.Sender, Sender: "b+" + token + "@example.org", To: []string{`"` + name + `" <` + to + `>`},
					Subject: t.Subject, Text: body.Bytes(), HTML: html.Bytes(),
					Headers: textproto.MIMEHeader{
						"Message-Id":            {"<" + token + "@example.org>"},
						"List-Unsubscribe":      {"<http://127.0.0.1:8080/u/" + token + ">"},
						"List-Unsubscribe-Post": {"List-Unsubscribe=One-Click"},
					},
				}))
			}
		}()
	}
	for number := 1; number <= t.Count; number++ {
		numbers <- number
	}
	close(numbers)
	workers.Wait()
	wall := time.Since(started).Seconds()
	used, memory := cpu()
	version := runtime.Version()
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if strings.Contains(module.Path, "smtppool") {
				version = module.Version + ", " + version
			}
		}
	}
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{"wall_s": wall, "cpu_s": used - startCPU,
		"start_cpu_s": startCPU, "rss_mb": memory, "version": version}))
	os.Exit(0)
}
