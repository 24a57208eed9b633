"""A relay in virtual time behind a simulated connection, for the real SMTP session: moods at every step.

The connection keeps what the kernel took apart from what the process still holds: a dead process's bytes in the
kernel arrive, an aborted connection's held ones do not. A relay takes a message whenever it has read its dot.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any

from mailer.errors import RelayError
from mailer.transport.protocol import Timeouts, Wire
from mailer.transport.session import SmtpSession
from support.virtual import CURRENT

STALLS = (0.3, 2.0, 9.0, 14.0, 35.0)  # beside the time-outs and the lease: shorter than all, between, longer than all
TIMEOUTS = Timeouts(connect=3.0, command=10.0, data=6.0, dot=16.0, quit=1.0)


@dataclass(frozen=True)
class Moods:
    """How often a relay does what, as probabilities a step."""

    drop: float = 0.0
    soft: float = 0.0
    hard: float = 0.0
    closing: float = 0.0
    stall: float = 0.0
    deaf: float = 0.0
    double: float = 0.0
    no_connection: float = 0.0
    slow_open: float = 0.0
    sender: float = 0.0


class HungUp(Exception):
    """The connection is over."""


class Pipe(asyncio.Transport):
    """The process's end of a connection."""

    def __init__(self, visit: Visit, window: int) -> None:
        super().__init__()
        self._visit = visit
        self._window = window
        self._context = copy_context()
        self._held = bytearray()
        self._read = bytearray()
        self._high, self._low = 65536, 16384
        self._paused = self._closing = self._gone = False
        self._protocol: Any = None

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = 65536 if high is None else high
        self._low = self._high // 4 if low is None else low

    def is_closing(self) -> bool:
        return self._closing

    def write(self, data: Any) -> None:
        if self._gone:
            return
        self._held += data
        self._write_ready()
        if len(self._held) > self._high and not self._paused:
            self._paused = True
            self._protocol.pause_writing()

    def writelines(self, data: Any) -> None:
        self.write(b"".join(data))

    def abort(self) -> None:
        self._held.clear()
        self._end()

    def close(self) -> None:
        self._closing = True
        if not self._held:
            self._end()

    def die(self) -> None:
        """The process is dead: what it held is gone, what the kernel has arrives."""
        self._gone = True
        self._held.clear()
        self._visit.hear_end()

    def _end(self) -> None:
        self._closing = True
        if not self._gone:
            self._gone = True
            self._visit.hear_end()
            self._soon(self._protocol.connection_lost, None)

    def _write_ready(self) -> None:
        if self._gone:
            return
        room = self._window - len(self._visit.inbox)
        if room > 0 and self._held:
            self._visit.hear(bytes(self._held[:room]))
            del self._held[:room]
        if self._paused and len(self._held) <= self._low:
            self._paused = False
            self._protocol.resume_writing()
        if self._closing and not self._held:
            self._end()

    def _soon(self, step: Callable[..., Any], *args: Any) -> None:
        asyncio.get_running_loop().call_soon(step, *args, context=self._context)

    # --- what the relay does

    def room(self) -> None:
        self._soon(self._write_ready)

    def deliver(self, data: bytes) -> None:
        self._read += data
        self._soon(self._read_ready)

    def hang_up(self) -> None:
        self._soon(self._hear_eof)

    def _read_ready(self) -> None:
        while self._read and not self._gone:
            buffer = self._protocol.get_buffer(-1)
            count = min(len(buffer), len(self._read))
            buffer[:count] = self._read[:count]
            del self._read[:count]
            self._protocol.buffer_updated(count)

    def _hear_eof(self) -> None:
        if not self._gone:
            self._protocol.eof_received()
            self._held.clear()
            self._end()


