"""A reader joins: form, confirm letter, button, welcome letter. Every answer to a stranger is the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from mailer.mail.address import Address
from mailer.model.letter import Links, WriteLetter
from mailer.model.signup import HOUR, MONTH, REFUSALS, Answer, Limits, Visit, mark, truncated
from mailer.model.subscriber import Subscriber
from mailer.model.tokens import Purpose
from mailer.store import admission, applications, consents, marks, signups, subscribers, suppressions
from mailer.store.consents import Step
from mailer.store.engine import Database
from mailer.store.healing import heal
from mailer.store.outbox import post_letter


class Outcome(StrEnum):
    """What a confirm link leads to."""

    READY = "ready"  # the button may be shown
    CONFIRMED = "confirmed"  # done now, or done before
    EXPIRED = "expired"  # too old, or overtaken by a later leaving or refusal


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A confirm link's outcome; `welcome_id` is the welcome letter's delivery, 0 for none."""

    outcome: Outcome
    language: str
    address: str
    welcome_id: int = 0
    paused: bool = False


@dataclass
class Join:
    """The journey of a reader; `key` names rate marks, a confirm link works for `confirm_for`."""

    db: Database
    links: Links
    write_letter: WriteLetter
    clock: Callable[[], datetime]
    limits: Limits
    key: bytes
    confirm_for: timedelta = timedelta(hours=72)

    def subscribe(self, address: Address, name: str, wording: str, visit: Visit) -> Answer:
        """Take a signup; the answer says what the visitor may see: SEND and SILENT must look alike."""
        now = self.clock()
        with self.db.transaction() as conn:
            answer = admission.admit(conn, self.limits, self.key, address, visit, now)
            if answer is Answer.SEND:
                self._invite(conn, address, name, wording, visit, now)
        return answer

    def heat(self) -> float:
        """How many forms came in the last hour for each that [join] total_hour expects."""
        if not self.limits.total_hour:
            return 0.0
        total = mark(self.key, "total", "")
        return self.db.read(marks.counts, [(total, self.clock() - HOUR)])[0] / self.limits.total_hour

    def _invite(self, conn: Connection, address: Address, name: str, wording: str, visit: Visit, now: datetime) -> None:
        person = subscribers.find(conn, address.match_key, hold=True)
        if person is not None and person.state == "erased":  # at this moment
            return
        if person is None:
            subscriber_id = subscribers.add(conn, address, name=name, language=visit.language, now=now)
        else:
            subscriber_id = person.id
            if person.state == "pending" or (person.state == "unsubscribed" and name):
                subscribers.change(conn, subscriber_id, name=name)  # a stranger may have been here before him
        stopped = suppressions.active(conn, address.match_key, now)  # no mail reaches him, whatever his state
        known = person is not None and person.state == "active" and stopped is None
        if not known:
            step = Step(
                "requested", wording, visit.language, visit.source, truncated(visit.client), visit.user_agent[:200]
            )
            consents.append(conn, subscriber_id, step, now)
        self._post(
            conn,
            "already-subscribed" if known else "confirm",
            visit.language,
            person.address if person is not None else address.address,
            subscriber_id,
            now,
        )

    def _post(self, conn: Connection, kind: str, language: str, address: str, subscriber_id: int, now: datetime) -> int:
        return post_letter(
            conn,
            kind=kind,
            address=address,
            now=now,
            compose=partial(self._write, kind, language, address),
            subscriber_id=subscriber_id,
            expires_at=now + self.confirm_for if kind == "confirm" else None,
        )

    def _write(self, kind: str, language: str, address: str, delivery_id: int) -> bytes:
        values = self.links.of_reader(delivery_id) | {
            "confirm_url": self.links.to(Purpose.CONFIRM, delivery_id),
            "hours": int(self.confirm_for / HOUR),
        }
        return self.write_letter(kind, language, address, "", delivery_id, values)

    def rehearse(self, languages: Iterable[str]) -> None:
        """Write a letter to nobody in each language, because the first one takes a hundred times as long."""
        for language in languages:
            self._write("confirm", language, "nobody@example.com", 0)

    def look(self, delivery_id: int) -> Confirmation | None:
        """What the confirm link of a delivery would do; None when it is no confirm letter. Changes nothing."""
        with self.db.reading() as conn:
            found = self._read(conn, delivery_id)
            return None if found is None else self._outcome(conn, *found)

    def confirm(self, delivery_id: int, visit: Visit) -> Confirmation | None:
        """Press the button of a confirm link; pressing again changes nothing. None for no confirm letter."""
        now = self.clock()
        with self.db.transaction() as conn:
            found = self._read(conn, delivery_id, hold=True)
            if found is None:
                return None
            letter, person = found
            state = self._outcome(conn, letter, person)
            if person is None or state.outcome is not Outcome.READY:
                return state
            heal(conn, delivery_id, "a confirmation", now)
            admission.answered(conn, self.key, person.match_key, now)
            requested = consents.last(conn, person.id, "requested", until=letter.created_at)
            wording, language = (requested.wording, requested.language) if requested else ("", person.language)
            welcome = self._admit_reader(conn, person, wording, language, visit, now)
            return Confirmation(Outcome.CONFIRMED, language, person.address, welcome)

    def _admit_reader(
        self, conn: Connection, person: Subscriber, wording: str, language: str, visit: Visit, now: datetime
    ) -> int:
        admission.enter(conn, person.id, person.match_key, wording, language, visit, now)
        return self._post(conn, "welcome", language, person.address, person.id, now)

    def expire(self, *, purge_days: int, retention_days: int) -> dict[str, int]:
        """Forget who never confirmed, network addresses past their retention, and old rate marks."""
        now = self.clock()
        with self.db.transaction() as conn:
            readers = signups.expire(conn, now - timedelta(days=purge_days), now)
            old = now - timedelta(days=retention_days)
            clients = consents.forget_clients(conn, old) + applications.forget_clients(conn, old)
            counted = marks.purge(conn, now - MONTH)
        return {"readers": readers, "clients": clients, "marks": counted}

    def _read(
        self, conn: Connection, delivery_id: int, *, hold: bool = False
    ) -> tuple[Row[Any], Subscriber | None] | None:
        """A confirm letter, and whom it is about: nobody where he is forgotten by now."""
        letter = signups.delivery(conn, delivery_id)
        if letter is None or letter.kind != "confirm":
            return None
        known = letter.subscriber_id is not None
        return letter, subscribers.get(conn, letter.subscriber_id, hold=hold) if known else None

    def _outcome(self, conn: Connection, letter: Row[Any], person: Subscriber | None) -> Confirmation:
        if person is None:
            return Confirmation(Outcome.EXPIRED, "", "")
        stopped = suppressions.active(conn, person.match_key, self.clock())
        refused = signups.suppression(conn, person.match_key, self.clock()) in REFUSALS
        asked_since = stopped is not None and stopped.at <= letter.expires_at - self.confirm_for
        if person.state == "active" and not asked_since:
            outcome = Outcome.CONFIRMED
        elif self.clock() > letter.expires_at or person.state == "erased" or _left_since(letter, person) or refused:
            outcome = Outcome.EXPIRED
        else:
            outcome = Outcome.READY
        paused = person.paused_until is not None and person.paused_until > self.clock()
        return Confirmation(outcome, person.language, person.address, paused=paused)


def _left_since(letter: Row[Any], person: Subscriber) -> bool:
    left: datetime | None = person.left_at
    return person.state == "unsubscribed" and left is not None and left >= letter.created_at
