"""Evidence that an uncertain delivery did arrive: contract C7, in one place."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from mailer.model.delivery import State
from mailer.store.schema import deliveries

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


def is_uncertain(conn: Connection, delivery_id: int) -> bool:
    """Whether there is anything to prove: reading costs less than writing where links are followed all day."""
    state = conn.execute(select(deliveries.c.state).where(deliveries.c.id == delivery_id)).scalar()
    return bool(state == State.UNCERTAIN)
