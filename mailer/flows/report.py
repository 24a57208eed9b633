"""Report: what became of an issue, proved by its counts."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row

from mailer.errors import NotFound
from mailer.mail.wire import WirePieces
from mailer.model.delivery import UNFINISHED, State
from mailer.model.pacing import Account, Slowed, seconds_for
from mailer.model.tokens import Keyring
from mailer.rendering.message import Program
from mailer.rendering.outgoing import Frozen, Outgoing, compose_issue
from mailer.sentence import Sentence
from mailer.store import budgets, issues, journal, leases, ledger, reports, roll, running
from mailer.store.engine import Database
from mailer.store.issues import KnownIssue
from mailer.store.reports import EXPLAINED, Holder, Uncertain
from mailer.store.roll import Present

if TYPE_CHECKING:
    from mailer.mail.dkim import Signer

RATE_OVER = timedelta(minutes=1)
CLOCKS_DIFFER = timedelta(minutes=2)  # no more than this, and nobody was set back
ENOUGH = 10  # messages in it from which on the first tells when a send began or went on


@dataclass(frozen=True, slots=True)
class Audit:
    """The accounting identity of one issue (contract C1)."""

    issue: KnownIssue
    counts: dict[str, int]
    excluded: dict[str, int]
    uncertain: list[Uncertain]
    causes: list[tuple[str, str, int]]  # why readers have not got it, the commonest first: (state, cause, how many)

    @property
    def balanced(self) -> bool:
        """Whether every frozen reader stands in exactly one state."""
        return self.issue.frozen == sum(self.counts.values())

    @property
    def unexplained(self) -> int:
        """How many readers have not got it for other reasons than those named."""
        return sum(self.counts[state] for state in EXPLAINED) - sum(count for _, _, count in self.causes)

    @property
    def finished(self) -> bool:
        """Whether nothing is pending, attempting or deferred."""
        return not any(self.counts[state] for state in UNFINISHED)


@dataclass(frozen=True, slots=True)
class Report:
    """What an operator wants to know of one issue."""

    audit: Audit
    first_accepted: datetime | None
    last_accepted: datetime | None
    domains: list[tuple[str, int, int]]
    bounces: list[tuple[str, str, int]]
    bounce_days: dict[str, int]
    bounce_domains: dict[str, int]
    destinations: dict[str, int]
    left: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """All that is known of one reader's copy: who, what exactly, on whose consent, every attempt and reply."""

    issue: KnownIssue
    delivery: Row[Any]
    consents: list[Row[Any]]
    attempts: list[Row[Any]]
    bounces: list[Row[Any]]
    message: Outgoing


@dataclass(frozen=True, slots=True)
class Progress:
    """How one issue's sending goes: `per_second` over the last minute or since it goes on, `finish_at` at that rate.

    `next_try` is when the next of those who were deferred is due, while it is being sent.
    """

    issue: KnownIssue
    counts: dict[str, int]
    per_second: float
    finish_at: datetime | None
    next_try: datetime | None

    @property
    def waits(self) -> bool:
        """Whether somebody still waits for it, sending or paused."""
        return any(self.counts[state] for state in UNFINISHED)


def audit(db: Database, reference: str) -> Audit:
    """The accounting of an issue in one snapshot. Raises NotFound."""
    return db.read(_audit, reference)


def _audit(conn: Connection, reference: str) -> Audit:
    issue = issues.find(conn, reference)
    return Audit(
        issue,
        ledger.counts(conn, issue.id),
        reports.excluded(conn, issue.id),
        reports.uncertain(conn, issue.id),
        reports.causes(conn, issue.id, 10),
    )


def report(db: Database, reference: str, zone: ZoneInfo) -> Report:
    """The report of an issue in one snapshot, days counted in `zone`. Raises NotFound."""
    with db.reading() as conn:
        accounting = _audit(conn, reference)
        issue_id = accounting.issue.id
        first, last = reports.span(conn, issue_id)
        came = reports.bounces_by_day(conn, issue_id)
        days = Counter(at.astimezone(zone).date().isoformat() for at, _ in came)
        return Report(
            audit=accounting,
            first_accepted=first,
            last_accepted=last,
            domains=reports.by_domain(conn, issue_id, 10),
            bounces=reports.bounces_by_reason(conn, issue_id),
            bounce_days=dict(days),
            bounce_domains=dict(Counter(domain for _, domain in came).most_common(10)),
            destinations=reports.destinations(conn, issue_id),
            left=reports.left_because_of(conn, issue_id),
        )


def proof(db: Database, reference: str) -> Iterator[Row[Any]]:
    """The proof per reader, streamed. Raises NotFound."""
    with db.reading() as conn:
        issue = issues.find(conn, reference)
        yield from reports.proof(conn, issue.id)


