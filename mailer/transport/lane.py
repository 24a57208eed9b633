"""A lane: one relay as the dispatcher uses it, with its work, its limits, its pace and its circuit breaker."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any

from mailer.errors import RelayError
from mailer.model.pacing import Window, second_window
from mailer.transport.base import Relay

BREAKER_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
REFUSED_SECONDS = 300.0  # after a wrong password or a bad certificate: who knocks too often is locked out
GIVE_UP_FAILURES = 3  # connections refused in a row, after which a run that need not wait ends
NO_PART_SECONDS = 0.5  # when other workers have all of the limit
LOOK_AGAIN_SECONDS = 0.01  # when every place in the second is under way
NO_WAIT_SECONDS = 1e-6  # less than a clock can show
LEAST_PACE = 1.0  # messages a second; slower, and what was known is forgotten
REST_SECONDS = 30.0  # where another relay can send, after one has taken nobody
HOLD_SECONDS = 1.0  # when the relay takes no more in this second
MARGIN_SECONDS = 0.002  # clocks and windows of the other side are not ours to the millisecond


@dataclass(slots=True, repr=False)
class Lane:
    """One relay as the dispatcher uses it; times are seconds of a monotonic clock.

    `return_path(token)` gives the envelope's sender for a delivery's bounce token. `per_second` 0 means as fast
    as the relay answers; `quotas` are the longer limits, which all workers share by the database; `domains` are
    the recipients' it takes first, `weight` its share. Who takes work under a pace holds `turn`, so that one
    message waits for its place at most.
    """

    relay: Relay
    connections: int
    return_path: Callable[[str], str]
    per_second: float = 0.0
    messages_per_connection: int = 1000
    quotas: tuple[Window, ...] = ()
    weight: int = 1
    domains: frozenset[str] = frozenset()
    sessions: int = 0  # open now
    failures: int = 0
    retry_at: float = 0.0
    trouble: RelayError | None = None  # why no connection stands
    ready: deque[Any] = field(default_factory=deque)  # claimed work that no connection has taken yet
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    door: asyncio.Lock = field(default_factory=asyncio.Lock)  # while none stands, one connection tries
    wake_at: int = 0  # so many ready, and the dispatcher is to look
    claim_at: float = 0.0  # not before, because nothing was to be had
    within_limits: bool = True
    idle: bool = False  # its last claim found nobody to send to
    stuck: bool = False  # nobody comes for its work
    learned: float = 0.0  # messages a second that it takes at most, by its own answers; 0 where none said so
    part: int | None = None  # of the limit by the second, this worker's; None: all of it
    recorded: int = 0
    unheard: int = 0  # messages it took in a row without an answer
    not_taken: int = 0  # messages in a row whose sender it would not take for now
    rests_until: float = -inf
    _pace: float = 0.0
    _claimed: int = 0  # by the last claim, while no pace is known
    _next_slot: float = 0.0
    _begun: int = 0
    _answered: deque[float] = field(default_factory=deque)
    _held_until: float = -inf
    _first_unheard: float = 0.0  # known since
    _last_begun: float = 0.0  # of the unheard

    @property
    def name(self) -> str:
        """How people call the relay."""
        return self.relay.name

    @property
    def obstacle(self) -> str:
        """What keeps it from sending, "" where nothing does."""
        return str(self.trouble or (f"{self.name} takes connections and says nothing" if self.stuck else ""))

    # --- the pace

    def wait(self, now: float) -> float:
        """Seconds until the pace allows the next message."""
        if not self.whole:
            return 0.0
        window, counted = self._window, self.counted(now)
        if not window.limit:
            return NO_PART_SECONDS
        until_slot = self._next_slot - now if self._next_slot - now > NO_WAIT_SECONDS else 0.0
        over = counted - window.limit
        if over < 0:
            return until_slot
        if over >= len(self._answered):
            return max(until_slot, LOOK_AGAIN_SECONDS)
        return max(until_slot, self._answered[over] + window.seconds + MARGIN_SECONDS - now, NO_WAIT_SECONDS)

    @property
    def whole(self) -> float:
        """How many messages a second all workers may send over it; 0 where there is no limit."""
        if self.per_second and self.learned:
            return min(self.per_second, self.learned)
        return self.per_second or self.learned

    @property
    def _window(self) -> Window:
        """This worker's part of the relay's limit by the second, the known one or the learned, whichever is less."""
        whole = second_window(self.whole)
        return whole if self.part is None else Window(self.part, whole.seconds)

    @property
    def _rate(self) -> float:
        """Messages a second, at most."""
        return self._window.limit / self._window.seconds

    def hold(self, now: float) -> bool:
        """Begin nothing for a second; False while it is held already."""
        if now < self._held_until:
            return False
        self._held_until = self._next_slot = self.claim_at = now + HOLD_SECONDS
        return True

    def counted(self, now: float) -> int:
        """How many messages the relay may count at this moment in its window of a second; 0 where it has none."""
        if not self.whole:
            return 0
        while self._answered and self._answered[0] <= now - self._window.seconds - MARGIN_SECONDS:
            self._answered.popleft()
        return self._begun + len(self._answered)

    def is_free(self, now: float) -> bool:
        """Whether a message may begin now, with nobody waiting for a place before it."""
        return not (self.whole and self.turn.locked()) and not self.wait(now)

    def take(self, now: float) -> None:
        """Use the place in the pace that has come; `answered` or `not_sent` ends it."""
        self._begun += 1
        if self.whole and self._rate:
            self._next_slot = max(now, self._next_slot + 0.5 / self._rate) + 0.5 / self._rate

    def answered(self, now: float) -> None:
        """A message that had taken its place was sent, or tried."""
        self._begun -= 1
        if self.whole:
            self._answered.append(now)

    def not_sent(self) -> None:
        """A message that had taken its place was not begun after all."""
        self._begun -= 1

    def not_heard(self, begun: float, now: float) -> int:
        """A message it took has no answer: how many in a row by now, 0 while they may all be of a single loss.

        When a relay is restarted, what all connections had under way is lost together.
        """
        if not self.unheard:
            self._first_unheard = now
        self.unheard += 1
        self._last_begun = max(self._last_begun, begun)
        return self.unheard if self._last_begun > self._first_unheard else 0

    # --- how much to claim

    def most(self, seconds: float, limit: int) -> int:
        """How many messages to claim at once: what the lane can send in `seconds`, at most `limit`."""
        wanted = min(max(self._pace * seconds, self.connections, 2 * self._claimed), limit)
        return max(1, int(min(wanted, self._rate * seconds) if self.whole else wanted))

    def low_water(self, seconds: float, limit: int) -> int:
        """So much ready, and more is to be claimed: half of what is sent in `seconds`, or of the last claim.

        At most `limit`.
        """
        return min(limit, (self._claimed or self.most(seconds, 2 * limit)) // 2)

    def claimed(self, count: int) -> None:
        """So many were claimed: until the pace is measured the next claim is double, when half of this one is gone."""
        if not self._pace:
            self._claimed = count

    def measure(self, seconds: float) -> None:
        """Follow the pace: up at once, down by and by, by halves where it has fallen by more."""
        rate = self.recorded / seconds
        pace = max(rate * 1.25, self._pace * (0.5 if rate < self._pace / 2 else 0.9))
        self._pace = pace if pace >= LEAST_PACE else 0.0
        self.recorded = self._claimed = 0

    # --- the circuit breaker

    def is_open(self, now: float) -> bool:
        """Whether the breaker lets a connection be tried."""
        return now >= self.retry_at

    def is_up(self, now: float) -> bool:
        """Whether work can be sent: a connection stands, or one may be tried, and it does not rest."""
        return now >= self.rests_until and (self.sessions > 0 or self.is_open(now))

    @property
    def is_hopeless(self) -> bool:
        """Whether a run that need not wait should wait for it no longer."""
        if self.trouble is None or self.sessions:
            return False
        return self.trouble.permanent or self.failures >= GIVE_UP_FAILURES

    def failed(self, now: float, error: RelayError) -> None:
        """A connection could not be opened: wait longer after each failure in a row."""
        pause = BREAKER_SECONDS[min(self.failures, len(BREAKER_SECONDS) - 1)]
        self.retry_at = now + (REFUSED_SECONDS if error.permanent else pause)
        self.failures += 1
        self.trouble = error if error.permanent or not self.sessions else None  # fewer may be allowed than we want

    def takes(self, messages: int) -> None:
        """The relay takes so many messages over a connection and no more."""
        self.messages_per_connection = min(self.messages_per_connection, messages)

    def opened(self) -> None:
        """A connection was opened: the breaker closes."""
        self.sessions += 1
        self.failures, self.retry_at, self.trouble = 0, 0.0, None

    def closed(self) -> None:
        """A connection was closed; what others were refused beside the last one says nothing about the next."""
        self.sessions -= 1
        if not self.sessions and self.trouble is None:
            self.failures, self.retry_at = 0, 0.0
