"""The operator's hand on a send, and what the reports say of it, on both databases."""

from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, Text, cast, select, update
from support import edges
from support.cast import NOW, claim, later, new_edition, publish, reader
from support.databases import meet

from mailer.errors import UsageError
from mailer.flows import control, report
from mailer.flows import publish as republish
from mailer.flows import subscribers as people
from mailer.flows.leave import Leave
from mailer.model.delivery import Phase, State
from mailer.model.pacing import Account, Window
from mailer.store import leases, ledger, reports, running, suppressions
from mailer.store.engine import Database
from mailer.store.healing import heal
from mailer.store.leases import Worker
from mailer.store.ledger import Outcome
from mailer.store.outbox import post_letter
from mailer.store.running import Sendable
from mailer.store.schema import deliveries, issues, subscribers
from mailer.store.suppressions import Suppression

WORKER = Worker("w1", "host", 1, "boot")
LEASE = timedelta(seconds=120)


def _sent(db: Database, *states: State, **values: object) -> int:
    """An issue with one reader for each state, in that order; who has none stays pending."""
    with db.transaction() as conn:
        for number in range(len(states)):
            reader(conn, f"r{number}@example.com")
        issue_id = publish(conn, **values)
        claim_id = leases.open_claim(conn, WORKER, "", NOW, LEASE)
        outcomes = [
            Outcome(row, state, NOW, "main", Phase.RCPT, 451, "4.2.0", "4.2.0 Later", due_at=later(minutes=5))
            for row, state in zip(claim(conn, claim_id, Sendable(issue_id), len(states), NOW), states, strict=True)
            if state is not State.PENDING
        ]
        ledger.record(conn, claim_id, outcomes, NOW)
        ledger.take_over(conn, claim_id, {}, "", NOW)
    return issue_id


@pytest.mark.parametrize("state", [State.UNCERTAIN, State.FAILED])
def test_a_retry_after_the_deadline_is_refused_and_keeps_what_is_known(db: Database, state: State) -> None:
    issue_id = _sent(db, state, deadline=later(hours=1))
    with pytest.raises(UsageError, match="deadline"):
        control.retry(db, "214", state, "op", later(hours=1))
    assert db.read(ledger.counts, issue_id)[state] == 1
    assert control.retry(db, "214", state, "op", later(minutes=59)) == 1


def test_who_left_or_is_suppressed_does_not_get_what_is_tried_again(db: Database) -> None:
    _sent(db, State.FAILED, State.FAILED, State.FAILED, State.PENDING, State.ACCEPTED)
    assert control.left_out(db, "214", NOW) == 0
    control.retry(db, "214", State.FAILED, "op", NOW)
    with db.transaction() as conn:
        conn.execute(update(subscribers).where(subscribers.c.address == "r0@example.com").values(state="unsubscribed"))
        bounced = [Suppression(match_key=f"r{number}@example.com", reason="bounce") for number in (1, 4)]
        suppressions.suppress(conn, bounced, NOW)
    assert control.left_out(db, "214", NOW) == 2


@pytest.mark.parametrize(("policy", "after"), [("at_least_once", "pending"), ("at_most_once", "uncertain")])
def test_what_was_uncertain_while_its_issue_was_paused_is_sent_again_by_its_policy_when_it_goes_on(
    db: Database, policy: str, after: str
) -> None:
    """A relay that answers nobody pauses the issue itself, in the transaction that names them uncertain."""
    issue_id = _sent(db, State.UNCERTAIN, State.ACCEPTED, policy=policy)
    for time in range(2):
        control.pause(db, "214", "op", NOW)
        db.run(ledger.repeat_uncertain, NOW)
        assert db.read(ledger.counts, issue_id)["uncertain"] == 1
        control.resume(db, "214", "op", NOW)
        assert db.read(ledger.counts, issue_id)[after] == 1
        if time == 0:  # once, and never more
            with db.transaction() as conn:
                edges.set_up(conn, deliveries.c.state == "pending", state="uncertain")
            after = "uncertain"


def test_who_cancels_is_told_how_many_are_under_way(db: Database) -> None:
    issue_id = _sent(db, State.ACCEPTED, State.DEFERRED, State.PENDING, State.PENDING)
    with db.transaction() as conn:
        claim_id = leases.open_claim(conn, WORKER, "", NOW, LEASE)
        (row,) = claim(conn, claim_id, Sendable(issue_id), 1, NOW)
    assert control.cancel(db, "214", "op", NOW) == control.Cancelled(readers=2, under_way=1)
    assert control.cancel(db, "214", "op", NOW) is None
    db.run(ledger.release, claim_id, [row.id], NOW)
    db.run(running.finish_issues, NOW)
    assert db.read(ledger.counts, issue_id)["cancelled"] == 3


