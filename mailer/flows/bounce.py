"""Returned mail or a refusal -> token -> classify -> append -> judge -> suppression, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Connection

from mailer.mail import mime
from mailer.mail.mime import Mail
from mailer.mail.reply import Reply
from mailer.model.bounce import Diagnosis, Kind
from mailer.model.carriers import Found, asks_to_leave, in_envelope, in_mail
from mailer.model.delivery import Phase
from mailer.model.diagnosis import classify_reply
from mailer.model.reading import Reading, Result, read_mail
from mailer.model.suppression import Action, Verdict
from mailer.model.tokens import Keyring
from mailer.store import bounces, consents, returned, signups
from mailer.store.bounces import Bounce
from mailer.store.breaker import Breakers as Breakers
from mailer.store.consents import Step
from mailer.store.engine import Database
from mailer.store.healing import heal
from mailer.store.verdicts import Reader, judge_readers
from mailer.store.watch import Watch as Watch


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


def record_refusals(
    conn: Connection,
    refusals: Sequence[Refusal],
    now: datetime,
    breakers: Breakers | None = None,
    watch: Watch | None = None,
) -> None:
    """Append a bounce for each refusal and suppress whom the judge says; runs in the caller's transaction.

    Recording the same refusals twice changes nothing. `watch` pauses an issue of which too much comes back.
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
    if watch is not None:
        watch.look(conn, [refusal.delivery.issue_id for refusal in refusals], now)


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

    `max_age` is the age of a delivery's last change beyond which a report is recorded, not acted on; `forward`
    hands a person's answer on: (transaction, mail, the reader's address, now) -> whether it did.
    """

    def __init__(
        self,
        db: Database,
        keyring: Keyring,
        clock: Callable[[], datetime],
        *,
        max_age: timedelta = timedelta(days=30),
        forward: Callable[[Connection, bytes, str, datetime], bool] | None = None,
    ) -> None:
        self.db = db
        self.keyring = keyring
        self.clock = clock
        self.max_age = max_age
        self.forward = forward
        self.breakers = Breakers()
        self.watch = Watch()

    def welcome(self, recipient: str) -> bool:
        """Whether mail to this address is for us: only a return path we signed is (no backscatter)."""
        return in_envelope(self.keyring, recipient) is not None

    def keep(self, mails: Sequence[tuple[bytes, str]], via: str) -> None:
        """Make mails, each with its envelope's recipient, durable together or not at all. Raises StoreError."""
        with self.db.transaction() as conn:
            for raw, envelope_to in mails:
                returned.keep(conn, raw, via, envelope_to, self.clock())

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
        mail = mime.read(raw)
        wish = asks_to_leave(self.keyring, mail)
        leaver = returned.delivery(conn, wish.delivery_id) if wish else None
        if leaver is not None:
            heal(conn, leaver.id, "an unsubscribe by mail", now)
            returned.mark(conn, mail_id, returned.READ)
            return Taken(returned.READ, reading, wish, _depart(conn, leaver, "mailto", now), "unsubscribed")
        found, delivery = self._whose(conn, mail, envelope_to)
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
        if delivery is None and found is not None:
            returned.mark(conn, mail_id, returned.PROBE)
            return Taken(returned.PROBE, reading, found, sentence="a probe of the doctor's came back: about no reader")
        if delivery is None or found is None:
            if reading.kind is not Kind.NONE:
                bounces.append(conn, [row])
            returned.mark(conn, mail_id, returned.UNVERIFIED)
            return Taken(returned.UNVERIFIED, reading, sentence="no token of ours: kept, nobody's state changes")
        heal(conn, delivery.id, f"{reading.form}, {found.carrier}", now)
        if reading.kind is Kind.NONE and not reading.results:
            sent = self.forward is not None and self.forward(conn, raw, delivery.address, now)
            state = returned.FORWARDED if sent else returned.REPLY
            returned.mark(conn, mail_id, state)
            sentence = "a person's answer, forwarded" if sent else "a mail that says nothing: kept"
            return Taken(state, reading, found, sentence=sentence)
        added = bounces.append(conn, [row])
        returned.mark(conn, mail_id, returned.READ)
        if stale:
            return Taken(returned.READ, reading, found, sentence="too old: recorded, not acted on")
        if not added:
            return Taken(returned.READ, reading, found, sentence="this delivery has such a report already")
        if reading.opt_out:
            return Taken(returned.READ, reading, found, _depart(conn, delivery, "report", now), "unsubscribed")
        reader = Reader(delivery.id, delivery.subscriber_id, delivery.address, delivery.domain)
        bounce_id = next(iter(added.values()))
        verdict = judge_readers(conn, [(reader, result.diagnosis, result.text, bounce_id)], now, self.breakers)[0]
        self.watch.look(conn, [delivery.issue_id], now)
        return Taken(returned.READ, reading, found, verdict, f"{verdict.action}: {verdict.why}")

    def _whose(self, conn: Connection, mail: Mail, envelope_to: str) -> tuple[Found | None, Any]:
        """The token decides who: the envelope's first, then what the mail carries; a probe's is nobody's."""
        sure = in_envelope(self.keyring, envelope_to)
        tokens = (sure,) if sure else in_mail(self.keyring, mail)
        for found in tokens:
            delivery = None if found.is_probe else returned.delivery(conn, found.delivery_id)
            if delivery is not None:
                return found, delivery
        return next((found for found in tokens if found.is_probe), None), None


def _depart(conn: Connection, delivery: Any, source: str, now: datetime) -> Verdict:
    if delivery.subscriber_id is not None and signups.depart(conn, delivery.subscriber_id, now):
        consents.append(conn, delivery.subscriber_id, Step("withdrawn", source=source), now)
    return Verdict(Action.RECORD, "opt-out", "the reader asked for no more mail")


def _about(reading: Reading, address: str) -> Result:
    """The result about our reader: the one that names him, else the gravest."""
    for result in reading.results:
        if result.recipient.lower() == address.lower():
            return result
    same = [result for result in reading.results if result.diagnosis.kind is reading.kind]
    return same[0] if same else Result("", Diagnosis(reading.kind, reading.reason or "undefined", "", reading.form))
