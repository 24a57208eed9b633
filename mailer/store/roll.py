"""The roll: which workers are there, whether or not they hold a claim, and what keeps one from sending."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from mailer.store.engine import insert_new
from mailer.store.leases import Worker
from mailer.store.schema import workers

ABSENT_AFTER = timedelta(seconds=45)
FORGOTTEN_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Present:
    """A worker that was there a moment ago; `trouble` is why it cannot send, "" where nothing is wrong."""

    name: str
    host: str
    pid: int
    trouble: str


def sign_in(conn: Connection, worker: Worker, trouble: str, now: datetime) -> None:
    """Note that a worker is there; to be done again long before `ABSENT_AFTER`."""
    w = workers.c
    first = {"host": worker.host, "pid": worker.pid, "started_at": now, "seen_at": now, "state": trouble}
    conn.execute(insert_new(conn, workers, "name").values(name=worker.name, **first))
    conn.execute(update(workers).where(w.name == worker.name).values(seen_at=now, state=trouble))
    conn.execute(delete(workers).where(w.seen_at < now - FORGOTTEN_AFTER))


def sign_out(conn: Connection, worker: str) -> None:
    """A worker goes."""
    conn.execute(delete(workers).where(workers.c.name == worker))


def present(conn: Connection, now: datetime) -> list[Present]:
    """Who is there, by name."""
    w = workers.c
    query = select(w.name, w.host, w.pid, w.state).where(w.seen_at > now - ABSENT_AFTER).order_by(w.name)
    return [Present(*row) for row in conn.execute(query)]
