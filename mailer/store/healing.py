"""Evidence that a delivery did arrive although nobody saw the answer: contract C7, in one place.

What comes while the answer is still awaited stands as the cause of what is under way until there is one: where none
comes it is a proof, and nothing tells that a reader opened a link where one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, not_, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from mailer.model.delivery import State
from mailer.store.bulk import among
from mailer.store.rendered import given, rendered
from mailer.store.schema import Instant, bounces, consents, deliveries, issues, returned_mails, to_millis

PROVABLE = (State.UNCERTAIN, State.ATTEMPTING)
_PROVED = "proved by "


def heal(conn: Connection, delivery_id: int, evidence: str, now: datetime) -> bool:
    """Turn an uncertain delivery into an accepted one; False when it was not uncertain.

    `evidence` says in a few words what proved it: a bounce, a complaint, a click, an unsubscribe, a relay's log.
    """
    proof = f"{_PROVED}{evidence}"[:500]
    rows = _heal(conn).rows(conn, this=delivery_id, now=to_millis(now), proof=proof)
    return [row.state for row in rows] == [State.ACCEPTED]


@rendered
def _heal(database: str) -> ReturningUpdate[Any]:
    d, now = deliveries.c, given("now", Instant)
    uncertain = d.state == State.UNCERTAIN.value
    healed = {
        "state": case((uncertain, State.ACCEPTED.value), else_=d.state),
        "changed_at": case((uncertain, now), else_=d.changed_at),
    }
    this = (d.id == given("this"), d.state.in_(PROVABLE))
    return update(deliveries).where(*this).values(**healed, cause=given("proof")).returning(d.state)


def unless_proved(cause: str | ColumnElement[str]) -> dict[str, Any]:
    """What becomes of deliveries under way whose answer nobody will see: uncertain, but for those proved meanwhile."""
    state = case((_proved(), State.ACCEPTED.value), else_=State.UNCERTAIN.value)
    return {"state": state, "cause": case((_proved(), deliveries.c.cause), else_=cause)}


def answered() -> ColumnElement[bool]:
    """Whether a relay's yes was read of what is accepted; of what was proved the moment is that of the proof."""
    return not_(_proved())


def _proved() -> ColumnElement[bool]:
    return deliveries.c.cause.startswith(_PROVED)


def accept_proved(conn: Connection, now: datetime) -> None:
    """Accept all that is under way and was proved meanwhile; nobody will see an answer to any of it."""
    d = deliveries.c
    those = (d.state == State.ATTEMPTING, _proved())
    conn.execute(update(deliveries).where(*those).values(state=State.ACCEPTED, changed_at=now, tries=d.tries + 1))


def heal_heard_of(conn: Connection, delivery_ids: Sequence[int], now: datetime) -> None:
    """Do so where an earlier copy was proved, and this is another: by a report, a line of the relay's log, a mail that
    answers it, a reader who left by it."""
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


def is_provable(conn: Connection, delivery_id: int) -> bool:
    """Whether there is anything to prove: reading costs less than writing where links are followed all day."""
    state = conn.execute(select(deliveries.c.state).where(deliveries.c.id == delivery_id)).scalar()
    return state in PROVABLE
