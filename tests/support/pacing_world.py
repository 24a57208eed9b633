"""Relays with limits and providers with tempers, on a virtual clock: how long a send takes, and what it exceeds.

A relay counts a message at any moment of its transaction, in sliding windows, and notes every limit exceeded. A
provider refuses what comes faster than it likes, in its own words, and may greylist.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event, insert

from mailer.errors import RelayError, StoreError
from mailer.flows.dispatch import Dispatcher
from mailer.mail.reply import Reply
from mailer.model.delivery import Phase, Result
from mailer.model.pacing import Window
from mailer.rendering.outgoing import Outgoing
from mailer.store import audiences, issues, ledger
from mailer.store.engine import Database
from mailer.store.issues import NewEdition, NewIssue
from mailer.store.leases import Worker
from mailer.store.schema import subscribers
from mailer.transport.base import Message, nothing_follows
from mailer.transport.lane import Lane

START = datetime(2026, 5, 21, 0, 0, tzinfo=UTC)


@dataclass
class Sliding:
    """Counts in one sliding window, as the other side does."""

    limit: int
    seconds: float
    most: int = 0
    _moments: deque[float] = field(default_factory=deque)

    def count(self, now: float) -> bool:
        """Count one more; whether it was within the limit."""
        while self._moments and self._moments[0] <= now - self.seconds:
            self._moments.popleft()
        self._moments.append(now)
        self.most = max(self.most, len(self._moments))
        return len(self._moments) <= self.limit

    def is_full(self, now: float) -> bool:
        return sum(moment > now - self.seconds for moment in self._moments) >= self.limit


@dataclass
class Provider:
    """The mail server behind some domains: at most `per_minute`, else `reply`; `greylist` seconds for strangers.

    `seconds` is how long its minute is.
    """

    per_minute: int = 0
    reply: Reply = Reply(451, ("MI:SFQ 163 smtp",))  # noqa: RUF009 - frozen
    greylist: float = 0.0
    seconds: float = 60.0
    refused: int = 0

    def __post_init__(self) -> None:
        self._window = Sliding(self.per_minute, self.seconds)
        self._first_seen: dict[str, float] = {}

    def answer(self, address: str, now: float) -> Reply | None:
        """A refusal, or None when the message is welcome."""
        if self.greylist and now - self._first_seen.setdefault(address, now) < self.greylist:
            return Reply(451, ("4.7.1 Greylisted, please try again later",))
        if self.per_minute and self._window.is_full(now):
            self.refused += 1
            return self.reply
        self._window.count(now)
        return None


@dataclass
class PacedRelay:
    """A relay with limits: `limits` are what it really allows, `down` says when it cannot be reached.

    One that is `silent` takes connections and says nothing for so many seconds; one that falls `mute` says nothing any
    more to MAIL for five minutes.
    """

    name: str
    world: PacedWorld
    limits: list[Sliding] = field(default_factory=list)
    latency: float = 0.03
    down: Callable[[float], bool] = lambda now: False
    silent: float = 0.0
    mute: Callable[[float], bool] = lambda now: False
    closed: Callable[[float], bool] = lambda now: False  # whether it says 451 to MAIL
    taken: Counter[str] = field(default_factory=Counter)  # by recipient domain
    exceeded: int = 0
    sessions: int = 0  # open now
    begun_at: float = 0.0  # when a message was begun last

    async def open(self) -> PacedSession:
        await asyncio.sleep(min(self.latency, 1.0))
        if self.down(self.world.now):
            raise RelayError("connection refused", phase="connect")
        if self.silent:
            await asyncio.sleep(self.silent)
            raise RelayError("no answer in time", phase="greeting")
        self.sessions += 1
        return PacedSession(self)


class PacedSession:
    most = 0

    def __init__(self, relay: PacedRelay) -> None:
        self.relay = relay
        self.usable = True

    async def close(self) -> None:
        self.usable = False
        self.relay.sessions -= 1

    async def send(
        self,
        message: Message,
        handing_over: Callable[[], None],
        following: Callable[[], Message | None] = nothing_follows,
    ) -> Result:
        relay, world, recipient = self.relay, self.relay.world, message.envelope.recipient
        if relay.down(world.now):
            self.usable = False
            return Result(Phase.MAIL, cause="connection lost")
        if relay.mute(world.now):
            await asyncio.sleep(300.0)
            self.usable = False
            return Result(Phase.MAIL, cause="no answer in time")
        if relay.closed(world.now):
            await asyncio.sleep(0.01)
            return Result(Phase.MAIL, Reply(451, ("4.3.2 Not at night",)))
        relay.begun_at = world.now
        took = world.random.uniform(0.2, 1.0) * relay.latency
        counted = world.random.uniform(0.0, took)
        await asyncio.sleep(counted)
        for limit in relay.limits:
            relay.exceeded += not limit.count(world.now)
        domain = recipient.rpartition("@")[2]
        refusal = world.providers.get(domain, Provider()).answer(recipient, world.now)
        await asyncio.sleep(took - counted)
        if refusal:
            return Result(Phase.RCPT, refusal)
        handing_over()
        relay.taken[domain] += 1
        world.accepted[recipient] += 1
        world.last = world.now
        if sum(world.accepted.values()) == world.readers:
            world.done.set()
        return Result(Phase.DOT, Reply(250, ("2.0.0 ok",)))


class PacedWorld:
    """Some workers, relays and providers; `play` sends one issue and returns the seconds it took."""

    def __init__(self, folder: Path, url: str, readers: dict[str, int], seed: int = 1) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a simulation wants a seed
        self.folder = folder
        self.url = url
        self.by_domain = readers
        self.readers = sum(readers.values())
        self.providers: dict[str, Provider] = {}
        self.relays: list[tuple[PacedRelay, dict[str, Any]]] = []
        self.accepted: Counter[str] = Counter()
        self.last = 0.0
        self.away: Callable[[float], bool] = lambda now: False  # whether no worker can get at the database
        self.db = Database(url)
        if self.db.is_sqlite:  # no power is lost here, so nothing needs to reach the disk
            event.listen(self.db.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def clock(self) -> datetime:
        return START + timedelta(seconds=self.now)

    def relay(self, name: str = "main", limits: dict[float, int] | None = None, **options: Any) -> PacedRelay:
        """A relay that allows `limits` (messages by seconds) and a lane that knows them."""
        allowed = limits or {}
        lane = {key: options.pop(key) for key in ("weight", "domains", "connections") if key in options}
        lane["per_second"] = float(allowed.get(1.0, 0))
        lane["quotas"] = tuple(Window(limit, seconds) for seconds, limit in allowed.items() if seconds > 1)
        made = PacedRelay(name, self, [Sliding(limit, seconds) for seconds, limit in allowed.items()], **options)
        self.relays.append((made, lane))
        return made

    def prepare(self) -> None:
        people = [f"r{number}@{domain}" for domain, count in self.by_domain.items() for number in range(count)]
        self.random.shuffle(people)
        row = {"state": "active", "created_at": START, "joined_at": START}
        with self.db.transaction() as conn:
            conn.execute(
                insert(subscribers),
                [{**row, "address": one, "match_key": one, "domain": one.rpartition("@")[2]} for one in people],
            )
            issue = NewIssue("sim", "1", 1, START.date(), "t", "at_most_once", "", START, None)
            self.issue_id, _ = issues.add(conn, issue, START)
            edition_id = issues.add_edition(
                conn, self.issue_id, NewEdition("en", "f", "s", "s", "h", "t", b"p", "d", 1), START
            )
            audiences.freeze(conn, self.issue_id, {"en": edition_id}, "en", None, START, START)

    def dispatcher(self, name: str, **options: Any) -> Dispatcher:
        async def hop(function: Callable[..., Any], *args: Any) -> Any:
            await asyncio.sleep(self.random.uniform(0.0, 0.01))
            if self.away(self.now):
                raise StoreError("the database is away")
            return function(*args)

        facts: dict[str, Any] = {
            "db": self.db,
            "lanes": [
                Lane(relay, **{"connections": 10, "return_path": lambda token: "b@sim.example"} | lane)
                for relay, lane in self.relays
            ],
            "composer": lambda conn, rows: lambda row: Outgoing(row.address, "t", ()),
            "record_refusals": lambda conn, refusals, now: None,
            "clock": self.clock,
            "worker": Worker(name, "host", os.getpid(), "boot"),
            "journal_folder": self.folder / "journal",
            "monotonic": lambda: self.now,
            "hop": hop,
        }
        return Dispatcher(**facts | options)

    def begin(self) -> None:
        """Publish the issue."""
        self.done = asyncio.Event()
        (self.folder / "journal").mkdir(exist_ok=True)
        self.prepare()

    async def play(self, workers: int = 1, restart_every: float = 0.0) -> float:
        """Send until everybody has been accepted; `restart_every` seconds each worker is stopped for another."""
        self.begin()

        async def work(number: int) -> None:
            turn = 0
            while not self.done.is_set():
                turn += 1
                dispatcher = self.dispatcher(f"w{number}-{turn}")
                run = asyncio.create_task(dispatcher.run(forever=True))
                waited = asyncio.create_task(self.done.wait())
                await asyncio.wait([run, waited], timeout=restart_every or None, return_when=asyncio.FIRST_COMPLETED)
                waited.cancel()
                dispatcher.stop()
                await run

        await asyncio.wait_for(asyncio.gather(*(work(number) for number in range(workers))), 5 * 86400)
        counts = self.db.read(ledger.counts, self.issue_id)
        assert counts["accepted"] == self.readers == len(self.accepted), counts
        assert set(self.accepted.values()) == {1}
        assert not sum(relay.exceeded for relay, _ in self.relays)
        return self.last


MakeWorld = Callable[..., PacedWorld]
