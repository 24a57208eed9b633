"""Returned mail as it came: kept before anything is made of it, its text for a time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update

from mailer.store.engine import insert_new
from mailer.store.schema import bounces, deliveries, returned_mails, subscribers, suppressions

RECEIVED = "received"  # durable, not yet read
READ = "read"
UNVERIFIED = "unverified"  # no token of ours: nobody's state changed
REPLY = "reply"  # a person's answer, or a mail that says nothing
FORWARDED = "forwarded"  # a person's answer, handed on
PROBE = "probe"  # came back from a doctor's probe: about no reader

_D = deliveries.c
_DELIVERY = select(_D.id, _D.subscriber_id, _D.issue_id, _D.address, _D.domain, _D.state, _D.changed_at).where(
    _D.id == bindparam("this")
)  # built once: a log of a million mails asks a million times


def keep(conn: Connection, raw: bytes, via: str, envelope_to: str, now: datetime) -> int | None:
    """Keep a mail; returns its id, or None when the very same mail is here already."""
    row = _row(raw, via, envelope_to, now)
    statement = insert_new(conn, returned_mails, "digest").values(row).returning(returned_mails.c.id)
    found: int | None = conn.execute(statement).scalar()
    return found


def keep_all(conn: Connection, mails: Sequence[tuple[bytes, str]], via: str, now: datetime) -> None:
    """Keep mails, each with its envelope's recipient; those that are here already change nothing."""
    rows = [_row(raw, via, envelope_to, now) for raw, envelope_to in mails]
    conn.execute(insert_new(conn, returned_mails, "digest"), rows)


def _row(raw: bytes, via: str, envelope_to: str, now: datetime) -> dict[str, Any]:
    digest = hashlib.sha256(envelope_to.encode("utf-8", "replace") + b"\0" + raw).hexdigest()
    return {
        "at": now,
        "via": via,
        "digest": digest,
        "state": RECEIVED,
        "envelope_to": envelope_to[:320],
        "content": raw,
    }


def unread(conn: Connection, limit: int = 100) -> Sequence[Row[Any]]:
    """Mails that nobody has read yet, the oldest first."""
    r = returned_mails.c
    return conn.execute(select(returned_mails).where(r.state == RECEIVED).order_by(r.id).limit(limit)).all()


def hold_unread(conn: Connection, mail_ids: Sequence[int]) -> set[int]:
    """Which of these mails nobody has read by now; nobody else does before this transaction ends."""
    r = returned_mails.c
    mine = select(r.id).where(r.id.in_(mail_ids), r.state == RECEIVED).order_by(r.id)
    return set(conn.execute(mine.with_for_update(key_share=True)).scalars())


def last_id(conn: Connection) -> int:
    """The id of the mail kept last; 0 when there is none."""
    return conn.execute(select(func.max(returned_mails.c.id))).scalar() or 0


def since(conn: Connection, mail_id: int, limit: int) -> Sequence[Row[Any]]:
    """Mails kept after the one with an id, read or not, in the order of their coming."""
    r = returned_mails.c
    return conn.execute(select(returned_mails).where(r.id > mail_id).order_by(r.id).limit(limit)).all()


def by_id(conn: Connection, mail_id: int) -> Row[Any] | None:
    """One kept mail, or None."""
    return conn.execute(select(returned_mails).where(returned_mails.c.id == mail_id)).first()


def mark(conn: Connection, mail_id: int, state: str, about: Any = None) -> None:
    """Say what became of a kept mail, and which delivery it is about; of who was erased its text is not kept."""
    values: dict[str, Any] = {"state": state}
    if about is not None:
        values["delivery_id"] = about.id
        if not about.address:
            values |= {"content": b"", "envelope_to": ""}
    conn.execute(update(returned_mails).where(returned_mails.c.id == mail_id).values(values))


def counts(conn: Connection) -> dict[str, int]:
    """How many kept mails stand in each state."""
    rows = conn.execute(select(returned_mails.c.state, func.count()).group_by(returned_mails.c.state))
    return {row[0]: row[1] for row in rows}


def delivery(conn: Connection, delivery_id: int) -> Any:
    """What a bounce needs to know of the delivery it is about, or None."""
    return conn.execute(_DELIVERY, {"this": delivery_id}).first()


def forget(conn: Connection, before: datetime, at_once: int = 1000) -> int:
    """Drop the text of what came before a moment and was read, but for the evidence against suppressed readers.

    The rows stay, with their digests: the same mail taken once more is still a repeat. Returns how many were emptied.
    """
    r = returned_mails.c
    his = subscribers.c.id == bounces.c.subscriber_id
    stands = (suppressions.c.match_key == subscribers.c.match_key) & (suppressions.c.state != "lifted")
    leaned_on = set(
        conn.scalars(
            select(bounces.c.raw_id)
            .where(bounces.c.raw_id.is_not(None))
            .join(subscribers, his)
            .join(suppressions, stands)
        )
    )
    kept = select(r.id, r.at).where(r.content != b"", r.state != RECEIVED).order_by(r.id).limit(at_once)
    last, emptied = 0, 0
    while rows := conn.execute(kept.where(r.id > last)).all():
        last = rows[-1].id
        old = [row.id for row in rows if row.at < before]
        going = [each for each in old if each not in leaned_on]
        conn.execute(update(returned_mails).where(r.id.in_(going)).values(content=b"", envelope_to=""))
        emptied += len(going)
        if len(old) < len(rows):
            break
    return emptied
