"""Pacing as a whole: no limit is ever exceeded, and a send takes at most a tenth longer than it must."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy import select
from support import virtual
from support.pacing_world import MakeWorld, PacedWorld, Provider

from mailer.flows.dispatch import dispatcher
from mailer.mail.reply import Reply
from mailer.store.schema import claims

MINUTE, HOUR = 60.0, 3600.0
NEAR_BEST = 1.1


def _within(world: PacedWorld, seconds: float) -> float:
    return virtual.run(asyncio.wait_for(world.play(), seconds))


def _best(readers: int, limits: dict[float, int]) -> float:
    """The least time: of each limit, as many whole windows as must pass before the last message."""
    return max((readers - 1) // limit * seconds for seconds, limit in limits.items())


@pytest.mark.parametrize(
    ("readers", "limits"),
    [
        (900, {1.0: 10}),
        (500, {MINUTE: 60}),
        (500, {1.0: 5, MINUTE: 100, HOUR: 300}),
    ],
    ids=["second", "minute", "all"],
)
@pytest.mark.parametrize("workers", [1, 3])
def test_quotas_are_used_up_and_never_exceeded(
    make_world: MakeWorld, readers: int, limits: dict[float, int], workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if HOUR in limits:  # it is long to look at every second
        monkeypatch.setattr(dispatcher, "POLL_SECONDS", 10.0)
    world = make_world({"example.com": readers})
    world.relay(limits=limits)
    took = virtual.run(world.play(workers=workers))
    assert took <= NEAR_BEST * _best(readers, limits)


@pytest.mark.parametrize("per_second", [1, 2, 10])
def test_workers_that_come_and_go_share_a_limit_by_the_second(make_world: MakeWorld, per_second: int) -> None:
    world = make_world({"example.com": 90 * per_second})
    world.relay(limits={1.0: per_second})
    took = virtual.run(world.play(workers=3, restart_every=31.0))
    assert took <= 90 / 0.85  # where one has just ended, its part is free a moment later


def test_restarts_neither_reset_a_budget_nor_lose_it(make_world: MakeWorld) -> None:
    world = make_world({"example.com": 600})
    world.relay(limits={MINUTE: 60})
    took = virtual.run(world.play(workers=2, restart_every=17.0))
    assert took <= NEAR_BEST * _best(600, {MINUTE: 60})


@pytest.mark.parametrize(("latency", "limits"), [(0.03, {}), (0.2, {}), (0.03, {1.0: 100})])
def test_what_is_claimed_leaves_before_it_is_too_old_to(
    make_world: MakeWorld, latency: float, limits: dict[float, int]
) -> None:
    world = make_world({"example.com": 900})
    world.relay(latency=latency, limits=limits)
    virtual.run(world.play())
    with world.db.reading() as conn:
        covered = conn.execute(select(claims.c.covers)).scalars().all()
    assert sum(last - first + 1 for covers in covered for first, last in covers) == 900  # nobody was claimed twice


@pytest.mark.parametrize(
    ("domain", "reply"),
    [
        ("qq.com", Reply(550, ("Connection frequency limited",))),
        ("163.com", Reply(421, ("HL:IFC 163 smtp",))),
        ("example.org", Reply(450, ("4.7.1 Too many messages, slow down",))),
    ],
)
def test_a_throttled_provider_is_slowed_and_the_others_go_on(make_world: MakeWorld, domain: str, reply: Reply) -> None:
    world = make_world({domain: 800, "example.com": 300})
    world.providers[domain] = Provider(per_minute=60, reply=reply)
    relay = world.relay()
    took = virtual.run(world.play())
    assert took <= NEAR_BEST * _best(800, {MINUTE: 60})
    assert world.providers[domain].refused < 800 / 20
    assert relay.taken["example.com"] == 300


@pytest.mark.parametrize(("limit", "workers"), [(14, 1), (14, 3), (5, 3), (1, 2)])
def test_a_limit_by_the_second_that_nobody_told_us_is_learned(make_world: MakeWorld, limit: int, workers: int) -> None:
    world = make_world({"example.com": 200 * limit})
    said = Reply(454, ("4.7.0 Throttling failure: Maximum sending rate exceeded.",))
    behind = world.providers["example.com"] = Provider(per_minute=limit, seconds=1.0, reply=said)
    world.relay()
    assert virtual.run(world.play(workers=workers)) <= NEAR_BEST * 200
    assert behind.refused < 50


def test_greylisting_costs_a_wait_and_not_the_send(make_world: MakeWorld) -> None:
    world = make_world({"example.com": 200, "example.org": 200})
    world.providers["example.org"] = Provider(greylist=300.0)
    world.relay()
    assert virtual.run(world.play()) <= NEAR_BEST * 300


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_quotas_greylisting_and_throttles_together(make_world: MakeWorld, workers: int) -> None:
    world = make_world({"qq.com": 250, "example.org": 150, "example.com": 700})
    world.providers["qq.com"] = Provider(per_minute=30, reply=Reply(550, ("Connection frequency limited",)))
    world.providers["example.org"] = Provider(greylist=240.0)
    limits = {MINUTE: 100, HOUR: 4000}
    world.relay(limits=limits)
    took = virtual.run(world.play(workers=workers))
    assert took <= NEAR_BEST * _best(1250, limits)  # greylisting makes 150 come twice


def test_two_relays_are_used_up_together(make_world: MakeWorld) -> None:
    world = make_world({"example.com": 900})
    main, second = world.relay("main", limits={MINUTE: 60}), world.relay("second", limits={MINUTE: 30})
    took = virtual.run(world.play(workers=2))
    assert took <= NEAR_BEST * _best(900, {MINUTE: 90})
    assert main.taken["example.com"] > second.taken["example.com"] > 250


@pytest.mark.parametrize("away", [True, False])
def test_what_a_relay_takes_first_goes_over_the_others_while_it_is_away(make_world: MakeWorld, away: bool) -> None:
    world = make_world({"qq.com": 30, "example.com": 30})
    china = world.relay("china", domains=frozenset({"qq.com"}), down=lambda now: away)
    main = world.relay("main")
    virtual.run(world.play())
    assert (main.taken["qq.com"], china.taken["qq.com"]) == ((30, 0) if away else (0, 30))


@pytest.mark.parametrize("readers", [{"example.com": 300}, {"example.com": 300, "qq.com": 30}], ids=["none", "few"])
def test_a_relay_waits_for_no_share_of_one_that_has_nobody_to_send_to(
    make_world: MakeWorld, readers: dict[str, int]
) -> None:
    world = make_world(readers)
    world.relay("main", weight=3)
    china = world.relay("china", weight=1, domains=frozenset({"qq.com"}))
    assert _within(world, 300) < 10
    assert china.taken == Counter({"qq.com": readers["qq.com"]} if len(readers) > 1 else {})


@pytest.mark.parametrize("domains", [frozenset(), frozenset({"example.com"})])
@pytest.mark.parametrize("weight", [1, 3])
def test_a_relay_that_takes_connections_and_says_nothing_holds_nobody_up(
    make_world: MakeWorld, weight: int, domains: frozenset[str]
) -> None:
    world = make_world({"example.com": 600})
    world.relay("main", weight=weight)
    silent = world.relay("silent", weight=1, silent=300.0, domains=domains)
    assert _within(world, 1000) < 30
    assert silent.taken.total() == 0


@pytest.mark.parametrize("domains", [frozenset(), frozenset({"qq.com"})])
def test_a_relay_that_falls_silent_in_the_middle_holds_nobody_up(
    make_world: MakeWorld, domains: frozenset[str]
) -> None:
    world = make_world({"example.com": 300, "qq.com": 300})
    world.relay("main", latency=0.5)
    silent = world.relay("silent", latency=0.5, domains=domains, mute=lambda now: now > 5.0)
    assert _within(world, 1000) < 50
    assert silent.taken.total() > 50


def test_a_relay_that_takes_nobody_for_a_while_is_left_to_rest_and_used_again(make_world: MakeWorld) -> None:
    world = make_world({"example.com": 1500})
    world.relay("main", latency=0.5)
    closed = world.relay("closed", latency=0.5, closed=lambda now: now < 20.0)
    assert _within(world, 1000) < 50
    assert closed.taken.total() > 200


@pytest.mark.parametrize("routed", ["main", "spare"])
def test_a_relay_leaves_nobody_to_a_spare_whatever_domains_are_whose(make_world: MakeWorld, routed: str) -> None:
    world = make_world({"example.com": 60, "qq.com": 60})
    for name, weight in (("main", 1), ("spare", 0)):
        world.relay(name, weight=weight, domains=frozenset({"qq.com"} if name == routed else ()))
    assert _within(world, 300) < 10
    assert world.relays[1][0].taken.total() == 0


def test_who_sends_letters_only_has_no_part_of_a_limit_that_an_issue_has_need_of(make_world: MakeWorld) -> None:
    world = make_world({"example.com": 600})
    world.relay(limits={1.0: 10})

    async def play() -> float:
        clerk = world.dispatcher("letters-1", letters_only=True)
        letters = asyncio.create_task(clerk.run(forever=True))
        took = await world.play()
        clerk.stop()
        await letters
        return took

    assert virtual.run(play()) <= NEAR_BEST * 60


@pytest.mark.parametrize("limits", [{HOUR: 200}, {HOUR: 100, 24 * HOUR: 150}], ids=["hour", "day"])
def test_the_long_limits_hold_over_their_windows(
    make_world: MakeWorld, limits: dict[float, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("POLL_SECONDS", "LIMIT_SECONDS"):  # a day is long to look at every second
        monkeypatch.setattr(dispatcher, name, 300.0)
    world = make_world({"example.com": 280 if 24 * HOUR in limits else 500})
    world.relay(limits=limits)
    took = virtual.run(world.play(workers=2))
    assert took <= NEAR_BEST * _best(world.readers, limits)
