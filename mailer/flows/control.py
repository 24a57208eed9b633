"""Control: the operator pauses, resumes, cancels a send, or sends again what did not arrive."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from mailer.errors import RestoredError, UsageError
from mailer.model.delivery import State
from mailer.sentence import Sentence
from mailer.store import issues, ledger, reports, restored
from mailer.store.engine import Database, undeterred
from mailer.store.issues import KnownIssue


@dataclass(frozen=True, slots=True)
class Cancelled:
    """How many will not get a cancelled issue, and how many may: they were under way, and it may leave after all."""

    readers: int
    under_way: int


def pause(db: Database, reference: str, actor: str, now: datetime) -> bool:
    """Stop an issue that is being sent; False when it is not. Raises NotFound."""
    with db.transaction() as conn:
        issue = issues.find(conn, reference)
        return issues.set_state(conn, issue.id, ("sending",), "paused", "paused by the operator", actor, now)


@undeterred
def resume(db: Database, reference: str, actor: str, now: datetime) -> bool:
    """Go on with a paused issue; False when it is not paused. Raises NotFound.

    What became uncertain while it was paused is sent again where its policy says so.
    """
    with db.transaction() as conn:
        issue = issues.find(conn, reference)
        if not issues.set_state(conn, issue.id, ("paused",), "sending", "", actor, now):
            return False
        ledger.repeat_uncertain(conn, now)
        return True


@undeterred
def cancel(db: Database, reference: str, actor: str, now: datetime, claim: int = 0) -> Cancelled | None:
    """Give up what waits of an issue; None when it is not being sent.

    Raises NotFound, and RestoredError where the database knows less than a host that has worked on `claim`: some of
    those it says wait may have it.
    """
    with db.transaction() as conn:
        issue = issues.find(conn, reference)
        if restored.is_behind(conn, claim):
            raise RestoredError
        cause = "cancelled by the operator"
        if not issues.set_state(conn, issue.id, ("sending", "paused"), "cancelled", cause, actor, now):
            return None
        waiting = issues.cancel_waiting(conn, issue.id, now)
        return Cancelled(waiting, ledger.counts(conn, issue.id)[State.ATTEMPTING])


@undeterred
def retry(db: Database, reference: str, state: State, actor: str, now: datetime) -> int:
    """Put an issue's failed or uncertain deliveries back to pending; returns how many.

    Raises NotFound, and UsageError after the issue's deadline: they would be given up for good.
    """
    with db.transaction() as conn:
        issue = issues.find(conn, reference)
        if issue.is_overdue(now):
            raise UsageError(
                Sentence("the deadline of %(slug)s has passed: nothing more of it leaves", slug=issue.slug)
            )
        count = issues.retry(conn, issue.id, state, now)
        issues.note(conn, f"retried {state}", issue.id, actor, {"readers": count}, now)
        return count


def left_out(db: Database, reference: str, now: datetime) -> int:
    """How many of those who wait for an issue left or are suppressed, and will not get it. Raises NotFound."""
    with db.reading() as conn:
        return reports.left_out(conn, issues.find(conn, reference).id, now)


def find(db: Database, reference: str) -> KnownIssue:
    """An issue as it stands now. Raises NotFound."""
    return db.read(issues.find, reference)


@undeterred
def reconcile(
    db: Database,
    claim: int,
    delivery: int,
    now: datetime,
    *,
    sent: Collection[str] = (),
    missing: Iterable[str] = (),
    place: str = "",
) -> dict[str, int]:
    """Let a database restored from a backup send again: how many became uncertain, by slug.

    What was due by either clock, this host's or the database's, may have been sent. Of what left from this `place`
    and is `missing` in the database the other hosts hear by it.
    """
    with db.transaction() as conn:
        restored.note_lost(conn, missing, place, now)
        return restored.reconcile(conn, claim, delivery, max(now, db.now(conn) or now), sent=sent)


def lost_elsewhere(db: Database, slug: str, place: str) -> list[str]:
    """From where an issue was sent that a restored backup did not know; nothing where that was here."""
    places = db.read(restored.lost_from, slug)
    return [] if place in places else places


def is_overdue(db: Database, reference: str, now: datetime) -> bool:
    """Whether an issue's deadline has passed. Raises NotFound."""
    return find(db, reference).is_overdue(now)


def is_behind(db: Database, claim: int) -> bool:
    """Whether the database is older than what a host has sent whose greatest claim this is, or known to be so."""
    return db.read(restored.is_behind, claim)


def may_be_published_again(db: Database, reference: str) -> bool:
    """Whether an issue was given up before anybody was sent it. Raises NotFound."""
    return db.read(lambda conn: issues.has_reached_nobody(conn, issues.find(conn, reference)))


def knows(db: Database, slug: str, row: int) -> bool:
    """Whether the database has the issue of this slug that stood in a row, or one published anew since."""
    return db.read(issues.exists, slug, row)
