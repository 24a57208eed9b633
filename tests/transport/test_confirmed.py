"""Replies that come one by one: the kernel confirms each, or a relay with Nagle's algorithm would wait 40 ms for it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from mailer.transport.protocol import USUAL, Command, Wire

MAIL, RCPT = (Command(line, USUAL, 5.0) for line in (b"MAIL FROM:<>\r\n", b"RCPT TO:<a@example.com>\r\n"))
QUICKACK = getattr(socket, "TCP_QUICKACK", None)


class Noted(socket.socket):
    """A socket that notes how often it was asked to confirm at once."""

    confirmed = 0

    def setsockopt(self, *option: Any) -> None:
        self.confirmed += option[:2] == (socket.IPPROTO_TCP, QUICKACK)
        super().setsockopt(*option)


@pytest.mark.skipif(QUICKACK is None, reason="only Linux can be told to confirm at once")
async def test_what_has_come_is_confirmed_at_once_while_more_is_owed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = Noted(socket.AF_INET, socket.SOCK_STREAM)
        ours.connect(server.getsockname())
        ours.setblocking(False)
        theirs, _ = server.accept()
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    wire = Wire(transport)
    with theirs:
        for replies, confirmed in (([b"250 a\r\n", b"250 b\r\n"], 1), ([b"250 a\r\n250 b\r\n"], 1)):
            wire.say([MAIL, RCPT], window=2)
            for packet in replies:
                theirs.sendall(packet)
                for _ in packet.splitlines():
                    await wire.answer()
            assert ours.confirmed == confirmed
    wire.abort()
    await wire.finish(1)
