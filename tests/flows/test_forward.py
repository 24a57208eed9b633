"""A person's answer reaches the club's people; a machine's never makes us send anything."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from mailer.flows import subscribers as readers
from mailer.flows.bounce import TakeIn
from mailer.flows.forward import MOST_AN_HOUR, Forwarder
from mailer.mail import mime
from mailer.mail.forward import forwarded, writer
from mailer.model.delivery import State
from mailer.model.tokens import Keyring, Purpose
from mailer.store.engine import Database
from mailer.store.schema import deliveries, letters, metadata, returned_mails, subscribers

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
RING = Keyring({1: b"k" * 32}, 1)
SAMPLES = Path(__file__).parents[1] / "samples" / "bounces"
CLUB = ("Club News", "news@club.example.com")
TEAM = "team@club.example.com"
ANSWER = b"From: Alice <alice@example.org>\r\nSubject: Re: issue 3\r\n\r\nThank you!\r\n.\r\n"


@pytest.fixture
def journey(db: Database) -> TakeIn:
    return TakeIn(db, RING, lambda: NOW, forward=Forwarder(RING, TEAM, CLUB, "club.example.com"))


@pytest.fixture
def path(db: Database) -> str:
    with db.transaction() as conn:
        address = {"address": "alice@example.org", "domain": "example.org"}
        row = {**address, "match_key": "alice@example.org", "state": "active", "created_at": NOW}
        who = conn.execute(insert(subscribers).values(row).returning(subscribers.c.id)).scalar_one()
        row = {**address, "subscriber_id": who, "due_at": NOW, "changed_at": NOW, "state": "accepted"}
        delivery = conn.execute(insert(deliveries).values(row).returning(deliveries.c.id)).scalar_one()
    return f"b+{RING.sign(delivery, Purpose.BOUNCE)}@club.example.com"


def traces(db: Database, name: str) -> list[str]:
    with db.reading() as conn:
        return [
            table.name for table in metadata.sorted_tables if name in str(conn.execute(select(table)).all()).lower()
        ]


def posted(db: Database) -> list[bytes]:
    with db.reading() as conn:
        return list(conn.execute(select(letters.c.content).order_by(letters.c.id)).scalars())


def test_a_persons_answer_is_a_letter_to_the_team(db: Database, journey: TakeIn, path: str) -> None:
    assert journey.take(ANSWER, "lmtp", path).state == "forwarded"
    (content,) = posted(db)
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert (message["To"], message["Reply-To"]) == (TEAM, "alice@example.org")
    assert message["Subject"] == "Fwd: Re: issue 3"
    assert message["Auto-Submitted"] == "auto-generated"
    words, original = message.iter_parts()
    assert "Thank you!" in words.get_content()
    assert original.get_content() == ANSWER
    assert journey.take(ANSWER, "lmtp", path).state == "repeat"
    assert len(posted(db)) == 1


@pytest.mark.parametrize(
    "field",
    [
        b"Auto-Submitted: auto-generated",
        b"Auto-Submitted: auto-replied",
        b"Precedence: bulk",
        b"List-Id: <x.example.org>",
        b"Return-Path: <>",
        b"Content-Type: multipart/report; boundary=x",
        b"From: MAILER-DAEMON@mx.example.org",
    ],
)
def test_a_machines_mail_is_kept_and_not_forwarded(db: Database, journey: TakeIn, path: str, field: bytes) -> None:
    journey.take(field + b"\r\n" + ANSWER, "lmtp", path)
    assert posted(db) == []
    with db.reading() as conn:
        assert len(conn.execute(select(returned_mails)).all()) == 1


def test_what_we_forwarded_is_not_forwarded_when_it_comes_back(db: Database, journey: TakeIn, path: str) -> None:
    journey.take(ANSWER, "lmtp", path)
    (letter,) = posted(db)
    journey.take(letter, "imap")
    assert len(posted(db)) == 1


def test_an_answer_of_the_team_is_not_sent_to_the_team(db: Database, journey: TakeIn, path: str) -> None:
    journey.take(ANSWER.replace(b"alice@example.org", TEAM.encode()), "lmtp", path)
    assert posted(db) == []


def test_an_answer_without_a_token_is_not_forwarded(db: Database, journey: TakeIn) -> None:
    assert journey.take(ANSWER, "imap").state == "unverified"
    assert posted(db) == []


def test_one_genuine_token_cannot_make_us_flood_the_team(db: Database, journey: TakeIn, path: str) -> None:
    for number in range(MOST_AN_HOUR + 5):
        journey.take(ANSWER + str(number).encode(), "lmtp", path)
    assert len(posted(db)) == MOST_AN_HOUR


@given(st.binary(max_size=400))
@settings(max_examples=100, deadline=None)
def test_no_bytes_of_a_stranger_reach_our_headers(noise: bytes) -> None:
    raw = b"From: alice@example.org\r\nSubject: " + noise + b"\r\n\r\n" + noise
    mail = mime.read(raw)
    if writer(mail):
        content = forwarded(raw, mail, to=TEAM, sender=CLUB, message_id="a@club.example.com", about="x", at=NOW)
        head = content.partition(b"\r\n\r\n")[0].decode()
        names = [line.partition(":")[0] for line in head.split("\r\n") if line[:1] not in " \t"]
        assert " ".join(names) == ("From To Reply-To Subject Date Message-ID Auto-Submitted MIME-Version Content-Type")
        assert b"\n." not in content


def test_what_a_reader_wrote_is_his_to_ask_for_and_is_forgotten_with_him(
    db: Database, journey: TakeIn, path: str
) -> None:
    journey.take(ANSWER, "lmtp", path)
    wish = RING.sign(1, Purpose.UNSUBSCRIBE)
    journey.take(f"From: alice@example.org\r\nSubject: unsubscribe {wish}\r\n\r\n".encode(), "lmtp")
    kept = readers.show(db, "alice@example.org")[1]
    assert len(kept["returned_mails"]) == 2
    assert [letter["kind"] for letter in kept["letters"]] == ["answer"]

    readers.erase(db, RING, "alice@example.org", actor="op", now=NOW)
    assert traces(db, "alice") == []
    assert db.read(
        lambda conn: conn.execute(select(deliveries.c.state).where(deliveries.c.letter_id == 1)).scalar()
    ) == (State.SUPPRESSED)


def test_of_who_was_erased_no_later_mail_is_kept_either(db: Database, journey: TakeIn, path: str) -> None:
    readers.erase(db, RING, "alice@example.org", actor="op", now=NOW)
    report = (SAMPLES / "postfix-unknown-user.eml").read_bytes().replace(b"dave@example.org", b"alice@example.org")
    assert b"alice" in report
    assert journey.take(report, "lmtp", path).state == "read"
    wish = RING.sign(1, Purpose.UNSUBSCRIBE)
    journey.take(f"From: alice@example.org\r\nSubject: unsubscribe {wish}\r\n\r\n".encode(), "lmtp")
    assert traces(db, "alice") == []
    assert journey.take(ANSWER, "lmtp", path).state == "forwarded"  # he writes to people, who shall read it
    assert traces(db, "alice") == ["letters"]
