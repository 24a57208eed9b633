"""The servers mail is sent to, each in a process of its own: ours, Postfix's smtp-sink, another program."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from sending.sink import Counts
from sending.task import cpu_of

OWN, SMTP_SINK = "own sink", "smtp-sink"
UNCOUNTED = -1  # `Counts.messages` of a sink that does not count


class Server:
    """A sink in a process of its own, listening on `port` of loopback; a context manager."""

    port: int
    certificates: Path | None = None  # of the authority that clients must trust, where it speaks TLS
    pipelining = True
    rtt = 0.0
    refuse = 0

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> Self:
        self._process = self._start()
        return self

    def _start(self) -> subprocess.Popen[bytes]:
        raise NotImplementedError

    def report(self) -> Counts:
        """What arrived since the last report, and the sink's CPU seconds for it."""
        raise NotImplementedError

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(10)


class OwnSink(Server):
    """The sink of sending/sink.py; `tls` is the (authority's, server's) PEM files."""

    def __init__(
        self,
        *,
        rtt: float = 0,
        pipelining: bool = True,
        refuse: int = 0,
        tls: tuple[Path, Path] | None = None,
        keep: Path | None = None,
    ) -> None:
        habits = [f"{rtt:g} ms"] * bool(rtt) + ["TLS"] * bool(tls) + [f"1 in {refuse} refused"] * bool(refuse)
        super().__init__(", ".join([OWN, *habits, *["no PIPELINING"] * (not pipelining)]))
        self.rtt, self.pipelining, self.refuse = rtt, pipelining, refuse
        self.certificates = tls[0] if tls else None
        self._options = [f"--rtt={rtt}", f"--refuse={refuse}", *(["--lockstep"] if not pipelining else [])]
        self._options += [f"--tls={tls[1]}"] if tls else []
        self._options += [f"--keep={keep}"] if keep else []

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(Path(__file__).with_name("sink.py")), *self._options]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdout
        self.port = int(process.stdout.readline())
        return process

    def report(self) -> Counts:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(b"report\n")
        self._process.stdin.flush()
        return Counts(**json.loads(self._process.stdout.readline()))

    def __exit__(self, *reason: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)


class OtherSink(Server):
    """A sink that counts nothing for us: smtp-sink, or a program started as `PROGRAM PORT [-r MS]`."""

    def __init__(self, program: str = SMTP_SINK, rtt: float = 0) -> None:
        super().__init__(", ".join([Path(program).name, *[f"{rtt:g} ms"] * bool(rtt)]))
        self.rtt = rtt
        self._program = program
        self._used = 0.0

    def _start(self) -> subprocess.Popen[bytes]:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        command = [self._program, str(self.port), *(["-r", f"{self.rtt:g}"] if self.rtt else [])]
        if self._program == SMTP_SINK:
            user = ["-u", "nobody"] if os.geteuid() == 0 else []
            command = [SMTP_SINK, *user, f"127.0.0.1:{self.port}", "1000"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                time.sleep(0.05)
            else:
                return process
        process.terminate()
        raise SystemExit(f"{self._program} does not start")

    def report(self) -> Counts:
        used = cpu_of(self._process.pid)
        before, self._used = self._used, used
        return Counts(messages=UNCOUNTED, cpu=used - before)


def kept(file: Path) -> Iterator[tuple[str, str, bytes]]:
    """Sender, recipient and message, as sent but for the dot at its end, of each message that a sink kept."""
    content, position = file.read_bytes(), 0
    while position < len(content):
        end = content.index(b"\n", position)
        sender, recipient, length = content[position:end].decode().split(" ")
        position = end + 1 + int(length)
        yield sender, recipient, content[end + 1 : position - len(b".\r\n")]
