"""What a relay does wrong at every step of a group: 421, hanging up, silence, answers too many and too few."""

from __future__ import annotations

import asyncio

import pytest
from support.groups import ALICE, BEFORE_THE_DOT, BOB, ERIN, second, states, three
from support.relay import closing, drip, hang_up, refuse, say, stall
from support.ways import CONTENT, Way, in_turn, nothing, to, unusable

from mailer.model.delivery import Phase, State, judge

LARGE = b"Subject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * 120_000  # 8 MB: no kernel takes it at once
SHORT = {"command": 0.1, "data": 0.1, "dot": 0.1}
CODES = {"mail": "250 Ok", "rcpt": "250 Ok", "data": "354 Go", "dot": "250 Ok"}


# --- 421, drops, silence ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("goes", [closing, refuse], ids=["closes", "stays"])
@pytest.mark.parametrize("at", ["mail", "rcpt", "data", "dot"])
async def test_421_at_any_step_of_a_group_closes_and_keeps_the_code(way: Way, at: str, goes: object) -> None:
    rule = second(goes, at, "421 4.3.2 Shutting down")
    async with way.relay(rule) as relay, way.session(relay) as session:
        results = await in_turn(session, *three())
        assert states(results) == [State.ACCEPTED, State.DEFERRED]
        assert (results[1].phase, str(results[1].reply)) == (Phase(at), "421 4.3.2 Shutting down")
        assert not session.usable
    assert relay.accepted == {ALICE: 1}


async def test_a_message_announced_behind_an_answer_of_421_was_certainly_not_sent(way: Way) -> None:
    async with way.relay(closing("dot")) as relay, way.session(relay) as session:
        results = await in_turn(session, to(ALICE), to(BOB))
        assert states(results) == [State.DEFERRED]
        assert not session.usable
        assert relay.visits[0].commands[-1] != "QUIT"
    assert not relay.accepted


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("at", BEFORE_THE_DOT)
async def test_a_drop_before_the_second_dot_leaves_the_second_certain(way: Way, at: str, reset: bool) -> None:
    async with way.relay(second(hang_up, at, reset=reset)) as relay, way.session(relay) as session:
        first, *others = await in_turn(session, *three())
    # a reset may destroy the answer to the first dot on its way
    assert judge(first).state in ({State.ACCEPTED, State.UNCERTAIN} if reset else {State.ACCEPTED})
    assert len(others) <= 1
    for result in others:
        assert (result.phase in {Phase(step) for step in BEFORE_THE_DOT}, result.reply) == (True, None)
    assert relay.accepted == {ALICE: 1}


@pytest.mark.parametrize("accepting", [False, True], ids=["lost", "taken"])
@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
async def test_a_drop_in_place_of_the_dots_answer_leaves_one_uncertain_and_the_announced_unsent(
    way: Way, accepting: bool, reset: bool
) -> None:
    rule = second(hang_up, "dot", accepting=accepting, reset=reset)
    async with way.relay(rule) as relay, way.session(relay) as session:
        results = await in_turn(session, *three())
        assert states(results) == [State.ACCEPTED, State.UNCERTAIN]
        assert not session.usable
        late = await session.send(to(ERIN), nothing)
        assert (late.phase, late.reply) == (Phase.MAIL, None)
    assert relay.accepted == ({ALICE: 1, BOB: 1} if accepting else {ALICE: 1})


@pytest.mark.parametrize("at", BEFORE_THE_DOT)
async def test_the_answer_to_a_dot_counts_at_once_though_the_announced_message_gets_none(way: Way, at: str) -> None:
    waits = second(stall, at)
    async with way.relay(waits) as relay:
        async with way.session(relay, **SHORT) as session:
            two = to(BOB)
            first = await session.send(to(ALICE), nothing, lambda: two)
            assert judge(first).state is State.ACCEPTED
        waits.let_go()
    assert relay.accepted == {ALICE: 1}


@pytest.mark.parametrize("at", BEFORE_THE_DOT)
async def test_silence_at_any_step_of_a_group_leaves_the_announced_message_certain(way: Way, at: str) -> None:
    waits = second(stall, at)
    async with way.relay(waits) as relay:
        async with way.session(relay, **SHORT) as session:
            results = await in_turn(session, *three())
            assert states(results) == [State.ACCEPTED, State.DEFERRED]
            assert (results[1].phase, results[1].cause) == (Phase(at), "no reply in 0.1 s")
        waits.let_go()
        await relay.visits[0].closed.wait()
    assert relay.accepted == {ALICE: 1}


async def test_silence_after_a_dot_leaves_one_uncertain_and_what_was_announced_unsent(way: Way) -> None:
    waits = second(stall, "dot")
    async with way.relay(waits) as relay:
        async with way.session(relay, **SHORT) as session:
            results = await in_turn(session, *three())
            assert states(results) == [State.ACCEPTED, State.UNCERTAIN]
            assert not session.usable
        waits.let_go()
        await relay.visits[0].closed.wait()
    assert relay.accepted == {ALICE: 1, BOB: 1}


