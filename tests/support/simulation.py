"""A seeded world for the dispatcher: workers, hosts, relays, a database, readers and an operator on a virtual clock.

Only time, processes, connections and the hop to the database are simulated; dispatcher, SMTP session, ledger, journal
and SQLite are the real ones. Each seed draws its own weather: which kinds of trouble there are at all, and how much.
Time-outs, leases and pauses are a tenth of the real ones, so that a stall may outlast each of them.
"""

from __future__ import annotations

import asyncio
import errno
import os
import random
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, event, insert, text, update

from mailer.errors import RestoredError, StoreError, UsageError
from mailer.flows import control
from mailer.flows.dispatch import Dispatcher, Observer, Retry
from mailer.model.delivery import Result, State
from mailer.rendering.outgoing import Outgoing
from mailer.store import audiences, issues, ledger, running
from mailer.store.engine import Database
from mailer.store.highwater import HighWater
from mailer.store.issues import NewEdition, NewIssue
from mailer.store.journal import Journal
from mailer.store.leases import Worker
from mailer.store.outbox import post_letter
from mailer.store.picking import Claimed
from mailer.store.schema import subscribers
from mailer.transport.base import Message, Session
from mailer.transport.lane import Lane
from support.simulated_relay import STALLS, Moods, SimulatedRelay
from support.virtual import CURRENT, Process
from support.witness import Witness

START = datetime(2026, 5, 21, 0, 0, tzinfo=UTC)
LEASE = 12.0
PACE = {  # constants of the dispatcher, wherever they are kept, in simulated time
    "LEASE": timedelta(seconds=LEASE),
    "RENEW_SECONDS": 1.0,
    "STORE_PATIENCE_SECONDS": 6.0,
    "POLL_SECONDS": 3.0,
    "IDLE_SECONDS": 5.0,
    "GRACE_SECONDS": 0.5,
}
CLAIM_SECONDS = 1.0
RETRY = Retry(tuple(timedelta(seconds=s) for s in (2, 5, 10, 20, 40)), timedelta(minutes=8))
AFTERMATH = sum(STALLS) * 2  # until every relay has done what it was about to do
FOREVER = 3600.0
CONNECTIONS = 2


@dataclass(frozen=True)
class Weather:
    """What may go wrong in one world; probabilities a step, numbers a play."""

    moods: Moods = field(default_factory=Moods)
    store_before: float = 0.0
    store_refused: float = 0.0
    store_answer_lost: float = 0.0
    disk_full: float = 0.0
    kills: int = 0
    kills_inside: float = 0.0
    freezes: int = 0
    stops: int = 0
    reboots: int = 0
    host_losses: int = 0
    store_away: int = 0
    relay_away: int = 0
    clock_steps: int = 0
    restores: int = 0
    leaving: int = 0
    pauses: int = 0
    corrections: int = 0
    cancels: int = 0
    retries: int = 0
    letters: int = 0
    poison: int = 0
    deadline: float = 0.0
    policy: str = "at_most_once"
    relays: int = 1
    workers: int = 1
    forever: bool = False
    server: bool = True
    pipelining: bool = False


def weather_of(seed: int) -> Weather:
    """A seed's weather: each kind of trouble is there or not, so that none always hides behind another."""
    dice = random.Random(f"weather {seed}")  # noqa: S311 - a simulation wants a seed

    def some(most: float, share: float = 0.5) -> float:
        return dice.uniform(0, most) if dice.random() < share else 0.0

    def up_to(most: int, share: float = 0.5) -> int:
        return dice.randint(1, most) if dice.random() < share else 0

    server = dice.random() < 0.6
    return Weather(
        moods=Moods(
            drop=some(0.08),
            soft=some(0.15),
            hard=some(0.06),
            closing=some(0.05),
            stall=some(0.05),
            deaf=some(0.2, 0.3),
            double=some(0.03, 0.2),
            no_connection=some(0.2),
            slow_open=some(0.3, 0.3),
            sender=some(0.02, 0.15),
        ),
        store_before=some(0.1),
        store_refused=some(0.05),
        store_answer_lost=some(0.15),
        disk_full=some(0.1, 0.15),
        kills=up_to(4),
        kills_inside=some(0.03, 0.3),
        freezes=up_to(4),
        stops=up_to(2, 0.3),
        reboots=up_to(1, 0.15),
        host_losses=up_to(1, 0.15),
        store_away=up_to(2, 0.25),
        relay_away=up_to(2, 0.25),
        clock_steps=up_to(3, 0.4),
        restores=up_to(1, 0.12) if not server else 0,
        leaving=up_to(8),
        pauses=up_to(2, 0.4),
        corrections=up_to(2, 0.4),
        cancels=up_to(1, 0.1),
        retries=up_to(2, 0.15),
        letters=up_to(6),
        poison=up_to(1, 0.2),
        deadline=dice.uniform(0.5, 60) if dice.random() < 0.25 else 0.0,
        policy="at_least_once" if dice.random() < 0.15 else "at_most_once",
        relays=dice.choice((1, 1, 2)),
        workers=dice.choice((1, 2, 2, 3)),
        forever=dice.random() < 0.4,
        server=server,
        pipelining=dice.random() < 0.6,
    )


