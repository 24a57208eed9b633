"""What a worker asks of the database costs as much as its claim is large, however many deliveries there are."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from sqlalchemy import event
from support.cast import NOW, claim, later, publish, reader

from mailer.model.delivery import Phase, State
from mailer.model.pacing import Window
from mailer.store import budgets, leases, ledger, running
from mailer.store.budgets import PROVIDER, RELAY, Slowdown
from mailer.store.engine import Database
from mailer.store.journal import Mark
from mailer.store.leases import Worker
from mailer.store.ledger import Outcome
from mailer.store.outbox import post_letter
from mailer.store.running import LETTERS, Sendable

BOUNDED = r"PRIMARY KEY|delivery_id=|ix_deliveries_due|^SEARCH attempts$"  # by numbers, what waits, the greatest number
WORKER, LEASE, QUOTAS = Worker("w1", "host", 1, "boot"), timedelta(seconds=120), (Window(10, 60.0),)


def _work(db: Database, issue_id: int) -> None:
    """Every step from a claim to the outcomes, of an issue and of letters, and of who takes over."""
    slowed = [Slowdown(key, 0, 1.0, "slow down") for key in (RELAY + "main", PROVIDER + "example.com")]
    for issue in (LETTERS, Sendable(issue_id)):
        with db.transaction() as conn:
            running.expire_overdue(conn, NOW)
            running.sendable(conn, NOW)
            budgets.allowance(conn, "main", QUOTAS, NOW)
            number = leases.open_claim(conn, WORKER, "", NOW, LEASE, "main")
            one, two, three, *_ = claim(conn, number, issue, 6, NOW)
        with db.transaction() as conn:
            leases.renew(conn, "w1", [number], NOW + LEASE)
            ends = (one, State.ACCEPTED), (two, State.DEFERRED), (three, State.UNCERTAIN)
            ledger.record(conn, number, [Outcome(row, to, NOW, "main", Phase.DOT, due_at=NOW) for row, to in ends], NOW)
            budgets.settle(conn, {RELAY + "main": 3}, slowed, NOW)
            budgets.charge(conn, "main", [one.id], NOW)
            ledger.take_over(conn, number, {one.id + 3: Mark.COMPOSING, one.id + 4: Mark.HANDED_OVER}, "died", NOW)
    with db.transaction() as conn:
        running.has_endings(conn, NOW)
        running.finish_issues(conn, NOW)
        running.next_due(conn)
        running.expire_overdue(conn, later(hours=2))


def test_no_step_of_a_worker_reads_all_rows_of_an_issue_or_of_the_log(sqlite_url: str) -> None:
    db, asked = Database(sqlite_url), {}
    with db.transaction() as conn:
        for number in range(9):
            reader(conn, f"r{number}@example.com")
            post_letter(conn, kind="k", address=f"l{number}@example.com", now=NOW, compose=lambda _: b"letter")
        issue_id = publish(conn, deadline=later(hours=1))

    def note(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        asked[statement] = parameters[0] if many else parameters

    event.listen(db.engine, "before_cursor_execute", note)
    _work(db, issue_id)
    event.remove(db.engine, "before_cursor_execute", note)
    with db.reading() as conn:
        for statement, parameters in asked.items():
            plan = [row.detail for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            read = [line for line in plan if re.match(r"(SCAN|SEARCH) (deliveries|attempts)", line)]
            assert not [line for line in read if not re.search(BOUNDED, line)], (statement, plan)
    db.close()
    assert sum("deliveries" in statement for statement in asked) > 15
