"""The log of bounces, and what it tells about one reader, one domain, one issue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Connection, Row, func, insert, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from mailer.model.bounce import Diagnosis, Kind
from mailer.model.delivery import State
from mailer.model.suppression import Fact, History
from mailer.store.schema import bounces, consents, deliveries, events, subscribers, suppressions

_BATCH = 500
STALE = "too old to act on"  # the note of a report that came after the age that counts
WISH = "a wish to leave"  # of a provider's report that its reader wants no more mail: no complaint
UNJUDGED = (STALE, WISH)
MEMORY = timedelta(days=365)
SETTLED = timedelta(days=5)  # after so long without a bounce an accepted delivery counts as a success
READING_EVENTS = ("preferences",)  # what only a person does; links are followed by machines too
READING_STEPS = ("confirmed", "restored")


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
    dialect = sqlite if conn.dialect.name == "sqlite" else postgresql
    added: dict[str, int] = {}
    for start in range(0, len(rows), _BATCH):
        statement = (
            dialect.insert(bounces)
            .values([_row(row) for row in rows[start : start + _BATCH]])
            .on_conflict_do_nothing(index_elements=["fingerprint"])
            .returning(bounces.c.id, bounces.c.fingerprint)
        )
        added.update({row.fingerprint: row.id for row in conn.execute(statement)})
    return added


def histories(conn: Connection, subscriber_ids: Iterable[int], now: datetime) -> dict[int, History]:
    """What is known of each reader's mail in the last year, and every complaint.

    Unverified bounces and stale ones do not count, nor what came before a person lifted the suppression it led to.
    """
    facts: dict[int, list[Fact]] = defaultdict(list)
    good: dict[int, list[datetime]] = defaultdict(list)
    read: dict[int, list[datetime]] = defaultdict(list)
    wanted = sorted(set(subscriber_ids))
    for start in range(0, len(wanted), _BATCH):
        some = wanted[start : start + _BATCH]
        forgiven = _forgiven(conn, some)
        for row in _facts_of(conn, some, now):
            since = forgiven.get((row.subscriber_id, row.kind == Kind.COMPLAINT))
            if since is None or row.at > since:
                facts[row.subscriber_id].append(Fact(row.at, Kind(row.kind), row.reason, row.delivery_id))
        for subscriber_id, moment in _successes_of(conn, some, now):
            good[subscriber_id].append(moment)
        for subscriber_id, moment in _readings_of(conn, some, now):
            read[subscriber_id].append(moment)
    return {each: History(tuple(facts[each]), tuple(good[each]), tuple(read[each])) for each in wanted}


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
        "recipient": row.recipient[:320],
        "rule": row.diagnosis.rule[:200],
        "text": row.text.replace("\x00", "")[:2000],
        "fingerprint": row.fingerprint,
        "raw_id": row.raw_id,
        "note": row.note,
    }


def _facts_of(conn: Connection, ids: Sequence[int], now: datetime) -> Sequence[Any]:
    b = bounces.c
    return conn.execute(
        select(b.subscriber_id, b.at, b.kind, b.reason, b.delivery_id).where(
            b.subscriber_id.in_(ids),
            or_(b.at > now - MEMORY, b.kind == Kind.COMPLAINT),  # which is never forgotten
            b.note.not_in(UNJUDGED),
            b.delivery_id.is_not(None),
        )
    ).all()


def _forgiven(conn: Connection, ids: Sequence[int]) -> dict[tuple[int, bool], datetime]:
    """When something was last lifted for each reader: complaints (True) apart from all other reasons (False)."""
    s, complaint = suppressions.c, suppressions.c.reason == Kind.COMPLAINT.value
    rows = conn.execute(
        select(subscribers.c.id, complaint, func.max(s.lifted_at))
        .select_from(subscribers.join(suppressions, s.match_key == subscribers.c.match_key))
        .where(subscribers.c.id.in_(ids), s.lifted_at.is_not(None))
        .group_by(subscribers.c.id, complaint)
    )
    return {(row[0], bool(row[1])): row[2] for row in rows}


def _successes_of(conn: Connection, ids: Sequence[int], now: datetime) -> Iterable[tuple[int, datetime]]:
    d, bounced = deliveries.c, select(bounces.c.id).where(bounces.c.delivery_id == deliveries.c.id).exists()
    rows = conn.execute(
        select(d.subscriber_id, d.changed_at).where(
            d.subscriber_id.in_(ids),
            d.state == State.ACCEPTED,
            d.changed_at > now - MEMORY,
            d.changed_at < now - SETTLED,
            ~bounced,
        )
    )
    return [(row.subscriber_id, row.changed_at) for row in rows]


def _readings_of(conn: Connection, ids: Sequence[int], now: datetime) -> Iterable[tuple[int, datetime]]:
    e, c = events.c, consents.c
    done = select(e.subscriber_id, e.at).where(
        e.subscriber_id.in_(ids), e.at > now - MEMORY, e.kind.in_(READING_EVENTS)
    )
    agreed = select(c.subscriber_id, c.at).where(
        c.subscriber_id.in_(ids), c.at > now - MEMORY, c.action.in_(READING_STEPS)
    )
    return [(row[0], row[1]) for row in (*conn.execute(done), *conn.execute(agreed))]


def note_reading(conn: Connection, subscriber_id: int, kind: str, now: datetime) -> None:
    """Remember that a person was there; `kind` is one of READING_EVENTS."""
    conn.execute(insert(events).values(at=now, kind=kind, subscriber_id=subscriber_id, actor="reader"))


def readers_with_bounces(conn: Connection, after: int, limit: int) -> Sequence[Any]:
    """Readers with at least one bounce, by id, `limit` at a time after the id `after`."""
    s = subscribers.c
    bounced = select(bounces.c.id).where(bounces.c.subscriber_id == s.id).exists()
    return conn.execute(
        select(s.id, s.address, s.match_key, s.domain).where(s.id > after, bounced).order_by(s.id).limit(limit)
    ).all()
