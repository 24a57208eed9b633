"""Whatever a relay answers, in whatever pieces: what the session says of a message agrees with what the relay took."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.virtual import run
from support.ways import nothing, to

from mailer.model.delivery import State, judge
from mailer.transport.base import Message
from mailer.transport.protocol import Timeouts, Wire
from mailer.transport.session import SmtpSession

LIMITS = Timeouts(command=10, data=10, dot=10, quit=1)
GO = 354
ODD = (250, 251, GO, 421, 451, 503, 550)
REFUSALS = (421, 451, 503, 550)


class Pipe(asyncio.Transport):
    """The client's end of a connection to `relay`, in memory; what comes takes its time and comes in any pieces."""

    def __init__(self, relay: AnyRelay) -> None:
        super().__init__()
        self.relay = relay
        self.loop = asyncio.get_running_loop()
        self.written = b""
        self.said = bytearray()
        self.open = True
        self.ending = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def is_closing(self) -> bool:
        return not self.open

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.open:
            self.written += data
            self.loop.call_later(self.relay.random.random(), self.transmit)

    def transmit(self) -> None:
        data, self.written = self.written, b""
        self.relay.hear(self, data)

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if self.open:
            self.open = False
            self.loop.call_soon(self.protocol.connection_lost, None)

    def say(self, data: bytes) -> None:
        self.said += data
        self.loop.call_later(self.relay.random.random(), self.deliver)

    def deliver(self) -> None:
        assert isinstance(self.protocol, Wire)
        if self.open and self.said:
            buffer = self.protocol.get_buffer(-1)
            size = self.relay.random.randint(1, min(len(self.said), len(buffer)))
            buffer[:size] = self.said[:size]
            del self.said[:size]
            self.protocol.buffer_updated(size)
        if self.open and self.said:
            self.loop.call_later(self.relay.random.random(), self.deliver)
        elif self.open and self.ending:
            self.protocol.eof_received()
            self.abort()

    def end(self) -> None:
        self.ending = True
        self.loop.call_later(self.relay.random.random(), self.deliver)


class AnyRelay:
    """Answers each command by chance, and keeps its word: it does what its own answers say.

    `fitting`: it answers DATA with 354 or a refusal, everything else with 2yz or a refusal. `slip` is the number of a
    step that it answers twice or not at all; but DATA not twice and the dot at least once: a second answer to DATA that
    comes by itself cannot be told from the dot's by anybody, nor can the next answer when the dot gets none.
    """

    def __init__(self, seed: int, *, fitting: bool, ending: bool, slip: int = -1) -> None:
        self.random = Random(seed)  # noqa: S311 - a simulation wants a seed
        self.fitting = fitting
        self.ending = ending
        self.slip = slip
        self.taken: Counter[tuple[str, str, bytes]] = Counter()
        self.ahead = b""
        self.reset()
        self.in_content = self.gone = False

    def reset(self) -> None:
        self.return_path: str | None = None
        self.recipients: list[str] = []

    def hear(self, pipe: Pipe, data: bytes) -> None:
        """A part of what was written; it may be cut anywhere."""
        self.ahead += data
        while not self.gone:
            if self.in_content:
                whole = b"\r\n" + self.ahead
                end = whole.find(b"\r\n.\r\n")
                if end < 0:
                    return
                self.ahead = whole[end + 5 :]
                self.in_content = False
                self.finish(pipe, whole[2 : end + 2])
            elif b"\r\n" in self.ahead:
                line, _, self.ahead = self.ahead.partition(b"\r\n")
                self.obey(pipe, line.decode())
            else:
                return

    def obey(self, pipe: Pipe, line: str) -> None:
        verb, _, rest = line.partition(":")
        if verb == "MAIL FROM":
            if 200 <= self.answer(pipe, "mail") < 300:
                self.reset()
                self.return_path = rest[1:-1]
        elif verb == "RCPT TO":
            if 200 <= self.answer(pipe, "rcpt") < 300:
                self.recipients.append(rest[1:-1])
        elif line == "DATA":
            self.in_content = self.answer(pipe, "data") == GO
        elif line == "RSET":
            if 200 <= self.answer(pipe, "rset") < 300:
                self.reset()
        elif line == "QUIT":
            self.answer(pipe, "quit")
            self.gone = True
            pipe.end()
        else:
            pipe.say(b"500 What?\r\n")

    def finish(self, pipe: Pipe, content: bytes) -> None:
        envelope = self.return_path, list(self.recipients)
        self.reset()
        if 200 <= self.answer(pipe, "dot") < 300:
            for recipient in envelope[1]:
                self.taken[envelope[0] or "", recipient, content] += 1

    def answer(self, pipe: Pipe, step: str) -> int:
        """Say what comes to mind; the code that was meant, also when it is never heard."""
        random = self.random
        usual = GO if step == "data" else 250
        code = usual if random.random() < 0.8 else random.choice(REFUSALS if self.fitting else ODD)
        if self.ending and random.random() < 0.05:
            self.gone = True
            if random.random() < 0.7:
                pipe.end()
            return code
        line = f"{code}-Yes\r\n{code} well\r\n" if random.random() < 0.2 else f"{code} well\r\n"
        if self.slip == 0:
            twice = step == "dot" or (step != "data" and random.random() < 0.6)
            pipe.say(f"{line}{random.choice(ODD)} And another\r\n".encode() if twice else b"")
        else:
            pipe.say(line.encode())
            if code == 421 and random.random() < 0.5:
                self.gone = True
                pipe.end()
        self.slip -= 1
        return code


async def play(relay: AnyRelay, *, pipelining: bool) -> None:
    """Send some messages as a dispatcher does, over as many connections as it takes."""
    messages = [
        to(f"r{n}@example.com", b"Subject: %d\r\n\r\nHello\r\n" % n, return_path=f"b{n}@example.org") for n in range(6)
    ]
    left = deque(messages)

    def following() -> Message | None:
        return left[0] if left and relay.random.random() < 0.9 else None

    session = SmtpSession(Wire(Pipe(relay)), {"pipelining": ""} if pipelining else {}, LIMITS)
    results = []
    while left and session.usable:
        results.append((message := left.popleft(), await session.send(message, nothing, following)))
    await session.close()
    await asyncio.sleep(60)
    told = {message.envelope.recipient: judge(result).state for message, result in results}
    for message in messages:
        envelope = message.envelope
        taken = relay.taken.pop((envelope.return_path, envelope.recipient, message.content), 0)
        state = told.get(envelope.recipient, State.PENDING)
        if state is State.ACCEPTED:
            assert taken == 1
        else:
            assert taken <= (state is State.UNCERTAIN), f"{state} but taken {taken} times"
    assert not relay.taken, "something was taken that is no message of ours in an envelope of its own"
    assert sum(state is State.UNCERTAIN for state in told.values()) <= 1


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "lockstep"])
@settings(max_examples=1500, deadline=None)
@given(seed=st.integers(0, 2**32), ending=st.booleans())
def test_with_one_answer_a_command_of_any_kind_the_ledgers_agree(pipelining: bool, seed: int, ending: bool) -> None:
    async def example() -> None:
        await play(AnyRelay(seed, fitting=False, ending=ending), pipelining=pipelining)

    run(example())


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "lockstep"])
@settings(max_examples=1500, deadline=None)
@given(seed=st.integers(0, 2**32), slip=st.integers(0, 26))
def test_with_one_answer_too_many_or_too_few_the_ledgers_agree(pipelining: bool, seed: int, slip: int) -> None:
    async def example() -> None:
        await play(AnyRelay(seed, fitting=True, ending=False, slip=slip), pipelining=pipelining)

    run(example())
