"""States of a delivery, and what a transaction's result means for it."""

from datetime import timedelta

import pytest

from mailer.mail.reply import Reply
from mailer.model.delivery import EDGES, UNFINISHED, Blame, Phase, Result, State, backoff, judge


@pytest.mark.parametrize(
    ("phase", "reply", "state", "blame"),
    [
        (Phase.DOT, Reply(250, ("2.0.0 ok",)), State.ACCEPTED, Blame.RECIPIENT),
        (Phase.DOT, None, State.UNCERTAIN, Blame.RELAY),
        (Phase.DOT, Reply(451, ("4.7.1 later",)), State.DEFERRED, Blame.RECIPIENT),
        (Phase.DOT, Reply(554, ("5.7.1 no",)), State.FAILED, Blame.RECIPIENT),
        (Phase.DOT, Reply(421, ("closing",)), State.DEFERRED, Blame.RELAY),
        (Phase.BODY, None, State.DEFERRED, Blame.RELAY),
        (Phase.RCPT, Reply(550, ("5.1.1 unknown",)), State.FAILED, Blame.RECIPIENT),
        (Phase.RCPT, Reply(450, ("4.2.0 greylisted",)), State.DEFERRED, Blame.RECIPIENT),
        (Phase.RCPT, None, State.DEFERRED, Blame.RELAY),
        (Phase.MAIL, Reply(550, ("5.7.1 not from you",)), State.PENDING, Blame.SENDER),
        (Phase.MAIL, Reply(452, ("4.3.1 full",)), State.DEFERRED, Blame.RELAY),
        (Phase.MAIL, Reply(421, ("busy",)), State.DEFERRED, Blame.RELAY),
        (Phase.DOT, Reply(552, ("5.3.4 too big",)), State.PENDING, Blame.SENDER),
        (Phase.RCPT, Reply(552, ("5.2.2 mailbox full",)), State.FAILED, Blame.RECIPIENT),
        (Phase.RCPT, Reply(552, ("mailbox full",)), State.FAILED, Blame.RECIPIENT),
        (Phase.RCPT, Reply(552, ("5.2.0 over quota",)), State.FAILED, Blame.RECIPIENT),
        (Phase.RCPT, Reply(552, ("5.7.0 this mailbox takes less",)), State.FAILED, Blame.RECIPIENT),
        (Phase.RCPT, Reply(552, ("5.3.4 too big",)), State.PENDING, Blame.SENDER),
        (Phase.DOT, Reply(552, ("5.2.3 over this mailbox's limit",)), State.FAILED, Blame.RECIPIENT),
        (Phase.DATA, Reply(552, ("5.3.1 no room",)), State.PENDING, Blame.SENDER),
        (Phase.DATA, Reply(554, ("5.3.4 too big",)), State.PENDING, Blame.SENDER),
        (Phase.DATA, Reply(451, ("4.3.0 later",)), State.DEFERRED, Blame.RECIPIENT),
        (Phase.MAIL, None, State.DEFERRED, Blame.RELAY),
        (Phase.GREETING, Reply(554, ("no service",)), State.PENDING, Blame.RELAY),
        (Phase.TLS, None, State.PENDING, Blame.RELAY),
        (Phase.AUTH, Reply(535, ("5.7.8 bad password",)), State.PENDING, Blame.RELAY),
        (Phase.CONNECT, None, State.PENDING, Blame.RELAY),
    ],
    ids=str,
)
def test_a_result_leads_to_one_state(phase: Phase, reply: Reply | None, state: State, blame: Blame) -> None:
    verdict = judge(Result(phase, reply))
    assert (verdict.state, verdict.blame) == (state, blame)


def test_only_a_positive_reply_to_the_dot_is_accepted() -> None:
    replies = [None, *(Reply(code) for code in (250, 354, 421, 450, 550))]
    for phase in Phase:
        for reply in replies:
            accepted = judge(Result(phase, reply)).state is State.ACCEPTED
            assert accepted == (phase is Phase.DOT and reply is not None and reply.positive)


def test_every_state_an_attempt_can_lead_to_is_an_edge() -> None:
    for phase in Phase:
        for code in (None, 250, 421, 450, 452, 535, 550, 552, 554):
            state = judge(Result(phase, Reply(code) if code else None)).state
            assert state in EDGES[State.ATTEMPTING]


def test_an_attempt_may_come_to_anything_but_a_cancelled_delivery() -> None:
    assert EDGES[State.ATTEMPTING] == set(State) - {State.ATTEMPTING, State.CANCELLED}
    assert EDGES[State.PENDING] == {State.ATTEMPTING, State.SUPPRESSED, State.CANCELLED}
    assert EDGES[State.DEFERRED] == {State.ATTEMPTING, State.FAILED, State.SUPPRESSED, State.CANCELLED}


def test_finished_states_are_left_only_by_evidence_or_the_operator() -> None:
    assert EDGES[State.ACCEPTED] == EDGES[State.SUPPRESSED] == EDGES[State.CANCELLED] == frozenset()
    assert EDGES[State.FAILED] == {State.PENDING}
    assert EDGES[State.UNCERTAIN] == {State.ACCEPTED, State.PENDING}
    assert set(EDGES) == set(State)
    assert {State.PENDING, State.ATTEMPTING, State.DEFERRED} == UNFINISHED


def test_back_off_grows_and_then_stays_at_twelve_hours() -> None:
    minutes = [backoff(tries) / timedelta(minutes=1) for tries in range(1, 10)]
    assert minutes == [5, 15, 30, 60, 120, 240, 480, 720, 720]
