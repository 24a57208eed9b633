"""The desk all connections of a worker share: the work ready, what they learned, and what follows for others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from mailer.errors import RelayError, StoreError
from mailer.flows.dispatch.batch import Entry, Page, Refusal, Work
from mailer.flows.dispatch.outcome import Retry, conclude, quarantined, taken
from mailer.model.delivery import Phase, Result, State
from mailer.model.pacing import Pulse, group_of
from mailer.model.throttle import Throttle
from mailer.store.budgets import PROVIDER, RELAY, Slowdown
from mailer.store.journal import Mark
from mailer.store.leases import Worker
from mailer.store.ledger import Outcome
from mailer.store.picking import Claimed
from mailer.transport.lane import REST_SECONDS, Lane

CLAIM_SECONDS = 1.0  # what was claimed longer ago goes back unsent, so that leaving is obeyed within this time
STUCK_SECONDS = 10.0  # a relay for whose work nobody has come by then is left out until somebody comes
AHEAD_SECONDS = 0.35  # what a claim covers; it comes when half of the last is left, so nearly all leaves in time
MAX_CLAIM = 1000  # a claim costs some statements, however many it is of
NOT_TAKEN = 5  # senders a relay refuses for now, in a row: it means all, and another one has its work meanwhile
UNANSWERED = 5  # messages a relay takes in a row without an answer, and an issue is paused: uncertain is final


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

    def taken_over(self, worker: str, cause: str, uncertain: int) -> None:
        """A dead worker's claim was settled; so many of it are uncertain."""

    def overdue(self, slug: str, count: int) -> None:
        """An issue's deadline has passed: so many readers do not get it."""

    def slowed(self, name: str, pause: float, cause: str) -> None:
        """A relay or a provider asked us to go slower: nothing goes there for `pause` seconds, then less."""


@dataclass(slots=True)
class Tally:
    """What this dispatcher has done so far."""

    states: dict[State, int] = field(default_factory=lambda: dict.fromkeys(State, 0))
    next_due: datetime | None = None
    error: RelayError | None = None  # why a run was given up
    paused: int = 0
    overdue: int = 0  # readers whom a deadline cut off

    def __getitem__(self, state: State) -> int:
        return self.states[state]


