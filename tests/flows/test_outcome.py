"""What an answer means for a delivery (docs/architecture.md, States of a delivery; docs/pacing.md)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.cast import NOW

from mailer.flows.dispatch.outcome import Conclusion, Retry, conclude
from mailer.mail.reply import Reply
from mailer.model.delivery import Phase, Result, State
from mailer.store.ledger import Claimed

MINUTE = timedelta(minutes=1)
DOWN = Reply(451, ("4.3.2 System not accepting messages",))


def ending(result: Result, *, tries: int = 0, elsewhere: bool = False, letter: bool = False) -> Conclusion:
    issue, of_letter = (None, 7) if letter else (1, None)
    row = Claimed(1, issue, issue, of_letter, 1, "a@example.com", "example.com", "", {}, tries, None)
    return conclude(row, "main", result, Retry(), NOW, elsewhere=elsewhere, millis=5)


def wait(result: Result, **facts: bool | int) -> timedelta:
    """How long the reader waits, deferred."""
    found = ending(result, **facts).outcome  # type: ignore[arg-type]
    assert found.state is State.DEFERRED
    assert found.due_at is not None
    return found.due_at - NOW


@pytest.mark.parametrize("phase", [Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY])
def test_what_was_lost_before_its_content_waits_only_where_nothing_else_can_take_it(phase: Phase) -> None:
    lost = Result(phase, None, "connection lost")
    before_data = phase in {Phase.MAIL, Phase.RCPT}
    assert wait(lost) == (timedelta() if phase is Phase.MAIL else 5 * MINUTE)
    assert wait(lost, elsewhere=True) == (timedelta() if before_data else 5 * MINUTE)
    assert wait(lost, elsewhere=True, tries=1) == 15 * MINUTE


def test_a_relay_that_is_down_is_left_for_another_and_a_reader_that_is_deferred_is_not() -> None:
    assert wait(Result(Phase.MAIL, DOWN), elsewhere=True) == timedelta()
    assert wait(Result(Phase.MAIL, DOWN)) == 5 * MINUTE
    assert wait(Result(Phase.RCPT, DOWN), elsewhere=True) == 5 * MINUTE
    assert wait(Result(Phase.DOT, DOWN), elsewhere=True) == 5 * MINUTE


def test_a_throttle_costs_the_reader_its_pause_and_no_try() -> None:
    found = ending(Result(Phase.RCPT, Reply(450, ("4.7.1 Too many messages, slow down",))))
    assert found.throttle is not None
    assert found.outcome.throttled
    assert found.outcome.due_at == NOW + timedelta(seconds=found.throttle.pause)
    assert found.refusal is None


def test_a_refusal_of_the_reader_is_judged_and_one_of_ours_pauses_the_issue() -> None:
    reader = ending(Result(Phase.RCPT, Reply(550, ("5.1.1 No such user",))))
    assert (reader.outcome.state, reader.pause) == (State.FAILED, "")
    assert reader.refusal is not None
    ours = ending(Result(Phase.MAIL, Reply(550, ("5.7.1 We do not know you",))))
    assert (ours.outcome.state, ours.outcome.due_at, ours.refusal) == (State.PENDING, None, None)
    assert "We do not know you" in ours.pause
    letter = ending(Result(Phase.MAIL, Reply(550, ("5.7.1 We do not know you",))), letter=True)
    assert (letter.outcome.state, letter.pause) == (State.DEFERRED, "")


def test_a_dot_without_an_answer_is_uncertain_and_nothing_follows_from_it() -> None:
    found = ending(Result(Phase.DOT, None, "no reply in 600 s"))
    assert (found.outcome.state, found.outcome.text, found.outcome.due_at) == (
        State.UNCERTAIN,
        "no reply in 600 s",
        None,
    )
    assert (found.refusal, found.throttle, found.pause) == (None, None, "")


def test_what_would_come_more_than_two_days_after_the_first_deferral_is_given_up() -> None:
    late = Result(Phase.RCPT, DOWN)
    assert ending(late, tries=3).outcome.state is State.DEFERRED
    row = Claimed(1, 1, 1, None, 1, "a@example.com", "example.com", "", {}, 3, NOW - timedelta(hours=47, minutes=1))
    given_up = conclude(row, "main", late, Retry(), NOW, elsewhere=False, millis=5).outcome
    assert given_up.state is State.FAILED
