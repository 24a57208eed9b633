"""What the database costs a send: microseconds a message for its record, seconds for the freeze of an audience."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from mailer.cli import drafts
from mailer.flows.dispatch.desk import MAX_CLAIM
from mailer.model.delivery import Phase, State
from mailer.store import leases, ledger, picking, running
from mailer.store.journal import Journal, Mark, boot_id
from mailer.store.leases import Worker
from mailer.store.ledger import Outcome
from mailer.store.picking import Claimed
from mailer.wiring import Club
from sending.club import write_issue

REPLY = "2.0.0 Ok: queued as 4bXyZk1Qf2z9"


def freeze_seconds(club: Club, number: int) -> float:
    """Seconds of the transaction that publishes an issue to all readers of the club."""
    now = club.clock()
    draft = drafts.prepare(club, write_issue(club.folder, number), now)
    started = time.perf_counter()
    drafts.freeze(club, draft, None, "", now, None, "benchmark", now)
    return time.perf_counter() - started


def ledger_microseconds(club: Club) -> float:
    """Microseconds a message for claim, journal, outcome and end, as the dispatcher does them, of all that is due."""
    worker = Worker("benchmark", "here", os.getpid(), boot_id())
    folder = club.folder / "journal"
    folder.mkdir(exist_ok=True)
    sent, started = 0, time.perf_counter()
    while rows := _claim(club, worker, folder):
        claim_id, claimed, journal = rows
        now = club.clock()
        outcomes = []
        for position, row in enumerate(claimed):
            journal.marks[position] = Mark.HANDED_OVER
            journal.marks[position] = Mark.ACCEPTED
            outcomes.append(Outcome(row, State.ACCEPTED, now, "relay", Phase.DOT, 250, "2.0.0", REPLY, 3))
        with club.db.transaction() as conn:
            leases.renew(conn, worker.name, [claim_id], now + timedelta(seconds=120))
            ledger.record(conn, claim_id, outcomes, now)
            leases.end_claims(conn, [claim_id], now)
        journal.remove()
        sent += len(claimed)
    club.db.run(running.finish_issues, club.clock())
    return (time.perf_counter() - started) / sent * 1e6


def _claim(club: Club, worker: Worker, folder: Path) -> tuple[int, list[Claimed], Journal] | None:
    now = club.clock()
    with club.db.transaction() as conn:
        running.expire_overdue(conn, now)
        for issue in running.sendable(conn, now):
            rows = picking.pick(conn, issue, MAX_CLAIM, now)
            if rows:
                claim_id = leases.open_claim(conn, worker, str(folder), now, timedelta(seconds=120))
                picking.assign(conn, claim_id, rows, now)
                return claim_id, rows, Journal(folder, claim_id, [row.id for row in rows])
    return None


@contextmanager
def postgres_database() -> Iterator[str]:
    """The URL of an empty database on a PostgreSQL server, or "" where there is no server."""
    from support import postgres

    os.environ.setdefault(postgres.RUN_VARIABLE, str(os.getpid()))
    server = postgres.url()
    if server is None:
        yield ""
        return
    url, name = make_url(server).set(drivername="postgresql+psycopg"), f"mailer_bench_{uuid.uuid4().hex[:12]}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        yield url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        engine.dispose()
        postgres.stop(os.environ[postgres.RUN_VARIABLE])
