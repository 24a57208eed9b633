"""The watch over running sends: counts what came back and pauses what had better stop, once for each reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, case, func, literal, select

from mailer.model.bounce import Family, Kind
from mailer.model.delivery import State
from mailer.model.pacing import group_of
from mailer.model.thresholds import (
    BOUNCES,
    COMPLAINTS,
    DOMAIN_BOUNCES,
    DOMAIN_FAULTS,
    LEAST_EVENTS,
    SENDER_FAULTS,
    Alarm,
    Threshold,
    domain_held,
    enough,
    first_complaint,
    judge,
)
from mailer.store import bounces as log
from mailer.store import budgets, issues
from mailer.store.engine import Database
from mailer.store.schema import bounces, deliveries, events

RECHECK = timedelta(seconds=5)
DOMAIN_PAUSE = 3600.0  # seconds
ACTOR = "bounces"
WARNED, PAUSED = "warned", "paused"
_ENDED = (State.ACCEPTED, State.FAILED)


@dataclass(slots=True)
class Watch:
    """Looks at each issue at most every five seconds; what a person resumed is not paused again for the same.

    Issues passed over (`owed`) are looked at by a later look, or by `catch_up` at the end of a run.
    """

    looked: dict[int, datetime] = field(default_factory=dict)
    owed: set[int] = field(default_factory=set)

    def look(
        self, conn: Connection, issue_ids: Iterable[int | None], now: datetime, *, complaint: bool = False
    ) -> None:
        """Judge the issues something came back for, at once where it is a complaint; in the recording transaction."""
        new = {each for each in issue_ids if each is not None}
        for issue_id in sorted(new | self.owed):
            last = self.looked.get(issue_id)
            if (complaint and issue_id in new) or last is None or not last <= now < last + RECHECK:
                self._look(conn, issue_id, now)
            else:
                self.owed.add(issue_id)

    def catch_up(self, db: Database, now: datetime) -> None:
        """Judge the issues that were passed over: nothing more comes for now. Each is owed until that is committed."""
        for issue_id in sorted(self.owed):
            db.run(_look, issue_id, now)
            self.owed.discard(issue_id)

    def _look(self, conn: Connection, issue_id: int, now: datetime) -> None:
        self.looked[issue_id] = now
        self.owed.discard(issue_id)
        _look(conn, issue_id, now)

    def hold(self, conn: Connection, issue_id: int, domain: str, now: datetime) -> None:
        """Say of an issue, once, that a domain's answers about its readers are not believed."""
        _note(conn, issue_id, domain_held(domain), WARNED, now)


def _look(conn: Connection, issue_id: int, now: datetime) -> None:
    came = _came_back(conn, issue_id)
    complaints = sum(each.complaints for each in came)
    if complaints:
        _note(conn, issue_id, first_complaint(_complainer(conn, issue_id)), WARNED, now)
    _judge_send(conn, issue_id, BOUNCES, sum(each.failed for each in came), now)
    _judge_send(conn, issue_id, COMPLAINTS, complaints, now)
    _judge_send(conn, issue_id, SENDER_FAULTS, sum(each.ours for each in came), now)
    for domain, failed, _, ours in came:
        for alarm in judge(DOMAIN_BOUNCES, failed, _ended_at(conn, issue_id, DOMAIN_BOUNCES, failed, domain), domain):
            _note(conn, issue_id, alarm, WARNED, now)
        ended = _ended_at(conn, issue_id, DOMAIN_FAULTS, ours, domain)
        for alarm in judge(DOMAIN_FAULTS, ours, ended, domain):
            if _note(conn, issue_id, alarm, WARNED, now):
                slowdown = budgets.Slowdown(budgets.PROVIDER + group_of(domain), ended, DOMAIN_PAUSE, alarm.cause)
                budgets.settle(conn, {}, [slowdown], now)


def _complainer(conn: Connection, issue_id: int) -> str:
    """The domain of the reader who complained first."""
    b = bounces.c
    first = select(b.domain).where(b.issue_id == issue_id, b.kind == Kind.COMPLAINT).order_by(b.id).limit(1)
    return str(conn.execute(first).scalar())


def _judge_send(conn: Connection, issue_id: int, threshold: Threshold, number: int, now: datetime) -> None:
    if number < LEAST_EVENTS:
        return
    for alarm in judge(threshold, number, _ended(conn, issue_id, enough(threshold, number))):
        if not alarm.pause:
            _note(conn, issue_id, alarm, WARNED, now)
        elif not _known(conn, issue_id, alarm, PAUSED):
            issues.set_state(conn, issue_id, ("sending",), "paused", alarm.cause, ACTOR, now)


class Came(NamedTuple):
    """How many deliveries of an issue to one domain something came back for: each counted once for each."""

    domain: str
    failed: int
    complaints: int
    ours: int


def _came_back(conn: Connection, issue_id: int) -> list[Came]:
    """What counts by domain: of deliveries that have ended, not too old, not made good by a later try."""
    b, d = bounces.c, deliveries.c
    healed = b.fingerprint.startswith("smtp:") & (d.state == State.ACCEPTED)  # a reply, not a mail
    failed = b.kind.in_((Kind.HARD, Kind.SOFT))

    def number(which: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count(func.distinct(case((which, b.delivery_id))))

    query = (
        select(b.domain, number(failed), number(b.kind == Kind.COMPLAINT), number(b.family == Family.POLICY))
        .select_from(bounces.join(deliveries, d.id == b.delivery_id))
        .where(b.issue_id == issue_id, b.note.not_in(log.UNJUDGED), d.state.in_(_ENDED), ~healed)
        .group_by(b.domain)
    )
    return [Came(*row) for row in conn.execute(query)]


def _ended(conn: Connection, issue_id: int, most: int, *which: ColumnElement[bool]) -> int:
    """How many deliveries of an issue have ended, counted no further than `most`: sent in order, they stand first."""
    d = deliveries.c
    some = select(literal(1)).where(d.issue_id == issue_id, d.state.in_(_ENDED), *which).limit(most).subquery()
    return conn.execute(select(func.count()).select_from(some)).scalar_one()


def _ended_at(conn: Connection, issue_id: int, threshold: Threshold, events: int, domain: str) -> int:
    if events < LEAST_EVENTS:  # no share yet: nothing to count
        return 0
    return _ended(conn, issue_id, enough(threshold, events), deliveries.c.domain == domain)


def _known(conn: Connection, issue_id: int, alarm: Alarm, kind: str) -> bool:
    """Whether this was said of the issue before."""
    e = events.c
    details = conn.execute(select(e.detail).where(e.issue_id == issue_id, e.kind == kind, e.actor == ACTOR)).scalars()
    return any(str(detail.get("cause", "")).startswith(alarm.what + ":") for detail in details)


def _note(conn: Connection, issue_id: int, alarm: Alarm, kind: str, now: datetime) -> bool:
    if _known(conn, issue_id, alarm, kind):
        return False
    issues.note(conn, kind, issue_id, ACTOR, {"cause": alarm.cause}, now)
    return True
