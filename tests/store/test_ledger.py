"""The ledger: claims, fences, outcomes, taking over what a dead worker held."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select, update
from support.cast import NOW, claim, later, new_edition, publish, reader

from mailer.errors import StoreError
from mailer.model.bounce import Diagnosis, Kind
from mailer.model.delivery import Phase, State
from mailer.store import (
    bounces,
    consents,
    issues,
    leases,
    ledger,
    picking,
    reports,
    returned,
    running,
    signups,
    suppressions,
)
from mailer.store.bounces import Bounce, Reader
from mailer.store.engine import Database
from mailer.store.journal import Mark
from mailer.store.leases import Worker
from mailer.store.ledger import Outcome
from mailer.store.outbox import post_letter
from mailer.store.picking import Claimed
from mailer.store.running import Sendable
from mailer.store.schema import attempts, claims, deliveries, events, subscribers
from mailer.store.schema import issues as issues_table
from mailer.store.suppressions import Suppression

WORKER = Worker("w1", "host", 1, "boot")
LEASE = timedelta(seconds=120)
ON_POSTGRES = pytest.mark.parametrize("db_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)


def _publish(db: Database, count: int, **values: object) -> int:
    with db.transaction() as conn:
        for number in range(count):
            reader(conn, f"reader{number}@example.com")
        return publish(conn, **values)


def _claim(db: Database, issue_id: int | None, limit: int = 10, minutes: float = 0) -> tuple[int, list[Claimed]]:
    now = later(minutes=minutes)
    with db.transaction() as conn:
        claim_id = leases.open_claim(conn, WORKER, "", now, LEASE, "main")
        return claim_id, claim(conn, claim_id, Sendable(issue_id), limit, now)


def _outcome(row: Claimed, state: State, **values: object) -> Outcome:
    facts = {"delivery": row, "state": state, "at": NOW, "relay": "main", "phase": Phase.DOT} | values
    return Outcome(**facts)  # type: ignore[arg-type]


def _states(db: Database) -> list[str]:
    with db.reading() as conn:
        return list(conn.execute(select(deliveries.c.state).order_by(deliveries.c.id)).scalars())


def _record(db: Database, claim_id: int, outcomes: Sequence[Outcome]) -> None:
    db.run(ledger.record, claim_id, outcomes, NOW)


def test_a_claim_takes_what_is_due_and_nobody_claims_it_again(db: Database) -> None:
    issue_id = _publish(db, 3)
    _, first = _claim(db, issue_id, limit=2)
    _, second = _claim(db, issue_id)
    assert [len(first), len(second)] == [2, 1]
    assert {row.id for row in first}.isdisjoint({row.id for row in second})
    assert _states(db) == ["attempting"] * 3


def test_who_left_or_was_suppressed_since_the_freeze_is_set_aside(db: Database) -> None:
    issue_id = _publish(db, 3)
    with db.transaction() as conn:
        conn.execute(update(subscribers).where(subscribers.c.id == 1).values(state="unsubscribed"))
        suppressions.suppress(conn, [Suppression(match_key="reader1@example.com", reason="complaint")], NOW)
    _, rows = _claim(db, issue_id, minutes=1)  # who is suppressed is put off first
    assert [row.address for row in rows] == ["reader2@example.com"]
    assert sorted(_states(db)) == ["attempting", "suppressed", "suppressed"]


def test_an_outcome_of_a_claim_that_was_taken_over_does_not_count(db: Database) -> None:
    issue_id = _publish(db, 1)
    claim_id, rows = _claim(db, issue_id)
    db.run(ledger.take_over, claim_id, {rows[0].id: Mark.UNTOUCHED}, "died", NOW)
    newer, again = _claim(db, issue_id)
    for late in (State.FAILED, State.DEFERRED, State.UNCERTAIN, State.PENDING):
        _record(db, claim_id, [_outcome(rows[0], late, due_at=NOW)])
        assert _states(db) == ["attempting"]
    _record(db, newer, [_outcome(again[0], State.ACCEPTED, code=250)])
    assert _states(db) == ["accepted"]


@pytest.mark.parametrize("state", ["sending", "paused", "finished", "cancelled"])
def test_a_worker_that_comes_back_gives_back_what_it_had_not_begun(db: Database, state: str) -> None:
    """Another host could only call it uncertain; a finished issue goes on, as somebody still waits for it."""
    issue_id = _publish(db, 2)
    claim_id, rows = _claim(db, issue_id)
    db.run(ledger.take_over, claim_id, None, "lost", NOW)
    assert _states(db) == ["uncertain", "uncertain"]
    assert {one.relay for one in db.read(reports.uncertain, issue_id)} == {"main"}
    with db.transaction() as conn:
        conn.execute(update(issues_table).values(state=state, finished_at=NOW if state == "finished" else None))
        edition = issues.add_edition(conn, issue_id, new_edition(), NOW)
        assert issues.correct(conn, issue_id, {"en": edition}, NOW) == 0
    db.run(ledger.release, claim_id, [rows[0].id], NOW)
    assert _states(db) == ["pending", "uncertain"]
    with db.reading() as conn:
        facts = conn.execute(select(deliveries.c.tries, deliveries.c.edition_id).where(deliveries.c.id == rows[0].id))
        assert tuple(facts.one()) == (0, edition)
        after = conn.execute(select(issues_table.c.state, issues_table.c.finished_at)).one()
    assert tuple(after) == ("sending" if state == "finished" else state, None)


@pytest.mark.parametrize("state", [State.DEFERRED, State.FAILED, State.PENDING])
@pytest.mark.parametrize("issue", ["sending", "finished"])
def test_a_no_seen_after_all_is_no_answer_that_nobody_saw(db: Database, state: State, issue: str) -> None:
    """A worker stood still before the relay had the message, and others called that uncertain."""
    issue_id = _publish(db, 3)
    claim_id, rows = _claim(db, issue_id, 2)
    db.run(ledger.take_over, claim_id, None, "lost", NOW)
    with db.transaction() as conn:
        conn.execute(update(issues_table).values(state=issue))
    late = _outcome(rows[0], state, due_at=later(minutes=5), code=450, text="later", phase=Phase.RCPT)
    for _ in range(2):
        _record(db, claim_id, [late])
        assert _states(db) == [state, "uncertain", "pending"]
    assert [one.delivery_id for one in db.read(reports.uncertain, issue_id)] == [rows[1].id]
    assert db.read(issues.find, "214").state == ("sending" if state is not State.FAILED else issue)
    _record(db, claim_id, [_outcome(rows[1], State.UNCERTAIN, text="no answer")])
    assert _states(db) == [state, "uncertain", "pending"]


@pytest.mark.parametrize("before", [State.DEFERRED, State.FAILED, State.UNCERTAIN])
def test_who_was_tried_before_keeps_his_text_when_a_worker_comes_back_and_gives_him_back(
    db: Database, before: State
) -> None:
    """Others called it uncertain, which counts as a try; the one before that was a real one."""
    issue_id = _publish(db, 1)
    claim_id, rows = _claim(db, issue_id)
    _record(db, claim_id, [_outcome(rows[0], before, due_at=NOW, code=450)])
    if before is not State.DEFERRED:
        db.run(issues.retry, issue_id, before, NOW)
    claim_id, rows = _claim(db, issue_id)
    db.run(ledger.take_over, claim_id, None, "lost", NOW)
    with db.transaction() as conn:
        edition = issues.add_edition(conn, issue_id, new_edition(), NOW)
        assert issues.correct(conn, issue_id, {"en": edition}, NOW) == 0
    db.run(ledger.release, claim_id, [rows[0].id], NOW)
    with db.reading() as conn:
        facts = conn.execute(select(deliveries.c.state, deliveries.c.tries, deliveries.c.edition_id)).one()
    assert tuple(facts) == ("pending", 1, rows[0].edition_id)


def test_what_others_called_uncertain_and_the_worker_does_too_is_named_once(db: Database) -> None:
    issue_id = _publish(db, 1)
    claim_id, rows = _claim(db, issue_id)
    db.run(ledger.take_over, claim_id, None, "lost", NOW)
    _record(db, claim_id, [_outcome(rows[0], State.UNCERTAIN, text="no answer")])
    db.run(issues.retry, issue_id, State.UNCERTAIN, NOW)
    _record(db, claim_id, [_outcome(rows[0], State.DEFERRED, due_at=NOW, code=450)])
    assert _states(db) == ["pending"]
    again, _ = _claim(db, issue_id)
    db.run(ledger.take_over, again, None, "lost", NOW)
    assert [one.delivery_id for one in db.read(reports.uncertain, issue_id)] == [rows[0].id]


def test_an_answer_seen_after_all_makes_an_uncertain_delivery_accepted(db: Database) -> None:
    issue_id = _publish(db, 1)
    claim_id, rows = _claim(db, issue_id)
    db.run(ledger.take_over, claim_id, None, "lost", NOW)
    assert _states(db) == ["uncertain"]
    _record(db, claim_id, [_outcome(rows[0], State.ACCEPTED, code=250)])
    assert _states(db) == ["accepted"]
    with db.reading() as conn:
        assert conn.execute(select(deliveries.c.cause, deliveries.c.tries)).all() == [("", 1)]


@pytest.mark.parametrize("after", ["retried", "deferred", "failed"])
def test_an_answer_seen_after_all_counts_although_the_operator_had_it_sent_again(db: Database, after: str) -> None:
    """A worker stood still with the answer in its hands: who has the issue is never attempted again."""
    issue_id = _publish(db, 1)
    claim_id, rows = _claim(db, issue_id)
    db.run(ledger.take_over, claim_id, None, "lost", NOW)
    db.run(issues.retry, issue_id, State.UNCERTAIN, NOW)
    if after != "retried":
        newer, again = _claim(db, issue_id)
        _record(db, newer, [_outcome(again[0], State(after), due_at=NOW, code=450)])
    _record(db, claim_id, [_outcome(rows[0], State.ACCEPTED, code=250)])
    assert _states(db) == ["accepted"]
    assert _claim(db, issue_id)[1] == []
    with db.reading() as conn:
        assert conn.execute(select(deliveries.c.cause)).scalar_one() == ""


def _put_back_under_a_newer_claim(db: Database) -> tuple[int, tuple[int, list[Claimed]], tuple[int, list[Claimed]]]:
    """An issue whose reader a first claim handed over, and a second one holds since the operator had it sent again."""
    issue_id = _publish(db, 1)
    first = _claim(db, issue_id)
    db.run(ledger.take_over, first[0], None, "lost", NOW)
    db.run(issues.retry, issue_id, State.UNCERTAIN, NOW)
    return issue_id, first, _claim(db, issue_id)


@pytest.mark.parametrize("state", [State.ACCEPTED, State.DEFERRED, State.FAILED, State.UNCERTAIN])
def test_what_an_earlier_claim_saw_accepted_stays_accepted_however_the_attempt_after_it_ends(
    db: Database, state: State
) -> None:
    _, (claim_id, rows), (newer, again) = _put_back_under_a_newer_claim(db)
    _record(db, claim_id, [_outcome(rows[0], State.ACCEPTED, code=250)])
    assert _states(db) == ["accepted"]
    _record(db, newer, [_outcome(again[0], state, due_at=NOW, code=450, text="later")])
    assert _states(db) == ["accepted"]


@pytest.mark.parametrize("mark", [None, *Mark])
def test_what_an_earlier_claim_saw_accepted_is_never_attempted_again_when_the_newer_claim_is_given_back(
    db: Database, mark: Mark | None
) -> None:
    issue_id, (claim_id, rows), (newer, again) = _put_back_under_a_newer_claim(db)
    _record(db, claim_id, [_outcome(rows[0], State.ACCEPTED, code=250)])
    db.run(ledger.release, newer, [again[0].id], NOW)
    db.run(ledger.take_over, newer, None if mark is None else {again[0].id: mark}, "lost", NOW)
    assert _states(db) == ["accepted"]
    assert _claim(db, issue_id)[1] == []


def test_an_answer_seen_after_all_counts_although_a_newer_claim_could_not_tell(db: Database) -> None:
    """Or a backup was restored since, and all that waited then is uncertain."""
    issue_id, (claim_id, rows), (newer, _) = _put_back_under_a_newer_claim(db)
    db.run(ledger.take_over, newer, None, "lost", NOW)
    assert _states(db) == ["uncertain"]
    _record(db, claim_id, [_outcome(rows[0], State.ACCEPTED, code=250)])
    assert _states(db) == ["accepted"]
    assert db.read(reports.uncertain, issue_id) == []


@pytest.mark.parametrize("state", ["cancelled", "suppressed"])
def test_who_was_set_aside_before_his_answer_was_seen_stays_so_and_it_is_said_that_he_has_it(
    db: Database, state: str
) -> None:
    issue_id = _publish(db, 1)
    claim_id, rows = _claim(db, issue_id)
    db.run(ledger.take_over, claim_id, None, "lost", NOW)
    db.run(issues.retry, issue_id, State.UNCERTAIN, NOW)
    if state == "cancelled":
        db.run(issues.cancel_waiting, issue_id, NOW)
    else:
        db.run(signups.depart, 1, NOW)
    _record(db, claim_id, [_outcome(rows[0], State.ACCEPTED, code=250)])
    assert _states(db) == [state]
    assert db.read(reports.causes, issue_id, 9) == [
        (state, "a relay had taken the message by then: this reader has it", 1)
    ]


def test_an_issue_that_a_reader_has_is_not_published_anew_although_a_backup_does_not_know_it(db: Database) -> None:
    """It was restored while a relay's answer was awaited, and the issue cancelled before that was written."""
    issue_id = _publish(db, 1)
    claim_id, rows = _claim(db, issue_id)
    with db.transaction() as conn:
        conn.execute(update(deliveries).values(state=State.PENDING, claim_id=None))
        issues.set_state(conn, issue_id, ("sending",), "cancelled", "", "op", NOW)
        issues.cancel_waiting(conn, issue_id, NOW)
    assert db.read(issues.has_reached_nobody, db.read(issues.by_id, issue_id))
    _record(db, claim_id, [_outcome(rows[0], State.ACCEPTED, code=250)])
    assert not db.read(issues.has_reached_nobody, db.read(issues.by_id, issue_id))


