"""What an answer means for a delivery: its next state, when it is due again, whom to slow down or to pause."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from mailer.flows.dispatch.batch import Refusal
from mailer.model import delivery as rules
from mailer.model.delivery import Blame, Phase, Result, State, Verdict
from mailer.model.throttle import Throttle, throttle_of
from mailer.store.ledger import Outcome
from mailer.store.picking import Claimed

MOST_TEXT = 500  # characters of an answer that are kept


@dataclass(frozen=True, slots=True)
class Retry:
    """When a deferred delivery is tried again, and when it is given up."""

    steps: tuple[timedelta, ...] = rules.BACKOFF
    give_up_after: timedelta = rules.GIVE_UP_AFTER


@dataclass(frozen=True, slots=True)
class Conclusion:
    """An outcome, and what follows from it for others than this reader."""

    outcome: Outcome
    refusal: Refusal | None  # for the bounce journey
    throttle: Throttle | None  # the relay or the provider is to be slowed down
    pause: str  # why the issue is to be paused; "" when it is not


def taken(row: Claimed, relay: str, result: Result, now: datetime, millis: int) -> Outcome:
    """The outcome of a result that is `accepted`."""
    return _outcome(row, relay, result, State.ACCEPTED, now, millis)


def conclude(
    row: Claimed,
    relay: str,
    result: Result,
    retry: Retry,
    now: datetime,
    *,
    elsewhere: bool,
    millis: int,
    begun: bool = True,
) -> Conclusion:
    """Judge one transaction, whatever it ended with. `elsewhere`: whether another relay could take it at once; not
    `begun`: the relay hung up between two messages, so it goes over another connection."""
    verdict, reply = rules.judge(result), result.reply
    state, due_at, pause = verdict.state, None, ""
    throttle = throttle_of(reply, result.phase, row.domain) if reply else None
    about_us = verdict.blame is Blame.SENDER
    if throttle or (about_us and row.issue_id is None):  # a letter has nobody to pause and resume it
        state = State.DEFERRED
    if state is State.DEFERRED:
        due_at = now + _wait(row, verdict, result, throttle, retry, elsewhere)
        if (row.deferred_at or now) + retry.give_up_after <= due_at:
            state = State.FAILED
    if not begun:
        state, due_at = State.PENDING, now
    elif state is State.PENDING:
        due_at = now + retry.steps[0]
        if about_us:
            due_at, pause = None, f"{relay} refuses our mail: {reply}"
    outcome = _outcome(row, relay, result, state, now, millis, due_at, throttled=throttle is not None)
    about_the_reader = verdict.blame is Blame.RECIPIENT and not throttle
    refusal = Refusal(row, reply, result.phase) if reply and not reply.positive and about_the_reader else None
    return Conclusion(outcome, refusal, throttle, pause)


def quarantined(row: Claimed, error: Exception, now: datetime) -> Outcome:
    """The outcome of a message that could not be composed: it must not stop the others."""
    text = f"quarantined: the message could not be composed ({type(error).__name__}: {error})"[:MOST_TEXT]
    return Outcome(row, State.FAILED, now, "", Phase.CONNECT, text=text)


def _outcome(
    row: Claimed,
    relay: str,
    result: Result,
    state: State,
    now: datetime,
    millis: int,
    due_at: datetime | None = None,
    *,
    throttled: bool = False,
) -> Outcome:
    reply = result.reply
    code, status, text = (reply.code, reply.status, reply.text[:MOST_TEXT]) if reply else (None, "", result.cause)
    return Outcome(row, state, now, relay, result.phase, code, status, text, millis, due_at, throttled)


def _wait(
    row: Claimed, verdict: Verdict, result: Result, throttle: Throttle | None, retry: Retry, elsewhere: bool
) -> timedelta:
    """As long as the throttle says; not at all, once, where another relay can try or this one only hung up; else longer
    after each try."""
    if throttle:
        return timedelta(seconds=throttle.pause)
    before_data = verdict.blame is Blame.RELAY and result.phase in {Phase.MAIL, Phase.RCPT}
    hung_up = result.phase is Phase.MAIL and result.reply is None
    if row.tries == 0 and (hung_up or (before_data and elsewhere)):
        return timedelta()
    return rules.backoff(row.tries + 1, retry.steps)
