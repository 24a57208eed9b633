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

from sqlalchemy import BigInteger, Connection, func, select, type_coerce, update

from mailer.model.delivery import State
from mailer.model.pacing import (
    LONGEST,
    Budget,
    Part,
    Slowed,
    Usage,
    Window,
    divide,
    domains_of,
    gathered,
    group_of,
    second_window,
)
from mailer.model.tempo import SEEN_SECONDS, Tempo, best_second
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
    may use of the relay's limit by the second; `learned` is that limit by the relay's own answers, or 0. `kept`:
    what is sent over the relay is counted, whoever sends it.
    """

    relay: int | None = None
    part: int | None = None
    learned: float = 0.0
    providers: Mapping[str, int] = field(default_factory=dict)
    wait: float = 0.0
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """A worker's for a part of a limit by the second: what it knows of that (0: nothing), and how much it uses now."""

    worker: str
    per_second: float
    using: int


NO_WISH = Wish("", 0.0, 0)


@dataclass(frozen=True, slots=True)
class Slowdown:
    """A throttle answer: which budget, what this worker saw taken in the last minute, how long to pause, why."""

    key: str
    taken: int
    pause: float
    cause: str


def allowance(conn: Connection, relay: str, quotas: Sequence[Window], now: datetime, wish: Wish = NO_WISH) -> Allowance:
    """What may be claimed for a relay now; the rows stay locked until the claim is committed.

    One statement where no limit is set and nothing is slowed.
    """
    key, second, moment = RELAY + relay, SECOND + relay, now.timestamp()
    for needed in [key] * bool(quotas) + [second] * bool(wish.per_second):
        _make(conn, needed, now)
    rows = conn.execute(_rows().with_for_update()).all()
    learned, part = 0.0, None
    known = _by_clock(conn, rows, moment)
    for row in rows:
        if row.key == second:
            learned = _tempo(row).by_clock(moment).by(moment)
            if whole := min(filter(None, (wish.per_second, learned)), default=0.0):
                part = _divide(conn, row, wish, second_window(whole).limit, moment)
    if part == 0:
        return Allowance(part=0, learned=learned, wait=1.0, kept=key in known)
    slowed = {name: each for name, each in known.items() if each.is_slowed(moment) and name.startswith(PROVIDER)}
    own = known.get(key, Budget())
    if not quotas and not own.is_slowed(moment) and not slowed:
        return Allowance(part=part, learned=learned, kept=key in known)
    over_relay, of_group = _held(conn, relay)
    providers = {
        name.removeprefix(PROVIDER): each.allowance((), of_group.get(name.removeprefix(PROVIDER), 0), moment) or 0
        for name, each in slowed.items()
    }
    waits = [own.wait(quotas, moment), *(each.wait((), moment) for each in slowed.values())]
    wait = min(filter(None, waits), default=0.0)
    return Allowance(own.allowance(quotas, over_relay, moment), part, learned, providers, wait, key in known)


