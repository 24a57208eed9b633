"""The window: so many commands may be unanswered at once, the next is said when one was taken, and who asks for all
of them is told when all were taken or one was not."""

from __future__ import annotations

import asyncio
import socket

import pytest

from mailer.transport.protocol import USUAL, Command, Wire

COMMANDS = [Command(b"NOOP %d\r\n" % number, USUAL, 5.0) for number in range(5)]


async def connected() -> tuple[Wire, socket.socket]:
    """A wire, and the relay's end of it."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    return Wire(transport), theirs


@pytest.mark.parametrize("window", [1, 2, 3, 5, 9])
async def test_no_more_is_said_than_the_window_has_room_for(window: int) -> None:
    wire, theirs = await connected()
    loop = asyncio.get_running_loop()
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


@pytest.mark.parametrize("window", [1, 3])
@pytest.mark.parametrize(("last", "agreed"), [(b"250", True), (b"550", False)])
async def test_who_asks_whether_all_is_taken_hears_it_when_the_last_was_answered(
    window: int, last: bytes, agreed: bool
) -> None:
    wire, theirs = await connected()
    loop = asyncio.get_running_loop()
    with theirs:
        wire.say(COMMANDS[:3], window)
        asked = asyncio.create_task(wire.agreed())
        for code in (b"250", b"250", last):
            for _ in range(5):
                await asyncio.sleep(0)
            assert not asked.done()
            await loop.sock_sendall(theirs, code + b" what\r\n")
            while not (wire.heard or asked.done()):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)
        assert await asked is agreed
        assert wire.heard is not agreed
    wire.abort()
    await wire.finish(1)


async def test_who_asks_whether_all_is_taken_hears_at_once_of_what_was_not() -> None:
    wire, theirs = await connected()
    with theirs:
        wire.say(COMMANDS[:3], 3)
        await asyncio.get_running_loop().sock_sendall(theirs, b"550 no\r\n")
        async with asyncio.timeout(2):
            assert await wire.agreed() is False
    wire.abort()
    await wire.finish(1)
