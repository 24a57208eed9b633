"""Faults that meet letters as well as issues, full disks, deadlocks and wrong clocks: on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from support.relay import Relay, Rule, closing, hang_up, refuse, say, stall
from support.stage import HOUR, MINUTE, Stage

from mailer.store.engine import Database

pytestmark = pytest.mark.usefixtures("short_breaks")

STEPS = ("connect", "ehlo", "mail", "rcpt", "data", "body")
CERTAIN: dict[str, Callable[[], Rule]] = {
    **{f"a drop at {at}": lambda at=at: hang_up(at, times=4) for at in STEPS},  # type: ignore[misc]
    **{f"421 at {at}": lambda at=at: closing(at, times=4) for at in (*STEPS[:-1], "dot")},  # type: ignore[misc]
    "a storm of 454": lambda: refuse("dot", "454 4.7.0 Try again later", times=24),
    "a refusal of us": lambda: refuse("mail", "550 5.7.1 Sender rejected", times=4),
    "greylisting": lambda: refuse("rcpt", "451 4.7.1 Greylisted", times=12),
}
UNSEEN: dict[str, Callable[[], Rule]] = {
    "a message taken, its answer lost": lambda: hang_up("dot", times=2, accepting=True),
    "a message and its answer lost": lambda: hang_up("dot", times=2, accepting=False),
    "two answers to one message": lambda: say("dot", b"250 2.0.0 Ok\r\n550 5.1.1 No\r\n", times=2),
}


@pytest.fixture
def letters(db: Database, tmp_path: Path) -> Stage:
    """Twelve letters in the outbox: once on SQLite, once on PostgreSQL."""
    return Stage(db, tmp_path, letters=True)


async def _until_nothing_waits(stage: Stage, relay: Relay) -> None:
    for after in (timedelta(0), 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR):
        await stage.send(relay, after=after)
        if not {"pending", "deferred"} & set(stage.counts()):
            return


@pytest.mark.parametrize("fault", CERTAIN)
async def test_what_certainly_did_not_go_out_delays_letters_and_repeats_none(letters: Stage, fault: str) -> None:
    async with Relay(CERTAIN[fault]()) as relay:
        await _until_nothing_waits(letters, relay)
        assert letters.counts() == {"accepted": letters.readers}
        assert set(relay.accepted.values()) == {1}
        letters.agree(relay)


@pytest.mark.parametrize("fault", UNSEEN)
async def test_a_letter_whose_answer_nobody_saw_goes_out_once_more(letters: Stage, fault: str) -> None:
    async with Relay(UNSEEN[fault]()) as relay:
        await _until_nothing_waits(letters, relay)
        assert letters.counts() == {"accepted": letters.readers}
        assert sum(relay.accepted.values()) <= letters.readers + 2
        letters.agree(relay)


@pytest.mark.parametrize("fault", UNSEEN)
async def test_an_issue_whose_answer_nobody_saw_is_uncertain_and_never_sent_again(stage: Stage, fault: str) -> None:
    async with Relay(UNSEEN[fault]()) as relay:
        await _until_nothing_waits(stage, relay)
        assert stage.counts() == {"accepted": stage.readers - 2, "uncertain": 2}
        stage.agree(relay)


async def test_a_refused_letter_fails_and_the_others_go_out(letters: Stage) -> None:
    async with Relay(refuse("rcpt", recipient="r3@*")) as relay:
        await _until_nothing_waits(letters, relay)
        assert letters.counts() == {"accepted": letters.readers - 1, "failed": 1}
        letters.agree(relay)


# --- the database


class Disk:
    """The disk of a database. While it is `full`, there is no room for another page of the file, and on a server
    nothing more goes into `table`, by that SQLSTATE.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._pages = 2**30
        if db.is_sqlite:  # now, while no worker's thread goes through the listeners
            event.listen(
                db.engine, "begin", lambda conn: conn.exec_driver_sql(f"PRAGMA max_page_count = {self._pages}")
            )

    @contextmanager
    def full(self, table: str, code: str) -> Iterator[None]:
        if self._db.is_sqlite:
            with self._db.reading() as conn:
                self._pages = conn.execute(text("PRAGMA page_count")).scalar_one()
            yield
            self._pages = 2**30
            return
        with self._db.transaction() as conn:
            conn.execute(text(f"CREATE FUNCTION full_disk() RETURNS trigger AS $$ BEGIN RAISE 'no more room'"
                              f" USING ERRCODE = '{code}'; END $$ LANGUAGE plpgsql"))  # fmt: skip
            conn.execute(text(f"CREATE TRIGGER full_disk BEFORE INSERT ON {table} EXECUTE FUNCTION full_disk()"))
        yield
        with self._db.transaction() as conn:
            conn.execute(text("DROP FUNCTION full_disk CASCADE"))


@pytest.mark.parametrize(("table", "code"), [("claims", "53100"), ("attempts", "53100"), ("attempts", "40P01")],
                         ids=["full on intent", "full on outcome", "deadlock"])  # fmt: skip
async def test_what_the_database_has_no_room_for_is_not_sent_and_nobody_is_lost(
    db: Database, tmp_path: Path, table: str, code: str
) -> None:
    stage = Stage(db, tmp_path, readers=400)
    disk = Disk(db)
    gate = stall("dot", delay=0.005)  # every connection, and slow ones: none is done before it is noticed
    async with Relay(gate) as relay:
        dispatcher = stage.dispatcher(relay)
        if table == "attempts":
            run = asyncio.create_task(dispatcher.run(forever=True))
            await gate.reached()
        with disk.full(table, code):
            if table == "claims":
                run = asyncio.create_task(dispatcher.run(forever=True))
            gate.let_go()
            await stage.seen.until(lambda: bool(stage.seen.store))
            assert sum(relay.accepted.values()) < stage.readers
        async with asyncio.timeout(60):
            await relay.until(lambda: sum(relay.accepted.values()) == stage.readers)
            dispatcher.stop()
            await run
        assert stage.counts() == {"accepted": stage.readers}
        stage.agree(relay)


# --- clocks


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["ahead", "back"])
async def test_a_clock_that_is_set_by_an_hour_in_the_middle_of_a_send_loses_and_repeats_nobody(
    stage: Stage, step: timedelta
) -> None:
    gate = stall("dot", times=1)
    async with Relay(gate) as relay:
        run = asyncio.create_task(stage.dispatcher(relay).run())
        await gate.reached()
        stage.now += step
        gate.let_go()
        async with asyncio.timeout(20):
            await run
        stage.now += HOUR
        await stage.send(relay)
        assert stage.seen.taken == []
        assert stage.counts() == {"accepted": stage.readers}
        stage.agree(relay)


async def test_a_worker_whose_clock_is_five_minutes_ahead_takes_nothing_from_one_that_lives(
    stage: Stage, tmp_path: Path
) -> None:
    other: dict[str, Any] = {} if stage.db.is_sqlite else {"host": "there", "journal_folder": tmp_path / "there"}
    gate = stall("dot", times=1)
    async with Relay(gate) as relay:
        run = asyncio.create_task(stage.dispatcher(relay, connections=1, shared_clock=stage.db.now).run())
        await gate.reached()
        ahead = stage.dispatcher(relay, clock=lambda: stage.now + 5 * MINUTE, shared_clock=stage.db.now, **other)
        async with asyncio.timeout(20):
            await ahead.run()
            assert stage.seen.taken == []
            gate.let_go()
            await run
        assert stage.counts() == {"accepted": stage.readers}
        stage.agree(relay)
