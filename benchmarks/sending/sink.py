"""An SMTP server that swallows mail in lockstep and counts it: messages, octets, who they were for.

    python benchmarks/sending/sink.py      prints its port, ends when its standard input does

XREPORT answers with the counts since the last XREPORT, so that lost, doubled and swapped messages show. It
announces what smtp-sink does; the recipients are summed as CRC-32, which tells any two sets apart.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

END = b"\r\n.\r\n"
BUFFER = 1 << 18
TO_WITHIN = 2048  # octets of a message in which its recipient must be named


@dataclass
class Counts:
    """What has arrived; `misdirected` messages do not name their recipient near the top."""

    messages: int = 0
    octets: int = 0
    recipients: int = 0
    misdirected: int = 0
    cpu: float = 0.0


def checksum(addresses: Iterable[str]) -> int:
    """The sum that `Counts.recipients` has when each address got one message."""
    return sum(crc32(address.encode()) for address in addresses)


class Sink(asyncio.BufferedProtocol):
    """One connection; several commands in one packet are answered together."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._buffer = bytearray(BUFFER)
        self._view = memoryview(self._buffer)
        self._filled = 0
        self._in_content = False
        self._begun = False
        self._leaving = False
        self._recipient = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(b"220 sink ESMTP\r\n")

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self._filled += nbytes
        position, answers = 0, b""
        while True:
            if self._in_content:
                end = self._buffer.find(END, position, self._filled)
                stop = end + len(END) if end >= 0 else max(position, self._filled - len(END) + 1)
                if not self._begun and (end >= 0 or stop - position >= TO_WITHIN):
                    self._begun = True
                    named = self._buffer.find(self._recipient, position, position + TO_WITHIN) >= 0
                    self._counts.misdirected += not named
                if not self._begun:
                    break
                self._counts.octets += stop - position
                position = stop
                if end < 0:
                    break
                self._in_content = False
                self._counts.messages += 1
                self._counts.recipients += crc32(self._recipient)
                answers += b"250 2.0.0 Ok\r\n"
            end = self._buffer.find(b"\r\n", position, self._filled)
            if end < 0:
                break
            answers += self._answer(bytes(self._view[position:end]))
            position = end + 2
        rest = self._filled - position
        self._buffer[:rest] = self._buffer[position : self._filled]
        self._filled = rest
        if answers:
            self._transport.write(answers)
        if self._leaving:
            self._transport.close()

    def _answer(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"RCPT":
            self._recipient = line[line.index(b"<") + 1 : line.index(b">")]
        elif verb == b"DATA":
            self._in_content, self._begun = True, False
            return b"354 End with a dot\r\n"
        elif verb == b"EHLO":
            return b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"
        elif verb == b"QUIT":
            self._leaving = True
            return b"221 2.0.0 Bye\r\n"
        elif verb == b"XREP":
            counts, now = asdict(self._counts), time.process_time()
            self._counts.__init__(cpu=now)  # type: ignore[misc]
            return b"250 " + json.dumps(counts | {"cpu": now - counts["cpu"]}).encode() + b"\r\n"
        return b"250 2.1.0 Ok\r\n"


async def serve() -> None:
    """Listen on a free port of loopback until standard input ends."""
    loop, counts = asyncio.get_running_loop(), Counts()
    server = await loop.create_server(lambda: Sink(counts), "127.0.0.1", 0, backlog=100)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), lambda: ended.set() if not os.read(0, 1) else None)
    await ended.wait()


class OwnSink:
    """The sink in a process of its own; a context manager."""

    name = "own sink"

    def __enter__(self) -> OwnSink:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__))], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())
        return self

    def report(self) -> Counts:
        """What arrived since the last report, and the sink's CPU seconds for it."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection, connection.makefile("rwb") as stream:
            stream.readline()
            stream.write(b"XREPORT\r\n")
            stream.flush()
            return Counts(**json.loads(stream.readline()[4:]))

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)


class SmtpSink:
    """Postfix's smtp-sink, which counts nothing; a context manager."""

    name = "smtp-sink"

    def __enter__(self) -> SmtpSink:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        self._process = subprocess.Popen(["smtp-sink", *user, f"127.0.0.1:{self.port}", "1000"])
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                time.sleep(0.05)
            else:
                return self
        raise SystemExit("smtp-sink does not start")

    def report(self) -> Counts:
        """Nothing but the CPU it has used since the last report is known."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        before, self._used = getattr(self, "_used", 0.0), used
        return Counts(messages=-1, cpu=used - before)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)


if __name__ == "__main__":
    asyncio.run(serve())
