"""After a backup was restored: what the database cannot know is named uncertain, and no number is used twice."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection, func, insert, or_, select, update

from mailer.model.delivery import State
from mailer.store.healing import accept_proved
from mailer.store.home import settle
from mailer.store.leases import is_locked, latest_claim
from mailer.store.ledger import repeat_uncertain
from mailer.store.picking import WAITING
from mailer.store.schema import claims, deliveries, events, issues

CAUSE = "the database was restored from a backup: whether this went out is not known"
LOST = "lost"  # the kind of event


def is_behind(conn: Connection, claim: int) -> bool:
    """Whether the database knows less than a host that has worked on `claim`, or may for all it says itself."""
    return latest_claim(conn) < claim or is_locked(conn)


def reconcile(
    conn: Connection, claim: int, delivery: int, now: datetime, *, sent: Collection[str] = ()
) -> dict[str, int]:
    """Make the database fit to send again; `claim` and `delivery` are the greatest this host has worked on.

    What waits of issues whose sending may have begun or gone on after the backup becomes uncertain, for the operator
    to decide: all that were begun, all whose time has come, and those of the slugs in `sent`, which left from here,
    whatever this host's clock says now. Numbers up to those given are taken, so that no old
    link can mean a new reader. Returns how many became uncertain, by the issues' slugs.
    """
    _end_claims(conn, now)  # first, as workers do: who is writing is waited for
    last = latest_claim(conn)
    if last < claim:
        conn.execute(
            insert(claims).values(
                id=claim, worker="reconcile", host="", pid=0, created_at=now, leased_until=now, ended_at=now
            )
        )
        _count_from(conn, "claims", claim)
    if (conn.execute(select(func.max(deliveries.c.id))).scalar() or 0) < delivery:
        conn.execute(
            insert(deliveries).values(
                id=delivery, address="", domain="", state=State.CANCELLED, due_at=now, changed_at=now, cause=CAUSE
            )
        )
        _count_from(conn, "deliveries", delivery)
    d = deliveries.c
    accept_proved(conn, now)
    begun = select(d.issue_id).where(d.claim_id.is_not(None), d.issue_id.is_not(None)).distinct()
    maybe = or_(issues.c.id.in_(begun), issues.c.send_at <= now, issues.c.slug.in_(sent))
    lost = {"state": State.UNCERTAIN, "changed_at": now, "cause": CAUSE, "tries": d.tries + 1}  # no correction for them
    found: dict[str, int] = {}
    for issue_id, slug in conn.execute(
        select(issues.c.id, issues.c.slug).where(maybe, issues.c.state.in_(("sending", "paused")))
    ).all():
        held = (d.issue_id == issue_id, d.state.in_((*WAITING, State.ATTEMPTING)))
        conn.execute(update(deliveries).where(*held).values(state=State.ATTEMPTING, claim_id=max(last, claim)))
        found[slug] = conn.execute(update(deliveries).where(*held).values(**lost)).rowcount
    # What was under way of letters, and of issues that were cancelled then, belongs to nobody any more.
    conn.execute(update(deliveries).where(d.state == State.ATTEMPTING).values(**lost))
    repeat_uncertain(conn, now)
    _end_claims(conn, now)  # also those made meanwhile
    settle(conn, anew=True)
    return found


def note_lost(conn: Connection, slugs: Iterable[str], place: str, now: datetime) -> None:
    """Have every host know of issues that were sent from `place` and are not in the database."""
    for slug in slugs:
        if place not in lost_from(conn, slug):
            conn.execute(insert(events).values(at=now, kind=LOST, actor=place, detail={"slug": slug}))


def lost_from(conn: Connection, slug: str) -> list[str]:
    """Where an issue was sent from that was not in the database when a backup had been restored."""
    e = events.c
    noted = conn.execute(select(e.actor, e.detail).where(e.kind == LOST).order_by(e.id))
    return [place for place, detail in noted if detail["slug"] == slug]


def _end_claims(conn: Connection, now: datetime) -> None:
    conn.execute(update(claims).where(claims.c.ended_at.is_(None)).values(ended_at=now))


def _count_from(conn: Connection, table: str, number: int) -> None:
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.setval(func.pg_get_serial_sequence(table, "id"), number)))
