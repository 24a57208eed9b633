"""Leaving by mail: the token in the Subject decides who, whoever sends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import insert, select

from mailer.flows.bounce import TakeIn
from mailer.mail.list_headers import unsubscribe_mailto
from mailer.model.tokens import Keyring, Purpose
from mailer.store.engine import Database
from mailer.store.schema import bounces, consents, deliveries, subscribers, suppressions

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
RING = Keyring({1: b"k" * 32}, 1)


@pytest.fixture
def alice(db: Database) -> int:
    """Alice's delivery of long ago; what is asked of it changes her only."""
    with db.transaction() as conn:
        for name in ("bob", "alice"):
            who = conn.execute(
                insert(subscribers)
                .values(
                    address=f"{name}@example.com",
                    match_key=f"{name}@example.com",
                    domain="example.com",
                    state="active",
                    created_at=NOW,
                )
                .returning(subscribers.c.id)
            ).scalar_one()
            sent = conn.execute(
                insert(deliveries)
                .values(
                    subscriber_id=who,
                    address=f"{name}@example.com",
                    domain="example.com",
                    due_at=NOW,
                    changed_at=NOW - timedelta(days=300),
                    state="uncertain",
                )
                .returning(deliveries.c.id)
            ).scalar_one()
    return int(sent)  # fmt: skip


@pytest.fixture
def journey(db: Database) -> TakeIn:
    return TakeIn(db, RING, lambda: NOW)


def mail(subject: str) -> bytes:
    return f"From: Somebody <somebody@example.net>\r\nTo: leave@example.org\r\nSubject: {subject}\r\n\r\n\r\n".encode()


def states(db: Database) -> dict[str, str]:
    with db.reading() as conn:
        return {row.address: row.state for row in conn.execute(select(subscribers.c.address, subscribers.c.state))}


def token(delivery: int) -> str:
    return RING.sign(delivery, Purpose.UNSUBSCRIBE)


@pytest.mark.parametrize(
    "subject",
    [
        "unsubscribe {}",
        "Unsubscribe  {} ",
        "UNSUBSCRIBE\r\n {}",
        "=?utf-8?q?unsubscribe_{}?=",
        "unsubscribe%20{}",
        "unsubscribe+{}",
        "[EXTERNAL] unsubscribe {}",
        "【外部邮件】[SPAM?] unsubscribe {}",
    ],
)
def test_the_mail_our_own_header_asks_for_stops_its_reader_and_nobody_else(
    db: Database, journey: TakeIn, alice: int, subject: str
) -> None:
    taken = journey.take(mail(subject.format(token(alice))), "imap")
    assert (taken.state, taken.sentence) == ("read", "unsubscribed")
    assert states(db) == {"alice@example.com": "unsubscribed", "bob@example.com": "active"}
    with db.reading() as conn:
        assert conn.execute(select(consents.c.action, consents.c.source)).all() == [("withdrawn", "mailto")]
        assert conn.execute(select(deliveries.c.state).where(deliveries.c.id == alice)).scalar() == "accepted"
        assert conn.execute(select(bounces)).all() == []
        assert conn.execute(select(suppressions)).all() == []
    journey.take(mail(subject.format(token(alice)) + " "), "imap")
    with db.reading() as conn:
        assert len(conn.execute(select(consents)).all()) == 1


def test_what_a_mail_client_makes_of_the_link_is_obeyed(db: Database, journey: TakeIn, alice: int) -> None:
    link = unsubscribe_mailto("leave@example.org", f"unsubscribe {token(alice)}")
    journey.take(mail(parse_qs(urlsplit(link).query)["subject"][0]), "pipe")
    assert states(db)["alice@example.com"] == "unsubscribed"


@pytest.mark.parametrize(
    "subject",
    [
        "unsubscribe",
        "unsubscribe alice@example.com",
        "unsubscribe " + "a" * 26,
        "unsubscribe {other}",
        "Re: please do not unsubscribe {token}",
        "unsubscribe {token} {token}",
        "[unsubscribe {token}]",
        "[" * 5000 + "unsubscribe {token}",
    ],
)
def test_anything_else_stops_nobody(db: Database, journey: TakeIn, alice: int, subject: str) -> None:
    other = RING.sign(alice, Purpose.PREFERENCES)
    journey.take(mail(subject.format(token=token(alice), other=other)), "imap")
    assert set(states(db).values()) == {"active"}
