"""Dispatch: from the outbox over a relay into the delivery log.

    claim -> intent recorded -> compose -> relay -> reply -> outcome recorded

A claim is committed, and its journal made, before anything of it is handed over; outcomes are committed in
groups. No transaction is open while the network is waited for. What cannot be recorded is not sent.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Connection

from mailer.errors import RelayError, RestoredError, StoreError
from mailer.mail.reply import Reply
from mailer.model import delivery as rules
from mailer.model.delivery import Blame, Phase, Result, State, Verdict
from mailer.model.pacing import Pulse, domains_of, group_of
from mailer.model.routing import Route, Shares, route
from mailer.model.throttle import Throttle, throttle_of
from mailer.rendering.outgoing import Outgoing
from mailer.store import budgets, ledger
from mailer.store import journal as journals
from mailer.store.budgets import PROVIDER, RELAY, Allowance, Slowdown
from mailer.store.engine import Database
from mailer.store.highwater import HighWater
from mailer.store.journal import Journal, Mark
from mailer.store.ledger import Claimed, Outcome, Sendable, Worker
from mailer.transport.base import Envelope, Message, Session
from mailer.transport.lane import Lane

T = TypeVar("T")

LEASE = timedelta(seconds=120)
CLAIM_SECONDS = 1.0  # a claim covers no more than the pace allows in this time, so that leaving is obeyed within it
MAX_CLAIM = 500
FLUSH_SECONDS = 0.15
POLL_SECONDS = 1.0
IDLE_SECONDS = 10.0
GIVE_UP_FAILURES = 3  # connections refused in a row on every relay, after which a run that need not wait ends
UNANSWERED = 5  # messages taken in a row without an answer, after which an issue is paused: uncertain is final
STORE_PATIENCE_SECONDS = 60.0
RENEW_SECONDS = 10.0
GRACE_SECONDS = 3.0  # after `stop`, for messages that have not been handed over
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

    def slowed(self, name: str, pause: float, cause: str) -> None:
        """A relay or a provider asked us to go slower: nothing goes there for `pause` seconds, then less."""


@dataclass(slots=True)
class Tally:
    """What this dispatcher has done so far."""

    states: dict[State, int] = field(default_factory=lambda: dict.fromkeys(State, 0))
    next_due: datetime | None = None
    error: RelayError | None = None
    paused: int = 0

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


@dataclass(frozen=True, slots=True)
class _Written:
    """What a flush found: the claims that are still ours, and the issues it paused."""

    held: set[int]
    paused: set[int]


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
        self._batches: dict[int, _Batch] = {}
        self._outcomes: list[tuple[_Batch, Outcome, Refusal | None]] = []
        self._released: list[tuple[_Batch, int]] = []
        self._pauses: dict[int, str] = {}
        self._in_hand: dict[asyncio.Task[Any], tuple[_Batch, int]] = {}  # being sent, and not yet handed over
        self._patience = 0.0
        self._slowdowns: dict[str, Slowdown] = {}
        self._metered: set[str] = set()  # the budgets that answers are charged to
        self._pulse = Pulse()
        self._shares = Shares()
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()
        self._stopping = False
        self._unanswered = 0
        self._renew_at = 0.0
        self._high_water = HighWater(journal_folder)

    # --- the story -------------------------------------------------------------------------------------------

    async def run(self, *, forever: bool = False) -> Tally:
        """Send until nothing is due (or `forever`, until stopped). Raises StoreError when the database stays away.

        What is away at the start ends a run at once, unless it is to stay `forever`.
        """
        self._patience = STORE_PATIENCE_SECONDS if forever else 0.0
        await self._persist(self._recover)
        connections = [
            asyncio.create_task(self._connection(lane)) for lane in self._lanes for _ in range(lane.connections)
        ]
        try:
            await self._feed(connections, forever)
        finally:
            self._stopping = True
            try:
                await self._end(connections)
            finally:
                for batch in self._batches.values():
                    batch.journal.close()
        self.tally.next_due = await self._persist(self._db.read, ledger.next_due)
        return self.tally

    def stop(self) -> None:
        """Claim nothing more, wait for dots already handed over, record the rest; `run` then returns."""
        self._stopping = True
        self._changed.set()

    async def _feed(self, connections: Sequence[asyncio.Task[None]], forever: bool) -> None:
        last_flush = last_recovery = self._monotonic()
        while not self._stopping:
            for task in connections:
                if task.done():
                    task.result()  # a connection ends only by an error of ours: let it be seen
            if not forever and all(lane.failures >= GIVE_UP_FAILURES and not lane.sessions for lane in self._lanes):
                return
            if self._pauses:  # before anything more of the issue is claimed
                await self._flush()
            now, claimed = self._monotonic(), False
            if now - last_flush >= FLUSH_SECONDS or self._slowdowns:
                await self._flush()
                for lane in self._lanes:
                    lane.measure(now - last_flush or FLUSH_SECONDS)
                last_flush = now
            for lane in self._lanes:
                if self._has_room(lane) and self._shares.may(lane.name, self._able()):
                    claimed = await self._claim_more(lane) or claimed
            if now - last_recovery >= LEASE.total_seconds() / 4:
                await self._persist(self._recover)
                last_recovery = now
            if not claimed and self._idle and await self._nothing_left(forever):
                return
            if not claimed:
                await self._pause_for_change(FLUSH_SECONDS)

    async def _nothing_left(self, forever: bool) -> bool:
        await self._flush()
        await self._persist(self._recover)
        self._observer.finished(await self._persist(self._db.run, ledger.finish_issues, self._now()))
        if not forever:
            due = await self._persist(self._db.read, ledger.next_due)
            if due is None or due > self._now():
                return True
        soonest = min(lane.claim_at for lane in self._lanes) - self._monotonic()
        await self._pause_for_change(POLL_SECONDS if forever else min(max(soonest, FLUSH_SECONDS), POLL_SECONDS))
        return False

    async def _end(self, connections: list[asyncio.Task[None]]) -> None:
        self._ended.set()
        for lane in self._lanes:
            self._put_back(lane)
            lane.arrived.set()
        await self._let_finish(connections)
        await self._flush()
        self._observer.finished(await self._persist(self._db.run, ledger.finish_issues, self._now()))

    async def _let_finish(self, connections: Sequence[asyncio.Task[None]]) -> None:
        """Wait for the connections and record meanwhile; take back, after a while, what was not handed over."""
        waiting, grace_ends = set(connections), self._monotonic() + GRACE_SECONDS
        while waiting:
            _, waiting = await asyncio.wait(waiting, timeout=FLUSH_SECONDS)
            if self._monotonic() >= grace_ends:
                for task in waiting & self._in_hand.keys():
                    task.cancel()
            with suppress(StoreError):  # when all have finished it is tried again, with patience
                await self._record(partial(self._hop, self._write))
        await asyncio.gather(*connections, return_exceptions=True)
        self._released.extend(self._in_hand.values())
        self._in_hand.clear()

    # --- claiming --------------------------------------------------------------------------------------------

    @property
    def _idle(self) -> bool:
        return not self._batches and not any(lane.ready for lane in self._lanes)

    def _has_room(self, lane: Lane) -> bool:
        now, most = self._monotonic(), lane.most(CLAIM_SECONDS, MAX_CLAIM)
        return now >= lane.claim_at and lane.is_up(now) and len(lane.ready) <= most // 2

    def _able(self) -> dict[str, int]:
        """The relays that could send now, with their weights: they can be reached, and their limits leave something."""
        now = self._monotonic()
        return {lane.name: lane.weight for lane in self._lanes if lane.within_limits and lane.is_up(now)}

    def _route(self, lane: Lane) -> Route:
        now = self._monotonic()
        return route(lane.domains, [other.domains for other in self._lanes if other is not lane and other.is_up(now)])

    async def _claim_more(self, lane: Lane) -> bool:
        limit = lane.most(CLAIM_SECONDS, MAX_CLAIM)
        batch, allowance = await self._persist(self._claim, lane, limit, self._route(lane))
        self._patience = STORE_PATIENCE_SECONDS
        self._metered.update(PROVIDER + group for group in allowance.providers)
        if allowance.relay is not None:
            self._metered.add(RELAY + lane.name)
        lane.within_limits = allowance.relay != 0
        if batch is None:
            wait = POLL_SECONDS if lane.within_limits else min(max(allowance.wait, FLUSH_SECONDS), IDLE_SECONDS)
            lane.claim_at = self._monotonic() + wait
            return False
        self._shares.took(lane.name, lane.weight, len(batch.deliveries))
        self._batches[batch.id] = batch
        lane.ready.extend((batch, position) for position in range(len(batch.deliveries)))
        if self._pauses:  # of an issue that was to pause while this was being claimed
            self._put_back(lane, lambda row: row.issue_id in self._pauses)
        lane.arrived.set()
        return True

    def _claim(self, lane: Lane, limit: int, way: Route) -> tuple[_Batch | None, Allowance]:
        """One transaction: overdue issues closed, a claim made, what composing needs loaded, the journal laid."""
        started = self._monotonic()
        journal: Journal | None = None
        try:
            with self._db.transaction() as conn:
                now = self._set_clock(conn)
                ledger.expire_overdue(conn, now)
                allowance = budgets.allowance(conn, lane.name, lane.quotas, now)
                for issue in ledger.sendable(conn, now):
                    if rows := self._pick(conn, issue, limit, way, allowance, now):
                        break
                else:
                    return None, allowance
                claim_id = ledger.open_claim(conn, self._worker, str(self._folder), now, LEASE, lane.name)
                if claim_id <= self._high_water.claim:
                    raise RestoredError(RESTORED)
                ledger.assign(conn, claim_id, rows, now)
                compose = self._composer(conn, rows)
                self._folder.mkdir(parents=True, exist_ok=True)
                journal = Journal(self._folder, claim_id, [row.id for row in rows])
        except OSError as error:
            raise StoreError(f"the journal in {self._folder} cannot be written: {error.strerror}") from error
        except StoreError:
            if journal is not None:
                journal.close()  # if the commit came through after all, it shows that nothing was begun
            raise
        self._high_water.raise_to(claim_id, rows[-1].id, issue.slug)
        batch = _Batch(claim_id, rows, compose, journal, started, started + LEASE.total_seconds(), len(rows))
        return batch, allowance

    def _pick(
        self, conn: Connection, issue: Sendable, limit: int, way: Route, allowance: Allowance, now: datetime
    ) -> list[Claimed]:
        """What is due of an issue within the allowance: of each slowed provider what it may get, then the others."""
        limit = limit if allowance.relay is None else min(limit, allowance.relay)
        rows: list[Claimed] = []
        for group, most in allowance.providers.items():
            domains = domains_of(group)
            if (most := min(most, limit - len(rows))) > 0:
                rows += ledger.pick(conn, issue, most, now, way.within(domains))
            way = way.leaving_out(domains)
        return rows + (ledger.pick(conn, issue, limit - len(rows), now, way) if limit > len(rows) else [])

    # --- sending ---------------------------------------------------------------------------------------------

    async def _connection(self, lane: Lane) -> None:
        session: Session | None = None
        sent, task = 0, _this_task()
        while not self._ended.is_set():
            if session is None and not lane.is_open(self._monotonic()):
                await self._until_ended(lane.retry_at - self._monotonic())
                continue
            work = await self._next(lane, IDLE_SECONDS if session else None)
            if session is not None and not session.usable:  # the relay closed it while it was idle
                await self._close(lane, session)
                session, sent = None, 0
            if work is not None:
                self._in_hand[task] = work
                if (session := session or await self._open(lane)) is not None:
                    await self._send(lane, session, *work)
                    sent += 1
                else:
                    lane.not_sent()
                if self._in_hand.pop(task, None):
                    self._released.append(work)
            if session is not None and (work is None or not session.usable or sent >= lane.messages_per_connection):
                await self._close(lane, session)
                session, sent = None, 0
        if session is not None:
            await self._close(lane, session)

    async def _close(self, lane: Lane, session: Session) -> None:
        lane.sessions -= 1
        await session.close()

    async def _next(self, lane: Lane, patience: float | None) -> tuple[_Batch, int] | None:
        """The next delivery to send, when the lane's pace allows; None after `patience` seconds or at the end."""
        async with lane.turn:
            while (wait := lane.wait(self._monotonic())) > 0 and not self._ended.is_set():
                await self._until_ended(wait)
            while True:
                while not lane.ready and not self._ended.is_set():
                    lane.arrived.clear()
                    try:
                        await asyncio.wait_for(lane.arrived.wait(), patience)
                    except TimeoutError:
                        return None
                if self._ended.is_set():
                    return None
                work: tuple[_Batch, int] = lane.ready.popleft()
                if self._has_room(lane):
                    self._changed.set()
                if self._monotonic() - work[0].claimed_at <= CLAIM_SECONDS:
                    lane.take(self._monotonic())
                    return work
                self._released.append(work)

    async def _open(self, lane: Lane) -> Session | None:
        try:
            session = await lane.relay.open()
        except RelayError as error:
            self.tally.error = None if lane.sessions else error  # a relay may allow us fewer connections
            if lane.is_open(self._monotonic()):
                lane.failed(self._monotonic())
                if not lane.sessions:
                    self._put_back(lane)  # another relay may take it
                self._observer.relay_down(lane.relay.name, error)
            if error.permanent:
                self.stop()
            return None
        lane.succeeded()
        lane.sessions += 1
        self.tally.error = None
        return session

    async def _send(self, lane: Lane, session: Session, batch: _Batch, position: int) -> None:
        row, started, task = batch.deliveries[position], self._monotonic(), _this_task()

        def handing_over() -> None:
            if batch.lost or self._monotonic() >= batch.lease_ends:
                raise LeaseLost
            batch.journal.mark(position, Mark.HANDED_OVER)
            del self._in_hand[task]

        batch.journal.mark(position, Mark.COMPOSING)
        try:
            message = batch.compose(row)
        except Exception as error:  # whatever one reader's values break must not stop the others
            lane.not_sent()
            self._quarantine(lane, batch, position, error)
            return
        batch.journal.mark(position, Mark.UNTOUCHED)
        try:
            envelope = Envelope(lane.return_path(message.bounce_token), message.recipient)
            result = await session.send(Message(envelope, message.content), handing_over)
        except LeaseLost:
            lane.answered(self._monotonic())
            return  # the session is not usable any more
        lane.answered(self._monotonic())
        self._conclude(lane, batch, position, result, round((self._monotonic() - started) * 1000))

    # --- outcomes --------------------------------------------------------------------------------------------

    def _conclude(self, lane: Lane, batch: _Batch, position: int, result: Result, millis: int) -> None:
        row, reply = batch.deliveries[position], result.reply
        verdict = rules.judge(result)
        state, due_at, now = verdict.state, None, self._now()
        throttle = throttle_of(reply, result.phase, row.domain) if reply else None
        if throttle:
            state = State.DEFERRED
            self._slow_down(lane, throttle, group_of(row.domain), str(reply))
        if state is State.DEFERRED:
            due_at = now + self._deferral(lane, row, verdict, result.phase, throttle)
            if row.since + self._retry.give_up_after <= due_at:
                state = State.FAILED
        elif state is State.PENDING:
            due_at = now + self._retry.steps[0]
            if verdict.blame is Blame.SENDER and row.issue_id is not None:
                due_at = None
                self._pause(row.issue_id, f"{lane.name} refuses our mail: {reply}")
        self._unanswered = self._unanswered + 1 if state is State.UNCERTAIN else 0
        if self._unanswered >= UNANSWERED and row.issue_id is not None:
            self._pause(row.issue_id, f"{lane.name} took {UNANSWERED} messages in a row without an answer")
        if state is not State.UNCERTAIN:
            batch.journal.mark(position, Mark.ACCEPTED if state is State.ACCEPTED else Mark.ANSWERED)
        outcome = Outcome(
            delivery=row,
            state=state,
            at=now,
            relay=lane.name,
            phase=result.phase,
            code=reply.code if reply else None,
            status=reply.status if reply else "",
            text=reply.text[:500] if reply else result.cause,
            millis=millis,
            due_at=due_at,
            throttled=throttle is not None,
        )
        refused = reply is not None and not reply.positive and verdict.blame is Blame.RECIPIENT and not throttle
        self._finish(lane, batch, outcome, Refusal(row, reply, result.phase) if refused and reply else None)

    def _deferral(
        self, lane: Lane, row: Claimed, verdict: Verdict, phase: Phase, throttle: Throttle | None
    ) -> timedelta:
        """How long a reader waits: as long as the throttle, not at all where another relay can try, else longer
        after each try."""
        if throttle:
            return timedelta(seconds=throttle.pause)
        before_data = verdict.blame is Blame.RELAY and phase in {Phase.MAIL, Phase.RCPT}
        if before_data and row.tries == 0 and any(name != lane.name for name in self._able()):
            return timedelta()
        return rules.backoff(row.tries + 1, self._retry.steps)

    def _slow_down(self, lane: Lane, throttle: Throttle, group: str, cause: str) -> None:
        """A throttle answer is about the provider or the relay: what is ready for it goes back unsent."""
        name = throttle.group or lane.name
        key = PROVIDER + name if throttle.group else RELAY + name
        self._metered.add(key)
        if key not in self._slowdowns:
            taken = self._pulse.taken(key, self._monotonic())
            self._slowdowns[key] = Slowdown(key, taken, throttle.pause, cause[:500])
            self._observer.slowed(name, throttle.pause, cause)
        for one in self._lanes if throttle.group else [lane]:
            self._put_back(one, lambda row: not throttle.group or group_of(row.domain) == group)
        self._changed.set()

    def _quarantine(self, lane: Lane, batch: _Batch, position: int, error: Exception) -> None:
        batch.journal.mark(position, Mark.ANSWERED)
        text = f"quarantined: the message could not be composed ({type(error).__name__}: {error})"[:500]
        outcome = Outcome(batch.deliveries[position], State.FAILED, self._now(), "", Phase.CONNECT, text=text)
        self._finish(lane, batch, outcome, None)

    def _finish(self, lane: Lane, batch: _Batch, outcome: Outcome, refusal: Refusal | None) -> None:
        self._in_hand.pop(_this_task(), None)
        self._outcomes.append((batch, outcome, refusal))
        lane.recorded += 1
        if outcome.state is State.ACCEPTED:
            self._pulse.beat(RELAY + lane.name, self._monotonic())
            self._pulse.beat(PROVIDER + group_of(outcome.delivery.domain), self._monotonic())
        self.tally.states[outcome.state] += 1
        self._observer.outcome(outcome, self._worker)

    def _pause(self, issue_id: int, cause: str) -> None:
        """The relay refuses us: what is ready of this issue goes back unsent."""
        self._pauses[issue_id] = cause
        self._changed.set()
        for lane in self._lanes:
            self._put_back(lane, lambda row: row.issue_id == issue_id)

    def _put_back(self, lane: Lane, chosen: Callable[[Claimed], bool] = lambda row: True) -> None:
        """Give back what is ready of a lane and was chosen."""
        work = list(lane.ready)
        lane.ready.clear()
        for batch, position in work:
            (self._released if chosen(batch.deliveries[position]) else lane.ready).append((batch, position))

    async def _flush(self) -> None:
        """Commit what is known; while the database is away keep it, and send nothing more."""
        due = self._batches and self._monotonic() >= self._renew_at
        if not (self._outcomes or self._released or self._pauses or self._slowdowns or due):
            return
        self._renew_at = self._monotonic() + RENEW_SECONDS
        await self._record(partial(self._persist, self._write))

    async def _record(self, write: Callable[..., Awaitable[_Written]]) -> None:
        outcomes, released, pauses = list(self._outcomes), list(self._released), dict(self._pauses)
        slowdowns = dict(self._slowdowns)
        written = await write(outcomes, released, pauses, list(slowdowns.values()))
        del self._outcomes[: len(outcomes)], self._released[: len(released)]
        for key in slowdowns:
            del self._slowdowns[key]
        lease_ends = self._monotonic() + LEASE.total_seconds()
        for batch in self._batches.values():
            batch.lost = batch.id not in written.held
            batch.lease_ends = lease_ends if not batch.lost else batch.lease_ends
        for batch, _, _ in outcomes:
            batch.open -= 1
        for batch, _ in released:
            batch.open -= 1
        for issue_id, cause in pauses.items():
            del self._pauses[issue_id]
            if issue_id in written.paused:
                self.tally.paused += 1
                self._observer.paused(issue_id, cause)
        for batch in [batch for batch in self._batches.values() if batch.open == 0]:
            await self._persist(self._db.run, ledger.end_claim, batch.id, self._now())
            batch.journal.remove()
            del self._batches[batch.id]

    async def _persist(self, step: Callable[..., T], *args: Any) -> T:
        """Do a step in the database, again and again while it is away. Raises StoreError when patience ends.

        Every step may be repeated: the answer to its commit may have been what was lost.
        """
        give_up_at, told = self._monotonic() + self._patience, False
        while True:
            try:
                return cast(T, await self._hop(step, *args))
            except RestoredError:
                raise
            except StoreError as error:
                if not told:
                    self._observer.store_down(error)
                    told = True
                if self._monotonic() >= give_up_at:
                    raise
                await asyncio.sleep(FLUSH_SECONDS)

    def _write(
        self,
        outcomes: Sequence[tuple[_Batch, Outcome, Refusal | None]],
        released: Sequence[tuple[_Batch, int]],
        pauses: dict[int, str],
        slowdowns: Sequence[Slowdown],
    ) -> _Written:
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
            paused = {issue_id for issue_id, cause in pauses.items() if ledger.pause(conn, issue_id, cause, now)}
            refusals = [refusal for _, _, refusal in outcomes if refusal]
            if refusals:
                self._record_refusals(conn, refusals, now)
            if any(outcome.state is State.UNCERTAIN for _, outcome, _ in outcomes):
                ledger.repeat_uncertain(conn, now)
            held = ledger.renew(conn, self._batches, now + LEASE)
            charges = self._charges(outcome for _, outcome, _ in outcomes)
            if charges or slowdowns:
                budgets.settle(conn, charges, slowdowns, now)
            return _Written(held, paused)

    def _charges(self, outcomes: Iterable[Outcome]) -> Counter[str]:
        """What was answered, by the budgets it counts against; nothing where nothing is limited."""
        if not self._metered:
            return Counter()
        sent = [one for one in outcomes if one.relay]
        charges = Counter(RELAY + one.relay for one in sent)
        charges.update(PROVIDER + group_of(one.delivery.domain) for one in sent)
        return Counter({key: count for key, count in charges.items() if key in self._metered})

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
                under_way = ledger.held(conn, claim.id)
                taken = ledger.take_over(conn, claim.id, marks, cause, now)
                ledger.repeat_uncertain(conn, now)
                if taken and RELAY + claim.relay in self._metered:
                    budgets.settle(conn, {RELAY + claim.relay: under_way}, (), now)
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


def _this_task() -> asyncio.Task[Any]:
    return cast("asyncio.Task[Any]", asyncio.current_task())
