"""What a claim covers."""

from datetime import timedelta

from support.cast import NOW, claim, publish, reader

from mailer.model.delivery import State
from mailer.store import holdings, leases, ledger, reports
from mailer.store.engine import Database
from mailer.store.holdings import stretches
from mailer.store.journal import Mark
from mailer.store.leases import Worker
from mailer.store.running import Sendable


def _claim(db: Database, issue_id: int, limit: int) -> int:
    with db.transaction() as conn:
        claim_id = leases.open_claim(conn, Worker("w1", "host", 1, "boot"), "", NOW, timedelta(seconds=120))
        claim(conn, claim_id, Sendable(issue_id), limit, NOW)
        return claim_id


def test_numbers_one_after_the_other_make_a_stretch() -> None:
    assert stretches([]) == []
    assert stretches([7]) == [(7, 7)]
    assert stretches([3, 1, 2, 9, 5, 6]) == [(1, 3), (5, 6), (9, 9)]


def test_a_claim_holds_what_it_was_made_for_until_there_is_an_outcome(db: Database) -> None:
    with db.transaction() as conn:
        for number in range(4):
            reader(conn, f"reader{number}@example.com")
        issue_id = publish(conn)
    first, second = _claim(db, issue_id, 2), _claim(db, issue_id, 2)
    one, two = db.read(holdings.held, first)
    assert {one, two}.isdisjoint(db.read(holdings.held, second))
    db.run(ledger.release, first, [one], NOW)
    assert db.read(holdings.held, first) == [two]
    db.run(ledger.take_over, first, {two: Mark.HANDED_OVER}, "died", NOW)
    assert (db.read(holdings.held, first), db.read(holdings.held, first, State.UNCERTAIN)) == ([], [two])


def test_what_somebody_else_has_claimed_since_is_held_no_more(db: Database) -> None:
    with db.transaction() as conn:
        reader(conn, "alice@example.com")
        issue_id = publish(conn)
    first = _claim(db, issue_id, 1)
    (alice,) = db.read(holdings.held, first)
    db.run(ledger.take_over, first, {alice: Mark.UNTOUCHED}, "died", NOW)
    second = _claim(db, issue_id, 1)
    assert (db.read(holdings.held, first), db.read(holdings.held, second)) == ([], [alice])


def test_a_worker_is_shown_with_the_number_of_deliveries_it_holds(db: Database) -> None:
    with db.transaction() as conn:
        for number in range(3):
            reader(conn, f"reader{number}@example.com")
        issue_id = publish(conn)
    claims = [_claim(db, issue_id, 2), _claim(db, issue_id, 1)]
    (holder,) = db.read(reports.workers_now)
    assert (holder.name, holder.holds, type(holder.holds)) == ("w1", 3, int)
    db.run(ledger.release, claims[0], db.read(holdings.held, claims[0]), NOW)
    assert db.read(reports.workers_now)[0].holds == 1
