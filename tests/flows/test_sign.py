"""Mail signed on its way out: what every relay gets verifies, at each attempt with the same bytes."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import update
from support.cast import NOW, reader
from support.club import ISSUE, NUMBER
from support.relay import Relay, refuse
from support.verifier import verify

from mailer.cli import drafts
from mailer.cli.init import make_club
from mailer.flows import report, sign
from mailer.flows.dispatch import Tally
from mailer.flows.sign import FIRST, SignAhead
from mailer.keys import new_dkim_key
from mailer.mail.dkim import EVER, Key, Signer
from mailer.mail.wire import WireForm
from mailer.model.delivery import State
from mailer.rendering.outgoing import Outgoing
from mailer.settings import Settings
from mailer.store.schema import subscribers
from mailer.wiring import Club

READERS = 12
KEYS = [Key("r1", new_dkim_key("rsa")), Key("e1", new_dkim_key("ed25519"))]
NEW_KEY = Key("r2", new_dkim_key("rsa"), NOW + timedelta(minutes=1))


@dataclass
class Sending:
    """A club with readers, and its mail going to a relay; every call of `send` is a new process's club."""

    folder: Path
    now: datetime = NOW
    keys: tuple[Key, ...] = tuple(KEYS)

    def __post_init__(self) -> None:
        make_club(self.folder)
        shutil.copyfile(ISSUE, self.folder / "today.md")
        with self.club("smtp://127.0.0.1:25").db.transaction() as conn:
            for number in range(READERS):
                reader(conn, f"r{number}@example.com", name='Zoë "<.\\' if number % 2 else "")

    def club(self, url: str) -> Club:
        listed = []
        for key in self.keys:
            file = self.folder / f"dkim-{key.selector}.pem"
            if not file.exists():
                file.touch(0o600)
                file.write_bytes(key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            since = None if key.since == EVER else key.since
            listed.append({"selector": key.selector, "file": file.name, "since": since})
        values: dict[str, Any] = {
            "relay": {"url": url, "connections": 2},
            "sender": {"from": "Quay News <news@example.org>"},
            "dkim": {"keys": listed},
        }
        return Club(self.folder, Settings(**values), lambda: self.now)

    def freeze(self) -> None:
        club = self.club("smtp://127.0.0.1:25")
        draft = drafts.prepare(club, str(self.folder / "today.md"), self.now)
        drafts.freeze(club, draft, None, "", self.now, None, "test", self.now)

    async def send(self, relay: Relay, after: timedelta = timedelta(0)) -> Tally:
        self.now += after
        async with asyncio.timeout(60):
            return await self.club(relay.url).dispatcher().run()


@pytest.fixture
def sending(tmp_path: Path) -> Sending:
    return Sending(tmp_path)


def contents(relay: Relay) -> dict[str, list[bytes]]:
    """What each reader was sent, attempt by attempt."""
    found: dict[str, list[bytes]] = {}
    for one in relay.transactions:
        if one.content:
            found.setdefault(one.recipients[0], []).append(one.content)
    return found


async def test_every_message_verifies_and_a_second_attempt_is_the_same_bytes(sending: Sending) -> None:
    sending.freeze()
    async with Relay(refuse("dot", "451 4.3.0 Later", times=READERS)) as relay:
        await sending.send(relay)
        await sending.send(relay, after=timedelta(minutes=6))
        sent = contents(relay)
        assert len(sent) == READERS
        for first, second in sent.values():
            assert first == second
            assert verify(second, *KEYS) == [True, True]
        assert len({first for first, _ in sent.values()}) == READERS


async def test_a_retry_after_the_keys_changed_is_signed_as_it_was(sending: Sending) -> None:
    sending.freeze()
    async with Relay(refuse("dot", "451 4.3.0 Later", times=READERS)) as relay:
        await sending.send(relay)
        sending.keys = (*KEYS, NEW_KEY)
        await sending.send(relay, after=timedelta(minutes=6))
        assert all(first == second for first, second in contents(relay).values())


async def test_what_was_frozen_before_there_was_a_key_keeps_its_bytes(sending: Sending) -> None:
    sending.keys = ()
    sending.freeze()
    async with Relay(refuse("dot", "451 4.3.0 Later", times=READERS)) as relay:
        await sending.send(relay)
        sending.keys = (NEW_KEY,)
        await sending.send(relay, after=timedelta(minutes=6))
        for first, second in contents(relay).values():
            assert first == second
            assert not second.startswith(b"DKIM-Signature")


async def test_the_receipt_is_the_message_with_its_signatures(sending: Sending) -> None:
    sending.freeze()
    async with Relay() as relay:
        await sending.send(relay)
        club, sent = sending.club(relay.url), contents(relay)
        for address, (content,) in sent.items():
            found = report.receipt(club.db, club.keyring, NUMBER, address, club.signer)
            assert found.message.content == content
            assert verify(content, *KEYS) == [True, True]


async def test_letters_and_test_copies_are_signed(sending: Sending) -> None:
    async with Relay() as relay:
        club = sending.club(relay.url)
        draft = drafts.prepare(club, str(sending.folder / "today.md"), sending.now)
        drafts.post_test(club, draft, "editor@example.com", sending.now)
        tally = await sending.send(relay)
        assert tally[State.ACCEPTED] == 1
        assert verify(contents(relay)["editor@example.com"][0], *KEYS) == [True, True]


# --- ahead of sending


class Watched(Signer):
    """A signer that can be looked at while it works."""

    def __init__(self, during: Callable[[], object]) -> None:
        super().__init__("example.org", KEYS[1:])
        self._during = during

    def fields(self, message: bytes) -> bytes:
        self._during()
        return super().fields(message)


def watch(monkeypatch: pytest.MonkeyPatch, during: Callable[[], object]) -> None:
    monkeypatch.setattr(Club, "signer", Watched(during))


async def test_the_loop_goes_on_while_a_batch_is_signed(sending: Sending, monkeypatch: pytest.MonkeyPatch) -> None:
    sending.freeze()
    begun, loop, turned, waited = asyncio.Event(), asyncio.get_running_loop(), threading.Event(), []

    def wait_for_a_turn_of_the_loop() -> None:
        loop.call_soon_threadsafe(begun.set)
        waited.append(turned.wait(20))

    async def turn() -> None:
        await begun.wait()
        turned.set()

    watch(monkeypatch, wait_for_a_turn_of_the_loop)
    async with Relay() as relay:
        turning = asyncio.create_task(turn())
        await sending.send(relay)
        await turning
        assert len(relay.accepted) == len(waited) == READERS
        assert all(waited)


async def test_no_transaction_is_open_while_a_batch_is_signed(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending.freeze()
    other, written, threads = sending.club("smtp://127.0.0.1:25").db, [], set()

    def write() -> None:
        threads.add(threading.get_ident())
        with other.transaction() as conn:
            written.append(conn.execute(update(subscribers).values(name="Somebody")).rowcount)

    watch(monkeypatch, write)
    async with Relay() as relay:
        await sending.send(relay)
    assert written == [READERS] * READERS
    assert threading.get_ident() not in threads


@dataclass
class Row:
    id: int


def compose(row: Any) -> Outgoing:
    if row.id == 7:
        raise ValueError("cannot be composed")
    return Outgoing("a@example.com", "t", (WireForm(b"From: news@example.org\r\n\r\nNumber %d\r\n" % row.id),))


@pytest.fixture
def rows() -> list[Any]:
    return [Row(number) for number in range(20)]


def test_what_cannot_be_composed_fails_when_it_is_sent_and_stops_nobody(rows: list[Any]) -> None:
    signed = SignAhead(Signer("example.org", KEYS))(compose, rows)
    for row in rows:
        if row.id == 7:
            with pytest.raises(ValueError, match="cannot be composed"):
                signed(row)
        else:
            assert verify(signed(row).content, *KEYS) == [True, True]


def test_a_signature_is_made_once_and_ahead(rows: list[Any]) -> None:
    made: list[bytes] = []
    signer = Watched(lambda: made.append(b""))
    rows = [row for row in rows if row.id != 7]
    signed = SignAhead(signer)(compose, rows)
    assert len(made) == len(rows)
    assert {signed(row).content for row in rows} == {signer.sign(compose(row).content) for row in rows}
    assert len(made) == 2 * len(rows), "the second ones are this test's own"


def test_a_slow_machine_claims_no_more_than_it_can_sign_in_time(rows: list[Any]) -> None:
    seconds = iter((0.0, 2.0, 10.0, 10.01))
    ahead = SignAhead(Signer("example.org", KEYS[1:]), clock=lambda: next(seconds))
    assert ahead.most == FIRST
    ahead(compose, rows)
    assert ahead.most == 2
    ahead(compose, rows)
    assert ahead.most == 500


async def test_the_dispatcher_claims_no_more_than_can_be_signed(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed: list[int] = []

    class Slow(SignAhead):
        def __call__(self, compose: Any, deliveries: Any) -> Any:
            claimed.append(len(deliveries))
            signed = super().__call__(compose, deliveries)
            self.most = 1
            return signed

    sending.freeze()
    monkeypatch.setattr(sign, "SignAhead", Slow)
    async with Relay() as relay:
        await sending.send(relay)
        assert len(relay.accepted) == READERS
    assert claimed[1:] == [1] * (READERS - claimed[0])