def test_a_letter_whose_answer_was_seen_after_all_does_not_go_out_once_more(db: Database) -> None:
    with db.transaction() as conn:
        post_letter(conn, kind="confirm", address="bob@example.com", now=NOW, compose=lambda _: b"letter")
    claim_id, rows = _claim(db, None)
    db.run(ledger.take_over, claim_id, None, "lost", NOW)
    db.run(ledger.repeat_uncertain, NOW)
    assert _states(db) == ["pending"]
    _record(db, claim_id, [_outcome(rows[0], State.ACCEPTED, code=250)])
    assert _states(db) == ["accepted"]


@pytest.mark.parametrize(("via", "state"), [("log", "accepted"), ("lmtp", "accepted"), ("smtp", "uncertain")])
@pytest.mark.parametrize("died", [True, False])
def test_what_came_back_before_a_delivery_was_uncertain_proves_it_too(
    db: Database, via: str, state: str, died: bool
) -> None:
    issue_id = _publish(db, 1)
    claim_id, rows = _claim(db, issue_id)
    with db.transaction() as conn:
        said = Bounce(NOW, via, Diagnosis(Kind.NONE, "delivered"), "once", Reader.of(rows[0]))
        bounces.append(conn, [said])
    if died:
        db.run(ledger.take_over, claim_id, None, "lost", NOW)
    else:
        _record(db, claim_id, [_outcome(rows[0], State.UNCERTAIN, text="no answer")])
    assert _states(db) == [state]


