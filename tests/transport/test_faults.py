"""What a relay does wrong, phase by phase: no message is called sent that was not, nor lost that may have gone."""

from __future__ import annotations

import asyncio
import contextlib
import select
import time
from typing import Any

import pytest
from support.relay import Rule, closing, drip, flood, hang_up, refuse, say, stall
from support.ways import CONTENT, Way, nothing, to, unusable

from mailer.model.delivery import Phase, Result, State, judge
from mailer.transport.protocol import Timeouts

SHORT = {"command": 0.1, "data": 0.1, "dot": 0.1}
LARGE = b"Subject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * 120_000  # 8 MB: no kernel takes it at once
BEFORE_THE_DOT = ["mail", "rcpt", "data"]


def until(way: Way, at: str) -> set[Phase]:
    """Where a transaction may have ended that went wrong at `at`: in a group the answers before it may be lost too."""
    return {Phase(step) for step in BEFORE_THE_DOT[: BEFORE_THE_DOT.index(at) + 1]} if way.pipelining else {Phase(at)}


async def outcome(way: Way, rule: Rule, content: bytes = CONTENT, **timeouts: float) -> tuple[Result, int]:
    """One message to a relay with one rule: what the client says, and how many the relay took in the end."""
    async with way.relay(rule, receive_buffer=4096) as relay:
        async with way.session(relay, **timeouts) as session:
            result = await session.send(to(content=content), nothing)
            if result.reply is None:
                assert not session.usable
                assert (await session.send(to(), nothing)).phase is Phase.MAIL  # nothing more is begun on it
        rule.let_go()
        await relay.visits[0].closed.wait()
        return result, relay.accepted["alice@example.com"]


# --- hanging up ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("at", BEFORE_THE_DOT)
async def test_a_drop_before_the_dot_is_certainly_not_sent(way: Way, at: str, reset: bool) -> None:
    result, taken = await outcome(way, hang_up(at, reset=reset))
    assert (result.reply, taken) == (None, 0)
    assert result.phase in until(way, at)
    assert judge(result).state is State.DEFERRED


async def test_a_drop_after_354_is_uncertain_once_the_dot_is_in_the_kernel(way: Way) -> None:
    result, taken = await outcome(way, hang_up("data", after_reply=True))
    assert result.phase in {Phase.DATA, Phase.DOT}
    assert result.reply is None
    assert taken == 0


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
async def test_a_drop_while_most_of_a_large_body_is_still_ours_is_certainly_not_sent(way: Way, reset: bool) -> None:
    result, taken = await outcome(way, hang_up("body", after=50_000, reset=reset), LARGE)
    assert (result.phase, result.reply, taken) == (Phase.BODY, None, 0)
    assert judge(result).state is State.DEFERRED


@pytest.mark.parametrize("accepting", [False, True], ids=["lost", "taken"])
@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
async def test_a_drop_after_the_dot_is_uncertain_whether_or_not_the_relay_took_it(
    way: Way, accepting: bool, reset: bool
) -> None:
    result, taken = await outcome(way, hang_up("dot", accepting=accepting, reset=reset))
    assert (result.phase, result.reply, taken) == (Phase.DOT, None, int(accepting))
    assert judge(result).state is State.UNCERTAIN


async def test_an_answer_to_the_dot_counts_even_when_the_relay_hangs_up_right_after(way: Way) -> None:
    result, taken = await outcome(way, hang_up("dot", after_reply=True))
    assert judge(result).state is State.ACCEPTED
    assert taken == 1


# --- silence -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", BEFORE_THE_DOT)
async def test_silence_before_the_dot_is_certainly_not_sent(way: Way, at: str) -> None:
    result, taken = await outcome(way, stall(at), **SHORT)
    assert (result.phase, result.reply, taken) == (Phase(at), None, 0)
    assert "no reply in 0.1 s" in result.cause


async def test_silence_after_the_dot_is_uncertain(way: Way) -> None:
    result, taken = await outcome(way, stall("dot"), **SHORT)
    assert (result.phase, result.reply, taken) == (Phase.DOT, None, 1)
    assert judge(result).state is State.UNCERTAIN


async def test_after_a_time_out_in_a_large_body_the_relay_never_gets_the_rest(way: Way) -> None:
    rule = stall("body", after=10_000)
    async with way.relay(rule, receive_buffer=4096) as relay:
        async with way.session(relay, dot=0.3) as session:
            result = await session.send(to(content=LARGE), nothing)
        assert (result.phase, result.reply) == (Phase.BODY, None)
        rule.let_go()
        await relay.visits[0].closed.wait()
        assert relay.visits[0].octets < len(LARGE)
    assert not relay.accepted


