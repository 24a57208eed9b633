"""What proves that a copy arrived (C7), though it came while the answer was still awaited: nobody asks for it again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update
from support.cast import NOW, claim, later, publish, reader

from mailer.flows.bounce import TakeIn
from mailer.flows.leave import Leave
from mailer.flows.relay_log import take_log
from mailer.intake import relay_log
from mailer.model.delivery import Phase, State
from mailer.model.tokens import Keyring, Purpose
from mailer.store import issues, leases, ledger, restored
from mailer.store.engine import Database
from mailer.store.healing import heal, is_provable
from mailer.store.journal import Mark
from mailer.store.leases import Worker
from mailer.store.ledger import Outcome
from mailer.store.outbox import post_letter
from mailer.store.picking import Claimed
from mailer.store.running import Sendable
from mailer.store.schema import deliveries, subscribers

RING = Keyring({1: b"k" * 32}, 1)
SAMPLES = Path(__file__).parents[1] / "samples" / "bounces"
WORKER = Worker("w1", "host", 1, "boot")
LOG = """\
Mar  2 08:00:01 relay postfix/cleanup[11]: 4XyZ12aBcD: message-id=<{token}@club.example.com>
Mar  2 08:00:02 relay postfix/smtp[12]: 4XyZ12aBcD: to=<{to}>, relay=mx.example.org[192.0.2.5]:25, delay=1, \
delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)
"""
UncertainBy = Callable[[Database, int, Claimed], object]


def _mail(name: str) -> Callable[[Database, int], object]:
    raw = (SAMPLES / f"{name}.eml").read_bytes()

    def take(db: Database, this: int) -> None:
        TakeIn(db, RING, lambda: NOW).take(raw, "imap", f"b+{RING.sign(this, Purpose.BOUNCE)}@club.example.com")

    return take


def _unsubscribe_by_mail(db: Database, this: int) -> None:
    token = RING.sign(this, Purpose.UNSUBSCRIBE)
    raw = f"From: <a@example.net>\r\nTo: leave@example.org\r\nSubject: unsubscribe {token}\r\n\r\n\r\n".encode()
    TakeIn(db, RING, lambda: NOW).take(raw, "imap")


def _line(db: Database, this: int) -> None:
    text = LOG.format(token=RING.sign(this, Purpose.MESSAGE), to="alice@example.com")
    take_log(db, RING, relay_log.read(text.splitlines(keepends=True)), NOW)


def _leave(db: Database, this: int) -> None:
    assert Leave(db, lambda: NOW).leave(this, "one-click")


def _leave_again(db: Database, this: int) -> None:
    with db.transaction() as conn:
        conn.execute(update(subscribers).values(state="unsubscribed", left_at=later(days=-1)))
    _leave(db, this)


def _prefer(db: Database, this: int) -> None:
    assert Leave(db, lambda: NOW).prefer(this, "zh", pause=None, unwanted=None)


def _follow(db: Database, this: int) -> None:
    assert db.read(is_provable, this)
    db.run(heal, this, "a link that was followed", NOW)


EVIDENCE = {
    "a report": _mail("postfix-unknown-user"),
    "a complaint": _mail("complaint"),
    "a person's answer": _mail("human-reply"),
    "an absence note": _mail("vacation"),
    "an unsubscribe by mail": _unsubscribe_by_mail,
    "the relay's log": _line,
    "an unsubscribe": _leave,
    "an unsubscribe of who had left": _leave_again,
    "saved preferences": _prefer,
    "a link that was followed": _follow,
}


def _no_answer(db: Database, claim_id: int, row: Claimed) -> None:
    db.run(ledger.record, claim_id, [Outcome(row, State.UNCERTAIN, NOW, "main", Phase.DOT, text="no answer")], NOW)


def _killed(db: Database, claim_id: int, row: Claimed) -> None:
    db.run(ledger.take_over, claim_id, {row.id: Mark.HANDED_OVER}, "died", NOW)


def _lost(db: Database, claim_id: int, row: Claimed) -> None:
    db.run(ledger.take_over, claim_id, None, "lost", NOW)


def _restored(db: Database, claim_id: int, row: Claimed) -> None:
    db.run(restored.reconcile, claim_id, row.id, NOW)


def _under_way(db: Database, *, letter: bool = False) -> tuple[int, Claimed]:
    with db.transaction() as conn:
        alice = reader(conn, "alice@example.com")
        issue_id = None if letter else publish(conn)
        if letter:
            post_letter(conn, kind="k", address="a", now=NOW, compose=lambda number: b"", subscriber_id=alice)
    return _claim(db, issue_id)


def _claim(db: Database, issue_id: int | None) -> tuple[int, Claimed]:
    with db.transaction() as conn:
        claim_id = leases.open_claim(conn, WORKER, "", NOW, later(minutes=2) - NOW, "main")
        (row,) = claim(conn, claim_id, Sendable(issue_id), 9, NOW)
    return claim_id, row


def _stands(db: Database) -> tuple[str, str]:
    with db.reading() as conn:
        state, cause = conn.execute(select(deliveries.c.state, deliveries.c.cause).order_by(deliveries.c.id)).first()  # type: ignore[misc]
    return state, cause


@pytest.mark.parametrize("uncertain", [_no_answer, _killed, _lost, _restored])
@pytest.mark.parametrize("kind", EVIDENCE)
def test_what_came_while_the_answer_was_awaited_proves_it_when_none_comes(
    db: Database, kind: str, uncertain: UncertainBy
) -> None:
    claim_id, row = _under_way(db)
    EVIDENCE[kind](db, row.id)
    assert _stands(db)[0] == "attempting"
    uncertain(db, claim_id, row)
    state, cause = _stands(db)
    assert (state, cause.startswith("proved by ")) == ("accepted", True)


@pytest.mark.parametrize("kind", ["an unsubscribe", "a link that was followed"])
def test_of_a_letter_it_is_a_proof_too_and_no_second_one_goes_out(db: Database, kind: str) -> None:
    claim_id, row = _under_way(db, letter=True)
    EVIDENCE[kind](db, row.id)
    _no_answer(db, claim_id, row)
    db.run(ledger.repeat_uncertain, NOW)
    assert _stands(db)[0] == "accepted"


@pytest.mark.parametrize("state", [State.ACCEPTED, State.DEFERRED, State.FAILED])
def test_where_an_answer_comes_it_alone_counts_and_nothing_tells_that_a_link_was_followed(
    db: Database, state: State
) -> None:
    claim_id, row = _under_way(db)
    _follow(db, row.id)
    answer = Outcome(row, state, NOW, "main", Phase.DOT, 250 if state is State.ACCEPTED else 550, text="so", due_at=NOW)
    db.run(ledger.record, claim_id, [answer], NOW)
    assert _stands(db) == (state, "" if state is State.ACCEPTED else "550 so")


def test_what_proved_one_attempt_that_was_given_back_does_not_prove_the_next(db: Database) -> None:
    claim_id, row = _under_way(db)
    _follow(db, row.id)
    db.run(ledger.release, claim_id, [row.id], NOW)
    _no_answer(db, *_claim(db, db.read(issues.find, "214").id))
    assert _stands(db) == ("uncertain", "no answer")