@dataclass
class Host:
    """A machine: its name, its boot, how wrong its clock is."""

    name: str
    boot: str = "boot-0"
    ahead: float = 0.0


@dataclass
class World:
    """One run: build it with a seed, `play`, then `check`."""

    seed: int
    folder: Path
    database_url: str
    weather: Weather = field(default_factory=Weather)
    readers: int = 16

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - a simulation wants a seed
        self.db = Database(self.database_url)
        event.listen(self.db.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))
        self.hosts = [Host("host-a"), Host("host-b")] if self.weather.server else [Host("host-a")]
        self.witness = Witness(
            self.db, lambda: self.clock().timestamp(), lambda: self.now, LEASE, steady=self.weather.server
        )
        self.relays = [
            SimulatedRelay(name, self.weather.moods, self.random, self.take)
            for name in ("main", "second")[: self.weather.relays]
        ]
        for relay in self.relays:
            relay.pipelining = self.weather.pipelining
        self.alive: dict[str, SimulatedWorker] = {}
        self.count = 0
        self.store_away_until = 0.0
        self.crashes: list[BaseException] = []

    # --- the stage

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def clock(self) -> datetime:
        """The moment by the clock that counts: the server's, or that of the only host."""
        ahead = 0.0 if self.weather.server else self.hosts[0].ahead
        return START + timedelta(seconds=self.now + ahead)

    def chance(self, probability: float) -> bool:
        return probability > 0 and self.random.random() < probability

    def prepare(self) -> None:
        self.witness.watch()
        deadline = START + timedelta(seconds=self.weather.deadline) if self.weather.deadline else None
        with self.db.transaction() as conn:
            people = [f"r{number}@d{number % 3}.example" for number in range(self.readers)]
            row = {"state": "active", "created_at": START, "joined_at": START}
            conn.execute(
                insert(subscribers),
                [{**row, "address": one, "match_key": one, "domain": one.rpartition("@")[2]} for one in people],
            )
            issue = NewIssue("sim", "1", 1, START.date(), "t", self.weather.policy, "", START, deadline)
            self.issue_id, self.slug = issues.add(conn, issue, START)
            self.edition_id = issues.add_edition(conn, self.issue_id, _edition(1), START)
            audiences.freeze(conn, self.issue_id, {"en": self.edition_id}, "en", None, START, START)
        if self.weather.policy == "at_least_once":
            self.witness.at_least_once.add(self.issue_id)
        if deadline is not None:
            self.witness.deadlines[self.issue_id] = deadline.timestamp()
        with self.db.reading() as conn:
            found = conn.execute(text("SELECT address, id FROM deliveries")).all()
            self.delivery_of: dict[str, int] = dict(found)
        self.evening = self._backup()

    def take(self, content: bytes) -> None:
        delivery, edition = _of(content)
        self.witness.took(delivery, edition)

    # --- the play

    async def play(self) -> None:
        with _paced(), patch.object(Journal, "__init__", _noted(self, Journal.__init__)):
            self.prepare()
            for _ in range(self.weather.workers):
                self.start_worker()
            await asyncio.gather(*(asyncio.create_task(happening) for happening in self._happenings()))
            await self._until_finished()
            await asyncio.sleep(AFTERMATH)

    async def _until_finished(self) -> None:
        while not self.is_finished():
            if self.now > FOREVER:
                raise AssertionError(f"not finished after {self.now} s: {self.counts()}")
            self._nothing_broke()
            if not self.alive:
                self.start_worker()
            await asyncio.wait([worker.task for worker in self.alive.values()], timeout=20)
            if not self.alive and (due := self.db.read(running.next_due)):
                await asyncio.sleep(min(max(0.5, (due - self.clock()).total_seconds()), 600))
        for worker in list(self.alive.values()):
            worker.dispatcher.stop()
        if self.alive:
            await asyncio.wait([worker.task for worker in self.alive.values()], timeout=10 * AFTERMATH)
            assert not self.alive, "a worker does not stop"

    def _nothing_broke(self) -> None:
        if self.witness.violations:
            raise AssertionError(self.witness.violations[0])
        if self.crashes:
            raise self.crashes[0]

    def start_worker(self) -> None:
        self.count += 1
        worker = SimulatedWorker(self, f"w{self.count}", self.random.choice(self.hosts))
        self.alive[worker.name] = worker
        worker.start()

    def _happenings(self) -> Iterator[Any]:
        """All that is done to this world, each at its own moment."""
        weather = self.weather
        for count, deed in (
            (weather.kills, self._kill),
            (weather.freezes, self._freeze),
            (weather.stops, self._stop),
            (weather.reboots, self._reboot),
            (weather.host_losses, self._lose_host),
            (weather.store_away, self._store_away),
            (weather.relay_away, self._relay_away),
            (weather.clock_steps, self._step_clock),
            (weather.restores, self._restore),
            (weather.leaving, self._leave),
            (weather.pauses, self._pause),
            (weather.corrections, self._correct),
            (weather.cancels, self._cancel),
            (weather.retries, self._retry),
            (weather.letters, self._post),
        ):
            for _ in range(count):
                yield self._after(self.random.choice((0.2, 1.0, 4.0, 30.0)) * self.random.random(), deed)

    async def _after(self, seconds: float, deed: Callable[[], Any]) -> None:
        await asyncio.sleep(seconds)
        waiting = deed()
        if waiting is not None:
            await waiting

    # --- to the workers

    def _anyone(self) -> SimulatedWorker | None:
        return self.random.choice([self.alive[name] for name in sorted(self.alive)]) if self.alive else None

    def _kill(self) -> None:
        """At any step of a process, not only between the steps that wait for time."""
        if worker := self._anyone():
            worker.process.at_step[worker.process.steps + self.random.randrange(60)] = worker.kill
        if self.chance(0.6):
            self.start_worker()

    def _freeze(self) -> None:
        if worker := self._anyone():
            seconds = self.random.choice((0.5, 1.5, 8.0, LEASE + 1, 3 * LEASE))
            step = worker.process.steps + self.random.randrange(60)
            worker.process.at_step[step] = lambda: worker.process.freeze(seconds)
        if self.chance(0.5):
            self.start_worker()

    def _stop(self) -> None:
        if worker := self._anyone():
            worker.dispatcher.stop()

    def _reboot(self) -> None:
        """A machine starts anew: its processes end, its journals cannot be believed."""
        host = self.random.choice(self.hosts)
        for worker in [worker for worker in self.alive.values() if worker.host is host]:
            worker.kill()
        host.boot = f"boot-{self.now}"

    def _lose_host(self) -> None:
        """A machine is gone, its disk with it. Not where the database is lost too: nobody is left who could know."""
        if self.weather.restores:
            return
        host = self.random.choice(self.hosts)
        self._reboot_of(host)
        for file in self.journals(host).glob("*"):
            file.unlink()

    def _reboot_of(self, host: Host) -> None:
        for worker in [worker for worker in self.alive.values() if worker.host is host]:
            worker.kill()
        host.boot = f"boot-{self.now}"

    def journals(self, host: Host) -> Path:
        return self.folder / host.name

    def _step_clock(self) -> None:
        self.random.choice(self.hosts).ahead += self.random.choice((30.0, 360.0, -360.0, -5.0))

    # --- to the database and the relays

    def _store_away(self) -> None:
        self.store_away_until = self.now + self.random.choice((0.3, 3.0, 9.0, 20.0))

    def _relay_away(self) -> None:
        self.random.choice(self.relays).away_until = self.now + self.random.choice((0.5, 5.0, 30.0))

    async def _restore(self) -> None:
        """A backup, of this moment or the evening before, over the database of a send that runs; after a while the
        operator reconciles."""
        backup = self.evening if self.chance(0.3) else self._backup()
        await asyncio.sleep(self.random.uniform(0.1, 3.0))
        if self.witness.restored_at >= 0:
            return
        with self.raw() as raw:
            backup.backup(raw)
        self.witness.restored()
        await asyncio.sleep(self.random.uniform(0.0, 3.0))
        for worker in list(self.alive.values()):
            worker.dispatcher.stop()
        if self.alive:
            await asyncio.wait([worker.task for worker in self.alive.values()], timeout=AFTERMATH)
        for worker in list(self.alive.values()):
            worker.kill()
        mark = HighWater(self.journals(self.hosts[0]))
        control.reconcile(self.db, mark.claim, mark.delivery, self.clock(), sent=mark.issues)

    def _backup(self) -> sqlite3.Connection:
        backup = sqlite3.connect(":memory:")
        with self.raw() as raw:
            raw.backup(backup)
        return backup

    @contextmanager
    def raw(self) -> Iterator[sqlite3.Connection]:
        connection: Any = self.db.engine.raw_connection()
        try:
            yield connection.driver_connection
        finally:
            connection.close()

    # --- readers and the operator

    def _leave(self) -> None:
        address = f"r{(number := self.random.randrange(self.readers))}@d{number % 3}.example"
        with self.db.transaction() as conn:
            conn.execute(update(subscribers).where(subscribers.c.match_key == address).values(state="unsubscribed"))
        self.witness.left.add(self.delivery_of[address])

    async def _pause(self) -> None:
        control.pause(self.db, self.slug, "sim", self.clock())
        await asyncio.sleep(self.random.choice((0.2, 5.0, 40.0)) * self.random.random())
        control.resume(self.db, self.slug, "sim", self.clock())

    def _cancel(self) -> None:
        with suppress(RestoredError):
            control.cancel(self.db, self.slug, "sim", self.clock(), HighWater(self.journals(self.hosts[0])).claim)

    def _retry(self) -> None:
        state = self.random.choice((State.UNCERTAIN, State.FAILED))
        with suppress(UsageError):  # its deadline has passed
            control.retry(self.db, self.slug, state, "sim", self.clock())

    def _correct(self) -> None:
        with self.db.transaction() as conn:
            edition = issues.add_edition(conn, self.issue_id, _edition(self.count), self.clock())
            issues.correct(conn, self.issue_id, {"en": edition}, self.clock())
        self.witness.newest = edition

    def _post(self) -> None:
        with self.db.transaction() as conn:
            post_letter(
                conn,
                kind="confirm",
                address=f"l{self.random.randrange(100)}@d0.example",
                now=self.clock(),
                compose=lambda delivery: _content(delivery, None),
            )

    # --- the verdict

    def counts(self) -> dict[str, int]:
        with self.db.reading() as conn:
            return ledger.counts(conn, self.issue_id)

    def is_finished(self) -> bool:
        control.resume(self.db, self.slug, "sim", self.clock())
        with self.db.reading() as conn:
            waiting = "SELECT count(*) FROM deliveries WHERE state IN ('pending', 'attempting', 'deferred')"
            return not conn.execute(text(waiting)).scalar_one()

    def check(self) -> None:
        """Every promise that can be seen from outside, at the end."""
        self._nothing_broke()
        self.witness.judge()
        most = CONNECTIONS * self.weather.relays
        assert self.witness.most_in_flight <= most, f"{self.witness.most_in_flight} dots of one process without answers"


