"""A worker's books: each of its transactions, from the claim to the outcomes, and what dead workers left.

Every step may be repeated: the answer to its commit may have been what was lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection

from mailer.errors import RestoredError, StoreError, spoken
from mailer.flows.dispatch.batch import Batch, Page, Refusal
from mailer.model.delivery import State
from mailer.model.pacing import domains_of, group_of
from mailer.model.routing import Route
from mailer.rendering.outgoing import Outgoing
from mailer.sentence import Sentence
from mailer.store import budgets, leases, ledger, picking, roll, running
from mailer.store import journal as journals
from mailer.store.budgets import NO_WISH, PROVIDER, RELAY, Allowance, Wish
from mailer.store.engine import Database, undeterred
from mailer.store.highwater import HighWater
from mailer.store.holdings import held
from mailer.store.journal import Journal, Mark
from mailer.store.leases import OpenClaim, Worker
from mailer.store.ledger import Outcome
from mailer.store.picking import Claimed
from mailer.store.running import Sendable
from mailer.transport.lane import Lane

LEASE = timedelta(seconds=120)
BEGUN = (Mark.HANDED_OVER, Mark.ACCEPTED, Mark.ANSWERED)  # what a relay has seen
SET_BACK = timedelta(seconds=1)  # nobody's lease ends so much later than the longest, unless the clock was set back
HESITANT_SECONDS = 600.0  # for so long a domain counts as one that makes people wait

Compose = Callable[[Claimed], Outgoing]
Composer = Callable[[Connection, Sequence[Claimed]], Compose]
RecordRefusals = Callable[[Connection, Sequence[Refusal], datetime], None]


class Sign(Protocol):
    """Signs a claimed batch ahead of sending, outside of any transaction; `most` may be in the next one."""

    @property
    def most(self) -> int: ...

    def __call__(self, compose: Compose, deliveries: Sequence[Claimed]) -> Compose: ...


@dataclass(frozen=True, slots=True)
class Written:
    """What a flush found: the claims that are still ours, and the issues it paused."""

    held: set[int]
    paused: dict[int, str]  # issue: cause


@dataclass(frozen=True, slots=True)
class Inherited:
    """A dead worker's claim that was settled."""

    worker: str
    cause: str
    uncertain: int


