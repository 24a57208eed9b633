"""A seeded world for the dispatcher: workers, relays, a database, readers and an operator on a virtual clock.

Only time, the relay and the hop to the database are simulated; dispatcher, ledger, journal and SQLite are the real
ones. A killed worker touches nothing again: whatever would reach the world raises, and its journal loses its
lock, as the operating system would see to. `World.check` compares the relay's own ledger with ours.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event, func, insert, select, text, update

from mailer.errors import RelayError, StoreError
from mailer.flows.dispatch import Dispatcher, Retry
from mailer.mail.reply import Reply
from mailer.model.delivery import EDGES, Phase, Result, State
from mailer.rendering.outgoing import Outgoing
from mailer.store import issues, ledger
from mailer.store.engine import Database
from mailer.store.issues import NewEdition, NewIssue
from mailer.store.ledger import Worker
from mailer.store.schema import deliveries, subscribers
from mailer.transport.base import Message, nothing_follows
from mailer.transport.lane import Lane

START = datetime(2026, 5, 21, 0, 0, tzinfo=UTC)
OBEYED_WITHIN = 1.5  # a claim lives a second before its message begins; the commands before the dot take the rest
FOREVER = timedelta(days=4).total_seconds()


@dataclass(frozen=True)
class Faults:
    """How often what goes wrong, as probabilities a step."""

    drop: float = 0.04
    refuse_soft: float = 0.06
    refuse_hard: float = 0.03
    stall: float = 0.02
    no_connection: float = 0.05
    store_before: float = 0.02
    store_after: float = 0.02
    kills: int = 3
    freezes: int = 1
    unsubscribes: int = 4
    operator: bool = True


@dataclass
class World:
    """One run: build it with a seed, `play`, then `check`."""

    seed: int
    folder: Path
    database_url: str
    readers: int = 40
    workers: int = 2
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - a simulation wants a seed
        self.db = Database(self.database_url)
        if self.db.is_sqlite:  # no power is lost here, so nothing needs to reach the disk
            event.listen(self.db.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))
        self.accepted: Counter[str] = Counter()
        self.handed_over: Counter[str] = Counter()
        self.left_at: dict[str, float] = {}
        self.late: list[str] = []
        self.journal_folder = self.folder / "journal"
        self.journal_folder.mkdir(parents=True, exist_ok=True)
        self.alive: dict[str, SimulatedWorker] = {}
        self.count = 0

    # --- the stage

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def clock(self) -> datetime:
        return START + timedelta(seconds=self.now)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def prepare(self) -> None:
        with self.db.transaction() as conn:
            conn.execute(text("CREATE TABLE changes (delivery_id BIGINT, old TEXT, new TEXT)"))
            if self.db.is_sqlite:
                conn.execute(
                    text(
                        "CREATE TRIGGER watch AFTER UPDATE OF state ON deliveries WHEN OLD.state <> NEW.state BEGIN"
                        " INSERT INTO changes VALUES (NEW.id, OLD.state, NEW.state); END"
                    )
                )
            conn.execute(
                insert(subscribers),
                [
                    {
                        "address": f"r{number}@d{number % 3}.example",
                        "match_key": f"r{number}@d{number % 3}.example",
                        "domain": f"d{number % 3}.example",
                        "state": "active",
                        "created_at": START,
                        "joined_at": START,
                    }
                    for number in range(self.readers)
                ],
            )
            issue = NewIssue("sim", "1", 1, START.date(), "t", "at_most_once", "", START, None)
            self.issue_id, _ = issues.add(conn, issue, START)
            edition = NewEdition("en", "f", "s", "s", "h", "t", b"p", "d", 1)
            edition_id = issues.add_edition(conn, self.issue_id, edition, START)
            issues.freeze(conn, self.issue_id, {"en": edition_id}, "en", None, START, START)

    # --- the play

    async def play(self) -> None:
        self.prepare()
        for _ in range(self.workers):
            self.start_worker()
        tasks = [asyncio.create_task(self._mishaps()), asyncio.create_task(self._readers())]
        if self.faults.operator:
            tasks.append(asyncio.create_task(self._operator()))
        await asyncio.gather(*tasks)
        while not self.is_finished():
            if self.now > FOREVER:
                raise AssertionError(f"seed {self.seed}: not finished after {self.now} s: {self.counts()}")
            if not self.alive:
                self.start_worker()
            await asyncio.wait([worker.task for worker in self.alive.values()], timeout=600)
            if not self.alive and (due := self.db.read(ledger.next_due)):
                await asyncio.sleep(max(1.0, (due - self.clock()).total_seconds()))

    def start_worker(self) -> None:
        self.count += 1
        worker = SimulatedWorker(self, f"w{self.count}")
        self.alive[worker.name] = worker
        worker.start()

    async def _mishaps(self) -> None:
        for _ in range(self.faults.kills):
            await asyncio.sleep(self.random.uniform(0.0, 4.0))
            if self.alive:
                self.random.choice(sorted(self.alive.values(), key=lambda w: w.name)).kill()
            if self.chance(0.7):
                self.start_worker()
        for _ in range(self.faults.freezes):
            if self.alive:
                worker = self.random.choice(sorted(self.alive.values(), key=lambda w: w.name))
                worker.frozen_until = self.now + self.random.choice([1.0, 30.0, 200.0])
            await asyncio.sleep(self.random.uniform(0.0, 3.0))

    async def _readers(self) -> None:
        for number in self.random.sample(range(self.readers), min(self.readers, self.faults.unsubscribes)):
            await asyncio.sleep(self.random.uniform(0.0, 2.0))
            address = f"r{number}@d{number % 3}.example"
            with self.db.transaction() as conn:
                conn.execute(update(subscribers).where(subscribers.c.match_key == address).values(state="unsubscribed"))
            self.left_at[address] = self.now

    async def _operator(self) -> None:
        await asyncio.sleep(self.random.uniform(0.0, 3.0))
        with self.db.transaction() as conn:
            issues.set_state(conn, self.issue_id, ("sending",), "paused", "", "sim", self.clock())
        await asyncio.sleep(self.random.uniform(0.0, 100.0))
        with self.db.transaction() as conn:
            issues.set_state(conn, self.issue_id, ("paused",), "sending", "", "sim", self.clock())

    # --- the verdict

    def counts(self) -> dict[str, int]:
        with self.db.reading() as conn:
            return ledger.counts(conn, self.issue_id)

    def is_finished(self) -> bool:
        with self.db.transaction() as conn:
            issues.set_state(conn, self.issue_id, ("paused",), "sending", "", "sim", self.clock())
        counts = self.counts()
        return not counts["pending"] + counts["attempting"] + counts["deferred"]

    def check(self) -> None:
        """Every promise that can be seen from outside. Raises AssertionError naming the seed."""
        with self.db.reading() as conn:
            rows = conn.execute(select(deliveries.c.address, deliveries.c.state)).all()
            elsewhere = deliveries.c.cause.endswith("was lost with its claim")  # no journal to tell more
            lost = conn.execute(select(func.count()).where(deliveries.c.state == "uncertain", elsewhere)).scalar_one()
            changes = conn.execute(text("SELECT DISTINCT old, new FROM changes")).all()
        assert len(rows) == self.readers, f"seed {self.seed}: {len(rows)} deliveries"
        for address, state in rows:
            got = self.accepted[address]
            expected = {State.ACCEPTED: {1}, State.UNCERTAIN: {0, 1}}.get(State(state), {0})
            assert got in expected, f"seed {self.seed}: {address} is {state}, the relay took it {got} times"
        for old, new in changes:
            assert State(new) in EDGES[State(old)], f"seed {self.seed}: forbidden edge {old} -> {new}"
        assert not self.late, f"seed {self.seed}: sent more than a second after leaving: {self.late}"
        uncertain = sum(state == State.UNCERTAIN for _, state in rows)
        assert uncertain - lost <= sum(self.handed_over.values()) - sum(self.accepted.values()) + len(self.accepted)


class Killed(BaseException):
    """The process is no more: everything that would touch the world raises this instead."""


class SimulatedWorker:
    """One process: a real dispatcher whose database and relay answer in virtual time, until it is killed."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.dead = False
        self.frozen_until = 0.0
        self.dispatcher = Dispatcher(
            db=world.db,
            lanes=[Lane(SimulatedRelay(self), connections=3, return_path=lambda token: "b@sim.example")],
            composer=lambda conn, rows: lambda row: Outgoing(row.address, "t", b""),
            record_refusals=lambda conn, refusals, now: None,
            clock=world.clock,
            worker=Worker(name, world.random.choice(["host-a", "host-b"]), os.getpid(), "boot"),
            journal_folder=world.journal_folder,
            retry=Retry(),
            monotonic=lambda: world.now,
            hop=self.hop,
        )

    def start(self) -> None:
        async def main() -> None:
            with suppress(StoreError, Killed):
                await self.dispatcher.run()
            self.world.alive.pop(self.name, None)
            self.release_locks()

        self.task = asyncio.create_task(main())

    def kill(self) -> None:
        self.dead = True
        self.world.alive.pop(self.name, None)
        self.release_locks()

    def release_locks(self) -> None:
        for batch in self.dispatcher._batches.values():
            batch.journal.close()

    async def breathe(self, seconds: float) -> None:
        """Let time pass, as long as this process lives and is not frozen."""
        await asyncio.sleep(seconds)
        if self.world.now < self.frozen_until:
            await asyncio.sleep(self.frozen_until - self.world.now)
        if self.dead:
            raise Killed

    async def hop(self, function: Callable[..., Any], *args: Any) -> Any:
        world = self.world
        await self.breathe(world.random.uniform(0.0, 0.02))
        if world.chance(world.faults.store_before):
            raise StoreError("the database is away")
        value = function(*args)
        if world.chance(world.faults.store_after) and function.__name__ == "_write":
            raise StoreError("the answer to COMMIT was lost")
        await self.breathe(0.0)
        return value


