"""Erasing a person empties every table that held something of his, also what is on its way at that moment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Table, insert, select
from support import edges
from support.cast import NOW, claim, later, reader

from mailer.flows.bounce import record_refusals
from mailer.flows.dispatch.batch import Refusal
from mailer.mail.reply import Reply
from mailer.model.delivery import Phase, State
from mailer.store import erasure, leases, ledger
from mailer.store.engine import Database
from mailer.store.leases import Worker
from mailer.store.running import Sendable
from mailer.store.schema import applications, attempts, bounces, deliveries, letters, metadata, returned_mails, reviews

LEASE = timedelta(seconds=120)
STONE = "erased:1:0123"


def _add(db: Database, table: Table, **values: Any) -> int:
    with db.transaction() as conn:
        return int(conn.execute(insert(table).values(**values).returning(table.c.id)).scalar_one())


def _erase(db: Database, subscriber_id: int, key: str) -> None:
    with db.transaction() as conn:
        if subscriber_id:
            erasure.scrub(conn, subscriber_id, NOW)
        erasure.bury(conn, key, STONE, actor="op", now=NOW)


def _traces(db: Database, name: str) -> list[str]:
    with db.reading() as conn:
        return [
            table.name for table in metadata.sorted_tables if name in str(conn.execute(select(table)).all()).lower()
        ]


def _claim_letters(db: Database, minutes: int = 0) -> tuple[int, list[int]]:
    now = later(minutes=minutes)
    with db.transaction() as conn:
        claim_id = leases.open_claim(conn, Worker("w1", "host", 1, "boot"), "", now, LEASE)
        return claim_id, [row.id for row in claim(conn, claim_id, Sendable(None), 10, now)]


def _bounce(db: Database, delivery_id: int, subscriber_id: int | None) -> None:
    raw = _add(
        db, returned_mails, at=NOW, via="lmtp", digest="d", state="read", envelope_to="b+dave@example.com",
        content=b"To: dave@example.com",
    )  # fmt: skip
    _add(
        db, bounces, at=NOW, delivery_id=delivery_id, subscriber_id=subscriber_id, via="lmtp", kind="hard",
        reason="userunknown", family="user", recipient="dave@example.com", text="no dave", fingerprint="f",
        raw_id=raw, domain="dave.example.com",
    )  # fmt: skip


def _attempt(db: Database, delivery_id: int) -> None:
    with db.transaction() as conn:
        claim = leases.open_claim(conn, Worker("w0", "host", 1, "boot"), "", NOW, LEASE)
        conn.execute(
            insert(attempts).values(
                delivery_id=delivery_id, claim_id=claim, at=NOW, relay="main", phase="rcpt", state="deferred",
                text="450 <dave@example.com> busy", millis=1,
            )
        )  # fmt: skip
        leases.end_claim(conn, claim, NOW)


def _applicant(db: Database) -> tuple[int, int]:
    """Dave's application, and the delivery of the letter it caused."""
    application_id = _add(
        db, applications, address="dave@example.com", match_key="dave@example.com", name="Dave", kind="shop",
        answers={"shop": "dave's"}, state="waiting", client="dave-host", created_at=NOW,
    )  # fmt: skip
    letter_id = _add(
        db, letters, kind="confirm", application_id=application_id, content=b"To: dave@example.com", created_at=NOW
    )
    delivery_id = _add(
        db, deliveries, letter_id=letter_id, address="dave@example.com", domain="example.com", name="Dave",
        state="pending", due_at=NOW, changed_at=NOW,
    )  # fmt: skip
    return application_id, delivery_id


def test_a_letter_being_sent_while_its_reader_is_erased_is_never_sent_again(db: Database) -> None:
    with db.transaction() as conn:
        dave = reader(conn, "dave@example.com")
    letter_id = _add(db, letters, kind="welcome", subscriber_id=dave, content=b"Hello Dave", created_at=NOW)
    delivery_id = _add(
        db, deliveries, letter_id=letter_id, subscriber_id=dave, address="dave@example.com", domain="example.com",
        state="pending", due_at=NOW, changed_at=NOW,
    )  # fmt: skip
    claim_id, picked = _claim_letters(db)
    assert picked == [delivery_id]
    _erase(db, dave, "dave@example.com")
    with db.transaction() as conn:
        assert conn.execute(select(deliveries.c.state)).scalar_one() == State.ATTEMPTING
        assert ledger.take_over(conn, claim_id, {}, "the worker died", NOW)
    assert _claim_letters(db, minutes=60)[1] == []
    with db.reading() as conn:
        assert conn.execute(select(deliveries.c.state)).scalar_one() == State.SUPPRESSED
    assert _traces(db, "dave") == []


