"""Evidence that an uncertain delivery did arrive: contract C7, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from mailer.model.delivery import State
from mailer.store.bulk import among
from mailer.store.schema import bounces, deliveries

# Built once: whoever unsubscribes waits for it, and putting a statement together takes as long as running it.
_HEAL = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("this"), deliveries.c.state == State.UNCERTAIN)
    .values(state=State.ACCEPTED, changed_at=bindparam("now"), cause=bindparam("proof"))
)


def heal(conn: Connection, delivery_id: int, evidence: str, now: datetime) -> bool:
    """Turn an uncertain delivery into an accepted one; False when it was not uncertain.

    `evidence` says in a few words what proved it: a bounce, a complaint, a click, an unsubscribe, a relay's log.
    """
    changed = conn.execute(_HEAL, {"this": delivery_id, "now": now, "proof": f"proved by {evidence}"[:500]})
    return changed.rowcount == 1


def heal_heard_of(conn: Connection, delivery_ids: Sequence[int], now: datetime) -> None:
    """Do so where the proof came first: a report, or a line of the relay's log, while the answer was still awaited."""
    if not delivery_ids:
        return
    d, b = deliveries.c, bounces.c
    heard = select(b.id).where(b.delivery_id == d.id, b.via != "smtp").exists()
    conn.execute(
        update(deliveries)
        .where(among(conn, delivery_ids), d.state == State.UNCERTAIN, heard)
        .values(state=State.ACCEPTED, changed_at=now, cause="proved by what came back before it was uncertain")
    )


def is_uncertain(conn: Connection, delivery_id: int) -> bool:
    """Whether there is anything to prove: reading costs less than writing where links are followed all day."""
    state = conn.execute(select(deliveries.c.state).where(deliveries.c.id == delivery_id)).scalar()
    return bool(state == State.UNCERTAIN)
