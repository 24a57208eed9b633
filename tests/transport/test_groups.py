"""Commands in groups (RFC 2920): one round trip a message, and refusals at every step of a group."""

from __future__ import annotations

from collections import Counter

import pytest
from support.certificates import Authority
from support.groups import ALICE, BOB, ERIN, second, states, three, trips
from support.relay import Relay, refuse, say, stall
from support.ways import QUICK, Way, in_turn, nothing, to

from mailer.model.delivery import Phase, State, judge
from mailer.transport.base import Message
from mailer.transport.smtp import SmtpRelay
from mailer.transport.url import parse


async def test_a_message_costs_one_round_trip_and_its_commands_leave_behind_the_content_before(way: Way) -> None:
    async with way.relay() as relay:
        async with way.session(relay) as session:
            results = await in_turn(session, *(to(f"r{n}@example.com") for n in range(10)))
        assert await trips(way, relay) == (1 + 10 if way.pipelining else 10 * 4)
    assert states(results) == [State.ACCEPTED] * 10
    assert relay.accepted == {f"r{n}@example.com": 1 for n in range(10)}


async def test_every_message_arrives_byte_for_byte_in_its_own_transaction(way: Way) -> None:
    sizes = (0, 1, 1000, 45_000, 300_000, 3_000_000, 10)
    messages = [
        to(f"r{n}@example.com", b"Subject: %d\r\n\r\n" % n + (b"y" * 70 + b"\r\n") * (size // 72), f"b{n}@example.org")
        for n, size in enumerate(sizes)
    ]
    async with way.relay() as relay, way.session(relay) as session:
        assert states(await in_turn(session, *messages)) == [State.ACCEPTED] * len(sizes)
    for message, transaction in zip(messages, relay.transactions, strict=True):
        assert transaction.content == message.content
        assert transaction.recipients == [message.envelope.recipient]
        assert transaction.return_path == message.envelope.return_path
    assert len(relay.visits) == 1


@pytest.mark.parametrize("offered", [True, False], ids=["switched-off", "not-offered"])
async def test_without_pipelining_nobody_is_asked_what_follows(lockstep: Way, plain: Way, offered: bool) -> None:
    def never() -> Message:
        raise AssertionError("asked")

    way, extensions = (lockstep, ["PIPELINING"]) if offered else (plain, ["8BITMIME"])
    async with Relay(extensions=extensions) as relay, way.session(relay) as session:
        for _ in range(3):
            assert judge(await session.send(to(), nothing, never)).state is State.ACCEPTED
        await session.close()
        assert await trips(way, relay) == 3 * 4


async def test_what_follows_is_asked_for_right_before_the_content_is_handed_over(plain: Way) -> None:
    seen: list[str] = []
    async with plain.relay() as relay, plain.session(relay) as session:
        await session.send(
            to(), lambda: seen.append("handing over"), lambda: seen.append("following " + relay.commands[-1])
        )
    assert seen == ["following DATA", "handing over"]


async def test_a_relay_that_wants_a_password_is_pipelined_to_as_well(way: Way, authority: Authority) -> None:
    async with way.relay(refuse("rcpt", recipient="bob@*"), users={"club": "secret"}) as relay:
        url = parse(relay.url.replace("://", "://club:secret@"))
        session = await SmtpRelay(url, ca_file=authority.ca_file, timeouts=QUICK, pipelining=way.pipelining).open()
        results = await in_turn(session, *three())
        await session.close()
        await relay.visits[0].closed.wait()
        assert relay.visits[0].turns == (3 if way.tls != "starttls" else 5) + (
            1 + 3 if way.pipelining else 4 + 2 + 1 + 4
        )
    assert states(results) == [State.ACCEPTED, State.FAILED, State.ACCEPTED]
    assert relay.visits[0].user == "club"


# --- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lenient", [False, True], ids=["strict", "lenient"])
@pytest.mark.parametrize(("position", "code"), [(0, "451 4.7.1 Later"), (1, "550 5.1.1 No")])
@pytest.mark.parametrize("at", ["mail", "rcpt", "data", "dot"])
async def test_a_refusal_at_any_step_is_about_that_message_alone(
    way: Way, at: str, code: str, position: int, lenient: bool
) -> None:
    rule = refuse(at, code, skip=position, times=1)
    async with way.relay(rule, lenient=lenient) as relay, way.session(relay) as session:
        results = await in_turn(session, *three())
    refused = results.pop(position)
    assert (refused.phase, str(refused.reply)) == (Phase(at), code)
    assert states(results) == [State.ACCEPTED] * 2
    addresses = [ALICE, BOB, ERIN]
    del addresses[position]
    assert relay.accepted == Counter(addresses)
    assert len(relay.visits) == 1
    assert relay.commands[-1] == "QUIT"


async def test_a_refused_recipient_is_answered_before_the_rest_of_its_group(grouping: Way) -> None:
    waits = second(stall, "data")
    async with grouping.relay(second(refuse, "rcpt"), waits, lenient=True) as relay, grouping.session(relay) as session:
        results = await in_turn(session, to(ALICE), to(BOB))
        assert states(results) == [State.ACCEPTED, State.FAILED]
        await waits.reached()
        waits.let_go()
        assert judge(await session.send(to(ERIN), nothing)).state is State.ACCEPTED
    assert relay.accepted == {ALICE: 1, ERIN: 1}


async def test_data_taken_for_nobody_gets_a_lone_dot_in_front_of_the_next_group(plain: Way) -> None:
    async with plain.relay(refuse("rcpt", recipient="bob@*"), lenient=True) as relay:
        async with plain.session(relay) as session:
            assert states(await in_turn(session, *three())) == [State.ACCEPTED, State.FAILED, State.ACCEPTED]
        assert await trips(plain, relay) == 4  # envelope; content and envelope; lone dot and envelope; content
    assert "RSET" not in relay.commands
    assert relay.transactions[1].content == b""
    assert relay.accepted == {ALICE: 1, ERIN: 1}


async def test_data_refused_after_the_recipient_was_gets_rset_in_the_next_group(plain: Way) -> None:
    async with plain.relay(refuse("rcpt", recipient="bob@*")) as relay:
        async with plain.session(relay) as session:
            assert states(await in_turn(session, *three())) == [State.ACCEPTED, State.FAILED, State.ACCEPTED]
        assert await trips(plain, relay) == 4  # envelope; content and envelope; RSET and envelope; content
    assert relay.commands.count("RSET") == 1


async def test_the_last_message_refused_still_ends_with_quit(plain: Way) -> None:
    for lenient in (False, True):
        async with plain.relay(refuse("rcpt"), lenient=lenient) as relay:
            async with plain.session(relay) as session:
                assert states(await in_turn(session, to())) == [State.FAILED]
            await relay.visits[0].closed.wait()
            assert relay.commands[-1] == "QUIT"


async def test_a_relay_that_takes_a_message_for_nobody_is_talked_to_in_lockstep_from_then_on(plain: Way) -> None:
    told: list[str] = []
    rules = refuse("rcpt", recipient="bob@*"), second(say, "dot", "250 2.0.0 Queued for nobody")
    async with plain.relay(*rules, lenient=True) as relay:
        session = await plain.client(relay, tell=told.append).open()
        results = await in_turn(session, *three(), to("dave@example.com"))
        assert states(results) == [State.ACCEPTED, State.FAILED, State.ACCEPTED, State.ACCEPTED]
        await session.close()
        assert await trips(plain, relay) == 4 + 4
    assert told == ["it took a message for nobody"]


async def test_a_relay_that_takes_a_recipient_after_it_refused_mail_never_gets_an_empty_message(plain: Way) -> None:
    rule = second(refuse, "mail", "550 5.7.1 You may not")
    async with plain.relay(rule, careless=True) as relay, plain.session(relay) as session:
        assert states(await in_turn(session, to(ALICE), to(BOB))) == [State.ACCEPTED, State.PENDING]
        third = await session.send(to(ERIN), nothing)  # it waits for content, and gets nothing more at all
        assert (third.phase, third.reply) == (Phase.MAIL, None)
        assert third.cause == "the relay takes a message it has refused"
        assert not session.usable
    assert relay.accepted == {ALICE: 1}
