"""How much a lane claims and when, over how many connections it is refused, how many messages each takes."""

from __future__ import annotations

from mailer.errors import RelayError
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


def test_what_more_connections_were_refused_is_forgotten_when_the_last_one_closes_and_not_before() -> None:
    used = lane()
    used.opened()
    used.opened()
    used.failed(100.0, RelayError("too many connections", phase="greeting"))
    used.closed()
    assert (used.failures, used.is_open(100.1), used.trouble) == (1, False, None)
    used.closed()
    assert (used.failures, used.is_open(100.1)) == (0, True)


def test_a_relay_that_is_away_is_tried_less_and_less_often_until_a_connection_stands() -> None:
    used = lane()
    waits = []
    for _ in range(9):
        used.failed(100.0, RelayError("connection refused", phase="connect"))
        waits.append(used.retry_at - 100.0)
    assert waits == [0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 60.0, 60.0]
    assert used.is_hopeless
    used.opened()
    assert (used.failures, used.is_open(100.0), used.is_hopeless) == (0, True, False)


def test_so_many_messages_a_connection_as_the_least_that_was_heard_of() -> None:
    used = lane()
    for heard in (50, 80, 7):
        used.takes(heard)
    assert used.messages_per_connection == 7


def test_a_relay_that_takes_no_more_in_this_second_is_held_for_one() -> None:
    relay = lane()
    assert relay.hold(2.0)
    assert not relay.hold(2.5)  # what was under way says it again
    assert relay.claim_at == 3.0
    relay.learned = 9.0
    assert (relay.most(1.0, 100), relay.wait(2.0), relay.wait(3.0)) == (9, 1.0, 0.0)
    assert relay.hold(3.0)


def test_of_a_known_limit_and_a_learned_one_the_narrower_holds() -> None:
    relay = lane()
    relay.per_second, relay.learned = 10, 3.0
    assert (relay.whole, relay.most(1.0, 100)) == (3, 3)
    relay.learned = 100.0
    assert (relay.whole, relay.most(1.0, 100)) == (10, 10)
    relay.part = 4
    assert relay.most(1.0, 100) == 4
