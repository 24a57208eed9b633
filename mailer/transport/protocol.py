"""The wire under a session: sends commands one at a time, reads replies within bounds, knows whether the dot left."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from mailer.mail.reply import Reply

REPLY_LIMIT = 8192  # octets of one reply; RFC 5321 4.5.3.1.5 asks for 512 a line
_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])([^\r\n]*))?\r?\n")
_PLAIN_HELD = 4  # octets left: more than these means that some of the content's own are
_LARGE = 256 * 1024  # from here on a copy of the content costs more than a second write


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds (RFC 5321 section 4.5.3.2); `dot` counts from the moment the dot has left."""

    connect: float = 30.0
    command: float = 300.0
    data: float = 120.0
    dot: float = 600.0
    quit: float = 3.0


class Broken(Exception):
    """The dialogue cannot go on; the connection has been aborted. `reply` is what the relay said, if it did."""

    def __init__(self, cause: str, reply: Reply | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.reply = reply


class Wire(asyncio.BufferedProtocol):
    """One connection after greeting, TLS and AUTH, in lockstep: nothing is sent before the last reply was read.

    `dot_held` is true while the end of the content is provably still in this process: the limits of the transports
    are set so that `resume_writing` cannot come later than the moment the dot may have reached the kernel. Over TLS
    two layers buffer, so the outer one is told to take nothing while the inner one holds anything.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray(REPLY_LIMIT)
        self._view = memoryview(self._buffer)
        self._filled = 0
        self._waiter: asyncio.Future[Reply] | None = None
        self._deadline = 0.0
        self._patience = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._paused = False
        self.dot_held = False
        self.broken: Broken | None = None
        self._tls = transport.get_extra_info("sslcontext") is not None
        if self._tls:
            transport.set_write_buffer_limits(high=1, low=0)
            inner = getattr(getattr(transport, "_ssl_protocol", None), "_transport", None)
            if inner is not None:  # without it more is called uncertain than need be, never less
                inner.set_write_buffer_limits(high=0)
        else:
            transport.set_write_buffer_limits(high=_PLAIN_HELD, low=_PLAIN_HELD)
        transport.set_protocol(self)

    @property
    def quiet(self) -> bool:
        """Whether the connection stands and nothing is waiting to be read."""
        return self.broken is None and not self._filled and not self._transport.is_closing()

    async def ask(self, line: bytes, seconds: float) -> Reply:
        """Send one command line and read its reply. Raises Broken."""
        self._require_quiet()
        self._transport.write(line)
        return await self._reply(seconds)

    async def hand_over(self, content: bytes, seconds: float) -> Reply:
        """Send the content and the final dot, and read the reply. Raises Broken; see `dot_held`."""
        if self._tls or len(content) > _LARGE:
            self._transport.write(memoryview(content))
            self._transport.write(b".\r\n")
        else:
            self._transport.write(content + b".\r\n")
        self.dot_held = self._paused
        return await self._reply(seconds)

    def abort(self) -> None:
        """Drop the connection and every byte not yet given to the kernel."""
        self._break("connection aborted")

    async def finish(self, seconds: float) -> None:
        """Close in order, and if that takes longer than `seconds`, drop."""
        self._transport.close()
        if not self._lost.done():
            await asyncio.wait([self._lost], timeout=seconds)
        self.abort()

    def _require_quiet(self) -> None:
        if self.broken is None and self._filled:
            self._break("the relay spoke out of turn", self._complete_reply())
        if self.broken is None and self._transport.is_closing():
            self._break("connection lost")
        if self.broken is not None:
            raise self.broken

    async def _reply(self, seconds: float) -> Reply:
        if self.broken is not None:
            raise self.broken
        self._waiter = self._loop.create_future()
        self._patience = seconds
        self._expect_within(seconds)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    # --- time ------------------------------------------------------------------------------------------------

    def _expect_within(self, seconds: float) -> None:
        """Set the deadline; one timer is kept and moved only when it would ring too late."""
        self._deadline = self._loop.time() + seconds
        if self._timer is not None and self._timer.when() > self._deadline:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._ring)
        else:
            self._break(f"no reply in {self._patience:g} s")

    # --- what asyncio calls ----------------------------------------------------------------------------------

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view[self._filled :] if self.broken is None else self._view

    def buffer_updated(self, nbytes: int) -> None:
        if self.broken is not None:
            return
        self._filled += nbytes
        waiter = self._waiter
        if waiter is None or waiter.done():
            if self._filled >= REPLY_LIMIT:
                self._break("the relay does not stop talking")
            return
        try:
            end = self._end_of_reply()
        except ValueError:
            self._break("the relay's answer is not SMTP")
            return
        if end < 0:
            if self._filled >= REPLY_LIMIT:
                self._break("the relay's answer is too long")
            return
        reply = _read(self._buffer[:end])
        if end != self._filled:
            self._break("the relay gave two answers at once")
        else:
            self._filled = 0
            waiter.set_result(reply)

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

    # --- ends and replies ------------------------------------------------------------------------------------

    def _break(self, cause: str, reply: Reply | None = None) -> None:
        if self.broken is not None:
            return
        self.broken = Broken(cause, reply)
        self._transport.abort()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(self.broken)

    def _end_of_reply(self) -> int:
        """Where the first reply in the buffer ends, -1 if it has not. Raises ValueError for what is no reply."""
        buffer, filled, position = self._buffer, self._filled, 0
        if buffer[filled - 1] != 10 and buffer.find(b"\n", 0, filled) < 0:
            return -1
        code = None
        while True:
            found = _LINE.match(buffer, position, filled)
            if found is None:
                if buffer.find(b"\n", position, filled) >= 0:
                    raise ValueError
                return -1
            if code is not None and found[1] != code:  # RFC 5321 4.2.1: the same code on every line
                raise ValueError
            code, position = found[1], found.end()
            if found[2] != b"-":
                return position

    def _complete_reply(self) -> Reply | None:
        try:
            end = self._end_of_reply()
        except ValueError:
            return None
        return _read(self._buffer[:end]) if end > 0 else None


def _read(raw: bytearray) -> Reply:
    lines = raw.decode("utf-8", "replace").split("\n")[:-1]
    return Reply(int(lines[0][:3]), tuple(_clean(line[4:].rstrip("\r")) for line in lines))


def _clean(text: str) -> str:
    """A relay's text without what could move a cursor, forge a log line or break a database."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
