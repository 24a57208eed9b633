"""What an operator should hear of: sends that ended, paused or stand still, what comes back of them; each told once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, not_, select

from mailer.store.bulk import WAITS
from mailer.store.leases import CLERK
from mailer.store.schema import claims, deliveries, events, issues, letters, to_millis

STALLED = "stalled"
WARNED = "warned"  # the kind of event that the watch over what comes back leaves
TOLD = "alerted"  # the kind of event that remembers what was told
NEWS_FOR = timedelta(days=1)  # what is older is no news: an updated program does not tell the past
STILL_FOR = timedelta(minutes=15)
WARN_EVERY = timedelta(hours=1)  # warnings of one issue are gathered so long: one letter, not one for each domain
LOOK_BACK = timedelta(days=60)  # for this long after its send something may still come back of an issue


@dataclass(frozen=True, slots=True)
class News:
    """Something that happened to an issue: finished, paused, stalled or warned, when, and why (a line a cause)."""

    what: str
    issue_id: int
    at: datetime
    cause: str = ""
    events: tuple[int, ...] = ()  # the events a letter gathers


def letter_kind(what: str) -> str:
    """The kind of the letter that tells it."""
    return f"send-{what}"


def lock(conn: Connection) -> None:
    """Let nobody else tell anything until this transaction ends (SQLite's write lock does that already)."""
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock(0x616C657274)))


def news(conn: Connection, now: datetime) -> list[News]:
    """What happened to issues lately and was not told yet."""
    found = (*_finished(conn, now), *_paused(conn, now), *_stalled(conn, now), *_warned(conn, now))
    return [one for one in found if not _told(conn, one)]


def note(conn: Connection, one: News, now: datetime) -> None:
    """Remember that it was told."""
    detail: dict[str, Any] = {"what": one.what, "at": to_millis(one.at)}
    if one.events:
        detail["events"] = list(one.events)
    conn.execute(insert(events).values(at=now, kind=TOLD, issue_id=one.issue_id, actor="alerts", detail=detail))


def _told(conn: Connection, one: News) -> bool:
    details = conn.execute(select(events.c.detail).where(events.c.issue_id == one.issue_id, events.c.kind == TOLD))
    return {"what": one.what, "at": to_millis(one.at)} in details.scalars()


def _finished(conn: Connection, now: datetime) -> list[News]:
    query = select(issues.c.id, issues.c.finished_at).where(
        issues.c.state == "finished", issues.c.finished_at > now - NEWS_FOR
    )
    return [News("finished", row.id, row.finished_at) for row in conn.execute(query)]


def _paused(conn: Connection, now: datetime) -> list[News]:
    """Pauses the program made by itself: a person's own are known to him."""
    query = (
        select(issues.c.id, issues.c.state_cause, func.max(events.c.at).label("at"))
        .select_from(issues.join(events, events.c.issue_id == issues.c.id))
        .where(issues.c.state == "paused", events.c.kind == "paused", events.c.at > now - NEWS_FOR)
        .where(events.c.actor.in_(("dispatch", "bounces")))
        .group_by(issues.c.id, issues.c.state_cause)
    )
    return [News("paused", row.id, row.at, row.state_cause) for row in conn.execute(query)]


def is_unheard(conn: Connection, now: datetime) -> bool:
    """Whether a letter that says that nobody sends waits because nobody sends."""
    if _last_claim(conn) > now - STILL_FOR:
        return False
    d = deliveries.c
    told = select(d.id).join(letters, letters.c.id == d.letter_id).where(letters.c.kind == letter_kind(STALLED))
    return conn.execute(told.where(d.issue_id.is_(None), WAITS, d.due_at <= now).limit(1)).first() is not None


def _last_claim(conn: Connection) -> datetime:
    """When a worker that sends issues claimed something last."""
    workers = select(claims.c.created_at).where(not_(claims.c.worker.startswith(CLERK, autoescape=True)))
    last: datetime | None = conn.execute(workers.order_by(claims.c.id.desc()).limit(1)).scalar()
    return last or datetime.min.replace(tzinfo=UTC)


def _stalled(conn: Connection, now: datetime) -> list[News]:
    """Issues somebody waits for, when no worker has claimed anything for a while; told once a standstill."""
    last = _last_claim(conn)
    if last > now - STILL_FOR:
        return []
    d = deliveries.c
    query = (
        select(issues.c.id, func.min(d.due_at).label("since"))
        .select_from(issues.join(deliveries, d.issue_id == issues.c.id))
        .where(issues.c.state == "sending", issues.c.send_at <= now - STILL_FOR, issues.c.send_at > now - NEWS_FOR)
        .where(WAITS, d.due_at <= now - STILL_FOR)
        .group_by(issues.c.id)
    )
    return [News(STALLED, row.id, max(row.since, last)) for row in conn.execute(query)]


def _warned(conn: Connection, now: datetime) -> list[News]:
    """Warnings about what comes back of an issue, those since the last letter about it together."""
    e = events.c
    query = (
        select(e.id, e.issue_id, e.kind, e.at, e.detail)
        .select_from(issues.join(events, e.issue_id == issues.c.id))
        .where(issues.c.send_at > now - LOOK_BACK, e.kind.in_((WARNED, TOLD)), e.at > now - NEWS_FOR)
        .order_by(e.id)
    )
    rows = conn.execute(query).all()
    letters = [row for row in rows if row.kind == TOLD and row.detail["what"] == WARNED]
    last = {row.issue_id: row.at for row in letters}
    told = {number for row in letters for number in row.detail["events"]}
    new: dict[int, list[Any]] = {}
    for row in rows:
        if row.kind == WARNED and row.id not in told:
            new.setdefault(row.issue_id, []).append(row)
    return [
        News(
            WARNED, issue_id, said[-1].at, "\n".join(row.detail["cause"] for row in said), tuple(row.id for row in said)
        )
        for issue_id, said in new.items()
        if issue_id not in last or now >= last[issue_id] + WARN_EVERY
    ]
