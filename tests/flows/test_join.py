"""Joining and leaving on both databases: what is written, in which order, and under a rush."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select
from support import edges
from support.databases import waits_for_a_lock

from mailer.flows.apply import Apply, Form
from mailer.flows.join import Join, Outcome
from mailer.flows.leave import Leave
from mailer.mail.address import parse
from mailer.model.application import Decision, Kind, Standing
from mailer.model.letter import Links
from mailer.model.signup import Answer, Limits, Visit
from mailer.model.tokens import Keyring
from mailer.store import admission, applications, consents, marks
from mailer.store.engine import Database
from mailer.store.schema import bounces, deliveries, letters, subscribers, suppressions

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
KEYRING = Keyring({1: b"k" * 32}, 1)
LINKS = Links("https://news.example.com", KEYRING)
VISIT = Visit("2001:db8::1", "browser", "zh", "subscribe")


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


def write(kind: str, language: str, address: str, name: str, delivery_id: int, values: Mapping[str, object]) -> bytes:
    return f"{kind} {language} {values.get('confirm_url')}\r\n".encode()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def join(db: Database, clock: Clock) -> Join:
    return Join(db, LINKS, write, clock, limits=Limits(), key=b"k" * 32)


@pytest.fixture
def apply(db: Database, clock: Clock) -> Apply:
    kinds = {"tmall": Kind("tmall", {"en": "Tmall"})}
    return Apply(db, LINKS, write, clock, limits=Limits(), key=b"k" * 32, kinds=kinds, reviewers=("rita@example.org",))


def outbox(db: Database) -> list[Any]:
    with db.reading() as conn:
        query = select(deliveries.c.id, letters.c.kind, deliveries.c.address, letters.c.expires_at)
        return list(conn.execute(query.join(letters, letters.c.id == deliveries.c.letter_id).order_by(deliveries.c.id)))


def test_a_reader_whose_address_failed_is_let_back_by_a_new_opt_in(db: Database, join: Join, clock: Clock) -> None:
    alice = parse("alice@example.org")
    join.subscribe(alice, "", "", VISIT)
    join.confirm(1, VISIT)
    clock.now += timedelta(days=40)
    entry = {
        "match_key": alice.match_key,
        "reason": "userunknown",
        "state": "active",
        "at": clock.now,
        "actor": "policy",
    }
    with db.transaction() as conn:
        conn.execute(insert(suppressions).values(entry | {"evidence": ""}))
    before = join.look(1)
    assert before is not None
    assert before.outcome is Outcome.CONFIRMED  # the old link asks for nothing new
    join.subscribe(alice, "", "", VISIT)
    letter = outbox(db)[-1]
    assert letter.kind == "confirm"
    join.confirm(letter.id, VISIT)
    with db.reading() as conn:
        assert conn.execute(select(suppressions.c.state)).scalar_one() == "lifted"


def test_both_steps_of_the_opt_in_are_on_record(db: Database, join: Join, clock: Clock) -> None:
    assert join.subscribe(parse("Bob@Example.com"), "Bob", "I want it", VISIT) is Answer.SEND
    (letter,) = outbox(db)
    assert (letter.kind, letter.address, letter.expires_at) == ("confirm", "Bob@Example.com", NOW + timedelta(hours=72))
    clock.now += timedelta(minutes=5)
    done = join.confirm(letter.id, Visit("203.0.113.77", "phone", "zh", "confirm"))
    assert done is not None
    assert done.outcome is Outcome.CONFIRMED
    with db.reading() as conn:
        steps = conn.execute(select(consents.consents).order_by(consents.consents.c.id)).all()
    assert [(s.action, s.wording, s.language, s.source, s.client, s.user_agent, s.at) for s in steps] == [
        ("requested", "I want it", "zh", "subscribe", "2001:db8::/48", "browser", NOW),
        ("confirmed", "I want it", "zh", "confirm", "203.0.113.0/24", "phone", clock.now),
    ]


def test_looking_at_a_link_writes_nothing(db: Database, join: Join) -> None:
    join.subscribe(parse("bob@example.com"), "", "", VISIT)
    (letter,) = outbox(db)
    look = join.look(letter.id)
    assert look is not None
    assert look.outcome is Outcome.READY
    assert join.look(letter.id + 1) is None


def test_a_rush_for_one_address_writes_one_letter(db: Database, join: Join) -> None:
    def rush(number: int) -> Answer:
        return join.subscribe(parse("victim@example.com"), "", "", Visit(f"198.51.100.{number}"))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(rush, range(16)))
    assert sorted(answers) == [Answer.SEND] + [Answer.SILENT] * 15
    assert len(outbox(db)) == 1


@pytest.mark.parametrize(
    ("reason", "count"), [("complaint", 0), ("erased", 0), ("manual", 0), ("userunknown", 1), ("imported", 1)]
)
def test_a_letter_goes_to_an_address_with_a_fault_once_and_never_to_who_refused(
    db: Database, join: Join, clock: Clock, reason: str, count: int
) -> None:
    with db.transaction() as conn:
        row = {"match_key": "bob@example.com", "reason": reason, "state": "active", "at": NOW}
        conn.execute(insert(suppressions).values(row))
    for _ in range(3):
        join.subscribe(parse("bob@example.com"), "", "", VISIT)
        clock.now += timedelta(days=2)
    assert len(outbox(db)) == count


def test_confirming_proves_that_mail_arrives_again(db: Database, join: Join) -> None:
    with db.transaction() as conn:
        row = {"match_key": "bob@example.com", "reason": "userunknown", "state": "active", "at": NOW}
        conn.execute(insert(suppressions).values(row))
    join.subscribe(parse("bob@example.com"), "", "", VISIT)
    join.confirm(outbox(db)[0].id, VISIT)
    with db.reading() as conn:
        lifted = conn.execute(select(suppressions.c.state, suppressions.c.lifted_by)).one()
    assert tuple(lifted) == ("lifted", "reader")


def test_an_application_runs_its_course(db: Database, apply: Apply, clock: Clock) -> None:
    form = Form(parse("bob@example.com"), "Bob", "tmall", {"company": "公司"}, "I want it")
    assert apply.apply(form, VISIT) is Answer.SEND
    apply.confirm(outbox(db)[0].id, VISIT)
    (case,) = apply.cases([Standing.WAITING])
    assert case["answers"] == {"company": "公司"}
    assert apply.decide(case["id"], Decision.ASK, "rita", "Which shop?")
    clock.now += timedelta(days=1)
    asked = next(letter.id for letter in outbox(db) if letter.kind == "asked")
    assert apply.answer(asked, "This one") is True
    assert apply.answer(asked, "That one") is False
    assert apply.decide(case["id"], Decision.APPROVE, "rita")
    assert not apply.decide(case["id"], Decision.DECLINE, "ray")
    seen = apply.case(case["id"])
    assert [row["action"] for row in seen.history] == ["confirmed", "asked", "answered", "approved"]
    assert seen.application["confirmed_at"] == NOW
    kinds = ["application-confirm", "welcome", "review", "asked", "review", "approved"]
    assert [letter.kind for letter in outbox(db)] == kinds


def test_two_reviewers_at_once_make_one_decision(db: Database, apply: Apply) -> None:
    apply.apply(Form(parse("bob@example.com"), "Bob", "tmall", {}), VISIT)
    apply.confirm(outbox(db)[0].id, VISIT)

    def decide(decision: Decision) -> bool:
        return apply.decide(1, decision, decision.value)

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(decide, (Decision.APPROVE, Decision.DECLINE))) == [False, True]
    assert len([letter for letter in outbox(db) if letter.kind in {"approved", "declined"}]) == 1


def test_an_answer_that_comes_while_the_application_is_decided_is_not_said_to_be_kept(
    db: Database, apply: Apply
) -> None:
    apply.apply(Form(parse("bob@example.com"), "Bob", "tmall", {}), VISIT)
    apply.confirm(outbox(db)[0].id, VISIT)
    apply.decide(1, Decision.ASK, "rita", "Which shop?")
    asked = next(letter.id for letter in outbox(db) if letter.kind == "asked")
    with ThreadPoolExecutor(1) as pool:
        with db.transaction() as conn:
            applications.move(conn, 1, Standing.DECLINED, NOW)
            answer = pool.submit(apply.answer, asked, "This one")
            while not db.is_sqlite and not waits_for_a_lock(db):
                assert not answer.done()
        assert answer.result() is False
    assert [row["action"] for row in apply.case(1).history] == ["confirmed", "asked"]


def test_nobody_waits_for_ever(db: Database, apply: Apply, join: Join, clock: Clock) -> None:
    apply.apply(Form(parse("bob@example.com"), "Bob", "tmall", {}), VISIT)
    join.subscribe(parse("dora@example.com"), "", "", VISIT)
    clock.now += timedelta(days=8)
    assert apply.expire(purge_days=7, review_days=2)["purged"] == 1
    assert join.expire(purge_days=7, retention_days=14) == {"readers": 1, "clients": 0, "marks": 0}
    with db.reading() as conn:
        assert conn.execute(select(func.count()).select_from(subscribers)).scalar() == 0


def test_marks_are_counted_and_forgotten(db: Database) -> None:
    with db.transaction() as conn:
        marks.add(conn, ["a", "a", "b"], NOW)
        ago = NOW - timedelta(hours=1)
        assert marks.counts(conn, [("a", ago), ("", ago), ("a", NOW), ("b", ago), ("c", ago)]) == [2, 0, 0, 1, 0]
        assert marks.purge(conn, NOW + timedelta(seconds=1)) == 3


def test_a_proof_of_work_is_counted_once(db: Database) -> None:
    limits = Limits(total_hour=1)
    with db.transaction() as conn:
        for expected in (Answer.SEND, Answer.PROVE):
            answer = admission.admit(conn, limits, b"k" * 32, parse(f"{expected}@example.com"), VISIT, NOW)
            assert answer is expected
        proved = Visit("2001:db8::1", proof="p1")
        for expected in (Answer.SEND, Answer.PROVE):
            answer = admission.admit(conn, limits, b"k" * 32, parse(f"{expected}2@example.com"), proved, NOW)
            assert answer is expected


def test_leaving_is_recorded_once_and_can_be_taken_back_within_the_hour(db: Database, join: Join, clock: Clock) -> None:
    join.subscribe(parse("bob@example.com"), "", "", VISIT)
    join.confirm(outbox(db)[0].id, VISIT)
    welcome = outbox(db)[1].id
    leave = Leave(db, clock)
    assert leave.leave(welcome, "page", "192.0.2.200", "phone")
    assert leave.leave(welcome, "one-click")
    assert not leave.leave(10**6, "one-click")
    assert leave.undo(welcome)
    assert not leave.undo(welcome)
    reader = leave.look(welcome)
    assert reader is not None
    assert (reader.state, reader.masked) == ("active", "***@example.com")


def test_an_unsubscribe_proves_that_an_uncertain_copy_arrived(db: Database, join: Join, clock: Clock) -> None:
    join.subscribe(parse("bob@example.com"), "", "", VISIT)
    letter = outbox(db)[0].id
    with db.transaction() as conn:
        edges.set_up(conn, deliveries.c.id == letter, state="uncertain")
    Leave(db, clock).leave(letter, "one-click")
    with db.reading() as conn:
        row = conn.execute(select(deliveries.c.state, deliveries.c.cause).where(deliveries.c.id == letter)).one()
    assert tuple(row) == ("accepted", "proved by an unsubscribe")


def test_network_addresses_and_old_marks_are_forgotten(db: Database, join: Join, clock: Clock) -> None:
    join.subscribe(parse("bob@example.com"), "", "wording", VISIT)
    join.confirm(outbox(db)[0].id, VISIT)
    clock.now += timedelta(days=31)
    done = join.expire(purge_days=7, retention_days=14)
    assert done["clients"] == 2
    assert done["marks"] > 0
    with db.reading() as conn:
        rows = conn.execute(select(consents.consents.c.client, consents.consents.c.wording)).all()
    assert [tuple(row) for row in rows] == [("", "wording")] * 2


def test_who_never_confirmed_because_the_letter_bounced_is_forgotten_too(
    db: Database, join: Join, clock: Clock
) -> None:
    join.subscribe(parse("dave@example.com"), "", "", VISIT)
    with db.transaction() as conn:
        row = {"at": NOW, "via": "smtp", "kind": "hard", "reason": "userunknown", "family": "address"}
        conn.execute(insert(bounces).values(row | {"subscriber_id": 1, "delivery_id": 1, "fingerprint": "f"}))
    clock.now += timedelta(days=8)
    assert join.expire(purge_days=7, retention_days=14)["readers"] == 1
    with db.reading() as conn:
        assert conn.execute(select(bounces.c.delivery_id, bounces.c.subscriber_id)).one() == (1, None)