async def test_an_answer_that_came_while_the_process_stood_still_is_an_answer(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    selector: Any = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]

    def stand_still(timeout: float | None) -> list[Any]:
        """As when stopped and woken: the answer has come, its time is over, and the system tells of nothing yet."""
        monkeypatch.undo()
        assert select.select([session._wire._socket], [], [], 10)[0]
        time.sleep(2 * SHORT["dot"])
        return []

    with way.relay().in_thread() as relay:
        async with way.session(relay, **SHORT) as session:
            result = await session.send(to(), lambda: monkeypatch.setattr(selector, "select", stand_still))
            assert judge(result).state is State.ACCEPTED
    assert relay.accepted == {"alice@example.com": 1}


async def test_a_late_answer_within_the_time_out_is_an_answer(way: Way) -> None:
    rule = stall("dot")
    async with way.relay(rule) as relay, way.session(relay) as session:
        sending = asyncio.create_task(session.send(to(), nothing))
        await rule.reached()
        rule.let_go()
        assert judge(await sending).state is State.ACCEPTED
    assert relay.accepted == {"alice@example.com": 1}


async def test_each_phase_has_its_own_time_out(plain: Way) -> None:
    for at, limits in (
        ("rcpt", {"command": 0.05, "data": 9, "dot": 9}),
        ("data", {"command": 9, "data": 0.05, "dot": 9}),
        ("dot", {"command": 9, "data": 9, "dot": 0.05}),
    ):
        async with asyncio.timeout(4):
            result, _ = await outcome(plain, stall(at), **limits)
        assert result.phase is Phase(at)
        assert "0.05 s" in result.cause


def test_by_itself_a_session_waits_as_long_as_rfc_5321_wants_and_not_at_all_long_to_say_goodbye() -> None:
    """Section 4.5.3.2, but for the connection, which another relay may take at once."""
    assert Timeouts() == Timeouts(connect=30.0, command=300.0, data=120.0, dot=600.0, quit=3.0)


async def test_the_dots_time_counts_from_the_moment_it_left(way: Way) -> None:
    rule = stall("body", after=10_000)
    async with way.relay(rule, receive_buffer=4096) as relay, way.session(relay, dot=2.0) as session:
        sending = asyncio.create_task(session.send(to(content=LARGE), nothing))
        await rule.reached()
        rule.let_go()
        assert judge(await sending).state is State.ACCEPTED
    assert relay.accepted == {"alice@example.com": 1}


# --- 421 -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("goes", [closing, refuse], ids=["closes", "stays"])
@pytest.mark.parametrize("at", ["mail", "rcpt", "data", "dot"])
async def test_421_anywhere_closes_the_connection_and_keeps_the_code(way: Way, at: str, goes: object) -> None:
    rule = goes(at, "421 4.3.2 Shutting down")  # type: ignore[operator]
    async with way.relay(rule) as relay, way.session(relay) as session:
        result = await session.send(to(), nothing)
        assert (result.phase, str(result.reply)) == (Phase(at), "421 4.3.2 Shutting down")
        assert judge(result).state is State.DEFERRED
        assert not session.usable
    assert not relay.accepted


async def test_a_421_in_the_middle_of_a_large_body_is_kept_and_nothing_more_is_sent(way: Way) -> None:
    rule = say("body", "421 4.3.2 Shutting down", after=50_000)
    async with way.relay(rule, receive_buffer=4096) as relay:
        async with way.session(relay) as session:
            result = await session.send(to(content=LARGE), nothing)
        assert (result.phase, str(result.reply)) == (Phase.BODY, "421 4.3.2 Shutting down")
        assert judge(result).state is State.DEFERRED
        await relay.visits[0].closed.wait()
    assert not relay.accepted


# --- a relay that says too much, too slowly or nonsense --------------------------------------------------------


async def test_354_and_250_in_one_packet_are_no_acceptance(way: Way) -> None:
    result, taken = await outcome(way, say("data", b"354 Go\r\n250 2.0.0 Queued\r\n"))
    assert (result.reply, taken) == (None, 0)
    assert result.phase in until(way, "data")


async def test_two_answers_to_the_dot_are_uncertain(way: Way) -> None:
    result, _ = await outcome(way, say("dot", b"250 2.0.0 Queued\r\n550 5.7.1 No\r\n"))
    assert judge(result).state is State.UNCERTAIN


@pytest.mark.parametrize("at", BEFORE_THE_DOT)
async def test_a_stray_line_closes_the_connection(way: Way, at: str) -> None:
    usual = {"mail": b"250 Ok", "rcpt": b"250 Ok", "data": b"354 Go"}[at]
    result, taken = await outcome(way, say(at, usual + b"\r\n250 and one more\r\n"))
    assert (result.reply, taken) == (None, 0)
    assert result.phase in (BEFORE_THE_DOT if way.pipelining else [at])


