"""A message that was announced to the relay, and does not come."""

from __future__ import annotations

import asyncio

import pytest
from support.groups import ALICE, BOB, ERIN, second, states, three
from support.relay import stall
from support.ways import Way, in_turn, nothing, to

from mailer.model.delivery import Phase, State, judge


async def test_an_announced_message_that_is_withdrawn_ends_the_connection_and_sends_nothing(way: Way) -> None:
    def withdrawn() -> None:
        raise LookupError("no lease")

    two = to(BOB)
    async with way.relay() as relay:
        async with way.session(relay) as session:
            assert judge(await session.send(to(ALICE), nothing, lambda: two)).state is State.ACCEPTED
            with pytest.raises(LookupError):
                await session.send(two, withdrawn)
            assert not session.usable
        await relay.visits[0].closed.wait()
    assert relay.accepted == {ALICE: 1}
    assert relay.transactions[1].phase != "dot"


async def test_another_message_than_the_announced_one_ends_the_connection_and_is_not_sent(grouping: Way) -> None:
    async with grouping.relay() as relay:
        async with grouping.session(relay) as session:
            await session.send(to(ALICE), nothing, lambda: to(BOB))
            result = await session.send(to(BOB), nothing)
            assert (result.phase, result.reply) == (Phase.MAIL, None)
            assert result.cause == "another message had been announced"
            assert not session.usable
        await relay.visits[0].closed.wait()
    assert relay.accepted == {ALICE: 1}
    assert relay.visits[0].commands[-1] == "DATA"


async def test_closing_with_a_message_announced_sends_nothing(way: Way) -> None:
    async with way.relay() as relay:
        async with way.session(relay) as session:
            assert judge(await session.send(to(ALICE), nothing, lambda: to(BOB))).state is State.ACCEPTED
        await relay.visits[0].closed.wait()
    assert relay.accepted == {ALICE: 1}
    assert relay.visits[0].commands[-1] == ("DATA" if way.pipelining else "QUIT")


async def test_closing_with_a_message_announced_does_not_wait_for_its_answers(plain: Way) -> None:
    waits = second(stall, "mail")
    async with plain.relay(waits) as relay:
        session = await plain.client(relay, quit=5).open()
        await session.send(to(ALICE), nothing, lambda: to(BOB))
        async with asyncio.timeout(2):
            await session.close()
        waits.let_go()


async def test_what_cannot_be_said_on_this_connection_is_not_announced_and_harms_nobody(way: Way) -> None:
    async with way.relay() as relay, way.session(relay) as session:
        results = await in_turn(session, to(ALICE), to("a@b>\r\nRCPT TO:<c@d"), to("爱丽丝@example.com"), to(ERIN))
    assert states(results) == [State.ACCEPTED, State.FAILED, State.FAILED, State.ACCEPTED]
    assert relay.accepted == {ALICE: 1, ERIN: 1}


@pytest.mark.parametrize("at", ["mail", "rcpt", "data", "dot"])
async def test_cancelled_at_any_step_of_a_group_the_connection_is_aborted(way: Way, at: str) -> None:
    waits = second(stall, at)
    async with way.relay(waits) as relay:
        async with way.session(relay) as session:
            sending = asyncio.create_task(in_turn(session, *three()))
            await waits.reached()
            await asyncio.sleep(0)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert not session.usable
        waits.let_go()
        await relay.visits[0].closed.wait()
    assert relay.accepted == ({ALICE: 1, BOB: 1} if at == "dot" else {ALICE: 1})
