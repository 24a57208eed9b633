"""How fast mail may go: limits in sliding windows, and what a recipient's provider can take, learned from its answers.

A limit counts what is under way and what was sent in its window. A message is counted from before it begins until
a window's length after its answer was seen, so whenever in between the other side counts it, no window of its
own ever holds more than the limit. Moments are seconds since 1970.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

# One provider, many domains: what one of them throttles the others throttle too.
PROVIDERS: dict[str, tuple[str, ...]] = {
    "qq.com": ("qq.com", "foxmail.com", "vip.qq.com"),
    "163.com": ("163.com", "126.com", "yeah.net", "188.com", "vip.163.com", "vip.126.com"),
    "sina.com": ("sina.com", "sina.cn", "vip.sina.com"),
    "aliyun.com": ("aliyun.com", "alibaba.com", "taobao.com"),
    "gmail.com": ("gmail.com", "googlemail.com"),
    "outlook.com": ("outlook.com", "hotmail.com", "live.com", "msn.com", "live.cn", "hotmail.co.uk", "outlook.de"),
    "yahoo.com": ("yahoo.com", "ymail.com", "rocketmail.com", "aol.com", "yahoo.co.uk", "yahoo.fr", "yahoo.de"),
    "icloud.com": ("icloud.com", "me.com", "mac.com"),
}
_GROUP = {domain: group for group, domains in PROVIDERS.items() for domain in domains}

PRECISION = 64  # a sent message is remembered for at most a 64th longer than it need be
FINEST = 0.25
LONGEST = 86400.0
SHORTEST_QUOTA = 60.0

LEARNED_WINDOW = 20.0  # a learned rate is spread over windows of this length, so that it comes evenly
UNEVEN = 1.15  # so much more than its share may come in one of them, else what is under way would cost the rate
LEAST_RATE = 6.0  # messages a minute that are always tried
DECREASE = 0.5  # when what was taken in the minute before the first throttle answer was still too much
INCREASE = 0.001  # of the learned rate, every minute without a throttle answer
AGAIN_WITHIN = 300.0
FORGOTTEN_AFTER = 1800.0
LONGEST_PAUSE = 3600.0
SET_BACK = 1.0  # seconds of the future that are not yet a clock that was set back


def group_of(domain: str) -> str:
    """The name of the provider that a recipient's domain belongs to; the domain itself where none is known."""
    return _GROUP.get(domain, domain)


