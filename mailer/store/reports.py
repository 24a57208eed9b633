"""Questions about what became of an issue: counts, uncertain ones, refusals, one reader's copy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import BigInteger, Connection, Row, func, or_, select

from mailer.model.bounce import BOUNCED, Kind
from mailer.model.delivery import State
from mailer.store.bulk import WAITS
from mailer.store.healing import answered
from mailer.store.holdings import under_way
from mailer.store.schema import (
    attempts,
    bounces,
    claims,
    consents,
    deliveries,
    editions,
    exclusions,
    issues,
    subscribers,
)
from mailer.store.suppressions import is_suppressed

LATELY = 10_000  # attempts: more than a worker makes of what it has claimed
EXPLAINED = (State.FAILED, State.DEFERRED, State.SUPPRESSED, State.CANCELLED)  # their causes say why


@dataclass(frozen=True, slots=True)
class Uncertain:
    """A delivery handed over whose answer nobody saw."""

    delivery_id: int
    address: str
    at: datetime
    worker: str
    relay: str
    cause: str


@dataclass(frozen=True, slots=True)
class Holder:
    """A worker that holds claims: until when at the latest, and how many deliveries."""

    name: str
    host: str
    pid: int
    leased_until: datetime
    holds: int


def excluded(conn: Connection, issue_id: int) -> dict[str, int]:
    """How many were left out at the freeze, by reason."""
    rows = conn.execute(
        select(exclusions.c.reason, exclusions.c.count)
        .where(exclusions.c.issue_id == issue_id)
        .order_by(exclusions.c.reason)
    )
    return {reason: count for reason, count in rows}  # noqa: C416 - a Row is a tuple to dict(), not to mypy


def uncertain(conn: Connection, issue_id: int) -> list[Uncertain]:
    """Every uncertain delivery of an issue, with when, by whom, to which relay and why."""
    d, a, c = deliveries.c, attempts.c, claims.c
    rows = conn.execute(
        select(d.id, d.address, func.coalesce(a.at, d.changed_at), c.worker, a.relay, d.cause)
        .select_from(
            deliveries.outerjoin(claims, c.id == d.claim_id).outerjoin(
                attempts, (a.delivery_id == d.id) & (a.claim_id == d.claim_id) & (a.state == State.UNCERTAIN)
            )
        )
        .where(d.issue_id == issue_id, d.state == State.UNCERTAIN)
        .order_by(d.id)
    )
    return [Uncertain(row[0], row[1], row[2], row[3] or "", row[4] or "", row[5]) for row in rows]


def causes(conn: Connection, issue_id: int, limit: int) -> list[tuple[str, str, int]]:
    """The commonest reasons why readers have not got an issue, or not yet: (state, cause, how many)."""
    d = deliveries.c
    count = func.count()
    rows = conn.execute(
        select(d.state, d.cause, count)
        .where(d.issue_id == issue_id, d.state.in_(EXPLAINED))
        .group_by(d.state, d.cause)
        .order_by(count.desc(), d.cause)
        .limit(limit)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def next_try(conn: Connection, issue_id: int) -> datetime | None:
    """When the next of an issue's deferred deliveries is due."""
    d = deliveries.c
    query = select(func.min(d.due_at)).where(d.issue_id == issue_id, WAITS, d.state == State.DEFERRED)
    due: datetime | None = conn.execute(query).scalar()
    return due