def receipt(db: Database, keyring: Keyring, reference: str, match_key: str, signer: Signer | None = None) -> Receipt:
    """One reader's copy of an issue, its message composed and signed anew byte for byte. Raises NotFound."""
    with db.reading() as conn:
        issue = issues.find(conn, reference)
        row = reports.delivery_of(conn, issue.id, match_key)
        if row is None:
            what = (
                "nobody of this address was in the audience of %(slug)s, or he was erased since; 'mailer subscribers"
                " show' tells what is known of him"
            )
            raise NotFound(Sentence(what, slug=issue.slug))
        edition = Frozen(Program.from_bytes(row.program), row.key_id)
        (tokens,) = edition.signed(keyring, [row.id])
        message = compose_issue(edition, tokens, row.address, row.name, row.attributes)
        return Receipt(
            issue=issue,
            delivery=row,
            consents=reports.consents_of(conn, row.subscriber_id),
            attempts=reports.attempts_of(conn, row.id),
            bounces=reports.bounces_of(conn, row.id),
            message=message._replace(pieces=WirePieces((signer.sign(message.content),))) if signer else message,
        )


def progress(
    db: Database, now: datetime, accounts: Sequence[Account] = (), limit: int = 10
) -> tuple[list[Progress], list[Holder]]:
    """The newest issues, and all that have not ended, with their rates, and the workers that hold claims now.

    `accounts` are the relays they go over: nobody is through before their limits allow it.
    """
    with db.reading() as conn:
        found = [_progress(conn, issue, accounts, now) for issue in issues.shown(conn, limit)]
        return found, reports.workers_now(conn)


def lost(db: Database, host: str, boot: str) -> set[str]:
    """The workers of this host that died with claims open: their journals are there, and nobody holds them."""
    found = set()
    for claim in db.read(leases.open_claims):
        path = Path(claim.journal) / f"{claim.id}.journal"
        if (claim.host, claim.boot) == (host, boot) and path.exists() and journal.is_alive(path) is False:
            found.add(claim.worker)
    return found


def at_work(db: Database, host: str, boot: str, now: datetime) -> list[str]:
    """The workers that send, or may at any moment, by name."""
    gone, there = lost(db, host, boot), present(db, host, now)
    with db.reading() as conn:
        holders = reports.workers_now(conn)
    able = {one.name for one in holders if one.name not in gone and one.leased_until > now}
    return sorted((able | {one.name for one in there}) - {leases.LOCK})


def deferred(db: Database) -> int:
    """How many are to be tried again, of all issues and letters."""
    return db.read(reports.deferred)


def letters_waiting(db: Database) -> int:
    """How many letters wait to be sent."""
    return db.read(reports.letters_waiting)


def present(db: Database, host: str, now: datetime) -> list[Present]:
    """The workers that are there, whether or not they hold claims; on this host only processes that still run."""
    return [one for one in db.read(roll.present, now) if one.host != host or _runs(one.pid)]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True


def paused(db: Database) -> list[str]:
    """The slugs of the issues that are paused."""
    with db.reading() as conn:
        return [issues.by_id(conn, issue_id).slug for issue_id in running.paused(conn)]


def next_due(db: Database) -> datetime | None:
    """When somebody is to be sent something next; None when nobody waits."""
    return db.read(running.next_due)


def set_back(db: Database, now: datetime) -> datetime | None:
    """When the last attempt was made, if that lies ahead: the clock was set back, and what waits seems not yet due."""
    last = db.read(reports.last_attempt)
    return last if last is not None and last > now + CLOCKS_DIFFER else None


def slowed(db: Database, now: datetime) -> list[Slowed]:
    """The relays and providers that are sent to more slowly at this moment, and why."""
    return db.read(budgets.slowed, now)


def _progress(conn: Connection, issue: KnownIssue, accounts: Sequence[Account], now: datetime) -> Progress:
    counts = ledger.counts(conn, issue.id)
    if issue.state != "sending" or issue.send_at > now:
        return Progress(issue, counts, 0.0, None, None)
    since = max(issue.send_at, issue.frozen_at, now - RATE_OVER)
    accepted, first = reports.accepted_since(conn, issue.id, since)
    if first and accepted >= ENOUGH:  # it may have gone on, or begun, only then
        since = first
    rate = accepted / max(1.0, (now - since).total_seconds())
    waiting = counts[State.PENDING] + counts[State.ATTEMPTING]
    seconds = waiting / rate if rate else 0.0
    if accounts and (rate or all(account.used_up_until(now.timestamp()) for account in accounts)):
        before = 0 if rate else running.ahead(conn, issue.id, issue.send_at, issue.deadline)
        seconds = max(seconds, seconds_for(before + waiting, accounts, now.timestamp()) if waiting else 0.0)
    finish_at = now + timedelta(seconds=seconds) if seconds else None
    next_try = reports.next_try(conn, issue.id) if counts[State.DEFERRED] else None
    return Progress(issue, counts, rate, finish_at, next_try)