def domains_of(group: str) -> tuple[str, ...]:
    """The domains of a group that `group_of` named."""
    return PROVIDERS.get(group, (group,))


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` messages in any `seconds`."""

    limit: int
    seconds: float


def windows(*, per_minute: int = 0, per_hour: int = 0, per_day: int = 0) -> tuple[Window, ...]:
    """The windows of an account's quotas; 0 stands for none."""
    limits = ((per_minute, 60.0), (per_hour, 3600.0), (per_day, LONGEST))
    return tuple(Window(limit, seconds) for limit, seconds in limits if limit)


def second_window(per_second: float) -> Window:
    """The window of a rate by the second: 10 a second is 10 in 1 s, 0.5 a second is 1 in 2 s."""
    whole = max(1, int(per_second))
    return Window(whole, whole / per_second)


PART_SECONDS = 10.0  # for so long a worker keeps its part of a limit without using it


@dataclass(frozen=True, slots=True)
class Part:
    """What one worker may use of a limit by the second that all share; `until` it is kept unused."""

    worker: str
    share: int
    until: float


def divide(
    parts: Iterable[Part], whole: int, worker: str, using: int, busy: Collection[str], now: float
) -> tuple[tuple[Part, ...], int]:
    """The parts after `worker` has asked for its own, and how much it may use from now on.

    Every part is given out by its holder before another gets it, so that they never exceed the `whole`: a worker
    whose part shrinks first uses less, then, when no more than that is counted any longer (`using`), gives up the
    rest. A part is kept while its worker is `busy`, and a little longer, also where the clock was set back since.
    """
    kept = (replace(part, until=min(part.until, now + PART_SECONDS)) for part in parts)
    known = {part.worker: part for part in kept if part.until > now or part.worker in busy}
    mine = known.pop(worker).share if worker in known else 0
    names = sorted([*known, worker])
    fair = whole // len(names) + (names.index(worker) < whole % len(names))
    free = whole - sum(part.share for part in known.values())
    share = max(min(fair, free), min(mine, using))
    return (*known.values(), Part(worker, share, now + PART_SECONDS)), min(share, fair)


Usage = tuple[tuple[float, int], ...]  # (until when counted from, how many), oldest first


def used(usage: Usage, window: Window, now: float) -> int:
    """How many messages stand in a window that ends now."""
    return sum(count for moment, count in usage if moment > now - window.seconds)


def charge(usage: Usage, count: int, now: float) -> Usage:
    """The usage with `count` more messages, answered by now."""
    return gathered((*usage, (now, count)), now)


def gathered(counts: Iterable[tuple[float, int]], now: float) -> Usage:
    """The usage of so many messages, answered by each of these moments.

    The older an entry, the coarser the slot it shares with its neighbours; a slot counts as its end, so nothing
    is forgotten early. Slots are powers of two and nest, so the error does not grow.
    """
    slots: dict[float, int] = {}
    for moment, number in counts:
        age = now - moment
        if age < LONGEST * (1 + 1 / PRECISION):
            slot = _slot_end(moment, age)
            slots[slot] = slots.get(slot, 0) + number
    return tuple(sorted(slots.items()))


def _slot_end(moment: float, age: float) -> float:
    width = FINEST
    while width * 2 * PRECISION <= age:
        width *= 2
    return math.ceil(moment / width) * width


@dataclass(frozen=True, slots=True)
class Budget:
    """What is known of one relay or one provider: what was sent, and what its throttle answers taught.

    `rate` is the learned limit in messages a minute when it was `slowed_at`; 0 where nothing was learned.
    """

    usage: Usage = ()
    rate: float = 0.0
    slowed_at: float = 0.0
    blocked_until: float = 0.0
    strikes: int = 0
    cause: str = ""

    def by_clock(self, now: float) -> Budget:
        """The same where the clock was set back since: what was sent was sent by now, and a pause begins now."""
        known = self
        if self.usage and self.usage[-1][0] > now + SET_BACK:
            known = replace(known, usage=tuple((min(moment, now), count) for moment, count in self.usage))
        if self.slowed_at > now + SET_BACK:
            known = replace(known, slowed_at=now, blocked_until=now + self.blocked_until - self.slowed_at)
        return known

    def learned(self, now: float) -> float:
        """The learned rate by now, a little more every minute; 0 when there is none or it is forgotten."""
        quiet = max(0.0, now - max(self.slowed_at, self.blocked_until))
        return 0.0 if quiet >= FORGOTTEN_AFTER else self.rate * (1 + INCREASE * quiet / 60)

    def is_slowed(self, now: float) -> bool:
        """Whether anything learned still holds."""
        return now < self.blocked_until or self.learned(now) > 0

    def limits(self, quotas: Iterable[Window], now: float) -> list[Window]:
        """Every window that holds now: the quotas and the learned one."""
        rate = self.learned(now)
        if not rate:
            return list(quotas)
        evenly = Window(math.ceil(rate * LEARNED_WINDOW / 60 * UNEVEN), LEARNED_WINDOW)
        return [*quotas, Window(int(rate), 60.0), evenly]

    def allowance(self, quotas: Sequence[Window], held: int, now: float) -> int | None:
        """How many more messages may begin now, with `held` under way; None where nothing limits them."""
        if now < self.blocked_until:
            return 0
        limits = self.limits(quotas, now)
        if not limits:
            return None
        return max(0, min(window.limit - held - used(self.usage, window, now) for window in limits))

    def wait(self, quotas: Sequence[Window], now: float) -> float:
        """Seconds until one more may begin if nothing is under way; 0 when it may now."""
        waits = [self.blocked_until - now]
        for window in self.limits(quotas, now):
            over = used(self.usage, window, now) - window.limit
            for moment, count in self.usage:
                if over < 0:
                    break
                if moment > now - window.seconds:
                    over -= count
                    waits.append(moment + window.seconds - now)
        return max(0.0, *waits)

    def charged(self, count: int, now: float, taken: int = 0) -> Budget:
        """The budget after `count` messages were answered, `taken` of them with yes.

        What was under way when a pause began, and was taken after all, belongs to what is known to be possible.
        """
        rate = self.rate + taken if now < self.blocked_until else self.rate
        return replace(self, usage=charge(self.usage, count, now), rate=rate) if count else self

    def slowed(self, taken: int, pause: float, cause: str, now: float) -> Budget:
        """The budget after a throttle answer: nothing for a pause, then no more than was taken before, then half.

        `taken` is how many were taken in the last minute. Answers to what was under way when the pause began
        change nothing.
        """
        if now < self.blocked_until:
            return replace(self, blocked_until=max(self.blocked_until, now + pause))
        again = now - self.blocked_until < AGAIN_WITHIN
        strikes = self.strikes + 1 if again else 1
        before = self.learned(now)
        rate = min(before, taken) if before else taken
        return replace(
            self,
            rate=max(LEAST_RATE, rate * DECREASE if again else rate),
            slowed_at=now,
            blocked_until=now + min(pause * 2 ** min(strikes - 1, 10), max(pause, LONGEST_PAUSE)),
            strikes=strikes,
            cause=cause,
        )


@dataclass(frozen=True, slots=True)
class Slowed:
    """A relay or provider that is slowed at this moment, for people: at most `rate` messages a "second" or "minute"
    (`unit`), 0 where only the pause is known.
    """

    key: str
    until: float
    rate: float
    unit: str
    cause: str


@dataclass(frozen=True, slots=True)
class Account:
    """What a relay lets us send, the second's limit among it, and what was sent over it."""

    name: str
    windows: tuple[Window, ...]
    usage: Usage = ()

    def room(self, now: float, seconds: float = 0.0) -> float:
        """How many messages may begin from now on within so many seconds."""
        return min((self._room(window, now, now + seconds) for window in self.windows), default=math.inf)

    def _room(self, window: Window, now: float, until: float) -> int:
        counted = [moment for moment, _ in self.usage if moment > now - window.seconds]
        whole = 1 + math.floor((until - min(counted, default=now)) / window.seconds)
        return max(0, window.limit * whole - used(self.usage, window, now))

    def used_up_until(self, now: float) -> float:
        """When the next message may begin, where one of the longer limits lets none now; else 0."""
        quotas = [window for window in self.windows if window.seconds >= SHORTEST_QUOTA]
        wait = Budget(self.usage).wait(quotas, now)
        return now + wait if wait else 0.0


def seconds_for(number: int, accounts: Sequence[Account], now: float) -> float:
    """How long so many messages take at the least over these relays, by their limits alone, to a second."""

    def enough(seconds: float) -> bool:
        return sum(account.room(now, seconds) for account in accounts) >= number

    if enough(0.0):
        return 0.0
    late = 1.0
    while not enough(late):
        late *= 2
    early = late / 2
    while late - early > 1.0:
        middle = (early + late) / 2
        early, late = (early, middle) if enough(middle) else (middle, late)
    return late


class Pulse:
    """How many messages each relay took for each domain in the last minute, as this process saw it."""

    def __init__(self) -> None:
        self._slots: deque[tuple[int, Counter[tuple[str, str]]]] = deque(maxlen=6)  # of ten seconds each

    def beat(self, relay: str, domain: str, now: float) -> None:
        """One more was taken."""
        number = int(now / 10)
        if not self._slots or self._slots[-1][0] != number:
            self._slots.append((number, Counter()))
        self._slots[-1][1][relay, domain] += 1

    def taken_by(self, relay: str, now: float) -> int:
        """How many a relay took in the last minute."""
        return self._taken(lambda by, _: by == relay, now)

    def taken_for(self, group: str, now: float) -> int:
        """How many were taken for a provider's domains in the last minute."""
        return self._taken(lambda _, domain: group_of(domain) == group, now)

    def _taken(self, counts: Callable[[str, str], bool], now: float) -> int:
        oldest = int(now / 10) - 6
        recent = [slot for number, slot in self._slots if number > oldest]
        return sum(count for slot in recent for one, count in slot.items() if counts(*one))
