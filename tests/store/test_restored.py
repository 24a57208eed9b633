"""A database made fit to send again after a backup was restored, on both databases."""

from datetime import timedelta

from sqlalchemy import select
from support.cast import NOW, claim, later, publish, reader

from mailer.model.delivery import Phase, State
from mailer.store import issues, leases, ledger, picking, restored
from mailer.store.engine import Database
from mailer.store.leases import Worker
from mailer.store.ledger import Outcome
from mailer.store.outbox import post_letter
from mailer.store.running import Sendable
from mailer.store.schema import deliveries

WORKER = Worker("w1", "host", 1, "boot")


def test_what_was_begun_becomes_uncertain_and_what_was_not_stays_pending(db: Database) -> None:
    with db.transaction() as conn:
        for number in range(3):
            reader(conn, f"reader{number}@example.com")
        begun, waiting = publish(conn, "1"), publish(conn, "2", send_at=later(hours=1))
        claim_id = leases.open_claim(conn, WORKER, "", NOW, timedelta(seconds=120))
        rows = picking.pick(conn, Sendable(begun), 2, NOW)
        picking.assign(conn, claim_id, rows, NOW)
        ledger.record(conn, claim_id, [Outcome(rows[0], State.ACCEPTED, NOW, "main", Phase.DOT, 250)], NOW)
        assert restored.reconcile(conn, 50, 500, NOW) == {"2026-05-21-1": 2}
        assert ledger.counts(conn, begun)["accepted"] == 1
        assert ledger.counts(conn, begun)["uncertain"] == 2
        assert ledger.counts(conn, waiting)["pending"] == 3
        assert leases.open_claims(conn) == []


def test_what_was_due_may_have_begun_after_the_backup_and_becomes_uncertain(db: Database) -> None:
    with db.transaction() as conn:
        reader(conn, "alice@example.com")
        due = publish(conn, "1", send_at=later(hours=8))
        assert restored.reconcile(conn, 50, 500, later(hours=7)) == {}
        assert restored.reconcile(conn, 50, 500, later(hours=8)) == {"2026-05-21-1": 1}
        assert ledger.counts(conn, due)["uncertain"] == 1


def test_what_left_from_here_becomes_uncertain_although_by_the_clock_it_is_not_due_yet(db: Database) -> None:
    with db.transaction() as conn:
        reader(conn, "alice@example.com")
        sent, other = publish(conn, "1", send_at=later(hours=8)), publish(conn, "2", send_at=later(hours=8))
        left = ["2026-05-21-1", "2026-05-20-9"]
        assert restored.reconcile(conn, 50, 500, later(hours=7), sent=left) == {"2026-05-21-1": 1}
        assert ledger.counts(conn, sent)["uncertain"] == ledger.counts(conn, other)["pending"] == 1


def test_a_database_is_behind_a_host_that_made_later_claims_until_it_is_reconciled(db: Database) -> None:
    with db.transaction() as conn:
        assert not restored.is_behind(conn, 0)
        assert restored.is_behind(conn, 50)
        leases.lock(conn, NOW)
        assert restored.is_behind(conn, 0)
        restored.reconcile(conn, 50, 500, NOW)
        assert not restored.is_behind(conn, 50)


def test_no_number_given_out_before_is_given_out_again(db: Database) -> None:
    with db.transaction() as conn:
        reader(conn, "alice@example.com")
        publish(conn, send_at=later(hours=8))
        restored.reconcile(conn, 50, 500, NOW)
        assert leases.open_claim(conn, WORKER, "", NOW, timedelta(seconds=120)) > 50
        letter = post_letter(conn, kind="confirm", address="bob@example.com", now=NOW, compose=lambda _: b"letter")
        assert letter > 500
        assert conn.execute(select(deliveries.c.state).where(deliveries.c.id == 500)).scalar_one() == "cancelled"
        assert restored.reconcile(conn, 50, 500, NOW) == {}


def test_nothing_stays_under_way_when_its_worker_is_forgotten(db: Database) -> None:
    with db.transaction() as conn:
        reader(conn, "alice@example.com")
        cancelled = publish(conn, "1")
        letter = post_letter(conn, kind="confirm", address="bob@example.com", now=NOW, compose=lambda _: b"letter")
        for issue in (Sendable(cancelled), Sendable(None)):
            claim(conn, leases.open_claim(conn, WORKER, "", NOW, timedelta(seconds=120)), issue, 2, NOW)
        issues.set_state(conn, cancelled, ("sending",), "cancelled", "", "op", NOW)
        restored.reconcile(conn, 50, 500, NOW)
        assert ledger.counts(conn, cancelled)["uncertain"] == 1
        state = conn.execute(select(deliveries.c.state).where(deliveries.c.id == letter)).scalar_one()
        assert state == "pending"  # a letter may rather come twice than not at all
