"""The log of bounces: appended to, listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, Row, or_, select

from mailer.model.bounce import Diagnosis
from mailer.store.engine import insert_new
from mailer.store.schema import bounces, deliveries, subscribers

STALE = "too old to act on"  # the note of a report that came after the age that counts
WISH = "a wish to leave"  # of a provider's report that its reader wants no more mail: no complaint
UNJUDGED = (STALE, WISH)


class Delivery(Protocol):
    """The delivery a bounce is about."""

    @property
    def id(self) -> int: ...
    @property
    def issue_id(self) -> int | None: ...
    @property
    def subscriber_id(self) -> int | None: ...
    @property
    def address(self) -> str: ...
    @property
    def domain(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom a bounce is about, found by its token."""

    delivery_id: int | None
    subscriber_id: int | None
    address: str
    domain: str
    issue_id: int | None = None

    @classmethod
    def of(cls, delivery: Delivery) -> Reader:
        """The reader of a delivery."""
        return cls(delivery.id, delivery.subscriber_id, delivery.address, delivery.domain, delivery.issue_id)


NOBODY = Reader(None, None, "", "")


@dataclass(frozen=True, slots=True)
class Bounce:
    """One bounce to be appended. `fingerprint` makes a repeat of the same report harmless.

    Of NOBODY is a report without a valid token: kept, shown as unverified, nobody's state changes.
    `recipient` is what the report says and evidence only.
    """

    at: datetime
    via: str
    diagnosis: Diagnosis
    fingerprint: str
    reader: Reader = NOBODY
    recipient: str = ""
    text: str = ""
    raw_id: int | None = None
    note: str = ""


def append(conn: Connection, rows: Sequence[Bounce]) -> dict[str, int]:
    """Append what is new; returns the ids of the rows that were, by fingerprint."""
    if not rows:
        return {}
    statement = insert_new(conn, bounces, "fingerprint").returning(bounces.c.id, bounces.c.fingerprint)
    return {row.fingerprint: row.id for row in conn.execute(statement, [_row(row) for row in rows])}


def recent(conn: Connection, *, needle: str = "", unverified: bool = False, limit: int = 100) -> Sequence[Row[Any]]:
    """Bounces with the address they are about, the newest first; `needle` is a reason or part of an address."""
    b = bounces.c
    query = (
        select(bounces, deliveries.c.address)
        .select_from(bounces.outerjoin(deliveries, deliveries.c.id == b.delivery_id))
        .order_by(b.id.desc())
        .limit(limit)
    )
    if needle:
        part = deliveries.c.address.contains(needle, autoescape=True)
        query = query.where(or_(b.reason == needle, b.family == needle, b.kind == needle, part))
    if unverified:
        query = query.where(b.delivery_id.is_(None))
    return conn.execute(query).all()


def by_id(conn: Connection, bounce_id: int) -> Row[Any] | None:
    """One bounce, or None."""
    return conn.execute(
        select(bounces, deliveries.c.address)
        .select_from(bounces.outerjoin(deliveries, deliveries.c.id == bounces.c.delivery_id))
        .where(bounces.c.id == bounce_id)
    ).first()


def _row(row: Bounce) -> dict[str, Any]:
    erased = row.reader.delivery_id is not None and not row.reader.address  # that it came is kept, and no word of it
    return {
        "at": row.at,
        "delivery_id": row.reader.delivery_id,
        "subscriber_id": row.reader.subscriber_id,
        "issue_id": row.reader.issue_id,
        "domain": row.reader.domain,
        "via": row.via,
        "kind": row.diagnosis.kind.value,
        "reason": row.diagnosis.reason,
        "family": row.diagnosis.family.value,
        "status": row.diagnosis.status,
        "recipient": "" if erased else row.recipient[:320],
        "rule": row.diagnosis.rule[:200],
        "text": "" if erased else row.text.replace("\x00", "")[:2000],
        "fingerprint": row.fingerprint,
        "raw_id": row.raw_id,
        "note": row.note,
    }


def readers_with_bounces(conn: Connection, after: int, limit: int) -> Sequence[Any]:
    """Readers with at least one bounce, by id, `limit` at a time after the id `after`."""
    s = subscribers.c
    bounced = select(bounces.c.id).where(bounces.c.subscriber_id == s.id).exists()
    return conn.execute(
        select(s.id, s.address, s.match_key, s.domain).where(s.id > after, bounced).order_by(s.id).limit(limit)
    ).all()
