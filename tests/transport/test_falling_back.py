"""When a relay cannot do what it offers, it is talked to in lockstep, and somebody is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from support.groups import ALICE, BEFORE_THE_DOT, BOB, ERIN, second, states, three, trips
from support.relay import Relay, hang_up, refuse, say, stall
from support.ways import QUICK, Way, in_turn, nothing, to

from mailer.mail.reply import Reply
from mailer.model.delivery import Phase, State, judge
from mailer.transport.base import Message
from mailer.transport.pipelining import LOCKSTEP, Pipelining
from mailer.transport.protocol import Broken, Wire
from mailer.transport.session import SmtpSession


class Customer:
    """Sessions of one relay object after another, and what it told."""

    def __init__(self, way: Way, relay: Relay, **timeouts: float) -> None:
        self.told: list[str] = []
        self.way, self.relay = way, relay
        self.client = way.client(relay, tell=self.told.append, **timeouts)

    async def send(self, *messages: Message) -> tuple[list[State], int]:
        """Send on a new connection; returns the states and the round trips they cost."""
        session = await self.client.open()
        try:
            found = states(await in_turn(session, *messages))
        finally:
            await session.close()
            for rule in self.relay.rules:
                if rule.hits:
                    rule.let_go()
        return found, await trips(self.way, self.relay)


async def test_answers_that_do_not_add_up_in_a_group_end_pipelining_with_that_relay_and_it_says_so(
    grouping: Way,
) -> None:
    rule = say("mail", b"250 Ok\r\n250 Ok\r\n", times=1)
    async with grouping.relay(rule) as relay:
        customer = Customer(grouping, relay)
        assert await customer.send(*three()) == ([State.DEFERRED], 1)
        assert customer.told == ["the relay answered 250, which means nothing here"]
        assert await customer.send(*three()) == ([State.ACCEPTED] * 3, 3 * 4)
        assert len(customer.told) == 1


@pytest.mark.parametrize("make", [hang_up, stall])
async def test_two_connections_lost_in_a_group_before_one_has_worked_end_pipelining(plain: Way, make: object) -> None:
    rules = make("rcpt", times=1), make("rcpt", times=1)  # type: ignore[operator]
    async with plain.relay(*rules) as relay:
        customer = Customer(plain, relay, command=0.1, data=0.1)
        assert (await customer.send(to()))[0] == [State.DEFERRED]
        assert customer.told == []
        assert (await customer.send(to()))[0] == [State.DEFERRED]
        assert len(customer.told) == 1
        assert await customer.send(*three()) == ([State.ACCEPTED] * 3, 3 * 4)


async def test_where_pipelining_has_worked_a_lost_connection_is_not_held_against_it(plain: Way) -> None:
    async with plain.relay(hang_up("rcpt", skip=2)) as relay:
        customer = Customer(plain, relay)
        assert (await customer.send(to(ALICE), to(BOB)))[0] == [State.ACCEPTED] * 2
        for _ in range(3):
            assert (await customer.send(to()))[0] == [State.DEFERRED]
        relay.rules.clear()
        assert await customer.send(*three()) == ([State.ACCEPTED] * 3, 1 + 3)
        assert customer.told == []


def test_connections_lost_outside_of_a_group_say_nothing_about_pipelining() -> None:
    told: list[str] = []
    pipelining = Pipelining(told.append)
    for session in (object(), object(), object()):
        assert pipelining.ask_window(session) > LOCKSTEP
        pipelining.leave(session, Broken("connection lost"))
    assert told == []


async def test_connections_lost_in_lockstep_while_another_tries_groups_say_nothing_about_them(plain: Way) -> None:
    told: list[str] = []
    async with plain.relay(hang_up("rcpt", skip=1)) as relay:
        client = plain.client(relay, tell=told.append)
        trying = await client.open()
        await trying.send(to(ALICE), nothing)
        for _ in range(3):
            other = await client.open()
            assert judge(await other.send(to(BOB), nothing)).state is State.DEFERRED
            await other.close()
        await trying.close()
    assert told == []


async def test_one_connection_tries_pipelining_while_the_others_wait_in_lockstep_for_what_comes_of_it(
    plain: Way,
) -> None:
    async with plain.relay() as relay:
        client = plain.client(relay)
        first, other = await client.open(), await client.open()
        two = to(BOB)
        await first.send(to(ALICE), nothing, lambda: two)
        asked: list[str] = []
        await other.send(to(), nothing, lambda: asked.append("too early"))
        await first.send(two, nothing)
        await other.send(to(), nothing, lambda: asked.append("now"))
        assert asked == ["now"]
        await first.close()
        await other.close()


async def test_a_connection_that_ends_without_having_tried_hands_the_trial_on(plain: Way) -> None:
    async with plain.relay() as relay:
        customer = Customer(plain, relay)
        assert await customer.send(to()) == ([State.ACCEPTED], 2)
        assert await customer.send(*three()) == ([State.ACCEPTED] * 3, 1 + 3)


@pytest.mark.parametrize("at", BEFORE_THE_DOT)
async def test_a_bad_sequence_where_the_sequence_was_good_is_about_the_group_and_not_about_the_reader(
    grouping: Way, at: str
) -> None:
    async with grouping.relay(second(refuse, at, "503 5.5.1 Bad sequence of commands")) as relay:
        customer = Customer(grouping, relay)
        results, _ = await customer.send(*three())
        assert results == [State.ACCEPTED, State.DEFERRED]
        assert customer.told == ["503 5.5.1 Bad sequence of commands"]
        assert (await customer.send(to(BOB), to(ERIN)))[0] == [State.ACCEPTED] * 2
    assert relay.accepted == {ALICE: 1, BOB: 1, ERIN: 1}


async def test_a_503_to_a_group_is_about_the_group_even_when_another_session_has_just_gone_back_to_lockstep() -> None:
    pipelining = Pipelining()
    pipelining.works()
    async with opened(pipelining) as (session, relay, reader):
        sending = asyncio.create_task(session.send(to(), nothing))
        await reader.readuntil(b"DATA\r\n")
        pipelining.ends("it lost a command of another group")
        relay.write(b"250 Ok\r\n503 Bad sequence\r\n")
        result = await sending
    assert (result.phase, result.reply) == (Phase.RCPT, None)
    assert judge(result).state is State.DEFERRED


async def test_a_503_to_a_command_alone_is_no_groups_even_when_another_session_has_just_proved_them() -> None:
    told: list[str] = []
    pipelining = Pipelining(told.append)
    pipelining.ask_window(object())  # who tries it
    async with opened(pipelining) as (session, relay, reader):
        sending = asyncio.create_task(session.send(to(), nothing))
        await reader.readuntil(b"\r\n")
        pipelining.works()
        relay.write(b"503 Say hello first\r\n")
        result = await sending
    assert (result.phase, result.reply) == (Phase.MAIL, Reply(503, ("Say hello first",)))
    assert told == []


@contextlib.asynccontextmanager
async def opened(
    pipelining: Pipelining,
) -> AsyncIterator[tuple[SmtpSession, asyncio.StreamWriter, asyncio.StreamReader]]:
    """A session, and the relay's end of its connection."""
    ends: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(lambda *both: ends.set_result(both), "127.0.0.1", 0)
    async with server:
        address = server.sockets[0].getsockname()
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, *address)
        reader, writer = await ends
        wire = Wire(transport)
        yield SmtpSession(wire, {"pipelining": ""}, QUICK, pipelining), writer, reader
        wire.abort()
        writer.close()
