"""What counts in a reader's history: nothing that a person has forgiven, and only what a person did as reading."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import Connection
from support import cast

from mailer.model.bounce import Diagnosis, kind_of
from mailer.model.suppression import History
from mailer.store import bounces, consents, evidence, suppressions
from mailer.store.bounces import Bounce, Reader
from mailer.store.consents import Step
from mailer.store.engine import Database
from mailer.store.schema import deliveries
from mailer.store.suppressions import Suppression

DAVE = "dave@example.com"


@pytest.fixture
def conn(db: Database) -> Iterator[Connection]:
    with db.transaction() as opened:
        yield opened


def bounce(conn: Connection, dave: int, reason: str, at: datetime) -> None:
    row = {"subscriber_id": dave, "address": DAVE, "domain": "example.com", "state": "failed"}
    row |= {"due_at": at, "changed_at": at}
    delivery = conn.execute(deliveries.insert().values(row).returning(deliveries.c.id)).scalar_one()
    fact = Bounce(
        at, "smtp", Diagnosis(kind_of(reason), reason), f"{reason}:{at}", Reader(delivery, dave, DAVE, "example.com")
    )
    bounces.append(conn, [fact])


def history(conn: Connection, dave: int) -> History:
    return evidence.histories(conn, [dave], cast.later(days=30))[dave]


def test_what_came_before_a_suppression_was_lifted_no_longer_counts(conn: Connection) -> None:
    dave = cast.reader(conn, DAVE)
    bounce(conn, dave, "userunknown", cast.NOW)
    suppressions.suppress(conn, [Suppression(DAVE, "userunknown")], cast.NOW)
    assert len(history(conn, dave).facts) == 1
    suppressions.lift(conn, DAVE, cast.later(days=1), "operator")
    assert history(conn, dave).facts == ()
    bounce(conn, dave, "userunknown", cast.later(days=2))
    assert len(history(conn, dave).facts) == 1


def test_lifting_an_address_fault_forgives_no_complaint(conn: Connection) -> None:
    dave = cast.reader(conn, DAVE)
    bounce(conn, dave, "feedback", cast.NOW)
    bounce(conn, dave, "userunknown", cast.NOW)
    suppressions.suppress(conn, [Suppression(DAVE, "complaint"), Suppression(DAVE, "userunknown")], cast.NOW)
    suppressions.lift(conn, DAVE, cast.later(days=1), "reader")
    assert [fact.reason for fact in history(conn, dave).facts] == ["feedback"]
    suppressions.lift(conn, DAVE, cast.later(days=2), "operator", complaints=True)
    assert history(conn, dave).facts == ()


def test_a_confirmation_and_saved_preferences_are_signs_of_reading(conn: Connection) -> None:
    dave = cast.reader(conn, DAVE)
    consents.append(conn, dave, Step("confirmed"), cast.NOW)
    consents.append(conn, dave, Step("imported"), cast.NOW)
    evidence.note_reading(conn, dave, "preferences", cast.later(days=1))
    assert sorted(history(conn, dave).readings) == [cast.NOW, cast.later(days=1)]


def test_a_complaint_is_remembered_longer_than_a_year(conn: Connection) -> None:
    dave = cast.reader(conn, DAVE)
    bounce(conn, dave, "feedback", cast.NOW)
    bounce(conn, dave, "userunknown", cast.NOW)
    facts = evidence.histories(conn, [dave], cast.later(days=800))[dave].facts
    assert [fact.reason for fact in facts] == ["feedback"]
