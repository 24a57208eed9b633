"""Subscribers on their way in and out: the rows the journeys join and leave change."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, Text, Update, delete, func, literal, or_, select, update

from mailer.model.delivery import State
from mailer.model.signup import REFUSALS
from mailer.model.subscriber import EDGES
from mailer.model.subscriber import State as Standing
from mailer.store import erasure
from mailer.store.bulk import batch, one_of
from mailer.store.mailed import mailed_to
from mailer.store.rendered import given, rendered
from mailer.store.schema import (
    Instant,
    bounces,
    consents,
    deliveries,
    issues,
    letters,
    subscribers,
    suppressions,
    to_millis,
)
from mailer.store.suppressions import BY_HAND


def _before(state: Standing) -> list[Standing]:
    """The states from which an edge leads to this one."""
    return [source for source, targets in EDGES.items() if state in targets]


def activate(conn: Connection, subscriber_id: int, now: datetime, language: str = "") -> bool:
    """Make a pending or departed subscriber active; False when the row was in another state."""
    values: dict[str, Any] = {"state": "active", "joined_at": now, "left_at": None, "paused_until": None}
    if language:
        values["language"] = language
    changed = conn.execute(
        update(subscribers)
        .where(subscribers.c.id == subscriber_id, subscribers.c.state.in_(_before(Standing.ACTIVE)))
        .values(values)
    )
    return changed.rowcount == 1


def depart(conn: Connection, subscriber_id: int, now: datetime) -> bool:
    """Make a subscriber unsubscribed and set aside all mail to him not sent yet; False where nothing was to change."""
    this = {"this": subscriber_id, "now": to_millis(now)}
    if _leave(conn).run(conn, **this).rowcount == 0:
        return False
    _set_aside(conn).run(conn, **this)
    return True


@rendered
def _leave(database: str) -> Update:
    s = subscribers.c
    return (
        update(subscribers)
        .where(s.id == given("this"), s.state.in_(_before(Standing.UNSUBSCRIBED)))
        .values(state="unsubscribed", left_at=given("now", Instant))
    )


@rendered
def _set_aside(database: str) -> Update:
    d = deliveries.c
    return (
        update(deliveries)
        .where(mailed_to(database, given("this")), d.state.in_((State.PENDING, State.DEFERRED)))
        .values(state=State.SUPPRESSED, changed_at=given("now", Instant), cause="unsubscribed")
    )


def restore(conn: Connection, subscriber_id: int) -> bool:
    """Take a departure back; `joined_at` stays what it was."""
    changed = conn.execute(
        update(subscribers)
        .where(subscribers.c.id == subscriber_id, subscribers.c.state == "unsubscribed")
        .values(state="active", left_at=None)
    )
    return changed.rowcount == 1


def delivery(conn: Connection, delivery_id: int) -> Row[Any] | None:
    """What a signed link's delivery is about: the row with its letter's and its issue's columns, or None."""
    d, le = deliveries.c, letters.c
    query: Select[Any] = (
        select(
            d.id,
            d.subscriber_id,
            d.address,
            d.name,
            d.attributes,
            d.issue_id,
            d.edition_id,
            d.state,
            le.kind,
            le.application_id,
            le.created_at,
            le.expires_at,
        )
        .select_from(deliveries.outerjoin(letters, le.id == d.letter_id))
        .where(d.id == delivery_id)
    )
    found: Row[Any] | None = conn.execute(query).first()
    return found


def addressee(conn: Connection, delivery_id: int) -> tuple[int | None, str]:
    """The subscriber a delivery is for, or None, and the delivery's state."""
    found = _addressee(conn).rows(conn, this=delivery_id)
    return (found[0].subscriber_id, found[0].state) if found else (None, "")


@rendered
def _addressee(database: str) -> Select[Any]:
    return select(deliveries.c.subscriber_id, deliveries.c.state).where(deliveries.c.id == given("this"))


def issue_slug(conn: Connection, delivery_id: int) -> str:
    """The slug of the issue a delivery belongs to; "" for a letter."""
    query = (
        select(issues.c.slug)
        .select_from(deliveries.join(issues, issues.c.id == deliveries.c.issue_id))
        .where(deliveries.c.id == delivery_id)
    )
    return conn.execute(query).scalar() or ""


def suppression(conn: Connection, match_key: str, now: datetime) -> str:
    """The reason of an active suppression of this address, a person's will before an address's fault; "" for none.

    What was done by hand is a person's will, whatever reason was given for the record.
    """
    rows = _reasons(conn).rows(conn, key=match_key, now=to_millis(now))
    reasons = ["manual" if row.actor == BY_HAND else row.reason for row in rows]
    return next((reason for reason in reasons if reason in REFUSALS), reasons[0] if reasons else "")


@rendered
def _reasons(database: str) -> Select[Any]:
    s = suppressions.c
    return select(s.reason, s.actor).where(
        s.match_key == given("key"),
        s.state == "active",
        or_(s.expires_at.is_(None), s.expires_at > given("now", Instant)),
    )


def expire(conn: Connection, before: datetime, now: datetime) -> int:
    """Remove subscribers who never confirmed and were entered before a moment, with all they left; returns how many.

    Who does something at this moment is locked by it, and stays.
    """
    s = subscribers.c
    last_request = (
        select(func.max(consents.c.at)).where(consents.c.subscriber_id == s.id).correlate(subscribers).scalar_subquery()
    )
    old = (s.state == "pending", s.created_at < before, func.coalesce(last_request, s.created_at) < before)
    silent = select(s.id).where(*old).order_by(s.id)
    locked = conn.execute(silent.with_for_update(skip_locked=True)).scalars().all()
    his = one_of(conn.dialect.name, s.id, literal(batch(conn, locked), Text))
    stale = conn.execute(silent.where(his)).scalars().all()  # his last request is seen now
    for subscriber_id in stale:
        erasure.empty_mail(conn, subscriber_id, now)
        his = mailed_to(conn.dialect.name, subscriber_id)  # without it every delivery there is would be looked at
        conn.execute(update(deliveries).where(his).values(subscriber_id=None))
        for table in (letters, bounces):
            conn.execute(update(table).where(table.c.subscriber_id == subscriber_id).values(subscriber_id=None))
        conn.execute(delete(consents).where(consents.c.subscriber_id == subscriber_id))
        conn.execute(delete(subscribers).where(s.id == subscriber_id))
    return len(stale)
