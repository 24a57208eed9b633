"""The operators hear of what needs a person: by mail, with figures, once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select
from support import edges

from mailer.flows.alert import Alerts
from mailer.model.signup import mark
from mailer.store import issues as issue_store
from mailer.store import leases, marks, running
from mailer.store.engine import Database
from mailer.store.leases import CLERK, Worker
from mailer.store.schema import claims, deliveries, events, issues, letters, subscribers

START = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
KEY = b"k" * 32


class Desk:
    """The operators' desk: an issue for four readers, and what was written to the operators."""

    def __init__(self, db: Database, to: tuple[str, ...] = ("ops@example.org",)) -> None:
        self.db = db
        self.now = START
        self.written: list[tuple[str, str, str, Mapping[str, Any]]] = []
        self.alerts = Alerts(db, self.write, lambda: self.now, to, "zh", ZoneInfo("Asia/Shanghai"), 3, KEY)

    def write(self, kind: str, language: str, address: str, name: str, number: int, values: Any, /) -> bytes:
        self.written.append((kind, language, address, values))
        return b"Subject: x\r\n\r\n"

    def publish(self, *states: str, slug: str = "2026-03-02", deadline: datetime | None = None) -> int:
        with self.db.transaction() as conn:
            issue_id: int = conn.execute(
                insert(issues)
                .values(
                    newsletter="N",
                    identity=slug,
                    date=START.date(),
                    slug=slug,
                    title="Headlines",
                    state="sending",
                    policy="at_most_once",
                    frozen=len(states),
                    frozen_at=START,
                    send_at=START,
                    deadline=deadline,
                )
                .returning(issues.c.id)
            ).scalar_one()
            for number, state in enumerate(states):
                address = f"reader{number}@{slug}.example.com"
                who = conn.execute(
                    insert(subscribers)
                    .values(address=address, match_key=address, domain="example.com", state="active", created_at=START)
                    .returning(subscribers.c.id)
                ).scalar_one()
                conn.execute(
                    insert(deliveries).values(
                        issue_id=issue_id,
                        subscriber_id=who,
                        address=address,
                        domain="example.com",
                        due_at=START,
                        changed_at=START,
                        state=state,
                    )
                )
        return issue_id  # fmt: skip

    def finish(self) -> None:
        with self.db.transaction() as conn:
            running.expire_overdue(conn, self.now)
            running.finish_issues(conn, self.now)

    def kinds(self) -> list[str]:
        with self.db.reading() as conn:
            return list(conn.execute(select(letters.c.kind).order_by(letters.c.id)).scalars())


@pytest.fixture
def desk(db: Database) -> Desk:
    return Desk(db)


def test_the_end_of_a_send_is_told_once_with_the_figures(desk: Desk) -> None:
    desk.publish("accepted", "accepted", "failed")
    assert desk.alerts.look() is False
    desk.finish()
    assert desk.alerts.look() is True
    assert desk.alerts.look() is False
    assert desk.kinds() == ["send-finished"]
    kind, language, address, values = desk.written[0]
    assert (kind, language, address) == ("send-finished", "zh", "ops@example.org")
    assert values["time"] == "2026-03-02 08:00 Asia/Shanghai"
    assert values["well"] is True
    assert (values["frozen"], values["counts"]["accepted"], values["counts"]["failed"]) == (3, 2, 1)


@pytest.mark.parametrize("states", [("failed",), ("suppressed", "suppressed"), ("accepted", "failed")])
def test_a_send_that_most_did_not_get_did_not_end_well(desk: Desk, states: tuple[str, ...]) -> None:
    desk.publish(*states)
    desk.finish()
    assert desk.alerts.look() is False
    assert desk.written[0][3]["well"] is False


def test_a_send_with_uncertain_deliveries_did_not_end_well(desk: Desk) -> None:
    desk.publish("accepted", "uncertain")
    desk.finish()
    assert desk.alerts.look() is False
    assert desk.written[0][3]["well"] is False
    assert desk.written[0][3]["counts"]["uncertain"] == 1


@pytest.mark.parametrize(("waiting", "ended"), [("pending", "cancelled"), ("deferred", "failed")])
def test_a_send_that_its_deadline_ended_says_so_and_did_not_end_well(desk: Desk, waiting: str, ended: str) -> None:
    desk.publish("accepted", waiting, deadline=START + timedelta(hours=1))
    desk.now += timedelta(hours=1)
    desk.finish()
    assert desk.alerts.look() is False
    values = desk.written[0][3]
    assert (values["late"], values["well"], values["counts"][ended]) == (True, False, 1)


def test_a_send_that_is_repaired_and_ends_again_is_told_again(desk: Desk) -> None:
    issue_id = desk.publish("accepted", "failed")
    desk.finish()
    desk.alerts.look()
    desk.now += timedelta(minutes=5)
    with desk.db.transaction() as conn:
        issue_store.retry(conn, issue_id, "failed", desk.now)
        edges.set_up(conn, deliveries.c.state == "pending", state="accepted")
    desk.finish()
    desk.alerts.look()
    assert desk.kinds() == ["send-finished", "send-finished"]


def test_a_pause_the_program_made_is_told_with_its_cause(desk: Desk) -> None:
    issue_id = desk.publish("accepted", "pending")
    for _ in range(2):
        desk.now += timedelta(minutes=1)
        desk.db.run(running.pause, issue_id, "535 5.7.8 wrong password", desk.now)
        desk.alerts.look()
        desk.alerts.look()
        desk.db.run(issue_store.set_state, issue_id, ("paused",), "sending", "", "Ann", desk.now)
    assert desk.kinds() == ["send-paused", "send-paused"]
    values = desk.written[0][3]
    assert (values["cause"], values["waiting"]) == ("535 5.7.8 wrong password", 1)