@pytest.mark.parametrize(
    ("how", "state"), [("link", "accepted"), ("mail", "accepted"), ("other issue", "uncertain"), ("", "uncertain")]
)
@pytest.mark.parametrize("died", [True, False])
def test_who_left_by_a_message_before_it_was_uncertain_proves_it_too(
    db: Database, how: str, state: str, died: bool
) -> None:
    issue_id = _publish(db, 2)
    claim_id, (row, other) = _claim(db, issue_id)
    with db.transaction() as conn:
        if how == "mail":
            mail = returned.keep(conn, b"unsubscribe", "lmtp", "", NOW)
            assert mail is not None
            returned.mark(conn, mail, returned.READ, row)
        elif how:
            by = "2026-05-21-214" if how == "link" else "2026-05-20-213"
            consents.append(conn, 1, consents.Step("withdrawn", source="one-click", detail=by), NOW)
    if died:
        db.run(ledger.take_over, claim_id, None, "lost", NOW)
    else:
        _record(db, claim_id, [_outcome(one, State.UNCERTAIN, text="no answer") for one in (row, other)])
    assert _states(db) == [state, "uncertain"]


def test_recording_the_same_outcome_twice_changes_nothing(db: Database) -> None:
    issue_id = _publish(db, 2)
    claim_id, rows = _claim(db, issue_id)
    outcomes = [
        _outcome(rows[0], State.ACCEPTED, code=250),
        _outcome(rows[1], State.DEFERRED, due_at=later(minutes=5), code=451),
    ]
    for _ in range(2):
        _record(db, claim_id, outcomes)
    assert _states(db) == ["accepted", "deferred"]
    with db.reading() as conn:
        assert conn.execute(select(func.count()).select_from(attempts)).scalar_one() == 2
        assert list(conn.execute(select(deliveries.c.tries).order_by(deliveries.c.id)).scalars()) == [1, 1]


