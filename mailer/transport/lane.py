"""A lane: one relay with its connections' limits, its pace and its circuit breaker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from mailer.transport.base import Relay

BREAKER_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


@dataclass(slots=True)
class Lane:
    """One relay as the dispatcher uses it; times are seconds of a monotonic clock.

    `return_path(token)` gives the envelope's sender for a delivery's bounce token. `per_second` 0 means as fast
    as the relay answers. Who takes work under a pace holds `turn`, so that one message waits for its place at most.
    """

    relay: Relay
    connections: int
    return_path: Callable[[str], str]
    per_second: float = 0.0
    messages_per_connection: int = 100
    failures: int = 0
    retry_at: float = 0.0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    _next_slot: float = field(default=0.0, repr=False)

    def wait(self, now: float) -> float:
        """Seconds until the pace allows the next message."""
        return max(0.0, self._next_slot - now)

    def take(self, now: float) -> None:
        """Use the place in the pace that has come."""
        if self.per_second:
            self._next_slot = now + 1 / self.per_second

    def is_open(self, now: float) -> bool:
        """Whether the breaker lets a connection be tried."""
        return now >= self.retry_at

    def failed(self, now: float) -> None:
        """A connection could not be opened: wait longer after each failure in a row."""
        self.retry_at = now + BREAKER_SECONDS[min(self.failures, len(BREAKER_SECONDS) - 1)]
        self.failures += 1

    def succeeded(self) -> None:
        """A connection was opened: the breaker closes."""
        self.failures, self.retry_at = 0, 0.0
