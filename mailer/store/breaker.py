"""The breakers: which domains report so many unknown readers at once that the domain must be broken.

What ended lately is counted from the end of the attempts' log, whose ids ascend with time: deliveries need no index
for it, and a send pays for it only when a domain reports unknown readers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from mailer.model.bounce import Family
from mailer.model.delivery import State
from mailer.model.suppression import BREAKER_LEAST, BREAKER_SHARE, DomainHour, breaker_opens
from mailer.store import suppressions
from mailer.store.schema import attempts, bounces, deliveries

HOUR = timedelta(hours=1)
USUAL = timedelta(days=30)
RECOUNT = timedelta(seconds=20)
RECOUNT_USUAL = timedelta(hours=1)
MOST_IN_HOUR = 100_000  # attempts looked at, the newest
MOST_USUAL = 300_000


@dataclass(frozen=True, slots=True)
class Counts:
    """By domain: deliveries that ended, and those without such an address, in one stretch of time before `at`."""

    at: datetime
    ended: Mapping[str, int] = field(default_factory=dict)
    unknown: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Breakers:
    """Remembers the counts for a while: those of the last hour for 20 seconds, the usual ones for an hour."""

    hour: Counts | None = None
    usual: Counts | None = None

    def opened(self, conn: Connection, domains: Iterable[str], now: datetime) -> set[str]:
        """The domains among `domains` whose unknown-address answers are not believed now; holds what came before."""
        unknown = _unknown(conn, now - HOUR, now, domains)
        suspects = {domain for domain, number in unknown.items() if number > BREAKER_LEAST * BREAKER_SHARE}
        if not suspects:
            return set()
        if _old(self.hour, now, RECOUNT):
            self.hour = _count(conn, now - HOUR, now, MOST_IN_HOUR)
        if _old(self.usual, now, RECOUNT_USUAL):
            self.usual = _count(conn, now - USUAL, now - HOUR, MOST_USUAL, now)
        found = {domain for domain in suspects if breaker_opens(self._hour_of(domain))}
        for domain in found:
            suppressions.hold_domain(conn, domain, now - HOUR)
        return found

    def _hour_of(self, domain: str) -> DomainHour:
        hour, usual = self.hour, self.usual
        if hour is None or usual is None:
            return DomainHour(0, 0, 0.0)
        before = usual.ended.get(domain, 0)
        share = usual.unknown.get(domain, 0) / before if before else 0.0
        return DomainHour(hour.ended.get(domain, 0), hour.unknown.get(domain, 0), share)


def _old(counts: Counts | None, now: datetime, after: timedelta) -> bool:
    return counts is None or not counts.at <= now < counts.at + after


def _count(conn: Connection, since: datetime, until: datetime, most: int, at: datetime | None = None) -> Counts:
    """What ended in a stretch of time, as far as it stands in the newest `most` attempts."""
    a, d = attempts.c, deliveries.c
    last = conn.execute(select(func.max(a.id))).scalar() or 0
    first = max(first_since(conn, since, last), last - most)
    start = conn.execute(select(a.at).where(a.id > first).order_by(a.id).limit(1)).scalar() or since
    rows = conn.execute(
        select(d.domain, func.count(func.distinct(a.delivery_id)))
        .select_from(attempts.join(deliveries, d.id == a.delivery_id))
        .where(a.id > first, a.at <= until, a.state.in_((State.ACCEPTED, State.FAILED)))
        .group_by(d.domain)
    )
    ended = {row[0]: row[1] for row in rows}
    return Counts(at or until, ended, _unknown(conn, max(since, start - timedelta(milliseconds=1)), until))


def first_since(conn: Connection, since: datetime, last: int) -> int:
    """The greatest id of an attempt made by `since`, by halving: some twenty looks at the primary key."""
    low, high = 0, last
    while low < high:
        middle = (low + high + 1) // 2
        moment = conn.execute(
            select(attempts.c.at).where(attempts.c.id <= middle).order_by(attempts.c.id.desc()).limit(1)
        ).scalar()
        if moment is None or moment <= since:
            low = middle
        else:
            high = middle - 1
    return low


def _unknown(
    conn: Connection, since: datetime, until: datetime, domains: Iterable[str] | None = None
) -> dict[str, int]:
    """How many readers of each domain were unknown in a stretch of time; by the index on domain and time."""
    b = bounces.c
    query = (
        select(b.domain, func.count(func.distinct(b.delivery_id)))
        .where(b.at > since, b.at <= until, b.family == Family.NO_SUCH_ADDRESS, b.delivery_id.is_not(None))
        .group_by(b.domain)
    )
    if domains is not None:
        query = query.where(b.domain.in_(sorted(set(domains))))
    return {row[0]: row[1] for row in conn.execute(query)}
