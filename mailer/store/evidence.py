"""What is known of readers' mail, for the judge: bounces, deliveries that brought none, signs of reading."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, Text, func, insert, or_, select, union_all

from mailer.model.bounce import Kind
from mailer.model.delivery import State
from mailer.model.suppression import Fact, History
from mailer.store.bounces import UNJUDGED
from mailer.store.bulk import batch, one_of
from mailer.store.mailed import mailed_to_one_of
from mailer.store.rendered import Rendered, given, rendered
from mailer.store.schema import (
    Instant,
    bounces,
    consents,
    deliveries,
    events,
    from_millis,
    subscribers,
    suppressions,
    to_millis,
)

MEMORY = timedelta(days=365)
SETTLED = timedelta(days=5)  # after so long without a bounce an accepted delivery counts as a success
READING_EVENTS = ("preferences",)  # what only a person does; links are followed by machines too
READING_STEPS = ("confirmed", "restored")


def histories(conn: Connection, subscriber_ids: Iterable[int], now: datetime) -> dict[int, History]:
    """What is known of each reader's mail in the last year, and every complaint.

    Unverified bounces and stale ones do not count, nor what came before a person lifted the suppression it led to.
    """
    wanted = sorted(set(subscriber_ids))
    values = {"ids": batch(conn, wanted), "since": to_millis(now - MEMORY)}
    facts: dict[int, list[Fact]] = defaultdict(list)
    forgiven = {(row[0], bool(row[1])): row[2] for row in _forgiven(conn).rows(conn, ids=values["ids"])}
    for reader, at, kind, reason, delivery_id in _facts(conn).rows(conn, **values):
        if at > forgiven.get((reader, kind == Kind.COMPLAINT), -1):
            facts[reader].append(Fact(from_millis(at), Kind(kind), reason, delivery_id))
    good = _moments(conn, _successes(conn), values | {"settled": to_millis(now - SETTLED)})
    read = _moments(conn, _readings(conn), values)
    return {each: History(tuple(facts[each]), tuple(good[each]), tuple(read[each])) for each in wanted}


def note_reading(conn: Connection, subscriber_id: int, kind: str, now: datetime) -> None:
    """Remember that a person was there; `kind` is one of READING_EVENTS."""
    conn.execute(insert(events).values(at=now, kind=kind, subscriber_id=subscriber_id, actor="reader"))


def _moments(conn: Connection, statement: Rendered, values: dict[str, Any]) -> dict[int, list[datetime]]:
    found: dict[int, list[datetime]] = defaultdict(list)
    for reader, at in statement.rows(conn, **values):
        found[reader].append(from_millis(at))
    return found


@rendered
def _facts(database: str) -> Select[Any]:
    b = bounces.c
    return select(b.subscriber_id, b.at, b.kind, b.reason, b.delivery_id).where(
        one_of(database, b.subscriber_id, given("ids", Text)),
        or_(b.at > given("since", Instant), b.kind == Kind.COMPLAINT.value),  # which is never forgotten
        b.note.not_in(UNJUDGED),
        b.delivery_id.is_not(None),
    )


@rendered
def _forgiven(database: str) -> Select[Any]:
    """When something was last lifted for each reader: complaints (true) apart from all other reasons (false)."""
    s, complaint = suppressions.c, (suppressions.c.reason == Kind.COMPLAINT.value).label("complaint")
    return (
        select(subscribers.c.id, complaint, func.max(s.lifted_at))
        .select_from(subscribers.join(suppressions, s.match_key == subscribers.c.match_key))
        .where(one_of(database, subscribers.c.id, given("ids", Text)), s.lifted_at.is_not(None))
        .group_by(subscribers.c.id, complaint)
    )


@rendered
def _successes(database: str) -> Select[Any]:
    d, bounced = deliveries.c, select(bounces.c.id).where(bounces.c.delivery_id == deliveries.c.id).exists()
    return select(d.subscriber_id, d.changed_at).where(
        mailed_to_one_of(database, "ids"),
        d.state == State.ACCEPTED.value,
        d.changed_at > given("since", Instant),
        d.changed_at < given("settled", Instant),
        ~bounced,
    )


@rendered
def _readings(database: str) -> Any:
    e, c = events.c, consents.c
    ids, since = given("ids", Text), given("since", Instant)
    done = select(e.subscriber_id, e.at).where(
        one_of(database, e.subscriber_id, ids), e.at > since, e.kind.in_(READING_EVENTS)
    )
    agreed = select(c.subscriber_id, c.at).where(
        one_of(database, c.subscriber_id, ids), c.at > since, c.action.in_(READING_STEPS)
    )
    return union_all(done, agreed)
