"""A delivery: its states, the edges between them and what an attempt's result means for it.

One delivery is one edition (or letter) for one recipient. The words and the edges are those of
docs/architecture.md; `accepted` means that a relay answered 2yz to the final dot, never "delivered".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from mailer.mail.reply import Reply


class State(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"  # frozen into the audience, not yet claimed
    ATTEMPTING = "attempting"  # claimed by a worker under a lease: the durable intent
    DEFERRED = "deferred"  # provably not taken; due again at a known time
    ACCEPTED = "accepted"  # a relay answered 2yz to the final dot
    FAILED = "failed"  # refused for good, or given up
    UNCERTAIN = "uncertain"  # handed over, answer never seen
    SUPPRESSED = "suppressed"  # unsubscribed or suppressed after the freeze, before its intent
    CANCELLED = "cancelled"  # the operator cancelled the issue


UNFINISHED = frozenset({State.PENDING, State.ATTEMPTING, State.DEFERRED})

EDGES: Mapping[State, frozenset[State]] = {
    State.PENDING: frozenset({State.ATTEMPTING, State.SUPPRESSED, State.CANCELLED}),
    State.ATTEMPTING: frozenset(
        {State.ACCEPTED, State.FAILED, State.DEFERRED, State.PENDING, State.UNCERTAIN, State.SUPPRESSED}
    ),
    State.DEFERRED: frozenset({State.ATTEMPTING, State.FAILED, State.SUPPRESSED, State.CANCELLED}),
    State.UNCERTAIN: frozenset({State.ACCEPTED, State.PENDING}),
    State.FAILED: frozenset({State.PENDING}),
    State.ACCEPTED: frozenset(),
    State.SUPPRESSED: frozenset(),
    State.CANCELLED: frozenset(),
}


class Policy(StrEnum):
    """What to do with an uncertain delivery."""

    AT_MOST_ONCE = "at_most_once"  # final until the operator says otherwise; for issues
    AT_LEAST_ONCE = "at_least_once"  # sent again once, with the same Message-ID; for letters


class Phase(StrEnum):
    """How far an SMTP transaction got (RFC 5321 section 3.3); the last phase reached names a result."""

    CONNECT = "connect"
    GREETING = "greeting"
    TLS = "tls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"  # content being written, the final dot provably not gone
    DOT = "dot"  # the final dot may have left


class Result(NamedTuple):
    """What happened to one transaction, as seen by the side that wrote it.

    `phase` is where it ended, `reply` the relay's last answer there (None when none was read),
    `cause` one clause for people when there was no answer ("connection lost", "no reply in 600 s").
    """

    phase: Phase
    reply: Reply | None = None
    cause: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the relay answered 2yz to the final dot; nothing else is an acceptance."""
        return self.phase is Phase.DOT and self.reply is not None and self.reply.positive


class Blame(StrEnum):
    """Whom a refusal is about."""

    RECIPIENT = "recipient"
    SENDER = "sender"  # about us: MAIL FROM, AUTH, SIZE
    RELAY = "relay"  # the connection or the relay's load


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state a result leads to, and whom it is about."""

    state: State
    blame: Blame


_ONE_READER = Verdict(State.FAILED, Blame.RECIPIENT)


def judge(result: Result) -> Verdict:
    """The state that follows from a result (contract C2-C4 in docs/architecture.md).

    Only a 2yz to the final dot is accepted; only a dot handed over without an answer is uncertain;
    everything else certainly did not go out.
    """
    reply = result.reply
    if result.accepted:
        return Verdict(State.ACCEPTED, Blame.RECIPIENT)
    if result.phase is Phase.DOT and reply is None:
        return Verdict(State.UNCERTAIN, Blame.RELAY)
    if result.phase in {Phase.CONNECT, Phase.GREETING, Phase.TLS, Phase.AUTH}:
        return Verdict(State.PENDING, Blame.RELAY)
    if reply is None or reply.code == 421:  # RFC 5321 4.2.3: the service is closing the channel
        return Verdict(State.DEFERRED, Blame.RELAY)
    if result.phase is Phase.MAIL:
        return Verdict(State.PENDING, Blame.SENDER) if reply.permanent else Verdict(State.DEFERRED, Blame.RELAY)
    if reply.permanent:
        return Verdict(State.PENDING, Blame.SENDER) if _too_big(result.phase, reply) else _ONE_READER
    return Verdict(State.DEFERRED, Blame.RECIPIENT)


def _too_big(phase: Phase, reply: Reply) -> bool:
    """Whether the message is too big for the relay (RFC 1870 section 6), whoever the recipient is.

    552 is also said of one mailbox that is full or takes less: to RCPT, or with a status of mailboxes (RFC 3463 5.2).
    """
    if reply.status == "5.3.4":
        return True
    mailbox = phase is Phase.RCPT or reply.status == "" or reply.status.startswith("5.2.")
    return reply.code == 552 and not mailbox


BACKOFF = tuple(timedelta(minutes=m) for m in (5, 15, 30, 60, 120, 240, 480))
BACKOFF_LAST = timedelta(hours=12)
GIVE_UP_AFTER = timedelta(hours=48)


def backoff(tries: int, steps: tuple[timedelta, ...] = BACKOFF) -> timedelta:
    """How long to wait after the `tries`-th deferral (counted from 1): 5, 15, 30 min, 1, 2, 4, 8, then 12 h."""
    return steps[tries - 1] if tries <= len(steps) else BACKOFF_LAST