def test_what_is_said_of_a_reader_erased_while_his_letter_is_sent_is_not_kept(db: Database) -> None:
    with db.transaction() as conn:
        dave = reader(conn, "dave@example.com")
    letter_id = _add(db, letters, kind="welcome", subscriber_id=dave, content=b"Hello Dave", created_at=NOW)
    _add(
        db, deliveries, letter_id=letter_id, subscriber_id=dave, address="dave@example.com", domain="example.com",
        state="pending", due_at=NOW, changed_at=NOW,
    )  # fmt: skip
    with db.transaction() as conn:
        claim_id = leases.open_claim(conn, Worker("w1", "host", 1, "boot"), "", NOW, LEASE)
        (sent,) = claim(conn, claim_id, Sendable(None), 10, NOW)
    _erase(db, dave, "dave@example.com")
    said = "5.1.1 <dave@example.com> unknown"
    with db.transaction() as conn:
        refused = ledger.Outcome(sent, State.FAILED, NOW, "main", Phase.RCPT, 550, "5.1.1", said)
        assert ledger.record(conn, claim_id, [refused], NOW)
        refusal = Refusal(sent, Reply(550, (said,)), Phase.RCPT)
        record_refusals(conn, [refusal], NOW)
        assert conn.execute(select(deliveries.c.state)).scalar_one() == State.FAILED
    assert _traces(db, "dave") == []


@pytest.mark.parametrize("state", [State.PENDING, State.DEFERRED])
def test_a_letter_to_an_erased_applicant_is_set_aside_and_emptied(db: Database, state: State) -> None:
    application_id, delivery_id = _applicant(db)
    with db.transaction() as conn:
        edges.set_up(conn, state=state)
    _add(db, reviews, application_id=application_id, at=NOW, reviewer="rev", action="ask", note="dave said so")
    _attempt(db, delivery_id)
    _bounce(db, delivery_id, None)
    assert len(_traces(db, "dave")) > 5
    _erase(db, 0, "dave@example.com")
    assert _traces(db, "dave") == []
    assert _claim_letters(db)[1] == []
    with db.reading() as conn:
        assert conn.execute(select(deliveries.c.state)).scalar_one() == State.SUPPRESSED
        assert conn.execute(select(applications.c.match_key)).scalar_one() == STONE


def test_a_letter_to_an_applicant_erased_while_it_is_being_sent_is_never_sent_again(db: Database) -> None:
    _applicant(db)
    claim_id, picked = _claim_letters(db)
    assert len(picked) == 1
    _erase(db, 0, "dave@example.com")
    with db.transaction() as conn:
        assert ledger.take_over(conn, claim_id, {}, "the worker died", NOW)
    assert _claim_letters(db, minutes=60)[1] == []


def test_a_returned_mail_of_an_erased_reader_is_emptied_and_the_others_stay(db: Database) -> None:
    with db.transaction() as conn:
        dave, bob = reader(conn, "dave@example.com"), reader(conn, "bob@example.com")
    delivery_id = _add(
        db, deliveries, subscriber_id=dave, address="dave@example.com", domain="example.com", state="accepted",
        due_at=NOW, changed_at=NOW,
    )  # fmt: skip
    _bounce(db, delivery_id, dave)
    raw = _add(db, returned_mails, at=NOW, via="lmtp", digest="e", state="read", content=b"To: bob@example.com")
    _add(
        db, bounces, at=NOW, subscriber_id=bob, via="lmtp", kind="soft", reason="mailboxfull", family="user",
        recipient="bob@example.com", fingerprint="g", raw_id=raw,
    )  # fmt: skip
    _erase(db, dave, "dave@example.com")
    assert _traces(db, "dave") == []
    with db.reading() as conn:
        kept = conn.execute(select(bounces.c.recipient, bounces.c.reason).order_by(bounces.c.id)).all()
        assert kept == [("", "userunknown"), ("bob@example.com", "mailboxfull")]
        contents = select(returned_mails.c.content).order_by(returned_mails.c.id)
        assert list(conn.execute(contents).scalars()) == [b"", b"To: bob@example.com"]
        assert conn.execute(select(deliveries.c.state)).scalar_one() == State.ACCEPTED