def test_a_reply_is_kept_letter_by_letter(db: Database) -> None:
    issue_id = _publish(db, 3)
    claim_id, rows = _claim(db, issue_id)
    replies = ["a \"b\", {c} \\d\\\\ 'e' %s :f", "NULL", "中文\r\n\t ü"]
    _record(db, claim_id, [_outcome(row, State.ACCEPTED, text=text) for row, text in zip(rows, replies, strict=True)])
    with db.reading() as conn:
        lines = conn.execute(select(attempts.c.text, attempts.c.code, attempts.c.at).order_by(attempts.c.delivery_id))
        assert lines.all() == [(text, None, NOW) for text in replies]


def test_a_deferred_delivery_is_claimed_when_it_is_due_again(db: Database) -> None:
    issue_id = _publish(db, 1)
    claim_id, rows = _claim(db, issue_id)
    _record(db, claim_id, [_outcome(rows[0], State.DEFERRED, due_at=later(minutes=5))])
    assert _claim(db, issue_id, minutes=4)[1] == []
    assert db.read(running.next_due) == later(minutes=5)
    assert len(_claim(db, issue_id, minutes=5)[1]) == 1


def test_a_deferral_keeps_the_moment_of_the_first_until_somebody_retries(db: Database) -> None:
    issue_id = _publish(db, 1)
    for tried in (0, 5, 20):
        claim_id, (row,) = _claim(db, issue_id, minutes=tried)
        assert row.deferred_at == (NOW if tried else None)
        at, due_at = later(minutes=tried), later(minutes=tried + 5)
        _record(db, claim_id, [_outcome(row, State.DEFERRED, at=at, due_at=due_at)])
    claim_id, (row,) = _claim(db, issue_id, minutes=60)
    _record(db, claim_id, [_outcome(row, State.FAILED)])
    db.run(issues.retry, issue_id, State.FAILED, later(hours=72))
    (row,) = _claim(db, issue_id, minutes=72 * 60)[1]
    assert row.deferred_at is None


def test_a_journal_gives_each_delivery_of_a_dead_worker_the_state_it_proves(db: Database) -> None:
    issue_id = _publish(db, 5)
    claim_id, rows = _claim(db, issue_id)
    marks = dict(zip((row.id for row in rows), Mark, strict=True))
    assert db.run(ledger.take_over, claim_id, marks, "died after handing it over", NOW)
    by_mark = dict(zip(Mark, _states(db), strict=True))
    assert by_mark == {
        Mark.UNTOUCHED: "pending",
        Mark.COMPOSING: "pending",
        Mark.HANDED_OVER: "uncertain",
        Mark.ACCEPTED: "accepted",
        Mark.ANSWERED: "pending",
    }
    assert not db.run(ledger.take_over, claim_id, marks, "again", NOW)


@pytest.mark.parametrize("renewed", [True, False])
def test_a_claim_renewed_since_somebody_looked_is_not_taken_over(db: Database, renewed: bool) -> None:
    """After an outage of the database all leases have run out, and who renews and who takes over come at once."""
    issue_id = _publish(db, 1)
    claim_id, _ = _claim(db, issue_id)
    (seen,) = db.read(leases.open_claims)
    if renewed:
        assert db.run(leases.renew, "w1", [claim_id], later(minutes=9)) == {claim_id}
    assert db.run(ledger.take_over, claim_id, None, "lost", later(minutes=3), seen.leased_until) is not renewed
    assert _states(db) == ["attempting" if renewed else "uncertain"]
    assert db.run(leases.renew, "w1", [claim_id], later(minutes=9)) == ({claim_id} if renewed else set())


def test_without_a_journal_all_that_was_not_recorded_is_uncertain(db: Database) -> None:
    issue_id = _publish(db, 3)
    claim_id, rows = _claim(db, issue_id)
    _record(db, claim_id, [_outcome(rows[0], State.ACCEPTED)])
    db.run(ledger.take_over, claim_id, None, "host lost", NOW)
    assert _states(db) == ["accepted", "uncertain", "uncertain"]


def test_a_recipient_that_three_workers_died_of_is_quarantined(db: Database) -> None:
    issue_id = _publish(db, 1)
    for _ in range(3):
        claim_id, rows = _claim(db, issue_id)
        db.run(ledger.take_over, claim_id, {rows[0].id: Mark.COMPOSING}, "died", NOW)
    assert _states(db) == ["failed"]
    with db.reading() as conn:
        assert "quarantined" in conn.execute(select(deliveries.c.cause)).scalar_one()


def test_an_uncertain_letter_goes_out_once_more_and_an_issue_does_not(db: Database) -> None:
    issue_id = _publish(db, 1)
    with db.transaction() as conn:
        post_letter(conn, kind="confirm", address="bob@example.com", now=NOW, compose=lambda _: b"letter")
    for wanted in (["uncertain", "pending"], ["uncertain", "uncertain"]):
        for claimed_issue in (issue_id, None):
            claim_id, _ = _claim(db, claimed_issue)
            db.run(ledger.take_over, claim_id, None, "lost", NOW)
        db.run(ledger.repeat_uncertain, NOW)
        assert _states(db) == wanted


