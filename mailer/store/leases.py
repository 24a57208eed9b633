"""Claims: opened by a worker, prolonged while it lives, closed once nothing is open of them; and the lock on all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CompoundSelect, Connection, Select, Text, Update, func, insert, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from mailer.store.bulk import batch, one_of
from mailer.store.home import elsewhere
from mailer.store.rendered import given, rendered
from mailer.store.schema import Instant, claims, from_millis, to_millis

LOCK = "restored"  # the worker of a claim that stands for a lock
CLERK = "letters-"  # begins the name of a worker that sends letters only: no sign that issues are being sent
LOCKED_FOR = timedelta(days=36500)


@dataclass(frozen=True, slots=True)
class Worker:
    """Who sends: a name of its own, its host, process and the host's boot (for the journal)."""

    name: str
    host: str
    pid: int
    boot: str


@dataclass(frozen=True, slots=True)
class OpenClaim:
    """A claim that has not ended: who holds it, until when, and where its journal is."""

    id: int
    worker: str
    host: str
    boot: str
    journal: str
    relay: str
    leased_until: datetime


def open_claim(
    conn: Connection, worker: Worker, journal_folder: str, now: datetime, lease: timedelta, relay: str = ""
) -> int:
    """Register a claim over a relay and return its number; greater than every earlier one."""
    number: int = conn.execute(
        insert(claims)
        .values(
            worker=worker.name,
            host=worker.host,
            pid=worker.pid,
            boot=worker.boot,
            journal=journal_folder,
            relay=relay,
            created_at=now,
            leased_until=now + lease,
        )
        .returning(claims.c.id)
    ).scalar_one()
    return number


def open_claims(conn: Connection) -> list[OpenClaim]:
    """All claims that have not ended, oldest first."""
    return [
        OpenClaim(number, worker, host, boot, journal, relay, from_millis(until))
        for number, worker, host, boot, journal, relay, until in _open(conn).rows(conn)
    ]


@rendered
def _open(database: str) -> Select[Any]:
    c = claims.c
    facts = (c.id, c.worker, c.host, c.boot, c.journal, c.relay, c.leased_until)
    return select(*facts).where(c.ended_at.is_(None)).order_by(c.id)


def renew(conn: Connection, worker: str, claim_ids: Iterable[int], until: datetime) -> set[int]:
    """Extend the leases of a worker's open claims; returns those still held. One that is missing was taken over."""
    wanted = batch(conn, list(claim_ids))
    return {row[0] for row in _renew(conn).rows(conn, claims=wanted, worker=worker, until=to_millis(until))}


@rendered
def _renew(database: str) -> ReturningUpdate[Any]:
    c = claims.c
    mine = one_of(database, c.id, given("claims", Text))
    until = given("until", Instant)
    still = (mine, c.worker == given("worker"), c.ended_at.is_(None))
    return update(claims).where(*still).values(leased_until=until).returning(c.id)


def shorten(conn: Connection, until: datetime) -> None:
    """Let no open claim be leased longer than `until`: where the clock was set back since, some would be."""
    c = claims.c
    those = (c.ended_at.is_(None), c.worker != LOCK, c.leased_until > until)
    conn.execute(update(claims).where(*those).values(leased_until=until))


def of_others(conn: Connection, worker: str, claim_ids: Collection[int]) -> set[int]:
    """Which of a worker's claims are others' by their numbers: after a backup was restored a number is given anew."""
    if not claim_ids:
        return set()
    c = claims.c
    return set(conn.execute(select(c.id).where(c.id.in_(claim_ids), c.worker != worker)).scalars())


def latest_claim(conn: Connection) -> int:
    """The greatest number given to a claim so far, by any worker; 0 when there was none."""
    ((latest,),) = _latest(conn).rows(conn)
    return latest or 0


@rendered
def _latest(database: str) -> Select[Any]:
    return select(func.max(claims.c.id))


def end_claim(conn: Connection, claim_id: int, now: datetime, leased_until: datetime | None = None) -> bool:
    """Close a claim; False when it had been closed before (somebody took over), or was renewed since `leased_until`."""
    c = claims.c
    which = [c.id == claim_id, c.ended_at.is_(None)]
    if leased_until is not None:
        which.append(c.leased_until == leased_until)
    return conn.execute(update(claims).where(*which).values(ended_at=now)).rowcount == 1


def end_claims(conn: Connection, claim_ids: Sequence[int], now: datetime) -> None:
    """Close claims that nothing is open of any more."""
    if claim_ids:
        _end(conn).run(conn, claims=batch(conn, claim_ids), now=to_millis(now))


@rendered
def _end(database: str) -> Update:
    mine = one_of(database, claims.c.id, given("claims", Text))
    return update(claims).where(mine, claims.c.ended_at.is_(None)).values(ended_at=given("now", Instant))


def is_locked(conn: Connection) -> bool:
    """Whether the database says itself that it was restored from a backup, or a worker found it, and nobody has
    reconciled since."""
    return bool(_locks(conn).rows(conn))


@rendered
def _locks(database: str) -> Select[Any] | CompoundSelect[Any]:
    locks = select(claims.c.id).where(claims.c.ended_at.is_(None), claims.c.worker == LOCK)
    return (locks if database == "sqlite" else locks.union_all(elsewhere())).limit(1)


def lock(conn: Connection, now: datetime) -> None:
    """Keep every worker of every host from claiming until `restored.reconcile` ends all claims, this one among them."""
    if not is_locked(conn):
        open_claim(conn, Worker(LOCK, "", 0, ""), "", now, LOCKED_FOR)
