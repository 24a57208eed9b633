"""A reader leaves, or asks for less: a signed link, no login, durable before the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from mailer.mail.address import Address, masked
from mailer.model.letter import Links, WriteLetter
from mailer.model.signup import Answer, Limits, Visit, truncated
from mailer.model.subscriber import Subscriber
from mailer.store import admission, consents, signups, subscribers, suppressions
from mailer.store.consents import Step
from mailer.store.engine import Database
from mailer.store.evidence import note_reading
from mailer.store.healing import PROVABLE, heal
from mailer.store.outbox import post_letter

PAUSE = timedelta(days=30)
UNDO_WITHIN = timedelta(hours=1)
REASONS = ("too-often", "not-interested", "never-signed-up", "elsewhere", "other")


@dataclass(frozen=True, slots=True)
class Reader:
    """What a reader's page may show: never the whole address, because mails get forwarded."""

    masked: str
    state: str
    language: str
    paused_until: datetime | None = None
    unwanted: tuple[str, ...] = ()
    may_undo: bool = False
    reason: str = ""


class Leave:
    """The journey out; `clock` tells the time."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self.db = db
        self.clock = clock

    def look(self, delivery_id: int) -> Reader | None:
        """The reader a delivery's link is about, or None. Changes nothing."""
        with self.db.reading() as conn:
            person = _person(conn, delivery_id)
            return None if person is None else self._reader(conn, person)

    def leave(self, delivery_id: int, source: str, client: str = "", user_agent: str = "") -> bool:
        """Stop all issues for the reader of a delivery, also those queued. False for a delivery of nobody.

        Leaving twice changes nothing. `source` is one-click, page, preferences or mailto.
        """
        with self.db.transaction() as conn:
            return self.leave_in(conn, delivery_id, source, client, user_agent)

    def leave_in(self, conn: Connection, delivery_id: int, source: str, client: str = "", user_agent: str = "") -> bool:
        """The same in the caller's transaction."""
        subscriber_id, state = signups.addressee(conn, delivery_id)
        if subscriber_id is None:
            return False
        now = self.clock()
        if state in PROVABLE:
            heal(conn, delivery_id, "an unsubscribe", now)
        if signups.depart(conn, subscriber_id, now):
            by = {"source": source, "client": truncated(client), "user_agent": user_agent[:200]}
            step = Step("withdrawn", **by, detail=signups.issue_slug(conn, delivery_id))
            consents.append(conn, subscriber_id, step, now)
        return True

    def undo(self, delivery_id: int) -> bool:
        """Take a leaving by the page back within the hour; False when it is too late or was not by the page."""
        with self.db.transaction() as conn:
            person = _person(conn, delivery_id, hold=True)
            if person is None or not self._may_undo(conn, person):
                return False
            signups.restore(conn, person.id)
            consents.append(conn, person.id, Step("restored", source="page"), self.clock())
            return True

    def give_reason(self, delivery_id: int, reason: str) -> bool:
        """Record why a reader left, once per leaving; False for no such reason or nobody who left."""
        with self.db.transaction() as conn:
            person = _person(conn, delivery_id, hold=True)
            if person is None or reason not in REASONS or person.state != "unsubscribed":
                return False
            left = consents.last(conn, person.id, "withdrawn")
            if left is not None and left.detail not in REASONS:
                # by the way he left, since only what the page did can be taken back
                consents.append(conn, person.id, Step("withdrawn", source=left.source, detail=reason), self.clock())
            return True

    def prefer(
        self, delivery_id: int, language: str | None, *, pause: bool | None, unwanted: tuple[str, ...] | None
    ) -> bool:
        """Set language, a pause of 30 days, and the sections not wanted, of an active reader; None: as it is."""
        with self.db.transaction() as conn:
            person = _person(conn, delivery_id, hold=True)
            if person is None or person.state != "active":
                return False
            now = self.clock()
            paused = person.paused_until is not None and person.paused_until > now
            values: dict[str, Any] = {} if language is None else {"language": language}
            if pause not in {None, paused}:
                values["paused_until"] = now + PAUSE if pause else None
            if unwanted is not None:
                attributes = {key: value for key, value in person.attributes.items() if key != "unwanted_sections"}
                values["attributes"] = attributes | ({"unwanted_sections": "; ".join(unwanted)} if unwanted else {})
            heal(conn, delivery_id, "saved preferences", now)
            note_reading(conn, person.id, "preferences", now)
            if values:
                subscribers.change(conn, person.id, **values)
            return True

    def _reader(self, conn: Connection, person: Subscriber) -> Reader:
        paused = person.paused_until if person.paused_until and person.paused_until > self.clock() else None
        sections = str(person.attributes.get("unwanted_sections", ""))
        left = consents.last(conn, person.id, "withdrawn") if person.state == "unsubscribed" else None
        return Reader(
            masked(person.address),
            person.state,
            person.language,
            paused,
            tuple(part for part in sections.split("; ") if part),
            self._may_undo(conn, person),
            left.detail if left is not None and left.detail in REASONS else "",
        )

    def _may_undo(self, conn: Connection, person: Subscriber) -> bool:
        if person.state != "unsubscribed" or person.joined_at is None or person.left_at is None:
            return False
        now = self.clock()
        if now - person.left_at > UNDO_WITHIN or suppressions.active(conn, person.match_key, now) is not None:
            return False
        last = consents.last(conn, person.id, "withdrawn")
        return last is not None and last.source in {"page", "preferences"}


@dataclass(frozen=True, slots=True)
class LostLink:
    """Mails a reader the links of his own pages, when the address is one of a reader."""

    db: Database
    links: Links
    write_letter: WriteLetter
    clock: Callable[[], datetime]
    limits: Limits
    key: bytes

    def send(self, address: Address, visit: Visit) -> Answer:
        """Ask for the link; SEND and SILENT must look alike to the visitor."""
        now = self.clock()
        with self.db.transaction() as conn:
            person = subscribers.find(conn, address.match_key)
            reads = person is not None and person.state == "active"
            answer = admission.admit(conn, self.limits, self.key, address, visit, now, writes=reads)
            if person is not None and reads and answer is Answer.SEND:
                held = subscribers.get(conn, person.id, hold=True)
                if held is not None and held.state == "active":  # not erased at this moment
                    self._post(conn, held, held.language or visit.language, now)
        return answer

    def _post(self, conn: Connection, person: Subscriber, language: str, now: datetime) -> None:
        def compose(delivery_id: int) -> bytes:
            values = self.links.of_reader(delivery_id)
            return self.write_letter("lost-link", language, person.address, "", delivery_id, values)

        post_letter(conn, kind="lost-link", address=person.address, now=now, compose=compose, subscriber_id=person.id)


def _person(conn: Connection, delivery_id: int, *, hold: bool = False) -> Subscriber | None:
    subscriber_id = signups.addressee(conn, delivery_id)[0]
    return None if subscriber_id is None else subscribers.get(conn, subscriber_id, hold=hold)
