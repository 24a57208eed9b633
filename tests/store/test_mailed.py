"""What was mailed to a reader is found by indexes, whatever the number of readers and issues."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import event, select, text

from mailer.mail.address import parse
from mailer.model.subscriber import State
from mailer.store import erasure, history, migrate, signups, subscribers
from mailer.store.bulk import batch
from mailer.store.engine import Database
from mailer.store.mailed import mailed_to, mailed_to_one_of
from mailer.store.rendered import rendered
from mailer.store.schema import deliveries

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


@rendered
def _of_many(database: str):  # type: ignore[no-untyped-def]
    return select(deliveries.c.id).where(mailed_to_one_of(database, "ids"))


def test_a_readers_issues_and_letters_are_found_and_nobody_elses(db: Database) -> None:
    with db.transaction() as conn:
        for number in (1, 2):
            conn.execute(
                text(
                    "INSERT INTO issues (newsletter, identity, date, slug, title, state, policy, frozen_at, send_at) "
                    "VALUES ('n', :name, '2026-06-01', :name, 't', 'finished', 'p', 0, 0)"
                ),
                {"name": str(number)},
            )
        for issue, reader in ((1, 7), (1, 8), (2, 7), (None, 7), (None, 9), (None, None)):
            conn.execute(
                text(
                    "INSERT INTO deliveries (issue_id, letter_id, subscriber_id, address, domain, state, due_at, "
                    "changed_at) VALUES (:issue, :letter, :reader, 'a', 'd', 'accepted', 0, 0)"
                ),
                {"issue": issue, "letter": None if issue else 1, "reader": reader},
            )
    with db.reading() as conn:
        d = deliveries.c
        his = select(d.issue_id).where(mailed_to(conn.dialect.name, 7)).order_by(d.id)
        assert conn.execute(his).scalars().all() == [1, 2, None]
        assert sorted(row[0] for row in _of_many(conn).rows(conn, ids=batch(conn, [8, 9]))) == [2, 5]


def test_no_index_leads_from_a_reader_to_his_issues_but_all_rows_are_never_read(db: Database) -> None:
    with db.transaction() as conn:
        his = select(deliveries.c.id).where(mailed_to(conn.dialect.name, 7))
        plain = str(his.compile(conn, compile_kwargs={"literal_binds": True}))
        if db.is_sqlite:
            plan = [row.detail for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {plain}")]
            assert not [line for line in plan if re.match(r"SCAN deliveries", line)], plan
            assert any("issue_id=? AND subscriber_id=?" in line for line in plan), plan
        else:
            conn.exec_driver_sql(
                "INSERT INTO deliveries (issue_id, subscriber_id, address, domain, state, due_at, changed_at) "
                "SELECT i, reader, '', '', '', 0, 0 FROM generate_series(1, 100) i, generate_series(1, 200) reader"
            )
            conn.exec_driver_sql("ANALYZE deliveries")
            plan = [row[0].strip() for row in conn.exec_driver_sql(f"EXPLAIN {plain}")]
            assert any("issue_id = ANY" in line and "Index Cond" in line for line in plan), plan


def test_no_job_on_one_reader_reads_all_rows(sqlite_url: str) -> None:
    db = Database(sqlite_url)
    migrate.upgrade(db)
    with db.transaction() as conn:
        subscribers.add(conn, parse("bob@example.com"), now=NOW)
        carol = subscribers.add(conn, parse("carol@example.com"), state=State.ACTIVE, now=NOW)
    asked: list[tuple[str, Any]] = []

    def note(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        asked.append((statement, parameters[0] if many else parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    with db.transaction() as conn:
        assert signups.expire(conn, NOW + timedelta(days=8), NOW) == 1
        assert signups.depart(conn, carol, NOW)
        history.of(conn, carol, "carol@example.com")
        erasure.scrub(conn, carol, NOW)
        erasure.bury(conn, "carol@example.com", "erased:1:0", actor="op", now=NOW)
    event.remove(db.engine, "before_cursor_execute", note)
    with db.reading() as conn:
        for statement, parameters in asked:
            if "deliveries" in statement:
                plan = [row.detail for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
                assert not [line for line in plan if re.match(r"SCAN deliveries", line)], (statement, plan)
    db.close()