@pytest.mark.parametrize("at", BEFORE_THE_DOT)
async def test_the_beginning_of_a_stray_line_closes_the_connection(way: Way, at: str) -> None:
    usual = {"mail": b"250 Ok", "rcpt": b"250 Ok", "data": b"354 Go"}[at]
    result, taken = await outcome(way, say(at, usual + b"\r\n250 and one "))
    unseen = way.pipelining and at == "mail"  # the next reply, which comes at once, makes a whole line of it
    assert (result.accepted, taken) == (unseen, unseen)
    assert unseen or judge(result).state is State.DEFERRED


@pytest.mark.parametrize("nonsense", [b"hello\r\n", b"999 What\r\n", b"250-a\r\n251 b\r\n", b"100 x\r\n", b"\r\n"])
async def test_an_answer_that_is_not_smtp_is_no_answer(plain: Way, nonsense: bytes) -> None:
    before, _ = await outcome(plain, say("rcpt", nonsense))
    assert (before.phase, before.reply) == (Phase.RCPT, None)
    after, _ = await outcome(plain, say("dot", nonsense))
    assert judge(after).state is State.UNCERTAIN


@pytest.mark.parametrize(("at", "state"), [("mail", 0), ("rcpt", 0), ("data", 0), ("dot", 1)])
async def test_354_where_it_means_nothing_is_no_acceptance(plain: Way, at: str, state: int) -> None:
    wrong = b"250 Ok\r\n" if at == "data" else b"354 Go\r\n"
    result, _ = await outcome(plain, say(at, wrong))
    assert result.reply is None
    assert judge(result).state is (State.UNCERTAIN if state else State.DEFERRED)


@pytest.mark.parametrize("at", ["mail", "rcpt", "data", "dot"])
async def test_drip_fed_replies_are_read(way: Way, at: str) -> None:
    result, taken = await outcome(way, drip(at))
    assert judge(result).state is State.ACCEPTED
    assert taken == 1


@pytest.mark.parametrize("chunk", [b"250-more\r\n", b"2" * 1000], ids=["lines", "one-line"])
@pytest.mark.parametrize("at", ["rcpt", "dot"])
async def test_an_endless_reply_ends_within_bounds(way: Way, at: str, chunk: bytes) -> None:
    async with asyncio.timeout(20):
        result, _ = await outcome(way, flood(at, chunk))
    assert (result.phase, result.reply) == (Phase(at), None)


async def test_half_a_reply_is_no_reply(plain: Way) -> None:
    async with asyncio.timeout(4):
        result, _ = await outcome(plain, say("rcpt", b"250"), command=0.1)
    assert (result.phase, result.reply) == (Phase.RCPT, None)


async def test_what_a_relay_says_unasked_is_not_taken_for_the_next_answer(way: Way) -> None:
    rule = say("dot", b"250 2.0.0 Queued\r\n", times=1)
    async with way.relay(rule) as relay, way.session(relay) as session:
        assert judge(await session.send(to(), nothing)).state is State.ACCEPTED
        await relay.say(b"250 2.0.0 For no reason\r\n")
        await unusable(session)
        second = await session.send(to("bob@example.com"), nothing)
        assert judge(second).state is State.DEFERRED
    assert relay.accepted == {"alice@example.com": 1}


async def test_an_unasked_421_is_kept(plain: Way) -> None:
    async with plain.relay() as relay, plain.session(relay) as session:
        assert judge(await session.send(to(), nothing)).state is State.ACCEPTED
        await relay.say(b"421 4.4.2 Idle too long\r\n")
        await unusable(session)
        second = await session.send(to("bob@example.com"), nothing)
        assert str(second.reply) == "421 4.4.2 Idle too long"


async def test_a_message_taken_with_a_421_in_the_same_packet_is_taken(way: Way) -> None:
    rule = say("dot", b"250 2.0.0 Queued\r\n421 4.3.2 Good night\r\n", accepting=True, close=True)
    result, taken = await outcome(way, rule)
    assert (judge(result).state, taken) == (State.ACCEPTED, 1)


async def test_who_hangs_up_is_said_to(plain: Way) -> None:
    result, _ = await outcome(plain, hang_up("mail"))
    assert result.cause == "the relay hung up"


# --- limits of the relay ---------------------------------------------------------------------------------------


async def test_a_relay_that_closes_after_two_messages(way: Way) -> None:
    async with way.relay(max_messages=2) as relay, way.session(relay) as session:
        states = [judge(await session.send(to(f"r{n}@example.com"), nothing)).state for n in range(3)]
        assert states == [State.ACCEPTED, State.ACCEPTED, State.DEFERRED]
        assert not session.usable
    assert sum(relay.accepted.values()) == 2


async def test_cancelled_after_the_dot_the_relay_may_have_it_and_nothing_else_is_heard(way: Way) -> None:
    rule = stall("dot")
    async with way.relay(rule) as relay:
        async with way.session(relay) as session:
            sending = asyncio.create_task(session.send(to(), nothing))
            await rule.reached()
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending
            assert not session.usable
        rule.let_go()
        await relay.visits[0].closed.wait()
    assert relay.commands[-1] == "DATA"
