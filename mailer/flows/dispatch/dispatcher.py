"""The dispatcher: keeps its connections in work, and commits what they learn."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from math import inf
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Connection as DatabaseConnection

from mailer.errors import ReplacedError, RestoredError, StoreError
from mailer.flows.dispatch.batch import Batch, Work
from mailer.flows.dispatch.books import LEASE, Books, Composer, RecordRefusals, Sign, Written
from mailer.flows.dispatch.connection import Connection
from mailer.flows.dispatch.desk import AHEAD_SECONDS, MAX_CLAIM, Desk, Observer, Tally
from mailer.flows.dispatch.outcome import Retry
from mailer.model.delivery import State
from mailer.model.routing import Route, Shares, route
from mailer.store.budgets import Wish
from mailer.store.engine import Database
from mailer.store.leases import Worker
from mailer.transport.lane import Lane

T = TypeVar("T")

FLUSH_SECONDS = 0.15
POLL_SECONDS = 1.0
LIMIT_SECONDS = 10.0  # at most, before a relay whose limits are used up is asked for again
STORE_PATIENCE_SECONDS = 60.0
TELL_AGAIN_SECONDS = 600.0  # that the database is still away
RENEW_SECONDS = 10.0
SIGN_IN_SECONDS = 15.0  # between two notes that this worker is there
SIGN_IN_AFTER_SECONDS = 1.0  # a run that ends sooner is not worth one
OBJECTS = 10_000  # more of them than before, and the interpreter looks for garbage
GRACE_SECONDS = 3.0  # after `stop`, for messages that have not been handed over

_UPTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def uptime() -> float:
    """Seconds of a clock that nobody sets and that goes on while the machine is suspended: a lease does, too."""
    return time.clock_gettime(_UPTIME)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Have the interpreter look for garbage in circles rarely: batches live for a second, and there is none in them."""
    before = gc.get_threshold()
    if not 0 < before[0] < OBJECTS:  # switched off, or another dispatcher of this process was first
        yield
        return
    gc.set_threshold(OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


class _Stopped(Exception):
    """The worker was stopped while something that need not be done any more waited for the database."""


Hop = Callable[..., Awaitable[Any]]  # calls a function of the database without holding up the connections


class Dispatcher:
    """One worker: claims, sends over its lanes, records. `run` it once; `stop` makes it end in good order.

    `shared_clock(conn)` is the moment by the database's clock, None where there is only this host's.
    `composer(conn, deliveries)` loads what a batch needs and gives the function that composes one message; `sign`
    makes the batch's signatures before it is sent, where we sign; `record_refusals` runs in the transaction that
    records the refusals. `monotonic` and `hop` are for a simulation, which has a clock and a database of its own.
    `letters_only` leaves the issues to others.
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
        sign: Sign | None = None,
        retry: Retry | None = None,
        observer: Observer | None = None,
        shared_clock: Callable[[DatabaseConnection], datetime | None] = lambda conn: None,
        monotonic: Callable[[], float] = uptime,
        hop: Hop = asyncio.to_thread,
        letters_only: bool = False,
    ) -> None:
        self._books = Books(
            db=db,
            composer=composer,
            record_refusals=record_refusals,
            clock=clock,
            worker=worker,
            journal_folder=journal_folder,
            sign=sign,
            shared_clock=shared_clock,
            monotonic=monotonic,
            letters_only=letters_only,
        )
        self._observer = observer or Observer()
        self._desk = Desk(
            lanes=lanes,
            worker=worker,
            retry=retry or Retry(),
            observer=self._observer,
            now=self._books.now,
            monotonic=monotonic,
        )
        self.tally: Tally = self._desk.tally
        self._lanes = lanes
        self._monotonic = monotonic
        self._hop = hop
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._batches: dict[int, Batch] = {}
        self._patience = 0.0
        self._shares = Shares()
        self._renew_at = 0.0
        self._signed_in: str | None = None  # with what trouble, in the roll
        self._sign_in_at = 0.0

    # --- the story -------------------------------------------------------------------------------------------

    async def run(self, *, forever: bool = False) -> Tally:
        """Send until nothing is due (or `forever`, until stopped). Raises StoreError when the database stays away.

        What is away at the start ends a run at once; one that is to stay `forever` waits as long as it takes.
        """
        self._patience = inf if forever else 0.0
        with _rare_collections():
            return await self._run(forever)

    async def _run(self, forever: bool) -> Tally:
        for connection in [Connection(lane, self._desk) for lane in self._lanes for _ in range(lane.connections)]:
            self._connections[asyncio.create_task(connection.run())] = connection
        complete = False
        try:
            with suppress(_Stopped):
                await self._feed(forever)
            complete = not self._desk.stopping
        finally:
            self._patience = min(self._patience, STORE_PATIENCE_SECONDS)
            try:
                await self._end()
            finally:
                for batch in self._batches.values():
                    batch.journal.close()
            await self._sign_off(complete)
        return self.tally

    def stop(self) -> None:
        """Claim nothing more, wait for dots already handed over, record the rest; `run` then returns."""
        self._desk.stop()

    async def _feed(self, forever: bool) -> None:
        await self._inherit()
        last_flush = last_recovery = self._monotonic()
        self._sign_in_at = last_flush + SIGN_IN_AFTER_SECONDS
        while not self._desk.stopping:
            for task in self._connections:
                if task.done():
                    task.result()  # a connection ends only by an error of ours: let it be seen
            if not forever and all(lane.is_hopeless for lane in self._lanes):
                self.tally.error = next((lane.trouble for lane in self._lanes), None)
                return
            page, now, claimed = self._desk.page, self._monotonic(), False
            due = now - last_flush >= FLUSH_SECONDS
            if due or page.pauses or page.slowdowns:  # before anything more of the issue, or for them, is claimed
                await self._flush()
            if due:
                for lane in self._lanes:
                    lane.measure(now - last_flush)
                self._desk.give_back_stuck()
                for connection in self._connections.values():
                    connection.give_up_waiting()
                last_flush = now
            await self._sign_in()
            for lane in self._lanes:
                if self._desk.has_room(lane) and self._shares.may(lane.name, self._desk.sharing(lane)):
                    claimed = await self._claim(lane) or claimed
            if now - last_recovery >= LEASE.total_seconds() / 4:
                await self._inherit()
                last_recovery = now
            if not claimed and not self._batches and await self._nothing_left(forever):
                return
            if not claimed:
                await self._pause_for_change(FLUSH_SECONDS)

    async def _sign_in(self) -> None:
        """Have `mailer status` know that this worker is there, and at once when a relay goes away or comes back."""
        now, trouble = self._monotonic(), "; ".join(lane.obstacle for lane in self._lanes if lane.obstacle)
        if now >= self._sign_in_at or (self._signed_in is not None and self._signed_in != trouble):
            self._signed_in, self._sign_in_at = trouble, now + SIGN_IN_SECONDS
            await self._persist(self._books.sign_in, trouble)

    async def _nothing_left(self, forever: bool) -> bool:
        await self._flush()
        await self._inherit()
        self._observer.finished(await self._persist(self._books.finish_issues))
        if not forever:
            due = await self._persist(self._books.next_due)
            if due is None or due > self._books.now():
                return True
        soonest = min(lane.claim_at for lane in self._lanes) - self._monotonic()
        await self._pause_for_change(POLL_SECONDS if forever else min(max(soonest, FLUSH_SECONDS), POLL_SECONDS))
        return False

    async def _end(self) -> None:
        self._desk.ended.set()
        for lane in self._lanes:
            self._desk.give_back_ready(lane)
            lane.arrived.set()
        await self._let_finish()
        await self._flush()

    async def _sign_off(self, complete: bool) -> None:
        """Leave in order; a run that was stopped, or failed, has recorded what it must and tries the rest once."""
        self._patience = self._patience if complete else 0.0
        with suppress(*[] if complete else [StoreError]):
            self._observer.finished(await self._persist(self._books.finish_issues))
            if any(lane.part for lane in self._lanes):
                await self._persist(self._books.leave)
            if self._signed_in is not None:
                await self._persist(self._books.sign_out)
            self.tally.next_due = await self._persist(self._books.next_due)

    async def _let_finish(self) -> None:
        """Wait for the connections and record meanwhile; take back, after a while, what was not handed over."""
        waiting, grace_ends = set(self._connections), self._monotonic() + GRACE_SECONDS
        while waiting:
            _, waiting = await asyncio.wait(waiting, timeout=FLUSH_SECONDS)
            if self._monotonic() >= grace_ends:
                for task in waiting:
                    if self._connections[task].may_be_cancelled:
                        task.cancel()
            with suppress(StoreError):  # when all have finished it is tried again, with patience
                await self._record(self._hop)
        await asyncio.gather(*self._connections, return_exceptions=True)
        for connection in self._connections.values():
            connection.give_back()

    # --- claiming --------------------------------------------------------------------------------------------

    async def _claim(self, lane: Lane) -> bool:
        limit = lane.most(AHEAD_SECONDS, MAX_CLAIM)
        batch, allowance = await self._persist(self._books.claim, lane, limit, self._route(lane), self._wish(lane))
        self._patience = max(self._patience, STORE_PATIENCE_SECONDS)
        while self._books.overdue:
            slug, count = self._books.overdue.popitem()
            self.tally.overdue += count
            self._observer.overdue(slug, count)
        lane.learned, lane.part = allowance.learned, allowance.part
        if lane.part == 0:
            self._desk.give_back_ready(lane)
        lane.within_limits = allowance.relay != 0 and allowance.part != 0
        lane.idle = batch is None and lane.within_limits
        if batch is None:
            wait = POLL_SECONDS if lane.within_limits else min(max(allowance.wait, FLUSH_SECONDS), LIMIT_SECONDS)
            lane.claim_at = self._monotonic() + wait
            return False
        self._shares.took(lane.name, lane.weight, len(batch.deliveries))
        self._batches[batch.id] = batch
        lane.ready.extend(Work(batch, position, row) for position, row in enumerate(batch.deliveries))
        lane.claimed(len(batch.deliveries))
        lane.wake_at = lane.low_water(AHEAD_SECONDS, MAX_CLAIM)
        self._desk.give_back_waiting(lane)  # much may have been heard while this was being claimed
        lane.arrived.set()
        return True

    def _wish(self, lane: Lane) -> Wish:
        """For a part of the relay's limit by the second; what was taken away may be in use for a moment."""
        using = max(lane.part or 0, lane.counted(self._monotonic()))
        return Wish(self._books.worker.name, lane.per_second, using)

    def _route(self, lane: Lane) -> Route:
        """Whom a lane takes; nobody is left to a relay that is silent, nor by one with a weight to a spare."""
        now = self._monotonic()
        up = [each for each in self._lanes if each.is_up(now) and not each.stuck]
        beside = [each for each in up if each.weight or not lane.weight]
        return route(lane.domains, [each.domains for each in beside])

    async def _inherit(self) -> None:
        for claim in await self._persist(self._books.inherit, self._batches):
            self.tally.states[State.UNCERTAIN] += claim.uncertain
            self._observer.taken_over(claim.worker, claim.cause, claim.uncertain)

    # --- recording -------------------------------------------------------------------------------------------

    async def _flush(self) -> None:
        """Commit what is known; while the database is away keep it, and send nothing more."""
        if self._desk.page or (self._batches and self._monotonic() >= self._renew_at):
            self._renew_at = self._monotonic() + RENEW_SECONDS
            await self._record(self._persist)

    async def _record(self, hop: Hop) -> None:
        # the lease counts from before the commit, whose answer may be long in coming
        page, lease_ends = self._desk.page.copy(), self._monotonic() + LEASE.total_seconds()
        written: Written = await hop(self._books.write, page, dict(self._batches))
        self._desk.page.strike(page)
        for work in page.released:
            work.batch.open -= 1
        for entry in page.entries:
            entry.batch.open -= 1
        for batch in list(self._batches.values()):
            if batch.open == 0:
                batch.journal.remove()
                del self._batches[batch.id]
            elif batch.id in written.held:
                batch.lost, batch.lease_ends = False, lease_ends
            else:
                batch.lost = True
        for issue_id, cause in written.paused.items():
            self.tally.paused += 1
            self._observer.paused(issue_id, cause)
            self._desk.give_back_issue(issue_id)

    async def _persist(self, step: Callable[..., T], *args: Any) -> T:
        """Do a step in the database, again and again while it is away. Raises StoreError when patience ends.

        A worker that is stopped has patience only to record, when it ends. One whose database's file was replaced has
        none: that one does not come back.
        """
        give_up_at, tell_at = self._monotonic() + self._patience, -inf
        while True:
            try:
                return cast(T, await self._hop(step, *args))
            except (ReplacedError, RestoredError):
                raise
            except StoreError as error:
                if self._monotonic() >= tell_at:
                    self._observer.store_down(error)
                    tell_at = self._monotonic() + TELL_AGAIN_SECONDS
                if self._desk.stopping and not self._desk.ended.is_set():
                    raise _Stopped from error
                if self._monotonic() >= give_up_at:
                    raise
                await asyncio.sleep(FLUSH_SECONDS)

    async def _pause_for_change(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._desk.changed.wait(), seconds)
        self._desk.changed.clear()
