"""Writes that wait at the same time share a commit, and nobody is answered before it."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, event, insert, select

from mailer.errors import StoreError
from mailer.store.engine import Database
from mailer.store.schema import rate_marks
from mailer.web.threads import Threads

PATIENCE = 30.0


class Door:
    """Threads whose writers are held up until `go`, so that what is written meanwhile waits together."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.threads = Threads(db)
        self.go = threading.Event()
        self.answered: list[str] = []
        self.commits: list[Connection] = []
        event.listen(db.engine, "commit", self.commits.append)

    async def write(self, *keys: str) -> list[str | BaseException]:
        """Set each mark in a step of its own, all of which wait together; the key "bad" fails."""
        held = self.threads.write(self.go.wait, PATIENCE)
        waiting = asyncio.gather(held, *(self._one(key) for key in keys), return_exceptions=True)
        asyncio.get_running_loop().call_soon(self.go.set)
        return (await waiting)[1:]

    async def _one(self, key: str) -> str:
        self.answered.append(await self.threads.write(self._set, key))
        return key

    def _set(self, key: str) -> str:
        with self.db.transaction() as conn:
            conn.execute(insert(rate_marks).values(key=key, at=datetime(2026, 11, 23, tzinfo=UTC)))
            if key == "bad":
                raise ValueError(key)
        return key

    def marked(self) -> list[str]:
        with self.db.reading() as conn:
            return sorted(conn.execute(select(rate_marks.c.key)).scalars())


@pytest.fixture
def door(db: Database) -> Iterator[Door]:
    made = Door(db)
    yield made
    made.threads.close()


@pytest.fixture
def small_door(sqlite_url: str) -> Iterator[Door]:
    db = Database(sqlite_url)
    made = Door(db)
    yield made
    made.threads.close()
    db.close()


async def test_on_sqlite_what_waits_at_the_same_time_shares_one_commit(small_door: Door) -> None:
    keys = [f"{number:02}" for number in range(20)]
    assert await small_door.write(*keys) == keys
    assert len(small_door.commits) == 1
    assert small_door.marked() == keys


async def test_a_write_that_fails_harms_nobody_beside_it(door: Door) -> None:
    first, bad, last = await door.write("a", "bad", "c")
    assert (first, last) == ("a", "c")
    assert isinstance(bad, ValueError)
    assert door.marked() == ["a", "c"]


async def test_nobody_is_answered_before_the_commit(small_door: Door) -> None:
    committing, disk = threading.Event(), threading.Event()

    def slow_disk(_: Connection) -> None:
        committing.set()
        assert disk.wait(PATIENCE)

    event.listen(small_door.db.engine, "commit", slow_disk)
    writing = asyncio.create_task(small_door.write("a", "b", "c"))
    assert await asyncio.to_thread(committing.wait, PATIENCE)
    assert not small_door.answered
    disk.set()
    assert await writing == small_door.answered == ["a", "b", "c"]


async def test_when_the_commit_fails_everybody_is_told_so(small_door: Door) -> None:
    def full(_: Connection) -> None:
        raise StoreError("the disk is full")

    event.listen(small_door.db.engine, "commit", full)
    answers = await small_door.write("a", "b", "c")
    assert [type(answer) for answer in answers] == [StoreError] * 3
    event.remove(small_door.db.engine, "commit", full)
    assert small_door.marked() == []


def test_whoever_asks_from_another_event_loop_is_answered_too(small_door: Door) -> None:
    """As where a page is served twice in one process: the writer that is free is free for both."""
    small_door.go.set()
    answers: list[list[str | BaseException]] = []

    def ask(name: str) -> None:
        async def one_after_the_other() -> None:
            async with asyncio.timeout(PATIENCE):
                answers.extend([await small_door.write(f"{name}{number}") for number in range(100)])

        asyncio.run(one_after_the_other())

    both = [threading.Thread(target=ask, args=(name,)) for name in "ab"]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(answers) == len(small_door.marked()) == 200