def test_an_issue_is_overdue_from_its_deadline_on(db: Database) -> None:
    _sent(db, State.PENDING, deadline=later(hours=1))
    assert not control.is_overdue(db, "214", later(minutes=59))
    assert control.is_overdue(db, "214", later(hours=1))


def test_an_audit_says_why_readers_have_not_got_the_issue(db: Database) -> None:
    _sent(db, State.DEFERRED, State.DEFERRED, State.ACCEPTED, State.PENDING)
    control.cancel(db, "214", "op", NOW)
    assert report.audit(db, "214").causes == [("cancelled", "the operator cancelled the issue", 3)]


def test_progress_tells_when_the_next_deferred_reader_is_due(db: Database) -> None:
    _sent(db, State.DEFERRED, State.ACCEPTED)
    (entry,), _ = report.progress(db, NOW)
    assert entry.next_try == later(minutes=5)
    control.pause(db, "214", "op", NOW)
    (entry,), _ = report.progress(db, NOW)
    assert entry.next_try is None


def test_the_rate_is_that_of_the_last_minute_or_since_the_send_goes_on(db: Database) -> None:
    _sent(db, *[State.ACCEPTED] * report.ENOUGH, *[State.PENDING] * 20)
    rates = [report.progress(db, later(seconds=after))[0][0].per_second for after in (0, 5, 59, 61)]
    assert rates == [report.ENOUGH, report.ENOUGH / 5, report.ENOUGH / 59, 0]
    (entry,), _ = report.progress(db, later(seconds=5))
    assert entry.finish_at == later(seconds=5 + 10)


def test_what_was_proved_days_later_was_not_accepted_then_and_makes_no_pace(db: Database) -> None:
    issue_id = _sent(db, State.ACCEPTED, State.UNCERTAIN, State.PENDING)
    with db.transaction() as conn:
        (proved,) = conn.execute(select(deliveries.c.id).where(deliveries.c.state == State.UNCERTAIN)).scalars()
        assert heal(conn, proved, "a click", later(days=2))
    found = report.report(db, "214", ZoneInfo("UTC"))
    assert (found.audit.counts["accepted"], found.first_accepted, found.last_accepted) == (2, NOW, NOW)
    with db.reading() as conn:
        assert reports.accepted_since(conn, issue_id, later(days=1)) == (0, None)


def test_nobody_is_said_to_be_through_before_the_limits_of_the_relays_allow_it(db: Database) -> None:
    _sent(db, *[State.ACCEPTED] * report.ENOUGH, *[State.PENDING] * 20)
    full = Account("main", (Window(report.ENOUGH, 3600.0),), ((NOW.timestamp(), report.ENOUGH),))
    (entry,), _ = report.progress(db, later(seconds=5), [full])
    assert entry.finish_at is not None
    assert abs(entry.finish_at - later(hours=2)) <= timedelta(seconds=1)
    (entry,), _ = report.progress(db, later(minutes=30), [full])  # nothing leaves, and it is known when it goes on
    assert entry.finish_at is not None
    assert abs(entry.finish_at - later(hours=2)) <= timedelta(seconds=1)


def test_an_issue_that_waits_for_another_is_not_through_before_that_one(db: Database) -> None:
    with db.transaction() as conn:
        for number in range(10):
            reader(conn, f"r{number}@example.com")
        publish(conn, "1", send_at=NOW)
        publish(conn, "2", send_at=later(seconds=1))
        publish(conn, "3", send_at=later(hours=5))
    full = Account("main", (Window(10, 3600.0),), ((NOW.timestamp(), 10),))
    third, second, first = report.progress(db, later(seconds=5), [full])[0]
    assert first.finish_at is not None
    assert second.finish_at is not None
    assert abs(first.finish_at - later(hours=1)) <= timedelta(seconds=1)
    assert abs(second.finish_at - later(hours=2)) <= timedelta(seconds=1)
    assert third.finish_at is None  # it has not begun


def test_what_has_not_ended_is_shown_however_many_issues_came_after_it(db: Database) -> None:
    with db.transaction() as conn:
        reader(conn, "alice@example.com")
        for number in range(5):
            publish(conn, str(number))
        conn.execute(update(issues).where(issues.c.identity != "1").values(state="finished"))
    shown = [entry.issue.identity for entry in report.progress(db, NOW, limit=2)[0]]
    assert shown == ["4", "3", "1"]


