"""What an answer means for a delivery (docs/architecture.md, States of a delivery; docs/pacing.md)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from support.cast import NOW

from mailer.flows.dispatch.outcome import MOST_TEXT, Conclusion, Retry, conclude, quarantined, taken
from mailer.mail.reply import Reply
from mailer.model.delivery import Phase, Result, State
from mailer.store.picking import Claimed

MINUTE = timedelta(minutes=1)
DOWN = Reply(451, ("4.3.2 System not accepting messages",))


def claimed(*, tries: int = 0, letter: bool = False, deferred_at: datetime | None = None) -> Claimed:
    issue, of_letter = (None, 7) if letter else (1, None)
    return Claimed(1, issue, issue, of_letter, 1, "a@example.com", "example.com", "", {}, tries, deferred_at)


def ending(result: Result, *, tries: int = 0, elsewhere: bool = False, letter: bool = False) -> Conclusion:
    row = claimed(tries=tries, letter=letter)
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
    for minutes_left, state in (
        (59, State.FAILED),
        (60, State.FAILED),
        (61, State.DEFERRED),
    ):  # the next try is in an hour
        row = claimed(tries=3, deferred_at=NOW - timedelta(hours=48) + timedelta(minutes=minutes_left))
        assert conclude(row, "main", late, Retry(), NOW, elsewhere=False, millis=5).outcome.state is state


@pytest.mark.parametrize("tries", [0, 3])
def test_a_message_the_relay_hung_up_before_goes_over_another_connection_at_once_and_costs_no_try(tries: int) -> None:
    row, lost = claimed(tries=tries), Result(Phase.MAIL, None, "421 4.3.2 Closing")
    found = conclude(row, "main", lost, Retry(), NOW, elsewhere=False, millis=5, begun=False)
    assert (found.outcome.state, found.outcome.due_at, found.outcome.text) == (State.PENDING, NOW, "421 4.3.2 Closing")
    assert (found.refusal, found.throttle, found.pause) == (None, None, "")


def test_what_was_taken_is_written_down_as_the_relay_said_it() -> None:
    row, said = claimed(), Reply(250, ("2.0.0 queued as ABC",))
    outcome = taken(row, "main", Result(Phase.DOT, said), NOW, 5)
    assert (outcome.delivery, outcome.state, outcome.at, outcome.relay) == (row, State.ACCEPTED, NOW, "main")
    assert (outcome.phase, outcome.code, outcome.status) == (Phase.DOT, 250, "2.0.0")
    assert (outcome.text, outcome.millis, outcome.due_at, outcome.throttled) == (said.text, 5, None, False)


def test_a_message_that_could_not_be_composed_fails_with_what_broke_it_cut_short() -> None:
    row = claimed()
    outcome = quarantined(row, ValueError("no such name " * 100), NOW)
    assert (outcome.delivery, outcome.state, outcome.phase) == (row, State.FAILED, Phase.CONNECT)
    assert outcome.text.startswith("quarantined: the message could not be composed (ValueError: no such name ")
    assert len(outcome.text) == MOST_TEXT


def test_a_transaction_that_never_began_is_tried_again_after_the_first_step() -> None:
    found = ending(Result(Phase.AUTH, Reply(454, ("4.7.0 Temporary authentication failure",))))
    assert (found.outcome.state, found.pause, found.throttle) == (State.PENDING, "", None)
    assert found.outcome.due_at == NOW + 5 * MINUTE


def test_a_letter_that_never_began_waits_as_an_issue_does() -> None:
    found = ending(Result(Phase.AUTH, None, "connection lost"), letter=True)
    assert (found.outcome.state, found.outcome.due_at) == (State.PENDING, NOW + 5 * MINUTE)


def test_an_answer_out_of_place_is_no_refusal_of_the_reader() -> None:
    found = ending(Result(Phase.DATA, Reply(250, ("2.0.0 what for?",))))
    assert (found.outcome.state, found.refusal) == (State.DEFERRED, None)


def test_a_throttle_before_any_reader_defers_what_was_under_way_though_it_says_for_good() -> None:
    found = ending(Result(Phase.MAIL, Reply(550, ("Connection frequency limited",))))
    assert found.throttle is not None
    assert (found.outcome.state, found.pause) == (State.DEFERRED, "")
