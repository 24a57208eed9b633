"""How soon a worker does what it has to, on a virtual clock: ask for work, record, renew, be there, take over, stop."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select
from support import virtual
from support.pacing_world import MakeWorld, PacedWorld, Provider

from mailer.errors import StoreError
from mailer.flows.dispatch import Dispatcher, Observer, Refusal
from mailer.flows.dispatch.dispatcher import GRACE_SECONDS
from mailer.mail.reply import Reply
from mailer.store import budgets, leases, ledger, roll, running
from mailer.store.budgets import Wish
from mailer.store.journal import Journal
from mailer.store.leases import Worker
from mailer.store.outbox import post_letter
from mailer.store.schema import claims

LEASE = timedelta(seconds=120)
ELSEWHERE = Worker("other", "elsewhere", 1, "boot")


@asynccontextmanager
async def working(world: PacedWorld, **options: Any) -> AsyncIterator[Dispatcher]:
    """A worker that stays, until the block ends."""
    world.begin()
    dispatcher = world.dispatcher("w1", **options)
    run = asyncio.create_task(dispatcher.run(forever=True))
    yield dispatcher
    dispatcher.stop()
    await run


async def until(condition: Callable[[], Any], seconds: float = 600.0) -> float:
    """Look every hundredth of a second whether it is so; how long that took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not condition():
        assert loop.time() - began < seconds, "it never was so"
        await asyncio.sleep(0.01)
    return loop.time() - began


def covered(world: PacedWorld) -> int:
    """How many deliveries have been claimed so far, each as often as it was."""
    with world.db.reading() as conn:
        stretches = conn.execute(select(claims.c.covers)).scalars().all()
    return sum(last - first + 1 for covers in stretches for first, last in covers)


def open_claims(world: PacedWorld) -> list[leases.OpenClaim]:
    return world.db.read(leases.open_claims)


def test_a_letter_to_an_idle_worker_leaves_within_a_second_or_so(make_world: MakeWorld) -> None:
    world = make_world({"example.com": 1})
    world.relay()

    async def play() -> list[float]:
        took = []
        async with working(world):
            for number in range(8):
                await asyncio.sleep(11.37)  # at another moment of a second each time
                address = f"letter{number}@example.com"
                with world.db.transaction() as conn:
                    post_letter(conn, kind="confirm", address=address, now=world.clock(), compose=lambda _: b"")
                took.append(await until(lambda address=address: world.accepted[address]))
        return took

    took = virtual.run(play())
    assert max(took) < 1.3
    assert max(took) > 0.3  # nobody asks all the time


def test_what_a_relay_took_is_recorded_a_moment_later(make_world: MakeWorld) -> None:
    world = make_world({"example.com": 40})
    world.relay(latency=0.6, connections=2)

    async def play() -> float:
        longest = 0.0
        async with working(world):
            while not world.done.is_set():
                taken = sum(world.accepted.values())
                longest = max(longest, await until(lambda: _accepted(world) >= taken))  # noqa: B023 - at once
                await asyncio.sleep(0.01)
        return longest

    assert virtual.run(play()) < 0.4


def _accepted(world: PacedWorld) -> int:
    return world.db.read(ledger.counts, world.issue_id)["accepted"]


def test_the_lease_of_a_message_that_takes_long_is_kept_far_from_its_end(make_world: MakeWorld) -> None:
    world = make_world({"example.com": 1})
    world.relay(latency=900.0)

    async def play() -> tuple[list[float], set[datetime]]:
        left, ends = [], set()
        async with working(world):
            await until(lambda: open_claims(world))
            while not world.done.is_set():
                (claim,) = open_claims(world)
                left.append((claim.leased_until - world.clock()).total_seconds())
                ends.add(claim.leased_until)
                await asyncio.sleep(1.0)
        return left, ends

    left, ends = virtual.run(play())
    assert len(left) > 100
    assert 119 < max(left) <= 120
    assert min(left) > 105
    assert len(ends) < len(left) / 9  # and nothing is written every moment for that


def test_an_idle_worker_is_there_from_its_second_second_on_until_it_goes(make_world: MakeWorld) -> None:
    world = make_world({"example.com": 1})
    world.relay()

    def there() -> list[str]:
        return [one.name for one in world.db.read(roll.present, world.clock())]

    async def play() -> None:
        async with working(world):
            await asyncio.sleep(0.5)
            assert there() == []  # it may be a run that ends at once
            await asyncio.sleep(1.5)
            for _ in range(200):
                assert there() == ["w1"]
                await asyncio.sleep(1.0)
        assert there() == []

    virtual.run(play())


