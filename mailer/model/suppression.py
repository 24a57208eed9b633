"""What follows from a reader's history of bounces: one pure judge, so that any history can be replayed.

Only faults of the address, or of its owner's mailbox, ever count against a reader; what is about us, about the
message or about the network never does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from mailer.model.bounce import FAMILY, FAULT, Family, Fault, Kind
from mailer.sentence import Sentence, clauses, word


class Action(StrEnum):
    """What to do about one address."""

    RECORD = "record"  # nothing but remembering it
    REST = "rest"  # no mail until `until`, then one more try
    HOLD = "hold"  # would be suppressed, but it is about a whole domain: somebody or something looks first
    SUPPRESS = "suppress"


@dataclass(frozen=True, slots=True)
class Fact:
    """One bounce of one reader's: when, what kind, why, for which delivery."""

    at: datetime
    kind: Kind
    reason: str
    delivery_id: int | None = None

    @property
    def family(self) -> Family:
        """The family of the reason."""
        return FAMILY.get(self.reason, Family.UNCLEAR)


@dataclass(frozen=True, slots=True)
class History:
    """All that is known of one reader's mail: bounces, deliveries that brought none, signs of reading."""

    facts: Sequence[Fact]
    successes: Sequence[datetime] = ()
    readings: Sequence[datetime] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows, with the sentence that explains it. `until` ends a rest or a suppression (None: never)."""

    action: Action
    reason: str = ""
    why: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Days:
    """So many distinct days with an event, the first and the last at least `span` apart.

    `look_up`: held until our own DNS look-up has confirmed it.
    """

    count: int
    span: timedelta
    expiry: timedelta | None = None
    without_success: bool = False
    look_up: bool = False


DEFAULT_DAYS = {
    Family.INACTIVE: Days(2, timedelta(days=7)),
    Family.MAILBOX_FULL: Days(5, timedelta(days=30), timedelta(days=90), without_success=True),
    Family.REJECTED_AFTER_DATA: Days(3, timedelta(days=14)),
    Family.NO_SUCH_DOMAIN: Days(3, timedelta(days=7), timedelta(days=90), look_up=True),
}


@dataclass(frozen=True, slots=True)
class Policy:
    """The table of docs/bounces.md in numbers."""

    days: dict[Family, Days] = field(default_factory=lambda: dict(DEFAULT_DAYS))
    recently_seen: timedelta = timedelta(days=30)
    rest: timedelta = timedelta(days=7)
    half_point: float = 0.5
    threshold: float = 5.0
    quiet: timedelta = timedelta(days=30)
    memory: timedelta = timedelta(days=365)


def judge(history: History, now: datetime, *, breaker_open: bool = False, policy: Policy | None = None) -> Verdict:
    """The verdict on one reader at `now`, from everything known until then; order of the facts does not matter."""
    policy = policy or Policy()
    facts = sorted(
        (fact for fact in history.facts if now - policy.memory <= fact.at <= now or fact.kind is Kind.COMPLAINT),
        key=lambda fact: fact.at,
    )
    if any(fact.kind is Kind.COMPLAINT and fact.at <= now for fact in facts):
        return Verdict(Action.SUPPRESS, "complaint", Sentence("the reader reported the mail as spam"))
    facts = [fact for fact in facts if fact.kind in {Kind.HARD, Kind.SOFT}]
    dead = _judge_dead(facts, history, breaker_open, policy, now)
    if dead.action is not Action.RECORD:
        return dead
    for family, rule in policy.days.items():
        verdict = _judge_days(facts, family, rule, history, now)
        if verdict is not None:
            return verdict
    points = _points(facts, history.readings, policy, now)
    if points >= policy.threshold:
        why = Sentence("%(points)s points of failures nobody explained", points=f"{points:g}")
        return Verdict(Action.SUPPRESS, "points", why, now + timedelta(days=90))
    return dead if dead.why else Verdict(Action.RECORD, why=_nothing(facts))


def standing(history: History, now: datetime, *, policy: Policy | None = None) -> Verdict:
    """What stands at `now` if the policy judges every bounce as it came: silence since then lifts nothing by itself."""
    latest = judge(history, now, policy=policy)
    if latest.action is not Action.RECORD:
        return latest
    moments = sorted({fact.at for fact in history.facts if fact.at <= now}, reverse=True)
    verdicts = (judge(history, moment, policy=policy) for moment in moments)
    still = (each for each in verdicts if each.action is not Action.RECORD and (each.until is None or each.until > now))
    return next(still, latest)


def _judge_dead(facts: Sequence[Fact], history: History, breaker_open: bool, policy: Policy, now: datetime) -> Verdict:
    """No such address: at once, but not while the whole domain says so, and twice for who was reading lately."""
    after = max((moment for moment in history.readings if moment <= now), default=None)
    dead = [fact for fact in facts if fact.family is Family.NO_SUCH_ADDRESS and fact.kind is Kind.HARD]
    if after is not None:
        dead = [fact for fact in dead if fact.at > after]
    if not dead:
        return Verdict(Action.RECORD)
    first, last = dead[0], dead[-1]
    if breaker_open:
        why = Sentence("the whole domain reports unknown readers; waiting for a person")
        return Verdict(Action.HOLD, last.reason, why)
    if after is not None and first.at - after <= policy.recently_seen and last.at - first.at < policy.rest:
        if now < first.at + policy.rest:
            until = first.at + policy.rest
            why = Sentence("was reading within 30 days; a second report decides")
            return Verdict(Action.REST, last.reason, why, until)
        return Verdict(Action.RECORD, last.reason, Sentence("was reading within 30 days; the next report decides"))
    return Verdict(Action.SUPPRESS, last.reason, Sentence("the receiving server says that there is no such address"))


def _judge_days(facts: Sequence[Fact], family: Family, rule: Days, history: History, now: datetime) -> Verdict | None:
    events = [fact for fact in facts if fact.family is family]
    if rule.without_success:
        last_good = max((moment for moment in (*history.successes, *history.readings) if moment <= now), default=None)
        events = [fact for fact in events if last_good is None or fact.at > last_good]
    else:
        last_read = max((moment for moment in history.readings if moment <= now), default=None)
        events = [fact for fact in events if last_read is None or fact.at > last_read]
    days = {fact.at.date() for fact in events}
    if len(days) < rule.count or events[-1].at - events[0].at < rule.span:
        return None
    until = events[-1].at + rule.expiry if rule.expiry else None
    if until is not None and until <= now:
        return None
    first, last = events[0].at.date(), events[-1].at.date()
    what = "%(family)s on %(count)s days from %(first)s to %(last)s"
    why = Sentence(what, family=word("code", family), count=len(days), first=first, last=last)
    if rule.look_up:
        why = clauses([why, Sentence("our own look-up decides")])
        return Verdict(Action.HOLD, events[-1].reason, why, until)
    return Verdict(Action.SUPPRESS, events[-1].reason, why, until)


_UNEXPLAINED = frozenset({Family.UNCLEAR, Family.SUPPRESSED})  # a relay's own list does not say why either


def _points(facts: Iterable[Fact], readings: Sequence[datetime], policy: Policy, now: datetime) -> float:
    """Half a point a day with an unexplained failure; reading, or 30 quiet days, wipes the slate."""
    points, last = 0.0, None
    counted = [fact for fact in facts if fact.family in _UNEXPLAINED or fact.reason == "expired"]
    for fact in counted:
        if last is not None:
            if fact.at.date() == last.date():
                continue
            if fact.at - last > policy.quiet or any(last < moment <= fact.at for moment in readings):
                points = 0.0
        points, last = points + policy.half_point, fact.at
    if last is None or now - last > policy.quiet or any(last < moment <= now for moment in readings):
        return 0.0
    return points


_UNCOUNTED = {
    Fault.SENDER: Sentence("the refusal is about us, not about the reader"),
    Fault.MESSAGE: Sentence("the refusal is about the message, not about the reader"),
    Fault.NETWORK: Sentence("the network's or a server's trouble"),
}
_NOT_YET, _CLEAN = Sentence("counted; not enough yet to stop"), Sentence("nothing counts against this reader")


def _nothing(facts: Sequence[Fact]) -> Sentence:
    return _UNCOUNTED.get(FAULT[facts[-1].family], _NOT_YET) if facts else _CLEAN


@dataclass(frozen=True, slots=True)
class DomainHour:
    """One domain's last hour: deliveries that ended, how many had no such address, and the usual share."""

    ended: int
    unknown: int
    usual: float


BREAKER_LEAST = 30
BREAKER_SHARE = 0.10
BREAKER_TIMES = 5


def breaker_opens(hour: DomainHour) -> bool:
    """Whether so many of a domain's readers are unknown at once that the domain, not the readers, is broken.

    Gmail answered 550 5.1.1 for existing accounts for hours in December 2020.
    """
    share = hour.unknown / hour.ended if hour.ended else 0.0
    return hour.ended >= BREAKER_LEAST and share > BREAKER_SHARE and share >= BREAKER_TIMES * hour.usual
