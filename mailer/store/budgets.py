"""What was sent over each relay and to each throttled provider, shared by all workers.

Nothing is counted twice and nothing is given back: what is under way is read from the open claims themselves, what
was answered is charged in the transaction that records it. So a worker that dies leaves no hole, and an allowance
that was not used is free at once; only a part of a limit by the second is kept ten seconds longer. Rows are locked
in the order of their keys, after every other row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, func, select, update

from mailer.model.delivery import State
from mailer.model.pacing import Budget, Part, Slowed, Window, divide, domains_of, group_of
from mailer.store.breaker import first_since
from mailer.store.bulk import among
from mailer.store.engine import insert_new
from mailer.store.holdings import under_way
from mailer.store.schema import attempts, budgets, claims, deliveries, from_millis

RELAY, PROVIDER, SECOND = "relay:", "provider:", "second:"
MINUTE = timedelta(minutes=1)
LAST_COUNTS_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many messages may be claimed now: over the relay, and of each slowed provider; None: no limit.

    `wait` is in how many seconds more may be, at the earliest, when nothing changes. `part` is how much the worker
    may use of the relay's limit by the second.
    """

    relay: int | None = None
    part: int | None = None
    providers: Mapping[str, int] = field(default_factory=dict)
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Wish:
    """A worker's for a part of a limit by the second: the limit, and how much of it the worker uses at this moment."""

    worker: str
    whole: int
    using: int


@dataclass(frozen=True, slots=True)
class Slowdown:
    """A throttle answer: which budget, what this worker saw taken in the last minute, how long to pause, why."""

    key: str
    taken: int
    pause: float
    cause: str


def allowance(
    conn: Connection, relay: str, quotas: Sequence[Window], now: datetime, wish: Wish | None = None
) -> Allowance:
    """What may be claimed for a relay now; the rows stay locked until the claim is committed.

    One statement where no limit is set and nothing is slowed.
    """
    key, moment = RELAY + relay, now.timestamp()
    for needed in [key] * bool(quotas) + [SECOND + relay] * bool(wish):
        conn.execute(insert_new(conn, budgets, "key").values(key=needed))
    rows = conn.execute(_rows().with_for_update()).all()
    part = _divide(conn, next(row for row in rows if row.key == SECOND + relay), wish, moment) if wish else None
    if part == 0:
        return Allowance(part=0, wait=1.0)
    known = {row.key: _budget(row) for row in rows if not row.key.startswith(SECOND)}
    slowed = {name: each for name, each in known.items() if each.is_slowed(moment) and name.startswith(PROVIDER)}
    own = known.get(key, Budget())
    if not quotas and not own.is_slowed(moment) and not slowed:
        return Allowance(part=part)
    over_relay, of_group = _held(conn, relay)
    providers = {
        name.removeprefix(PROVIDER): each.allowance((), of_group.get(name.removeprefix(PROVIDER), 0), moment) or 0
        for name, each in slowed.items()
    }
    waits = [own.wait(quotas, moment), *(each.wait((), moment) for each in slowed.values())]
    return Allowance(own.allowance(quotas, over_relay, moment), part, providers, min(filter(None, waits), default=0.0))


def _divide(conn: Connection, row: Any, wish: Wish, moment: float) -> int:
    """This worker's part of a relay's limit by the second, kept in the relay's row as (worker, share, until)."""
    parts = [Part(*part) for part in row.usage]
    busy = set(conn.execute(select(claims.c.worker).where(claims.c.ended_at.is_(None)).distinct()).scalars())
    after, share = divide(parts, wish.whole, wish.worker, wish.using, busy, moment)
    usage = [(part.worker, part.share, part.until) for part in after]
    conn.execute(update(budgets).where(budgets.c.key == row.key).values(usage=usage))
    return share


def leave(conn: Connection, worker: str, now: datetime) -> None:
    """Give a worker's parts of the limits by the second to the others, when what it sent last counts no longer."""
    for row in conn.execute(_rows().where(budgets.c.key.like(f"{SECOND}%")).with_for_update()).all():
        soon = now.timestamp() + LAST_COUNTS_SECONDS
        usage = [(name, share, soon if name == worker else until) for name, share, until in row.usage]
        conn.execute(update(budgets).where(budgets.c.key == row.key).values(usage=usage))


