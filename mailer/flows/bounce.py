"""Returned mail or a refusal -> token -> classify -> append -> judge -> suppression, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from mailer.errors import AddressError
from mailer.mail.address import match_key
from mailer.mail.reply import Reply
from mailer.model.bounce import Diagnosis, Family, Kind
from mailer.model.delivery import Phase
from mailer.model.diagnosis import classify_reply
from mailer.model.suppression import BREAKER_LEAST, BREAKER_SHARE, Action, Fact, History, Verdict, breaker_opens, judge
from mailer.store import bounces, suppressions
from mailer.store.bounces import Bounce
from mailer.store.suppressions import ACTIVE, HELD, Suppression

RECHECK = timedelta(seconds=60)  # how long a domain's breaker keeps its answer


class Refused(Protocol):
    """The delivery a refusal is about."""

    @property
    def id(self) -> int: ...
    @property
    def issue_id(self) -> int | None: ...
    @property
    def subscriber_id(self) -> int | None: ...
    @property
    def address(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def tries(self) -> int: ...


class Refusal(Protocol):
    """A relay's answer to one delivery, as the dispatcher saw it."""

    @property
    def delivery(self) -> Refused: ...
    @property
    def reply(self) -> Reply: ...
    @property
    def phase(self) -> Phase: ...


@dataclass(slots=True)
class Breakers:
    """Which domains' breakers are open; asked of the database at most once a minute and domain."""

    answers: dict[str, tuple[datetime, bool]] = field(default_factory=dict)

    def opened(self, conn: Connection, domains: Iterable[str], now: datetime) -> set[str]:
        """The domains among `domains` whose unknown-address answers are not believed now; holds what came before."""
        counts = bounces.unknown_in_hour(conn, domains, now)
        return {domain for domain, unknown in counts.items() if self._open(conn, domain, unknown, now)}

    def _open(self, conn: Connection, domain: str, unknown: int, now: datetime) -> bool:
        if unknown <= BREAKER_LEAST * BREAKER_SHARE:
            return False
        asked, answer = self.answers.get(domain, (None, False))
        if asked is None or not asked <= now < asked + RECHECK:
            answer = breaker_opens(bounces.domain_hour(conn, domain, now))
            self.answers[domain] = (now, answer)
            if answer:
                suppressions.hold_domain(conn, domain, now - bounces.HOUR)
        return answer


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom a bounce is about, found by its token."""

    delivery_id: int
    subscriber_id: int | None
    address: str
    domain: str


def record_refusals(
    conn: Connection, refusals: Sequence[Refusal], now: datetime, breakers: Breakers | None = None
) -> None:
    """Append a bounce for each refusal and suppress whom the judge says; runs in the caller's transaction.

    Recording the same refusals twice changes nothing.
    """
    rows: list[Bounce] = []
    readers: dict[str, tuple[Reader, Diagnosis, str]] = {}
    for refusal in refusals:
        delivery = refusal.delivery
        diagnosis = classify_reply(refusal.reply, refusal.phase)
        fingerprint = f"smtp:{delivery.id}:{delivery.tries}"
        rows.append(
            Bounce(
                now,
                "smtp",
                diagnosis,
                fingerprint,
                delivery.id,
                delivery.subscriber_id,
                delivery.issue_id,
                delivery.domain,
                text=str(refusal.reply),
            )
        )
        reader = Reader(delivery.id, delivery.subscriber_id, delivery.address, delivery.domain)
        readers[fingerprint] = (reader, diagnosis, str(refusal.reply))
    added = bounces.append(conn, rows)
    judge_readers(conn, [(*readers[fingerprint], bounce_id) for fingerprint, bounce_id in added.items()], now, breakers)


def judge_readers(
    conn: Connection,
    found: Sequence[tuple[Reader, Diagnosis, str, int]],
    now: datetime,
    breakers: Breakers | None = None,
) -> list[Verdict]:
    """Judge the readers of bounces just appended and suppress those whose history says so; verdicts in order."""
    if not found:
        return []
    histories = bounces.histories(conn, [reader.subscriber_id for reader, *_ in found if reader.subscriber_id], now)
    unknown = {reader.domain for reader, diagnosis, *_ in found if diagnosis.family is Family.NO_SUCH_ADDRESS}
    opened = (breakers or Breakers()).opened(conn, unknown, now) if unknown else set()
    verdicts: list[Verdict] = []
    entries: list[Suppression] = []
    for reader, diagnosis, text, bounce_id in found:
        history = histories.get(reader.subscriber_id or 0) or History(
            (Fact(now, diagnosis.kind, diagnosis.reason, reader.delivery_id),)
        )
        verdict = judge(history, now, breaker_open=reader.domain in opened)
        verdicts.append(verdict)
        entry = _entry(reader, verdict, text, bounce_id) if counts(diagnosis) else None
        if entry is not None:
            entries.append(entry)
    suppressions.suppress(conn, entries, now)
    return verdicts


def counts(diagnosis: Diagnosis) -> bool:
    """Whether a bounce can change anything; one that cannot must not bring back what a person has lifted."""
    return diagnosis.kind in {Kind.HARD, Kind.SOFT, Kind.COMPLAINT} and diagnosis.family not in {
        Family.POLICY,
        Family.SIZE,
    }


def _entry(reader: Reader, verdict: Verdict, text: str, bounce_id: int) -> Suppression | None:
    if verdict.action is Action.RECORD:
        return None
    try:
        key = match_key(reader.address)
    except AddressError:
        return None
    resting = verdict.action is Action.REST
    return Suppression(
        key,
        "resting" if resting else verdict.reason,
        text,
        f"policy: {verdict.why}"[:200],
        verdict.until,
        reader.delivery_id,
        bounce_id,
        HELD if verdict.action is Action.HOLD else ACTIVE,
    )
