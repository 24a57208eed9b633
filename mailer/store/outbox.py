"""Letters into the outbox: a delivery written in the transaction of the fact that caused it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection, Update, func, select, update

from mailer.model.delivery import State
from mailer.store import bulk
from mailer.store.rendered import given, rendered
from mailer.store.schema import deliveries, letters, to_millis


def post_letter(
    conn: Connection,
    *,
    kind: str,
    address: str,
    now: datetime,
    compose: Callable[[int], bytes],
    name: str = "",
    subscriber_id: int | None = None,
    about_subscriber_id: int | None = None,
    application_id: int | None = None,
    expires_at: datetime | None = None,
    due_at: datetime | None = None,
) -> int:
    """Put one letter into the outbox and return its delivery's id.

    `compose(delivery_id)` gives the finished message (CRLF, no line led by a dot), so that its links and its
    Message-ID carry the delivery's own tokens; every attempt sends exactly these bytes. What is about a subscriber
    and goes to somebody else is forgotten with him, and is no mail of his.
    """
    letter_id = bulk.add(
        conn,
        letters,
        kind=kind,
        subscriber_id=subscriber_id or about_subscriber_id,
        application_id=application_id,
        content=b"",
        created_at=to_millis(now),
        expires_at=None if expires_at is None else to_millis(expires_at),
    )
    delivery_id = bulk.add(
        conn,
        deliveries,
        letter_id=letter_id,
        subscriber_id=subscriber_id,
        address=address,
        domain=address.rpartition("@")[2].lower(),
        name=name,
        state=State.PENDING.value,
        due_at=to_millis(due_at or now),
        changed_at=to_millis(now),
    )
    _fill(conn).run(conn, this=letter_id, message=compose(delivery_id))
    return delivery_id


@rendered
def _fill(database: str) -> Update:
    return update(letters).where(letters.c.id == given("this")).values(content=given("message"))


def became(conn: Connection, delivery_ids: Sequence[int]) -> Sequence[tuple[State, str]]:
    """What has become of letters: a state and its cause each."""
    d = deliveries.c
    rows = conn.execute(select(d.state, d.cause).where(d.id.in_(delivery_ids)).order_by(d.id))
    return [(State(state), cause) for state, cause in rows]


def posted_since(conn: Connection, kind: str, moment: datetime, limit: int) -> int:
    """How many of the last `limit` letters of a kind were written after a moment."""
    of_kind = select(letters.c.created_at).where(letters.c.kind == kind).order_by(letters.c.id.desc()).limit(limit)
    last = of_kind.subquery()
    return conn.execute(select(func.count()).where(last.c.created_at > moment)).scalar_one()