async def test_a_relay_that_closes_after_two_messages_refuses_the_third_in_the_group_of_the_second(way: Way) -> None:
    async with way.relay(max_messages=2) as relay, way.session(relay) as session:
        results = await in_turn(session, *three())
        assert states(results)[:2] == [State.ACCEPTED, State.ACCEPTED]
        assert states(results)[2:] in ([], [State.DEFERRED])  # none when the hanging up was seen before it was sent
        await unusable(session)
    assert relay.accepted == {ALICE: 1, BOB: 1}


async def test_answers_read_before_the_relay_hung_up_still_count(plain: Way) -> None:
    rule = second(say, "mail", b"421 4.7.0 Enough\r\n", close=True)
    async with plain.relay(rule) as relay, plain.session(relay) as session:
        two = to(BOB)
        first = await session.send(to(ALICE), nothing, lambda: two)
        await relay.visits[0].closed.wait()
        await asyncio.sleep(0.05)  # there is no event for what the kernel has not given us yet
        assert judge(first).state is State.ACCEPTED
        assert session.usable, "its answer waits"
        result = await session.send(two, nothing)
        assert (result.phase, str(result.reply)) == (Phase.MAIL, "421 4.7.0 Enough")
        assert not session.usable


# --- too many answers, too few, in pieces ---------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["mail", "rcpt", "data", "dot"])
async def test_drip_fed_replies_of_a_group_are_read(way: Way, at: str) -> None:
    async with way.relay(drip(at)) as relay, way.session(relay) as session:
        assert states(await in_turn(session, *three())) == [State.ACCEPTED] * 3
    assert relay.accepted == {ALICE: 1, BOB: 1, ERIN: 1}


@pytest.mark.parametrize("extra", ["250 2.0.0 And more", "550 5.0.0 No", "354 Go"])
@pytest.mark.parametrize("at", ["mail", "rcpt", "data", "dot"])
async def test_an_answer_too_many_never_makes_a_message_count_that_was_not_taken(way: Way, at: str, extra: str) -> None:
    rule = second(say, at, f"{CODES[at]}\r\n{extra}\r\n".encode(), close=False)
    async with way.relay(rule) as relay:
        async with way.session(relay) as session:
            messages = three()
            results = await in_turn(session, *messages)
        await relay.visits[0].closed.wait()
    for message, result in zip(messages, results, strict=False):
        taken = relay.accepted[message.envelope.recipient]
        state = judge(result).state
        assert taken == 1 if state is State.ACCEPTED else taken <= (state is State.UNCERTAIN)
    for transaction in relay.transactions:
        assert transaction.content in {b"", CONTENT}


@pytest.mark.parametrize("at", BEFORE_THE_DOT)
async def test_an_answer_too_few_ends_the_connection_and_nothing_more_is_sent(plain: Way, at: str) -> None:
    rule = second(say, at, b"")
    async with plain.relay(rule) as relay, plain.session(relay, **SHORT) as session:
        first, *others = await in_turn(session, *three())
        assert judge(first).state in {State.ACCEPTED, State.UNCERTAIN}
        assert all(judge(result).state is State.DEFERRED for result in others)
        assert not session.usable
    assert relay.accepted == {ALICE: 1}


async def test_an_answer_to_the_dot_that_is_missing_is_not_made_up_by_the_next(plain: Way) -> None:
    async with plain.relay(second(say, "dot", b"", accepting=False)) as relay, plain.session(relay) as session:
        results = await in_turn(session, *three())
    # what comes next is a 2yz to MAIL: alone in its packet nobody can tell it from the dot's, and then nothing follows
    assert judge(results[0]).state is State.ACCEPTED
    assert not session.usable
    assert relay.accepted == {ALICE: 1}


async def test_an_answer_before_the_relay_had_the_content_is_none(way: Way) -> None:
    rule = say("body", "250 2.0.0 Queued", after=50_000)
    async with way.relay(rule, receive_buffer=4096) as relay:
        async with way.session(relay) as session:
            results = await in_turn(session, to(ALICE, LARGE), to(BOB))
            assert (results[0].phase, results[0].reply) == (Phase.BODY, None)
            assert not session.usable
        await relay.visits[0].closed.wait()
    assert not relay.accepted


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
async def test_a_drop_in_a_large_content_is_certain_for_it_and_for_what_was_announced_behind_it(
    way: Way, reset: bool
) -> None:
    rule = hang_up("body", after=50_000, reset=reset, skip=1)
    async with way.relay(rule, receive_buffer=4096) as relay, way.session(relay) as session:
        results = await in_turn(session, to(ALICE), to(BOB, LARGE), to(ERIN))
        assert states(results) == [State.ACCEPTED, State.DEFERRED]
        assert (results[1].phase, results[1].reply) == (Phase.BODY, None)
    assert relay.accepted == {ALICE: 1}