def _rows() -> Any:
    return select(budgets).order_by(budgets.c.key)


def _held(conn: Connection, relay: str) -> tuple[int, dict[str, int]]:
    """What is under way: over a relay, and to each provider over all relays."""
    rows = conn.execute(
        select(claims.c.relay, deliveries.c.domain, func.count())
        .select_from(claims.join(deliveries, deliveries.c.claim_id == claims.c.id))
        .where(under_way(conn))
        .group_by(claims.c.relay, deliveries.c.domain)
    ).all()
    groups: dict[str, int] = {}
    for _, domain, count in rows:
        groups[group_of(domain)] = groups.get(group_of(domain), 0) + count
    return sum(count for name, _, count in rows if name == relay), groups


def settle(
    conn: Connection,
    sent: Mapping[str, int],
    slowdowns: Sequence[Slowdown],
    now: datetime,
    taken: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """Charge what was answered, by budget (only budgets that exist), and learn from throttle answers.

    `taken` is how many of the answers were yes.
    """
    moment = now.timestamp()
    by_key = {each.key: each for each in slowdowns}
    for key in sorted(by_key):
        conn.execute(insert_new(conn, budgets, "key").values(key=key))
    concerned = sorted({*sent, *by_key})
    for row in conn.execute(_rows().where(budgets.c.key.in_(concerned)).with_for_update()).all():
        budget = _budget(row).charged(sent.get(row.key, 0), moment, taken.get(row.key, 0))
        if row.key in by_key:
            why = by_key[row.key]
            lately = max(why.taken, _accepted_lately(conn, row.key, now))
            budget = budget.slowed(lately, why.pause, why.cause, moment)
        conn.execute(update(budgets).where(budgets.c.key == row.key).values(**_values(budget)))


def charge(conn: Connection, relay: str, delivery_ids: Sequence[int], now: datetime) -> None:
    """Charge what a dead worker may have sent over a relay, whatever became of it."""
    domains = conn.execute(select(deliveries.c.domain).where(among(conn, delivery_ids))).scalars()
    sent = Counter(PROVIDER + group_of(domain) for domain in domains)
    sent[RELAY + relay] = len(delivery_ids)
    settle(conn, sent, (), now)


def _accepted_lately(conn: Connection, key: str, now: datetime) -> int:
    """What a relay, or a provider over all relays, took in the last minute from all workers, if it is recorded."""
    last = conn.execute(select(func.max(attempts.c.id))).scalar() or 0
    first = first_since(conn, now - MINUTE, last)
    if key.startswith(RELAY):
        concerned = attempts.c.relay == key.removeprefix(RELAY)
    else:
        concerned = deliveries.c.domain.in_(domains_of(key.removeprefix(PROVIDER)))
    return conn.execute(
        select(func.count())
        .select_from(attempts.join(deliveries, deliveries.c.id == attempts.c.delivery_id))
        .where(attempts.c.id > first, attempts.c.state == State.ACCEPTED, concerned)
    ).scalar_one()


def slowed(conn: Connection, now: datetime) -> list[Slowed]:
    """Every relay and provider that is slowed at this moment, by name."""
    moment, found = now.timestamp(), []
    for row in conn.execute(_rows().where(budgets.c.key.not_like(f"{SECOND}%"))):
        budget = _budget(row)
        if budget.is_slowed(moment):
            found.append(Slowed(row.key.partition(":")[2], budget.blocked_until, budget.learned(moment), budget.cause))
    return found


def _budget(row: Any) -> Budget:
    return Budget(
        usage=tuple((moment, count) for moment, count in row.usage),
        rate=row.rate,
        slowed_at=row.slowed_at.timestamp() if row.slowed_at else 0.0,
        blocked_until=row.blocked_until.timestamp() if row.blocked_until else 0.0,
        strikes=row.strikes,
        cause=row.cause,
    )


def _values(budget: Budget) -> dict[str, Any]:
    return {
        "usage": budget.usage,
        "rate": budget.rate,
        "slowed_at": from_millis(round(budget.slowed_at * 1000)) if budget.slowed_at else None,
        "blocked_until": from_millis(round(budget.blocked_until * 1000)) if budget.blocked_until else None,
        "strikes": budget.strikes,
        "cause": budget.cause,
    }
