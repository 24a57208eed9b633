"""Returned mail or a refusal -> token -> classify -> append -> judge -> suppression, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Connection

from mailer.errors import AddressError
from mailer.mail import mime
from mailer.mail.address import match_key
from mailer.mail.reply import Reply
from mailer.model.bounce import Diagnosis, Family, Kind
from mailer.model.carriers import Found, in_envelope, in_mail
from mailer.model.delivery import Phase
from mailer.model.diagnosis import classify, classify_reply
from mailer.model.reading import Reading, Result, read_mail
from mailer.model.suppression import (
    BREAKER_LEAST,
    BREAKER_SHARE,
    Action,
    Fact,
    History,
    Policy,
    Verdict,
    breaker_opens,
    judge,
)
from mailer.model.tokens import Keyring, Purpose
from mailer.store import bounces, consents, returned, signups, suppressions
from mailer.store.bounces import Bounce
from mailer.store.consents import Step
from mailer.store.engine import Database
from mailer.store.healing import heal
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

    delivery_id: int | None
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


def _entry(reader: Reader, verdict: Verdict, text: str, bounce_id: int | None) -> Suppression | None:
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


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one returned mail: `state` as in the store, `sentence` for people."""

    state: str
    reading: Reading
    found: Found | None = None
    verdict: Verdict | None = None
    sentence: str = ""


class TakeIn:
    """The way of returned mail: kept first, then read; a mail that is here already changes nothing.

    `max_age` is the age of a delivery's last change beyond which a report is recorded, not acted on.
    """

    def __init__(
        self,
        db: Database,
        keyring: Keyring,
        clock: Callable[[], datetime],
        *,
        max_age: timedelta = timedelta(days=30),
    ) -> None:
        self.db = db
        self.keyring = keyring
        self.clock = clock
        self.max_age = max_age
        self.breakers = Breakers()

    def welcome(self, recipient: str) -> bool:
        """Whether mail to this address is for us: only a return path we signed is (no backscatter)."""
        return in_envelope(self.keyring, recipient) is not None

    def keep(self, raw: bytes, via: str, envelope_to: str = "") -> int | None:
        """Make a mail durable; None when the very same one is here already. Raises StoreError."""
        return self.db.run(returned.keep, raw, via, envelope_to, self.clock())

    def take(self, raw: bytes, via: str, envelope_to: str = "") -> Taken:
        """Keep and read one mail in one transaction. Raises StoreError; then nothing was taken."""
        reading = read_mail(raw)
        now = self.clock()
        with self.db.transaction() as conn:
            mail_id = returned.keep(conn, raw, via, envelope_to, now)
            if mail_id is None:
                return Taken("repeat", reading, sentence="the very same mail was taken before")
            return self._read(conn, mail_id, raw, reading, via, envelope_to, now)

    def read_kept(self, limit: int = 50) -> int:
        """Read mails that were only kept so far; returns how many."""
        rows = self.db.read(returned.unread, limit)
        readings = [read_mail(row.content) for row in rows]
        with self.db.transaction() as conn:
            for row, reading in zip(rows, readings, strict=True):
                self._read(conn, row.id, row.content, reading, row.via, row.envelope_to, row.at)
        return len(rows)

    def _read(
        self,
        conn: Connection,
        mail_id: int,
        raw: bytes,
        reading: Reading,
        via: str,
        envelope_to: str,
        now: datetime,
    ) -> Taken:
        found, delivery = self._whose(conn, raw, envelope_to)
        result = _about(reading, delivery.address if delivery else "")
        stale = bool(delivery) and now - delivery.changed_at > self.max_age
        row = Bounce(
            now,
            via,
            result.diagnosis,
            f"report:{delivery.id}:{result.diagnosis.kind}" if delivery else f"mail:{mail_id}",
            delivery.id if delivery else None,
            delivery.subscriber_id if delivery else None,
            delivery.issue_id if delivery else None,
            delivery.domain if delivery else "",
            result.recipient,
            result.text,
            mail_id,
            bounces.STALE if stale else "",
        )
        if delivery is None or found is None:
            if reading.kind is not Kind.NONE:
                bounces.append(conn, [row])
            returned.mark(conn, mail_id, returned.UNVERIFIED)
            return Taken(returned.UNVERIFIED, reading, sentence="no token of ours: kept, nobody's state changes")
        heal(conn, delivery.id, f"{reading.form}, {found.carrier}", now)
        if reading.kind is Kind.NONE and not reading.results:
            returned.mark(conn, mail_id, returned.REPLY)
            return Taken(returned.REPLY, reading, found, sentence="a person's answer, or a mail that says nothing")
        added = bounces.append(conn, [row])
        returned.mark(conn, mail_id, returned.READ)
        if stale:
            return Taken(returned.READ, reading, found, sentence="too old: recorded, not acted on")
        if not added:
            return Taken(returned.READ, reading, found, sentence="this delivery has such a report already")
        if reading.opt_out:
            return Taken(returned.READ, reading, found, self._opt_out(conn, delivery, now), "unsubscribed")
        reader = Reader(delivery.id, delivery.subscriber_id, delivery.address, delivery.domain)
        bounce_id = next(iter(added.values()))
        verdict = judge_readers(conn, [(reader, result.diagnosis, result.text, bounce_id)], now, self.breakers)[0]
        return Taken(returned.READ, reading, found, verdict, f"{verdict.action}: {verdict.why}")

    def _whose(self, conn: Connection, raw: bytes, envelope_to: str) -> tuple[Found | None, Any]:
        """The token decides who: the envelope's first, then what the mail carries; the delivery must exist."""
        sure = in_envelope(self.keyring, envelope_to)
        for found in (sure,) if sure else in_mail(self.keyring, mime.read(raw)):
            delivery = returned.delivery(conn, found.delivery_id)
            if delivery is not None:
                return found, delivery
        return None, None

    def _opt_out(self, conn: Connection, delivery: Any, now: datetime) -> Verdict:
        if delivery.subscriber_id is not None and signups.depart(conn, delivery.subscriber_id, now):
            consents.append(conn, delivery.subscriber_id, Step("withdrawn", source="report"), now)
        return Verdict(Action.RECORD, "opt-out", "the reader asked for no more mail")


