"""Returned mail or a refusal -> token -> classify -> append -> judge -> suppression, in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Connection

from mailer.mail import mime
from mailer.mail.mime import Mail
from mailer.mail.reply import Reply
from mailer.model.bounce import Diagnosis, Kind
from mailer.model.carriers import Found, asks_to_leave, in_complaint, in_envelope, in_mail
from mailer.model.delivery import Phase
from mailer.model.diagnosis import classify_reply
from mailer.model.reading import COMPLAINT_REPORT, Reading, Result, read_mail
from mailer.model.suppression import Action, Verdict
from mailer.model.tokens import Keyring
from mailer.sentence import Sentence, word
from mailer.store import bounces, consents, ledger, returned, signups
from mailer.store.bounces import NOBODY, Bounce, Delivery, Reader
from mailer.store.breaker import Breakers as Breakers
from mailer.store.consents import Step
from mailer.store.engine import Database, undeterred
from mailer.store.healing import heal
from mailer.store.verdicts import record
from mailer.store.watch import Watch as Watch

_SILENT = Sentence("")


class Refused(Delivery, Protocol):
    """The delivery a refusal is about."""

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

    Recording the same refusals twice changes nothing. `watch` pauses an issue of which too much comes back. Nothing
    is known any more of who was erased meanwhile, and nothing is made of what was said of him.
    """
    gone = ledger.emptied(conn, [refusal.delivery.id for refusal in refusals])
    rows = [
        Bounce(
            now,
            "smtp",
            classify_reply(refusal.reply, refusal.phase),
            f"smtp:{refusal.delivery.id}:{refusal.delivery.tries}",
            Reader.of(refusal.delivery),
            text=str(refusal.reply),
        )
        for refusal in refusals
        if refusal.delivery.id not in gone
    ]
    record(conn, rows, now, breakers or Breakers(), watch)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one returned mail: `state` as in the store, `sentence` for people."""

    state: str
    reading: Reading
    found: Found | None = None
    verdict: Verdict | None = None
    sentence: Sentence = _SILENT


class TakeIn:
    """The way of returned mail: kept first, then read; a mail that is here already changes nothing.

    `max_age` is the age of a delivery's last change beyond which a report is recorded, not acted on; `forward`
    hands a person's answer on: (transaction, mail, the delivery it answers, now) -> whether it did.
    """

    def __init__(
        self,
        db: Database,
        keyring: Keyring,
        clock: Callable[[], datetime],
        *,
        max_age: timedelta = timedelta(days=30),
        forward: Callable[[Connection, bytes, Delivery, datetime], bool] | None = None,
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
            returned.keep_all(conn, mails, via, self.clock())

    @undeterred
    def take(self, raw: bytes, via: str, envelope_to: str = "") -> Taken:
        """Keep and read one mail in one transaction. Raises StoreError; then nothing was taken."""
        reading = read_mail(raw)
        now = self.clock()
        with self.db.transaction() as conn:
            mail_id = returned.keep(conn, raw, via, envelope_to, now)
            if mail_id is None:
                mail = mime.read(raw)
                found = asks_to_leave(self.keyring, mail) or self._whose(conn, mail, reading, envelope_to)[0]
                return Taken("repeat", reading, found, sentence=Sentence("the very same mail was taken before"))
            return self._read(conn, mail_id, raw, reading, via, envelope_to, now)

    @undeterred
    def read_kept(self, limit: int = 50) -> Counter[str]:
        """Read mails that were only kept so far; returns how many by state, and how many were beyond our bounds."""
        rows = self.db.read(returned.unread, limit)
        if not rows:
            self.catch_up()
        readings = [read_mail(row.content) for row in rows]
        counts: Counter[str] = Counter()
        with self.db.transaction() as conn:
            still = returned.hold_unread(conn, [row.id for row in rows])
            for row, reading in zip(rows, readings, strict=True):
                if row.id not in still:  # another process was faster
                    continue
                taken = self._read(conn, row.id, row.content, reading, row.via, row.envelope_to, row.at)
                counts.update({taken.state: 1, "cut": reading.cut})
        return +counts if still or not rows else self.read_kept(limit)

    def catch_up(self) -> None:
        """Judge the issues nobody has looked at since their last report; at the end of a run."""
        self.watch.catch_up(self.db, self.clock())

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
            returned.mark(conn, mail_id, returned.READ, leaver)
            return Taken(returned.READ, reading, wish, _depart(conn, leaver, "mailto", now), Sentence("unsubscribed"))
        found, delivery = self._whose(conn, mail, reading, envelope_to)
        if delivery is None or found is None:
            return _of_nobody(conn, mail_id, reading, found, via, now)
        heal(conn, delivery.id, f"{reading.form}, {found.carrier}", now)
        if (reading.kind is Kind.NONE and not reading.results) or self._of_another(reading, delivery.address):
            sent = self.forward is not None and self.forward(conn, raw, delivery, now)
            state = returned.FORWARDED if sent else returned.REPLY
            returned.mark(conn, mail_id, state, delivery)
            forwarded, silent = Sentence("a person's answer, forwarded"), Sentence("a mail that says nothing: kept")
            sentence = forwarded if sent else silent
            return Taken(state, reading, found, sentence=sentence)
        returned.mark(conn, mail_id, returned.READ, delivery)
        return self._follow(conn, mail_id, reading, found, delivery, via, now)

    def _follow(
        self, conn: Connection, mail_id: int, reading: Reading, found: Found, delivery: Any, via: str, now: datetime
    ) -> Taken:
        """What a genuine report leads to: once for each kind and delivery, nothing for one that is too old."""
        stale = now - delivery.changed_at > self.max_age
        result = _about(reading, delivery.address)
        row = Bounce(
            now,
            via,
            result.diagnosis,
            f"report:{delivery.id}:{result.diagnosis.kind}",
            Reader.of(delivery),
            result.recipient,
            result.text,
            mail_id,
            bounces.STALE if stale else bounces.WISH if reading.opt_out else "",
        )
        if reading.opt_out:  # a wish to leave is no complaint: nobody judges it
            new = bool(bounces.append(conn, [row]))
            verdict = _depart(conn, delivery, "report", now) if new and not stale else None
        else:
            verdict = record(conn, [row], now, self.breakers, self.watch).get(row.fingerprint)
            new = verdict is not None
        if not new:
            return Taken(returned.READ, reading, found, sentence=Sentence("this delivery has such a report already"))
        if stale or verdict is None:
            return Taken(returned.READ, reading, found, sentence=Sentence("too old: recorded, not acted on"))
        sentence = Sentence("unsubscribed")
        if not reading.opt_out:
            sentence = Sentence("%(name)s: %(value)s", name=word("code", verdict.action), value=verdict.why)
        return Taken(returned.READ, reading, found, verdict, sentence)

    def _whose(self, conn: Connection, mail: Mail, reading: Reading, envelope_to: str) -> tuple[Found | None, Any]:
        """The token decides who: the envelope's first, then what the mail carries; a probe's is nobody's."""
        sure = in_envelope(self.keyring, envelope_to)
        if sure:
            tokens: tuple[Found, ...] = (sure,)
        elif reading.form == COMPLAINT_REPORT:
            tokens = in_complaint(self.keyring, mail, reading.original)
        else:
            tokens = in_mail(self.keyring, mail)
        for found in tokens:
            delivery = None if found.is_probe else returned.delivery(conn, found.delivery_id)
            if delivery is not None:
                return found, delivery
        return next((found for found in tokens if found.is_probe), None), None

    def _of_another(self, reading: Reading, address: str) -> bool:
        """Whether somebody else's mail failed: a person's own forwarding, or what a reader's server sent to us."""
        if reading.kind not in {Kind.HARD, Kind.SOFT, Kind.DELAY}:
            return False
        passed_on = reading.by_person and address.lower() not in (each.lower() for each in reading.recipients)
        ours = [in_envelope(self.keyring, result.recipient) for result in reading.results]
        return passed_on or (bool(ours) and all(ours))


