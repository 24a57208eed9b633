"""The record of consents: appended to with every step into the list and out of it, never rewritten."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, select, update

from mailer.store import bulk
from mailer.store.schema import consents, to_millis


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `action` is requested, confirmed, imported, added, withdrawn or restored.

    `wording` is the exact text agreed to, `source` the page or file, `client` a truncated network address.
    """

    action: str
    wording: str = ""
    language: str = ""
    source: str = ""
    client: str = ""
    user_agent: str = ""
    detail: str = ""


def append(conn: Connection, subscriber_id: int, step: Step, now: datetime) -> None:
    """Record one step of one person."""
    bulk.add(
        conn,
        consents,
        subscriber_id=subscriber_id,
        at=to_millis(now),
        action=step.action,
        wording=step.wording,
        language=step.language,
        source=step.source,
        client=step.client,
        user_agent=step.user_agent,
        detail=step.detail,
    )


def last(
    conn: Connection, subscriber_id: int, action: str | None = None, *, until: datetime | None = None
) -> Row[tuple[object, ...]] | None:
    """The latest step of one person, of one kind, up to a moment; None where there is none."""
    query = select(consents).where(consents.c.subscriber_id == subscriber_id).order_by(consents.c.id.desc()).limit(1)
    if action is not None:
        query = query.where(consents.c.action == action)
    if until is not None:
        query = query.where(consents.c.at <= until)
    return conn.execute(query).first()


def forget_clients(conn: Connection, before: datetime) -> int:
    """Drop network addresses and browsers of steps taken before a moment (retention); returns how many."""
    return conn.execute(
        update(consents)
        .where(consents.c.at < before, (consents.c.client != "") | (consents.c.user_agent != ""))
        .values(client="", user_agent="")
    ).rowcount
