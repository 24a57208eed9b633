"""The door for returned mail: only our own return paths, and durable before its 250."""

from __future__ import annotations

import asyncio
import smtplib
import threading
from collections.abc import AsyncIterator, Sequence

import pytest

from mailer.intake.listener import MAX_CONNECTIONS, MAX_SIZE, Door, Listener

OURS = "b+token@club.example.com"


@pytest.fixture
async def door() -> AsyncIterator[tuple[Listener, list[tuple[bytes, str]]]]:
    kept: list[tuple[bytes, str]] = []
    broken = threading.Event()

    def keep(mails: Sequence[tuple[bytes, str]]) -> None:
        if any(b"break" in raw for raw, _ in mails):
            broken.set()
            raise RuntimeError("disk full")
        kept.extend(mails)

    async with Listener(Door(lambda address: address == OURS, keep), "127.0.0.1", 0) as listener:
        yield listener, kept


async def talk(listener: Listener, recipient: str, body: bytes) -> int:
    def send() -> int:
        with smtplib.SMTP("127.0.0.1", listener.port, timeout=10) as client:
            client.ehlo()
            client.mail("")
            code, _ = client.rcpt(recipient)
            return client.data(body)[0] if code == 250 else code

    return await asyncio.to_thread(send)


async def test_a_mail_to_our_return_path_is_kept_before_its_250(
    door: tuple[Listener, list[tuple[bytes, str]]],
) -> None:
    listener, kept = door
    assert await talk(listener, OURS, b"Subject: x\r\n\r\nhello\r\n") == 250
    assert kept[0][1] == OURS
    assert kept[0][0] == b"Return-Path: <>\r\nSubject: x\r\n\r\nhello\r\n"


@pytest.mark.parametrize(("body", "code"), [(b"hello", b"250"), (b"break", b"451"), (b"x" * MAX_SIZE, b"552")])
async def test_by_lmtp_the_content_is_answered_for_each_recipient(body: bytes, code: bytes) -> None:
    kept: list[tuple[bytes, str]] = []

    def keep(mails: Sequence[tuple[bytes, str]]) -> None:
        if b"break" in mails[0][0]:
            raise RuntimeError("disk full")
        kept.extend(mails)

    async with Listener(Door(lambda _: True, keep), "127.0.0.1", 0, lmtp=True) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(b"LHLO there\r\nMAIL FROM:<>\r\nRCPT TO:<b+1@x.example>\r\nRCPT TO:<b+2@x.example>\r\nDATA\r\n")
        await asyncio.wait_for(reader.readuntil(b"354"), 10)
        lines = b"\r\n".join(body[place : place + 900] for place in range(0, len(body), 900))
        writer.write(lines + b"\r\n.\r\nNOOP\r\nQUIT\r\n")
        said = (await asyncio.wait_for(reader.read(), 10)).splitlines()[1:]
        writer.close()
    assert [line[:3] for line in said] == [code, code, b"250", b"221"]
    assert [who for _, who in kept] == (["b+1@x.example", "b+2@x.example"] if code == b"250" else [])


async def test_everybody_else_is_refused(door: tuple[Listener, list[tuple[bytes, str]]]) -> None:
    listener, kept = door
    assert await talk(listener, "victim@example.org", b"x") == 550
    assert kept == []


async def test_what_cannot_be_kept_is_to_be_tried_again(door: tuple[Listener, list[tuple[bytes, str]]]) -> None:
    listener, kept = door
    assert await talk(listener, OURS, b"break\r\n") == 451
    assert kept == []


async def test_a_mail_beyond_the_cap_is_refused(door: tuple[Listener, list[tuple[bytes, str]]]) -> None:
    listener, kept = door
    assert await talk(listener, OURS, b"x" * 900 + (b"\r\n" + b"y" * 900) * (MAX_SIZE // 900)) == 552
    assert kept == []


async def test_a_line_longer_than_the_standard_allows_is_taken(door: tuple[Listener, list[tuple[bytes, str]]]) -> None:
    listener, kept = door
    assert await talk(listener, OURS, b"x" * 5000 + b"\r\n") == 250
    assert b"x" * 5000 in kept[0][0]


async def test_many_at_once_are_all_kept_and_a_bad_one_harms_no_other(
    door: tuple[Listener, list[tuple[bytes, str]]],
) -> None:
    listener, kept = door
    bodies = [b"break\r\n" if number == 1 else b"mail %d\r\n" % number for number in range(4)]
    codes = await asyncio.gather(*(talk(listener, OURS, body) for body in bodies))
    assert sorted(codes) == [250] * 3 + [451]
    assert len(kept) == 3


async def test_a_flood_of_connections_is_told_to_come_again(door: tuple[Listener, list[tuple[bytes, str]]]) -> None:
    listener, _ = door
    opened = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(MAX_CONNECTIONS)]
    for reader, _ in opened:
        assert (await reader.readline()).startswith(b"220")
    late, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    assert (await late.readline()).startswith(b"421")
    for _, each in (*opened, (late, writer)):
        each.close()
        await each.wait_closed()
    for _ in range(500):
        if listener.door.connections:
            await asyncio.sleep(0.01)
    assert await talk(listener, OURS, b"hello\r\n") == 250


@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r\n\x00.\r\n"]
)
async def test_only_one_end_of_data_ends_a_mail(door: tuple[Listener, list[tuple[bytes, str]]], end: bytes) -> None:
    """CVE-2024-27305: what another server takes for text must not be a second mail here."""
    listener, kept = door
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    second = b"MAIL FROM:<>\r\nRCPT TO:<" + OURS.encode() + b">\r\nDATA\r\nsmuggled\r\n.\r\n"
    for said in (b"EHLO me\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<" + OURS.encode() + b">\r\n", b"DATA\r\n"):
        writer.write(said)
    writer.write(b"first" + end + second + b"QUIT\r\n")
    answers = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert answers.count(b"354 ") == 1
    assert len(kept) == 1
    assert b"smuggled" in kept[0][0]
