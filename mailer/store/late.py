"""Answers that come after somebody has taken over: a worker that stood still knows better than who waited for it.

What its claim held is uncertain by then, waits to be sent again, or is another claim's; its issue may have finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Text, case, literal, select, update

from mailer.model.delivery import State
from mailer.store.bulk import among, batch, one_of
from mailer.store.issues import edition_now
from mailer.store.schema import attempts, deliveries, issues


def accepted_before(conn: Connection, delivery_ids: Sequence[int]) -> set[int]:
    """Of these deliveries those whose acceptance stands in the log: by a claim that nobody had waited for."""
    if not delivery_ids:
        return set()
    a = attempts.c
    ids = batch(conn, delivery_ids)
    mine = one_of(conn.dialect.name, a.delivery_id, literal(ids, Text))
    return set(conn.execute(select(a.delivery_id).where(mine, a.state == State.ACCEPTED)).scalars())


def take_back_taken(conn: Connection, claim_id: int, delivery_ids: Sequence[int]) -> None:
    """Put what waits to be sent again, or was refused then, under the claim that has seen the relay take it."""
    d, mine = deliveries.c, among(conn, delivery_ids)
    conn.execute(update(deliveries).where(mine, d.state == State.FAILED).values(state=State.PENDING))
    back = {"state": State.ATTEMPTING, "claim_id": claim_id, "tries": _uncounted()}
    conn.execute(update(deliveries).where(mine, d.state.in_((State.PENDING, State.DEFERRED))).values(**back))


def take_back_uncertain(conn: Connection, claim_id: int, delivery_id: int) -> bool:
    """The same of what certainly was not taken; False where it is not uncertain, or by now another claim's."""
    d = deliveries.c
    mine = (d.id == delivery_id, d.claim_id == claim_id)
    found = conn.execute(
        update(deliveries).where(*mine, d.state == State.UNCERTAIN).values(state=State.PENDING, tries=_uncounted())
    )
    if not found.rowcount:
        return False
    conn.execute(update(deliveries).where(*mine, d.state == State.PENDING).values(state=State.ATTEMPTING))
    return True


def _uncounted() -> ColumnElement[int]:
    """The tries without the one that was counted when somebody took over."""
    return case((deliveries.c.tries > 0, deliveries.c.tries - 1), else_=0)


def go_on(conn: Connection, delivery_ids: Sequence[int]) -> None:
    """Send an issue again that had finished, where one of these waits for it after all."""
    d = deliveries.c
    waits = select(d.issue_id).where(among(conn, delivery_ids), d.state.in_((State.PENDING, State.DEFERRED)))
    finished = (issues.c.id.in_(waits), issues.c.state == "finished")
    conn.execute(update(issues).where(*finished).values(state="sending", finished_at=None))


def give_back(conn: Connection, claim_id: int, delivery_ids: Sequence[int], now: datetime) -> None:
    """Have those of an issue that are uncertain wait again: nothing was done with them."""
    d = deliveries.c
    mine = (among(conn, delivery_ids), d.claim_id == claim_id, d.state == State.UNCERTAIN, d.issue_id.is_not(None))
    back = {"state": State.PENDING, "changed_at": now, "cause": "", "tries": _uncounted()}
    conn.execute(update(deliveries).where(*mine).values(**back, edition_id=edition_now(counted=1)))
    go_on(conn, delivery_ids)
