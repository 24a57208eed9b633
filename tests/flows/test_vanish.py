"""A domain that servers say is gone is looked up by ourselves before its readers are suppressed for it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from support import cast

from mailer.flows.vanish import look_up
from mailer.model.bounce import Diagnosis, Kind
from mailer.store import suppressions
from mailer.store.bounces import Bounce, Reader
from mailer.store.breaker import Breakers
from mailer.store.engine import Database
from mailer.store.schema import deliveries
from mailer.store.suppressions import Suppression
from mailer.store.verdicts import record

DAVE = "dave@gone.example.org"
LATER = cast.later(days=8)


def say_gone(db: Database, *days: int) -> None:
    with db.transaction() as conn:
        dave = cast.reader(conn, DAVE)
        cast.publish(conn)
        delivery = conn.execute(select(deliveries.c.id)).scalar_one()
        reader = Reader(delivery, dave, DAVE, "gone.example.org")
        for day in days:
            at = cast.later(days=day)
            record(conn, [Bounce(at, "lmtp", Diagnosis(Kind.HARD, "hostunknown"), str(day), reader)], at, Breakers())


def state(db: Database, at: datetime = LATER) -> str:
    entry = db.read(suppressions.active, DAVE, at)
    return entry.state if entry else "none"


def test_two_days_of_it_are_not_enough(db: Database) -> None:
    say_gone(db, 0, 8)
    assert state(db) == "none"


@pytest.mark.parametrize(
    ("takes_mail", "settled", "then"),
    [(False, {"gone.example.org": True}, "active"), (True, {"gone.example.org": False}, "none"), (None, {}, "held")],
)
def test_our_own_look_up_decides(db: Database, takes_mail: bool | None, settled: dict[str, bool], then: str) -> None:
    say_gone(db, 0, 4, 8)
    assert state(db) == "held"
    asked: list[str] = []

    def answer(domain: str) -> bool | None:
        asked.append(domain)
        return takes_mail

    assert look_up(db, answer, lambda: LATER) == settled
    assert asked == ["gone.example.org"]
    assert state(db) == then


def test_a_domain_that_is_gone_is_tried_again_after_ninety_days(db: Database) -> None:
    say_gone(db, 0, 4, 8)
    look_up(db, lambda _: False, lambda: LATER)
    assert state(db, LATER + timedelta(days=89)) == "active"
    assert state(db, LATER + timedelta(days=91)) == "none"


def test_what_was_said_before_the_look_up_no_longer_counts(db: Database) -> None:
    say_gone(db, 0, 4, 8)
    look_up(db, lambda _: True, lambda: LATER)
    with db.transaction() as conn:
        row = conn.execute(select(deliveries.c.id, deliveries.c.subscriber_id)).one()
        reader = Reader(row.id, row.subscriber_id, DAVE, "gone.example.org")
        at = cast.later(days=9)
        record(conn, [Bounce(at, "lmtp", Diagnosis(Kind.HARD, "hostunknown"), "9", reader)], at, Breakers())
    assert state(db, cast.later(days=9)) == "none"


def test_name_servers_that_do_not_answer_are_not_asked_for_every_domain(db: Database) -> None:
    with db.transaction() as conn:
        held = [Suppression(f"dave@{number}.example.org", "hostunknown", state="held") for number in range(9)]
        suppressions.suppress(conn, held, cast.NOW)
    asked: list[str] = []

    def silence(domain: str) -> None:
        asked.append(domain)

    assert look_up(db, silence, lambda: LATER) == {}
    assert len(asked) == 3
