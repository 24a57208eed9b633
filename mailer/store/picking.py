"""Claiming: which deliveries are due, whom of them to leave out, and under whose number the others go.

On PostgreSQL the rows are locked from the pick to the end of its transaction; on SQLite nobody else writes meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, Text, Update, case, cast, not_, or_, select, update

from mailer.model.delivery import State
from mailer.model.routing import ANYBODY, Route
from mailer.store.bulk import WAITS, batch, in_one, one_of, unpacked
from mailer.store.holdings import stretches
from mailer.store.rendered import given, rendered
from mailer.store.running import Sendable
from mailer.store.schema import Instant, claims, deliveries, from_millis, letters, subscribers, to_millis
from mailer.store.suppressions import is_suppressed

WAITING = (State.PENDING, State.DEFERRED)
ASIDE = {
    State.SUPPRESSED: "left or was suppressed before this message",
    State.CANCELLED: "the letter's link had expired before it could be sent",
}


class Claimed(NamedTuple):
    """One claimed delivery, with all that composing and judging it needs."""

    id: int
    issue_id: int | None
    edition_id: int | None
    letter_id: int | None
    subscriber_id: int | None
    address: str
    domain: str
    name: str
    attributes: dict[str, Any]
    tries: int
    deferred_at: datetime | None  # when it was put off first: what giving up is counted from


def pick(conn: Connection, issue: Sendable, limit: int, now: datetime, route: Route = ANYBODY) -> list[Claimed]:
    """Up to `limit` due deliveries of one issue, or of the letters, locked until the transaction ends.

    `route` says to which domains.
    Readers who left, were suppressed or erased since the freeze, or since a letter was written, are set aside as
    suppressed instead, and letters whose links have expired as cancelled. On PostgreSQL rows that another worker is
    claiming at this moment are skipped.
    """
    only, without = route.only, route.without
    values: dict[str, Any] = {"now": to_millis(now), "most": limit}
    if issue.id is not None:
        values["issue"] = issue.id
    if only is not None:
        values["only"] = batch(conn, sorted(only))
    if without:
        values["without"] = batch(conn, sorted(without))
    picked = unpacked(conn, _due(conn, issue.id is None, only is not None, bool(without)).rows(conn, **values))
    kept = [_claimed(row) for row in picked if not row[-1]]
    if len(kept) < len(picked):
        _set_aside(conn, [(row[-1], row[0]) for row in picked if row[-1]], now)
    return kept


def _claimed(row: Sequence[Any]) -> Claimed:
    known = {} if row[8] == "{}" else json.loads(row[8])  # most readers have no attributes
    return Claimed._make((*row[:8], known, row[9], None if row[10] is None else from_millis(row[10])))


@rendered
def _due(database: str, of_letters: bool, only: bool, without: bool) -> Select[Any]:
    """What `pick` asks, and last in each row why it is to be set aside."""
    d, s, now = deliveries.c, subscribers.c, given("now", Instant)
    source = deliveries.outerjoin(subscribers, s.id == d.subscriber_id)
    if of_letters:
        source = source.outerjoin(letters, letters.c.id == d.letter_id)
        gone = or_(d.address == "", s.state == "erased", _gone_since(now))
        aside = case((gone, State.SUPPRESSED.value), (letters.c.expires_at <= now, State.CANCELLED.value), else_="")
    else:
        gone = or_(d.address == "", s.state != "active", is_suppressed(s.match_key, now))
        aside = case((gone, State.SUPPRESSED.value), else_="")
    wanted = [d.issue_id.is_(None) if of_letters else d.issue_id == given("issue")]
    if only:
        wanted.append(one_of(database, d.domain, given("only", Text)))
    if without:
        wanted.append(not_(one_of(database, d.domain, given("without", Text))))
    due = (
        select(
            d.id,
            d.issue_id,
            d.edition_id,
            d.letter_id,
            d.subscriber_id,
            d.address,
            d.domain,
            d.name,
            cast(d.attributes, Text),
            d.tries,
            d.deferred_at,
            aside,
        )
        .select_from(source)
        .where(*wanted, WAITS, d.due_at <= now)
        .order_by(d.due_at, d.id)
        .limit(given("most"))
        .with_for_update(skip_locked=True, of=deliveries)
    )
    return in_one(database, due)


def _gone_since(now: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Whether a letter's reader left or was suppressed after it was written; what he asked for since then he gets."""
    s, written = subscribers.c, letters.c.created_at
    return or_(s.left_at >= written, is_suppressed(s.match_key, now, since=written))


def _set_aside(conn: Connection, rows: Iterable[tuple[str, int]], now: datetime) -> None:
    d = deliveries.c
    for state, ids in groupby(sorted(rows), key=itemgetter(0)):
        conn.execute(
            update(deliveries)
            .where(d.id.in_([number for _, number in ids]), d.state.in_(WAITING))
            .values(state=state, changed_at=now, cause=ASIDE[State(state)])
        )


def assign(conn: Connection, claim_id: int, rows: Sequence[Claimed], now: datetime) -> None:
    """Put picked deliveries under a claim, all of them at once, in the transaction that picked them."""
    if rows:
        ids = [row.id for row in rows]
        conn.execute(update(claims).where(claims.c.id == claim_id).values(covers=stretches(ids)))
        _assign(conn).run(conn, ids=batch(conn, ids), claim=claim_id, now=to_millis(now))


@rendered
def _assign(database: str) -> Update:
    chosen = one_of(database, deliveries.c.id, given("ids", Text))
    return (
        update(deliveries)
        .where(chosen, deliveries.c.state.in_(WAITING))
        .values(state=State.ATTEMPTING, claim_id=given("claim"), changed_at=given("now", Instant))
    )
