"""Budgets in the database: shared by all workers, kept over restarts, given back when not used."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import update
from support.cast import NOW, claim, later, publish, reader

from mailer.model.delivery import Phase, State
from mailer.model.pacing import Window
from mailer.store import budgets, holdings, leases, ledger
from mailer.store.budgets import PROVIDER, RELAY, Slowdown, Wish
from mailer.store.engine import Database
from mailer.store.leases import Worker
from mailer.store.ledger import Outcome
from mailer.store.picking import Claimed
from mailer.store.running import Sendable
from mailer.store.schema import deliveries

QUOTAS = (Window(10, 60.0), Window(15, 3600.0))


def _claim(db: Database, issue_id: int, count: int, worker: str = "w1") -> tuple[int, list[Claimed]]:
    with db.transaction() as conn:
        claim_id = leases.open_claim(conn, Worker(worker, "host", 1, "boot"), "", NOW, timedelta(seconds=120), "main")
        return claim_id, claim(conn, claim_id, Sendable(issue_id), count, NOW)


def _record(db: Database, claim_id: int, rows: list[Claimed], seconds: float) -> None:
    now = later(seconds=seconds)
    with db.transaction() as conn:
        ledger.record(conn, claim_id, [Outcome(row, State.ACCEPTED, now, "main", Phase.DOT, 250) for row in rows], now)
        budgets.settle(conn, {RELAY + "main": len(rows)}, (), now)


def _left(db: Database, seconds: float = 0, quotas: tuple[Window, ...] = QUOTAS) -> int | None:
    return db.run(budgets.allowance, "main", quotas, later(seconds=seconds)).relay


@pytest.fixture
def issue_id(db: Database) -> int:
    with db.transaction() as conn:
        for number in range(30):
            reader(conn, f"reader{number}@{'qq.com' if number % 3 else 'foxmail.com'}")
        return publish(conn)


def test_without_quotas_and_throttles_nothing_is_limited(db: Database) -> None:
    free = db.run(budgets.allowance, "main", (), NOW)
    assert (free.relay, free.part, free.providers, free.wait) == (None, None, {}, 0.0)


def test_within_its_quotas_nothing_waits(db: Database) -> None:
    assert db.run(budgets.allowance, "main", QUOTAS, NOW).wait == 0.0


def test_what_slows_another_relay_or_slowed_a_provider_once_limits_nothing(db: Database) -> None:
    db.run(
        budgets.settle,
        {},
        [Slowdown(RELAY + "backup", 60, 300.0, "454"), Slowdown(PROVIDER + "qq.com", 60, 60.0, "550")],
        NOW,
    )
    assert db.run(budgets.allowance, "main", (), later(seconds=10)).providers == {"qq.com": 0}
    forgotten = db.run(budgets.allowance, "main", QUOTAS, later(hours=2))
    assert (forgotten.relay, forgotten.providers) == (10, {})


def test_the_wait_is_for_whatever_is_free_first(db: Database, issue_id: int) -> None:
    assert _left(db) == 10
    claim_id, rows = _claim(db, issue_id, 10)
    _record(db, claim_id, rows, 0)
    db.run(budgets.settle, {}, [Slowdown(PROVIDER + "qq.com", 60, 300.0, "550 Connection frequency limited")], NOW)
    assert 49 <= db.run(budgets.allowance, "main", QUOTAS, later(seconds=10)).wait <= 51


def test_what_another_worker_holds_is_not_there_to_claim(db: Database, issue_id: int) -> None:
    assert _left(db) == 10
    _claim(db, issue_id, 4, "w1")
    _claim(db, issue_id, 3, "w2")
    assert _left(db) == 3


def test_what_was_not_sent_is_given_back_at_once(db: Database, issue_id: int) -> None:
    claim_id, rows = _claim(db, issue_id, 10)
    assert _left(db) == 0
    db.run(ledger.release, claim_id, [row.id for row in rows[:6]], NOW)
    assert _left(db) == 6


def test_what_was_sent_counts_until_its_window_has_passed(db: Database, issue_id: int) -> None:
    assert _left(db) == 10
    claim_id, rows = _claim(db, issue_id, 10)
    _record(db, claim_id, rows, 5)
    assert _left(db, 60) == 0
    assert _left(db, 67) == 5  # the hour's limit now
    waiting = db.run(budgets.allowance, "main", QUOTAS, later(seconds=6)).wait
    assert 59 <= waiting <= 60


def test_what_a_dead_worker_held_is_held_until_somebody_takes_over(db: Database, issue_id: int) -> None:
    claim_id, _ = _claim(db, issue_id, 10)
    assert _left(db, 3000) == 0
    assert len(db.read(holdings.held, claim_id)) == 10
    db.run(ledger.take_over, claim_id, {}, "died", later(seconds=3000))
    assert _left(db, 3000) == 10


def test_a_throttled_provider_is_limited_over_all_its_domains(db: Database, issue_id: int) -> None:
    why = Slowdown(PROVIDER + "qq.com", 60, 300.0, "550 Connection frequency limited")
    db.run(budgets.settle, {}, [why], NOW)
    during = db.run(budgets.allowance, "main", (), later(seconds=10))
    assert (during.relay, during.providers) == (None, {"qq.com": 0})
    assert 289 <= during.wait <= 290
    after = db.run(budgets.allowance, "main", (), later(seconds=301))
    assert after.providers["qq.com"] > 0
    _claim(db, issue_id, 5)
    held = db.run(budgets.allowance, "main", (), later(seconds=301))
    assert held.providers["qq.com"] == after.providers["qq.com"] - 5


def test_a_throttle_answer_learns_from_what_all_workers_saw_taken_in_the_last_minute(
    db: Database, issue_id: int
) -> None:
    def taken(count: int, seconds: float, state: State = State.ACCEPTED) -> None:
        claim_id, rows = _claim(db, issue_id, count, f"w{seconds}")
        now = later(seconds=seconds)
        outcomes = [Outcome(row, state, now, "main", Phase.DOT, 250, due_at=later(days=1)) for row in rows]
        db.run(ledger.record, claim_id, outcomes, now)

    with db.transaction() as conn:
        conn.execute(update(deliveries).where(deliveries.c.id % 5 == 0).values(domain="example.com"))
    taken(5, 0)
    taken(15, 30)
    taken(3, 40, State.DEFERRED)
    slow = [
        Slowdown(key, 0, 60.0, "550 frequency limited") for key in (PROVIDER + "qq.com", RELAY + "main", RELAY + "b")
    ]
    db.run(budgets.settle, {}, slow, later(seconds=60))
    seen = {each.key: each.rate for each in db.read(budgets.slowed, later(seconds=61))}
    assert seen == {"qq.com": 12, "main": 15, "b": 6}


def test_a_throttle_answer_alone_charges_nothing(db: Database) -> None:
    key = PROVIDER + "qq.com"
    db.run(budgets.settle, {}, [Slowdown(key, 57, 10.0, "550 frequency limited")], NOW)
    assert db.run(budgets.allowance, "main", (), later(seconds=11)).providers == {"qq.com": 22}


def test_what_a_dead_worker_may_have_sent_is_charged_to_its_relay_and_to_each_provider(
    db: Database, issue_id: int
) -> None:
    db.run(budgets.settle, {}, [Slowdown(PROVIDER + "qq.com", 57, 10.0, "550 frequency limited")], NOW)
    assert _left(db) == 10
    claim_id, rows = _claim(db, issue_id, 4)
    with db.transaction() as conn:
        conn.execute(update(deliveries).where(deliveries.c.id == rows[0].id).values(domain="example.com"))
    db.run(ledger.release, claim_id, [row.id for row in rows], NOW)
    db.run(budgets.charge, "main", [row.id for row in rows], later(seconds=1))
    charged = db.run(budgets.allowance, "main", QUOTAS, later(seconds=11))
    assert (charged.relay, charged.providers) == (6, {"qq.com": 19})


def test_what_is_taken_during_the_pause_raises_the_rate_that_is_learned(db: Database) -> None:
    key = PROVIDER + "qq.com"
    db.run(budgets.settle, {}, [Slowdown(key, 57, 60.0, "550 frequency limited")], NOW)
    db.run(budgets.settle, {key: 4}, (), later(seconds=1), {key: 3})
    db.run(budgets.settle, {key: 4}, (), later(seconds=2))
    (seen,) = db.read(budgets.slowed, later(seconds=60))
    assert round(seen.rate) == 60


def test_workers_part_a_limit_by_the_second_and_leave_theirs_to_the_others(db: Database) -> None:
    def ask(worker: str, using: int, seconds: float) -> int | None:
        return db.run(budgets.allowance, "main", (), later(seconds=seconds), Wish(worker, 10, using)).part

    assert ask("w1", 0, 0) == 10
    assert ask("w2", 0, 0.1) == 0
    assert ask("w1", 10, 0.2) == 5
    assert ask("w1", 5, 1.2) == 5
    assert ask("w2", 0, 1.3) == 5
    db.run(budgets.settle, {RELAY + "main": 1}, (), later(seconds=1.5))  # is none of these parts' business
    db.run(budgets.leave, "w1", later(seconds=2))
    assert ask("w2", 5, 3) == 5  # the relay counts what w1 sent last
    assert ask("w2", 5, 4.1) == 10
    assert db.read(budgets.slowed, later(seconds=5)) == []


def test_parting_a_limit_by_the_second_leaves_what_was_sent_alone(db: Database, issue_id: int) -> None:
    assert _left(db) == 10
    claim_id, rows = _claim(db, issue_id, 4)
    _record(db, claim_id, rows, 0)
    db.run(leases.end_claim, claim_id, NOW)
    assert db.run(budgets.allowance, "main", QUOTAS, later(seconds=1), Wish("w1", 10, 0)).part == 10
    db.run(budgets.allowance, "backup", (), later(seconds=1), Wish("w1", 10, 0))
    db.run(budgets.leave, "w1", later(seconds=2))
    assert _left(db, 3) == 6
    for relay in ("main", "backup"):
        assert db.run(budgets.allowance, relay, (), later(seconds=5), Wish("w2", 10, 0)).part == 10


def test_a_busy_worker_keeps_its_part_however_long_its_messages_take(db: Database, issue_id: int) -> None:
    claim_id, _ = _claim(db, issue_id, 5)
    assert db.run(budgets.allowance, "main", (), NOW, Wish("w1", 10, 0)).part == 10
    without = db.run(budgets.allowance, "main", (), later(seconds=60), Wish("w2", 10, 0))
    assert (without.part, without.wait) == (0, 1.0)
    db.run(leases.end_claim, claim_id, later(seconds=61))
    assert db.run(budgets.allowance, "main", (), later(seconds=61), Wish("w2", 10, 0)).part == 10


def test_a_limit_by_the_second_is_learned_from_what_all_workers_recorded_and_parted_among_them(
    db: Database, issue_id: int
) -> None:
    for worker, seconds in (("w1", 0.2), ("w2", 0.9), ("w1", 1.1)):
        claim_id, rows = _claim(db, issue_id, 3, worker)
        at = later(seconds=seconds)
        sent = [Outcome(row, State.ACCEPTED, at, "main", Phase.DOT, 250) for row in rows]
        db.run(ledger.record, claim_id, sent, at)
        db.run(leases.end_claim, claim_id, at)
    db.run(budgets.too_fast, "main", "454 Maximum sending rate exceeded", later(seconds=1.15))
    for worker, known in (("w1", 0), ("w1", 10)):
        may = db.run(budgets.allowance, "main", (), later(seconds=2), Wish(worker, known, 0))
        assert (may.learned, may.part) == (9, 9)
    assert db.run(budgets.allowance, "main", (), later(seconds=3), Wish("w2", 0, 0)).part == 0
    assert db.run(budgets.allowance, "main", (), later(seconds=3), Wish("w1", 0, 0)).part == 5
    assert db.run(budgets.allowance, "main", (), later(seconds=3), Wish("w2", 0, 0)).part == 4
    assert db.run(budgets.allowance, "backup", (), later(seconds=3), Wish("w2", 0, 0)).part is None
    (seen,) = db.read(budgets.slowed, later(seconds=3))
    assert (seen.key, seen.rate, seen.unit, seen.cause) == ("main", 9, "second", "454 Maximum sending rate exceeded")
    assert db.run(budgets.allowance, "main", (), later(hours=1), Wish("w2", 0, 0)).part is None


def test_people_see_what_is_slowed_and_why_until_it_is_forgotten(db: Database) -> None:
    db.run(budgets.settle, {}, [Slowdown(RELAY + "main", 60, 60.0, "454 Throttling failure")], NOW)
    (seen,) = db.read(budgets.slowed, later(seconds=10))
    assert (seen.key, seen.cause) == ("main", "454 Throttling failure")
    assert _left(db, 10, ()) == 0
    assert db.read(budgets.slowed, later(hours=2)) == []
    assert _left(db, 7200, ()) is None


# --- a clock that was set back by a day


def _yesterday(seconds: float = 0) -> datetime:
    return later(days=-1, seconds=seconds)


@pytest.mark.parametrize("name", ["qq.com", "main"])
def test_after_a_clock_was_set_back_a_pause_is_no_longer_than_it_would_be_from_now(db: Database, name: str) -> None:
    key = (PROVIDER if name == "qq.com" else RELAY) + name
    db.run(budgets.settle, {}, [Slowdown(key, 60, 300.0, "550 Connection frequency limited")], NOW)

    def left(seconds: float) -> int | None:
        may = db.run(budgets.allowance, "main", (), _yesterday(seconds))
        return may.providers.get("qq.com") if name == "qq.com" else may.relay

    (seen,) = db.read(budgets.slowed, _yesterday())
    assert seen.until == _yesterday(300).timestamp()
    assert left(0) == 0
    assert left(299) == 0
    assert left(301) == 24
    db.run(budgets.settle, {}, [Slowdown(key, 60, 300.0, "550 Connection frequency limited")], _yesterday(302))
    assert left(900) == 0
    assert left(903) == 12  # again within five minutes: twice as long, half as many
    assert left(7200) is None


def test_an_answer_after_a_clock_was_set_back_begins_a_pause_by_that_clock(db: Database) -> None:
    why = Slowdown(RELAY + "main", 60, 300.0, "454 Throttling failure")
    db.run(budgets.settle, {}, [why], NOW)
    db.run(budgets.settle, {}, [why], _yesterday())
    assert _left_yesterday(db, 299, ()) == 0
    assert _left_yesterday(db, 301, ()) == 24


def test_after_a_clock_was_set_back_what_was_sent_counts_as_sent_now(db: Database, issue_id: int) -> None:
    assert _left(db) == 10
    claim_id, rows = _claim(db, issue_id, 10)
    _record(db, claim_id, rows, 0)
    assert _left_yesterday(db, 0) == _left_yesterday(db, 59) == 0
    assert _left_yesterday(db, 61) == 5  # the hour's limit now
    assert _left_yesterday(db, 3660) == 10


def test_after_a_clock_was_set_back_a_dead_workers_part_is_free_as_soon_as_ever(db: Database) -> None:
    assert db.run(budgets.allowance, "main", (), NOW, Wish("w1", 10, 0)).part == 10
    for seconds, part in ((0, 0), (9.9, 0), (10.1, 10)):
        assert db.run(budgets.allowance, "main", (), _yesterday(seconds), Wish("w2", 10, 0)).part == part


def test_after_a_clock_was_set_back_a_learned_limit_by_the_second_is_forgotten_in_time(db: Database) -> None:
    db.run(budgets.too_fast, "main", "454 Maximum sending rate exceeded", NOW)
    for seconds, part in ((0, 1), (1799, 19), (1801, None)):
        assert db.run(budgets.allowance, "main", (), _yesterday(seconds), Wish("w1", 0, 0)).part == part


def _left_yesterday(db: Database, seconds: float, quotas: tuple[Window, ...] = QUOTAS) -> int | None:
    return db.run(budgets.allowance, "main", quotas, _yesterday(seconds)).relay


def test_a_part_is_kept_for_who_sends_over_this_relay_and_not_for_who_sends_over_another(db: Database) -> None:
    def part(worker: str, seconds: float) -> int | None:
        return db.run(budgets.allowance, "main", (), later(seconds=seconds), Wish(worker, 1, 0)).part

    assert part("w1", 0) == 1
    with db.transaction() as conn:
        elsewhere = leases.open_claim(conn, Worker("w1", "host", 1, "boot"), "", NOW, timedelta(hours=1), "second")
    assert part("w2", 9) == 0
    assert part("w2", 20) == 1
    with db.transaction() as conn:
        leases.end_claims(conn, [elsewhere], NOW)
        leases.open_claim(conn, Worker("w2", "host", 2, "boot"), "", NOW, timedelta(hours=1), "main")
    assert part("w1", 60) == 0


def test_a_limit_that_is_set_in_the_middle_of_a_send_counts_what_went_out_before(db: Database, issue_id: int) -> None:
    claim_id, rows = _claim(db, issue_id, 12)
    now = later(seconds=5)
    db.run(ledger.record, claim_id, [Outcome(row, State.ACCEPTED, now, "main", Phase.DOT, 250) for row in rows], now)
    assert _left(db, 10) == 0
    assert _left(db, 70) == 3
    assert _left(db, 3700) == 10
    assert db.run(budgets.allowance, "second", QUOTAS, later(seconds=10)).relay == 10


def test_a_limit_that_is_set_after_a_throttle_answer_counts_every_message_once(db: Database, issue_id: int) -> None:
    claim_id, rows = _claim(db, issue_id, 8)
    now = later(seconds=5)
    with db.transaction() as conn:
        outcomes = [Outcome(row, State.ACCEPTED, now, "main", Phase.DOT, 250) for row in rows]
        ledger.record(conn, claim_id, outcomes, now)
        budgets.settle(conn, {RELAY + "main": 8}, [Slowdown(RELAY + "main", 8, 60.0, "454 quota")], now)
    assert db.run(budgets.allowance, "main", (), later(seconds=6)).kept
    assert _left(db, 2500) == 15 - 8
