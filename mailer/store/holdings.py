"""Which deliveries a claim covers: kept with the claim as stretches of numbers, so that no index has to tell."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, and_, select

from mailer.model.delivery import State
from mailer.store.bulk import among
from mailer.store.schema import claims, deliveries


def stretches(ids: Iterable[int]) -> list[tuple[int, int]]:
    """Numbers as stretches from one to another, both among them."""
    found: list[tuple[int, int]] = []
    for number in sorted(ids):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def held(conn: Connection, claim_id: int, state: State = State.ATTEMPTING) -> list[int]:
    """The deliveries of a claim that are in a state: by default that of those without an outcome."""
    d = deliveries.c
    chosen = select(d.id).where(_covered(conn, claims.c.id == claim_id), d.claim_id == claim_id, d.state == state)
    return list(conn.execute(chosen.order_by(d.id)).scalars())


def under_way(conn: Connection) -> ColumnElement[bool]:
    """Whether a delivery is in the hands of a worker: claimed, and without an outcome."""
    return and_(_covered(conn, claims.c.ended_at.is_(None)), deliveries.c.state == State.ATTEMPTING)


def _covered(conn: Connection, of: ColumnElement[bool]) -> ColumnElement[bool]:
    covers = conn.execute(select(claims.c.covers).where(of)).scalars().all()
    return among(conn, [number for each in covers for first, last in each for number in range(first, last + 1)])