class Gone(BaseException):
    """The process is no more, in the middle of what it does."""


class SimulatedWorker(Observer):
    """One process: a real dispatcher with real sessions; its database and its connections are this world's."""

    def __init__(self, world: World, name: str, host: Host) -> None:
        self.world = world
        self.name = name
        self.host = host
        self.process = Process(name)
        self.process.on_death.append(self._clear_up)
        self.open_journals: list[Journal] = []
        server = world.weather.server
        world.witness.hosts[name] = (host.name, host.boot)
        self.dispatcher = Dispatcher(
            db=Shaky(world, self),
            lanes=[
                Lane(Watched(relay, self), connections=CONNECTIONS, return_path=lambda token: "b@sim.example")
                for relay in world.relays
            ],
            composer=self._composer,
            record_refusals=lambda conn, refusals, now: None,
            clock=lambda: START + timedelta(seconds=world.now + host.ahead),
            shared_clock=(lambda conn: world.clock()) if server else (lambda conn: None),
            worker=Worker(name, host.name, os.getpid(), host.boot),
            journal_folder=world.journals(host),
            retry=RETRY,
            observer=self,
            monotonic=lambda: world.now,
            hop=self._hop,
        )

    def start(self) -> None:
        async def main() -> None:
            try:
                with suppress(StoreError):
                    await self.dispatcher.run(forever=self.world.weather.forever)
                    if not self.world.weather.store_answer_lost:  # a claim it never heard of is left to its successor
                        self.world.witness.left_in_order(self.name)
            except Exception as error:
                self.world.crashes.append(error)
            self.world.alive.pop(self.name, None)

        self.task = self.process.spawn(main())

    def kill(self) -> None:
        self.process.kill()

    def _clear_up(self) -> None:
        """What the system does for a process that died."""
        self.world.alive.pop(self.name, None)
        self.world.witness.in_flight.pop(self.name, None)
        for journal in self.open_journals:
            journal.close()

    async def _hop(self, function: Callable[..., Any], *args: Any) -> Any:
        await asyncio.sleep(self.world.random.uniform(0.0, 0.02))
        value = function(*args)
        await asyncio.sleep(self.world.random.uniform(0.0, 0.01))
        return value

    def _composer(self, conn: Connection, rows: Sequence[Claimed]) -> Callable[[Claimed], Outgoing]:
        def compose(row: Claimed) -> Outgoing:
            if self.world.weather.poison and row.address.startswith("r7@"):
                raise ValueError("a bad value")
            if self.world.weather.poison and row.address.startswith("r8@"):
                self.kill()
                raise Gone
            return Outgoing(row.address, "t", (_content(row.id, row.edition_id),))

        return compose


