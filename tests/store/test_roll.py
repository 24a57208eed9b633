"""The roll of workers: who was there a moment ago, and what keeps one from sending."""

from __future__ import annotations

from datetime import timedelta

from support.cast import NOW

from mailer.store import roll
from mailer.store.engine import Database
from mailer.store.leases import Worker
from mailer.store.roll import Present

HERE, THERE = Worker("a", "here", 1, "boot"), Worker("b", "there", 2, "boot")
SECOND = timedelta(seconds=1)


def test_a_worker_is_there_until_it_has_not_been_seen_for_a_while(db: Database) -> None:
    db.run(roll.sign_in, HERE, "", NOW)
    db.run(roll.sign_in, THERE, "nobody answers", NOW + 30 * SECOND)
    assert db.read(roll.present, NOW + 44 * SECOND) == [
        Present("a", "here", 1, ""),
        Present("b", "there", 2, "nobody answers"),
    ]
    assert [one.name for one in db.read(roll.present, NOW + 45 * SECOND)] == ["b"]
    db.run(roll.sign_in, HERE, "", NOW + 50 * SECOND)
    assert [one.name for one in db.read(roll.present, NOW + 60 * SECOND)] == ["a", "b"]


def test_what_keeps_a_worker_from_sending_is_what_it_said_last(db: Database) -> None:
    db.run(roll.sign_in, HERE, "nobody answers", NOW)
    db.run(roll.sign_in, HERE, "", NOW + SECOND)
    assert [one.trouble for one in db.read(roll.present, NOW + SECOND)] == [""]


def test_who_goes_is_gone_at_once_and_who_died_is_forgotten_after_a_day(db: Database) -> None:
    for worker in (HERE, THERE):
        db.run(roll.sign_in, worker, "", NOW)
    db.run(roll.sign_out, "a")
    assert [one.name for one in db.read(roll.present, NOW)] == ["b"]
    later = NOW + timedelta(days=1, seconds=1)
    db.run(roll.sign_in, HERE, "", later)
    assert [one.name for one in db.read(roll.present, NOW)] == ["a"]
