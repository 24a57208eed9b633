"""The breakers: which domains report so many unknown readers at once that the domain must be broken.

What ended lately is counted from the end of the attempts' log, whose ids ascend with time: deliveries need no index
for it, and a send pays for it only when a domain reports unknown readers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, event, func, select

from mailer.model.bounce import Family
from mailer.model.delivery import State
from mailer.model.suppression import BREAKER_LEAST, BREAKER_SHARE, DomainHour, breaker_opens
from mailer.store import suppressions
from mailer.store.rendered import given, rendered
from mailer.store.schema import Instant, attempts, bounces, deliveries, to_millis

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
    unknown: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Breakers:
    """Remembers the counts for a while: those of the last hour for 20 seconds, the usual ones for an hour.

    What is reported meanwhile is added; a breaker that it would open is counted anew first.
    """

    hour: Counts | None = None
    usual: Counts | None = None
    held: dict[str, datetime] = field(default_factory=dict)  # what others made meanwhile is held at the next recount

    def opened(self, conn: Connection, reported: Mapping[str, int], now: datetime) -> set[str]:
        """The domains whose unknown-address answers are not believed now; holds what came before.

        `reported` is how many such answers were just recorded, by domain.
        """
        if self.hour is not None:
            self.hour.unknown.update(reported)
        suspects = {domain for domain in reported if _is_suspect(conn, domain, now)}
        if not suspects:
            return set()
        if _old(self.usual.at if self.usual else None, now, RECOUNT_USUAL):
            self.usual = _count(conn, now - USUAL, now - HOUR, MOST_USUAL, now)
        found = self._open(suspects)
        fresh = [domain for domain in found if _old(self.held.get(domain), now, RECOUNT)]
        if fresh or _old(self.hour.at if self.hour else None, now, RECOUNT):
            self.hour = _count(conn, now - HOUR, now, MOST_IN_HOUR)
            found = self._open(suspects)
        for domain in found:
            if _old(self.held.get(domain), now, RECOUNT):
                suppressions.hold_domain(conn, domain, now - HOUR)
                self.held[domain] = now
                event.listen(conn, "rollback", partial(self._not_held, domain), once=True)
        return found

    def _not_held(self, domain: str, conn: Connection) -> None:
        """What is not committed after all is to be held again."""
        self.held.pop(domain, None)

    def _open(self, suspects: Iterable[str]) -> set[str]:
        return {domain for domain in suspects if breaker_opens(self._hour_of(domain))}

    def _hour_of(self, domain: str) -> DomainHour:
        hour, usual = self.hour, self.usual
        if hour is None or usual is None:
            return DomainHour(0, 0, 0.0)
        before = usual.ended.get(domain, 0)
        share = usual.unknown.get(domain, 0) / before if before else 0.0
        return DomainHour(hour.ended.get(domain, 0), hour.unknown.get(domain, 0), share)


def _old(at: datetime | None, now: datetime, after: timedelta) -> bool:
    return at is None or not at <= now < at + after


def _is_suspect(conn: Connection, domain: str, now: datetime) -> bool:
    """Whether as many unknown readers were reported in the last hour as a breaker needs at the least."""
    enough = int(BREAKER_LEAST * BREAKER_SHARE) + 1
    since = to_millis(now - HOUR)
    return (
        len(_latest_unknown(conn).rows(conn, domain=domain, since=since, until=to_millis(now), most=enough)) >= enough
    )


@rendered
def _latest_unknown(database: str) -> Select[Any]:
    reported = _reported(given("since", Instant), given("until", Instant))
    return select(bounces.c.id).where(reported, bounces.c.domain == given("domain")).limit(given("most"))


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


def _unknown(conn: Connection, since: datetime, until: datetime) -> Counter[str]:
    """How many readers of each domain were unknown in a stretch of time."""
    b = bounces.c
    number = func.count(func.distinct(b.delivery_id))
    query = select(b.domain, number).where(_reported(since, until)).group_by(b.domain)
    return Counter({row[0]: row[1] for row in conn.execute(query)})


def _reported(since: Any, until: Any) -> ColumnElement[bool]:
    """A condition over the bounces: of a reader unknown there, in a stretch of time."""
    b = bounces.c
    return and_(b.at > since, b.at <= until, b.family == Family.NO_SUCH_ADDRESS.value, b.delivery_id.is_not(None))
