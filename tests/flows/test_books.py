"""The books of a worker: what a claim takes of whom, when several limits meet, and what answers are charged to."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection, select, update
from support.cast import NOW, later, publish, reader
from support.databases import ended_once, meet

from mailer.flows.dispatch import books as book_keeping
from mailer.flows.dispatch.batch import Batch, Entry, Page, Refusal, Work
from mailer.flows.dispatch.books import HESITANT_SECONDS, Books
from mailer.mail.reply import Reply
from mailer.model.delivery import Phase, State
from mailer.model.pacing import Window
from mailer.model.routing import ANYBODY, Route
from mailer.rendering.outgoing import Outgoing
from mailer.store import budgets, issues, leases, ledger, running
from mailer.store.budgets import PROVIDER, Slowdown
from mailer.store.engine import Database
from mailer.store.leases import Worker
from mailer.store.ledger import Outcome
from mailer.store.schema import budgets as budgets_table
from mailer.store.schema import claims, deliveries
from mailer.store.schema import issues as issues_table
from mailer.transport.lane import Lane

QUOTAS = (Window(12, 3600.0),)
PLENTY = (Window(1000, 3600.0),)
LATER = Reply(450, ("4.2.0 Greylisted, come back later",))
TAKEN = Reply(250, ("2.0.0 ok",))


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    seconds: float = 0.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def books(db: Database, tmp_path: Path, clock: Clock) -> Books:
    with db.transaction() as conn:
        for number in range(120):
            reader(conn, f"reader{number}@{('qq.com', '163.com', 'example.com')[number % 3]}")
        publish(conn)
    return Books(
        db=db,
        composer=lambda conn, rows: lambda row: Outgoing(row.address, "token", ()),
        record_refusals=lambda conn, refusals, now: None,
        clock=lambda: later(seconds=301),
        worker=Worker("w1", "host", 1, "boot"),
        journal_folder=tmp_path,
        monotonic=lambda: clock.seconds,
    )


def _batch(books: Books, limit: int, quotas: tuple[Window, ...] = (), way: Route = ANYBODY) -> Batch:
    lane = Lane(SimpleNamespace(name="relay"), 10, lambda token: token, quotas=quotas)  # type: ignore[arg-type]
    batch, _ = books.claim(lane, limit, way)
    assert batch is not None
    batch.journal.close()
    return batch


def _claimed(books: Books, limit: int, quotas: tuple[Window, ...] = ()) -> Counter[str]:
    return Counter(row.domain for row in _batch(books, limit, quotas).deliveries)


def _answered(books: Books, batches: list[Batch], reply: Reply, *slowdowns: Slowdown) -> None:
    """The relay has said the same to every message of some batches."""
    page = Page(slowdowns={one.key: one for one in slowdowns})
    state = State.ACCEPTED if reply.positive else State.DEFERRED
    for batch, row in [(each, row) for each in batches for row in each.deliveries]:
        outcome = Outcome(row, state, later(seconds=301), "relay", Phase.DOT, reply.code, due_at=later(days=1))
        refusal = None if reply.positive else Refusal(row, reply, Phase.RCPT)
        page.entries.append(Entry(batch, outcome, refusal))
    books.write(page, {each.id: each for each in batches})


def _defer(books: Books, domain: str, count: int = 1) -> None:
    """A provider has told some of its readers to come back later; a day is long here."""
    _answered(books, [_batch(books, count, way=Route(only=frozenset({domain})))], LATER)


def _slow(db: Database, *domains: str) -> dict[str, int]:
    """Both providers have asked for less; what each may get after their pause."""
    slowed = [Slowdown(PROVIDER + domain, 60, 300.0, "550 Connection frequency limited") for domain in domains]
    db.run(budgets.settle, {}, slowed, NOW)
    return db.run(budgets.allowance, "relay", (), later(seconds=301)).providers


def test_a_claim_whose_number_is_anothers_by_now_is_left_to_him_but_for_whom_a_relay_took(
    db: Database, books: Books
) -> None:
    """A backup was restored, and another host has claimed the same readers since, before this one noticed."""
    batch = _batch(books, 3)
    db.run(lambda conn: conn.execute(update(claims).values(worker="w2")))
    page, (taken, later_on, given_back) = Page(), batch.deliveries
    for row, state, reply in ((taken, State.ACCEPTED, TAKEN), (later_on, State.DEFERRED, LATER)):
        outcome = Outcome(row, state, NOW, "relay", Phase.DOT, reply.code, due_at=NOW)
        page.entries.append(Entry(batch, outcome, None))
    page.released.append(Work(batch, 2, given_back))
    assert books.write(page, {batch.id: batch}).held == set()
    with db.reading() as conn:
        query = select(deliveries.c.state).where(deliveries.c.claim_id == batch.id).order_by(deliveries.c.id)
        assert list(conn.execute(query).scalars()) == ["accepted", "attempting", "attempting"]
        assert [claim.worker for claim in leases.open_claims(conn)] == ["w2"]


def test_of_slowed_providers_a_claim_takes_what_each_may_get_and_fills_up_with_others(
    db: Database, books: Books
) -> None:
    may = _slow(db, "qq.com", "163.com")
    assert 1 < may["qq.com"] < 40
    assert _claimed(books, 70) == {**may, "example.com": 70 - sum(may.values())}


@pytest.mark.parametrize("limit", [10, 12, 50])
def test_slowed_providers_together_get_no_more_than_the_claim_is_of(db: Database, books: Books, limit: int) -> None:
    _slow(db, "qq.com", "163.com")
    assert sum(_claimed(books, limit, QUOTAS).values()) == min(limit, 12)


def test_without_limits_a_claim_is_of_whoever_comes_first(books: Books) -> None:
    assert _claimed(books, 30) == dict.fromkeys(("qq.com", "163.com", "example.com"), 10)


def test_where_quotas_draw_a_send_out_half_of_a_claim_is_for_who_said_come_back_later(books: Books) -> None:
    _defer(books, "qq.com")
    assert _claimed(books, 20, PLENTY) == {"qq.com": 10, "163.com": 5, "example.com": 5}
    assert _claimed(books, 21, PLENTY) == {"qq.com": 10, "163.com": 6, "example.com": 5}


def test_what_one_half_has_not_enough_readers_for_goes_to_the_other(books: Books) -> None:
    _defer(books, "qq.com", 36)
    assert _claimed(books, 20, PLENTY)["qq.com"] == 4
    _defer(books, "163.com", 30)
    _defer(books, "example.com", 28)
    assert _claimed(books, 20, PLENTY) == {"163.com": 2, "example.com": 4}


def test_who_has_readers_left_when_all_others_are_through_gets_the_whole_claim(books: Books) -> None:
    _defer(books, "qq.com")
    assert len(_batch(books, 76, way=Route(without=frozenset({"qq.com"}))).deliveries) == 76
    assert _claimed(books, 20, PLENTY) == {"qq.com": 16, "163.com": 2, "example.com": 2}


@pytest.mark.parametrize(
    ("after", "quotas", "first"),
    [(HESITANT_SECONDS - 1, PLENTY, 10), (HESITANT_SECONDS, PLENTY, 6), (0.0, (), 6)],
)
def test_who_said_come_back_later_goes_first_for_ten_minutes_and_only_where_there_are_quotas(
    books: Books, clock: Clock, after: float, quotas: tuple[Window, ...], first: int
) -> None:
    _defer(books, "qq.com")
    clock.seconds = after
    assert _claimed(books, 20, quotas)["qq.com"] == first


def test_what_was_answered_counts_against_its_relay_and_its_provider_whatever_the_answer_was(
    db: Database, books: Books
) -> None:
    key = PROVIDER + "qq.com"
    batch = _batch(books, 6, PLENTY, Route(only=frozenset({"qq.com"})))
    _answered(books, [batch], LATER, Slowdown(key, 60, 10.0, "450 slow down"))
    now = later(seconds=301 + 11)
    may = db.run(budgets.allowance, "relay", PLENTY, now)
    assert (may.relay, may.providers) == (994, {"qq.com": 24 - 6})
    _answered(books, [_batch(books, 4, PLENTY, Route(only=frozenset({"163.com"})))], TAKEN)
    assert db.run(budgets.allowance, "relay", PLENTY, now).relay == 990


def test_what_is_written_again_because_its_commit_was_not_heard_of_is_charged_once(db: Database, books: Books) -> None:
    first, second = _batch(books, 6, PLENTY), _batch(books, 4, PLENTY)
    _answered(books, [first], TAKEN)
    _answered(books, [first, second], TAKEN)
    assert db.run(budgets.allowance, "relay", PLENTY, later(seconds=302)).relay == 990


def test_what_was_taken_while_a_provider_paused_is_known_to_be_possible(db: Database, books: Books) -> None:
    key = PROVIDER + "qq.com"
    taken, refused = (_batch(books, 6, PLENTY, Route(only=frozenset({"qq.com"}))) for _ in range(2))
    db.run(budgets.settle, {}, [Slowdown(key, 30, 60.0, "450 slow down")], later(seconds=300))
    books.claim(Lane(SimpleNamespace(name="relay"), 1, str), 1, ANYBODY)  # type: ignore[arg-type]
    _answered(books, [taken], TAKEN)
    _answered(books, [refused], LATER)
    (seen,) = db.read(budgets.slowed, later(seconds=360))
    assert seen.rate == 36


def test_where_nothing_is_limited_nothing_is_charged_and_a_limit_counts_it_all_the_same(
    db: Database, books: Books
) -> None:
    _answered(books, [_batch(books, 6)], TAKEN)
    with db.reading() as conn:
        assert conn.execute(select(budgets_table.c.key)).all() == []
    assert db.run(budgets.allowance, "relay", PLENTY, later(seconds=302)).relay == 994


def test_a_worker_that_knows_of_no_limit_charges_one_that_others_have(db: Database, books: Books) -> None:
    assert db.run(budgets.allowance, "relay", PLENTY, NOW).relay == 1000
    _answered(books, [_batch(books, 6)], TAKEN)
    assert db.run(budgets.allowance, "relay", PLENTY, later(seconds=302)).relay == 994


def test_a_claim_renewed_at_the_moment_somebody_takes_over_stays_its_workers(
    db: Database, books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an outage of the database all leases have run out, and who renews and who takes over come at once."""
    batch = _batch(books, 3)
    other = Books(
        db=db,
        composer=lambda conn, rows: lambda row: Outgoing(row.address, "token", ()),
        record_refusals=lambda conn, refusals, now: None,
        clock=lambda: later(seconds=301 + 200),
        worker=Worker("w2", "elsewhere", 1, "boot"),
        journal_folder=tmp_path / "elsewhere",
        monotonic=lambda: 200.0,
    )
    look = book_keeping._is_orphaned

    def look_and_be_overtaken(*seen: Any) -> bool:
        found = look(*seen)
        assert books.write(Page(), {batch.id: batch}).held == {batch.id}
        return found

    monkeypatch.setattr(book_keeping, "_is_orphaned", look_and_be_overtaken)
    monkeypatch.setattr(books, "_clock", lambda: later(seconds=301 + 200))
    assert other.inherit(()) == []
    assert books.write(Page(), {batch.id: batch}).held == {batch.id}
    monkeypatch.setattr(book_keeping, "_is_orphaned", look)
    monkeypatch.setattr(other, "_clock", lambda: later(seconds=301 + 400))
    assert [one.uncertain for one in other.inherit(())] == [3]
    assert books.write(Page(), {batch.id: batch}).held == set()