class SimulatedRelay:
    """A relay with moods."""

    name = "sim"

    def __init__(self, worker: SimulatedWorker) -> None:
        self.worker = worker

    async def open(self) -> SimulatedSession:
        world = self.worker.world
        await self.worker.breathe(world.random.uniform(0.0, 0.1))
        if world.chance(world.faults.no_connection):
            raise RelayError("connection refused", phase="connect")
        return SimulatedSession(self.worker)


class SimulatedSession:
    """One connection, in lockstep."""

    def __init__(self, worker: SimulatedWorker) -> None:
        self.worker = worker
        self.usable = True

    async def close(self) -> None:
        self.usable = False
        await self.worker.breathe(0.0)

    async def send(
        self,
        message: Message,
        handing_over: Callable[[], None],
        following: Callable[[], Message | None] = nothing_follows,
    ) -> Result:
        world, worker = self.worker.world, self.worker
        for phase in (Phase.MAIL, Phase.RCPT, Phase.DATA):
            await worker.breathe(world.random.uniform(0.0, 0.05))
            if world.chance(world.faults.drop):
                return self._lost(phase)
            if phase is Phase.RCPT and world.chance(world.faults.refuse_hard):
                return Result(phase, Reply(550, ("5.1.1 unknown",)))
            if world.chance(world.faults.refuse_soft):
                return Result(phase, Reply(451, ("4.7.1 later",)))
        handing_over()
        address = message.envelope.recipient
        world.handed_over[address] += 1
        left_at = world.left_at.get(address)
        if left_at is not None and world.now > left_at + OBEYED_WITHIN and worker.frozen_until < left_at:
            world.late.append(address)
        taken = not world.chance(world.faults.drop)
        if taken:
            delay = world.random.uniform(0.0, 0.1)
            if world.chance(world.faults.stall):
                delay = world.random.choice([5.0, 400.0])
            asyncio.get_running_loop().call_later(delay, world.accepted.update, [address])
            await worker.breathe(delay)
        if not taken or world.chance(world.faults.drop):
            return self._lost(Phase.DOT)
        return Result(Phase.DOT, Reply(250, ("2.0.0 ok",)))

    def _lost(self, phase: Phase) -> Result:
        self.usable = False
        return Result(phase, cause="connection lost")
