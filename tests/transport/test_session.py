"""Transactions that go as the standard has them, and those refused along the way."""

from __future__ import annotations

import asyncio

import pytest
from support.relay import Relay, hang_up, refuse, say
from support.ways import CONTENT, Way, nothing, to

from mailer.model.delivery import Phase, State, judge


async def test_a_message_arrives_byte_for_byte(way: Way) -> None:
    async with way.relay() as relay, way.session(relay) as session:
        result = await session.send(to(), nothing)
        assert result.phase is Phase.DOT
        assert judge(result).state is State.ACCEPTED
    assert relay.accepted == {"alice@example.com": 1}
    assert relay.transactions[0].content == CONTENT
    assert relay.transactions[0].return_path == "b@example.org"
    assert relay.commands[-1] == "QUIT"


async def test_one_connection_takes_many_messages_of_any_size(way: Way) -> None:
    sizes = (0, 1, 1000, 45_000, 300_000, 3_000_000)
    async with way.relay(keep_content=True) as relay, way.session(relay) as session:
        for size in sizes:
            content = b"Subject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * (size // 72)
            result = await session.send(to(content=content), nothing)
            assert judge(result).state is State.ACCEPTED
            assert relay.transactions[-1].content == content
    assert len(relay.visits) == 1


async def test_the_null_return_path_is_sent_as_such(plain: Way) -> None:
    async with plain.relay() as relay, plain.session(relay) as session:
        await session.send(to(return_path=""), nothing)
    assert "MAIL FROM:<>" in relay.commands


async def test_a_refused_recipient_is_failed_and_the_next_message_goes_on_the_same_connection(way: Way) -> None:
    async with way.relay(refuse("rcpt", recipient="dave@*")) as relay, way.session(relay) as session:
        refused = await session.send(to("dave@example.com"), nothing)
        assert (refused.phase, refused.reply and refused.reply.code) == (Phase.RCPT, 550)
        assert judge(refused).state is State.FAILED
        assert judge(await session.send(to(), nothing)).state is State.ACCEPTED
    assert relay.accepted == {"alice@example.com": 1}
    assert len(relay.visits) == 1
    assert "RSET" in relay.commands


@pytest.mark.parametrize(
    ("at", "reply", "state"),
    [
        ("mail", "550 5.7.1 You may not", State.PENDING),
        ("mail", "451 4.3.0 Later", State.DEFERRED),
        ("rcpt", "451 4.7.1 Greylisted", State.DEFERRED),
        ("data", "554 5.5.1 No", State.FAILED),
        ("data", "451 4.3.0 Later", State.DEFERRED),
        ("dot", "550 5.7.1 Spam", State.FAILED),
        ("dot", "454 4.7.0 Throttled", State.DEFERRED),
    ],
)
async def test_a_refusal_names_its_phase_and_leaves_the_connection_usable(
    plain: Way, at: str, reply: str, state: State
) -> None:
    async with plain.relay(refuse(at, reply, times=1)) as relay, plain.session(relay) as session:
        result = await session.send(to(), nothing)
        assert result.phase is Phase(at)
        assert str(result.reply) == reply
        assert judge(result).state is state
        assert session.usable
        assert judge(await session.send(to("bob@example.com"), nothing)).state is State.ACCEPTED
    assert relay.accepted == {"bob@example.com": 1}


async def test_a_storm_of_454_finishes_nothing(plain: Way) -> None:
    async with plain.relay(refuse("dot", "454 4.7.0 Throttled")) as relay, plain.session(relay) as session:
        for _ in range(20):
            assert judge(await session.send(to(), nothing)).state is State.DEFERRED
    assert not relay.accepted


async def test_several_lines_are_one_reply(way: Way) -> None:
    rule = say("dot", b"250-2.0.0 Taken\r\n250-by this relay\r\n250 as 4711\r\n")
    async with way.relay(rule) as relay, way.session(relay) as session:
        result = await session.send(to(), nothing)
    assert result.reply is not None
    assert result.reply.lines == ("2.0.0 Taken", "by this relay", "as 4711")


async def test_what_a_relay_says_cannot_forge_a_log_line(plain: Way) -> None:
    rule = say("rcpt", b"550 5.1.1 \x1b[2J\x00\rno \xff\xe2\x80\xa8such\r\n")
    async with plain.relay(rule) as relay, plain.session(relay) as session:
        result = await session.send(to(), nothing)
    assert result.reply is None or result.reply.text.isprintable()
    assert judge(result).state in {State.FAILED, State.DEFERRED}


@pytest.mark.parametrize(
    "recipient",
    [
        "a@b>\r\nRCPT TO:<c@d",
        "a b@example.com",
        "a@example.com\n",
        "<a@example.com>",
        "a\x00@example.com",
        "",
        "\ud800@x",
    ],
)
async def test_an_address_that_is_a_command_is_never_sent(plain: Way, recipient: str) -> None:
    async with plain.relay(extensions=["SMTPUTF8", "8BITMIME"]) as relay, plain.session(relay) as session:
        result = await session.send(to(recipient), nothing)
        assert judge(result).state is State.FAILED
        assert session.usable
    assert relay.transactions == []