@pytest.mark.postgres
@pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("what", ["paused by a relay", "cancelled past its deadline"])
def test_who_claims_and_who_stops_an_issue_at_the_same_moment_do_not_wait_for_each_other(
    db: Database, books: Books, what: str
) -> None:
    """The rows of issues are locked before those of deliveries and of budgets, whoever locks them."""
    _batch(books, 3, PLENTY)
    deadline = later(seconds=300) if "deadline" in what else None
    with db.transaction() as conn:
        conn.execute(update(issues_table).values(deadline=deadline))

    def stop(conn: Connection) -> Iterator[None]:
        if deadline is None:
            running.pause(conn, 1, "550 no", NOW)
            yield
            budgets.settle(conn, {"relay:relay": 3}, (), NOW)
        else:
            issues.set_state(conn, 1, ("sending",), "cancelled", "", "op", NOW)
            yield
            issues.cancel_waiting(conn, 1, NOW)

    lane = Lane(SimpleNamespace(name="relay"), 1, str, quotas=PLENTY)  # type: ignore[arg-type]
    meet(db, stop, lambda: books.claim(lane, 3, ANYBODY))
    assert db.read(issues.find, "214").state == what.partition(" ")[0]


def test_after_a_clock_was_set_back_a_lost_workers_claim_is_kept_no_longer_than_a_lease(
    db: Database, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine was started anew, with its clock a day behind: nobody can look whether the worker lives."""
    lost = _batch(books, 3)
    db.run(lambda conn: conn.execute(update(claims).values(boot="before")))
    back = timedelta(days=-1, seconds=301)
    for seconds, settled in ((0, 0), (119, 0), (121, 1)):
        at = NOW + back + timedelta(seconds=seconds)
        monkeypatch.setattr(books, "_clock", lambda at=at: at)
        assert len(books.inherit([])) == settled
    assert db.read(ledger.counts, 1)["uncertain"] == len(lost.deliveries)


def test_no_lease_shortens_the_lock_of_a_restored_backup(db: Database, books: Books) -> None:
    db.run(leases.lock, NOW)
    books.inherit([])
    (lock,) = db.read(leases.open_claims)
    assert lock.leased_until > later(days=365)


def test_what_the_database_ended_for_anothers_sake_is_written_again_and_nobody_is_told(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = _batch(books, 3)
    monkeypatch.setattr(ledger, "record", ended_once(ledger.record))
    _answered(books, [batch], TAKEN)
    assert books._db.read(ledger.counts, 1)["accepted"] == 3
