"""The cast of the tests, in a database: Alice reads, Carol left, Dave bounces, and an issue for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from mailer.store import audiences, issues, picking
from mailer.store.audiences import Audience
from mailer.store.issues import NewEdition, NewIssue
from mailer.store.picking import Claimed
from mailer.store.running import Sendable
from mailer.store.schema import subscribers

NOW = datetime(2026, 5, 21, 0, 0, tzinfo=UTC)


def reader(conn: Connection, address: str, **values: Any) -> int:
    """A subscriber, active unless told otherwise; returns the id."""
    row = {
        "address": address,
        "match_key": address.lower(),
        "domain": address.rpartition("@")[2],
        "state": "active",
        "created_at": NOW,
        "joined_at": NOW,
    } | values
    subscriber_id: int = conn.execute(insert(subscribers).values(**row).returning(subscribers.c.id)).scalar_one()
    return subscriber_id


def new_issue(identity: str = "214", **values: Any) -> NewIssue:
    """An issue to be published at NOW."""
    facts: dict[str, Any] = {
        "newsletter": "harbour",
        "identity": identity,
        "number": int(identity) if identity.isdigit() else None,
        "date": NOW.date(),
        "title": "Nookbox is sold",
        "policy": "at_most_once",
        "audience": "",
        "send_at": NOW,
        "deadline": None,
    }
    return NewIssue(**facts | values)


def new_edition(language: str = "en", program: bytes = b"program") -> NewEdition:
    """An edition in a language; its program is not composed from."""
    return NewEdition(language, f"214.{language}.md", "source", "subject", "<p>", "text", program, "digest", 1)


def publish(conn: Connection, identity: str = "214", languages: tuple[str, ...] = ("en",), **values: Any) -> int:
    """Freeze an issue for whoever may get it; returns its id."""
    return publish_to(conn, identity, languages, **values)[0]


def publish_to(
    conn: Connection, identity: str = "214", languages: tuple[str, ...] = ("en",), segment: Any = None, **values: Any
) -> tuple[int, Audience]:
    """The same, with the audience that was counted."""
    issue_id, _ = issues.add(conn, new_issue(identity, **values), NOW)
    editions = {language: issues.add_edition(conn, issue_id, new_edition(language), NOW) for language in languages}
    send_at = values.get("send_at", NOW)
    return issue_id, audiences.freeze(conn, issue_id, editions, languages[0], segment, send_at, NOW)


def claim(conn: Connection, claim_id: int, issue: Sendable, limit: int, now: datetime) -> list[Claimed]:
    """Pick up to `limit` due deliveries and put them under a claim, as the dispatcher does."""
    rows = picking.pick(conn, issue, limit, now)
    picking.assign(conn, claim_id, rows, now)
    return rows


def later(**span: float) -> datetime:
    """A moment after NOW: `later(minutes=5)`."""
    return NOW + timedelta(**span)