async def test_a_non_ascii_address_fails_alone_where_the_relay_has_no_smtputf8(plain: Way) -> None:
    async with plain.relay() as relay, plain.session(relay) as session:
        result = await session.send(to("爱丽丝@example.com"), nothing)
        assert judge(result).state is State.FAILED
        assert judge(await session.send(to(), nothing)).state is State.ACCEPTED
    assert relay.accepted == {"alice@example.com": 1}


async def test_a_non_ascii_address_is_announced_where_the_relay_has_smtputf8(plain: Way) -> None:
    async with plain.relay(extensions=["SMTPUTF8", "8BITMIME"]) as relay, plain.session(relay) as session:
        assert judge(await session.send(to("爱丽丝@example.com"), nothing)).state is State.ACCEPTED
    assert relay.transactions[0].parameters == "SMTPUTF8"
    assert relay.accepted == {"爱丽丝@example.com": 1}


async def test_eight_bit_content_needs_8bitmime(plain: Way) -> None:
    content = "Subject: x\r\n\r\n早安\r\n".encode()
    async with plain.relay(extensions=["8BITMIME"]) as relay, plain.session(relay) as session:
        assert judge(await session.send(to(content=content), nothing)).state is State.ACCEPTED
    assert relay.transactions[0].parameters == "BODY=8BITMIME"
    async with plain.relay(extensions=[]) as relay, plain.session(relay) as session:
        assert judge(await session.send(to(content=content), nothing)).state is State.PENDING
    assert relay.transactions == []


@pytest.mark.parametrize(
    ("offered", "most"),
    [("LIMITS MAILMAX=50", 50), ("limits rcptmax=100 mailmax=7 x=1", 7), ("LIMITS MAILMAX=0", 0),
     ("LIMITS XMAILMAX=5", 0), ("LIMITS MAILMAX=5x", 0), ("LIMITS", 0), ("X-LIMITS MAILMAX=5", 0)],
)  # fmt: skip
async def test_how_many_messages_the_relay_takes_over_a_connection(plain: Way, offered: str, most: int) -> None:
    async with plain.relay(extensions=[offered]) as relay, plain.session(relay) as session:
        assert session.most == most


async def test_a_message_above_the_announced_size_is_our_fault_and_never_begun(plain: Way) -> None:
    async with plain.relay(extensions=["SIZE 1000"]) as relay, plain.session(relay) as session:
        result = await session.send(to(content=b"Subject: x\r\n\r\n" + b"y\r\n" * 400), nothing)
        assert judge(result).state is State.PENDING
        assert result.reply is not None
        assert (result.reply.code, result.reply.status) == (552, "5.3.4")
        assert judge(await session.send(to(), nothing)).state is State.ACCEPTED
    assert [transaction.parameters for transaction in relay.transactions] == [f"SIZE={len(CONTENT)}"]


async def test_handing_over_comes_after_354_and_before_the_content(plain: Way) -> None:
    seen: list[str] = []
    async with plain.relay() as relay, plain.session(relay) as session:
        await session.send(to(), lambda: seen.append(relay.commands[-1]))
    assert seen == ["DATA"]


async def test_when_handing_over_raises_nothing_was_handed_over(way: Way) -> None:
    def raises() -> None:
        raise LookupError("no lease")

    async with way.relay() as relay, way.session(relay) as session:
        with pytest.raises(LookupError):
            await session.send(to(), raises)
        assert not session.usable
        await relay.visits[0].closed.wait()
    assert relay.visits[0].octets == 0
    assert not relay.accepted


async def test_a_cancelled_transaction_aborts_the_connection(way: Way) -> None:
    from support.relay import stall

    waits = stall("rcpt")
    async with way.relay(waits) as relay, way.session(relay) as session:
        sending = asyncio.create_task(session.send(to(), nothing))
        await waits.reached()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert not session.usable
        waits.let_go()
        await relay.visits[0].closed.wait()
        late = await session.send(to(), nothing)
        assert (late.phase, late.reply) == (Phase.MAIL, None)
    assert not relay.accepted


async def test_close_does_not_wait_for_a_relay_that_does_not_answer_quit(plain: Way) -> None:
    from support.relay import stall

    async with Relay(stall("quit")) as relay:
        session = await plain.client(relay, quit=0.05).open()
        async with asyncio.timeout(2):
            await session.close()
        await session.close()


async def test_a_relay_that_closed_in_between_is_noticed_before_the_next_message(plain: Way) -> None:
    async with Relay(hang_up("dot", after_reply=True)) as relay, plain.session(relay) as session:
        assert judge(await session.send(to(), nothing)).state is State.ACCEPTED
        await relay.visits[0].closed.wait()
        second = await session.send(to("bob@example.com"), nothing)
        assert judge(second).state is State.DEFERRED
        assert not session.usable
    assert relay.accepted == {"alice@example.com": 1}