class Visit:
    """The relay's end of a connection."""

    def __init__(self, relay: SimulatedRelay, window: int) -> None:
        self.relay = relay
        self.inbox = bytearray()  # what the kernels hold
        self.pipe = Pipe(self, window)
        self._read = bytearray()
        self._ended = False
        self._news = asyncio.Event()

    def hear(self, data: bytes) -> None:
        self.inbox += data
        self._news.set()

    def hear_end(self) -> None:
        self._ended = True
        self._news.set()

    async def serve(self) -> None:
        try:
            while await self._command((await self._until(b"\r\n")).decode()):
                pass
        except HungUp:
            pass
        self.pipe.hang_up()

    async def _command(self, line: str) -> bool:
        verb = line[:4].upper()
        await asyncio.sleep(self.relay.random.uniform(0.0, self.relay.latency))
        if verb == "QUIT":
            self._say("221 2.0.0 Bye")
            return False
        if verb == "DATA":
            if await self._answer("354 Go ahead", verb):
                await self._content()
        elif verb in {"MAIL", "RCPT", "RSET"}:
            await self._answer("250 2.1.0 Fine", verb)
        else:
            self._say("500 5.5.1 What?")
        return True

    async def _content(self) -> None:
        moods, chance = self.relay.moods, self.relay.chance
        if chance(moods.deaf):
            await asyncio.sleep(self.relay.random.choice(STALLS[1:]))
        content = await self._until(b"\r\n.\r\n")
        await asyncio.sleep(self.relay.random.uniform(0.0, self.relay.latency))
        if chance(moods.drop):
            raise HungUp
        if chance(moods.soft):
            self._say("451 4.3.0 Later")
        elif chance(moods.hard):
            self._say("550 5.1.1 Nobody here")
        else:
            if chance(moods.stall):
                await asyncio.sleep(self.relay.random.choice(STALLS))
            self.relay.take(content)
            await self._answer("250 2.0.0 Taken", "dot")

    async def _answer(self, good: str, verb: str) -> bool:
        """Say yes, or what the mood is; whether it was yes."""
        moods, chance = self.relay.moods, self.relay.chance
        if chance(moods.stall):
            await asyncio.sleep(self.relay.random.choice(STALLS))
        if chance(moods.drop):
            raise HungUp
        if chance(moods.double):
            self._say(f"{good}\r\n550 5.0.0 On second thoughts")
            return True
        if verb != "dot":
            if chance(moods.closing):
                self._say("421 4.3.2 Closing")
                raise HungUp
            if verb == "MAIL" and chance(moods.sender):
                self._say("550 5.7.1 Not from you")
                return False
            if verb == "RCPT" and chance(moods.hard):
                self._say("550 5.1.1 Nobody here")
                return False
            if verb != "RSET" and chance(moods.soft):
                self._say("451 4.3.0 Later")
                return False
        self._say(good)
        return True

    def _say(self, reply: str) -> None:
        self.pipe.deliver(reply.encode() + b"\r\n")

    async def _until(self, end: bytes) -> bytes:
        while (found := self._read.find(end)) < 0:
            if not self.inbox:
                if self._ended:
                    raise HungUp
                self._news.clear()
                await self._news.wait()
            self._read += self.inbox
            self.inbox.clear()
            self.pipe.room()
        content = bytes(self._read[: found + len(end)])
        del self._read[: len(content)]
        return content


class SimulatedRelay:
    """A relay that all processes share; `taken` is its own ledger, by the messages' first lines."""

    def __init__(self, name: str, moods: Moods, seed: random.Random, on_take: Callable[[bytes], None]) -> None:
        self.name = name
        self.moods = moods
        self.random = seed
        self.latency = 0.03
        self.away_until = 0.0
        self.pipelining = False
        self.taken: Counter[bytes] = Counter()
        self._on_take = on_take

    def chance(self, probability: float) -> bool:
        return probability > 0 and self.random.random() < probability

    def take(self, content: bytes) -> None:
        self.taken[content] += 1
        self._on_take(content)

    async def open(self) -> SmtpSession:
        """A connection of the process that asks, past greeting and EHLO. Raises RelayError."""
        slow = self.chance(self.moods.slow_open)
        await asyncio.sleep(self.random.uniform(1.5, 2.5) if slow else self.random.uniform(0.0, 0.05))
        now = asyncio.get_running_loop().time()
        if now < self.away_until or self.chance(self.moods.no_connection):
            raise RelayError("connection refused", phase="connect")
        visit = Visit(self, self.random.choice((60, 300, 1 << 16)) if self.moods.deaf else 1 << 16)
        asyncio.get_running_loop().create_task(visit.serve(), context=Context())
        process = CURRENT.get()
        if process is not None:
            process.on_death.append(visit.pipe.die)
        extensions = {"8bitmime": "", "pipelining": ""} if self.pipelining else {"8bitmime": ""}
        return SmtpSession(Wire(visit.pipe), extensions, TIMEOUTS)