@pytest.mark.parametrize(
    ("state", "address", "wanted"),
    [
        ("active", "bob@example.com", True),
        ("unsubscribed", "bob@example.com", True),
        ("erased", "bob@example.com", False),
        ("active", "", False),
    ],
)
def test_a_letter_goes_to_whoever_has_not_been_erased(db: Database, state: str, address: str, wanted: bool) -> None:
    with db.transaction() as conn:
        bob = reader(conn, "bob@example.com", state=state)
        post_letter(conn, kind="left", address=address, subscriber_id=bob, now=NOW, compose=lambda _: b"letter")
    _, rows = _claim(db, None)
    assert [row.address for row in rows] == [address] * wanted
    assert _states(db) == ["attempting" if wanted else "suppressed"]


@pytest.mark.parametrize("deed", ["left", "suppressed"])
@pytest.mark.parametrize(("minutes", "wanted"), [(-1, True), (1, False)])
def test_a_letter_under_way_when_its_reader_left_is_not_tried_again(
    db: Database, deed: str, minutes: float, wanted: bool
) -> None:
    """Who left before it was written asked for it since."""
    with db.transaction() as conn:
        bob = reader(conn, "bob@example.com")
        post_letter(conn, kind="welcome", address="bob@example.com", subscriber_id=bob, now=NOW, compose=lambda _: b"x")
    claim_id, rows = _claim(db, None)
    with db.transaction() as conn:
        if deed == "left":
            signups.depart(conn, bob, later(minutes=minutes))
        else:
            entry = Suppression(match_key="bob@example.com", reason="manual")
            suppressions.suppress(conn, [entry], later(minutes=minutes))
    _record(db, claim_id, [_outcome(rows[0], State.DEFERRED, due_at=NOW)])
    assert [row.address for row in _claim(db, None, minutes=2)[1]] == ["bob@example.com"] * wanted
    assert _states(db) == ["attempting" if wanted else "suppressed"]


def test_a_letter_whose_link_has_expired_is_not_sent(db: Database) -> None:
    with db.transaction() as conn:
        post_letter(
            conn,
            kind="confirm",
            address="bob@example.com",
            now=NOW,
            compose=lambda _: b"letter",
            expires_at=later(hours=48),
        )
    assert _claim(db, None, minutes=48 * 60)[1] == []
    assert _states(db) == ["cancelled"]


def test_nothing_leaves_after_the_deadline(db: Database) -> None:
    issue_id = _publish(db, 2, deadline=later(hours=1))
    claim_id, rows = _claim(db, issue_id, limit=1)
    _record(db, claim_id, [_outcome(rows[0], State.DEFERRED, due_at=later(minutes=5))])
    db.run(running.expire_overdue, later(hours=1))
    assert _states(db) == ["failed", "cancelled"]
    assert db.read(running.cut_off, issue_id) == 2
    assert db.run(running.finish_issues, later(hours=1)) == ["2026-05-21-214"]


def test_a_deadline_cuts_off_nobody_of_another_issue(db: Database) -> None:
    _publish(db, 1, deadline=later(hours=1))
    with db.transaction() as conn:
        other = publish(conn, "215", deadline=later(hours=2))
    assert db.run(running.expire_overdue, later(hours=1)) == {"2026-05-21-214": 1}
    assert _states(db) == ["cancelled", "pending"]
    assert db.read(running.cut_off, other) == 0


def test_the_deadline_of_a_paused_issue_cuts_off_nobody_until_the_operator_decides(db: Database) -> None:
    issue_id = _publish(db, 1, deadline=later(hours=1))
    db.run(running.pause, issue_id, "the relay refuses us", NOW)
    assert db.run(running.expire_overdue, later(hours=2)) == {}
    assert _states(db) == ["pending"]


@pytest.mark.parametrize("state", ["paused", "cancelled", "finished"])
def test_only_an_issue_being_sent_is_sendable(db: Database, state: str) -> None:
    issue_id = _publish(db, 1)
    assert [one.id for one in db.read(running.sendable, NOW)] == [None, issue_id]
    with db.transaction() as conn:
        issues.set_state(conn, issue_id, ("sending",), state, "", "op", NOW)
    assert [one.id for one in db.read(running.sendable, NOW)] == [None]


def test_an_issue_is_not_sent_before_its_time(db: Database) -> None:
    _publish(db, 1, send_at=later(hours=2))
    assert [one.id for one in db.read(running.sendable, NOW)] == [None]
    assert db.read(running.next_due) == later(hours=2)


def test_a_lease_is_renewed_only_while_the_claim_is_open(db: Database) -> None:
    issue_id = _publish(db, 1)
    claim_id, _ = _claim(db, issue_id)
    assert db.run(leases.renew, "w1", [claim_id], later(minutes=4)) == {claim_id}
    db.run(ledger.take_over, claim_id, None, "lost", NOW)
    assert db.run(leases.renew, "w1", [claim_id], later(minutes=4)) == set()


def test_the_counts_add_up_to_what_was_frozen(db: Database) -> None:
    issue_id = _publish(db, 4)
    claim_id, rows = _claim(db, issue_id, limit=3)
    _record(db, claim_id, [_outcome(rows[0], State.ACCEPTED), _outcome(rows[1], State.FAILED, code=550, text="no")])
    counts = db.read(ledger.counts, issue_id)
    assert counts["accepted"] == counts["failed"] == counts["attempting"] == counts["pending"] == 1
    assert sum(counts.values()) == db.read(issues.find, "214").frozen
    assert set(counts) == {state.value for state in State}


