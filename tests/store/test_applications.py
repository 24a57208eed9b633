"""Applications on both databases: only the model's edges lead anywhere, and queues hold who really waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

from sqlalchemy import update

from mailer.model.application import EDGES, Standing
from mailer.store import applications
from mailer.store.engine import Database

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def add(db: Database, address: str = "bob@example.com", now: datetime = NOW) -> int:
    with db.transaction() as conn:
        row = applications.add(
            conn,
            address=address,
            match_key=address,
            name="Bob",
            language="zh",
            kind="tmall",
            answers={"company": "公司 😀"},
            wording="",
            source="apply",
            client="",
            now=now,
        )
    assert row.answers == {"company": "公司 😀"}
    return int(row.id)


def test_an_application_moves_along_the_edges_and_nowhere_else(db: Database) -> None:
    number = add(db)
    for start, target in product(Standing, Standing):
        with db.transaction() as conn:
            table = applications.applications
            conn.execute(update(table).where(table.c.id == number).values(state=start))
            moved = applications.move(conn, number, target, NOW)
            row = applications.get(conn, number)
        assert moved is (target in EDGES[start]), (start, target)
        assert row is not None
        assert row.state == (target if moved else start)


def test_the_queue_is_in_order_of_waiting_and_hides_the_unconfirmed(db: Database) -> None:
    numbers = [add(db, f"r{n}@example.com") for n in range(3)]
    with db.transaction() as conn:
        applications.move(conn, numbers[2], Standing.WAITING, NOW)
        applications.move(conn, numbers[0], Standing.WAITING, NOW + timedelta(hours=1))
        assert [row.id for row in applications.listed(conn)] == [numbers[2], numbers[0]]
        assert applications.listed(conn, [Standing.APPROVED]) == []


def test_waiting_begins_anew_with_an_answer_but_the_confirmation_stays(db: Database) -> None:
    number = add(db)
    with db.transaction() as conn:
        applications.move(conn, number, Standing.WAITING, NOW)
        applications.note(conn, number, "confirmed", NOW)
        later = NOW + timedelta(days=5)
        applications.move(conn, number, Standing.ASKED, NOW)
        applications.move(conn, number, Standing.WAITING, later)
        applications.note(conn, number, "answered", later)
        assert applications.overdue(conn, NOW + timedelta(days=4)) == []
        assert len(applications.overdue(conn, later + timedelta(seconds=1))) == 1
        row = applications.get(conn, number)
    assert row is not None
    assert row.confirmed_at == NOW