class Books:
    """The database, the journals and the shared clock of one worker. Methods raise StoreError; see Dispatcher."""

    def __init__(
        self,
        *,
        db: Database,
        composer: Composer,
        record_refusals: RecordRefusals,
        clock: Callable[[], datetime],
        worker: Worker,
        journal_folder: Path,
        sign: Sign | None = None,
        shared_clock: Callable[[Connection], datetime | None] = lambda conn: None,
        monotonic: Callable[[], float],
        letters_only: bool = False,
    ) -> None:
        self.worker = worker
        self._db = db
        self._composer = composer
        self._sign = sign
        self._record_refusals = record_refusals
        self._clock = clock
        self._shared_clock = shared_clock
        self._monotonic = monotonic
        self._folder = journal_folder
        self._letters_only = letters_only
        self._high_water = HighWater(journal_folder)
        self.overdue: dict[str, int] = {}  # how many an issue's deadline cut off, by slug, not yet told
        self._metered: set[str] = set()  # the budgets that answers are charged to
        self._ahead = timedelta()
        self._hesitant: dict[str, float] = {}  # domains that deferred somebody, and when they did so last

    # --- claiming --------------------------------------------------------------------------------------------

    @undeterred
    def claim(self, lane: Lane, limit: int, way: Route, wish: Wish = NO_WISH) -> tuple[Batch | None, Allowance]:
        """Up to `limit` due deliveries for a lane, and what its budgets allow.

        One transaction: overdue issues closed, a claim made, what composing needs loaded, the journal laid. Signed
        when it has ended.
        Raises RestoredError when this host has made later claims than the database knows of.
        """
        started = self._monotonic()
        limit = min(limit, self._sign.most) if self._sign else limit
        journal: Journal | None = None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._high_water.look()  # first: what others claim after the database was asked is no sign of a restore
            with self._db.transaction() as conn:
                now = self._set_clock(conn)
                self._require_newest(conn)
                if self._letters_only and not _is_due(running.next_letter_due(conn), now):
                    return None, self._without(conn, lane, now)
                sendable = running.sendable(conn, now)  # first: everybody locks issues, then deliveries, then budgets
                self.overdue |= running.expire_overdue(conn, now)
                allowance = budgets.allowance(conn, lane.name, lane.quotas, now, wish)
                self._meter(lane, allowance)
                if allowance.part == 0:
                    return None, allowance
                for issue in sendable[:1] if self._letters_only else sendable:  # the letters stand first
                    if rows := self._pick(conn, issue, limit, way, allowance, now):
                        break
                else:
                    return None, allowance
                claim_id = leases.open_claim(conn, self.worker, str(self._folder), now, LEASE, lane.name)
                picking.assign(conn, claim_id, rows, now)
                compose = self._composer(conn, rows)
                journal = Journal(self._folder, claim_id, [row.id for row in rows])
            self._high_water.raise_to(claim_id, max(row.id for row in rows), issue.slug, issue.id or 0)
        except (OSError, StoreError) as error:
            if journal is not None:
                journal.close()  # if the commit came through after all, it shows that nothing was begun
            if isinstance(error, RestoredError):
                self._db.run(leases.lock, self.now())
            if isinstance(error, OSError):
                what = "the journal in %(folder)s cannot be written: %(why)s"
                raise StoreError(Sentence(what, folder=self._folder, why=spoken(error))) from error
            raise
        if self._sign:
            compose = self._sign(compose, rows)
        lease_ends = started + LEASE.total_seconds()
        return Batch(claim_id, rows, compose, journal, started, lease_ends, len(rows), issue.deadline), allowance

    def _without(self, conn: Connection, lane: Lane, now: datetime) -> Allowance:
        """Who sends letters only, and has none, gives up its part of a limit by the second: issues have need of it."""
        if lane.part and not lane.ready and not lane.counted(self._monotonic()):
            budgets.leave(conn, self.worker.name, now)
            return Allowance(learned=lane.learned)
        return Allowance(part=lane.part, learned=lane.learned)

    def _require_newest(self, conn: Connection) -> None:
        """Raise RestoredError when the database knows less than was known here, or somebody else has found so."""
        latest = leases.latest_claim(conn)
        if latest < self._high_water.claim or leases.is_locked(conn):
            raise RestoredError
        if latest > self._high_water.claim:
            self._high_water.raise_to(latest)

    def _pick(
        self, conn: Connection, issue: Sendable, limit: int, way: Route, allowance: Allowance, now: datetime
    ) -> list[Claimed]:
        """What is due of an issue within the allowance: of each slowed provider what it may get, then the others."""
        limit = limit if allowance.relay is None else min(limit, allowance.relay)
        rows: list[Claimed] = []
        for group, most in allowance.providers.items():
            domains = domains_of(group)
            if (most := min(most, limit - len(rows))) > 0:
                rows += picking.pick(conn, issue, most, now, way.within(domains))
            way = way.leaving_out(domains)
        if (left := limit - len(rows)) > 0:
            scarce = allowance.relay is not None and bool(self._hesitant)
            rows += (self._pick_hesitant_first if scarce else picking.pick)(conn, issue, left, now, way)
        return rows

    def _pick_hesitant_first(
        self, conn: Connection, issue: Sendable, limit: int, now: datetime, way: Route
    ) -> list[Claimed]:
        """Half for domains that said "come back later": where quotas draw a send out, their wait should not end it."""
        domains = {domain for domain, at in self._hesitant.items() if self._monotonic() - at < HESITANT_SECONDS}
        first = picking.pick(conn, issue, limit, now, way.within(domains))
        least = limit - min(len(first), limit // 2)
        others = picking.pick(conn, issue, least, now, way.leaving_out(domains))
        return first[: limit - len(others)] + others

    def _meter(self, lane: Lane, allowance: Allowance) -> None:
        self._metered.update(PROVIDER + group for group in allowance.providers)
        if allowance.kept:
            self._metered.add(RELAY + lane.name)

    # --- recording -------------------------------------------------------------------------------------------

    @undeterred
    def write(self, page: Page, batches: Mapping[int, Batch]) -> Written:
        """Commit a page, extend the leases of our claims and end those that have nothing open any more."""
        outcomes: dict[int, list[Outcome]] = {}
        for entry in page.entries:
            outcomes.setdefault(entry.batch.id, []).append(entry.outcome)
            if entry.refusal is not None and entry.outcome.state is State.DEFERRED:
                self._hesitant[entry.outcome.delivery.domain] = self._monotonic()
        returned: dict[int, list[int]] = {}
        for work in page.released:
            returned.setdefault(work.batch.id, []).append(work.row.id)
        done = [
            batch.id
            for batch in batches.values()
            if batch.open == len(outcomes.get(batch.id, ())) + len(returned.get(batch.id, ()))
        ]
        with self._db.transaction() as conn:
            now = self._set_clock(conn)
            ours = leases.renew(conn, self.worker.name, batches, now + LEASE)
            for number in leases.of_others(conn, self.worker.name, batches.keys() - ours):
                # What has the number now is not ours to give back or put off; who was taken has it all the same.
                outcomes[number] = [one for one in outcomes.get(number, ()) if one.state is State.ACCEPTED]
                returned.pop(number, None)
            new = {claim_id for claim_id, ended in outcomes.items() if ledger.record(conn, claim_id, ended, now)}
            for claim_id, ids in returned.items():
                ledger.release(conn, claim_id, ids, now)
            paused = {
                issue_id: cause for issue_id, cause in page.pauses.items() if running.pause(conn, issue_id, cause, now)
            }
            refusals = [entry.refusal for entry in page.entries if entry.refusal]
            if refusals:
                before = running.paused(conn)
                self._record_refusals(conn, refusals, now)  # too many of them pause an issue as well
                paused |= {issue_id: why for issue_id, why in running.paused(conn).items() if issue_id not in before}
            if any(entry.outcome.state is State.UNCERTAIN for entry in page.entries):
                ledger.repeat_uncertain(conn, now)
            leases.end_claims(conn, [number for number in done if number in ours], now)
            self._metered.update(page.slowdowns)
            fresh = [entry.outcome for entry in page.entries if entry.batch.id in new]
            charges = self._charges(fresh)
            if charges or page.slowdowns:
                taken = self._charges(one for one in fresh if one.state is State.ACCEPTED)
                budgets.settle(conn, charges, list(page.slowdowns.values()), now, taken)
            for relay in sorted(page.too_fast):
                budgets.too_fast(conn, relay, page.too_fast[relay], now)
            return Written(ours, paused)

    def _charges(self, outcomes: Iterable[Outcome]) -> Counter[str]:
        """What was answered, by the budgets it counts against if there are such; nothing where nothing is limited."""
        if not self._metered:
            return Counter()
        sent = [one for one in outcomes if one.relay]
        charges = Counter(RELAY + one.relay for one in sent)
        charges.update(PROVIDER + group_of(one.delivery.domain) for one in sent)
        return charges

    def finish_issues(self) -> list[str]:
        """Close the issues that have nothing left to send; returns their slugs."""
        now = self.now()
        return self._db.run(running.finish_issues, now) if self._db.read(running.has_endings, now) else []

    def leave(self) -> None:
        """Give what others may use of limits by the second to them."""
        self._db.run(budgets.leave, self.worker.name, self.now())

    def sign_in(self, trouble: str) -> None:
        """Note that this worker is there, and what keeps it from sending; who sends letters only is no such worker."""
        if not self._letters_only:
            self._db.run(roll.sign_in, self.worker, trouble, self.now())

    def sign_out(self) -> None:
        """Note that this worker goes."""
        self._db.run(roll.sign_out, self.worker.name)

    def next_due(self) -> datetime | None:
        """When the next delivery is due that this worker would send; None when nothing waits."""
        return self._db.read(running.next_letter_due if self._letters_only else running.next_due)

    # --- taking over -----------------------------------------------------------------------------------------

    def inherit(self, ours: Collection[int]) -> list[Inherited]:
        """Settle the claims of dead workers: at once where their journal is, when their lease has run out elsewhere.

        A worker of this host that only stands still keeps its claim: its journal is locked while it lives.
        """
        with self._db.reading() as conn:
            now = self._set_clock(conn)
            claims = [
                claim for claim in leases.open_claims(conn) if claim.id not in ours and claim.worker != leases.LOCK
            ]
        settled = []
        for claim in claims:
            journal = self._journal_here(claim)
            if _is_orphaned(claim, journal, now) and (one := self._settle(claim, journal, now)):
                settled.append(one)
        if any(claim.leased_until > now + LEASE + SET_BACK for claim in claims):
            self._db.run(leases.shorten, now + LEASE)
        return settled

    def _journal_here(self, claim: OpenClaim) -> Path | None:
        """The journal of a claim that was made on this host since it was started."""
        path = Path(claim.journal) / f"{claim.id}.journal"
        return path if (claim.host, claim.boot) == (self.worker.host, self.worker.boot) and path.exists() else None

    @undeterred
    def _settle(self, claim: OpenClaim, journal: Path | None, now: datetime) -> Inherited | None:
        """Take over a dead worker's claim; None when somebody else did."""
        marks = journals.read(journal, claim.id) if journal else None
        cause = f"worker {claim.worker} {'was lost with its claim' if marks is None else 'died after handing it over'}"
        with self._db.transaction() as conn:
            under_way = held(conn, claim.id)
            if not ledger.take_over(conn, claim.id, marks, cause, now, claim.leased_until):
                return None
            begun = under_way if marks is None else [number for number in under_way if marks.get(number) in BEGUN]
            budgets.charge(conn, claim.relay, begun, now)
            ledger.repeat_uncertain(conn, now)
            uncertain = len(held(conn, claim.id, State.UNCERTAIN))
        if journal:
            journals.delete(journal)
        return Inherited(claim.worker, cause, uncertain)

    # --- time ------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Now, by the clock all workers share as far as it is known."""
        return self._clock() + self._ahead

    def _set_clock(self, conn: Connection) -> datetime:
        """Follow the database's clock: this host's own may be wrong, or be set while we run."""
        shared = self._shared_clock(conn)
        if shared is not None:
            self._ahead = shared - self._clock()
        return self.now()


def _is_due(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment <= now


def _is_orphaned(claim: OpenClaim, journal: Path | None, now: datetime) -> bool:
    """Whether its worker is known to be dead, or, where nobody can look, has let the lease run out."""
    alive = journals.is_alive(journal) if journal else None
    return claim.leased_until <= now if alive is None else not alive