def test_counting_the_states_of_a_million_sorts_nothing(sqlite_url: str) -> None:
    db, asked = Database(sqlite_url), []
    issue_id = _publish(db, 1)
    event.listen(db.engine, "before_cursor_execute", lambda conn, cursor, *said: asked.append(said[:2]))
    with db.reading() as conn:
        ledger.counts(conn, issue_id)
        statement, parameters = asked[-1]
        plan = [row.detail for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    db.close()
    assert len(plan) == 1
    assert plan[0].startswith("SEARCH deliveries")


def test_an_issue_is_finished_when_nothing_of_it_waits(db: Database) -> None:
    issue_id = _publish(db, 1)
    assert db.run(running.finish_issues, NOW) == []
    claim_id, rows = _claim(db, issue_id)
    assert db.run(running.finish_issues, NOW) == []
    _record(db, claim_id, [_outcome(rows[0], State.ACCEPTED)])
    assert db.run(running.finish_issues, NOW) == ["2026-05-21-214"]
    assert db.run(running.finish_issues, NOW) == []


def test_one_look_tells_whether_an_issue_may_have_ended(db: Database) -> None:
    assert not db.read(running.has_endings, NOW)
    issue_id = _publish(db, 1, send_at=later(hours=1))
    due = later(hours=1)
    assert not db.read(running.has_endings, due)  # its reader waits
    claim_id, rows = _claim(db, issue_id, minutes=60)
    assert not db.read(running.has_endings, later(minutes=59))  # its time has not come
    assert db.read(running.has_endings, due)
    assert db.run(running.finish_issues, due) == []  # he is in a worker's hands
    _record(db, claim_id, [_outcome(rows[0], State.ACCEPTED)])
    assert db.run(running.finish_issues, due) == ["2026-05-21-214"]
    assert not db.read(running.has_endings, due)


def test_what_was_given_back_to_a_cancelled_issue_is_seen_and_cancelled_too(db: Database) -> None:
    issue_id = _publish(db, 1)
    claim_id, rows = _claim(db, issue_id)
    with db.transaction() as conn:
        issues.set_state(conn, issue_id, ("sending",), "cancelled", "", "op", NOW)
    assert not db.read(running.has_endings, NOW)
    db.run(ledger.release, claim_id, [rows[0].id], NOW)
    assert db.read(running.has_endings, NOW)
    assert db.run(running.finish_issues, NOW) == []
    assert _states(db) == ["cancelled"]
    assert not db.read(running.has_endings, NOW)


def test_failed_deliveries_can_be_sent_again_by_the_operator(db: Database) -> None:
    issue_id = _publish(db, 1)
    claim_id, rows = _claim(db, issue_id)
    _record(db, claim_id, [_outcome(rows[0], State.FAILED)])
    db.run(running.finish_issues, NOW)
    assert db.run(issues.retry, issue_id, State.UNCERTAIN, NOW) == 0
    assert db.run(issues.retry, issue_id, State.FAILED, NOW) == 1
    assert db.read(issues.find, "214").state == "sending"
    assert len(_claim(db, issue_id)[1]) == 1


def test_a_correction_reaches_also_who_was_claimed_meanwhile_and_given_back_unsent(db: Database) -> None:
    issue_id = _publish(db, 4)
    claim_id, rows = _claim(db, issue_id)
    with db.transaction() as conn:
        edition = issues.add_edition(conn, issue_id, new_edition(), NOW)
        assert issues.correct(conn, issue_id, {"en": edition}, NOW) == 0
    untouched, released, tried, composing = rows
    deferred = _outcome(tried, State.DEFERRED, due_at=NOW)
    _record(db, claim_id, [deferred])
    db.run(ledger.release, claim_id, [released.id], NOW)
    db.run(ledger.take_over, claim_id, {untouched.id: Mark.UNTOUCHED, composing.id: Mark.COMPOSING}, "died", NOW)
    _, again = _claim(db, issue_id)
    assert {row.id: row.edition_id for row in again} == {
        untouched.id: edition,
        released.id: edition,
        tried.id: tried.edition_id,  # every attempt sends the same bytes
        composing.id: edition,
    }


def test_who_could_not_be_composed_gets_the_corrected_text_when_he_is_tried_again(db: Database) -> None:
    """That may be what it was corrected for; who was refused by a relay has seen the text as it was."""
    issue_id = _publish(db, 2)
    claim_id, (poison, refused) = _claim(db, issue_id)
    _record(
        db,
        claim_id,
        [
            _outcome(poison, State.FAILED, relay="", phase=Phase.CONNECT, text="quarantined: a bad value"),
            _outcome(refused, State.FAILED, phase=Phase.RCPT, code=550, text="no"),
        ],
    )
    with db.transaction() as conn:
        edition = issues.add_edition(conn, issue_id, new_edition(), NOW)
        assert issues.correct(conn, issue_id, {"en": edition}, NOW) == 0
    assert db.run(issues.retry, issue_id, State.FAILED, NOW) == 2
    _, again = _claim(db, issue_id)
    assert {row.id: row.edition_id for row in again} == {poison.id: edition, refused.id: refused.edition_id}


def test_who_was_throttled_keeps_his_text_in_a_correction_though_it_cost_him_no_try(db: Database) -> None:
    """The relay may have seen all of it before it said so: every attempt sends the same bytes."""
    issue_id = _publish(db, 3)
    claim_id, rows = _claim(db, issue_id)
    back, given_up, lost = rows
    throttled = [_outcome(row, State.DEFERRED, due_at=NOW, throttled=True) for row in (back, lost)]
    _record(db, claim_id, [*throttled, _outcome(given_up, State.FAILED, throttled=True)])
    claim_id, _ = _claim(db, issue_id)
    with db.transaction() as conn:
        assert issues.retry(conn, issue_id, State.FAILED, NOW) == 1
        edition = issues.add_edition(conn, issue_id, new_edition(), NOW)
        assert issues.correct(conn, issue_id, {"en": edition}, NOW) == 0
    db.run(ledger.release, claim_id, [back.id], NOW)
    db.run(ledger.take_over, claim_id, {lost.id: Mark.COMPOSING}, "died", NOW)
    with db.transaction() as conn:
        assert issues.correct(conn, issue_id, {"en": edition}, NOW) == 0
    _, again = _claim(db, issue_id)
    assert {row.id: row.edition_id for row in again} == {row.id: row.edition_id for row in rows}


def test_who_was_answered_when_the_worker_died_keeps_his_text_in_a_correction(db: Database) -> None:
    issue_id = _publish(db, 2)
    claim_id, (answered, untouched) = _claim(db, issue_id)
    db.run(ledger.take_over, claim_id, {answered.id: Mark.ANSWERED, untouched.id: Mark.UNTOUCHED}, "died", NOW)
    with db.transaction() as conn:
        edition = issues.add_edition(conn, issue_id, new_edition(), NOW)
        assert issues.correct(conn, issue_id, {"en": edition}, NOW) == 1
        tries = dict(conn.execute(select(deliveries.c.id, deliveries.c.tries)).all())
    assert tries == {answered.id: 1, untouched.id: 0}
    _, again = _claim(db, issue_id)
    assert {row.id: row.edition_id for row in again} == {answered.id: answered.edition_id, untouched.id: edition}


def test_a_throttle_costs_the_reader_no_try_and_a_refusal_one(db: Database) -> None:
    issue_id = _publish(db, 4)
    claim_id, rows = _claim(db, issue_id)
    states = (State.DEFERRED, State.FAILED, State.UNCERTAIN)
    outcomes = [_outcome(row, state, due_at=NOW) for row, state in zip(rows, states, strict=False)]
    _record(db, claim_id, [*outcomes, _outcome(rows[3], State.DEFERRED, due_at=NOW, throttled=True)])
    with db.reading() as conn:
        tries = conn.execute(select(deliveries.c.tries).order_by(deliveries.c.id)).scalars()
        assert list(tries) == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("policy", "state", "wanted"),
    [
        ("at_least_once", "sending", "pending"),
        ("at_least_once", "paused", "uncertain"),
        ("at_most_once", "sending", "uncertain"),
    ],
)
def test_an_issue_is_repeated_only_by_its_policy_and_while_it_is_sent(
    db: Database, policy: str, state: str, wanted: str
) -> None:
    issue_id = _publish(db, 1, policy=policy)
    claim_id, _ = _claim(db, issue_id)
    db.run(ledger.take_over, claim_id, None, "lost", NOW)
    db.run(issues.set_state, issue_id, ("sending",), state, "", "op", NOW)
    db.run(ledger.repeat_uncertain, NOW)
    assert _states(db) == [wanted]


