"""The audience of an issue: counted, and frozen as a delivery for every reader who may get it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Label, Select, case, func, insert, literal, or_, select, true, update

from mailer.model.delivery import State
from mailer.model.language_tag import primary
from mailer.model.subscriber import State as Standing
from mailer.store.bulk import make_room
from mailer.store.schema import Instant, deliveries, exclusions, issues, subscribers
from mailer.store.subscribers import Scanned
from mailer.store.suppressions import is_suppressed, suppressed_keys


@dataclass(frozen=True, slots=True)
class Audience:
    """How many would get an issue, and how many are left out, by reason."""

    readers: int
    excluded: Mapping[str, int]


def count(conn: Connection, segment: ColumnElement[bool] | None, now: datetime) -> Audience:
    """Count the readers an issue would go to now, and the others by the first reason that leaves them out."""
    readers = select(func.count()).select_from(_readers(segment, now).subquery()).scalar_subquery()
    return _counted(conn.execute(select(*_tally(readers, segment, now))).one())


def spread(
    conn: Connection,
    languages: Sequence[str],
    default_language: str,
    segment: ColumnElement[bool] | None,
    now: datetime,
) -> dict[str, int]:
    """How many readers each language's edition would go to now, were there one in each of `languages`."""
    edition = _edition_for(dict(zip(languages, range(len(languages)), strict=True)), default_language).label("edition")
    counted = _readers(segment, now).with_only_columns(edition).order_by(None).subquery()
    rows = conn.execute(select(counted.c.edition, func.count()).group_by(counted.c.edition))
    readers = {languages[edition]: count for edition, count in rows}
    return {language: readers.get(language, 0) for language in languages}


def _tally(readers: ColumnElement[int], segment: ColumnElement[bool] | None, now: datetime) -> list[Label[int]]:
    """The `readers`, and those who are none of them: each counted where an index leads to them, the rest is left."""
    s, suppressed = subscribers.c, suppressed_keys(now)
    active = Scanned(s.state) == Standing.ACTIVE
    paused = (s.paused_until > now, active)
    everyone = literal(0) if segment is None else _count(s.state == Standing.ACTIVE)
    found = {
        "readers": readers,
        "active": everyone,
        "unsubscribed": _count(s.state == Standing.UNSUBSCRIBED),
        "unconfirmed": _count(s.state == Standing.PENDING),
        "suppressed": _count(s.match_key.in_(suppressed), active),
        "paused": _count(*paused) - _count(*paused, s.match_key.in_(suppressed)),
    }
    return [count.label(name) for name, count in found.items()]


def _count(*those: ColumnElement[bool]) -> ColumnElement[int]:
    return select(func.count()).select_from(subscribers).where(*those).scalar_subquery()


def _counted(tally: Any) -> Audience:
    """The audience of a tally, each other reader by the first reason that leaves him out."""
    found = dict(tally._mapping)
    readers, active = found.pop("readers"), found.pop("active")
    found["not in the segment"] = active - readers - found["suppressed"] - found["paused"]
    return Audience(readers, {reason: count for reason, count in sorted(found.items()) if count > 0})


def gate(conn: Connection, *, erasing: bool = False) -> None:
    """Have readers be frozen into an audience and be erased one after the other: else a copy of one would be left.

    SQLite lets one write at a time.
    """
    if conn.dialect.name == "postgresql":
        lock = func.pg_advisory_xact_lock if erasing else func.pg_advisory_xact_lock_shared
        conn.execute(select(lock(0x667265657A65)))


def freeze(
    conn: Connection,
    issue_id: int,
    by_language: Mapping[str, int],
    default_language: str,
    segment: ColumnElement[bool] | None,
    due_at: datetime,
    now: datetime,
) -> Audience:
    """Take the audience's snapshot: a pending delivery for every reader who may get the issue, in one statement.

    PostgreSQL, where others write at the same time, counts those who are left out in the same one.
    `by_language` maps language tags to edition ids; each reader gets the edition of his language, else of the
    same primary language, else the default one.
    """
    s = subscribers.c
    gate(conn)
    make_room(conn, megabytes=4)
    taken = insert(deliveries).from_select(
        [
            "issue_id",
            "edition_id",
            "subscriber_id",
            "address",
            "domain",
            "name",
            "attributes",
            "state",
            "due_at",
            "changed_at",
        ],
        _readers(segment, now).with_only_columns(
            literal(issue_id),
            _edition_for(by_language, default_language),
            s.id,
            s.address,
            s.domain,
            s.name,
            s.attributes,
            literal(State.PENDING.value),
            literal(due_at, Instant),
            literal(now, Instant),
        ),
        include_defaults=False,
    )
    if conn.dialect.name == "postgresql":
        rows = taken.returning(literal(1)).cte("frozen")
        frozen: ColumnElement[int] = select(func.count()).select_from(rows).scalar_subquery()
    else:
        frozen = literal(conn.execute(taken, execution_options={"preserve_rowcount": True}).rowcount)
    counted = _counted(conn.execute(select(*_tally(frozen, segment, now))).one())
    conn.execute(update(issues).where(issues.c.id == issue_id).values(frozen=counted.readers))
    if counted.excluded:
        conn.execute(
            insert(exclusions),
            [{"issue_id": issue_id, "reason": reason, "count": n} for reason, n in counted.excluded.items()],
        )
    return counted


def _readers(segment: ColumnElement[bool] | None, now: datetime) -> Select[Any]:
    s = subscribers.c
    return (
        select(s.id)
        .where(
            (Scanned(s.state) if segment is None else s.state) == "active",
            or_(s.paused_until.is_(None), s.paused_until <= now),
            ~is_suppressed(s.match_key, now),
            true() if segment is None else segment,
        )
        .order_by(s.id)
    )


def _edition_for(by_language: Mapping[str, int], default_language: str) -> ColumnElement[int]:
    default = literal(by_language.get(default_language, next(iter(by_language.values()))))
    if len(by_language) == 1:
        return default
    chosen, language = subscribers.c.language, func.lower(subscribers.c.language)
    as_written = [(chosen == "", default), *((chosen == tag, literal(edition)) for tag, edition in by_language.items())]
    exact = [(language == tag.lower(), literal(edition)) for tag, edition in by_language.items()]
    same = [
        (or_(language == primary(tag), language.startswith(primary(tag) + "-")), literal(edition))
        for tag, edition in by_language.items()
    ]
    return case(*as_written, *exact, *same, else_=default)
