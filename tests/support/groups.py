"""What the tests of commands in groups have in common: three messages, rules for the second, round trips."""

from __future__ import annotations

from mailer.model.delivery import Result, State, judge
from mailer.transport.base import Message
from support.relay import Relay, Rule
from support.ways import Way, to

BEFORE_THE_DOT = ["mail", "rcpt", "data"]
ALICE, BOB, ERIN = "alice@example.com", "bob@example.com", "erin@example.com"


def three() -> list[Message]:
    return [to(ALICE), to(BOB), to(ERIN)]


def states(results: list[Result]) -> list[State]:
    return [judge(result).state for result in results]


async def trips(way: Way, relay: Relay) -> int:
    """How many round trips the transactions of the newest connection took, after it has ended."""
    await relay.visits[-1].closed.wait()
    return relay.visits[-1].turns - (4 if way.tls == "starttls" else 2)  # greeting and EHLO, STARTTLS and EHLO again


def second(make: object, at: str, *args: object, **when: object) -> Rule:
    """A rule for the second message alone."""
    return make(at, *args, skip=1, times=1, **when)  # type: ignore[no-any-return, operator]