def test_an_issue_is_not_called_finished_before_its_time(db: Database) -> None:
    issue_id = _publish(db, 1, send_at=later(hours=1))
    db.run(issues.cancel_waiting, issue_id, NOW)
    assert db.run(running.finish_issues, later(minutes=59)) == []
    assert len(db.run(running.finish_issues, later(hours=1))) == 1
    assert db.read(issues.by_id, issue_id).finished_at == later(hours=1)


def test_what_comes_back_to_a_cancelled_issue_is_cancelled_when_issues_are_finished(db: Database) -> None:
    issue_id = _publish(db, 2)
    claim_id, rows = _claim(db, issue_id)
    db.run(issues.set_state, issue_id, ("sending",), "cancelled", "", "op", NOW)
    _record(db, claim_id, [_outcome(rows[0], State.DEFERRED, due_at=later(minutes=5))])
    db.run(ledger.release, claim_id, [rows[1].id], NOW)
    assert db.run(running.finish_issues, later(minutes=1)) == []
    with db.reading() as conn:
        rows_now = conn.execute(select(deliveries.c.state, deliveries.c.changed_at, deliveries.c.cause)).all()
    assert rows_now == [("cancelled", later(minutes=1), "the operator cancelled the issue")] * 2


def test_pausing_says_so_once_and_leaves_the_cause(db: Database) -> None:
    issue_id = _publish(db, 1)
    assert db.run(running.pause, issue_id, "550 not from you", NOW)
    assert not db.run(running.pause, issue_id, "again", NOW)
    known = db.read(issues.by_id, issue_id)
    assert (known.state, known.state_cause) == ("paused", "550 not from you")
    with db.reading() as conn:
        told = conn.execute(select(events.c.issue_id, events.c.actor, events.c.detail)).all()
    assert told == [(issue_id, "dispatch", {"cause": "550 not from you"})]


def test_the_attempts_log_has_the_relays_words(db: Database) -> None:
    issue_id = _publish(db, 2)
    claim_id, rows = _claim(db, issue_id)
    words = {"code": 451, "status": "4.7.1", "text": "4.7.1 later", "millis": 12, "phase": Phase.RCPT}
    _record(db, claim_id, [_outcome(rows[0], State.DEFERRED, due_at=later(minutes=5), **words)])
    db.run(ledger.take_over, claim_id, {rows[1].id: Mark.HANDED_OVER}, "died", later(seconds=1))
    a = attempts.c
    with db.reading() as conn:
        columns = (a.delivery_id, a.claim_id, a.at, a.relay, a.phase, a.state, a.code, a.status, a.text, a.millis)
        lines = conn.execute(select(*columns).order_by(a.delivery_id)).all()
        causes = conn.execute(select(deliveries.c.cause, deliveries.c.tries).order_by(deliveries.c.id)).all()
    assert lines == [
        (rows[0].id, claim_id, NOW, "main", "rcpt", "deferred", 451, "4.7.1", "4.7.1 later", 12),
        (rows[1].id, claim_id, later(seconds=1), "main", "dot", "uncertain", None, "", "died", 0),
    ]
    assert causes == [("451 4.7.1 later", 1), ("died", 1)]


