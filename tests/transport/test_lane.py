"""How much a lane claims, and when: doubling until its pace is known, then what it sends in a while."""

from __future__ import annotations

from mailer.transport.lane import Lane
from mailer.transport.smtp import SmtpRelay
from mailer.transport.url import parse

AHEAD, MOST = 0.35, 1000


def lane() -> Lane:
    return Lane(SmtpRelay(parse("smtp://127.0.0.1:1")), connections=10, return_path=str)


def claim(of: Lane) -> int:
    most = of.most(AHEAD, MOST)
    of.claimed(most)
    return most


def test_claims_double_until_the_pace_is_known_and_each_comes_when_half_of_the_last_is_left() -> None:
    new = lane()
    assert new.low_water(AHEAD, MOST) == 5
    assert [claim(new) for _ in range(9)] == [10, 20, 40, 80, 160, 320, 640, 1000, 1000]
    assert new.low_water(AHEAD, MOST) == 500


def test_a_known_pace_is_claimed_a_third_of_a_second_ahead_and_no_more_than_a_claim_waits() -> None:
    known = lane()
    claim(known)
    known.recorded = 120
    known.measure(0.15)
    assert (claim(known), claim(known), known.low_water(AHEAD, MOST)) == (350, 350, 175)
    known.recorded = 30_000
    known.measure(0.15)
    assert (claim(known), known.low_water(AHEAD, MOST)) == (1000, 1000)


def test_a_pace_is_forgotten_when_nothing_has_been_sent_for_a_while() -> None:
    idle = lane()
    idle.recorded = 1500
    for _ in range(40):
        idle.measure(0.15)
    assert [claim(idle) for _ in range(3)] == [10, 20, 40]
