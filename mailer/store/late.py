"""Answers that come after somebody has taken over: a worker that stood still knows better than who waited for it.

What its claim held is uncertain by then, waits to be sent again, or is another claim's; its issue may have finished.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from mailer.model.delivery import State
from mailer.store.bulk import among
from mailer.store.issues import edition_now
from mailer.store.schema import deliveries, issues

TOO_LATE = "a relay had taken the message by then: this reader has it"  # the cause of who was set aside nevertheless


def take_taken(conn: Connection, claim_id: int, delivery_ids: Sequence[int], now: datetime) -> None:
    """Whom a relay has taken a message for has it, whatever was made of him meanwhile: he is accepted.

    Also where another claim holds him by now, or could not tell what became of it. Who was cancelled or suppressed
    stays so, and it is said that he has it. The rows are locked first, so that nobody gives one back unseen.
    """
    d, mine = deliveries.c, among(conn, delivery_ids)
    states: dict[str, list[int]] = defaultdict(list)
    for number, state in conn.execute(select(d.id, d.state).where(mine).order_by(d.id).with_for_update()):
        states[state].append(number)
    if states[State.FAILED]:
        _move(conn, states[State.FAILED], state=State.PENDING)
    if waiting := [*states[State.FAILED], *states[State.PENDING], *states[State.DEFERRED]]:
        _move(conn, waiting, state=State.ATTEMPTING, claim_id=claim_id)
    if open_still := [*waiting, *states[State.ATTEMPTING], *states[State.UNCERTAIN]]:
        _move(conn, open_still, state=State.ACCEPTED, claim_id=claim_id, changed_at=now, cause="")
    if set_aside := [*states[State.CANCELLED], *states[State.SUPPRESSED]]:
        _move(conn, set_aside, cause=TOO_LATE, tries=d.tries + 1)  # else his issue might be published anew


def _move(conn: Connection, delivery_ids: Sequence[int], **values: Any) -> None:
    conn.execute(update(deliveries).where(among(conn, delivery_ids)).values(values))


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
    """The tries without the one that was counted when he became uncertain."""
    return deliveries.c.tries - 1


def go_on(conn: Connection, delivery_ids: Sequence[int]) -> None:
    """Send an issue again that has finished, or is about to, where one of these waits for it after all."""
    d = deliveries.c
    waits = select(d.issue_id).where(among(conn, delivery_ids), d.state.in_((State.PENDING, State.DEFERRED)))
    theirs = (issues.c.id.in_(waits), issues.c.state.in_(("sending", "finished")))
    conn.execute(update(issues).where(*theirs).values(state="sending", finished_at=None))


def give_back(conn: Connection, claim_id: int, delivery_ids: Sequence[int], now: datetime) -> None:
    """Have those of an issue that are uncertain wait again: nothing was done with them."""
    d = deliveries.c
    mine = (among(conn, delivery_ids), d.claim_id == claim_id, d.state == State.UNCERTAIN, d.issue_id.is_not(None))
    back = {"state": State.PENDING, "changed_at": now, "cause": "", "tries": _uncounted()}
    conn.execute(update(deliveries).where(*mine).values(**back, edition_id=edition_now(counted=1)))
    go_on(conn, delivery_ids)