def test_an_issue_that_has_to_be_out_by_noon_goes_before_a_larger_one_that_has_not(db: Database) -> None:
    with db.transaction() as conn:
        for number in range(3):
            reader(conn, f"r{number}@example.com")
        large = publish(conn, "1", send_at=NOW)
        evening = publish(conn, "2", send_at=later(minutes=1), deadline=later(hours=12))
        noon = publish(conn, "3", send_at=later(minutes=2), deadline=later(hours=4))
        alike = publish(conn, "4", send_at=later(minutes=3))
        publish(conn, "5", send_at=later(hours=1), deadline=later(hours=2))
        order = [one.id for one in running.sendable(conn, later(minutes=5))]
        assert order == [None, noon, evening, large, alike]
        assert running.ahead(conn, alike, later(minutes=5), None) == 9
        assert running.ahead(conn, 0, later(minutes=5), later(hours=4)) == 3
        assert running.ahead(conn, noon, later(minutes=5), later(hours=4)) == 0


def test_next_due_is_the_soonest_of_letters_and_running_issues(db: Database) -> None:
    issue_id = _publish(db, 1, send_at=later(hours=1))
    assert db.read(running.next_due) == later(hours=1)
    with db.transaction() as conn:
        address, due = "bob@example.com", later(minutes=30)
        post_letter(conn, kind="confirm", address=address, now=NOW, due_at=due, compose=lambda _: b"letter")
    assert db.read(running.next_due) == later(minutes=30)
    claim_id, rows = _claim(db, None, minutes=30)
    _record(db, claim_id, [_outcome(rows[0], State.ACCEPTED)])
    assert db.read(running.next_due) == later(hours=1)
    db.run(running.pause, issue_id, "", NOW)
    assert db.read(running.next_due) is None


def test_every_change_tells_when_it_was_and_why(db: Database) -> None:
    issue_id = _publish(db, 8, deadline=later(minutes=50))
    with db.transaction() as conn:
        conn.execute(update(subscribers).where(subscribers.c.address == "reader7@example.com").values(state="erased"))
    claim_id, rows = _claim(db, issue_id, minutes=1)
    a, b, c, e, f, g, h = rows

    def seen() -> list[tuple[str, int, str]]:
        d = deliveries.c
        with db.reading() as conn:
            found = conn.execute(select(d.state, d.changed_at, d.cause).where(d.issue_id == issue_id).order_by(d.id))
            return [(row.state, round((row.changed_at - NOW).total_seconds() / 60), row.cause) for row in found]

    assert seen()[:7] == [("attempting", 1, "")] * 7
    assert seen()[7] == ("suppressed", 1, "left or was suppressed before this message")
    deferred = _outcome(b, State.DEFERRED, due_at=later(minutes=9), code=451, text="later")
    db.run(ledger.record, claim_id, [_outcome(a, State.ACCEPTED), deferred], later(minutes=2))
    db.run(ledger.release, claim_id, [c.id], later(minutes=3))
    marks = {e.id: Mark.HANDED_OVER, f.id: Mark.ACCEPTED, g.id: Mark.COMPOSING, h.id: Mark.UNTOUCHED}
    db.run(ledger.take_over, claim_id, marks, "died", later(minutes=4))
    before = [("accepted", 2, ""), ("deferred", 2, "451 later"), ("pending", 3, "")]
    assert seen()[:7] == [
        *before,
        ("uncertain", 4, "died"),
        ("accepted", 4, ""),
        ("pending", 4, ""),
        ("pending", 4, ""),
    ]
    db.run(running.expire_overdue, later(minutes=50))
    passed = "the issue's deadline has passed"
    assert seen()[1:3] == [("failed", 50, passed), ("cancelled", 50, passed)]
    with db.reading() as conn:
        ended = conn.execute(select(claims.c.ended_at, claims.c.leased_until)).one()
        losses = conn.execute(select(deliveries.c.losses).where(deliveries.c.id == g.id)).scalar_one()
    assert ended == (later(minutes=4), later(minutes=3))
    assert losses == 1


def test_a_claim_says_who_holds_it_and_where_its_journal_is(db: Database) -> None:
    number = db.run(leases.open_claim, Worker("w1", "host", 7, "boot"), "/journals", NOW, LEASE, "main")
    (claim,) = db.read(leases.open_claims)
    assert claim == leases.OpenClaim(number, "w1", "host", "boot", "/journals", "main", NOW + LEASE)
    with db.reading() as conn:
        assert conn.execute(select(claims.c.pid, claims.c.created_at)).one() == (7, NOW)
    db.run(leases.end_claims, [number], later(seconds=1))
    assert db.read(leases.open_claims) == []
    db.run(leases.end_claims, [number], later(seconds=2))
    with db.reading() as conn:
        assert conn.execute(select(claims.c.ended_at)).scalar_one() == later(seconds=1)
    assert not db.run(leases.end_claim, number, NOW)


@ON_POSTGRES
def test_who_claims_at_the_same_moment_gets_others_and_waits_for_nobody(db: Database, db_url: str) -> None:
    issue_id = _publish(db, 4)
    impatient = Database(db_url, still_seconds=0.3)
    with db.transaction() as one, impatient.transaction() as other:
        found = [
            (running.sendable(conn, NOW), picking.pick(conn, Sendable(issue_id), limit, NOW))
            for conn, limit in ((one, 2), (other, 9))
        ]
    impatient.close()
    assert [[issue.id for issue in issues] for issues, _ in found] == [[None, issue_id]] * 2
    assert [len(rows) for _, rows in found] == [2, 2]
    assert len({row.id for _, rows in found for row in rows}) == 4


@ON_POSTGRES
def test_a_pause_waits_for_a_claim_that_is_being_made(db: Database, db_url: str) -> None:
    """So that no intent comes after it."""
    issue_id = _publish(db, 1)
    impatient = Database(db_url, still_seconds=0.1)
    with db.transaction() as conn:
        running.sendable(conn, NOW)
        with pytest.raises(StoreError):
            impatient.run(running.pause, issue_id, "", NOW)
    assert impatient.run(running.pause, issue_id, "", NOW)
    impatient.close()
