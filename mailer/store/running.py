"""Issues being sent: which may be sent now, when the next message is due, and what stops, ends or finishes one."""

from __future__ import annotations

from datetime import datetime
from math import inf
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, func, insert, not_, or_, select, true, update

from mailer.model.delivery import State
from mailer.store.bulk import WAITS
from mailer.store.holdings import under_way
from mailer.store.rendered import given, rendered
from mailer.store.schema import Instant, deliveries, events, from_millis, issues, to_millis


class Sendable(NamedTuple):
    """An issue that may be sent now, before its deadline if it has one; `id` None stands for the letters."""

    id: int | None
    slug: str = ""
    deadline: datetime | None = None


LETTERS = Sendable(None)
OVERDUE = "the issue's deadline has passed"  # the cause of whom it cut off


def sendable(conn: Connection, now: datetime) -> list[Sendable]:
    """Letters first, then the issues being sent whose time has come: whose deadline comes first, then the oldest.

    Else a small issue of the morning would be cut off behind a large one that may take as long as it likes.
    """
    rows = sorted(_sendable(conn).rows(conn, now=to_millis(now)), key=lambda row: row[2] or inf)
    return [LETTERS, *(Sendable(number, slug, end and from_millis(end)) for number, slug, end in rows)]


def ahead(conn: Connection, issue_id: int, send_at: datetime, deadline: datetime | None) -> int:
    """How many readers of other issues are sent theirs before an issue; `issue_id` 0 for one not published yet."""
    before = [issues.c.state == "sending", issues.c.send_at <= send_at, issues.c.id != issue_id]
    if deadline is not None:
        before.append(issues.c.deadline <= deadline)
    theirs = select(issues.c.id).where(*before)
    return conn.execute(select(func.count()).where(deliveries.c.issue_id.in_(theirs), WAITS)).scalar_one()


@rendered
def _sendable(database: str) -> Select[Any]:
    return (
        select(issues.c.id, issues.c.slug, issues.c.deadline)
        .where(issues.c.state == "sending", issues.c.send_at <= given("now", Instant))
        .order_by(issues.c.send_at, issues.c.id)  # as everybody locks them
        .with_for_update(read=True)  # an operator's pause waits for the claim, so that no intent comes after it
    )


def next_due(conn: Connection) -> datetime | None:
    """When the next delivery of a running issue or letter is due; None when nothing waits."""
    due = [from_millis(max(first, start)) for first, start in _next_due(conn).rows(conn) if first is not None]
    return min([*due, *filter(None, [next_letter_due(conn)])], default=None)


@rendered
def _next_due(database: str) -> Select[Any]:
    first = select(func.min(deliveries.c.due_at)).where(deliveries.c.issue_id == issues.c.id, WAITS).correlate(issues)
    return select(first.scalar_subquery(), issues.c.send_at).where(issues.c.state == "sending")


def next_letter_due(conn: Connection) -> datetime | None:
    """When the next letter is due; None when none waits."""
    ((first,),) = _next_letter_due(conn).rows(conn)
    return None if first is None else from_millis(first)


@rendered
def _next_letter_due(database: str) -> Select[Any]:
    return select(func.min(deliveries.c.due_at)).where(deliveries.c.issue_id.is_(None), WAITS)


def pause(conn: Connection, issue_id: int, cause: str, now: datetime) -> bool:
    """Stop an issue that is being sent; False when it was not."""
    changed = conn.execute(
        update(issues)
        .where(issues.c.id == issue_id, issues.c.state == "sending")
        .values(state="paused", state_cause=cause)
    )
    if changed.rowcount:
        conn.execute(
            insert(events).values(at=now, kind="paused", issue_id=issue_id, actor="dispatch", detail={"cause": cause})
        )
    return changed.rowcount == 1


def paused(conn: Connection) -> dict[int, str]:
    """The issues that are paused, and why."""
    rows = conn.execute(select(issues.c.id, issues.c.state_cause).where(issues.c.state == "paused"))
    return {row.id: row.state_cause for row in rows}


def expire_overdue(conn: Connection, now: datetime) -> dict[str, int]:
    """Nothing stale leaves: past an issue's deadline what waits is cancelled, what was deferred has failed.

    Returns how many, by the issues' slugs.
    """
    found: dict[str, int] = {}
    for issue_id, slug in _overdue(conn).rows(conn, now=to_millis(now)):
        for before, after in ((State.PENDING, State.CANCELLED), (State.DEFERRED, State.FAILED)):
            changed = conn.execute(
                update(deliveries)
                .where(deliveries.c.issue_id == issue_id, WAITS, deliveries.c.state == before)
                .values(state=after, changed_at=now, cause=OVERDUE)
            ).rowcount
            found[slug] = found.get(slug, 0) + changed
    return {slug: count for slug, count in found.items() if count}


def cut_off(conn: Connection, issue_id: int) -> int:
    """How many readers of an issue its deadline cut off."""
    query = select(func.count()).where(deliveries.c.issue_id == issue_id, deliveries.c.cause == OVERDUE)
    return conn.execute(query).scalar_one()


@rendered
def _overdue(database: str) -> Select[Any]:
    late = issues.c.deadline <= given("now", Instant)
    return select(issues.c.id, issues.c.slug).where(issues.c.state == "sending", late)


def has_endings(conn: Connection, now: datetime) -> bool:
    """Whether `finish_issues` may have something to do: asked every second while nothing is due, so one look only."""
    return bool(_endings(conn).rows(conn, now=to_millis(now)))


@rendered
def _endings(database: str) -> Select[Any]:
    waits = _waits_of_it()
    over = and_(issues.c.state == "sending", issues.c.send_at <= given("now", Instant), not_(waits))
    return select(issues.c.id).where(or_(over, and_(issues.c.state == "cancelled", waits))).limit(1)


def _waits_of_it() -> ColumnElement[bool]:
    return select(true()).where(deliveries.c.issue_id == issues.c.id, WAITS).correlate(issues).exists()


def finish_issues(conn: Connection, now: datetime) -> list[str]:
    """Mark the issues as finished that have nothing pending, attempting or deferred; returns their slugs.

    What a worker gave back to an issue that was cancelled meanwhile is cancelled too.
    """
    d = deliveries.c
    cancelled = select(issues.c.id).where(issues.c.state == "cancelled")
    conn.execute(
        update(deliveries)
        .where(d.issue_id.in_(cancelled), WAITS)
        .values(state=State.CANCELLED, changed_at=now, cause="the operator cancelled the issue")
    )
    # Locked first, in the order of claims: nobody claims of an issue meanwhile, and what comes back is seen to wait.
    ready = select(issues.c.id).where(issues.c.state == "sending", issues.c.send_at <= now)
    locked = ready.order_by(issues.c.send_at, issues.c.id).with_for_update()
    sending = set(conn.execute(locked).scalars())
    sending -= set(conn.execute(select(d.issue_id).where(under_way(conn)).distinct()).scalars())
    rows = conn.execute(
        update(issues)
        .where(issues.c.id.in_(sending), not_(_waits_of_it()))
        .values(state="finished", finished_at=now)
        .returning(issues.c.slug)
    )
    return [row.slug for row in rows]