class Shaky(Database):
    """The database as one process meets it: away at times, refusing a commit, its answer to a commit lost."""

    def __init__(self, world: World, worker: SimulatedWorker) -> None:
        super().__init__(world.database_url)
        self.engine = world.db.engine
        self._world = world
        self._worker = worker

    def _reach(self) -> None:
        world = self._world
        if self._worker.process.dead:
            raise Gone
        if world.now < world.store_away_until or world.chance(world.weather.store_before):
            raise StoreError("the database is away")

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        world, weather = self._world, self._world.weather
        self._reach()
        with super().transaction() as conn:
            yield conn
            if world.chance(weather.kills_inside):
                self._worker.kill()
                raise Gone
            if world.chance(weather.store_refused):
                raise StoreError("the database refused the commit")
        if world.chance(weather.store_answer_lost):
            raise StoreError("the answer to COMMIT was lost")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        self._reach()
        with super().reading() as conn:
            yield conn


class Watched:
    """A relay whose sessions tell the witness what the process does with them."""

    def __init__(self, relay: SimulatedRelay, worker: SimulatedWorker) -> None:
        self.name = relay.name
        self._relay = relay
        self._worker = worker

    async def open(self) -> Session:
        return WatchedSession(await self._relay.open(), self._worker)


class WatchedSession:
    """One real SMTP session, watched."""

    def __init__(self, session: Session, worker: SimulatedWorker) -> None:
        self._session = session
        self._process = worker.process
        self._witness = worker.world.witness

    @property
    def most(self) -> int:
        return self._session.most

    @property
    def usable(self) -> bool:
        return self._session.usable

    async def close(self) -> None:
        await self._session.close()

    async def send(self, message: Message, handing_over: Callable[[], None], *rest: Any, **more: Any) -> Result:
        name, (delivery, edition), handed = self._process.name, _of(message.content), False

        def watched() -> None:
            nonlocal handed
            handing_over()
            self._witness.handed(name, delivery, edition)
            handed = True

        result = None
        self._witness.begun(name, delivery, self._process.frozen_until)
        try:
            result = await self._session.send(message, watched, *rest, **more)
            return result
        finally:
            self._witness.answered(name, delivery, result, handed)