def test_an_issue_that_is_sent_again_is_not_said_to_be_cancelled(db: Database) -> None:
    _sent(db, State.FAILED, State.PENDING)
    control.cancel(db, "214", "op", NOW)
    assert control.retry(db, "214", State.FAILED, "op", NOW) == 1
    issue = control.find(db, "214")
    assert (issue.state, issue.state_cause) == ("sending", "")


def test_how_many_have_not_got_it_for_reasons_that_are_not_named_is_known(db: Database) -> None:
    issue_id = _sent(db, *[State.FAILED] * 12, State.ACCEPTED)
    with db.transaction() as conn:
        conn.execute(update(deliveries).values(cause=cast(deliveries.c.id, Text)))
    audit = report.audit(db, "214")
    assert (len(audit.causes), audit.unexplained) == (10, 2)
    assert db.read(ledger.counts, issue_id)["failed"] == 12


def test_a_few_messages_in_a_minute_are_not_taken_for_a_send_that_has_just_begun(db: Database) -> None:
    _sent(db, State.ACCEPTED, State.ACCEPTED, State.PENDING)
    with db.transaction() as conn:
        conn.execute(update(issues).values(send_at=later(seconds=-300), frozen_at=later(seconds=-300)))
    (entry,), _ = report.progress(db, later(seconds=2))
    assert entry.per_second == 2 / 60


def test_who_left_by_a_link_of_an_issue_is_counted_there_and_once(db: Database) -> None:
    with db.transaction() as conn:
        readers = [reader(conn, f"r{number}@example.com") for number in range(5)]
        first, second = (publish(conn, identity, send_at=NOW) for identity in ("1", "2"))
        of_second = conn.execute(select(deliveries.c.id).where(deliveries.c.issue_id == second)).scalars().all()
        of_first = conn.execute(select(deliveries.c.id).where(deliveries.c.issue_id == first)).scalars().all()
        post_letter(conn, kind="welcome", address="r4@example.com", now=NOW, compose=bytes, subscriber_id=readers[4])
    leave = Leave(db, lambda: later(minutes=1))
    leave.leave(of_first[0], "one-click")
    leave.leave(of_second[1], "page")
    assert leave.give_reason(of_second[1], "too-often")
    leave.leave(of_second[2], "mailto")
    people.remove(db, "r3@example.com", actor="op", now=later(minutes=1))
    leave.leave(of_second[4] + 1, "page")
    zone = ZoneInfo("Asia/Shanghai")
    assert [report.report(db, identity, zone).left for identity in ("1", "2")] == [1, 2]


def test_a_report_is_of_one_moment(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    _sent(db, State.ACCEPTED, State.FAILED)
    span = report.reports.span

    def meanwhile(conn: Connection, issue_id: int) -> object:
        with db.transaction() as other:
            for state in ("pending", "attempting", "accepted"):
                other.execute(update(deliveries).where(deliveries.c.state != "accepted").values(state=state))
        return span(conn, issue_id)

    monkeypatch.setattr(report.reports, "span", meanwhile)
    found = report.report(db, "214", ZoneInfo("Asia/Shanghai"))
    assert [found.audit.counts["accepted"]] == [accepted for _, _, accepted in found.domains] == [1]


@pytest.mark.postgres
@pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)
def test_what_was_due_by_the_workers_clock_may_have_been_sent_though_this_hosts_is_behind(db: Database) -> None:
    with db.transaction() as conn:
        now = db.now(conn)
        assert now is not None
        reader(conn, "alice@example.com")
        publish(conn, send_at=now - timedelta(minutes=1))
    assert control.reconcile(db, 50, 500, now - timedelta(hours=1)) == {"2026-05-21-214": 1}


@pytest.mark.postgres
@pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("command", ["cancel", "retry", "correct"])
def test_a_command_that_meets_readers_who_are_suppressed_in_another_order_is_done_all_the_same(
    db: Database, command: str
) -> None:
    """Each waits for the other, PostgreSQL ends the command, and it is done again."""
    with db.transaction() as conn:
        for name in ("alice", "bob"):
            reader(conn, f"{name}@example.com")
        publish(conn)

    def suppress(conn: Connection) -> Iterator[None]:
        for address in ("bob@example.com", "alice@example.com"):
            suppressions.suppress(conn, [Suppression(address, "complaint")], NOW)
            yield

    def act() -> None:
        if command == "cancel":
            assert control.cancel(db, "214", "op", NOW) == control.Cancelled(2, 0)
        elif command == "retry":
            assert control.retry(db, "214", State.PENDING, "op", NOW) == 2
        else:
            assert republish.correct(db, "214", [new_edition()], "op", NOW).readers == 2

    meet(db, suppress, act)
