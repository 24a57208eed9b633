"""An SMTP server that swallows mail and counts it: messages, octets, who they were for, how often it was waited for.

    python benchmarks/sending/sink.py [--rtt MS] [--lockstep] [--refuse N] [--tls PEM] [--keep FILE]

Prints its port. A line on its standard input is answered with the counts since the last one; at the end of it the
sink ends. It announces what smtp-sink does; recipients are summed as CRC-32, which tells any two sets apart.

A *trip* begins when something comes from a client that was owed no reply, that is, one which could not go on before
it had read the last. Counted are those of mail transactions, and exactly where `--rtt` holds every reply back so long,
as a far relay's would be: what was sent without waiting is then there long before the reply leaves.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
import sys
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any
from zlib import crc32

END = b"\r\n.\r\n"
BUFFER = 1 << 18
TO_WITHIN = 2048  # octets of a message in which its recipient must be named
TRANSACTION = {b"MAIL", b"RCPT", b"DATA", b"RSET"}


@dataclass
class Counts:
    """What has arrived; `misdirected` messages do not name their recipient near the top."""

    messages: int = 0
    octets: int = 0
    recipients: int = 0
    misdirected: int = 0
    refused: int = 0
    connections: int = 0
    trips: int = 0
    cpu: float = 0.0


@dataclass(frozen=True)
class Habits:
    """How a sink behaves: seconds to each reply, PIPELINING or not, every how many recipients it refuses (0: none)."""

    delay: float = 0.0
    pipelining: bool = True
    refuse: int = 0
    keep: IO[bytes] | None = None


def refuses(recipient: bytes, every: int) -> bool:
    """Whether a sink that refuses one recipient in `every` refuses this one."""
    return bool(every) and crc32(recipient) % every == 0


def checksum(addresses: Iterable[str]) -> int:
    """The sum that `Counts.recipients` has when each address got one message."""
    return sum(crc32(address.encode()) for address in addresses)


class Sink(asyncio.BufferedProtocol):
    """One connection; several commands in one packet are answered together."""

    def __init__(self, counts: Counts, habits: Habits) -> None:
        self._counts = counts
        self._habits = habits
        self._buffer = bytearray(BUFFER)
        self._view = memoryview(self._buffer)
        self._filled = 0
        self._in_content = False
        self._begun = False  # content has come
        self._looked = False  # for the recipient in it
        self._leaving = False
        self._fresh = False  # the client had been waiting for us
        self._owed: deque[bytes] = deque()
        self._sender = self._recipient = b""
        self._kept = bytearray()

    def connection_made(self, transport: Any) -> None:
        self._counts.connections += 1
        self._transport = transport
        self._reply(b"220 sink ESMTP\r\n")

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        midway = self._filled or (self._in_content and self._begun)
        self._fresh = not (midway or self._owed)
        self._filled += nbytes
        position, answers = 0, b""
        while True:
            if self._in_content:
                taken = self._take(position)
                if taken == position:
                    break
                position = taken
                if self._in_content:
                    break
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
            self._reply(answers)

    def _take(self, position: int) -> int:
        """Swallow content; returns how far. Its last octets stay while they may be the beginning of its end."""
        if position == self._filled:
            return position
        self._waited()
        self._begun = True
        end = self._buffer.find(END, position, self._filled)
        stop = end + len(END) if end >= 0 else max(position, self._filled - len(END) + 1)
        if not self._looked:
            if end < 0 and stop - position < TO_WITHIN:
                return position
            self._looked = True
            named = self._buffer.find(self._recipient, position, position + TO_WITHIN) >= 0
            self._counts.misdirected += not named
        self._counts.octets += stop - position
        if self._habits.keep:
            self._kept += self._view[position:stop]
        if end >= 0:
            self._in_content = False
            self._counts.messages += 1
            self._counts.recipients += crc32(self._recipient)
            self._store()
        return stop

    def _store(self) -> None:
        if self._habits.keep:
            head = b"%b %b %d\n" % (self._sender, self._recipient, len(self._kept))
            self._habits.keep.write(head + self._kept)
            self._habits.keep.flush()
            self._kept.clear()

    def _waited(self) -> None:
        self._counts.trips += self._fresh
        self._fresh = False

    def _answer(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb in TRANSACTION:
            self._waited()
        if verb == b"MAIL":
            self._sender, self._recipient = line[line.index(b"<") + 1 : line.index(b">")], b""
        elif verb == b"RCPT":
            recipient = line[line.index(b"<") + 1 : line.index(b">")]
            if refuses(recipient, self._habits.refuse):
                self._counts.refused += 1
                return b"550 5.1.1 No such user\r\n"
            self._recipient = recipient
        elif verb == b"DATA":
            if not self._recipient:
                return b"554 5.5.1 No valid recipients\r\n"
            self._in_content, self._begun, self._looked = True, False, False
            return b"354 End with a dot\r\n"
        elif verb == b"EHLO":
            group = b"250-PIPELINING\r\n" if self._habits.pipelining else b""
            return b"250-sink\r\n" + group + b"250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"
        elif verb == b"QUIT":
            self._leaving = True
            return b"221 2.0.0 Bye\r\n"
        return b"250 2.1.0 Ok\r\n"

    def _reply(self, answers: bytes) -> None:
        self._owed.append(answers)
        if self._habits.delay:
            asyncio.get_running_loop().call_later(self._habits.delay, self._release)
        else:
            self._release()

    def _release(self) -> None:
        self._transport.write(self._owed.popleft())
        if self._leaving and not self._owed:
            self._transport.close()


async def serve(habits: Habits, certificate: str) -> None:
    """Listen on a free port of loopback until standard input ends."""
    loop, counts, context = asyncio.get_running_loop(), Counts(), None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    server = await loop.create_server(lambda: Sink(counts, habits), "127.0.0.1", 0, backlog=200, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()

    def asked() -> None:
        if not os.read(0, 4096):
            ended.set()
            return
        now = time.process_time()
        print(json.dumps(asdict(counts) | {"cpu": now - counts.cpu}), flush=True)
        counts.__init__(cpu=now)  # type: ignore[misc]

    loop.add_reader(sys.stdin.fileno(), asked)
    await ended.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rtt", type=float, default=0, metavar="MS", help="every reply so much later")
    parser.add_argument("--lockstep", action="store_true", help="do not announce PIPELINING")
    parser.add_argument("--refuse", type=int, default=0, metavar="N", help="550 to one recipient in N")
    parser.add_argument("--tls", default="", metavar="PEM", help="TLS from the first octet, with this certificate")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="append each message: sender, recipient, octets")
    wanted = parser.parse_args()
    keep = wanted.keep.open("ab") if wanted.keep else None
    asyncio.run(serve(Habits(wanted.rtt / 1000, not wanted.lockstep, wanted.refuse, keep), wanted.tls))


if __name__ == "__main__":
    main()
