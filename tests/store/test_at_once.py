"""Two transactions of a send at the same moment on PostgreSQL: whoever commits first, the contract holds afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection, func, select
from support.cast import NOW, claim, new_edition, publish, reader
from support.databases import meet

from mailer.flows.bounce import record_refusals
from mailer.flows.dispatch.batch import Refusal
from mailer.mail.reply import Reply
from mailer.model.delivery import Phase, State
from mailer.store import erasure, issues, leases, ledger, restored, running, schema, subscribers, suppressions
from mailer.store.engine import Database
from mailer.store.journal import Mark
from mailer.store.leases import Worker
from mailer.store.ledger import Outcome
from mailer.store.outbox import post_letter
from mailer.store.picking import Claimed
from mailer.store.running import Sendable
from mailer.store.schema import deliveries, metadata

WORKER = Worker("w1", "host", 1, "boot")
LEASE = timedelta(seconds=120)
pytestmark = [
    pytest.mark.postgres,
    pytest.mark.parametrize("db_url", ["postgresql"], indirect=True),
    pytest.mark.parametrize("turned", [False, True]),
]
Step = Callable[[Connection], object]


def _claimed(db: Database) -> tuple[int, int, Claimed]:
    """An issue for one reader, a claim on him, and what it says of him."""
    with db.transaction() as conn:
        reader(conn, "alice@example.com")
        issue_id = publish(conn)
        return issue_id, *_claim(conn, issue_id)


def _claim(conn: Connection, issue_id: int) -> tuple[int, Claimed]:
    claim_id = leases.open_claim(conn, WORKER, "", NOW, LEASE, "main")
    (row,) = claim(conn, claim_id, Sendable(issue_id), 9, NOW)
    return claim_id, row


def _meet(db: Database, first: Step, second: Step, turned: bool) -> None:
    if turned:
        first, second = second, first
    meet(db, first, lambda: db.run(second))


def _outcome(row: Claimed, state: State) -> Outcome:
    return Outcome(row, state, NOW, "main", Phase.DOT, 250 if state is State.ACCEPTED else 450, due_at=NOW)


def _state(db: Database) -> str:
    with db.reading() as conn:
        return str(conn.execute(select(deliveries.c.state)).scalar_one())


def test_who_was_taken_is_not_given_back_while_that_is_written(db: Database, turned: bool) -> None:
    issue_id, claim_id, row = _claimed(db)
    with db.transaction() as conn:
        ledger.take_over(conn, claim_id, None, "lost", NOW)
        issues.retry(conn, issue_id, State.UNCERTAIN, NOW)
        newer, _ = _claim(conn, issue_id)

    def take(conn: Connection) -> None:
        ledger.record(conn, claim_id, [_outcome(row, State.ACCEPTED)], NOW)

    def give_back(conn: Connection) -> None:
        ledger.release(conn, newer, [row.id], NOW)

    _meet(db, take, give_back, turned)
    assert _state(db) == "accepted"


def test_an_issue_that_finishes_while_a_late_no_is_written_goes_on(db: Database, turned: bool) -> None:
    _, claim_id, row = _claimed(db)
    db.run(ledger.take_over, claim_id, None, "lost", NOW)

    def say_no(conn: Connection) -> None:
        ledger.record(conn, claim_id, [_outcome(row, State.DEFERRED)], NOW)

    _meet(db, say_no, lambda conn: running.finish_issues(conn, NOW), turned)
    assert _state(db) == "deferred"
    assert db.read(issues.find, "214").state == "sending"


@pytest.mark.parametrize("how", ["released", "released late", Mark.UNTOUCHED, Mark.COMPOSING])
def test_who_is_given_back_while_a_correction_is_written_gets_the_corrected_text(
    db: Database, how: str | Mark, turned: bool
) -> None:
    issue_id, claim_id, row = _claimed(db)
    if how == "released late":
        db.run(ledger.take_over, claim_id, None, "lost", NOW)
    new: list[int] = []

    def correct(conn: Connection) -> None:
        issues.find_identity(conn, "214", hold=True)
        new.append(issues.add_edition(conn, issue_id, new_edition(), NOW))
        issues.correct(conn, issue_id, {"en": new[0]}, NOW)

    def give_back(conn: Connection) -> None:
        if isinstance(how, Mark):
            ledger.take_over(conn, claim_id, {row.id: how}, "died", NOW)
        else:
            ledger.release(conn, claim_id, [row.id], NOW)

    _meet(db, correct, give_back, turned)
    with db.transaction() as conn:
        assert [_claim(conn, issue_id)[1].edition_id] == new


def _traces(db: Database, word: str) -> list[str]:
    with db.reading() as conn:
        rows = [f"{table.name} {row}" for table in metadata.sorted_tables for row in conn.execute(select(table))]
    return [row for row in rows if word in row]


def _erase(conn: Connection) -> None:
    erasure.bury(conn, "alice@example.com", "tombstone", actor="olga", now=NOW)
    found = subscribers.find(conn, "alice@example.com", hold=True)
    assert found is not None
    erasure.scrub(conn, found.id, NOW)


@pytest.mark.parametrize("state", [State.DEFERRED, State.FAILED, State.UNCERTAIN])
def test_nothing_is_left_of_who_is_erased_while_an_answer_to_his_mail_is_written(
    db: Database, state: State, turned: bool
) -> None:
    _, claim_id, row = _claimed(db)
    said = _outcome(row, state)._replace(text="<alice@example.com> is full")
    reply = Reply(450, ("4.2.2 <alice@example.com> is full",))

    def write(conn: Connection) -> None:
        ledger.record(conn, claim_id, [said], NOW)
        if state is not State.UNCERTAIN:
            record_refusals(conn, [Refusal(row, reply, Phase.RCPT)], NOW)

    _meet(db, _erase, write, turned)
    assert _state(db) == ("suppressed" if turned and state is State.DEFERRED else state)
    assert _traces(db, "alice") == []


def test_nothing_is_left_of_who_is_erased_while_an_issue_is_frozen(db: Database, turned: bool) -> None:
    with db.transaction() as conn:
        reader(conn, "alice@example.com")
        reader(conn, "bob@example.com")
    _meet(db, _erase, publish, turned)
    assert _traces(db, "alice") == []
    with db.reading() as conn:
        frozen = conn.execute(select(schema.issues.c.frozen)).scalar_one()
        assert frozen == conn.execute(select(func.count()).select_from(deliveries)).scalar_one()


def test_a_worker_that_writes_while_a_restored_backup_is_reconciled_is_waited_for(db: Database, turned: bool) -> None:
    """Both take hold of the claims before the deliveries."""
    issue_id, claim_id, row = _claimed(db)

    def write(conn: Connection) -> Iterator[None]:
        assert leases.renew(conn, "w1", [claim_id], NOW) == {claim_id}
        yield
        ledger.record(conn, claim_id, [_outcome(row, State.ACCEPTED if turned else State.UNCERTAIN)], NOW)

    meet(db, write, lambda: db.run(restored.reconcile, 50, 500, NOW))
    assert db.read(ledger.counts, issue_id)["accepted" if turned else "uncertain"] == 1
    assert db.read(leases.open_claims) == []


def test_two_who_give_back_to_a_finished_issue_do_not_wait_for_each_other(db: Database, turned: bool) -> None:
    with db.transaction() as conn:
        for number in range(2):
            reader(conn, f"r{number}@example.com")
        issue_id, held = publish(conn), []
        for _ in range(2):
            claim_id = leases.open_claim(conn, WORKER, "", NOW, LEASE, "main")
            held.append((claim_id, claim(conn, claim_id, Sendable(issue_id), 1, NOW)[0].id))
        for claim_id, _ in held:
            ledger.take_over(conn, claim_id, None, "lost", NOW)
        running.finish_issues(conn, NOW)

    def give_back(number: int) -> Step:
        claim_id, delivery = held[number]
        return lambda conn: ledger.release(conn, claim_id, [delivery], NOW)

    def in_parts(conn: Connection) -> Iterator[None]:
        issues.hold_editions(conn, [held[0][1]])
        yield
        give_back(0)(conn)

    meet(db, in_parts, lambda: db.run(give_back(1)))
    assert db.read(ledger.counts, issue_id)["pending"] == 2
    assert db.read(issues.find, "214").state == "sending"


@pytest.mark.parametrize("of", ["an issue", "letters"])
def test_who_is_suppressed_before_a_claim_has_him_is_not_sent_it(db: Database, of: str, turned: bool) -> None:
    """Whoever commits first: a claim that holds him is waited for, and one that comes later sees it."""
    with db.transaction() as conn:
        alice = reader(conn, "alice@example.com")
        issue_id = publish(conn) if of == "an issue" else None
        if issue_id is None:
            post_letter(conn, kind="k", address="a", now=NOW, compose=lambda number: b"", subscriber_id=alice)
    entry = suppressions.Suppression("alice@example.com", "complaint")
    taken: list[Claimed] = []

    def take(conn: Connection) -> None:
        number = leases.open_claim(conn, WORKER, "", NOW, LEASE, "main")
        taken.extend(claim(conn, number, Sendable(issue_id), 9, NOW))

    def begin(conn: Connection) -> Iterator[None]:
        take(conn)
        yield
        assert suppressions.active(conn, "alice@example.com", NOW) is None  # not before this is committed

    def suppress(conn: Connection) -> None:
        suppressions.suppress(conn, [entry], NOW)

    if turned:
        meet(db, suppress, lambda: db.run(take))
    else:
        meet(db, begin, lambda: db.run(suppress))
    assert len(taken) == (0 if turned else 1)
    with db.transaction() as conn:
        assert claim(conn, 9, Sendable(issue_id), 9, NOW + suppressions.PUT_OFF) == []
    assert _state(db) == ("suppressed" if turned else "attempting")
