"""Dispatch: from the outbox over a relay into the delivery log.

    claim -> intent recorded -> compose -> relay -> reply -> outcome recorded

A claim is committed, and its journal made, before anything of it is handed over; outcomes are committed in
groups. No transaction is open while the network is waited for. What cannot be recorded is not sent.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from mailer.errors import RelayError, RestoredError, StoreError
from mailer.mail.reply import Reply
from mailer.model import delivery as rules
from mailer.model.delivery import Blame, Phase, Result, State
from mailer.rendering.outgoing import Outgoing
from mailer.store import journal as journals
from mailer.store import ledger
from mailer.store.engine import Database
from mailer.store.highwater import HighWater
from mailer.store.journal import Journal, Mark
from mailer.store.ledger import Claimed, Outcome, Worker
from mailer.transport.base import Envelope, Session
from mailer.transport.lane import Lane

LEASE = timedelta(seconds=120)
CLAIM_SECONDS = 1.0  # a claim covers no more than the pace allows in this time, so that leaving is obeyed within it
MAX_CLAIM = 500
FLUSH_SECONDS = 0.15
POLL_SECONDS = 1.0
IDLE_SECONDS = 10.0
GIVE_UP_FAILURES = 3  # connections refused in a row on every relay, after which a run that need not wait ends
STORE_PATIENCE_SECONDS = 60.0
RESTORED = (
    "the database is older than what this host has sent: a backup was restored. Nothing is sent until"
    " 'mailer audit --reconcile' has named what may have gone out since"
)


@dataclass(frozen=True, slots=True)
class Retry:
    """When a deferred delivery is tried again, and when it is given up."""

    steps: tuple[timedelta, ...] = rules.BACKOFF
    give_up_after: timedelta = rules.GIVE_UP_AFTER


@dataclass(frozen=True, slots=True)
class Refusal:
    """A delivery the relay refused for good or deferred, for the bounce journey to judge."""

    delivery: Claimed
    reply: Reply
    phase: Phase


class Observer:
    """What a dispatcher tells while it works; every method may be overridden, none may raise."""

    def outcome(self, outcome: Outcome, worker: Worker) -> None:
        """One attempt has ended."""

    def relay_down(self, name: str, error: RelayError) -> None:
        """A relay could not be reached or refused us; it will be tried again."""

    def store_down(self, error: StoreError) -> None:
        """Outcomes could not be committed; nothing is sent until they can."""

    def paused(self, issue_id: int, cause: str) -> None:
        """An issue was paused because the relay refuses us, not a reader."""

    def finished(self, slugs: Sequence[str]) -> None:
        """These issues have nothing left to send."""

    def taken_over(self, worker: str, cause: str) -> None:
        """A dead worker's claim was settled."""


@dataclass(slots=True)
class Tally:
    """What this dispatcher has done so far."""

    states: dict[State, int] = field(default_factory=lambda: dict.fromkeys(State, 0))
    next_due: datetime | None = None
    error: RelayError | None = None

    def __getitem__(self, state: State) -> int:
        return self.states[state]


@dataclass(slots=True)
class _Batch:
    """One claim in the hands of this process."""

    id: int
    deliveries: list[Claimed]
    compose: Callable[[Claimed], Outgoing]
    journal: Journal
    claimed_at: float
    lease_ends: float
    open: int
    lost: bool = False


class LeaseLost(Exception):
    """The claim ran out or was taken over: nothing of it may be handed over any more."""


Composer = Callable[[Connection, Sequence[Claimed]], Callable[[Claimed], Outgoing]]
Hop = Callable[..., Awaitable[Any]]  # calls a function of the database without holding up the connections
RecordRefusals = Callable[[Connection, Sequence[Refusal], datetime], None]