def by_domain(conn: Connection, issue_id: int, limit: int) -> list[tuple[str, int, int]]:
    """The biggest recipient domains: (domain, deliveries, accepted)."""
    d = deliveries.c
    total = func.count()
    rows = conn.execute(
        select(d.domain, total, func.count().filter(d.state == State.ACCEPTED))
        .where(d.issue_id == issue_id)
        .group_by(d.domain)
        .order_by(total.desc(), d.domain)
        .limit(limit)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def bounces_by_reason(conn: Connection, issue_id: int) -> list[tuple[str, str, int]]:
    """Failures and complaints of an issue: (kind, reason, deliveries); delays and automatic answers are no bounces.

    What a report and the relay's log both tell of a delivery counts once.
    """
    b = bounces.c
    count = func.count(func.distinct(b.delivery_id))
    rows = conn.execute(
        select(b.kind, b.reason, count)
        .where(b.issue_id == issue_id, b.kind.in_(BOUNCED))
        .group_by(b.kind, b.reason)
        .order_by(count.desc(), b.reason)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def destinations(conn: Connection, issue_id: int) -> dict[str, int]:
    """What the receiving servers told the relay, by its log: deliveries by sent, deferred, bounced, each once."""
    b = bounces.c
    last = select(func.max(b.id)).where(b.issue_id == issue_id, b.via == "log").group_by(b.delivery_id)
    rows = conn.execute(select(b.kind, func.count()).where(b.id.in_(last)).group_by(b.kind))
    counted: Counter[str] = Counter()
    for kind, number in rows:
        counted[{Kind.NONE: "sent", Kind.DELAY: "deferred"}.get(kind, "bounced")] += number
    return {said: counted[said] for said in ("sent", "deferred", "bounced") if counted[said]}


def bounces_by_day(conn: Connection, issue_id: int) -> list[tuple[datetime, str]]:
    """When each delivery's failure or complaint was first told, and its domain."""
    b = bounces.c
    first = func.min(b.at)
    rows = conn.execute(
        select(first, b.domain)
        .where(b.issue_id == issue_id, b.kind.in_(BOUNCED))
        .group_by(b.delivery_id, b.kind, b.domain)
        .order_by(first)
    )
    return [(row[0], row[1]) for row in rows]


def span(conn: Connection, issue_id: int) -> tuple[datetime | None, datetime | None]:
    """When a relay accepted the first and the last delivery of an issue, as far as its answers were read."""
    row = conn.execute(
        select(func.min(deliveries.c.changed_at), func.max(deliveries.c.changed_at)).where(
            deliveries.c.issue_id == issue_id, deliveries.c.state == State.ACCEPTED, answered()
        )
    ).one()
    return row[0], row[1]


def left_because_of(conn: Connection, issue_id: int) -> int:
    """How many readers left by a link of this issue, or by a mail or a report that it brought."""
    c = consents.c
    his = select(deliveries.c.subscriber_id).where(deliveries.c.issue_id == issue_id)
    slug = select(issues.c.slug).where(issues.c.id == issue_id).scalar_subquery()
    by_it = (c.action == "withdrawn", c.detail == slug, c.subscriber_id.in_(his))
    return conn.execute(select(func.count(func.distinct(c.subscriber_id))).where(*by_it)).scalar_one()


def proof(conn: Connection, issue_id: int) -> Iterator[Row[Any]]:
    """One row a reader, in the order of freezing, streamed: what the proof per reader holds."""
    d, a, e = deliveries.c, attempts.c, editions.c
    last = select(func.max(a.id)).where(a.delivery_id == d.id).correlate(deliveries).scalar_subquery()
    return iter(
        conn.execution_options(yield_per=1000).execute(
            select(
                d.id, d.address, d.state, e.language, e.digest, d.tries, d.changed_at, d.cause,
                a.at, a.relay, a.phase, a.code, a.status, a.text,
            )
            .select_from(
                deliveries.join(editions, e.id == d.edition_id).outerjoin(attempts, a.id == last)
            )
            .where(d.issue_id == issue_id)
            .order_by(d.id)
        )
    )  # fmt: skip


def delivery_of(conn: Connection, issue_id: int, match_key: str) -> Row[Any] | None:
    """One reader's delivery of an issue, with the edition it is made from; None when he was not in the audience."""
    d, e, s = deliveries.c, editions.c, subscribers.c
    found = conn.execute(
        select(
            d.id, d.address, d.name, d.attributes, d.state, d.tries, d.due_at, d.changed_at, d.cause, d.subscriber_id,
            e.language, e.version, e.digest, e.key_id, e.subject, e.program, e.frozen_at,
        )
        .select_from(deliveries.join(editions, e.id == d.edition_id).join(subscribers, s.id == d.subscriber_id))
        .where(d.issue_id == issue_id, s.match_key == match_key)
    ).first()  # fmt: skip
    return cast("Row[Any] | None", found)


def attempts_of(conn: Connection, delivery_id: int) -> list[Row[Any]]:
    """Every attempt at a delivery with its worker, oldest first."""
    a, c = attempts.c, claims.c
    return list(
        conn.execute(
            select(a.at, c.worker, c.host, a.relay, a.phase, a.state, a.code, a.status, a.text, a.millis)
            .select_from(attempts.outerjoin(claims, c.id == a.claim_id))
            .where(a.delivery_id == delivery_id)
            .order_by(a.id)
        )
    )


def last_attempt(conn: Connection) -> datetime | None:
    """When the last attempt was made, of those recorded lately: not always the newest, where a clock was set back."""
    newest = select(attempts.c.at).order_by(attempts.c.id.desc()).limit(LATELY).subquery()
    return conn.execute(select(func.max(newest.c.at))).scalar()


def consents_of(conn: Connection, subscriber_id: int) -> list[Row[Any]]:
    """A reader's consents, oldest first."""
    c = consents.c
    return list(
        conn.execute(
            select(c.at, c.action, c.source, c.language, c.wording, c.client)
            .where(c.subscriber_id == subscriber_id)
            .order_by(c.id)
        )
    )


def bounces_of(conn: Connection, delivery_id: int) -> list[Row[Any]]:
    """What came back for a delivery, oldest first."""
    b = bounces.c
    return list(
        conn.execute(
            select(b.at, b.via, b.kind, b.reason, b.status, b.text).where(b.delivery_id == delivery_id).order_by(b.id)
        )
    )


def accepted_since(conn: Connection, issue_id: int, moment: datetime) -> tuple[int, datetime | None]:
    """How many deliveries of an issue were accepted since a moment, and when the first of them was."""
    d = deliveries.c
    number, first = conn.execute(
        select(func.count(), func.min(d.changed_at)).where(
            d.issue_id == issue_id, d.state == State.ACCEPTED, d.changed_at >= moment, answered()
        )
    ).one()
    return number, first


def deferred(conn: Connection) -> int:
    """How many deliveries are to be tried again."""
    return conn.execute(select(func.count()).where(WAITS, deliveries.c.state == State.DEFERRED)).scalar_one()


def letters_waiting(conn: Connection) -> int:
    """How many letters wait to be sent."""
    return conn.execute(select(func.count()).where(deliveries.c.issue_id.is_(None), WAITS)).scalar_one()


def left_out(conn: Connection, issue_id: int, now: datetime) -> int:
    """How many of those who wait for an issue left or are suppressed: the next claim sets them aside."""
    d, s = deliveries.c, subscribers.c
    gone = or_(s.state != "active", is_suppressed(s.match_key, now))
    query = select(func.count()).select_from(deliveries.join(subscribers, s.id == d.subscriber_id))
    return conn.execute(query.where(d.issue_id == issue_id, WAITS, gone)).scalar_one()


def workers_now(conn: Connection) -> list[Holder]:
    """Who holds open claims."""
    c, d = claims.c, deliveries.c
    held = select(d.claim_id, func.count().label("holds")).where(under_way(conn)).group_by(d.claim_id).subquery()
    holds = func.coalesce(func.sum(held.c.holds), 0).cast(BigInteger)
    rows = conn.execute(
        select(c.worker, c.host, c.pid, func.max(c.leased_until), holds)
        .select_from(claims.outerjoin(held, held.c.claim_id == c.id))
        .where(c.ended_at.is_(None))
        .group_by(c.worker, c.host, c.pid)
        .order_by(c.worker)
    )
    return [Holder(*row) for row in rows]
