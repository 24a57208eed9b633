"""Statements on issues and their editions: freezing an audience, finding, pausing, correcting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, insert, not_, or_, select, update
from sqlalchemy.exc import IntegrityError

from mailer.errors import NotFound, PublishedBefore, PublishError
from mailer.model.delivery import State
from mailer.model.issue import Image
from mailer.sentence import Sentence
from mailer.store import images
from mailer.store.bulk import among
from mailer.store.schema import deliveries, editions, events, issues


@dataclass(frozen=True, slots=True)
class NewIssue:
    """What identifies an issue and how it shall be sent."""

    newsletter: str
    identity: str
    number: int | None
    date: date
    title: str
    policy: str
    audience: str
    send_at: datetime
    deadline: datetime | None


@dataclass(frozen=True, slots=True)
class NewEdition:
    """An issue rendered in one language, to be frozen."""

    language: str
    file: str
    source: str
    subject: str
    html: str
    text: str
    program: bytes
    digest: str
    key_id: int
    images: tuple[Image, ...] = ()


def add(conn: Connection, issue: NewIssue, now: datetime) -> tuple[int, str]:
    """Register an issue; returns its id and slug. Raises PublishedBefore, and PublishError when somebody else
    is publishing it. One that ended before anybody was sent it gives up its number and its slug."""
    known = find_identity(conn, issue.identity)
    if known is None or _set_aside(conn, known):
        values = {
            "newsletter": issue.newsletter,
            "identity": issue.identity,
            "number": issue.number,
            "date": issue.date,
            "slug": slug_of(issue.date, issue.number),
            "title": issue.title,
            "state": "sending",
            "policy": issue.policy,
            "audience": issue.audience,
            "frozen_at": now,
            "send_at": issue.send_at,
            "deadline": issue.deadline,
        }
        try:
            with conn.begin_nested():
                row = conn.execute(insert(issues).values(**values).returning(issues.c.id, issues.c.slug)).one()
        except IntegrityError:
            what = "issue %(issue)s is being published by somebody else at this moment"
            raise PublishError(Sentence(what, issue=issue.identity)) from None
        return row.id, row.slug
    raise PublishedBefore(issue.identity, known.slug)


def _set_aside(conn: Connection, known: KnownIssue) -> bool:
    if not has_reached_nobody(conn, known):
        return False
    mark = f"cancelled-{known.id}"
    values = {"identity": f"{known.identity} {mark}", "slug": f"{known.slug}-{mark}", "state": "cancelled"}
    conn.execute(update(issues).where(issues.c.id == known.id).values(values))
    return True


def has_reached_nobody(conn: Connection, known: KnownIssue) -> bool:
    """Whether an issue was given up, by the operator or its deadline, before any relay saw a message of it."""
    if known.state not in ("cancelled", "finished"):
        return False
    given_up = and_(deliveries.c.state.in_((State.CANCELLED, State.SUPPRESSED)), never_tried())
    sent = select(deliveries.c.id).where(deliveries.c.issue_id == known.id, not_(given_up))
    return conn.execute(sent.limit(1)).first() is None


def slug_of(day: date, number: int | None) -> str:
    """How commands and permalinks call an issue: its date, and its number if it has one."""
    return day.isoformat() + (f"-{number}" if number is not None else "")


def exists(conn: Connection, slug: str, row: int) -> bool:
    """Whether an issue of this slug is known, in this row or a later one: who publishes anew takes the next."""
    return conn.execute(select(issues.c.id).where(issues.c.slug == slug, issues.c.id >= row)).first() is not None


def add_edition(conn: Connection, issue_id: int, edition: NewEdition, now: datetime) -> int:
    """Keep an edition with its pictures, as the next version of its language; returns its id."""
    images.keep(conn, edition.images, now)
    version = conn.execute(
        select(func.coalesce(func.max(editions.c.version), 0) + 1).where(
            editions.c.issue_id == issue_id, editions.c.language == edition.language
        )
    ).scalar_one()
    edition_id: int = conn.execute(
        insert(editions)
        .values(
            issue_id=issue_id,
            language=edition.language,
            version=version,
            file=edition.file,
            source=edition.source,
            subject=edition.subject,
            html=edition.html,
            text=edition.text,
            program=edition.program,
            digest=edition.digest,
            key_id=edition.key_id,
            frozen_at=now,
        )
        .returning(editions.c.id)
    ).scalar_one()
    return edition_id


@dataclass(frozen=True, slots=True)
class KnownIssue:
    """An issue as the database knows it."""

    id: int
    newsletter: str
    identity: str
    number: int | None
    slug: str
    title: str
    state: str
    state_cause: str
    policy: str
    audience: str
    frozen: int
    frozen_at: datetime
    send_at: datetime
    deadline: datetime | None
    finished_at: datetime | None

    def is_overdue(self, now: datetime) -> bool:
        """Whether nothing more of it may leave."""
        return self.deadline is not None and self.deadline <= now


_KNOWN = [issues.c[name] for name in KnownIssue.__dataclass_fields__]


def find(conn: Connection, reference: str) -> KnownIssue:
    """The issue of a slug, else of a number or identity. Raises NotFound."""
    wishes = [issues.c.slug == reference, issues.c.identity == reference]
    if reference.isdigit() and len(reference) < 10:
        wishes.append(issues.c.number == int(reference))
    for wish in wishes:
        row = conn.execute(select(*_KNOWN).where(wish).order_by(issues.c.id.desc()).limit(1)).first()
        if row is not None:
            return KnownIssue(*row)
    what = "no issue '%(issue)s' has been published; 'mailer status' lists those that have"
    raise NotFound(Sentence(what, issue=reference))


def by_id(conn: Connection, issue_id: int) -> KnownIssue:
    """The issue of a row number there is."""
    return KnownIssue(*conn.execute(select(*_KNOWN).where(issues.c.id == issue_id)).one())


def find_identity(conn: Connection, identity: str, *, hold: bool = False) -> KnownIssue | None:
    """The issue of a file, by its number or date: a club has one newsletter, whatever a file calls it.

    `hold` lets nobody claim of it, or give back to it, before this transaction ends.
    """
    query = select(*_KNOWN).where(issues.c.identity == identity)
    row = conn.execute(query.with_for_update(key_share=True) if hold else query).first()
    return KnownIssue(*row) if row else None


def latest(conn: Connection, limit: int) -> list[KnownIssue]:
    """The newest issues, newest first."""
    return [KnownIssue(*row) for row in conn.execute(select(*_KNOWN).order_by(issues.c.id.desc()).limit(limit))]


def shown(conn: Connection, limit: int) -> list[KnownIssue]:
    """The newest issues, and all that have not ended, newest first."""
    newest = select(issues.c.id).order_by(issues.c.id.desc()).limit(limit)
    wanted = or_(issues.c.id.in_(newest), issues.c.state.in_(("sending", "paused")))
    return [KnownIssue(*row) for row in conn.execute(select(*_KNOWN).where(wanted).order_by(issues.c.id.desc()))]


def set_state(
    conn: Connection, issue_id: int, before: Sequence[str], after: str, cause: str, actor: str, now: datetime
) -> bool:
    """Move an issue between sending, paused, cancelled and finished; False when it is not in `before`."""
    changed = conn.execute(
        update(issues).where(issues.c.id == issue_id, issues.c.state.in_(before)).values(state=after, state_cause=cause)
    )
    if changed.rowcount:
        note(conn, after, issue_id, actor, {"cause": cause} if cause else {}, now)
    return changed.rowcount == 1


def note(conn: Connection, kind: str, issue_id: int, actor: str, detail: Mapping[str, Any], now: datetime) -> None:
    """Append to the log of what was done to an issue."""
    conn.execute(insert(events).values(at=now, kind=kind, issue_id=issue_id, actor=actor, detail=dict(detail)))


def cancel_waiting(conn: Connection, issue_id: int, now: datetime) -> int:
    """Cancel what is pending or deferred; returns how many."""
    return conn.execute(
        update(deliveries)
        .where(deliveries.c.issue_id == issue_id, deliveries.c.state.in_((State.PENDING, State.DEFERRED)))
        .values(state=State.CANCELLED, changed_at=now, cause="the operator cancelled the issue")
    ).rowcount


def retry(conn: Connection, issue_id: int, state: State, now: datetime) -> int:
    """Put an issue's failed or uncertain deliveries back to pending and the issue back to sending; returns how many.

    Who failed before a relay saw a word of his copy, because it could not be composed, gets the text as it is now.
    """
    conn.execute(select(issues.c.id).where(issues.c.id == issue_id).with_for_update(key_share=True))
    back = {"state": State.PENDING, "due_at": now, "deferred_at": None, "changed_at": now, "cause": ""}
    changed = conn.execute(
        update(deliveries)
        .where(deliveries.c.issue_id == issue_id, deliveries.c.state == state)
        .values(**back, edition_id=edition_now())
    ).rowcount
    if changed:
        conn.execute(
            update(issues)
            .where(issues.c.id == issue_id, issues.c.state.in_(("sending", "finished", "cancelled")))
            .values(state="sending", state_cause="", finished_at=None)
        )
    return changed


def correct(conn: Connection, issue_id: int, by_language: Mapping[str, int], now: datetime) -> int:
    """Give readers not yet attempted the new edition of the language they had; returns how many."""
    languages = dict(
        conn.execute(select(editions.c.id, editions.c.language).where(editions.c.issue_id == issue_id)).all()
    )
    changed = 0
    for language, edition_id in by_language.items():
        older = [known for known, tag in languages.items() if tag == language and known != edition_id]
        changed += conn.execute(
            update(deliveries)
            .where(
                deliveries.c.issue_id == issue_id,
                deliveries.c.edition_id.in_(older),
                deliveries.c.state == State.PENDING,
                never_tried(),
            )
            .values(edition_id=edition_id, changed_at=now)
        ).rowcount
    return changed


def never_tried(counted: int = 0) -> ColumnElement[bool]:
    """Whether no relay can have seen a delivery's bytes: who was put off by a throttle has no try, and was tried.

    `counted`: so many tries were counted without one.
    """
    d = deliveries.c
    return and_(d.tries <= counted, d.repeats == 0, d.deferred_at.is_(None))


def hold_editions(conn: Connection, delivery_ids: Sequence[int]) -> None:
    """Have a correction of these deliveries' issues come before this statement, or after the whole transaction.

    Else who is given back meanwhile would be seen by neither. SQLite lets one write at a time.
    """
    if conn.dialect.name == "postgresql":
        theirs = select(deliveries.c.issue_id).where(among(conn, delivery_ids))
        those = select(issues.c.id).where(issues.c.id.in_(theirs))
        conn.execute(those.order_by(issues.c.send_at, issues.c.id).with_for_update(key_share=True))


def edition_now(counted: int = 0) -> ColumnElement[int]:
    """The edition for a delivery that waits again: corrected while it was claimed, unless it was attempted before.

    In a statement after `hold_editions`.
    """
    d, had, newer = deliveries.c, editions.alias("had"), editions.alias("newer")
    newest = (
        select(func.max(newer.c.id))
        .where(had.c.id == d.edition_id, newer.c.issue_id == had.c.issue_id, newer.c.language == had.c.language)
        .correlate(deliveries)
        .scalar_subquery()
    )
    return case((never_tried(counted), newest), else_=d.edition_id)