def _make(conn: Connection, key: str, now: datetime) -> bool:
    """Begin a budget, where there is none yet; a relay's knows what was sent over it before anybody limited it.

    Whether what is recorded by now is in it.
    """
    made = conn.execute(insert_new(conn, budgets, "key").values(key=key).returning(budgets.c.key)).first()
    if made is None or not key.startswith(RELAY):
        return False
    a, since = attempts.c, now - timedelta(seconds=LONGEST)
    first = first_since(conn, since, conn.execute(select(func.max(a.id))).scalar() or 0)
    second = (type_coerce(a.at, BigInteger) // 1000).label("second")
    slots = select(second, func.count()).where(a.id > first, a.relay == key.removeprefix(RELAY)).group_by("second")
    usage = gathered(((at + 1.0, count) for at, count in conn.execute(slots)), now.timestamp())
    conn.execute(update(budgets).where(budgets.c.key == key).values(usage=usage))
    return True


def _by_clock(conn: Connection, rows: Sequence[Any], moment: float) -> dict[str, Budget]:
    """The budgets of relays and providers by key; what the clock was set back behind is written down by it, or it
    would begin again each time."""
    known = {}
    for row in rows:
        values: dict[str, Any] = {}
        if row.key.startswith(SECOND):
            tempo = _tempo(row)
            if (now := tempo.by_clock(moment)) is not tempo:
                values = {"slowed_at": _instant(now.at)}
        else:
            budget = _budget(row)
            known[row.key] = budget.by_clock(moment)
            if known[row.key] is not budget:
                values = _values(known[row.key])
        if values:
            conn.execute(update(budgets).where(budgets.c.key == row.key).values(**values))
    return known


def _divide(conn: Connection, row: Any, wish: Wish, whole: int, moment: float) -> int:
    """This worker's part of a relay's limit by the second, kept in the relay's row as (worker, share, until)."""
    parts = [Part(*part) for part in row.usage]
    over_it = (claims.c.ended_at.is_(None), claims.c.relay == row.key.removeprefix(SECOND))
    busy = set(conn.execute(select(claims.c.worker).where(*over_it).distinct()).scalars())
    after, share = divide(parts, whole, wish.worker, wish.using, busy, moment)
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
    new = {key for key in sorted(by_key) if _make(conn, key, now)}
    concerned = sorted({*sent, *by_key})
    for row in conn.execute(_rows().where(budgets.c.key.in_(concerned)).with_for_update()).all():
        more = 0 if row.key in new else sent.get(row.key, 0)
        budget = _budget(row).by_clock(moment).charged(more, moment, taken.get(row.key, 0))
        if row.key in by_key:
            why = by_key[row.key]
            lately = max(why.taken, _accepted_lately(conn, row.key, now))
            budget = budget.slowed(lately, why.pause, why.cause, moment)
        conn.execute(update(budgets).where(budgets.c.key == row.key).values(**_values(budget)))


def too_fast(conn: Connection, relay: str, cause: str, now: datetime) -> None:
    """Learn from an answer that a relay takes no more in this second: no more than in its best second of late."""
    key, moment = SECOND + relay, now.timestamp()
    conn.execute(insert_new(conn, budgets, "key").values(key=key))
    row = conn.execute(_rows().where(budgets.c.key == key).with_for_update()).one()
    after = _tempo(row).by_clock(moment).too_fast(best_second(_accepted_at(conn, relay, now)), cause, moment)
    values = {"rate": after.rate, "slowed_at": _instant(after.at), "strikes": after.answers, "cause": after.cause}
    conn.execute(update(budgets).where(budgets.c.key == key).values(values))


def _accepted_at(conn: Connection, relay: str, now: datetime) -> list[float]:
    """When a relay took messages lately, from all workers, if it is recorded."""
    last = conn.execute(select(func.max(attempts.c.id))).scalar() or 0
    first = first_since(conn, now - timedelta(seconds=SEEN_SECONDS), last)
    taken = select(attempts.c.at).where(
        attempts.c.id > first, attempts.c.relay == relay, attempts.c.state == State.ACCEPTED
    )
    return [moment.timestamp() for moment in conn.execute(taken.order_by(attempts.c.at)).scalars()]


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


def sent(conn: Connection) -> dict[str, Usage]:
    """What was sent over each relay that has, or had, a limit, by name."""
    rows = conn.execute(_rows().where(budgets.c.key.startswith(RELAY)))
    return {row.key.removeprefix(RELAY): _budget(row).usage for row in rows}


def slowed(conn: Connection, now: datetime) -> list[Slowed]:
    """Every relay and provider that is slowed at this moment, by name."""
    moment, found = now.timestamp(), []
    for row in conn.execute(_rows()):
        name = row.key.partition(":")[2]
        if row.key.startswith(SECOND):
            if rate := _tempo(row).by_clock(moment).by(moment):
                found.append(Slowed(name, 0.0, rate, "second", row.cause))
        elif (budget := _budget(row).by_clock(moment)).is_slowed(moment):
            found.append(Slowed(name, budget.blocked_until, budget.learned(moment), "minute", budget.cause))
    return found


def _tempo(row: Any) -> Tempo:
    return Tempo(row.rate, _seconds(row.slowed_at), row.strikes, row.cause)


def _budget(row: Any) -> Budget:
    return Budget(
        usage=tuple((moment, count) for moment, count in row.usage),
        rate=row.rate,
        slowed_at=_seconds(row.slowed_at),
        blocked_until=_seconds(row.blocked_until),
        strikes=row.strikes,
        cause=row.cause,
    )


def _seconds(at: datetime | None) -> float:
    return at.timestamp() if at else 0.0


def _values(budget: Budget) -> dict[str, Any]:
    return {
        "usage": budget.usage,
        "rate": budget.rate,
        "slowed_at": _instant(budget.slowed_at),
        "blocked_until": _instant(budget.blocked_until),
        "strikes": budget.strikes,
        "cause": budget.cause,
    }


def _instant(moment: float) -> datetime | None:
    return from_millis(round(moment * 1000)) if moment else None
