"""The window: so many commands may be unanswered at once, and the next is said when one of them was taken."""

from __future__ import annotations

import asyncio
import socket

import pytest

from mailer.transport.protocol import USUAL, Command, Wire

COMMANDS = [Command(b"NOOP %d\r\n" % number, USUAL, 5.0) for number in range(5)]


@pytest.mark.parametrize("window", [1, 2, 3, 5, 9])
async def test_no_more_is_said_than_the_window_has_room_for(window: int) -> None:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
    wire = Wire(transport)
    with theirs:
        wire.say(COMMANDS, window)
        said = (await loop.sock_recv(theirs, 1000)).count(b"\n")
        for taken in range(1, len(COMMANDS) + 1):
            assert said == min(taken - 1 + window, len(COMMANDS))
            await loop.sock_sendall(theirs, b"250 ok\r\n")
            await wire.answer()
            if said < len(COMMANDS):
                said += (await loop.sock_recv(theirs, 1000)).count(b"\n")
        assert not wire.pending
    wire.abort()
    await wire.finish(1)
