"""Forgetting one person: nothing personal stays in any table, the counts still add up, a tombstone keeps him out."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select, update

from mailer.model.application import OPEN, Standing
from mailer.model.delivery import State as DeliveryState
from mailer.model.subscriber import State
from mailer.store import audiences
from mailer.store.engine import Database
from mailer.store.mailed import mailed_to
from mailer.store.schema import (
    applications,
    attempts,
    bounces,
    consents,
    deliveries,
    letters,
    returned_mails,
    reviews,
    subscribers,
    suppressions,
)

_WAITING = (DeliveryState.PENDING, DeliveryState.DEFERRED)


def scrub(conn: Connection, subscriber_id: int, now: datetime) -> None:
    """Empty a subscriber's row and all that hangs on it. What still waits for him is set aside, never sent."""
    audiences.gate(conn, erasing=True)
    _overwrite(conn)
    conn.execute(
        update(subscribers)
        .where(subscribers.c.id == subscriber_id)
        .values(
            address="",
            match_key=f"erased-{subscriber_id}",
            domain="",
            name="",
            language="",
            state=State.ERASED,
            tags=(),
            attributes={},
            left_at=now,
            paused_until=None,
        )
    )
    conn.execute(
        update(consents)
        .where(consents.c.subscriber_id == subscriber_id)
        .values(client="", user_agent="", detail="", source="")
    )
    empty_mail(conn, subscriber_id, now)


def empty_mail(conn: Connection, subscriber_id: int, now: datetime) -> None:
    """Empty what was mailed to a subscriber and what came back; the rows stay, so that counts still add up."""
    _overwrite(conn)
    about_him = letters.c.subscriber_id == subscriber_id
    conn.execute(update(letters).where(about_him).values(content=b""))
    of_letter = deliveries.c.letter_id.in_(select(letters.c.id).where(about_him))
    _empty_deliveries(conn, or_(mailed_to(conn.dialect.name, subscriber_id), of_letter), now)
    _empty_bounces(conn, bounces.c.subscriber_id == subscriber_id)


def empty_applications_mail(conn: Connection, his: ColumnElement[bool], now: datetime) -> None:
    """Empty the letters about the applications of a condition, what became of them and what came back."""
    _overwrite(conn)
    of_application = letters.c.application_id.in_(select(applications.c.id).where(his))
    conn.execute(update(letters).where(of_application).values(content=b""))
    sent = deliveries.c.letter_id.in_(select(letters.c.id).where(of_application))
    _empty_deliveries(conn, sent, now)
    _empty_bounces(conn, bounces.c.delivery_id.in_(select(deliveries.c.id).where(sent)))


def fold_in(db: Database) -> None:
    """Fold SQLite's log into its file: till then what was erased stands in the log, for weeks where little is written.

    Where others are at work for longer than a second it stays for the next time.
    """
    if not db.is_sqlite:
        return
    with suppress(sqlite3.Error), closing(sqlite3.connect(str(db.engine.url.database), timeout=1)) as own:
        own.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _overwrite(conn: Connection) -> None:
    """Let SQLite write zeros where something was, not only forget the place."""
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql("PRAGMA secure_delete = ON")


def _empty_deliveries(conn: Connection, his: ColumnElement[bool], now: datetime) -> None:
    """One that is being sent at this moment stays with its worker; without an address it is never picked again.

    First the deliveries: who is writing of one is waited for, and then what he wrote is found.
    """
    conn.execute(
        update(deliveries)
        .where(his, deliveries.c.state.in_(_WAITING))
        .values(state=DeliveryState.SUPPRESSED, changed_at=now)
    )
    conn.execute(update(deliveries).where(his).values(address="", domain="", name="", attributes={}, cause=""))
    ids = select(deliveries.c.id).where(his)
    conn.execute(update(attempts).where(attempts.c.delivery_id.in_(ids)).values(text=""))
    came_back = returned_mails.c.delivery_id.in_(ids)
    conn.execute(update(returned_mails).where(came_back).values(content=b"", envelope_to=""))


def _empty_bounces(conn: Connection, his: ColumnElement[bool]) -> None:
    raw = select(bounces.c.raw_id).where(his, bounces.c.raw_id.is_not(None))
    conn.execute(update(returned_mails).where(returned_mails.c.id.in_(raw)).values(content=b"", envelope_to=""))
    conn.execute(update(bounces).where(his).values(recipient="", text="", note="", domain=""))


def bury(conn: Connection, match_key: str, tombstone: str, *, actor: str, now: datetime) -> None:
    """Put a tombstone in the place of every suppression and application of an address; empty the latter's letters.

    Before a reader is scrubbed: a reviewer's decision takes hold of the application first and of the reader then, too.
    """
    audiences.gate(conn, erasing=True)
    a = applications.c
    his = a.match_key == match_key
    states = {row.id: row.state for row in conn.execute(select(a.id, a.state).where(his).with_for_update())}
    conn.execute(
        update(suppressions)
        .where(suppressions.c.match_key == match_key)
        .values(match_key=tombstone, evidence="", state="lifted", lifted_at=now, lifted_by=actor)
    )
    there = select(suppressions.c.id).where(suppressions.c.match_key == tombstone, suppressions.c.state == "active")
    if conn.execute(there.limit(1)).first() is None:
        conn.execute(
            insert(suppressions).values(match_key=tombstone, reason="erased", state="active", at=now, actor=actor)
        )
    conn.execute(update(reviews).where(reviews.c.application_id.in_(states)).values(note=""))
    empty_applications_mail(conn, his, now)
    _empty_bounces(conn, func.lower(bounces.c.recipient) == match_key)  # whose sender nobody could prove
    conn.execute(
        update(applications).where(his).values(address="", match_key=tombstone, name="", answers={}, client="")
    )
    undecided = [number for number, state in states.items() if state in {Standing.UNCONFIRMED, *OPEN}]
    if undecided:
        closed = {"state": Standing.EXPIRED, "decided_at": now}
        conn.execute(update(applications).where(applications.c.id.in_(undecided)).values(closed))
        conn.execute(insert(reviews), [{"application_id": each, "at": now, "action": "erased"} for each in undecided])
