"""What servers say, what it means, and what follows for a reader."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.mail.reply import Reply
from mailer.model.bounce import FAMILY, FAULT, Family, Fault, Kind
from mailer.model.delivery import Phase
from mailer.model.diagnosis import classify, classify_reply
from mailer.model.suppression import Action, DomainHour, Fact, History, Policy, breaker_opens, judge, standing

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def days(*numbers: int, reason: str = "mailboxfull", kind: Kind = Kind.SOFT) -> tuple[Fact, ...]:
    return tuple(Fact(NOW - timedelta(days=number), kind, reason) for number in numbers)


@pytest.mark.parametrize(
    ("code", "text", "phase", "reason", "kind"),
    [
        (550, "5.1.1 no such user here", Phase.RCPT, "userunknown", Kind.HARD),
        (550, "no such user here", Phase.DOT, "filtered", Kind.SOFT),
        (550, "no such user here", Phase.MAIL, "rejected", Kind.SOFT),
        (450, "4.1.1 no such user here", Phase.RCPT, "userunknown", Kind.DELAY),
        (552, "5.2.2 mailbox full", Phase.RCPT, "mailboxfull", Kind.SOFT),
        (554, "5.7.1 blocked using zen.example.org", Phase.RCPT, "blocked", Kind.SOFT),
        (550, "Connection frequency limited", Phase.RCPT, "speeding", Kind.SOFT),
        (421, "too many connections", Phase.GREETING, "toomanyconn", Kind.DELAY),
        (550, "wat", Phase.RCPT, "undefined", Kind.SOFT),
        (521, "host does not accept mail", Phase.RCPT, "notaccept", Kind.HARD),
    ],
)
def test_a_reply_means(code: int, text: str, phase: Phase, reason: str, kind: Kind) -> None:
    found = classify_reply(Reply(code, (text,)), phase)
    assert (found.reason, found.kind) == (reason, kind)


def test_words_beat_codes() -> None:
    assert classify("550 5.1.1 your message looks like spam").family is Family.POLICY


def test_words_inside_an_address_say_nothing() -> None:
    assert classify("554 <mailbox.full@example.com> refused: no such user", phase=Phase.RCPT).reason == "userunknown"


@given(st.text(max_size=300), st.integers(400, 599))
def test_any_reply_has_a_meaning(text: str, code: int) -> None:
    found = classify_reply(Reply(code, (text,)), Phase.RCPT)
    assert found.reason in FAMILY
    assert not (400 <= code < 500 and found.kind is Kind.HARD)


def test_every_family_has_a_fault() -> None:
    assert set(FAULT) == set(Family)


def test_an_unknown_address_is_suppressed_at_once() -> None:
    verdict = judge(History(days(0, reason="userunknown", kind=Kind.HARD)), NOW)
    assert verdict.action is Action.SUPPRESS


def test_an_unknown_address_waits_while_the_breaker_of_its_domain_is_open() -> None:
    facts = days(0, reason="userunknown", kind=Kind.HARD)
    assert judge(History(facts), NOW, breaker_open=True).action is Action.HOLD


def test_a_reader_seen_lately_rests_a_week_and_goes_on_the_second_report() -> None:
    seen = (NOW - timedelta(days=20),)
    once = days(0, reason="userunknown", kind=Kind.HARD)
    verdict = judge(History(once, readings=seen), NOW)
    assert (verdict.action, verdict.until) == (Action.REST, NOW + timedelta(days=7))
    twice = days(0, 8, reason="userunknown", kind=Kind.HARD)
    assert judge(History(twice, readings=seen), NOW).action is Action.SUPPRESS


def test_a_full_mailbox_counts_on_five_days_over_thirty_and_expires() -> None:
    assert judge(History(days(0, 5, 10, 20)), NOW).action is Action.RECORD
    assert judge(History(days(0, 1, 2, 3, 4)), NOW).action is Action.RECORD
    verdict = judge(History(days(0, 5, 10, 20, 30)), NOW)
    assert (verdict.action, verdict.until) == (Action.SUPPRESS, NOW + timedelta(days=90))


def test_a_success_clears_a_full_mailbox() -> None:
    history = History(days(0, 5, 10, 20, 30), successes=(NOW - timedelta(days=3),))
    assert judge(history, NOW).action is Action.RECORD


def test_a_complaint_is_for_good_and_never_forgotten() -> None:
    old = (Fact(NOW - timedelta(days=4000), Kind.COMPLAINT, "feedback"),)
    verdict = judge(History(old), NOW)
    assert (verdict.action, verdict.until) == (Action.SUPPRESS, None)


SENDERS = sorted(reason for reason, family in FAMILY.items() if FAULT[family] in {Fault.SENDER, Fault.MESSAGE})


@pytest.mark.parametrize("reason", SENDERS)
def test_a_policy_block_never_suppresses_the_reader(reason: str) -> None:
    assert judge(History(days(*range(300), reason=reason)), NOW).action is Action.RECORD


def test_unexplained_failures_need_ten_days_and_a_quiet_month_forgives() -> None:
    assert judge(History(days(*range(9), reason="undefined")), NOW).action is Action.RECORD
    assert judge(History(days(*range(10), reason="undefined")), NOW).action is Action.SUPPRESS
    assert judge(History(days(*range(10), reason="suppressed")), NOW).action is Action.SUPPRESS
    assert judge(History(days(*range(31, 60), reason="undefined")), NOW).action is Action.RECORD


def test_the_silence_that_a_suppression_makes_does_not_end_it_before_its_time() -> None:
    history = History(days(*range(40, 50), reason="undefined"))
    assert judge(history, NOW).action is Action.RECORD
    assert standing(history, NOW).until == NOW + timedelta(days=50)
    assert standing(history, NOW + timedelta(days=51)).action is Action.RECORD


def test_a_year_replayed_under_another_policy_shows_whom_it_would_have_stopped() -> None:
    history = History(days(*range(40, 44), reason="undefined"))
    assert standing(history, NOW).action is Action.RECORD
    assert standing(history, NOW, policy=Policy(threshold=2)).action is Action.SUPPRESS


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from(sorted(FAMILY))), max_size=30), st.randoms())
def test_the_order_of_the_facts_does_not_matter(rows: list[tuple[int, str]], random: st.DrawFn) -> None:
    facts = [Fact(NOW - timedelta(days=ago), Kind.SOFT, reason) for ago, reason in rows]
    first = judge(History(tuple(facts)), NOW)
    random.shuffle(facts)  # type: ignore[attr-defined]
    assert judge(History(tuple(facts)), NOW).action is first.action


def test_a_breaker_opens_for_a_domain_that_fails_far_more_than_usual() -> None:
    assert breaker_opens(DomainHour(100, 20, 0.01))
    assert not breaker_opens(DomainHour(100, 20, 0.10))
    assert not breaker_opens(DomainHour(20, 20, 0.0))