class Desk:
    """Where connections take work from and bring answers to; the dispatcher fills it and empties its page."""

    def __init__(
        self,
        *,
        lanes: Sequence[Lane],
        worker: Worker,
        retry: Retry,
        observer: Observer,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self.lanes = lanes
        self.observer = observer
        self.monotonic = monotonic
        self.page = Page()
        self.tally = Tally()
        self.changed = asyncio.Event()  # the dispatcher has something to do
        self.ended = asyncio.Event()  # nothing more is begun
        self.stopping = False
        self._worker = worker
        self._retry = retry
        self.now = now
        self._read, self._read_at = now(), monotonic()
        self._pulse = Pulse()
        self._moved: set[int] = set()  # deliveries that a relay was silent about

    # --- work ------------------------------------------------------------------------------------------------

    def has_room(self, lane: Lane) -> bool:
        """Whether more should be claimed for a lane now."""
        now = self.monotonic()
        may = now >= lane.claim_at and lane.is_up(now) and not lane.stuck
        return may and len(lane.ready) <= lane.low_water(AHEAD_SECONDS, MAX_CLAIM)

    def able(self) -> dict[str, int]:
        """The relays that could send now, with their weights: they can be reached and do send, and their limits leave
        something."""
        now = self.monotonic()
        able = (lane for lane in self.lanes if lane.within_limits and lane.is_up(now) and not lane.stuck)
        return {lane.name: lane.weight for lane in able}

    def sharing(self, lane: Lane) -> dict[str, int]:
        """Those of the able whose shares a lane has to heed: who finds nobody to send to is waited for by none, and a
        spare has to be needed by all."""
        idle = {each.name for each in self.lanes if each.idle and each is not lane and lane.weight}
        return {name: weight for name, weight in self.able().items() if name not in idle}

    def take(self, lane: Lane, now: float) -> Work | None:
        """The next of a lane's ready work that was claimed within the last second; older work goes back."""
        if lane.stuck:
            lane.stuck = False
            self.changed.set()
        while lane.ready:
            work: Work = lane.ready.popleft()
            if len(lane.ready) == lane.wake_at:
                self.changed.set()
            if now - work.batch.claimed_at <= CLAIM_SECONDS:
                return work
            self.give_back(work)
        return None

    def give_back(self, work: Work) -> None:
        """Work that nothing was done with."""
        self.page.released.append(work)

    def give_back_ready(self, lane: Lane, chosen: Callable[[Claimed], bool] = lambda row: True) -> None:
        """Give back what is ready of a lane and was chosen."""
        waiting = list(lane.ready)
        lane.ready.clear()
        for work in waiting:
            (self.page.released if chosen(work.row) else lane.ready).append(work)

    def give_back_stuck(self) -> None:
        """Give back what nobody comes for: where all connections wait for a silent relay, another one may have it."""
        now = self.monotonic()
        for lane in self.lanes:
            if lane.ready and now - lane.ready[0].batch.claimed_at > STUCK_SECONDS and not lane.wait(now):
                lane.stuck = True
                self.give_back_ready(lane)

    def moves(self, lane: Lane, work: Work) -> bool:
        """Whether another relay is to have what this one is silent about: once, or two slow ones would pass it to each
        other for ever. The silent one is left out until somebody comes for its work."""
        if work.row.id in self._moved or not any(name != lane.name for name in self.able()):
            return False
        self._moved.add(work.row.id)
        lane.stuck = True
        lane.arrived.set()
        return True

    def give_back_waiting(self, lane: Lane) -> None:
        """Give back what is ready of a lane and has to wait: its issue is to pause, its relay is away or slowed, or the
        provider is."""
        pauses, slowed = self.page.pauses, self.page.slowdowns

        def waits(row: Claimed) -> bool:
            return row.issue_id in pauses or not slowed.keys().isdisjoint(
                (RELAY + lane.name, PROVIDER + group_of(row.domain))
            )

        if not lane.is_up(self.monotonic()):
            self.give_back_ready(lane)
        elif pauses or slowed:
            self.give_back_ready(lane, waits)

    def give_back_issue(self, issue_id: int) -> None:
        """Give back what is ready of an issue."""
        for lane in self.lanes:
            self.give_back_ready(lane, lambda row: row.issue_id == issue_id)

    def stop(self) -> None:
        """Have the dispatcher claim nothing more and end in good order."""
        self.stopping = True
        self.changed.set()

    # --- relays ----------------------------------------------------------------------------------------------

    def opened(self, lane: Lane) -> None:
        """A connection stands."""
        lane.opened()

    def not_opened(self, lane: Lane, error: RelayError) -> None:
        """A relay could not be reached or refused us: another one may take its work."""
        if lane.is_open(self.monotonic()):
            lane.failed(self.monotonic(), error)
            if not lane.sessions:
                self.give_back_ready(lane)
            self.observer.relay_down(lane.name, error)
            self.changed.set()

    # --- answers ---------------------------------------------------------------------------------------------

    def answered(self, lane: Lane, work: Work, result: Result, now: float, millis: int, *, begun: bool = True) -> None:
        """What one transaction came to, at this moment of the monotonic clock; `begun` as in `conclude`."""
        if result.accepted:
            self._accepted(lane, work, result, now, millis)
        else:
            self._refused(lane, work, result, now, millis, begun)

    def _accepted(self, lane: Lane, work: Work, result: Result, now: float, millis: int) -> None:
        work.mark(Mark.ACCEPTED)
        self._enter(lane, work, taken(work.row, lane.name, result, self._moment(now), millis), None)
        lane.unheard = lane.not_taken = 0
        self._pulse.beat(lane.name, work.row.domain, now)
        if self.page.slowdowns:
            for key in (RELAY + lane.name, PROVIDER + group_of(work.row.domain)):
                if slowdown := self.page.slowdowns.get(key):  # it was under way when the others were refused
                    self.page.slowdowns[key] = replace(slowdown, taken=slowdown.taken + 1)

    def _moment(self, now: float) -> datetime:
        """What the shared clock said at this moment of the monotonic one, or less than a millisecond before."""
        if not 0 <= now - self._read_at < 0.001:
            self._read_at, self._read = now, self.now()
        return self._read

    def _refused(self, lane: Lane, work: Work, result: Result, now: float, millis: int, begun: bool) -> None:
        elsewhere = any(name != lane.name for name in self.able())
        ending = conclude(
            work.row, lane.name, result, self._retry, self.now(), elsewhere=elsewhere, millis=millis, begun=begun
        )
        state = ending.outcome.state
        if state is not State.UNCERTAIN:
            work.mark(Mark.ANSWERED)
        self._enter(lane, work, ending.outcome, ending.refusal)
        if ending.throttle and ending.throttle.is_by_second:
            self._hold_pace(lane, ending.throttle, str(result.reply), now)
        elif ending.throttle:
            self._slow_down(lane, ending.throttle, str(result.reply), now)
        elif state is State.DEFERRED and result.phase is Phase.MAIL:
            self._not_taken(lane, elsewhere, now)
        pause = ending.pause
        if result.reply is not None:
            lane.unheard = 0
        elif state is State.UNCERTAIN and (unheard := lane.not_heard(now - millis / 1000, now)) >= UNANSWERED:
            pause = f"{lane.name} took {unheard} messages in a row without an answer"
        if pause and work.row.issue_id is not None:
            self._pause(work.row.issue_id, pause)

    def _not_taken(self, lane: Lane, elsewhere: bool, now: float) -> None:
        """A relay that takes nobody would soon have refused all readers, who then wait: it is faster than who sends."""
        lane.not_taken += 1
        if elsewhere and lane.not_taken >= NOT_TAKEN:
            lane.not_taken, lane.rests_until = 0, now + REST_SECONDS
            self.give_back_ready(lane)
            self.changed.set()

    def not_composed(self, lane: Lane, work: Work, error: Exception) -> None:
        """Whatever one reader's values break must not stop the others. No relay has seen anything of it."""
        work.mark(Mark.UNTOUCHED)
        self._enter(lane, work, quarantined(work.row, error, self.now()), None)

    def _enter(self, lane: Lane, work: Work, outcome: Outcome, refusal: Refusal | None) -> None:
        self._moved.discard(work.row.id)
        self.page.entries.append(Entry(work.batch, outcome, refusal))
        lane.recorded += 1
        self.tally.states[outcome.state] += 1
        self.observer.outcome(outcome, self._worker)

    def _hold_pace(self, lane: Lane, throttle: Throttle, cause: str, now: float) -> None:
        """A limit by the second is over in a moment; what it is all workers learn together."""
        self.page.too_fast.setdefault(lane.name, cause[:500])
        if lane.hold(now):
            self.give_back_ready(lane)
            self.observer.slowed(lane.name, throttle.pause, cause)
            self.changed.set()

    def _slow_down(self, lane: Lane, throttle: Throttle, cause: str, now: float) -> None:
        """A throttle answer is about the provider or the relay: what is ready for it goes back unsent."""
        name = throttle.group or lane.name
        key = PROVIDER + name if throttle.group else RELAY + name
        if key not in self.page.slowdowns:
            taken = self._pulse.taken_for(name, now) if throttle.group else self._pulse.taken_by(name, now)
            self.page.slowdowns[key] = Slowdown(key, taken, throttle.pause, cause[:500])
            self.observer.slowed(name, throttle.pause, cause)
        for one in self.lanes:
            self.give_back_waiting(one)
        self.changed.set()

    def _pause(self, issue_id: int, cause: str) -> None:
        """The relay refuses us: nothing more of this issue."""
        self.page.pauses[issue_id] = cause
        self.changed.set()
        self.give_back_issue(issue_id)