def _edition(number: int) -> NewEdition:
    return NewEdition("en", "f", "s", "s", "h", "t", b"p", f"d{number}", 1)


def _content(delivery: int, edition: int | None) -> bytes:
    return f"{delivery} {edition or 0}\r\n\r\n".encode() + b"x" * (delivery * 37 % 400) + b"\r\n"


def _of(content: bytes) -> tuple[int, int | None]:
    delivery, edition = content.split(b"\r\n", 1)[0].split()
    return int(delivery), int(edition) or None


@contextmanager
def _paced() -> Iterator[None]:
    """The dispatcher with its long times a tenth as long, for as long as a play lasts."""
    modules = [module for name, module in sorted(sys.modules.items()) if name.startswith("mailer.flows.dispatch")]
    before = [(module, name, getattr(module, name)) for name in PACE for module in modules if hasattr(module, name)]
    assert {name for _, name, _ in before} == PACE.keys(), "the dispatcher's times have other names now"
    try:
        for module, name, _ in before:
            setattr(module, name, PACE[name])
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def _noted(world: World, create: Callable[..., None]) -> Callable[..., None]:
    """Journals that the system closes when their process dies, and that a full disk has no room for."""

    def init(journal: Journal, *args: Any) -> None:
        if world.chance(world.weather.disk_full):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        create(journal, *args)
        process = CURRENT.get()
        if process is not None and process.name in world.alive:
            world.alive[process.name].open_journals.append(journal)

    return init
