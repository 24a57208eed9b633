"""What is certain about a dot that has not left: counted by octets, with a kernel that takes what it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.certificates import Authority

from mailer.transport.protocol import USUAL, Command, Wire

CONTENT = b"Subject: x\r\n\r\n" + b"Hello\r\n" * 20
NEXT = b"MAIL FROM:<b@example.org>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n"
END = b"\r\n.\r\n"
DOT = Command(b".\r\n", USUAL, 600.0)


def said(lines: bytes) -> list[Command]:
    """Lines as the commands of the message that follows."""
    return [Command(line, USUAL, 300.0) for line in lines.splitlines(keepends=True)]


class Valve(socket.socket):
    """A socket whose kernel takes `room` octets and no more."""

    room = 1 << 40

    def send(self, data: Any, flags: int = 0) -> int:
        if not self.room:
            raise BlockingIOError
        sent = super().send(data[: self.room], flags)
        self.room -= sent
        return sent


@contextlib.asynccontextmanager
async def connection(authority: Authority | None = None) -> AsyncIterator[tuple[Wire, Valve, asyncio.StreamReader]]:
    """Our end as a wire, its valve, and what the relay's end reads."""
    ours, theirs = socket.socketpair()
    valve = Valve(fileno=ours.detach())
    valve.setblocking(False)
    loop = asyncio.get_running_loop()
    server = client = None
    if authority is not None:
        server, client = authority.server(), ssl.create_default_context(cafile=authority.ca_file)

    async def accept() -> tuple[asyncio.StreamReader, asyncio.Transport]:
        reader = asyncio.StreamReader(limit=1 << 24)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, theirs, ssl=server)
        return reader, transport

    accepting = asyncio.create_task(accept())
    name = "127.0.0.1" if client else None
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=valve, ssl=client, server_hostname=name)
    reader, theirs_too = await accepting
    wire = Wire(transport)
    yield wire, valve, reader
    wire.abort()
    theirs_too.abort()
    await wire.finish(1)


@pytest.mark.parametrize("lines", [b"", NEXT], ids=["alone", "with-the-next-behind-it"])
@pytest.mark.parametrize("content", [CONTENT, CONTENT * 3000], ids=["small", "large"])
async def test_a_dot_is_held_while_more_is_left_than_what_was_written_from_it_on(content: bytes, lines: bytes) -> None:
    for left in (*range(len(lines) + 12), len(content)):
        async with connection() as (wire, valve, reader):
            valve.room = len(content) + 3 + len(lines) - left
            wire.hand_over([content], DOT, said(lines))
            arrived = await reader.readexactly(len(content) + 3 + len(lines) - left)
            assert wire.dot_held == (left > 3 + len(lines) + 1)
            assert not (wire.dot_held and END in arrived), "a dot that arrived was called held"


@pytest.mark.parametrize("lines", [b"", NEXT], ids=["alone", "with-the-next-behind-it"])
async def test_a_dot_is_held_no_longer_once_it_may_have_left(lines: bytes) -> None:
    for step in (1, 2, 3, 50):
        async with connection() as (wire, valve, reader):
            valve.room = 10
            wire.hand_over([CONTENT], DOT, said(lines))
            assert wire.dot_held
            arrived = await reader.readexactly(10)
            while wire.dot_held:
                assert END not in arrived
                valve.room = step
                arrived += await reader.readexactly(min(step, len(CONTENT) + 3 + len(lines) - len(arrived)))
                await asyncio.sleep(0)
            assert len(arrived) >= len(CONTENT) - 1 - step


@pytest.mark.parametrize("size", [100, 16_000, 45_000, 700_000])
async def test_over_tls_a_dot_that_arrived_is_never_called_held(authority: Authority, size: int) -> None:
    content = b"Subject: x\r\n\r\n" + b"Hello\r\n" * (size // 7)
    held = 0
    for left in (0, 1, 20, 100, 150, 500, size // 2, size - 50):
        async with connection(authority) as (wire, valve, reader):
            valve.room = max(0, len(content) - left)
            wire.hand_over([content], DOT, said(NEXT))
            arrived = b""
            for _ in range(40):
                held += wire.dot_held
                with contextlib.suppress(TimeoutError):
                    arrived += await asyncio.wait_for(reader.read(1 << 20), 0.001)
                assert not (wire.dot_held and END in arrived)
                valve.room += len(content) // 20 + 10
            assert arrived == content + b".\r\n" + NEXT
            assert not wire.dot_held
    assert held, "nothing was ever held"
