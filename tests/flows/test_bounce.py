"""A refusal becomes a bounce, and only a dead address a suppression."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, insert, select
from support import edges

from mailer.flows.bounce import Breakers, record_refusals
from mailer.mail.reply import Reply
from mailer.model.delivery import Phase, State
from mailer.store import suppressions
from mailer.store.engine import Database
from mailer.store.healing import heal
from mailer.store.schema import attempts, bounces, deliveries, subscribers

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
DAVE = "Dave@example.com"


@dataclass(frozen=True)
class Sent:
    id: int
    issue_id: int | None
    subscriber_id: int | None
    address: str
    domain: str
    tries: int = 0


@dataclass(frozen=True)
class Refusal:
    delivery: Sent
    reply: Reply
    phase: Phase = Phase.RCPT


def reader(conn: Connection, address: str = DAVE) -> Sent:
    domain = address.rpartition("@")[2]
    subscriber = conn.execute(
        insert(subscribers)
        .values(address=address, match_key=address.lower(), domain=domain, state="active", created_at=NOW)
        .returning(subscribers.c.id)
    ).scalar_one()
    delivery = conn.execute(
        insert(deliveries)
        .values(subscriber_id=subscriber, address=address, domain=domain, due_at=NOW, changed_at=NOW, state="accepted")
        .returning(deliveries.c.id)
    ).scalar_one()
    attempt = {"delivery_id": delivery, "claim_id": 1, "at": NOW, "relay": "relay", "phase": "dot", "state": "accepted"}
    conn.execute(insert(attempts).values(attempt))
    return Sent(delivery, None, subscriber, address, domain)


def refuse(
    db: Database,
    sent: Sent,
    line: str,
    now: datetime = NOW,
    phase: Phase = Phase.RCPT,
    breakers: Breakers | None = None,
) -> None:
    reply = Reply(int(line[:3]), (line[4:],))
    db.run(record_refusals, [Refusal(sent, reply, phase)], now, breakers)


def is_suppressed(db: Database, address: str = DAVE, now: datetime = NOW) -> bool:
    return db.read(suppressions.active, address.lower(), now) is not None


@pytest.fixture
def dave(db: Database) -> Sent:
    return db.run(reader)


def test_an_unknown_user_is_suppressed_at_once_with_the_evidence(db: Database, dave: Sent) -> None:
    refuse(db, dave, "550 5.1.1 <dave@example.com>: Recipient address rejected: User unknown")
    row = db.read(suppressions.active, DAVE.lower(), NOW)
    assert row is not None
    assert (row.reason, row.delivery_id) == ("userunknown", dave.id)
    assert "User unknown" in row.evidence


@pytest.mark.parametrize(
    "line",
    [
        "450 4.1.1 <dave@example.com>: user unknown, try later",
        "550 5.7.1 Service unavailable; client host blocked using a blocklist",
        "550 5.7.26 This mail has been blocked because the sender is unauthenticated",
        "554 5.7.1 Message content rejected, spam",
        "552 5.3.4 Message too big for system",
        "421 4.7.0 Too many connections",
        "550 Connection frequency limited",
    ],
)
def test_what_is_not_about_the_address_never_suppresses_the_reader(db: Database, dave: Sent, line: str) -> None:
    for day in range(60):
        refuse(db, replace(dave, tries=day), line, NOW + timedelta(days=day))
    assert not is_suppressed(db, now=NOW + timedelta(days=60))


def test_the_same_refusal_recorded_twice_is_one_bounce(db: Database, dave: Sent) -> None:
    for _ in range(2):
        refuse(db, dave, "550 5.1.1 no such user")
    with db.reading() as conn:
        assert len(conn.execute(select(bounces)).all()) == 1


def test_a_lifted_suppression_stays_lifted_when_the_same_refusal_comes_again(db: Database, dave: Sent) -> None:
    refuse(db, dave, "550 5.1.1 no such user")
    assert db.run(suppressions.lift, DAVE.lower(), NOW, "operator") == 1
    refuse(db, dave, "550 5.1.1 no such user")
    assert not is_suppressed(db)


@pytest.mark.parametrize("in_one_run", [False, True])
def test_many_unknown_readers_of_one_domain_at_once_are_held_not_suppressed(db: Database, in_one_run: bool) -> None:
    breakers = Breakers() if in_one_run else None
    with db.transaction() as conn:
        sent = [reader(conn, f"reader{number}@example.org") for number in range(60)]
    for each in sent[:20]:
        refuse(db, each, "550 5.1.1 no such user", breakers=breakers)
    found = db.read(suppressions.entries)
    assert {row.state for row in found} == {suppressions.HELD}
    assert is_suppressed(db, "reader0@example.org")
    lifted = db.run(suppressions.lift_domain, "example.org", NOW - timedelta(hours=1), NOW, NOW, "operator")
    assert lifted == 20
    assert not is_suppressed(db, "reader0@example.org")


def test_what_a_breaker_holds_is_held_although_that_was_not_committed_the_first_time(db: Database) -> None:
    breakers = Breakers()
    with db.transaction() as conn:
        sent = [reader(conn, f"reader{number}@example.org") for number in range(60)]
    for each in sent[:20]:
        refusals = [Refusal(each, Reply(550, ("5.1.1 no such user",)))]
        with suppress(StopIteration), db.transaction() as conn:
            record_refusals(conn, refusals, NOW, breakers)
            raise StopIteration
        db.run(record_refusals, refusals, NOW, breakers)
    assert [row.state for row in db.read(suppressions.entries)] == [suppressions.HELD] * 20


def test_a_domain_whose_readers_are_unknown_now_and_then_keeps_its_breaker_closed(db: Database) -> None:
    with db.transaction() as conn:
        sent = [reader(conn, f"reader{number}@example.org") for number in range(60)]
        conn.execute(attempts.update().where(attempts.c.id <= 20).values(at=NOW - timedelta(hours=2)))
    for each in sent[20:24]:
        refuse(db, each, "550 5.1.1 no such user")
    assert {row.state for row in db.read(suppressions.entries)} == {suppressions.ACTIVE}


def test_evidence_turns_uncertain_into_accepted_and_nothing_else(db: Database, dave: Sent) -> None:
    db.run(edges.set_up, state=State.UNCERTAIN)
    assert db.run(heal, dave.id, "a bounce", NOW)
    assert not db.run(heal, dave.id, "a bounce", NOW)
    db.run(edges.set_up, state=State.FAILED)
    assert not db.run(heal, dave.id, "a bounce", NOW)
