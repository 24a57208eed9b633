"""A merchant asks to join the club: form, confirmed address, review, decision; each step in the history."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row

from mailer.errors import NotFound, UsageError
from mailer.mail.address import Address, parse
from mailer.model.application import LEADS_TO, OPEN, Decision, Kind, Standing, in_language
from mailer.model.letter import Links, WriteLetter
from mailer.model.signup import REFUSALS, Answer, Limits, Visit, truncated
from mailer.model.tokens import Purpose
from mailer.sentence import Sentence
from mailer.store import admission, applications, consents, signups, subscribers, suppressions
from mailer.store.consents import Step
from mailer.store.engine import Database
from mailer.store.outbox import post_letter

_LETTER_FOR = {Decision.APPROVE: "approved", Decision.DECLINE: "declined", Decision.ASK: "asked"}


@dataclass(frozen=True, slots=True)
class Form:
    """A filled-in application; `wording` is the newsletter's consent where it was ticked, else ""."""

    address: Address
    name: str
    kind: str
    answers: Mapping[str, str]
    wording: str = ""


class Link(StrEnum):
    """What a link of an application leads to."""

    READY = "ready"
    DONE = "done"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Case:
    """One application with its history and the same person's earlier ones with theirs, as a reviewer sees it."""

    application: Mapping[str, Any]
    history: tuple[Mapping[str, Any], ...]
    earlier: tuple[Mapping[str, Any], ...]
    reviewer: str = ""

    @property
    def decidable(self) -> bool:
        """Whether a reviewer may still decide."""
        return self.application["state"] in OPEN


