"""Commands in groups (RFC 2920): what a relay may refuse, swallow or say too much at every step of a group."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from support.certificates import Authority
from support.relay import Relay, Rule, closing, drip, hang_up, refuse, say, stall
from support.ways import CONTENT, QUICK, Way, in_turn, nothing, to, unusable

from mailer.model.delivery import Phase, Result, State, judge
from mailer.transport.base import Message
from mailer.transport.smtp import SmtpRelay
from mailer.transport.url import parse

LARGE = b"Subject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * 120_000  # 8 MB: no kernel takes it at once
SHORT = {"command": 0.1, "data": 0.1, "dot": 0.1}
BEFORE_THE_DOT = ["mail", "rcpt", "data"]
CODES = {"mail": "250 Ok", "rcpt": "250 Ok", "data": "354 Go", "dot": "250 Ok"}

ALICE, BOB, ERIN = "alice@example.com", "bob@example.com", "erin@example.com"


def three() -> list[Message]:
    return [to(ALICE), to(BOB), to(ERIN)]


def states(results: list[Result]) -> list[State]:
    return [judge(result).state for result in results]


async def trips(way: Way, relay: Relay) -> int:
    """How many round trips the transactions of the newest connection took, after it has ended."""
    await relay.visits[-1].closed.wait()
    return relay.visits[-1].turns - (4 if way.tls == "starttls" else 2)  # greeting and EHLO, STARTTLS and EHLO again


def second(make: object, at: str, *args: object, **when: object) -> Rule:
    """A rule for the second message alone."""
    return make(at, *args, skip=1, times=1, **when)  # type: ignore[no-any-return, operator]


# --- one round trip a message ----------------------------------------------------------------------------------


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
@pytest.mark.parametrize("code", ["550 5.1.1 No", "451 4.7.1 Later"])
@pytest.mark.parametrize("at", ["mail", "rcpt", "data", "dot"])
@pytest.mark.parametrize("position", [0, 1])
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
    assert relay.accepted == {ALICE: 1}


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


# --- what was announced and does not come --------------------------------------------------------------------------


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


# --- falling back --------------------------------------------------------------------------------------------------


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