def _of_nobody(conn: Connection, mail_id: int, reading: Reading, probe: Found | None, via: str, now: datetime) -> Taken:
    """A report about no delivery of ours: kept, shown as unverified; nobody's state changes."""
    if probe is not None:
        returned.mark(conn, mail_id, returned.PROBE)
        return Taken(
            returned.PROBE, reading, probe, sentence=Sentence("a probe of the doctor's came back: about no reader")
        )
    if reading.kind is not Kind.NONE:
        result = _about(reading, "")
        row = Bounce(now, via, result.diagnosis, f"mail:{mail_id}", NOBODY, result.recipient, result.text, mail_id)
        bounces.append(conn, [row])
    returned.mark(conn, mail_id, returned.UNVERIFIED)
    return Taken(returned.UNVERIFIED, reading, sentence=Sentence("no token of ours: kept, nobody's state changes"))


def _depart(conn: Connection, delivery: Any, source: str, now: datetime) -> Verdict:
    if delivery.subscriber_id is not None and signups.depart(conn, delivery.subscriber_id, now):
        step = Step("withdrawn", source=source, detail=signups.issue_slug(conn, delivery.id))
        consents.append(conn, delivery.subscriber_id, step, now)
    return Verdict(Action.RECORD, "opt-out", Sentence("the reader asked for no more mail"))


def _about(reading: Reading, address: str) -> Result:
    """The result about our reader: the one that names him, else the gravest."""
    for result in reading.results:
        if result.recipient.lower() == address.lower():
            return result
    same = [result for result in reading.results if result.diagnosis.kind is reading.kind]
    return same[0] if same else Result("", Diagnosis(reading.kind, reading.reason or "undefined", "", reading.form))
