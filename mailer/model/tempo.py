"""What a relay takes in a second where nobody told us: learned from its own answers, and known to all workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

SEEN_SECONDS = 5.0  # how far back to look for the best second
UNDER_WAY_SECONDS = 1.0  # after an answer others like it are about what was under way then
CUT = 0.96  # of what was learned, when it was still too much
FIRST_GROWTH = 0.01  # a second, until it was too much once more: some had not been counted yet
GROWTH = 0.0007  # a second, from then on
FORGOTTEN_AFTER = 1800.0


@dataclass(frozen=True, slots=True)
class Tempo:
    """At most `rate` messages a second, 0 where nothing is known; by so many `answers`, the last `at` (since 1970)."""

    rate: float = 0.0
    at: float = 0.0
    answers: int = 0
    cause: str = ""

    def by_clock(self, now: float) -> Tempo:
        """The same where the clock was set back since: the last answer came by now."""
        return replace(self, at=now) if self.at > now + UNDER_WAY_SECONDS else self

    def by(self, now: float) -> float:
        """The rate by now, a whole number from one on: a fraction would let each worker have one more now and then."""
        rate = self._grown(now)
        return rate if rate < 1 else float(round(rate))

    def _grown(self, now: float) -> float:
        """A little more every second, forgotten after half an hour without such an answer."""
        quiet = max(0.0, now - self.at)
        growth = FIRST_GROWTH if self.answers == 1 else GROWTH
        return 0.0 if quiet >= FORGOTTEN_AFTER else self.rate * (1 + growth * quiet)

    def too_fast(self, seen: int, cause: str, now: float) -> Tempo:
        """After one more answer, when it took `seen` messages in the best second of late."""
        before, seen = self._grown(now), max(1, seen)
        if before and abs(now - self.at) < UNDER_WAY_SECONDS:  # a clock set back would else make all answers such
            return replace(self, rate=max(self.rate, seen))
        return Tempo(min(before * CUT, seen) if before else seen, now, self.answers + 1 if before else 1, cause)


def best_second(moments: Sequence[float]) -> int:
    """The most of these moments, in order, within any one second."""
    best = first = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= 1.0:
            first += 1
        best = max(best, last - first + 1)
    return best