class Dispatcher:
    """One worker: claims, sends over its lanes, records. `run` it once; `stop` makes it end in good order.

    `shared_clock(conn)` is the moment by the database's clock, None where there is only this host's.
    `composer(conn, deliveries)` loads what a batch needs and gives the function that composes one message;
    `record_refusals` runs in the transaction that records the refusals. `monotonic` and `hop` are for a simulation,
    which has a clock and a database of its own.
    """

    def __init__(
        self,
        *,
        db: Database,
        lanes: Sequence[Lane],
        composer: Composer,
        record_refusals: RecordRefusals,
        clock: Callable[[], datetime],
        worker: Worker,
        journal_folder: Path,
        retry: Retry | None = None,
        observer: Observer | None = None,
        shared_clock: Callable[[Connection], datetime | None] = lambda conn: None,
        monotonic: Callable[[], float] = time.monotonic,
        hop: Hop = asyncio.to_thread,
    ) -> None:
        self.tally = Tally()
        self._db = db
        self._lanes = lanes
        self._composer = composer
        self._record_refusals = record_refusals
        self._clock = clock
        self._shared_clock = shared_clock
        self._ahead = timedelta()
        self._worker = worker
        self._folder = journal_folder
        self._retry = retry or Retry()
        self._observer = observer or Observer()
        self._monotonic = monotonic
        self._hop = hop
        self._ready: deque[tuple[_Batch, int]] = deque()
        self._batches: dict[int, _Batch] = {}
        self._outcomes: list[tuple[_Batch, Outcome, Refusal | None]] = []
        self._released: list[tuple[_Batch, int]] = []
        self._pauses: dict[int, str] = {}
        self._changed = asyncio.Event()
        self._arrived = asyncio.Event()
        self._ended = asyncio.Event()
        self._stopping = False
        self._high_water = HighWater(journal_folder)
        self._pace = float(sum(lane.connections for lane in lanes))
        self._recorded = 0

    # --- the story -------------------------------------------------------------------------------------------

    async def run(self, *, forever: bool = False) -> Tally:
        """Send until nothing is due (or `forever`, until stopped). Raises StoreError when the database stays away."""
        self._folder.mkdir(parents=True, exist_ok=True)
        await self._hop(self._recover)
        connections = [
            asyncio.create_task(self._connection(lane)) for lane in self._lanes for _ in range(lane.connections)
        ]
        try:
            await self._feed(connections, forever)
        finally:
            self._stopping = True
            await self._end(connections)
        self.tally.next_due = await self._hop(self._db.read, ledger.next_due)
        return self.tally

    def stop(self) -> None:
        """Claim nothing more, wait for dots already handed over, record the rest; `run` then returns."""
        self._stopping = True
        self._changed.set()

    async def _feed(self, connections: Sequence[asyncio.Task[None]], forever: bool) -> None:
        last_flush = last_recovery = self._monotonic()
        claim_again = 0.0
        while not self._stopping:
            for task in connections:
                if task.done():
                    task.result()  # a connection ends only by an error of ours: let it be seen
            if not forever and all(lane.failures >= GIVE_UP_FAILURES for lane in self._lanes):
                return
            now, claimed = self._monotonic(), False
            if now >= claim_again and not self._halted and len(self._ready) <= self._claim_limit() // 2:
                claimed = await self._claim_more()
                claim_again = now if claimed else now + FLUSH_SECONDS
            if now - last_flush >= FLUSH_SECONDS:
                await self._flush()
                self._measure(now - last_flush)
                last_flush = now
            if now - last_recovery >= LEASE.total_seconds() / 4:
                await self._hop(self._recover)
                last_recovery = now
            if not claimed and self._idle and await self._nothing_left(forever):
                return
            if not claimed:
                await self._pause_for_change(FLUSH_SECONDS)

    async def _nothing_left(self, forever: bool) -> bool:
        await self._flush()
        self._observer.finished(await self._hop(self._db.run, ledger.finish_issues, self._now()))
        if not forever:
            due = await self._hop(self._db.read, ledger.next_due)
            return due is None or due > self._now()
        await self._pause_for_change(POLL_SECONDS)
        return False

    async def _end(self, connections: list[asyncio.Task[None]]) -> None:
        self._released.extend(self._ready)
        self._ready.clear()
        self._ended.set()
        self._arrived.set()
        await asyncio.gather(*connections, return_exceptions=True)
        await self._flush()
        self._observer.finished(await self._hop(self._db.run, ledger.finish_issues, self._now()))

    # --- claiming --------------------------------------------------------------------------------------------

    @property
    def _idle(self) -> bool:
        return not self._ready and not self._batches

    @property
    def _halted(self) -> bool:
        return all(not lane.is_open(self._monotonic()) for lane in self._lanes)

    def _claim_limit(self) -> int:
        most = min(self._pace * CLAIM_SECONDS, MAX_CLAIM)
        limited = [lane.per_second for lane in self._lanes]
        if all(limited):
            most = min(most, sum(limited) * CLAIM_SECONDS)
        return max(1, int(most))

    def _measure(self, seconds: float) -> None:
        """Follow the pace: up at once, down by halves, never under one message a connection."""
        rate = self._recorded / seconds
        floor = float(sum(lane.connections for lane in self._lanes))
        self._pace = max(floor, rate * 1.25, self._pace * 0.5 if rate < self._pace / 2 else self._pace)
        self._recorded = 0

    async def _claim_more(self) -> bool:
        batch = await self._hop(self._claim, self._claim_limit())
        if batch is None:
            return False
        self._batches[batch.id] = batch
        self._ready.extend((batch, position) for position in range(len(batch.deliveries)))
        self._arrived.set()
        return True

    def _claim(self, limit: int) -> _Batch | None:
        """One transaction: overdue issues closed, a claim made, what composing needs loaded, the journal laid."""
        started = self._monotonic()
        journal: Journal | None = None
        try:
            with self._db.transaction() as conn:
                now = self._set_clock(conn)
                ledger.expire_overdue(conn, now)
                for issue in ledger.sendable(conn, now):
                    if rows := ledger.pick(conn, issue, limit, now):
                        break
                else:
                    return None
                claim_id = ledger.open_claim(conn, self._worker, str(self._folder), now, LEASE)
                if claim_id <= self._high_water.claim:
                    raise RestoredError(RESTORED)
                ledger.assign(conn, claim_id, rows, now)
                compose = self._composer(conn, rows)
                journal = Journal(self._folder, claim_id, [row.id for row in rows])
        except OSError as error:
            raise StoreError(f"the journal in {self._folder} cannot be written: {error.strerror}") from error
        except BaseException:
            if journal is not None:
                journal.remove()
            raise
        self._high_water.raise_to(claim_id, rows[-1].id, issue.slug)
        return _Batch(claim_id, rows, compose, journal, started, started + LEASE.total_seconds(), len(rows))

    # --- sending ---------------------------------------------------------------------------------------------

    async def _connection(self, lane: Lane) -> None:
        session: Session | None = None
        sent = 0
        while not self._ended.is_set():
            if session is None and not lane.is_open(self._monotonic()):
                await self._until_ended(lane.retry_at - self._monotonic())
                continue
            work = await self._next(lane, IDLE_SECONDS if session else None)
            if session is not None and not session.usable:  # the relay closed it while it was idle
                await session.close()
                session, sent = None, 0
            if work is not None and (session := session or await self._open(lane)) is not None:
                await self._send(lane, session, *work)
                sent += 1
            elif work is not None:
                self._released.append(work)
            if session is not None and (work is None or not session.usable or sent >= lane.messages_per_connection):
                await session.close()
                session, sent = None, 0
        if session is not None:
            await session.close()

    async def _next(self, lane: Lane, patience: float | None) -> tuple[_Batch, int] | None:
        """The next delivery to send, when the lane's pace allows; None after `patience` seconds or at the end."""
        async with lane.turn:
            await self._until_ended(lane.wait(self._monotonic()))
            while True:
                while not self._ready and not self._ended.is_set():
                    self._arrived.clear()
                    try:
                        await asyncio.wait_for(self._arrived.wait(), patience)
                    except TimeoutError:
                        return None
                if self._ended.is_set():
                    return None
                work = self._ready.popleft()
                if len(self._ready) <= self._claim_limit() // 2:
                    self._changed.set()
                if self._monotonic() - work[0].claimed_at <= CLAIM_SECONDS:
                    lane.take(self._monotonic())
                    return work
                self._released.append(work)

    async def _open(self, lane: Lane) -> Session | None:
        try:
            session = await lane.relay.open()
        except RelayError as error:
            self.tally.error = error
            if lane.is_open(self._monotonic()):
                lane.failed(self._monotonic())
                self._observer.relay_down(lane.relay.name, error)
            if error.permanent:
                self.stop()
            return None
        lane.succeeded()
        self.tally.error = None
        return session

    async def _send(self, lane: Lane, session: Session, batch: _Batch, position: int) -> None:
        row, started = batch.deliveries[position], self._monotonic()

        def handing_over() -> None:
            if batch.lost or self._monotonic() >= batch.lease_ends:
                raise LeaseLost
            batch.journal.mark(position, Mark.HANDED_OVER)

        batch.journal.mark(position, Mark.COMPOSING)
        try:
            message = batch.compose(row)
        except Exception as error:  # whatever one reader's values break must not stop the others
            self._quarantine(batch, position, error)
            return
        batch.journal.mark(position, Mark.UNTOUCHED)
        try:
            envelope = Envelope(lane.return_path(message.bounce_token), message.recipient)
            result = await session.send(envelope, message.content, handing_over)
        except LeaseLost:
            self._released.append((batch, position))
            await session.close()
            return
        millis = round((self._monotonic() - started) * 1000)
        self._conclude(batch, position, lane.relay.name, result, millis)

    # --- outcomes --------------------------------------------------------------------------------------------

    def _conclude(self, batch: _Batch, position: int, relay: str, result: Result, millis: int) -> None:
        row = batch.deliveries[position]
        verdict = rules.judge(result)
        state, due_at, now = verdict.state, None, self._now()
        if state is State.DEFERRED:
            due_at = now + rules.backoff(row.tries + 1, self._retry.steps)
            if row.since + self._retry.give_up_after <= due_at:
                state = State.FAILED
        elif state is State.PENDING:
            due_at = now + self._retry.steps[0]
            if verdict.blame is Blame.SENDER and row.issue_id is not None:
                due_at = None
                self._pause(row.issue_id, f"{relay} refuses our mail: {result.reply}")
        if state is not State.UNCERTAIN:
            batch.journal.mark(position, Mark.ACCEPTED if state is State.ACCEPTED else Mark.ANSWERED)
        reply = result.reply
        outcome = Outcome(
            delivery=row,
            state=state,
            at=now,
            relay=relay,
            phase=result.phase,
            code=reply.code if reply else None,
            status=reply.status if reply else "",
            text=reply.text[:500] if reply else result.cause,
            millis=millis,
            due_at=due_at,
        )
        refused = reply is not None and not reply.positive and verdict.blame is Blame.RECIPIENT
        self._finish(batch, outcome, Refusal(row, reply, result.phase) if refused and reply else None)

    def _quarantine(self, batch: _Batch, position: int, error: Exception) -> None:
        batch.journal.mark(position, Mark.ANSWERED)
        text = f"quarantined: the message could not be composed ({type(error).__name__}: {error})"[:500]
        outcome = Outcome(batch.deliveries[position], State.FAILED, self._now(), "", Phase.CONNECT, text=text)
        self._finish(batch, outcome, None)

    def _finish(self, batch: _Batch, outcome: Outcome, refusal: Refusal | None) -> None:
        self._outcomes.append((batch, outcome, refusal))
        self._recorded += 1
        self.tally.states[outcome.state] += 1
        self._observer.outcome(outcome, self._worker)

    def _pause(self, issue_id: int, cause: str) -> None:
        """The relay refuses us: what is ready of this issue goes back unsent."""
        self._pauses[issue_id] = cause
        kept: deque[tuple[_Batch, int]] = deque()
        for batch, position in self._ready:
            of_issue = batch.deliveries[position].issue_id == issue_id
            (self._released if of_issue else kept).append((batch, position))
        self._ready = kept

    async def _flush(self) -> None:
        """Commit what is known; while the database is away keep it, and send nothing more."""
        outcomes, released, pauses = self._outcomes, self._released, self._pauses
        self._outcomes, self._released, self._pauses = [], [], {}
        give_up_at = self._monotonic() + STORE_PATIENCE_SECONDS
        while True:
            try:
                held = await self._hop(self._write, outcomes, released, pauses)
                break
            except StoreError as error:
                self._observer.store_down(error)
                if self._monotonic() >= give_up_at:
                    raise
                await asyncio.sleep(FLUSH_SECONDS)
        lease_ends = self._monotonic() + LEASE.total_seconds()
        for batch in self._batches.values():
            batch.lost = batch.id not in held
            batch.lease_ends = lease_ends if not batch.lost else batch.lease_ends
        for batch, _, _ in outcomes:
            batch.open -= 1
        for batch, _ in released:
            batch.open -= 1
        for batch in [batch for batch in self._batches.values() if batch.open == 0]:
            await self._hop(self._db.run, ledger.end_claim, batch.id, self._now())
            batch.journal.remove()
            del self._batches[batch.id]
        for issue_id, cause in pauses.items():
            self._observer.paused(issue_id, cause)

    def _write(
        self,
        outcomes: Sequence[tuple[_Batch, Outcome, Refusal | None]],
        released: Sequence[tuple[_Batch, int]],
        pauses: dict[int, str],
    ) -> set[int]:
        by_claim: dict[int, list[Outcome]] = {}
        for batch, outcome, _ in outcomes:
            by_claim.setdefault(batch.id, []).append(outcome)
        returned: dict[int, list[int]] = {}
        for batch, position in released:
            returned.setdefault(batch.id, []).append(batch.deliveries[position].id)
        with self._db.transaction() as conn:
            now = self._set_clock(conn)
            for claim_id, batch_outcomes in by_claim.items():
                ledger.record(conn, claim_id, batch_outcomes, now)
            for claim_id, ids in returned.items():
                ledger.release(conn, claim_id, ids, now)
            for issue_id, cause in pauses.items():
                ledger.pause(conn, issue_id, cause, now)
            refusals = [refusal for _, _, refusal in outcomes if refusal]
            if refusals:
                self._record_refusals(conn, refusals, now)
            if any(outcome.state is State.UNCERTAIN for _, outcome, _ in outcomes):
                ledger.repeat_uncertain(conn, now)
            return ledger.renew(conn, self._batches, now + LEASE)

    # --- taking over -----------------------------------------------------------------------------------------

    def _recover(self) -> None:
        """Settle the claims of dead workers: at once where their journal is, when their lease has run out elsewhere.

        A worker of this host that only stands still keeps its claim: its journal is locked while it lives.
        """
        with self._db.reading() as conn:
            now = self._set_clock(conn)
            open_claims = ledger.open_claims(conn)
        for claim in open_claims:
            if claim.id in self._batches:
                continue
            path = Path(claim.journal) / f"{claim.id}.journal"
            here = (claim.host, claim.boot) == (self._worker.host, self._worker.boot) and path.exists()
            if journals.is_alive(path) if here else claim.leased_until > now:
                continue
            marks = journals.read(path, claim.id) if here else None
            died = "died after handing it over" if here else "was lost with its claim"
            cause = f"worker {claim.worker} {died}"
            with self._db.transaction() as conn:
                taken = ledger.take_over(conn, claim.id, marks, cause, now)
                ledger.repeat_uncertain(conn, now)
            if taken:
                self._observer.taken_over(claim.worker, cause)
                if here:
                    path.unlink(missing_ok=True)

    # --- time ------------------------------------------------------------------------------------------------

    def _now(self) -> datetime:
        """Now, by the clock all workers share as far as it is known."""
        return self._clock() + self._ahead

    def _set_clock(self, conn: Connection) -> datetime:
        """Follow the database's clock: this host's own may be wrong, or be set while we run."""
        shared = self._shared_clock(conn)
        if shared is not None:
            self._ahead = shared - self._clock()
        return self._now()

    # --- waiting ---------------------------------------------------------------------------------------------

    async def _pause_for_change(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)
        self._changed.clear()

    async def _until_ended(self, seconds: float) -> None:
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), seconds)
