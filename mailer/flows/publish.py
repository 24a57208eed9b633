"""Publish: editions already rendered -> one transaction that freezes the issue with its audience -> outbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement

from mailer.errors import PublishedBefore, PublishError, RestoredError
from mailer.model.delivery import State
from mailer.model.tokens import Keyring
from mailer.rendering import source
from mailer.rendering.edition import Edition
from mailer.rendering.outgoing import Frozen, compose_issue
from mailer.sentence import Sentence
from mailer.store import archive, audiences, images, issues, ledger, restored
from mailer.store.audiences import Audience
from mailer.store.engine import Database, undeterred
from mailer.store.issues import NewEdition, NewIssue
from mailer.store.outbox import post_letter

A_WEEK = 7


@dataclass(frozen=True, slots=True)
class Published:
    """An issue in the outbox: how commands call it, and whom it goes to."""

    issue_id: int
    slug: str
    audience: Audience


def preview(db: Database, segment: ColumnElement[bool] | None, now: datetime) -> Audience:
    """Whom an issue would go to if it were published now; changes nothing."""
    return db.read(audiences.count, segment, now)


def spread(
    db: Database, languages: Sequence[str], default_language: str, segment: ColumnElement[bool] | None, now: datetime
) -> dict[str, int]:
    """How many readers each edition would go to; changes nothing."""
    return db.read(audiences.spread, languages, default_language, segment, now)


@undeterred
def publish(
    db: Database,
    issue: NewIssue,
    editions: Sequence[NewEdition],
    default_language: str,
    segment: ColumnElement[bool] | None,
    actor: str,
    now: datetime,
) -> Published:
    """Freeze an issue, its editions and its audience. Raises PublishError when it was published before or nobody
    would get it; then nothing has changed."""
    with db.transaction() as conn:
        try:
            issue_id, slug = issues.add(conn, issue, now)
        except PublishedBefore as known:
            raise PublishError(_nobody_twice(issue, known.slug)) from None
        by_language = {edition.language: issues.add_edition(conn, issue_id, edition, now) for edition in editions}
        audience = audiences.freeze(conn, issue_id, by_language, default_language, segment, issue.send_at, now)
        if not audience.readers:
            raise PublishError(Sentence("nobody would get this issue: %(why)s", why=_explain(audience)))
        issues.note(conn, "published", issue_id, actor, {"readers": audience.readers}, now)
    return Published(issue_id, slug, audience)


def _nobody_twice(issue: NewIssue, known: str) -> Sentence:
    if known != issues.slug_of(issue.date, issue.number):
        what = (
            "issue %(issue)s was published before, as %(slug)s, and this one is dated %(day)s; give it a number of its"
            " own; to mend the date of the one that went out use 'mailer publish --correct'"
        )
        return Sentence(what, issue=issue.identity, slug=known, day=issue.date)
    what = (
        "issue %(issue)s was published before, as %(slug)s; nobody gets it twice. To mend its text for those still"
        " waiting use 'mailer publish --correct'; another issue of the same day needs a number of its own"
    )
    return Sentence(what, issue=issue.identity, slug=known)


def _explain(audience: Audience) -> Sentence:
    if not audience.excluded:
        return Sentence("there are no subscribers; add some with 'mailer subscribers import'")
    reasons = ", ".join(f"{count} {reason}" for reason, count in audience.excluded.items())
    return Sentence("all are left out (%(reasons)s)", reasons=reasons)


def doubts(db: Database, number: int | None, day: date, sent_on: date) -> list[Sentence]:
    """What looks like a slip in an issue's number or date, beside the day it goes out and the last one published."""
    found = []
    days = (day - sent_on).days
    if abs(days) > A_WEEK:
        if days > 0:
            what = "it is dated %(day)s, %(days)s days after it goes out"
        else:
            what = "it is dated %(day)s, %(days)s days before it goes out"
        found.append(Sentence(what, day=day, days=f"{abs(days):,}"))
    last = next(iter(db.read(issues.latest, 1)), None)
    if last is None:
        return found
    if number is not None and last.number is not None and number not in (last.number, last.number + 1):
        what = "its number is %(number)s, and %(last)s was the last one published"
        found.append(Sentence(what, number=number, last=last.number))
    if last.slug.startswith(day.isoformat()) and number != last.number:
        found.append(Sentence("there is an issue of %(day)s already, %(slug)s", day=day, slug=last.slug))
    return found


@dataclass(frozen=True, slots=True)
class Corrected:
    """An issue whose text was replaced: in which languages, how many readers will get it so, and how many may.

    Those may who are under way with the old text: where it does not leave after all they get the new one.
    """

    slug: str
    languages: Sequence[str]
    readers: int
    under_way: int


@undeterred
def correct(
    db: Database, identity: str, editions: Sequence[NewEdition], actor: str, now: datetime, claim: int = 0
) -> Corrected:
    """Replace a published issue's text for the readers not yet attempted; those who have it get nothing.

    The first edition is corrected, and of the others those that were published and read differently now. Raises
    PublishError when there is no such issue, or not in the first edition's language, and RestoredError where the
    database knows less than a host that has worked on `claim`: some of those who seem to wait have the text as it was.
    """
    with db.transaction() as conn:
        if restored.is_behind(conn, claim):
            raise RestoredError
        known = issues.find_identity(conn, identity, hold=True)
        if known is None:
            what = "issue %(issue)s has not been published yet; leave out --correct"
            raise PublishError(Sentence(what, issue=identity))
        before = archive.written(conn, [known.id])[known.id]
        first, *others = editions
        if first.language not in before:
            what = (
                "issue %(issue)s was published in %(languages)s, not in %(language)s;"
                " a correction cannot add an edition"
            )
            tags = ", ".join(sorted(before))
            raise PublishError(Sentence(what, issue=identity, languages=tags, language=first.language))
        if _is_another(first.source, before[first.language]):
            what = (
                "this is not the issue that was published as %(slug)s: it has another date, and none of its headlines;"
                " give it a number of its own"
            )
            raise PublishError(Sentence(what, slug=known.slug))
        differing = [other for other in others if before.get(other.language, other.source) != other.source]
        new = {edition.language: issues.add_edition(conn, known.id, edition, now) for edition in (first, *differing)}
        count = issues.correct(conn, known.id, new, now)
        issues.note(conn, "corrected", known.id, actor, {"readers": count}, now)
        under_way = ledger.counts(conn, known.id)[State.ATTEMPTING]
    return Corrected(known.slug, tuple(new), count, under_way)


def _is_another(text: str, published: str) -> bool:
    """Whether a file with a published issue's number holds another issue: another day, and no headline in common."""
    new, old = source.examine(text)[0], source.examine(published)[0]
    if new is None or old is None or new.date == old.date:
        return False
    return {item.headline for item in new.items}.isdisjoint(item.headline for item in old.items)


def post_test(db: Database, keyring: Keyring, edition: Edition, address: str, now: datetime) -> int:
    """Put one copy of an edition into the outbox for an editor to look at; its delivery's id. No reader is touched."""
    frozen = Frozen(edition.program, keyring.current)

    def compose(delivery_id: int) -> bytes:
        (tokens,) = frozen.signed(keyring, [delivery_id])
        return compose_issue(frozen, tokens, address, "", {}).content

    with db.transaction() as conn:
        images.keep(conn, edition.images, now)
        return post_letter(
            conn,
            kind="test",
            address=address,
            now=now,
            compose=compose,
        )
