"""The development inbox takes, keeps and refuses as told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.ways import CONTENT, QUICK, nothing, to

from mailer.intake.inbox import Inbox, InboxServer, Manners
from mailer.model.delivery import State, judge
from mailer.transport.smtp import SmtpRelay
from mailer.transport.url import parse


async def states(server: InboxServer, *recipients: str, content: bytes = CONTENT) -> list[State]:
    async with server.running() as port:
        session = await SmtpRelay(parse(f"smtp://127.0.0.1:{port}"), timeouts=QUICK).open()
        found = [judge(await session.send(to(who, content), nothing)).state for who in recipients]
        await session.close()
        return found


async def test_a_mail_is_kept_as_it_came_with_its_envelope_above(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    assert await states(InboxServer(inbox), "alice@example.com") == [State.ACCEPTED]
    (name,) = inbox.names()
    path = inbox.find(name)
    assert path is not None
    assert path.read_bytes() == b"Return-Path: <b@example.org>\r\nDelivered-To: alice@example.com\r\n" + CONTENT


async def test_some_are_refused_for_good_and_some_for_a_while(tmp_path: Path) -> None:
    server = InboxServer(Inbox(tmp_path), Manners(refuse=("dave@*",), defer=("bob@*",), tries=2))
    who = ["Dave@example.com", "bob@example.com", "bob@example.com", "bob@example.com", "alice@example.com"]
    assert await states(server, *who) == [
        State.FAILED,
        State.DEFERRED,
        State.DEFERRED,
        State.ACCEPTED,
        State.ACCEPTED,
    ]
    assert server.accepted == {"alice@example.com": 1, "bob@example.com": 1}


async def test_ten_connections_bring_two_hundred_mails_quickly(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    content = b"Subject: News\r\n\r\n" + (b"y" * 70 + b"\r\n") * 600
    async with InboxServer(inbox).running() as port, asyncio.timeout(10):
        relay = SmtpRelay(parse(f"smtp://127.0.0.1:{port}"), timeouts=QUICK)

        async def send() -> None:
            session = await relay.open()
            for n in range(20):
                result = await session.send(to(f"r{n}@example.com", content), nothing)
                assert judge(result).state is State.ACCEPTED
            await session.close()

        await asyncio.gather(*(send() for _ in range(10)))
    assert len(inbox.names()) == 200


async def test_an_idle_connection_does_not_hold_up_the_end(tmp_path: Path) -> None:
    server = InboxServer(Inbox(tmp_path))
    port = await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    async with asyncio.timeout(2):
        await server.stop()
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


def test_numbers_go_on_where_the_last_run_ended(tmp_path: Path) -> None:
    assert Inbox(tmp_path).keep("", ["alice@example.com"], CONTENT) == "0000000001.eml"
    assert Inbox(tmp_path).keep("", ["alice@example.com"], CONTENT) == "0000000002.eml"


def test_two_programs_on_one_folder_never_overwrite_each_other(tmp_path: Path) -> None:
    one, other = Inbox(tmp_path), Inbox(tmp_path)
    names = [box.keep("", ["alice@example.com"], CONTENT) for box in (one, other, one, other)]
    assert sorted(names, reverse=True) == one.names()
    assert len(set(names)) == 4
    assert not list(tmp_path.glob("draft-*"))


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, kept=10)
    for _ in range(30):
        last = inbox.keep("", ["alice@example.com"], CONTENT)
    assert len(inbox.names()) <= 11
    assert inbox.names()[0] == last


@pytest.mark.parametrize("name", ["../secret.eml", "..", "", "1.eml", "0000000001.eml/../../x", "0000000001.EML"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    inbox = Inbox(tmp_path / "inbox")
    (tmp_path / "secret.eml").write_bytes(b"x")
    inbox.keep("", ["alice@example.com"], CONTENT)
    assert inbox.find(name) is None
