"""Letters into the outbox: a delivery written in the transaction of the fact that caused it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select, update

from mailer.model.delivery import State
from mailer.store.schema import deliveries, letters

_LETTER = insert(letters).returning(letters.c.id)
_DELIVERY = insert(deliveries).returning(deliveries.c.id)
_FILL = update(letters).where(letters.c.id == bindparam("this")).values(content=bindparam("message"))


def post_letter(
    conn: Connection,
    *,
    kind: str,
    address: str,
    now: datetime,
    compose: Callable[[int], bytes],
    name: str = "",
    subscriber_id: int | None = None,
    application_id: int | None = None,
    expires_at: datetime | None = None,
    due_at: datetime | None = None,
) -> int:
    """Put one letter into the outbox and return its delivery's id.

    `compose(delivery_id)` gives the finished message (CRLF, no line led by a dot), so that its links and its
    Message-ID carry the delivery's own tokens; every attempt sends exactly these bytes.
    """
    letter = {
        "kind": kind,
        "subscriber_id": subscriber_id,
        "application_id": application_id,
        "content": b"",
        "created_at": now,
        "expires_at": expires_at,
    }
    letter_id = conn.execute(_LETTER, letter).scalar_one()
    delivery = {
        "letter_id": letter_id,
        "subscriber_id": subscriber_id,
        "address": address,
        "domain": address.rpartition("@")[2].lower(),
        "name": name,
        "state": State.PENDING,
        "due_at": due_at or now,
        "changed_at": now,
    }
    delivery_id: int = conn.execute(_DELIVERY, delivery).scalar_one()
    conn.execute(_FILL, {"this": letter_id, "message": compose(delivery_id)})
    return delivery_id


def posted_since(conn: Connection, kind: str, moment: datetime, limit: int) -> int:
    """How many of the last `limit` letters of a kind were written after a moment."""
    of_kind = select(letters.c.created_at).where(letters.c.kind == kind).order_by(letters.c.id.desc()).limit(limit)
    last = of_kind.subquery()
    return conn.execute(select(func.count()).where(last.c.created_at > moment)).scalar_one()
