// nodemailer's pool: a rendered message filled in for every reader. node nodemailer.cjs TASK
"use strict";
const fs = require("node:fs");
const nodemailer = require("nodemailer");

const cpu = () => { const used = process.cpuUsage(); return (used.user + used.system) / 1e6; };
// maxRSS would be the starter's, if that was larger
const memory = () => Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync("/proc/self/status", "utf8"))[1]) / 1024;
const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;").replace(/'/g, "&#x27;");

function letter(task, number) {
  const token = String(number).padStart(26, "0");
  const name = task.names.length ? task.names[number % task.names.length] : `Reader ${number}`;
  const to = `reader${number}@example.com`;
  const first = name.split(/\s+/)[0];
  return {
    envelope: { from: `b+${token}@example.org`, to: [to] },
    from: task.sender, to: { name, address: to }, subject: task.subject,
    messageId: `<${token}@example.org>`,
    headers: { "List-Unsubscribe": `<http://127.0.0.1:8080/u/${token}>`, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" },
    text: task.text.replaceAll(task.marked, () => first).replaceAll(task.token, token),
    html: task.html.replaceAll(task.marked, () => escaped(first)).replaceAll(task.token, token),
  };
}

async function main() {
  const task = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
  const start = cpu(), started = process.hrtime.bigint();
  const options = { pool: true, host: "127.0.0.1", port: task.port, name: "localhost", ignoreTLS: true,
    maxConnections: task.connections, maxMessages: Infinity };
  if (task.dkim) options.dkim = { domainName: task.dkim.domain, keySelector: task.dkim.selector, privateKey: fs.readFileSync(task.dkim.key, "utf8") };
  const transport = nodemailer.createTransport(options);
  let number = 0;
  const sender = async () => { while (number < task.count) await transport.sendMail(letter(task, ++number)); };
  await Promise.all(Array.from({ length: 2 * task.connections }, sender));
  transport.close();
  console.log(JSON.stringify({
    wall_s: Number(process.hrtime.bigint() - started) / 1e9, cpu_s: cpu() - start, start_cpu_s: start,
    rss_mb: memory(),
    version: `${require("nodemailer/package.json").version}, node ${process.versions.node}`,
  }));
}

main().catch((error) => { console.error(error); process.exit(1); });