def _about(reading: Reading, address: str) -> Result:
    """The result about our reader: the one that names him, else the gravest."""
    for result in reading.results:
        if result.recipient.lower() == address.lower():
            return result
    same = [result for result in reading.results if result.diagnosis.kind is reading.kind]
    return same[0] if same else Result("", Diagnosis(reading.kind, reading.reason or "undefined", "", reading.form))


@dataclass(slots=True)
class LogTally:
    """What a relay's log told: attempts of ours by status, deliveries proved, bounces that were new."""

    seen: dict[str, int] = field(default_factory=dict)
    healed: int = 0
    new: int = 0


class LogLine(Protocol):
    """One attempt in a relay's log."""

    @property
    def message_id(self) -> str: ...
    @property
    def recipient(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def dsn(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def queue_id(self) -> str: ...


def take_log(
    db: Database, keyring: Keyring, lines: Iterable[LogLine], now: datetime, max_age: timedelta = timedelta(days=30)
) -> LogTally:
    """Append what the receiving servers said of our deliveries; reading the same log again changes nothing.

    Only a line whose Message-ID carries our token counts. `sent` is recorded too: it is the receiver's own 250.
    """
    tally, breakers = LogTally(), Breakers()
    for batch in _batches(lines, 200):
        with db.transaction() as conn:
            _take_log_lines(conn, keyring, batch, now, max_age, tally, breakers)
    return tally


def _take_log_lines(
    conn: Connection,
    keyring: Keyring,
    lines: Sequence[LogLine],
    now: datetime,
    max_age: timedelta,
    tally: LogTally,
    breakers: Breakers,
) -> None:
    rows: list[Bounce] = []
    readers: dict[str, tuple[Reader, Diagnosis, str]] = {}
    for line in lines:
        delivery_id = keyring.read(line.message_id.partition("@")[0], Purpose.MESSAGE)
        delivery = returned.delivery(conn, delivery_id) if delivery_id is not None else None
        if delivery is None:
            continue
        tally.seen[line.status] = tally.seen.get(line.status, 0) + 1
        tally.healed += heal(conn, delivery.id, "the relay's log", now)
        diagnosis = _log_diagnosis(line)
        fingerprint = f"log:{delivery.id}:{line.queue_id}:{diagnosis.kind}:{diagnosis.reason}"
        stale = now - delivery.changed_at > max_age
        rows.append(
            Bounce(
                now,
                "log",
                diagnosis,
                fingerprint,
                delivery.id,
                delivery.subscriber_id,
                delivery.issue_id,
                delivery.domain,
                line.recipient,
                line.text,
                note=bounces.STALE if stale else "",
            )
        )
        if not stale:
            reader = Reader(delivery.id, delivery.subscriber_id, delivery.address, delivery.domain)
            readers[fingerprint] = (reader, diagnosis, line.text)
    added = bounces.append(conn, list({row.fingerprint: row for row in rows}.values()))
    tally.new += len(added)
    judge_readers(conn, [(*readers[key], number) for key, number in added.items() if key in readers], now, breakers)


def _log_diagnosis(line: LogLine) -> Diagnosis:
    """`sent` and `deferred` say so themselves; only a bounce is classified for good."""
    if line.status == "sent":
        return Diagnosis(Kind.NONE, "delivered", line.dsn, "status=sent (Postfix)")
    found = classify(line.text, status=line.dsn)
    return found if line.status in {"bounced", "expired"} else replace(found, kind=Kind.DELAY)


def _batches(lines: Iterable[LogLine], size: int) -> Iterator[list[LogLine]]:
    batch: list[LogLine] = []
    for line in lines:
        batch.append(line)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class Difference:
    """A reader whom today's policy judges otherwise than the suppression list stands."""

    address: str
    change: str  # would be suppressed | would not be suppressed
    verdict: Verdict


def replay(db: Database, now: datetime, *, apply: bool = False, policy: Policy | None = None) -> Iterator[Difference]:
    """Judge every reader with bounces again; yields differences, and with `apply` makes what is missing.

    What is on the list and would not be is only shown: lifting is a person's decision.
    """
    last = 0
    while rows := db.read(bounces.readers_with_bounces, last, 500):
        last = rows[-1].id
        yield from db.run(_replay_some, rows, now, apply, policy)


def _replay_some(
    conn: Connection, rows: Sequence[Any], now: datetime, apply: bool, policy: Policy | None
) -> list[Difference]:
    histories = bounces.histories(conn, [row.id for row in rows], now)
    found: list[Difference] = []
    for row in rows:
        verdict = judge(histories[row.id], now, policy=policy)
        entry = suppressions.active(conn, row.match_key, now)
        if verdict.action in {Action.SUPPRESS, Action.REST} and entry is None:
            found.append(Difference(row.address, "would be suppressed", verdict))
            made = _entry(Reader(None, row.id, row.address, row.domain), verdict, "judged again", None)
            if apply and made:
                suppressions.suppress(conn, [made], now)
        elif verdict.action is Action.RECORD and entry is not None and entry.actor.startswith("policy"):
            found.append(Difference(row.address, "would not be suppressed", verdict))
    return found