def test_a_relay_that_goes_away_and_comes_back_is_told_of_in_the_roll_at_once(make_world: MakeWorld) -> None:
    world = make_world({"example.com": 3000})
    world.relay(limits={1.0: 20}, down=lambda now: 20 < now < 40)

    def trouble() -> set[str]:
        return {one.trouble for one in world.db.read(roll.present, world.clock())}

    async def play() -> None:
        async with working(world):
            await asyncio.sleep(19.9)
            assert trouble() == {""}
            await asyncio.sleep(1.0)
            assert trouble() == {"connection refused"}
            assert await until(lambda: trouble() == {""}) > 19
            assert world.now - 40 < 11  # as long as the breaker was open

    virtual.run(play())


@pytest.mark.parametrize(("readers", "most"), [(700, 31.0), (1, 1.5)], ids=["busy", "idle"])
def test_what_a_dead_worker_of_the_host_left_is_settled_within_half_a_minute_or_at_once_by_who_is_idle(
    make_world: MakeWorld, readers: int, most: float
) -> None:
    world = make_world({"example.com": readers})
    world.relay(limits={1.0: 10})

    async def play() -> float:
        async with working(world):
            await asyncio.sleep(7.0)
            dead = Worker("dead", "host", 1, "boot")
            with world.db.transaction() as conn:
                number = leases.open_claim(conn, dead, str(world.folder / "journal"), world.clock(), LEASE, "main")
            Journal(world.folder / "journal", number, [1]).close()
            return await until(lambda: all(claim.id != number for claim in open_claims(world)))

    assert virtual.run(play()) < most


def test_a_journal_is_gone_a_moment_after_the_last_outcome_of_its_claim(make_world: MakeWorld) -> None:
    world = make_world({"example.com": 200})
    world.relay(limits={1.0: 20})

    async def play() -> int:
        most = 0
        async with working(world):
            while not world.done.is_set():
                most = max(most, len(list((world.folder / "journal").glob("*.journal"))))
                await asyncio.sleep(0.1)
            await asyncio.sleep(0.5)
            assert open_claims(world) == []
            assert list((world.folder / "journal").glob("*.journal")) == []
        return most

    assert 0 < virtual.run(play()) < 9


def test_what_the_relay_refuses_us_for_stops_the_issue_before_anybody_more_is_claimed(make_world: MakeWorld) -> None:
    world = make_world({"example.com": 500})
    before: list[int] = []

    class Refusing(Provider):
        def answer(self, address: str, now: float) -> Reply | None:
            before.append(covered(world))
            return Reply(552, ("5.3.4 Message too big",))

    world.providers["example.com"] = Refusing()
    world.relay(latency=0.5)

    async def play() -> None:
        async with working(world):
            await asyncio.sleep(5.0)
            assert world.db.read(ledger.counts, world.issue_id)["pending"] == 500

    virtual.run(play())
    assert covered(world) == before[0] < 100


def test_an_issue_that_is_paused_for_its_many_refusals_begins_with_nobody_more(make_world: MakeWorld) -> None:
    world = make_world({"example.com": 500})
    paused: list[float] = []

    class Refusing(Provider):
        def answer(self, address: str, now: float) -> Reply | None:
            return Reply(550, ("5.1.1 No such user",))

    def pause(conn: Connection, refusals: Sequence[Refusal], now: datetime) -> None:
        if running.pause(conn, world.issue_id, "too many are unknown", now):
            paused.append(world.now)

    world.providers["example.com"] = Refusing()
    relay = world.relay(latency=0.2)

    async def play() -> None:
        async with working(world, record_refusals=pause):
            await asyncio.sleep(5.0)

    virtual.run(play())
    assert 0 < paused[0] < 1.0
    assert relay.begun_at < paused[0] + 0.02


def test_a_relay_whose_second_others_use_up_keeps_nothing_from_the_others(make_world: MakeWorld) -> None:
    world = make_world({"example.com": 300})
    scarce = world.relay("scarce", limits={1.0: 1}, weight=1)
    free = world.relay("free", weight=3)

    async def play() -> float:
        async with working(world):
            with world.db.transaction() as conn:
                budgets.allowance(conn, "scarce", (), world.clock(), Wish("other", 1, 1))
                leases.open_claim(conn, ELSEWHERE, "", world.clock(), timedelta(hours=1), "scarce")
            await world.done.wait()
        return world.last

    assert virtual.run(play()) < 6
    assert (scarce.taken.total(), free.taken.total()) == (0, 300)


