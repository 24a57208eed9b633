"""A send of which too much comes back is paused, once for each reason, and never for one reader's sake."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select, update
from support import cast, edges
from support.databases import ended_once

from mailer.flows.bounce import Watch, record_refusals
from mailer.mail.reply import Reply
from mailer.model.bounce import Diagnosis, Kind
from mailer.model.delivery import Phase, State
from mailer.store import issues
from mailer.store import watch as watch_module
from mailer.store.bounces import Bounce, Reader
from mailer.store.breaker import Breakers
from mailer.store.engine import Database
from mailer.store.schema import attempts, budgets, deliveries, events
from mailer.store.schema import issues as issues_table
from mailer.store.verdicts import record

UNKNOWN = Reply(550, ("5.1.1 user unknown",))
ABOUT_US = Reply(550, ("5.7.1 rejected for policy reasons",))


@dataclass(frozen=True)
class Refusal:
    delivery: Any
    reply: Reply
    phase: Phase = Phase.RCPT


@dataclass
class Send:
    """An issue to `count` readers, all accepted."""

    db: Database
    count: int = 100
    watch: Watch = field(default_factory=Watch)
    issue_id: int = 0

    def __post_init__(self) -> None:
        with self.db.transaction() as conn:
            for number in range(self.count):
                domain = "example.com" if number < 10 else "example.org"
                cast.reader(conn, f"reader{number}@{domain}")
            self.issue_id = cast.publish(conn)
            edges.set_up(conn, state=State.ACCEPTED)

    def refuse(self, numbers: Iterable[int], reply: Reply = UNKNOWN, seconds: float = 0) -> None:
        with self.db.transaction() as conn:
            rows = conn.execute(select(deliveries).order_by(deliveries.c.id)).all()
            chosen = [rows[number] for number in numbers]
            ids = [row.id for row in chosen]
            edges.set_up(conn, deliveries.c.id.in_(ids), state=State.FAILED)
            refusals = [Refusal(row, reply) for row in chosen]
            now = cast.later(seconds=seconds)
            record_refusals(conn, refusals, now, watch=self.watch)

    def state(self) -> tuple[str, str]:
        with self.db.reading() as conn:
            row = conn.execute(select(issues_table.c.state, issues_table.c.state_cause)).one()
        return row.state, row.state_cause

    def said(self, kind: str) -> int:
        with self.db.reading() as conn:
            return len(conn.execute(select(events).where(events.c.kind == kind)).all())


def test_more_than_five_percent_of_bounces_pauses_a_send(db: Database) -> None:
    send = Send(db, count=200)
    send.refuse(range(10, 20))
    assert send.state() == ("sending", "")
    assert causes(send) == ["bounces", "bounces at example.org"]
    send.refuse([20], seconds=6)
    state, cause = send.state()
    assert state == "paused"
    assert "11 of 200 deliveries" in cause


def test_a_refusal_that_a_later_try_made_good_does_not_count(db: Database) -> None:
    send = Send(db, count=200)
    send.refuse(range(10, 19), UNKNOWN)
    with db.transaction() as conn:
        edges.set_up(conn, state=State.ACCEPTED)
    send.refuse(range(30, 33), seconds=6)
    assert send.state() == ("sending", "")


def test_what_a_person_resumed_is_not_paused_again_for_the_same(db: Database) -> None:
    send = Send(db, count=200)
    send.refuse(range(10, 26))
    with db.transaction() as conn:
        issues.set_state(conn, send.issue_id, ("paused",), "sending", "", "operator", cast.NOW)
    send.refuse([30, 31], seconds=10)
    assert send.state()[0] == "sending"
    assert send.said("paused") == 1


def test_a_small_send_or_a_few_bounces_pause_nothing(db: Database) -> None:
    send = Send(db, count=199)
    send.refuse(range(10, 30))
    assert send.state()[0] == "sending"


def test_two_percent_of_refusals_about_us_pause_a_send(db: Database) -> None:
    send = Send(db)
    send.refuse(range(10, 13), ABOUT_US)
    state, cause = send.state()
    assert state == "paused"
    assert "about us" in cause


def test_a_domain_that_refuses_us_is_paused_by_itself(db: Database) -> None:
    send = Send(db, count=300)
    with db.transaction() as conn:
        conn.execute(update(deliveries).where(deliveries.c.id <= 60).values(domain="example.com"))
    send.refuse(range(4), ABOUT_US)
    assert send.state()[0] == "sending"
    with db.reading() as conn:
        (row,) = conn.execute(select(budgets)).all()
    assert row.key == "provider:example.com"
    assert row.blocked_until == cast.later(hours=1)


@pytest.mark.parametrize("again", [0, 2, 4])
def test_the_watch_looks_no_oftener_than_every_five_seconds(db: Database, again: float) -> None:
    send = Send(db, count=200)
    send.refuse([10])
    send.refuse(range(11, 25), seconds=again)
    assert send.state()[0] == "sending"
    send.refuse([25], seconds=6)
    assert send.state()[0] == "paused"


def complain(send: Send, number: int, seconds: float = 0) -> None:
    with send.db.transaction() as conn:
        delivery = conn.execute(select(deliveries).order_by(deliveries.c.id)).all()[number]
        diagnosis = Diagnosis(Kind.COMPLAINT, "feedback")
        row = Bounce(cast.later(seconds=seconds), "imap", diagnosis, f"report:{number}", Reader.of(delivery))
        record(conn, [row], cast.later(seconds=seconds), Breakers(), send.watch)


def causes(send: Send) -> list[str]:
    with send.db.reading() as conn:
        details = conn.execute(select(events.c.detail).where(events.c.kind == "warned").order_by(events.c.id)).scalars()
        return [detail["cause"].partition(":")[0] for detail in details]


def test_the_first_complaint_is_said_at_once_and_the_next_ones_only_by_their_share(db: Database) -> None:
    send = Send(db, count=2000)
    send.refuse([30])  # the watch has looked a moment ago
    complain(send, 20, seconds=1)
    assert causes(send) == ["the first complaint"]
    complain(send, 21, seconds=2)
    assert causes(send) == ["the first complaint"]
    complain(send, 22, seconds=3)
    assert causes(send) == ["the first complaint", "complaints"]
    assert send.state()[0] == "sending"


def test_a_domain_of_which_much_comes_back_is_said_once(db: Database) -> None:
    send = Send(db, count=600)
    with db.transaction() as conn:
        conn.execute(update(deliveries).where(deliveries.c.id <= 60).values(domain="example.com"))
    full = Reply(552, ("5.2.2 mailbox full",))
    send.refuse(range(4), full)
    send.refuse(range(4, 8), full, seconds=6)
    assert causes(send) == ["bounces at example.com"]


def test_a_domain_whose_answers_are_not_believed_is_said_once(db: Database) -> None:
    send = Send(db, count=700)
    with db.transaction() as conn:
        conn.execute(update(deliveries).where(deliveries.c.id <= 60).values(domain="example.com"))
        rows = conn.execute(select(deliveries).order_by(deliveries.c.id)).all()
        tries = [{"delivery_id": row.id, "claim_id": 1, "at": cast.NOW, "state": "failed"} for row in rows[:60]]
        conn.execute(attempts.insert(), [one | {"relay": "relay", "phase": "rcpt"} for one in tries])
    for number in range(0, 12, 3):
        send.refuse(range(number, number + 3), seconds=number)
    assert causes(send).count("unknown readers at example.com") == 1


def test_what_came_within_five_seconds_is_looked_at_when_no_more_comes(db: Database) -> None:
    send = Send(db, count=200)
    send.refuse([10])
    send.refuse(range(11, 25), seconds=1)
    assert send.state()[0] == "sending"
    send.watch.catch_up(db, cast.later(seconds=2))
    assert send.state()[0] == "paused"


def test_a_last_look_that_was_not_committed_is_looked_again(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL may end it for another's sake, and then it is done again."""
    send = Send(db, count=200)
    send.refuse([10])
    send.refuse(range(11, 25), seconds=1)
    monkeypatch.setattr(watch_module, "_look", ended_once(watch_module._look))
    send.watch.catch_up(db, cast.later(seconds=2))
    assert send.state()[0] == "paused"
    assert not send.watch.owed


def test_what_was_passed_over_is_looked_at_when_something_comes_for_another_issue(db: Database) -> None:
    send = Send(db, count=200)
    send.refuse([10])
    send.refuse(range(11, 25), seconds=1)
    db.run(send.watch.look, [], cast.later(seconds=6))
    assert send.state()[0] == "paused"
