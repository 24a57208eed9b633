"""What was published, for the pages: issues whose time has come, newest first, and their editions."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Row, case, func, select

from mailer.store.schema import editions, issues

_SHOWN = ("sending", "paused", "finished")


def listed(conn: Connection, now: datetime, limit: int, offset: int = 0) -> list[Row[Any]]:
    """Published issues with an edition, newest first; `corrected_at` is the moment of the last correction, or None."""
    i, e = issues.c, editions.c
    corrected = (
        select(func.max(e.frozen_at)).where(e.issue_id == i.id, e.version > 1).scalar_subquery().label("corrected_at")
    )
    query = (
        select(i.id, i.slug, i.title, i.number, i.date, i.send_at, i.frozen_at, corrected)
        .where(i.state.in_(_SHOWN), i.send_at <= now, i.id.in_(select(e.issue_id)))
        .order_by(i.date.desc(), i.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return list(conn.execute(query))


def find(conn: Connection, slug: str, now: datetime) -> list[Row[Any]]:
    """The latest edition of a published issue in each of its languages; empty where there is no such issue."""
    i, e = issues.c, editions.c
    query: Any = (
        select(e.id, e.language, e.subject, e.html, e.version)
        .select_from(editions.join(issues, i.id == e.issue_id))
        .where(i.slug == slug, i.state.in_(_SHOWN), i.send_at <= now)
        .order_by(e.language, e.version)
    )
    latest: dict[str, Row[Any]] = {row.language: row for row in conn.execute(query)}
    return list(latest.values())


def written(conn: Connection, issue_ids: Collection[int]) -> dict[int, dict[str, str]]:
    """The text of the latest issue file of each issue, by language."""
    return _latest(conn, editions.c.source, issue_ids)


def subjects(conn: Connection, issue_ids: Collection[int]) -> dict[int, dict[str, str]]:
    """The Subject of the latest edition of each issue, by language."""
    return _latest(conn, editions.c.subject, issue_ids)


def _latest(conn: Connection, column: Column[str], issue_ids: Collection[int]) -> dict[int, dict[str, str]]:
    e = editions.c
    query = select(e.issue_id, e.language, column).where(e.issue_id.in_(issue_ids)).order_by(e.version)
    found: dict[int, dict[str, str]] = {issue_id: {} for issue_id in issue_ids}
    for issue_id, language, value in conn.execute(query):
        found[issue_id][language] = value
    return found


def edition(conn: Connection, edition_id: int) -> Row[Any] | None:
    """An edition's compiled program, its key and its language; None where there is none."""
    e = editions.c
    query: Any = select(e.program, e.key_id, e.language).where(e.id == edition_id)
    found: Row[Any] | None = conn.execute(query).first()
    return found


def latest_source(conn: Connection, language: str, now: datetime) -> str:
    """The text of the latest published issue's file in a language, else in any; "" before the first."""
    i, e = issues.c, editions.c
    query = (
        select(e.source)
        .select_from(editions.join(issues, i.id == e.issue_id))
        .where(i.state.in_(_SHOWN), i.send_at <= now)
        .order_by(case((e.language == language, 0), else_=1), i.date.desc(), i.id.desc(), e.version.desc())
        .limit(1)
    )
    return conn.execute(query).scalar() or ""
