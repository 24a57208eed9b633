"""The pace of a lane: how many messages may begin in a second, whoever else has a part of it, and how evenly."""

from __future__ import annotations

import pytest

from mailer.transport.lane import LOOK_AGAIN_SECONDS, MARGIN_SECONDS, NO_PART_SECONDS, Lane
from mailer.transport.smtp import SmtpRelay
from mailer.transport.url import parse

SECOND = 1.0 + MARGIN_SECONDS  # as long as a message counts, once it was answered


def lane(per_second: float, part: int | None = None) -> Lane:
    relay = SmtpRelay(parse("smtp://127.0.0.1:1"))
    return Lane(relay, connections=10, return_path=str, per_second=per_second, part=part)


def begun(of: Lane, count: int, now: float, took: float = 0.0) -> list[float]:
    """When each of so many messages begins; each is answered after so long, before the next is asked for."""
    moments = []
    for _ in range(count):
        while (wait := of.wait(now)) > 0:
            now += wait
        moments.append(round(now, 3))
        of.take(now)
        now += took
        of.answered(now)
    return moments


def test_without_a_limit_nothing_waits_and_nothing_is_counted() -> None:
    free = lane(0)
    assert begun(free, 1000, 100.0) == [100.0] * 1000
    assert (free.counted(100.0), free.is_free(100.0)) == (0, True)


def test_ten_a_second_begin_a_tenth_apart_and_no_second_holds_more() -> None:
    moments = begun(lane(10), 14, 100.0)
    assert moments[:10] == [100.0, *(round(100.05 + 0.1 * number, 3) for number in range(9))]
    assert moments[10:] == [101.002, 101.052, 101.152, 101.252]


def test_what_is_late_catches_up_by_half_a_place_and_no_more() -> None:
    paced = lane(10)
    begun(paced, 2, 100.0)
    assert begun(paced, 3, 200.0) == [200.0, 200.05, 200.15]


def test_less_than_one_a_second_is_one_in_several() -> None:
    assert begun(lane(0.5), 3, 100.0) == [100.0, 102.002, 104.004]


def test_a_message_counts_from_its_beginning_until_a_second_after_its_answer() -> None:
    paced = lane(2)
    paced.take(100.0)
    paced.take(100.0)
    assert (paced.counted(109.0), paced.wait(109.0)) == (2, LOOK_AGAIN_SECONDS)  # nobody knows when the first is free
    paced.answered(109.0)
    assert paced.counted(109.0) == 2
    assert paced.wait(109.25) == pytest.approx(SECOND - 0.25)
    assert (paced.counted(110.001), paced.counted(110.01)) == (2, 1)
    assert paced.wait(110.01) == 0


def test_a_place_that_was_not_used_is_free_at_once() -> None:
    paced = lane(1)
    paced.take(100.0)
    assert paced.wait(101.0) > 0
    paced.not_sent()
    assert (paced.counted(101.0), paced.wait(101.0)) == (0, 0)


def test_who_has_a_part_of_the_limit_uses_no_more_and_who_has_none_looks_again() -> None:
    assert begun(lane(10, part=2), 4, 100.0) == [100.0, 100.25, 101.002, 101.252]
    none = lane(10, part=0)
    assert (none.wait(100.0), none.is_free(100.0)) == (NO_PART_SECONDS, False)


def test_a_part_that_shrinks_waits_for_as_many_as_are_too_many() -> None:
    paced = lane(10)
    for tenth in range(6):
        paced.take(100.0)
        paced.answered(100.0 + tenth / 10)
    paced.part = 2
    assert paced.wait(100.6) == pytest.approx(100.4 + SECOND - 100.6)  # only the last of the six may count then
    paced.part = 0
    paced.take(100.7)  # the dispatcher may take a part away while a connection takes a message
    assert paced.wait(100.7) == NO_PART_SECONDS


async def test_who_waits_for_a_place_goes_before_what_would_be_announced() -> None:
    paced, free = lane(10), lane(0)
    async with paced.turn, free.turn:
        assert (paced.is_free(100.0), free.is_free(100.0)) == (False, True)
    assert paced.is_free(100.0)
    paced.take(100.0)
    assert not paced.is_free(100.0)


@pytest.mark.parametrize(("per_second", "part", "most"), [(10, None, 3), (10, 6, 2), (100, None, 35), (0.5, None, 1)])
def test_a_claim_is_of_no_more_than_may_be_sent_in_its_time(per_second: float, part: int | None, most: int) -> None:
    paced = lane(per_second, part)
    paced.recorded = 1_000_000
    paced.measure(1.0)
    assert paced.most(0.35, 1000) == most


def test_a_pace_is_followed_up_at_once_and_down_by_and_by() -> None:
    followed = lane(0)
    paces = []
    for seen in (800, 600, 100, 100, 0, 1000):  # a second
        followed.recorded = seen // 2
        followed.measure(0.5)
        paces.append(followed.most(1.0, 10**6))
    assert paces == [1000, 900, 450, 225, 112, 1250]


def test_a_pace_below_one_a_second_is_none() -> None:
    slow = lane(0)
    slow.recorded = 8
    slow.measure(10.0)
    slow.claimed(7)
    assert slow.most(100.0, 1000) == 100
    slow.measure(10.0)
    slow.claimed(7)
    assert slow.most(100.0, 1000) == 14


def test_a_lane_waits_for_half_of_what_is_sent_ahead_and_at_most_for_a_whole_claim() -> None:
    fast = lane(0)
    fast.recorded = 800
    fast.measure(1.0)
    assert fast.low_water(0.5, 1000) == 250
    assert fast.low_water(0.5, 200) == 200
    assert fast.low_water(10.0, 1000) == 1000