def test_a_pause_the_operator_made_is_no_news(desk: Desk) -> None:
    issue_id = desk.publish("pending")
    desk.db.run(issue_store.set_state, issue_id, ("sending",), "paused", "paused by the operator", "Ann", desk.now)
    desk.now += timedelta(hours=1)
    desk.alerts.look()
    assert desk.kinds() == []


def test_readers_who_wait_while_nobody_works_are_told_once_a_standstill(desk: Desk) -> None:
    desk.publish("accepted", "pending", "deferred")
    desk.now += timedelta(minutes=14)
    desk.alerts.look()
    assert desk.kinds() == []
    desk.now += timedelta(minutes=2)
    desk.alerts.look()
    desk.now += timedelta(minutes=5)
    desk.alerts.look()
    assert desk.kinds() == ["send-stalled"]
    assert desk.written[0][3]["waiting"] == 2
    with desk.db.transaction() as conn:  # somebody comes and goes again
        conn.execute(insert(claims).values(worker="w", host="h", pid=1, created_at=desk.now, leased_until=desk.now))
    desk.alerts.look()
    assert desk.kinds() == ["send-stalled"]
    desk.now += timedelta(minutes=16)
    desk.alerts.look()
    assert desk.kinds() == ["send-stalled", "send-stalled"]


def test_who_sends_letters_only_does_not_end_a_standstill(desk: Desk) -> None:
    desk.publish("pending")
    desk.now += timedelta(minutes=16)
    desk.alerts.look()
    clerk = Worker(f"{CLERK}here", "h", 1, "")
    desk.db.run(leases.open_claim, clerk, "", desk.now, timedelta(minutes=2))
    desk.now += timedelta(minutes=16)
    desk.alerts.look()
    assert desk.kinds() == ["send-stalled"]


def test_an_updated_program_does_not_tell_the_past(desk: Desk) -> None:
    desk.publish("accepted")
    desk.finish()
    desk.now += timedelta(days=2)
    desk.alerts.look()
    assert desk.kinds() == []


def test_too_many_signups_are_told_once_an_hour(desk: Desk) -> None:
    total = mark(KEY, "total", "")
    desk.db.run(marks.add, [total, total], desk.now)
    desk.alerts.look()
    assert desk.kinds() == []
    for _ in range(5):
        desk.db.run(marks.add, [total], desk.now)
        desk.alerts.look()
        desk.now += timedelta(minutes=10)
    assert desk.kinds() == ["many-signups"]
    desk.now += timedelta(minutes=11)
    desk.db.run(marks.add, [total, total, total], desk.now)
    desk.alerts.look()
    assert desk.kinds() == ["many-signups", "many-signups"]


def test_many_processes_that_look_at_once_tell_it_once(desk: Desk) -> None:
    desk.publish("accepted")
    desk.finish()
    barrier = threading.Barrier(6)

    def look() -> None:
        barrier.wait()
        desk.alerts.look()

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert desk.kinds() == ["send-finished"]


def test_everybody_named_gets_a_letter_and_nobody_is_fine_too(db: Database) -> None:
    both = Desk(db, ("ann@example.org", "ben@example.org"))
    both.publish("accepted")
    both.finish()
    both.alerts.look()
    assert [address for _, _, address, _ in both.written] == ["ann@example.org", "ben@example.org"]
    nobody = Desk(db, ())
    nobody.publish("accepted", slug="2026-03-03")
    nobody.finish()
    assert nobody.alerts.look() is True
    assert nobody.written == []
    with db.reading() as conn:
        assert len(conn.execute(select(events).where(events.c.kind == "alerted")).all()) == 2


def warn(desk: Desk, issue_id: int, cause: str) -> None:
    desk.db.run(issue_store.note, "warned", issue_id, "bounces", {"cause": cause}, desk.now)


def test_causes_are_told_in_the_language_of_the_letter(desk: Desk) -> None:
    issue_id = desk.publish("accepted", "pending")
    desk.db.run(running.pause, issue_id, "hub refuses our mail: 550 5.7.1 Not you", desk.now)
    desk.alerts.look()
    assert [values["cause"] for *_, values in desk.written] == ["hub 拒收我们的邮件：550 5.7.1 Not you"]


def test_what_comes_back_is_told_in_one_letter_an_hour(desk: Desk) -> None:
    issue_id = desk.publish("accepted", "accepted")
    warn(desk, issue_id, "the first complaint")
    warn(desk, issue_id, "bounces at example.org")
    desk.alerts.look()
    desk.alerts.look()
    assert [values["causes"] for *_, values in desk.written] == [["the first complaint", "bounces at example.org"]]
    for number in range(20):
        warn(desk, issue_id, f"bounces at {number}.example.net")
    desk.now += timedelta(minutes=59)
    desk.alerts.look()
    assert desk.kinds() == ["send-warned"]
    desk.now += timedelta(minutes=1)
    desk.alerts.look()
    assert len(desk.written[1][3]["causes"]) == 20
    desk.now += timedelta(hours=2)
    desk.alerts.look()
    assert desk.kinds() == ["send-warned", "send-warned"]


def test_another_issues_warnings_are_a_letter_of_their_own(desk: Desk) -> None:
    for slug in ("2026-03-02", "2026-03-01"):
        warn(desk, desk.publish("accepted", slug=slug), "the first complaint")
    desk.alerts.look()
    assert desk.kinds() == ["send-warned", "send-warned"]
