"""The wire under a session: sends commands, reads the replies owed for them, knows whether the dot left."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from mailer.mail.reply import Reply
from mailer.transport import replies

REPLY_LIMIT = 8192  # octets of one reply; RFC 5321 4.5.3.1.5 asks for 512 a line
USUAL = b"245"  # how the reply to most commands may begin (RFC 5321 section 4.3.2)
GO_AHEAD = b"345"  # and the one to DATA

_QUICKACK = getattr(socket, "TCP_QUICKACK", None)  # of Linux; it holds for once


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds (RFC 5321 section 4.5.3.2); `dot` counts from the moment the dot has left."""

    connect: float = 30.0
    command: float = 300.0
    data: float = 120.0
    dot: float = 600.0
    quit: float = 3.0


class Command(NamedTuple):
    """A line to say; how the reply to it may begin, and how many seconds it may take."""

    line: bytes
    begins: bytes
    seconds: float


class Broken(Exception):
    """The dialogue cannot go on; the connection has been aborted. `reply` is what the relay said, if it did.

    `in_group`: the relay, not we, broke off while more than one command was at its door. `confused`: what it said
    was not one fitting reply a command.
    """

    def __init__(
        self, cause: str, reply: Reply | None = None, *, in_group: bool = False, confused: bool = False
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.reply = reply
        self.in_group = in_group
        self.confused = confused


class Wire(asyncio.BufferedProtocol):
    """One connection after greeting, TLS and AUTH. Commands are said as the window has room for them: what it has none
    for is said by itself when those before were taken, and not at all when one was refused.

    All that one packet brings must be fitting replies to commands sent, or none of it is believed: where a count
    does not add up, nobody knows which reply was the stray one. Only a 421 may come unasked (RFC 5321 section 3.8).

    `dot_held` is true while the end of the content is provably still in this process: the limits of the transports
    are set so that `resume_writing` cannot come later than the moment the dot may have reached the kernel. Without TLS
    that is when no more is left than what was written from the dot on. With it two layers buffer, so the outer one
    is told to take nothing while the inner one holds anything.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray(REPLY_LIMIT)
        self._view = memoryview(self._buffer)
        self._filled = 0
        self._unsaid: deque[Command] = deque()
        self._window = 1
        self._owed: deque[Command] = deque()
        self._grouped = False
        self._refused = False  # something since commands were said last
        self._heard: deque[tuple[Command, Reply]] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._for_all = False  # or for the next reply only
        self._deadline = 0.0
        self._patience = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._paused = False
        self._from_dot = 0
        self.dot_held = False
        self.broken: Broken | None = None
        self._socket = transport.get_extra_info("socket")
        self._is_tcp = self._socket is not None and self._socket.family in {socket.AF_INET, socket.AF_INET6}
        self._tls = transport.get_extra_info("sslcontext") is not None
        if self._tls:
            transport.set_write_buffer_limits(high=1, low=0)
            inner = getattr(getattr(transport, "_ssl_protocol", None), "_transport", None)
            if inner is not None:  # without it more is called uncertain than need be, never less
                inner.set_write_buffer_limits(high=0)
        transport.set_protocol(self)

    @property
    def heard(self) -> bool:
        """Whether a reply has been read that nobody has asked for with `answer` yet."""
        return bool(self._heard)

    @property
    def pending(self) -> bool:
        """Whether there is a reply that nobody has asked for, read or not."""
        return bool(self._heard or self._owed)

    @property
    def quiet(self) -> bool:
        """Whether the connection stands and the relay has said nothing unasked."""
        return (bool(self._owed) or not self._filled) and not self._transport.is_closing()  # as a broken one's is

    def require_quiet(self) -> None:
        """Raises Broken unless `quiet`."""
        if self._filled and not self._owed:
            self._break("the relay spoke out of turn", confused=True)
        if self._transport.is_closing():
            self._break("connection lost")
        if self.broken is not None:
            raise self.broken

    def say(self, commands: Sequence[Command], window: int) -> None:
        """Send commands, at most `window` of them before they are answered. Raises Broken."""
        self.require_quiet()
        self._unsaid.extend(commands)
        self._window = window
        self._go_on()

    def hand_over(self, content: Sequence[bytes], dot: Command, following: Sequence[Command]) -> None:
        """Send the pieces of the content, the final dot and behind it commands; see `dot_held`."""
        commands = [dot, *following]
        self._expect(commands)
        tail = _joined(commands)
        if self._tls:
            self._transport.write(b"".join(content))
            self._transport.write(tail)
        else:
            self._hold(len(tail) + 1)
            self._transport.write(b"".join((*content, tail)))
        self.dot_held = self._paused

    async def agreed(self) -> bool:
        """Whether the relay takes all that was said: waits until it has, and then nobody need ask for its replies.

        Where it refuses something, or the connection is lost, `answer` tells of each command.
        """
        if not self._is_settled and self.broken is None:
            await self._hear(everything=True)
        if self._owed or self._refused or self.broken is not None:
            return False
        self._heard.clear()
        return True

    async def answer(self) -> tuple[Command, Reply]:
        """The next command with its reply, waited for as long as it may take. Raises Broken."""
        if not self._heard:
            if self.broken is not None:
                raise self.broken
            await self._hear(everything=False)
        return self._heard.popleft()

    def abort(self, cause: str = "connection aborted", reply: Reply | None = None) -> None:
        """Drop the connection and every byte not yet given to the kernel; cause and reply are what `broken` says."""
        self._heard.clear()
        self._grouped = False
        self._break(cause, reply)

    async def finish(self, seconds: float) -> None:
        """Close in order, and if that takes longer than `seconds`, drop."""
        self._transport.close()
        if not self._lost.done():
            await asyncio.wait([self._lost], timeout=seconds)
        self.abort()

    @property
    def _is_settled(self) -> bool:
        """Whether all that was said is answered, or some of it with no."""
        return self._refused or not (self._owed or self._unsaid)

    async def _hear(self, *, everything: bool) -> None:
        """Wait for the next reply, or until all is settled. Raises Broken when there is none."""
        self._waiter, self._for_all = self._loop.create_future(), everything
        self._expect_within(self._owed[0].seconds)
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _go_on(self) -> None:
        """Say what the window has room for."""
        now = [self._unsaid.popleft() for _ in range(min(self._window - len(self._owed), len(self._unsaid)))]
        if now:
            self._expect(now)
            self._transport.write(_joined(now))

    def _expect(self, commands: Sequence[Command]) -> None:
        self._owed += commands
        self._refused = False
        if len(self._owed) > 1:
            self._grouped = True

    def _hold(self, octets: int) -> None:
        """Be paused while more than so many octets have not left."""
        if octets != self._from_dot:
            self._from_dot = octets
            self._transport.set_write_buffer_limits(high=octets, low=octets)

    # --- time ------------------------------------------------------------------------------------------------

    def _expect_within(self, seconds: float) -> None:
        """Set the deadline; one timer is kept and moved only when it would ring too late."""
        self._patience = seconds
        self._deadline = self._loop.time() + seconds
        if self._timer is not None and self._timer.when() > self._deadline:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._ring)

    def _ring(self, looked: bool = False) -> None:
        """Break when the deadline has passed, once what has arrived by now was read.

        A process that was stopped, and so slept through its deadline, runs its timers before it reads.
        """
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        late = self._loop.time() >= self._deadline
        if late and looked:
            self._break(f"no reply in {self._patience:g} s")
        else:
            self._timer = self._loop.call_at(self._deadline, self._ring, late)

    # --- what asyncio calls ----------------------------------------------------------------------------------

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view[self._filled :] if self.broken is None else self._view

    def buffer_updated(self, nbytes: int) -> None:
        if self.broken is not None:
            return
        self._filled += nbytes
        try:
            self._take_replies()
        except ValueError as error:
            self._break(str(error), confused=True)
        self._wake()

    def eof_received(self) -> bool:
        self._break("the relay hung up")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._lost.done():
            self._lost.set_result(None)
        self._break("connection lost")

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self.dot_held:
            self.dot_held = False
            self._expect_within(self._patience)

    # --- replies ---------------------------------------------------------------------------------------------

    def _take_replies(self) -> None:
        """Move the whole replies from the buffer to `_heard`. Raises ValueError when they do not add up."""
        buffer, owed, start = self._buffer, self._owed, 0
        heard: list[tuple[Command, Reply]] = []
        while (end := replies.end_of_reply(buffer, start, self._filled)) > 0:
            reply = replies.read(self._view[start:end].tobytes())
            if owed:
                command = owed.popleft()
                if buffer[start] not in command.begins:
                    raise ValueError(f"the relay answered {reply.code}, which means nothing here")
                heard.append((command, reply))
                if reply.code >= 400:
                    self._refused = True
            elif reply.code == 421:
                self._heard += heard
                self._break(str(reply), reply)
                return
            else:
                raise ValueError("the relay said more than it was asked")
            start = end
        self._filled -= start
        if self._filled >= REPLY_LIMIT:
            raise ValueError("the relay's answer is too long")
        if start and self._filled:
            buffer[: self._filled] = buffer[start : start + self._filled]
        if self._refused:
            self._unsaid.clear()
        if self._unsaid and self._filled and not owed:
            raise ValueError("the relay spoke out of turn")
        self._heard += heard
        if not owed:
            self._grouped = False
        if heard and owed:
            self._acknowledge()
        if self._unsaid:
            self._go_on()
        if heard and owed and self._waiter is not None and self._for_all:
            self._expect_within(owed[0].seconds)

    def _acknowledge(self) -> None:
        """Have the kernel confirm at once what was read.

        A relay that writes each reply by itself, and has not turned off Nagle's algorithm, keeps the replies that are
        owed until then, and the kernel waits 40 ms for something to send along (RFC 896, RFC 1122 section 4.2.3.2).
        """
        if _QUICKACK is not None and self._is_tcp:
            with suppress(OSError):  # it is no more than a hint
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    # --- ends ------------------------------------------------------------------------------------------------

    def _break(self, cause: str, reply: Reply | None = None, *, confused: bool = False) -> None:
        if self.broken is not None:
            return
        self._unsaid.clear()
        self.broken = Broken(cause, reply, in_group=self._grouped and reply is None, confused=confused)
        self._transport.abort()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        if self.broken is not None:
            if self._heard or self._for_all:
                waiter.set_result(None)
            else:
                waiter.set_exception(self.broken)
        elif self._is_settled if self._for_all else self._heard:
            waiter.set_result(None)


def _joined(commands: Sequence[Command]) -> bytes:
    return b"".join([command.line for command in commands])
