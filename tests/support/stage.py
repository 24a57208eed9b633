"""An issue or letters in a database, and dispatchers that send them over scripted relays: what fault tests play on."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from mailer.errors import RelayError, StoreError
from mailer.flows import bounce
from mailer.flows.dispatch import Dispatcher, Observer, Tally
from mailer.rendering.outgoing import Outgoing
from mailer.store import issues, leases
from mailer.store.engine import Database
from mailer.store.leases import Worker
from mailer.store.ledger import Outcome
from mailer.store.outbox import post_letter
from mailer.store.schema import attempts, deliveries
from mailer.transport.lane import Lane
from mailer.transport.smtp import SmtpRelay
from mailer.transport.url import parse
from support.cast import NOW, publish, reader
from support.relay import Relay
from support.ways import CONTENT, QUICK

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class Seen(Observer):
    """What a dispatcher told, in order."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.down: list[RelayError] = []
        self.store: list[StoreError] = []
        self.pauses: list[str] = []
        self.taken: list[str] = []
        self.late: dict[str, int] = {}
        self.changed = asyncio.Event()

    def outcome(self, outcome: Outcome, worker: Worker) -> None:
        self.outcomes.append(outcome)
        self.changed.set()

    def relay_down(self, name: str, error: RelayError) -> None:
        self.down.append(error)
        self.changed.set()

    def store_down(self, error: StoreError) -> None:
        self.store.append(error)
        self.changed.set()

    def paused(self, issue_id: int, cause: str) -> None:
        self.pauses.append(cause)

    def taken_over(self, worker: str, cause: str, uncertain: int) -> None:
        self.taken.append(cause)

    def overdue(self, slug: str, count: int) -> None:
        self.late[slug] = count

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


@dataclass
class Stage:
    """An issue for `readers` in a database, or as many `letters`, and dispatchers to send them over a relay."""

    db: Database
    folder: Path
    readers: int = 12
    letters: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    now: datetime = NOW
    count: int = 0
    seen: Seen = field(default_factory=Seen)

    def __post_init__(self) -> None:
        people = [f"r{number}@example.com" for number in range(self.readers)]
        with self.db.transaction() as conn:
            if self.letters:
                for address in people:
                    post_letter(conn, kind="confirm", address=address, now=NOW, compose=lambda _: CONTENT)
                return
            for address in people:
                reader(conn, address)
            self.issue_id = publish(conn, **self.values)
        self.slug = self.db.read(issues.find, "214").slug

    def dispatcher(self, *relays: Relay, connections: int = 3, host: str = "here", **options: Any) -> Dispatcher:
        self.count += 1
        self.seen = Seen()
        facts: dict[str, Any] = {
            "journal_folder": self.folder / "journal",
            "db": self.db,
            "lanes": [self.lane(relay, connections) for relay in relays],
            "composer": lambda conn, rows: lambda row: Outgoing(row.address, "token", (CONTENT,)),
            "record_refusals": partial(bounce.record_refusals, breakers=bounce.Breakers()),
            "clock": lambda: self.now,
        }
        self.worker = Worker(f"w{self.count}", host, os.getpid(), "boot")
        return Dispatcher(
            worker=self.worker,
            observer=self.seen,
            **facts | options,
        )

    def lane(self, relay: Relay, connections: int) -> Lane:
        server = SmtpRelay(parse(relay.url), timeouts=QUICK)
        return Lane(server, connections=connections, return_path=lambda token: f"b+{token}@example.org")

    async def send(self, *relays: Relay, after: timedelta = timedelta(0), **options: Any) -> Tally:
        self.now += after
        async with asyncio.timeout(30):
            return await self.dispatcher(*relays, **options).run()

    def counts(self) -> Counter[str]:
        """The states that occur; the counts add up to what was frozen (C1)."""
        with self.db.reading() as conn:
            mine = deliveries.c.issue_id.is_(None) if self.letters else deliveries.c.issue_id.is_not(None)
            query = select(deliveries.c.state, func.count()).where(mine).group_by(deliveries.c.state)
            counts = Counter({row[0]: row[1] for row in conn.execute(query)})
        assert sum(counts.values()) == self.readers
        return counts

    def agree(self, *relays: Relay) -> None:
        """The relays' own ledgers and ours tell the same of every reader, and no claim is left open."""
        taken = sum((relay.accepted for relay in relays), Counter())
        with self.db.reading() as conn:
            rows = conn.execute(select(deliveries.c.address, deliveries.c.state, deliveries.c.repeats)).all()
        for address, state, repeats in rows:
            least, most = {"accepted": (1, 1), "uncertain": (0, 1)}.get(state, (0, 0))
            told = f"{address} is {state}, the relay took it {taken[address]} times"
            assert least <= taken[address] <= most + repeats, told
        assert self.db.read(leases.open_claims) == []

    def lines(self) -> int:
        with self.db.reading() as conn:
            return conn.execute(select(func.count()).select_from(attempts)).scalar_one()