def test_what_a_worker_had_of_a_limit_by_the_second_is_free_two_seconds_after_it_went(make_world: MakeWorld) -> None:
    world = make_world({"example.com": 30})
    world.relay(limits={1.0: 10})

    def part(worker: str) -> int | None:
        return world.db.run(budgets.allowance, "main", (), world.clock(), Wish(worker, 10, 0)).part

    async def play() -> None:
        async with working(world):
            await world.done.wait()
        assert part("w2") == 0  # the relay still counts what was sent last
        await asyncio.sleep(2.1)
        assert part("w2") == 10

    virtual.run(play())


def test_a_connection_without_work_is_closed_after_a_while(make_world: MakeWorld) -> None:
    world = make_world({"example.com": 30})
    relay = world.relay(connections=1)

    async def play() -> float:
        async with working(world):
            await world.done.wait()
            return await until(lambda: relay.sessions == 0)

    assert virtual.run(play()) == pytest.approx(10.0, abs=0.5)


@pytest.mark.parametrize("latency", [0.03, 500.0])
def test_who_is_stopped_waits_a_few_seconds_for_what_was_not_handed_over(make_world: MakeWorld, latency: float) -> None:
    world = make_world({"example.com": 2})
    relay = world.relay(latency=latency)

    async def play() -> float:
        async with working(world) as dispatcher:
            await until(lambda: relay.sessions)
            await asyncio.sleep(0.1)
            dispatcher.stop()
            began = world.now
        return world.now - began

    took = virtual.run(play())
    assert took < (0.5 if latency < 1 else GRACE_SECONDS + 0.5)
    counts = world.db.read(ledger.counts, world.issue_id)
    assert counts["accepted" if latency < 1 else "pending"] == 2


class Told(Observer):
    """When it was told that the database is away."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def store_down(self, error: StoreError) -> None:
        self.at.append(asyncio.get_running_loop().time())


def test_a_worker_that_stays_waits_for_the_database_and_says_so_every_ten_minutes(make_world: MakeWorld) -> None:
    world, told = make_world({"example.com": 30}), Told()
    world.relay()
    world.away = lambda now: now < 1700

    async def play() -> None:
        world.begin()
        dispatcher = world.dispatcher("w1", observer=told)
        run = asyncio.create_task(dispatcher.run(forever=True))
        await world.done.wait()
        dispatcher.stop()
        await run

    virtual.run(play())
    assert told.at == pytest.approx([0, 600, 1200], abs=1)
    assert 1700 < world.last < 1702


@pytest.mark.parametrize(("away", "ends"), [(57.0, False), (63.0, True)])
def test_a_run_waits_a_minute_for_a_database_that_goes_away(make_world: MakeWorld, away: float, ends: bool) -> None:
    world, told = make_world({"example.com": 60}), Told()
    world.relay(limits={1.0: 10})
    world.away = lambda now: 2.0 <= now < 2.0 + away

    async def play() -> float:
        world.begin()
        with pytest.raises(StoreError) if ends else nullcontext():
            await world.dispatcher("w1", observer=told).run()
        return world.now

    ended = virtual.run(play())
    assert ended > 62
    assert world.done.is_set() is not ends
    assert 2.0 <= told.at[0] < 2.2


def test_who_is_stopped_while_the_database_is_away_and_has_nothing_to_record_goes_at_once(
    make_world: MakeWorld,
) -> None:
    world = make_world({"example.com": 1})
    world.relay()
    world.away = lambda now: now > 20

    async def play() -> float:
        async with working(world) as dispatcher:
            await asyncio.sleep(30.0)
            dispatcher.stop()
        return world.now - 30.0

    assert virtual.run(play()) < 1.0


def test_a_mistake_of_ours_that_ends_all_connections_is_seen_once_and_not_in_the_log_as_well(
    make_world: MakeWorld,
) -> None:
    world = make_world({"example.com": 30})

    def mistaken(now: float) -> bool:
        raise LookupError("a mistake")

    world.relay(down=mistaken)

    async def play() -> None:
        world.begin()
        with pytest.raises(LookupError):
            await world.dispatcher("w1").run()
        gc.collect()  # a task whose exception nobody asked for complains when it goes

    virtual.run(play())
    assert world.db.read(ledger.counts, world.issue_id)["pending"] == 30