@dataclass
class Apply:
    """The journey of an applicant; `reviewers` are told of what there is to review."""

    db: Database
    links: Links
    write_letter: WriteLetter
    clock: Callable[[], datetime]
    limits: Limits
    key: bytes
    kinds: Mapping[str, Kind]
    reviewers: Collection[str] = ()
    reviewers_language: str = "en"
    confirm_for: timedelta = timedelta(hours=72)
    answer_for: timedelta = timedelta(days=30)

    def apply(self, form: Form, visit: Visit) -> Answer:
        """Keep an application and write its confirm letter; SEND and SILENT must look alike to the visitor."""
        now = self.clock()
        with self.db.transaction() as conn:
            answer = admission.admit(conn, self.limits, self.key, form.address, visit, now)
            if answer is Answer.SEND:
                application = applications.add(
                    conn,
                    address=form.address.address,
                    match_key=form.address.match_key,
                    name=form.name,
                    language=visit.language,
                    kind=form.kind,
                    answers=form.answers,
                    wording=form.wording,
                    source=visit.source,
                    client=truncated(visit.client),
                    now=now,
                )
                self._post(conn, "application-confirm", application, now, expires_at=now + self.confirm_for)
        return answer

    def source_of(self, delivery_id: int) -> str:
        """The slug of the issue whose link brought an applicant; "" for none."""
        with self.db.reading() as conn:
            return signups.issue_slug(conn, delivery_id)

    def look(self, delivery_id: int) -> tuple[Link, Mapping[str, Any]] | None:
        """What an application's confirm link would do, and the application. None for no such link. Changes nothing.

        The application says besides, as `newsletter`, whether the newsletter comes to the applicant because of it.
        """
        with self.db.reading() as conn:
            return self._looked(conn, delivery_id)

    def _looked(self, conn: Connection, delivery_id: int) -> tuple[Link, Mapping[str, Any]] | None:
        letter, application = self._letter(conn, delivery_id, "application-confirm")
        if letter is None:
            return None
        if application is None:  # forgotten by now
            return Link.EXPIRED, {"language": "", "address": "", "kind": "", "state": "", "newsletter": False}
        step = self._step(letter, application)
        comes = application.wants_newsletter and (
            self._may_begin(conn, application) if step is Link.READY else self._comes(conn, application)
        )
        return step, application._asdict() | {"newsletter": comes}

    def confirm(self, delivery_id: int, visit: Visit) -> tuple[Link, Mapping[str, Any]] | None:
        """Press the button: the application waits for review, and the newsletter begins if it was asked for."""
        now = self.clock()
        with self.db.transaction() as conn:
            letter, application = self._letter(conn, delivery_id, "application-confirm")
            if letter is None or application is None or self._step(letter, application) is not Link.READY:
                return self._looked(conn, delivery_id)
            if not applications.move(conn, application.id, Standing.WAITING, now):
                return self._looked(conn, delivery_id)
            applications.note(conn, application.id, "confirmed", now)
            for older in applications.open_ones(conn, application.match_key, application.id):
                if applications.move(conn, older, Standing.EXPIRED, now):
                    applications.note(conn, older, "reapplied", now, text=str(application.id))
            if application.wants_newsletter:
                self._subscribe(conn, application, visit, now)
            admission.answered(conn, self.key, application.match_key, now)  # after the reader, as in Join
            self._notify(conn, application, "review", now)
            return self._looked(conn, delivery_id)

    def _subscribe(self, conn: Connection, application: Row[Any], visit: Visit, now: datetime) -> None:
        """The button under "and send me the newsletter" is the second opt-in; somebody's earlier no still stands."""
        person = subscribers.find(conn, application.match_key, hold=True)
        if not self._may_begin(conn, application):
            return
        stopped = suppressions.active(conn, application.match_key, now)
        if person is not None and person.state == "active" and stopped is None:
            return
        language, wording = application.language, application.wording
        if person is None:
            subscriber_id = subscribers.add(
                conn, parse(application.address), name=application.name, language=language, now=now
            )
        else:
            subscriber_id = person.id
            subscribers.change(conn, subscriber_id, name=application.name)
        requested = Step("requested", wording, language, "apply", application.client)
        consents.append(conn, subscriber_id, requested, application.created_at)
        admission.enter(conn, subscriber_id, application.match_key, wording, language, visit, now)
        address = application.address if person is None else person.address

        def welcome(delivery_id: int) -> bytes:
            return self.write_letter("welcome", language, address, "", delivery_id, self.links.of_reader(delivery_id))

        post_letter(conn, kind="welcome", address=address, now=now, compose=welcome, subscriber_id=subscriber_id)

    def question(self, delivery_id: int) -> tuple[Mapping[str, Any], str] | None:
        """The application a question's link is about and the latest question; None for no such link."""
        with self.db.reading() as conn:
            found = self._linked(conn, delivery_id, "asked")
            if found is None:
                return None
            asked = [row.note for row in applications.history(conn, found[1].id) if row.action == "asked"]
            return found[1]._asdict(), asked[-1] if asked else ""

    def answer(self, delivery_id: int, text: str) -> bool | None:
        """The applicant's answer to a question, good once; False when none is waited for, None for no such link."""
        now = self.clock()
        with self.db.transaction() as conn:
            found = self._linked(conn, delivery_id, "asked")
            if found is None:
                return None
            application = found[1]
            if application.state == Standing.ASKED and applications.move(conn, application.id, Standing.WAITING, now):
                applications.note(conn, application.id, "answered", now, text=text)
                self._notify(conn, application, "review", now, answered=True)
                return True
            told = [row.note for row in applications.history(conn, application.id) if row.action == "answered"]
            return told[-1:] == [text]  # the same once more is a button pressed twice

    def case_of(self, delivery_id: int) -> Case | None:
        """What a review link shows: its own application and nothing else; None for no review link."""
        with self.db.reading() as conn:
            found = applications.reviewer_of(conn, delivery_id)
            return None if found is None else self._case(conn, found[0], found[1])

    def case(self, application_id: int) -> Case:
        """One application by its number. Raises NotFound."""
        with self.db.reading() as conn:
            return self._case(conn, application_id)

    def cases(self, states: Collection[Standing] = ()) -> list[Mapping[str, Any]]:
        """Applications in the given states, all but unconfirmed ones where none is given."""
        with self.db.reading() as conn:
            return [row._asdict() for row in applications.listed(conn, states)]

    def decide(self, application_id: int, decision: Decision, reviewer: str, note: str = "") -> bool:
        """Approve, decline or ask back, with a letter to the applicant; False when it was decided before.

        `note` is the question or the reason, and goes into the letter. Raises UsageError for a question without
        words, NotFound for no such application.
        """
        if decision is Decision.ASK and not note.strip():
            raise UsageError(Sentence("a question to an applicant needs words"))
        now = self.clock()
        with self.db.transaction() as conn:
            application = applications.get(conn, application_id)
            if application is None:
                raise NotFound(Sentence("there is no application %(number)s", number=application_id))
            target = LEADS_TO[decision]
            if application.state == target or not applications.move(conn, application_id, target, now):
                return False
            applications.note(conn, application_id, target.value, now, reviewer, note.strip())
            if decision is Decision.APPROVE:
                person = subscribers.find(conn, application.match_key)
                if person is not None and person.state != "erased":
                    subscribers.retag(conn, person.id, add=["member", application.kind])
            self._post(conn, _LETTER_FOR[decision], application, now, note=note.strip())
            return True

    def expire(self, *, purge_days: int, review_days: int) -> dict[str, int]:
        """Close what was never answered, remind reviewers, purge what was never confirmed; how many of each."""
        now = self.clock()
        with self.db.transaction() as conn:
            late = applications.unanswered(conn, now - self.answer_for)
            unanswered = [each for each in late if applications.move(conn, each.id, Standing.EXPIRED, now)]
            for application in unanswered:
                applications.note(conn, application.id, "expired", now)
                self._post(conn, "unanswered", application, now)
            late = applications.overdue(conn, now - timedelta(days=review_days))
            overdue = [each for each in late if applications.reminded(conn, each.id, now)]
            for application in overdue:
                self._notify(conn, application, "review-reminder", now)
            purged = applications.purge_unconfirmed(conn, now - timedelta(days=purge_days), now)
        return {"unanswered": len(unanswered), "reminded": len(overdue), "purged": purged}

    def _may_begin(self, conn: Connection, application: Row[Any]) -> bool:
        """Whether the newsletter may begin by an application's button: not for who has left or refused it since."""
        person = subscribers.find(conn, application.match_key)
        left = person.left_at if person is not None and person.state == "unsubscribed" else None
        if left is not None and left >= application.created_at:
            return False
        return signups.suppression(conn, application.match_key, self.clock()) not in REFUSALS

    def _comes(self, conn: Connection, application: Row[Any]) -> bool:
        """Whether the next issue comes to an applicant, as things stand."""
        person = subscribers.find(conn, application.match_key)
        if person is None or person.state != "active":
            return False
        now = self.clock()
        paused = person.paused_until is not None and person.paused_until > now
        return not paused and suppressions.active(conn, application.match_key, now) is None

    def _letter(self, conn: Connection, delivery_id: int, kind: str) -> tuple[Row[Any] | None, Row[Any] | None]:
        """A letter of a kind, and the application it is about; None for another letter, a forgotten application."""
        letter = signups.delivery(conn, delivery_id)
        if letter is None or letter.kind != kind:
            return None, None
        return letter, None if letter.application_id is None else applications.get(conn, letter.application_id)

    def _linked(self, conn: Connection, delivery_id: int, kind: str) -> tuple[Row[Any], Row[Any]] | None:
        letter, application = self._letter(conn, delivery_id, kind)
        return None if letter is None or application is None else (letter, application)

    def _step(self, letter: Row[Any], application: Row[Any]) -> Link:
        if application.state == Standing.EXPIRED or not application.address:  # erased
            return Link.EXPIRED
        if application.state != Standing.UNCONFIRMED:
            return Link.DONE
        return Link.EXPIRED if self.clock() > letter.expires_at else Link.READY

    def _case(self, conn: Connection, application_id: int, reviewer: str = "") -> Case:
        application = applications.get(conn, application_id)
        if application is None:
            raise NotFound(Sentence("there is no application %(number)s", number=application_id))
        history = tuple(row._asdict() for row in applications.history(conn, application_id))
        earlier = tuple(
            row._asdict() | {"history": tuple(step._asdict() for step in applications.history(conn, row.id))}
            for row in applications.of_person(conn, application.match_key, application_id)
        )
        return Case(application._asdict(), history, earlier, reviewer)

    def _notify(
        self, conn: Connection, application: Row[Any], kind: str, now: datetime, *, answered: bool = False
    ) -> None:
        for reviewer in self.reviewers:
            self._post(conn, kind, application, now, to=reviewer, answered=answered)

    def _label(self, kind: str, language: str) -> str:
        return in_language(self.kinds[kind].label, language) if kind in self.kinds else kind

    def _post(
        self,
        conn: Connection,
        kind: str,
        application: Row[Any],
        now: datetime,
        *,
        to: str = "",
        note: str = "",
        answered: bool = False,
        expires_at: datetime | None = None,
    ) -> None:
        """A letter about an application: to the applicant in his language, or to the reviewer `to`."""
        address = to or application.address
        language = self.reviewers_language if to else application.language

        def compose(delivery_id: int) -> bytes:
            values = {
                "confirm_url": self.links.to(Purpose.CONFIRM, delivery_id),
                "answer_url": self.links.to(Purpose.APPLY, delivery_id),
                "review_url": self.links.to(Purpose.REVIEW, delivery_id),
                "base_url": self.links.base_url,
                "hours": int(self.confirm_for / timedelta(hours=1)),
                "days": self.answer_for.days,
                "number": application.id,
                "merchant": self._label(application.kind, language),
                "note": note,
                "answered": answered,
            }
            return self.write_letter(kind, language, address, "", delivery_id, values)

        post_letter(
            conn,
            kind=kind,
            address=address,
            now=now,
            compose=compose,
            application_id=application.id,
            expires_at=expires_at,
        )
