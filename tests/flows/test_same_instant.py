"""What two do about one person at the same instant: wherever the second comes in between, both are true afterwards.

On PostgreSQL the first is stopped before one of its statements that write, and the second goes on until it is done or
waits for the first: before each of the first six, and of the others before every fourth. On SQLite nothing comes in
between, because it lets one write at a time.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select
from support.databases import waits_for_a_lock

from mailer.flows import subscribers as people
from mailer.flows.apply import Apply, Form
from mailer.flows.imports import Import, windows
from mailer.flows.join import Join
from mailer.flows.leave import Leave
from mailer.intake.table import read_table
from mailer.mail.address import parse
from mailer.model.application import Decision, Kind
from mailer.model.roster import Layout
from mailer.model.signup import Limits
from mailer.store import subscribers
from mailer.store.engine import Database
from mailer.store.schema import consents, deliveries, letters, metadata

from .test_join import KEYRING, LINKS, NOW, VISIT, Clock, write

pytestmark = pytest.mark.postgres
LIMITS = Limits(per_address_day=99, per_address_month=99, per_client_hour=0, per_domain_hour=0, total_hour=0)


class Bob:
    """One person and all that may be done about him; of what he wrote each word is his own."""

    def __init__(self, db: Database, number: int) -> None:
        self.db, self.address, self.word = db, f"bob{number}@example.com", f"word{number}word"
        self.clock = Clock()
        kinds = {"tmall": Kind("tmall", {"en": "Tmall"})}
        key = b"k" * 32
        self.join = Join(db, LINKS, write, self.clock, LIMITS, key)
        self.door = Apply(db, LINKS, write, self.clock, LIMITS, key, kinds, ("rita@example.org",))
        self.leave = Leave(db, self.clock)
        self.applications: list[int] = []

    def letter(self, kind: str) -> Any:
        """The delivery of the latest letter of a kind, and its application."""
        query = select(deliveries.c.id, letters.c.application_id).join(letters, letters.c.id == deliveries.c.letter_id)
        with self.db.reading() as conn:
            return conn.execute(query.where(letters.c.kind == kind).order_by(deliveries.c.id.desc())).first()

    def sign_up(self) -> None:
        (answer,) = self.db.together([lambda: self.join.subscribe(parse(self.address), self.word, "yes", VISIT)])
        if isinstance(answer, Exception):
            raise answer

    def confirm(self) -> None:
        self.join.confirm(self.letter("confirm").id, VISIT)

    def become_reader(self) -> None:
        self.sign_up()
        self.confirm()
        with self.db.transaction() as conn:
            subscribers.change(conn, self.person().id, attributes={"city": self.word})
        self.welcome = self.letter("welcome").id

    def apply(self) -> None:
        form = Form(parse(self.address), self.word, "tmall", {"shop": self.word}, "yes")
        self.door.apply(form, VISIT)
        self.applications.append(self.letter("application-confirm").application_id)

    def confirm_application(self) -> None:
        self.door.confirm(self.button, VISIT)

    def get_a_button(self) -> None:
        self.apply()
        self.button = self.letter("application-confirm").id

    def apply_and_confirm(self) -> None:
        self.get_a_button()
        self.confirm_application()

    def apply_without(self) -> None:
        self.door.apply(Form(parse(self.address), self.word, "tmall", {}), VISIT)
        self.applications.append(self.letter("application-confirm").application_id)
        self.door.confirm(self.letter("application-confirm").id, VISIT)

    def approve(self) -> None:
        self.door.decide(self.applications[0], Decision.APPROVE, "rita", self.word)

    def ask(self) -> None:
        self.door.decide(self.applications[0], Decision.ASK, "rita", self.word)
        self.question = self.letter("asked").id

    def answer(self) -> None:
        self.door.answer(self.question, self.word)

    def prefer(self) -> None:
        self.leave.prefer(self.welcome, "en", pause=True, unwanted=("News",))

    def depart(self) -> None:
        self.leave.leave(self.welcome, "page")

    def undo(self) -> None:
        self.leave.undo(self.welcome)

    def erase(self) -> None:
        people.erase(self.db, KEYRING, self.address, actor="olga", now=NOW)

    def add(self) -> None:
        people.add(self.db, KEYRING, self.address, name="", language="", tags=(), source="fair", actor="olga", now=NOW)

    def be_imported(self) -> None:
        table = read_table(io.BytesIO(f"email,consent_source,town\n{self.address},fair,Rome\n".encode()), "list.csv")
        layout = Layout(table.columns, renames={}, consent="", zone=UTC, now=NOW)
        Import(self.db, KEYRING, file="list.csv", clock=self.clock).run(windows(table.rows, layout))

    def wait_a_month(self) -> None:
        self.clock.now += timedelta(days=30)

    def expire(self) -> None:
        self.join.expire(purge_days=7, retention_days=999)

    def remind(self) -> None:
        self.door.expire(purge_days=7, review_days=2)

    def person(self) -> Any:
        with self.db.reading() as conn:
            return subscribers.find(conn, self.address)

    def steps(self) -> list[str]:
        with self.db.reading() as conn:
            query = select(consents.c.action).where(consents.c.subscriber_id == self.person().id)
            return list(conn.execute(query).scalars())

    def history(self) -> list[str]:
        return [row["action"] for row in self.door.case(self.applications[0]).history]

    def traces(self) -> list[str]:
        """Every row of every table in which his address or his word stands."""
        with self.db.reading() as conn:
            rows = [f"{table.name} {row}" for table in metadata.sorted_tables for row in conn.execute(select(table))]
        return [row for row in rows if self.address in row or self.word in row]


def stops(db: Database, first: Callable[[], None], number: int, second: Callable[[], None]) -> bool:
    """Stop the first before the statement of this number that writes, and let the second go on; False for none."""
    here, go, failures = threading.Event(), threading.Event(), []
    count = 0

    def work(step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(step,)) for step in (first, second)]

    def before(conn: Any, *statement: Any) -> None:
        nonlocal count
        if here.is_set():
            return
        if statement and statement[1].startswith(("SELECT", "SET")) and " FOR " not in statement[1]:
            return
        count += 1
        if count == number:
            here.set()
            go.wait(20)

    for name in ("before_cursor_execute", "commit"):
        event.listen(db.engine, name, before)
    threads[0].start()
    while threads[0].is_alive() and not here.wait(0.01):
        pass
    if here.is_set():
        threads[1].start()
        while threads[1].is_alive() and not waits_for_a_lock(db):
            threads[1].join(0.01)
        go.set()
        threads[1].join()
    threads[0].join()
    for name in ("before_cursor_execute", "commit"):
        event.remove(db.engine, name, before)
    assert failures == []
    return here.is_set()


@pytest.fixture
def db(_postgres_database: Any) -> Iterator[Database]:
    database = Database(_postgres_database.fresh())
    yield database
    database.close()


Step = Callable[[Bob], None]


def meet(db: Database, before: list[Step], first: Step, second: Step, is_right: Callable[[Bob], bool]) -> None:
    """Whatever moment of the first the second comes in at, it is right afterwards."""
    for number in (*range(1, 7), *range(10, 99, 4)):
        bob = Bob(db, number)
        for step in before:
            step(bob)
        stopped = stops(db, lambda bob=bob: first(bob), number, lambda bob=bob: second(bob))  # type: ignore[misc]
        if not stopped:
            assert number > 3
            return
        assert is_right(bob), f"stopped at statement {number}: {bob.traces()}"


both_ways = pytest.mark.parametrize("turned", [False, True])


@pytest.mark.parametrize("comes", [Bob.add, Bob.be_imported])
@both_ways
def test_who_is_approved_while_he_becomes_a_reader_has_a_members_tags(db: Database, comes: Step, turned: bool) -> None:
    first, second = (Bob.approve, comes)[:: -1 if turned else 1]
    meet(db, [Bob.apply_without], first, second, lambda bob: {"member", "tmall"} <= {*bob.person().tags})


@pytest.mark.parametrize(
    ("before", "what"),
    [
        ([Bob.sign_up], Bob.confirm),
        ([Bob.become_reader], Bob.prefer),
        ([Bob.become_reader, Bob.apply_and_confirm], Bob.approve),
        ([Bob.apply_and_confirm, Bob.ask], Bob.answer),
    ],
)
@both_ways
def test_nothing_is_left_of_who_is_erased_while_he_or_a_reviewer_does_something(
    db: Database, before: list[Step], what: Step, turned: bool
) -> None:
    first, second = (Bob.erase, what)[:: -1 if turned else 1]
    meet(db, before, first, second, lambda bob: bob.traces() == [])


@both_ways
def test_nothing_is_left_of_who_is_erased_while_he_becomes_a_reader_by_applying(db: Database, turned: bool) -> None:
    first, second = (Bob.erase, Bob.confirm_application)[:: -1 if turned else 1]
    meet(db, [Bob.get_a_button], first, second, lambda bob: bob.traces() == [])


@both_ways
def test_a_list_and_a_reader_who_change_him_both_have_their_way(db: Database, turned: bool) -> None:
    first, second = (Bob.prefer, Bob.be_imported)[:: -1 if turned else 1]
    wanted = {"city", "town", "unwanted_sections"}
    meet(db, [Bob.become_reader], first, second, lambda bob: wanted == {*bob.person().attributes})


@both_ways
def test_who_signs_up_while_a_list_brings_him_is_there_once_and_nobody_fails(db: Database, turned: bool) -> None:
    first, second = (Bob.sign_up, Bob.be_imported)[:: -1 if turned else 1]
    meet(db, [], first, second, lambda bob: bob.person() is not None)


def test_an_application_that_is_approved_is_not_replaced_by_a_newer_one(db: Database) -> None:
    before = [Bob.apply_without, Bob.get_a_button]
    ends = (["confirmed", "approved"], ["confirmed", "reapplied"])
    meet(db, before, Bob.approve, Bob.confirm_application, lambda bob: bob.history() in ends)


def test_two_buttons_of_one_person_do_not_wait_for_each_other_for_ever(db: Database) -> None:
    def get_two_letters(bob: Bob) -> None:
        bob.get_a_button()
        bob.sign_up()

    meet(db, [get_two_letters], Bob.confirm, Bob.confirm_application, lambda bob: bob.person().state == "active")


def test_a_leaving_is_taken_back_once(db: Database) -> None:
    meet(db, [Bob.become_reader, Bob.depart], Bob.undo, Bob.undo, lambda bob: bob.steps().count("restored") == 1)


@pytest.mark.parametrize("comes", [Bob.sign_up, Bob.confirm_application])
@both_ways
def test_who_comes_after_all_while_he_is_forgotten_is_there(db: Database, comes: Step, turned: bool) -> None:
    first, second = (Bob.expire, comes)[:: -1 if turned else 1]
    before = [Bob.sign_up, Bob.wait_a_month, Bob.get_a_button]
    state = "pending" if comes is Bob.sign_up else "active"
    meet(db, before, first, second, lambda bob: bob.person() is not None and bob.person().state == state)


def test_reviewers_are_reminded_once_by_two_who_tidy(db: Database) -> None:
    def once(bob: Bob) -> bool:
        with db.reading() as conn:
            query = select(letters.c.id).where(letters.c.kind == "review-reminder")
            return len(conn.execute(query.where(letters.c.application_id == bob.applications[0])).all()) == 1

    meet(db, [Bob.apply_and_confirm, Bob.wait_a_month], Bob.remind, Bob.remind, once)


def test_a_proof_of_work_is_good_once_for_two_who_bring_it_at_once(db: Database) -> None:
    hot = replace(LIMITS, total_hour=1)

    def prove(name: str) -> Step:
        def step(bob: Bob) -> None:
            visit = replace(VISIT, proof=bob.word)
            Join(db, LINKS, write, bob.clock, hot, b"k" * 32).subscribe(
                parse(f"{name}-{bob.address}"), "", "yes", visit
            )

        return step

    def once(bob: Bob) -> bool:
        with db.reading() as conn:
            query = select(deliveries.c.id).where(deliveries.c.address.endswith(f"-{bob.address}"))
            return len(conn.execute(query).all()) == 1

    meet(db, [Bob.sign_up], prove("a"), prove("b"), once)
