"""Returned mail as it came: kept before anything is made of it, and for as long as nobody throws it away."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update

from mailer.store.engine import insert_new
from mailer.store.schema import deliveries, returned_mails

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


def mark(conn: Connection, mail_id: int, state: str) -> None:
    """Say what became of a kept mail."""
    conn.execute(update(returned_mails).where(returned_mails.c.id == mail_id).values(state=state))


def counts(conn: Connection) -> dict[str, int]:
    """How many kept mails stand in each state."""
    rows = conn.execute(select(returned_mails.c.state, func.count()).group_by(returned_mails.c.state))
    return {row[0]: row[1] for row in rows}


def delivery(conn: Connection, delivery_id: int) -> Any:
    """What a bounce needs to know of the delivery it is about, or None."""
    return conn.execute(_DELIVERY, {"this": delivery_id}).first()
