"""Evidence that an uncertain delivery did arrive: contract C7, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Update, or_, select, update

from mailer.model.delivery import State
from mailer.store.bulk import among
from mailer.store.rendered import given, rendered
from mailer.store.schema import Instant, bounces, consents, deliveries, issues, returned_mails, to_millis


def heal(conn: Connection, delivery_id: int, evidence: str, now: datetime) -> bool:
    """Turn an uncertain delivery into an accepted one; False when it was not uncertain.

    `evidence` says in a few words what proved it: a bounce, a complaint, a click, an unsubscribe, a relay's log.
    """
    proof = f"proved by {evidence}"[:500]
    return _heal(conn).run(conn, this=delivery_id, now=to_millis(now), proof=proof).rowcount == 1


@rendered
def _heal(database: str) -> Update:
    d = deliveries.c
    return (
        update(deliveries)
        .where(d.id == given("this"), d.state == State.UNCERTAIN)
        .values(state=State.ACCEPTED, changed_at=given("now", Instant), cause=given("proof"))
    )


def heal_heard_of(conn: Connection, delivery_ids: Sequence[int], now: datetime) -> None:
    """Do so where the proof came first, while the answer was still awaited: a report, a line of the relay's log, a mail
    that answers it, a reader who left by it."""
    if not delivery_ids:
        return
    d, b, r, c = deliveries.c, bounces.c, returned_mails.c, consents.c
    slug = select(issues.c.slug).where(issues.c.id == d.issue_id).correlate(deliveries).scalar_subquery()
    left = (c.subscriber_id == d.subscriber_id, c.action == "withdrawn", c.detail == slug)
    heard = or_(
        select(b.id).where(b.delivery_id == d.id, b.via != "smtp").correlate(deliveries).exists(),
        select(r.id).where(r.delivery_id == d.id).correlate(deliveries).exists(),
        select(c.id).where(*left).correlate(deliveries).exists(),
    )
    conn.execute(
        update(deliveries)
        .where(among(conn, delivery_ids), d.state == State.UNCERTAIN, heard)
        .values(state=State.ACCEPTED, changed_at=now, cause="proved by what came back before it was uncertain")
    )


def is_uncertain(conn: Connection, delivery_id: int) -> bool:
    """Whether there is anything to prove: reading costs less than writing where links are followed all day."""
    state = conn.execute(select(deliveries.c.state).where(deliveries.c.id == delivery_id)).scalar()
    return bool(state == State.UNCERTAIN)
