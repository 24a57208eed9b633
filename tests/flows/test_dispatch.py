"""The dispatcher over real SMTP and a real database while everything around it fails (docs/architecture.md, C1-C11)."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import random
import shutil
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, func, make_url, select, text, update
from support.cast import NOW
from support.certificates import Authority
from support.relay import Relay, Rule, closing, hang_up, late, refuse, stall
from support.stage import HOUR, MINUTE, Stage
from support.ways import CONTENT, QUICK

from mailer.errors import RestoredError, StoreError
from mailer.flows import control
from mailer.flows.dispatch import Tally, books, connection, desk
from mailer.flows.dispatch import dispatcher as dispatching
from mailer.model.delivery import State
from mailer.model.pacing import Window
from mailer.rendering.outgoing import Outgoing
from mailer.store import budgets, issues, leases, picking
from mailer.store.budgets import PROVIDER, Slowdown, Wish
from mailer.store.engine import Database
from mailer.store.highwater import HighWater
from mailer.store.journal import Journal, Mark
from mailer.store.leases import Worker
from mailer.store.outbox import post_letter
from mailer.store.picking import Claimed
from mailer.store.running import Sendable
from mailer.store.schema import claims, deliveries, subscribers
from mailer.store.schema import issues as issues_table
from mailer.transport import lane as lanes
from mailer.transport.lane import Lane
from mailer.transport.smtp import SmtpRelay
from mailer.transport.url import parse

pytestmark = pytest.mark.usefixtures("short_breaks")


# --- the relay


async def test_everybody_gets_the_issue_once_and_each_attempt_has_a_line(stage: Stage) -> None:
    async with Relay() as relay:
        tally = await stage.send(relay)
        assert tally[State.ACCEPTED] == stage.readers
        assert stage.counts() == {"accepted": stage.readers}
        assert stage.lines() == len(relay.transactions) == stage.readers
        assert stage.db.read(issues.find, "214").state == "finished"
        await stage.send(relay)
        stage.agree(relay)


async def test_a_storm_of_454_finishes_nothing_and_loses_nobody(stage: Stage) -> None:
    async with Relay(refuse("dot", "454 4.7.0 Try again later", times=2 * stage.readers)) as relay:
        for after in (timedelta(0), 5 * MINUTE):
            tally = await stage.send(relay, after=after)
            assert stage.counts() == {"deferred": stage.readers}
            assert stage.db.read(issues.find, "214").state == "sending"
            assert tally.next_due is not None
            assert tally.next_due > stage.now
        await stage.send(relay, after=15 * MINUTE)
        assert stage.counts() == {"accepted": stage.readers}
        assert stage.lines() == 3 * stage.readers
        stage.agree(relay)


async def test_a_relay_that_takes_two_connections_gets_everything_over_two(stage: Stage) -> None:
    async with Relay(stall("dot", times=2), max_connections=2) as relay:
        dispatcher = stage.dispatcher(relay, connections=8)
        run = asyncio.create_task(dispatcher.run())
        async with asyncio.timeout(20):
            await relay.until(lambda: sum("DATA" in visit.commands for visit in relay.visits) == 2)
            await relay.until(lambda: len(relay.visits) >= 12)  # the other six have been turned away again and again
            for rule in relay.rules:
                rule.let_go()
            await run
        assert stage.counts() == {"accepted": stage.readers}
        stage.agree(relay)


async def test_garbage_is_looked_for_rarely_while_there_is_something_to_send(stage: Stage) -> None:
    before, during = gc.get_threshold(), set()
    async with Relay(on_accept=lambda transaction: during.add(gc.get_threshold()[0])) as relay:
        await stage.send(relay)
    assert (during, gc.get_threshold()) == ({dispatching.OBJECTS}, before)


@pytest.mark.parametrize(
    ("enough", "extensions"),
    [
        ("421 too many messages in this connection", ["PIPELINING"]),
        ("452 4.3.2 Max message per connection reached", []),
        ("421 4.7.0 Enough for now", ["PIPELINING", "LIMITS RCPTMAX=100 MAILMAX=2"]),
    ],
)
async def test_a_relay_that_takes_two_messages_a_connection_gets_new_ones_and_nobody_waits(
    stage: Stage, enough: str, extensions: list[str]
) -> None:
    async with Relay(max_messages=2, enough=enough, extensions=extensions) as relay:
        dispatcher = stage.dispatcher(relay)
        await dispatcher.run()
        assert stage.counts() == {"accepted": stage.readers}
        assert {lane.messages_per_connection for lane in dispatcher._lanes} == {2}
        stage.agree(relay)


@pytest.mark.parametrize("most", [1, 2])
async def test_a_relay_that_closes_after_few_messages_gets_new_connections_and_nobody_waits(
    db: Database, tmp_path: Path, most: int
) -> None:
    stage = Stage(db, tmp_path, readers=40)
    async with Relay(max_messages=most) as relay:
        await stage.send(relay)
        assert stage.counts() == {"accepted": stage.readers}
        stage.agree(relay)
    with stage.db.reading() as conn:
        assert set(conn.execute(select(deliveries.c.tries)).scalars()) == {1}


async def test_a_relay_that_asks_for_less_on_a_connection_in_use_is_slowed_all_the_same(stage: Stage) -> None:
    enough = "421 4.7.0 Too many messages, slow down"
    async with Relay(max_messages=2, enough=enough) as relay, asyncio.timeout(30):
        dispatcher = stage.dispatcher(relay)
        run = asyncio.create_task(dispatcher.run())
        await _until(lambda: bool(stage.db.read(budgets.slowed, stage.now)))
        dispatcher.stop()
        await run
        assert {lane.messages_per_connection for lane in dispatcher._lanes} == {1000}


async def test_a_lane_closes_its_connections_before_the_relay_does(stage: Stage) -> None:
    async with Relay(max_messages=2) as relay:
        dispatcher = stage.dispatcher(relay)
        for lane in dispatcher._lanes:
            lane.messages_per_connection = 2
        await dispatcher.run()
        assert stage.counts() == {"accepted": stage.readers}
        assert stage.lines() == stage.readers


async def test_a_worker_that_stays_closes_connections_without_work_and_opens_them_for_new_work(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.1)
    async with Relay() as relay:
        dispatcher = stage.dispatcher(relay)
        run = asyncio.create_task(dispatcher.run(forever=True))
        async with asyncio.timeout(20):
            await relay.until(lambda: len(relay.transactions) == stage.readers)
            await relay.until(lambda: bool(relay.visits) and all(visit.closed.is_set() for visit in relay.visits))
            assert any("QUIT" in visit.commands for visit in relay.visits)
            with stage.db.transaction() as conn:
                post_letter(conn, kind="confirm", address="bob@example.com", now=NOW, compose=lambda _: CONTENT)
            await relay.until(lambda: len(relay.transactions) == stage.readers + 1)
            dispatcher.stop()
            await run


@pytest.mark.parametrize("at", ["connect", "ehlo", "mail", "rcpt", "data", "dot"])
async def test_421_anywhere_delays_and_loses_nobody(stage: Stage, at: str) -> None:
    async with Relay(closing(at, times=4)) as relay:
        for after in (timedelta(0), 5 * MINUTE, 15 * MINUTE):
            await stage.send(relay, after=after)
        assert stage.counts() == {"accepted": stage.readers}
        stage.agree(relay)


@pytest.mark.parametrize("at", ["connect", "ehlo", "mail", "rcpt", "data"])
async def test_a_drop_before_the_dot_delays_and_loses_nobody(stage: Stage, at: str) -> None:
    async with Relay(hang_up(at, times=4)) as relay:
        for after in (timedelta(0), 5 * MINUTE, 15 * MINUTE):
            await stage.send(relay, after=after)
        assert stage.counts() == {"accepted": stage.readers}
        stage.agree(relay)


@pytest.mark.parametrize("taken", [True, False])
async def test_a_drop_after_the_dot_is_uncertain_and_never_sent_again(stage: Stage, taken: bool) -> None:
    async with Relay(hang_up("dot", times=2, accepting=taken)) as relay:
        tally = await stage.send(relay)
        assert tally[State.UNCERTAIN] == 2
        await stage.send(relay, after=48 * HOUR)
        assert stage.counts() == {"accepted": stage.readers - 2, "uncertain": 2}
        stage.agree(relay)


async def test_a_relay_that_never_answers_the_dot_pauses_the_issue_before_the_list_is_burnt(
    db: Database, tmp_path: Path
) -> None:
    stage = Stage(db, tmp_path, readers=60)
    async with Relay(hang_up("dot", accepting=True)) as relay:
        await stage.send(relay)
        stage.agree(relay)
    counts = stage.counts()
    assert desk.UNANSWERED <= counts["uncertain"] <= desk.UNANSWERED + 3  # and what three connections held
    assert counts["pending"] == stage.readers - counts["uncertain"]
    assert stage.db.read(issues.find, "214").state == "paused"
    assert len(stage.seen.pauses) == 1


async def test_one_refused_reader_fails_and_is_suppressed_and_the_others_get_it(stage: Stage) -> None:
    async with Relay(refuse("rcpt", recipient="r3@*")) as relay:
        await stage.send(relay)
        assert stage.counts() == {"accepted": stage.readers - 1, "failed": 1}
        stage.agree(relay)
    with stage.db.reading() as conn:
        assert conn.execute(text("SELECT match_key, reason FROM suppressions")).all() == [
            ("r3@example.com", "userunknown")
        ]


@pytest.mark.parametrize(
    "rule",
    [refuse("mail", "550 5.7.1 Sender rejected"), refuse("mail", "552 5.3.4 Too big")],
    ids=["sender", "size"],
)
async def test_a_refusal_of_us_pauses_the_issue_says_so_once_and_fails_nobody(stage: Stage, rule: Rule) -> None:
    async with Relay(rule) as relay:
        await stage.send(relay)
        assert stage.counts() == {"pending": stage.readers}
        assert stage.db.read(issues.find, "214").state == "paused"
        assert len(stage.seen.pauses) == 1
        assert len(relay.transactions) < stage.readers
        relay.rules.clear()
        assert control.resume(stage.db, stage.slug, "op", stage.now)
        await stage.send(relay)
        assert stage.counts() == {"accepted": stage.readers}
        stage.agree(relay)


async def test_several_connections_refused_one_after_the_other_say_so_once(stage: Stage) -> None:
    first, second = stall("mail", times=1), stall("mail", times=1)
    refusal = b"550 5.7.1 Sender rejected\r\n"
    first.reply = second.reply = refusal
    async with Relay(first, second, refuse("mail", "550 5.7.1 Sender rejected")) as relay:
        run = asyncio.create_task(stage.dispatcher(relay).run())
        async with asyncio.timeout(20):
            await first.reached()
            await second.reached()
            first.let_go()
            await _until(lambda: stage.db.read(issues.find, "214").state == "paused")
            second.let_go()
            await run
        assert len(stage.seen.pauses) == 1
        assert stage.counts() == {"pending": stage.readers}


async def test_a_wrong_password_ends_the_run_with_its_error_and_loses_nobody(stage: Stage) -> None:
    async with Relay(users={"club": "secret"}) as relay:
        url = f"smtp://club:wrong@127.0.0.1:{relay.port}"
        dispatcher = stage.dispatcher(relay)
        for lane in dispatcher._lanes:
            lane.relay = SmtpRelay(parse(url), timeouts=QUICK)
        tally = await dispatcher.run()
        assert tally.error is not None
        assert "535" in str(tally.error)
        assert stage.counts() == {"pending": stage.readers}
        assert relay.transactions == []
        stage.agree(relay)


async def test_a_wrong_password_is_said_once_however_many_connections_there_may_be(stage: Stage) -> None:
    async with Relay(users={"club": "secret"}) as relay:
        server = SmtpRelay(parse(f"smtp://club:wrong@127.0.0.1:{relay.port}"), timeouts=QUICK)
        lane = Lane(server, connections=5, return_path=lambda token: "b@example.org")
        tally = await stage.dispatcher(lanes=[lane]).run()
        assert "535" in str(tally.error)
        assert sum(command.startswith("AUTH") for command in relay.commands) == 1
        assert stage.counts() == {"pending": stage.readers}


async def test_a_first_connection_that_hangs_holds_up_nobody_for_long(stage: Stage, monkeypatch: Any) -> None:
    monkeypatch.setattr(connection, "FIRST_SECONDS", 0.01)
    silent = stall("connect", times=1)
    async with Relay(silent) as relay:
        run = asyncio.create_task(stage.dispatcher(relay, connections=2).run())
        async with asyncio.timeout(20):
            await silent.reached()
            await stage.seen.until(lambda: len(stage.seen.outcomes) == stage.readers - 1)
            silent.let_go()
            await run
        assert stage.counts() == {"accepted": stage.readers}


async def test_a_worker_that_stays_tries_a_relay_that_refused_its_password_again(
    stage: Stage, monkeypatch: Any
) -> None:
    monkeypatch.setattr(lanes, "REFUSED_SECONDS", 0.05)
    users = {"club": "changed"}
    async with Relay(users=users) as relay:
        server = SmtpRelay(parse(f"smtp://club:secret@127.0.0.1:{relay.port}"), timeouts=QUICK)
        dispatcher = stage.dispatcher(lanes=[Lane(server, connections=2, return_path=lambda token: "b@example.org")])
        run = asyncio.create_task(dispatcher.run(forever=True))
        async with asyncio.timeout(20):
            await stage.seen.until(lambda: len(stage.seen.down) >= 2)
            users["club"] = "secret"
            await stage.seen.until(lambda: len(stage.seen.outcomes) == stage.readers)
            dispatcher.stop()
            tally = await run
        assert tally.error is None
        assert stage.counts() == {"accepted": stage.readers}
        stage.agree(relay)


@pytest.mark.parametrize("password", ["secret", "wrong"])
async def test_what_one_relay_refuses_leaves_over_another_and_is_no_error_of_the_run(
    stage: Stage, password: str
) -> None:
    """The other relay hangs up while it greets, or refuses the password."""
    way = [hang_up("connect")] if password == "secret" else []
    async with Relay() as good, Relay(*way, users={"club": "secret"}) as bad:
        server = SmtpRelay(parse(f"smtp://club:{password}@127.0.0.1:{bad.port}"), name="bad", timeouts=QUICK)
        other = Lane(server, connections=2, return_path=lambda token: "b@example.org")
        tally = await stage.dispatcher(lanes=[other, stage.lane(good, 1)]).run()
        assert tally.error is None
        assert stage.seen.down
        assert stage.counts() == {"accepted": stage.readers}
        stage.agree(good, bad)


async def test_credentials_refused_in_the_middle_of_a_send_lose_nobody(stage: Stage) -> None:
    users = {"club": "secret"}
    async with Relay(users=users, max_messages=2) as relay:

        def lane() -> Lane:
            server = SmtpRelay(parse(f"smtp://club:secret@127.0.0.1:{relay.port}"), timeouts=QUICK)
            return Lane(server, connections=2, return_path=lambda token: "b@example.org", messages_per_connection=2)

        relay.on_accept = lambda transaction: users.update(club="changed")
        dispatcher = stage.dispatcher(lanes=[lane()])
        tally = await dispatcher.run()
        assert tally.error is not None
        counts = stage.counts()
        assert 0 < counts["accepted"] < stage.readers
        assert counts["accepted"] + counts["pending"] == stage.readers
        users["club"] = "secret"
        dispatcher = stage.dispatcher(lanes=[lane()])
        relay.on_accept = lambda transaction: None
        await dispatcher.run()
        assert stage.counts() == {"accepted": stage.readers}
        stage.agree(relay)


async def test_a_bad_certificate_gets_nothing_and_loses_nobody(stage: Stage, tmp_path: Path) -> None:
    context = Authority(tmp_path).server()
    async with Relay(tls="starttls", context=context, users={"u": "p"}) as relay:
        server = SmtpRelay(
            parse(f"smtp+starttls://u:p@127.0.0.1:{relay.port}"), timeouts=QUICK, ca_file=_authority(tmp_path / "other")
        )
        dispatcher = stage.dispatcher(lanes=[Lane(server, connections=2, return_path=lambda token: "b@example.org")])
        tally = await dispatcher.run()
        assert tally.error is not None
        assert "certificate" in str(tally.error)
        assert not any(command.startswith(("AUTH", "MAIL", "DATA")) for command in relay.commands)
        assert stage.counts() == {"pending": stage.readers}


async def test_a_certificate_that_expires_in_the_middle_stops_the_send_until_there_is_a_new_one(
    stage: Stage, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    valid, expired = authority.server(), authority.server(days=(-2, -1))
    async with Relay(tls="starttls", context=valid) as relay:
        server = SmtpRelay(parse(f"smtp+starttls://127.0.0.1:{relay.port}"), timeouts=QUICK, ca_file=authority.ca_file)

        async def send() -> Tally:
            lane = Lane(server, connections=2, return_path=lambda token: "b@example.org", messages_per_connection=2)
            return await stage.dispatcher(lanes=[lane]).run()

        relay.on_accept = lambda transaction: setattr(relay, "context", expired)
        tally = await send()
        assert "certificate has expired" in str(tally.error)
        counts = stage.counts()
        assert 0 < counts["accepted"] < stage.readers
        assert counts["accepted"] + counts["pending"] == stage.readers
        relay.on_accept = lambda transaction: None
        relay.context = valid
        await send()
        assert stage.counts() == {"accepted": stage.readers}
        stage.agree(relay)


async def test_a_relay_that_is_not_there_ends_the_run_and_loses_nobody(stage: Stage) -> None:
    relay = Relay()
    async with relay:
        pass
    tally = await stage.send(relay)
    assert tally.error is not None
    assert "cannot be reached" in str(tally.error)
    assert len(stage.seen.down) == 3  # times it was tried
    assert stage.counts() == {"pending": stage.readers}
    stage.agree()


async def test_a_relay_that_comes_back_is_told_of_once_and_its_error_forgotten(stage: Stage) -> None:
    async with Relay(hang_up("connect", times=1)) as relay:
        tally = await stage.send(relay, connections=1)
    assert [str(error) for error in stage.seen.down] == [str(stage.seen.down[0])]
    assert tally.error is None
    assert stage.counts() == {"accepted": stage.readers}


async def test_a_standing_connection_goes_on_while_others_are_refused(stage: Stage, monkeypatch: Any) -> None:
    monkeypatch.setattr(lanes, "BREAKER_SECONDS", (60.0,))
    gate, others = stall("dot", times=1), closing("connect", "421 Too many connections", skip=1, waiting=True)
    async with Relay(gate, others) as relay:
        run = asyncio.create_task(stage.dispatcher(relay, connections=2).run())
        async with asyncio.timeout(20):
            await gate.reached()
            others.let_go()
            await stage.seen.until(lambda: bool(stage.seen.down))  # nothing is opened for a minute
            gate.let_go()
            await run
        assert stage.counts() == {"accepted": stage.readers}
        stage.agree(relay)


async def test_a_silent_relay_is_certainly_not_served_before_the_dot_and_uncertain_after(stage: Stage) -> None:
    before, after = stall("data", recipient="r1@*"), stall("dot", recipient="r2@*")
    async with Relay(before, after) as relay:
        dispatcher = stage.dispatcher(relay)
        for lane in dispatcher._lanes:
            lane.relay = SmtpRelay(parse(relay.url), timeouts=_impatient())
        async with asyncio.timeout(20):
            await dispatcher.run()
        assert stage.counts() == {"accepted": stage.readers - 2, "deferred": 1, "uncertain": 1}
        before.let_go()
        await stage.send(relay, after=5 * MINUTE)
        assert stage.counts() == {"accepted": stage.readers - 1, "uncertain": 1}
        stage.agree(relay)


# --- readers and the operator


async def test_leaving_during_the_send_is_obeyed(stage: Stage) -> None:
    gate = stall("dot", times=1)
    async with Relay(gate) as relay:
        dispatcher = stage.dispatcher(relay, connections=1)
        run = asyncio.create_task(dispatcher.run())
        async with asyncio.timeout(20):
            await gate.reached()
            with stage.db.transaction() as conn:
                conn.execute(update(subscribers).values(state="unsubscribed"))
            claimed = stage.counts()["attempting"]  # whose intent came first
            gate.let_go()
            await run
        counts = stage.counts()
        assert 1 <= counts["accepted"] <= claimed + 2 < stage.readers  # and a claim of two made at that moment
        assert counts["accepted"] + counts["suppressed"] == stage.readers
        stage.agree(relay)


@pytest.mark.parametrize("act", ["pause", "cancel"])
async def test_the_operator_stops_a_running_send_within_its_claims(stage: Stage, act: str) -> None:
    gate = stall("dot", times=1)
    async with Relay(gate) as relay:
        run = asyncio.create_task(stage.dispatcher(relay, connections=1).run())
        async with asyncio.timeout(20):
            await gate.reached()
            getattr(control, act)(stage.db, stage.slug, "op", stage.now)
            claimed = stage.counts()["attempting"]
            gate.let_go()
            await run
        assert 1 <= len(relay.accepted) <= claimed < stage.readers
        counts = stage.counts()
        assert counts == {"accepted": len(relay.accepted), _waits(act): stage.readers - len(relay.accepted)}
        if act == "pause":
            assert control.resume(stage.db, stage.slug, "op", stage.now)
            await stage.send(relay)
            assert stage.counts() == {"accepted": stage.readers}
        stage.agree(relay)


@pytest.mark.parametrize("reply", ["451 4.7.1 Later", "421 4.3.2 Closing"])
async def test_what_comes_back_to_a_cancelled_issue_is_cancelled_too(stage: Stage, reply: str) -> None:
    gate = stall("dot", times=1)
    gate.reply = reply.encode() + b"\r\n"
    async with Relay(gate) as relay:
        run = asyncio.create_task(stage.dispatcher(relay, connections=1).run())
        async with asyncio.timeout(20):
            await gate.reached()
            control.cancel(stage.db, stage.slug, "op", stage.now)
            gate.let_go()
            await run
            await stage.send(relay, after=5 * MINUTE)
        counts = stage.counts()
        assert not counts["pending"] + counts["deferred"] + counts["attempting"]
        stage.agree(relay)


async def test_nothing_leaves_after_the_deadline(db: Database, tmp_path: Path) -> None:
    stage = Stage(db, tmp_path, values={"deadline": NOW + HOUR})
    async with Relay(refuse("rcpt", "451 4.7.1 Later", recipient="r[0-3]@*")) as relay:
        await stage.send(relay)
        assert stage.counts() == {"accepted": stage.readers - 4, "deferred": 4}
        relay.rules.clear()
        await stage.send(relay, after=HOUR)
        assert stage.counts() == {"accepted": stage.readers - 4, "failed": 4}
        assert stage.db.read(issues.find, "214").state == "finished"
        stage.agree(relay)


async def test_a_worker_that_comes_back_after_the_deadline_sends_nothing(db: Database, tmp_path: Path) -> None:
    stage = Stage(db, tmp_path, values={"deadline": NOW + HOUR})
    async with Relay() as relay:
        await stage.send(relay, after=HOUR)
        assert stage.counts() == {"cancelled": stage.readers}
        assert relay.visits == []


@pytest.mark.parametrize("phase", ["rcpt", "data"])
async def test_what_a_slow_relay_asks_for_after_the_deadline_is_not_given(
    db: Database, tmp_path: Path, phase: str
) -> None:
    stage = Stage(db, tmp_path, values={"deadline": NOW + HOUR})
    gate = stall(phase, times=1)
    async with Relay(gate) as relay:
        run = asyncio.create_task(stage.dispatcher(relay, connections=1).run())
        async with asyncio.timeout(20):
            await gate.reached()
            stage.now += HOUR
            gate.let_go()
            tally = await run
        assert stage.counts() == {"cancelled": stage.readers}
        assert tally.overdue == stage.readers
        assert not relay.accepted
        stage.agree(relay)


async def test_stopping_waits_for_the_dots_and_records_what_is_known_meanwhile(stage: Stage) -> None:
    gate = stall("dot", skip=1, times=1)
    async with Relay(gate) as relay:
        dispatcher = stage.dispatcher(relay, connections=2)
        run = asyncio.create_task(dispatcher.run())
        async with asyncio.timeout(20):
            await gate.reached()
            dispatcher.stop()
            # all but the one whose answer is waited for, and one that was announced behind it
            await _until(lambda: 1 <= stage.counts()["attempting"] <= 2)
            assert not run.done()
            gate.let_go()
            await run
        counts = stage.counts()
        assert counts["uncertain"] == counts["attempting"] == 0
        assert counts["accepted"] == sum(relay.accepted.values())
        stage.agree(relay)
        await stage.send(relay)
        assert stage.counts() == {"accepted": stage.readers}


async def test_stopping_does_not_wait_for_a_relay_that_has_not_got_the_dot(stage: Stage, monkeypatch: Any) -> None:
    monkeypatch.setattr(dispatching, "GRACE_SECONDS", 0.2)
    monkeypatch.setattr(connection, "FIRST_SECONDS", 0.01)
    gates = [stall("connect", times=1), stall("rcpt", times=1)]
    async with Relay(*gates) as relay:
        dispatcher = stage.dispatcher(relay, connections=2)
        run = asyncio.create_task(dispatcher.run())
        async with asyncio.timeout(3):  # QUICK would wait for five seconds
            for gate in gates:
                await gate.reached()
            dispatcher.stop()
            await run
        counts = stage.counts()
        assert counts["uncertain"] == counts["attempting"] == 0
        stage.agree(relay)


# --- disk and database


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
async def test_where_no_journal_can_be_laid_nothing_is_sent(
    stage: Stage, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Relay() as relay:
        with monkeypatch.context() as patch:

            def full(*_: object) -> None:
                raise OSError(code, os.strerror(code))

            patch.setattr(dispatching, "STORE_PATIENCE_SECONDS", 0.3)
            patch.setattr(os, "posix_fallocate", full)
            with pytest.raises(StoreError, match="journal"):
                await stage.send(relay)
        assert relay.transactions == []
        assert stage.counts() == {"pending": stage.readers}
        await stage.send(relay)
        assert stage.counts() == {"accepted": stage.readers}
        stage.agree(relay)


async def test_a_database_locked_for_a_while_loses_nobody_and_is_told_of_once(sqlite_url: str, tmp_path: Path) -> None:
    stage = Stage(Database(sqlite_url, busy_seconds=0.05), tmp_path, readers=40)
    other = Database(sqlite_url)
    gate = stall("dot", times=3)
    async with Relay(gate) as relay:
        run = asyncio.create_task(stage.dispatcher(relay).run())
        await gate.reached()
        with other.transaction():
            gate.let_go()
            await relay.until(lambda: sum(relay.accepted.values()) >= 3)
            await asyncio.sleep(0.8)
            assert sum(relay.accepted.values()) < stage.readers  # what cannot be recorded is not sent
        async with asyncio.timeout(20):
            await run
        assert len(stage.seen.store) == 1
        assert stage.counts() == {"accepted": stage.readers}
        stage.agree(relay)
    stage.db.close()
    other.close()


@pytest.mark.parametrize("forever", [False, True])
async def test_a_database_away_at_the_start_ends_a_run_at_once_unless_it_is_to_stay(
    sqlite_url: str, tmp_path: Path, forever: bool
) -> None:
    stage = Stage(Database(sqlite_url, busy_seconds=0.05), tmp_path)
    other = Database(sqlite_url)
    async with Relay() as relay:
        dispatcher = stage.dispatcher(relay)
        with other.transaction():
            run = asyncio.create_task(dispatcher.run(forever=forever))
            await stage.seen.until(lambda: bool(stage.seen.store))
            if not forever:
                with pytest.raises(StoreError, match="locked"):
                    await run
            assert relay.visits == []
        if forever:
            async with asyncio.timeout(20):
                await relay.until(lambda: sum(relay.accepted.values()) == stage.readers)
                dispatcher.stop()
                await run
        assert stage.counts() == {"accepted" if forever else "pending": stage.readers}
        stage.agree(relay)
    stage.db.close()
    other.close()


async def test_a_database_that_stays_away_ends_the_run_and_the_journal_keeps_the_answers(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatching, "STORE_PATIENCE_SECONDS", 0.5)
    stage = Stage(Database(sqlite_url, busy_seconds=0.05), tmp_path)
    other = Database(sqlite_url)
    gate = stall("dot", times=3)
    async with Relay(gate) as relay:
        run = asyncio.create_task(stage.dispatcher(relay).run())
        await gate.reached()
        with other.transaction():
            gate.let_go()
            with pytest.raises(StoreError, match="locked"):
                await run
        assert 3 <= sum(relay.accepted.values()) < stage.readers
        await stage.send(relay)
        assert stage.seen.taken
        assert stage.counts() == {"accepted": stage.readers}
        stage.agree(relay)
    stage.db.close()
    other.close()


async def test_a_worker_that_stays_waits_for_a_database_that_stays_away_and_says_so_now_and_then(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatching, "STORE_PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(dispatching, "TELL_AGAIN_SECONDS", 0.3)
    monkeypatch.setattr(dispatching, "FLUSH_SECONDS", 0.01)

    async def hop(step: Callable[..., Any], *args: Any) -> Any:
        if away:
            raise StoreError("the database is away")
        return step(*args)

    away, gate = False, stall("dot", times=1)
    async with Relay(gate) as relay:
        dispatcher = stage.dispatcher(relay, connections=1, hop=hop)
        run = asyncio.create_task(dispatcher.run(forever=True))
        async with asyncio.timeout(20):
            await gate.reached()
            away = True
            gate.let_go()
            started = asyncio.get_running_loop().time()
            await stage.seen.until(lambda: len(stage.seen.store) == 3)
            assert 0.6 <= asyncio.get_running_loop().time() - started < 5
            away = False
            await relay.until(lambda: sum(relay.accepted.values()) == stage.readers)
            dispatcher.stop()
            await run
        assert stage.counts() == {"accepted": stage.readers}
        stage.agree(relay)


@pytest.mark.parametrize("connections", [0, 1])
async def test_a_worker_stopped_while_the_database_is_away_goes_when_nothing_is_to_be_recorded(
    stage: Stage, connections: int
) -> None:
    async def hop(step: Callable[..., Any], *args: Any) -> Any:
        if away:
            raise StoreError("the database is away")
        return step(*args)

    away = not connections
    async with Relay() as relay:
        dispatcher = stage.dispatcher(relay, connections=connections, hop=hop)
        run = asyncio.create_task(dispatcher.run(forever=True))
        async with asyncio.timeout(10):  # STORE_PATIENCE_SECONDS would be a minute
            if connections:
                await _until(lambda: stage.lines() == stage.readers)
                away = True
            await stage.seen.until(lambda: bool(stage.seen.store))
            dispatcher.stop()
            tally = await run
        assert tally.next_due is None


async def test_a_database_whose_file_was_replaced_ends_the_run_at_once_even_of_a_worker_that_stays(
    sqlite_url: str, tmp_path: Path
) -> None:
    stage = Stage(Database(sqlite_url), tmp_path)
    file = Path(str(stage.db.engine.url.database))
    gate = stall("dot", times=1)
    async with Relay(gate) as relay:
        run = asyncio.create_task(stage.dispatcher(relay, connections=1).run(forever=True))
        async with asyncio.timeout(20):
            await gate.reached()
            shutil.copyfile(file, tmp_path / "other.db")
            (tmp_path / "other.db").rename(file)
            gate.let_go()
            with pytest.raises(StoreError, match="replaced"):
                await run
        assert stage.seen.store == []  # it is not away
    stage.db.close()


async def test_a_worker_that_is_stopped_while_the_database_is_away_waits_for_it_only_to_record(stage: Stage) -> None:
    async def hop(step: Callable[..., Any], *args: Any) -> Any:
        if away and step.__name__ in {"claim", "sign_in"}:
            raise StoreError("the database is away")
        return step(*args)

    away = False
    gate = stall("dot", times=1)
    async with Relay(gate) as relay:
        dispatcher = stage.dispatcher(relay, connections=1, hop=hop)
        run = asyncio.create_task(dispatcher.run())
        async with asyncio.timeout(20):
            await gate.reached()
            away = True
            await stage.seen.until(lambda: bool(stage.seen.store))
            dispatcher.stop()
            gate.let_go()
            await run
        assert stage.counts()["accepted"] == sum(relay.accepted.values())
        stage.agree(relay)


@pytest.mark.parametrize("db_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
async def test_a_database_that_goes_away_and_comes_back_loses_nobody(
    db: Database, postgres_url: str, tmp_path: Path
) -> None:
    stage = Stage(db, tmp_path, readers=60)
    url = make_url(postgres_url).set(drivername="postgresql+psycopg")
    server, name = create_engine(url, isolation_level="AUTOCOMMIT"), db.engine.url.database

    def connections(allowed: bool) -> None:
        with server.connect() as conn:
            conn.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}"))
            conn.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
            )

    gate = stall("dot", times=3)
    async with Relay(gate) as relay:
        run = asyncio.create_task(stage.dispatcher(relay).run())
        await gate.reached()
        connections(False)
        gate.let_go()
        await stage.seen.until(lambda: bool(stage.seen.store))
        await asyncio.sleep(0.5)
        assert 3 <= sum(relay.accepted.values()) < stage.readers  # what cannot be recorded is not sent
        connections(True)
        async with asyncio.timeout(20):
            await run
        assert stage.counts() == {"accepted": stage.readers}
        stage.agree(relay)
    server.dispose()


async def test_a_lost_answer_to_commit_is_applied_again_harmlessly(stage: Stage) -> None:
    lossy = Lossy(stage.db)
    async with Relay(refuse("rcpt", recipient="r3@*"), refuse("rcpt", "451 4.2.1 Later", recipient="r4@*")) as relay:
        async with asyncio.timeout(20):
            await stage.dispatcher(relay, db=lossy).run()
        assert stage.seen.store
        await stage.send(relay)
        assert stage.counts() == {"accepted": stage.readers - 2, "failed": 1, "deferred": 1}
        assert stage.lines() == stage.readers
        stage.agree(relay)


class Lossy(Database):
    """A database of whose commits a third succeeds without its answer being heard."""

    def __init__(self, db: Database) -> None:
        super().__init__(db.engine.url.render_as_string(hide_password=False))
        self.engine, self.random, self.count = db.engine, random.Random(7), 0  # noqa: S311

    def transaction(self) -> Any:
        self.count += 1
        lost = self.count > 1 and self.random.random() < 1 / 3
        return _lost(super().transaction()) if lost else super().transaction()


class _lost:
    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __enter__(self) -> Any:
        return self.inner.__enter__()

    def __exit__(self, *exc: Any) -> Any:
        handled = self.inner.__exit__(*exc)
        if exc[0] is None:
            raise StoreError("the answer to COMMIT was lost")
        return handled


# --- workers


async def test_a_poison_reader_is_quarantined_and_the_others_go_on(stage: Stage) -> None:
    def composer(conn: Any, rows: Sequence[Claimed]) -> Callable[[Claimed], Outgoing]:
        def compose(row: Claimed) -> Outgoing:
            if row.address == "r5@example.com":
                raise ValueError("bad value")
            return Outgoing(row.address, "token", (CONTENT,))

        return compose

    async with Relay() as relay:
        await stage.send(relay, composer=composer)
        assert stage.counts() == {"accepted": stage.readers - 1, "failed": 1}
        stage.agree(relay)
    with stage.db.reading() as conn:
        cause = conn.execute(select(deliveries.c.cause).where(deliveries.c.state == State.FAILED)).scalar_one()
    assert "quarantined" in cause
    assert "bad value" in cause


async def test_a_letter_without_an_answer_goes_out_once_more_and_then_never(stage: Stage) -> None:
    control.cancel(stage.db, stage.slug, "op", stage.now)
    with stage.db.transaction() as conn:
        post_letter(conn, kind="confirm", address="bob@example.com", now=NOW, compose=lambda _: CONTENT)
    async with Relay(hang_up("dot", accepting=True)) as relay:
        for _ in range(3):
            await stage.send(relay, after=HOUR)
        assert relay.accepted == {"bob@example.com": 2}
    with stage.db.reading() as conn:
        rows = conn.execute(select(deliveries.c.state).where(deliveries.c.letter_id.is_not(None))).scalars()
        assert list(rows) == ["uncertain"]


async def test_a_restored_backup_stays_locked_for_every_host_until_it_is_reconciled(
    stage: Stage, tmp_path: Path
) -> None:
    (stage.folder / "journal").mkdir()
    HighWater(stage.folder / "journal").raise_to(3)  # what this host had done after the backup
    async with Relay() as relay:
        for _ in range(5):
            with pytest.raises(RestoredError):
                await stage.send(relay)
            with pytest.raises(RestoredError):
                await stage.send(relay, host="there", journal_folder=tmp_path / "there")
        assert relay.transactions == []
        control.reconcile(stage.db, 3, 0, stage.now)
        await stage.send(relay)
        assert relay.transactions == []  # the issue was due: it may have gone out after the backup
        assert stage.counts() == {"uncertain": stage.readers}
        control.retry(stage.db, stage.slug, State.UNCERTAIN, "op", stage.now)
        await stage.send(relay)
        stage.agree(relay)
    assert stage.counts() == {"accepted": stage.readers}


async def test_what_another_worker_of_the_host_had_done_gives_a_restored_backup_away_too(stage: Stage) -> None:
    async with Relay() as relay:
        stays = stage.dispatcher(relay)
        (stage.folder / "journal").mkdir(exist_ok=True)
        HighWater(stage.folder / "journal").raise_to(3)  # by the other, before the backup was restored
        with pytest.raises(RestoredError):
            await stays.run()
        assert relay.transactions == []


async def test_what_another_worker_notes_while_one_claims_is_no_sign_of_a_restored_backup(
    stage: Stage, monkeypatch: Any
) -> None:
    asked, real = [], leases.latest_claim

    def noted_meanwhile(conn: Any) -> int:
        latest = real(conn)
        if not asked:
            HighWater(stage.folder / "journal").raise_to(latest + 1)
        asked.append(latest)
        return latest

    monkeypatch.setattr(leases, "latest_claim", noted_meanwhile)
    async with Relay() as relay:
        await stage.send(relay)
        stage.agree(relay)
    assert stage.counts() == {"accepted": stage.readers}


async def test_what_others_claimed_counts_as_seen_here(stage: Stage, tmp_path: Path) -> None:
    async with Relay() as relay:
        await stage.send(relay, journal_folder=tmp_path / "there")
        await stage.send(relay)
    assert HighWater(stage.folder / "journal").claim == stage.db.read(leases.latest_claim) > 0


async def test_a_deadline_that_cut_readers_off_is_told(stage: Stage) -> None:
    with stage.db.transaction() as conn:
        conn.execute(update(issues_table).values(deadline=stage.now))
    async with Relay() as relay:
        tally = await stage.send(relay)
        assert relay.transactions == []
    assert tally.overdue == stage.readers
    assert stage.seen.late == {stage.slug: stage.readers}


async def test_what_is_ready_for_a_provider_that_throttles_goes_back_untried(stage: Stage) -> None:
    async with Relay(refuse("rcpt", "450 4.7.1 Too many messages, slow down")) as relay, asyncio.timeout(30):
        dispatcher = stage.dispatcher(relay, connections=1)
        run = asyncio.create_task(dispatcher.run())
        while not (counts := stage.counts())["deferred"] or counts["attempting"]:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.02)
        assert len(relay.transactions) == counts["deferred"] <= 2
        dispatcher.stop()
        assert (await run).paused == 0
    with stage.db.reading() as conn:
        assert set(conn.execute(select(deliveries.c.tries)).scalars()) == {0}


async def test_a_throttle_of_our_own_relay_slows_that_relay_and_costs_nobody_a_try(stage: Stage) -> None:
    limit = refuse("mail", "432 4.3.2 Concurrent connections limit exceeded", skip=6, times=1)
    async with Relay(limit) as relay, asyncio.timeout(30):
        run = asyncio.create_task(stage.dispatcher(relay, connections=1).run())
        await _until(lambda: bool(stage.db.read(budgets.slowed, stage.now)))
        (slowed,) = stage.db.read(budgets.slowed, stage.now)
        assert slowed.key == "relay"
        assert "Concurrent connections" in slowed.cause
        assert stage.counts()["failed"] == 0
        assert len(relay.accepted) == 6
        stage.now += HOUR
        await run
        assert stage.counts() == {"accepted": stage.readers}
        stage.agree(relay)
    with stage.db.reading() as conn:
        assert set(conn.execute(select(deliveries.c.tries)).scalars()) == {1}


async def test_a_worker_without_a_part_of_the_limit_by_the_second_waits_until_another_leaves_it(
    db: Database, tmp_path: Path
) -> None:
    stage = Stage(db, tmp_path, readers=1)
    db.run(budgets.allowance, "relay", (), stage.now, Wish("other", 1, 1))
    async with Relay() as relay, asyncio.timeout(30):
        dispatcher = stage.dispatcher(relay)
        (lane,) = dispatcher._lanes
        lane.per_second = 1
        run = asyncio.create_task(dispatcher.run())
        await _until(lambda: lane.part == 0)
        assert relay.transactions == []
        db.run(budgets.leave, "other", stage.now)
        stage.now += MINUTE
        await run
        assert stage.counts() == {"accepted": 1}
        stage.agree(relay)


async def test_a_part_that_may_be_taken_away_is_in_use_for_a_moment_more(stage: Stage) -> None:
    dispatcher = stage.dispatcher(Relay())
    (lane,) = dispatcher._lanes
    assert dispatcher._wish(lane) == Wish("w1", 0, 0)
    lane.per_second, lane.part = 10, 4
    assert dispatcher._wish(lane) == Wish("w1", 10, 4)  # a connection may have looked at its part right before
    for _ in range(6):
        lane.take(dispatcher._monotonic())
    assert dispatcher._wish(lane) == Wish("w1", 10, 6)


async def test_a_message_costs_one_round_trip_at_a_relay_that_pipelines(stage: Stage) -> None:
    async with Relay() as relay:
        await stage.send(relay, connections=1)
        stage.agree(relay)
        assert relay.visits[0].turns <= stage.readers + 6  # greeting, EHLO, QUIT, the first message and the second


async def test_a_slow_relay_is_told_of_one_message_at_a_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PROMPT_SECONDS", -1.0)
    async with Relay() as relay:
        await stage.send(relay, connections=1)
        stage.agree(relay)
        assert relay.visits[0].turns >= 2 * stage.readers


async def test_a_message_that_waited_long_behind_another_is_withdrawn_and_sent_anew(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "STALE_SECONDS", 0.2)
    async with Relay(late("dot", 0.4, skip=4, times=1)) as relay:
        await stage.send(relay, connections=1)
        stage.agree(relay)
        broken_off = {(each.phase, each.content) for each in relay.transactions if not each.taken}
        assert broken_off == {("body", b"")}  # it had said 354 and got nothing
    assert stage.counts() == {"accepted": stage.readers}


async def test_what_was_announced_goes_back_when_the_connection_is_lost(stage: Stage) -> None:
    async with Relay(hang_up("dot", accepting=True, skip=4, times=1)) as relay:
        await stage.send(relay, connections=1)
        stage.agree(relay)
    assert stage.counts() == {"accepted": stage.readers - 1, "uncertain": 1}


async def test_a_relay_that_hangs_up_between_messages_makes_nobody_wait(stage: Stage) -> None:
    async with Relay(hang_up("mail", skip=2, times=1)) as relay:
        await stage.send(relay, connections=1)
        stage.agree(relay)
    assert stage.counts() == {"accepted": stage.readers}


async def test_a_letter_the_relay_refuses_for_our_sake_waits_longer_each_time_and_is_given_up(stage: Stage) -> None:
    control.cancel(stage.db, stage.slug, "op", stage.now)
    with stage.db.transaction() as conn:
        post_letter(conn, kind="confirm", address="bob@example.com", now=NOW, compose=lambda _: CONTENT)

    def letter() -> Any:
        with stage.db.reading() as conn:
            columns = deliveries.c.state, deliveries.c.due_at, deliveries.c.tries
            return conn.execute(select(*columns).where(deliveries.c.letter_id.is_not(None))).one()

    async with Relay(refuse("mail", "550 5.7.1 We do not know you")) as relay:
        waits = []
        while letter().state in {"pending", "deferred"} and len(waits) < 20:
            stage.now = max(stage.now, letter().due_at)
            before = stage.now
            await stage.send(relay)
            waits.append(letter().due_at - before)
    assert letter().state == "failed"
    assert waits[:3] == [timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=30)]
    assert stage.now - NOW <= timedelta(hours=48)


async def test_the_host_remembers_the_greatest_numbers_it_has_worked_on(stage: Stage) -> None:
    control.cancel(stage.db, stage.slug, "op", stage.now)
    with stage.db.transaction() as conn:
        posted = [
            post_letter(conn, kind="confirm", address="bob@example.com", now=NOW, due_at=due, compose=lambda _: CONTENT)
            for due in (NOW, NOW - MINUTE)  # the later one is claimed first
        ]
    async with Relay() as relay:
        await stage.send(relay)
    mark = HighWater(stage.folder / "journal")
    assert mark.delivery == max(posted)
    with stage.db.reading() as conn:
        assert mark.claim == conn.execute(select(func.max(claims.c.id))).scalar_one()


async def test_an_idle_worker_leaves_no_trace_in_the_database(stage: Stage) -> None:
    async with Relay() as relay:
        await stage.send(relay)
        with stage.db.reading() as conn:
            before = conn.execute(select(func.count()).select_from(claims)).scalar_one()
        for _ in range(3):
            await stage.send(relay)
        with stage.db.reading() as conn:
            assert conn.execute(select(func.count()).select_from(claims)).scalar_one() == before


async def test_a_claim_is_settled_only_by_who_can_know(stage: Stage) -> None:
    """Another host waits for the lease, and then calls uncertain what it cannot know."""
    gate = stall("dot", times=1)
    async with Relay(gate) as relay:
        first = asyncio.create_task(stage.dispatcher(relay, connections=1).run())
        await gate.reached()
        seen = stage.seen
        await stage.send(relay, host="there")
        assert stage.seen.taken == []
        claimed = stage.counts()["attempting"]
        stage.now += books.LEASE
        elsewhere = stage.dispatcher(relay, host="there")
        await elsewhere._inherit()
        assert stage.seen.taken
        assert elsewhere.tally[State.UNCERTAIN] == claimed
        assert stage.counts()["uncertain"] == claimed
        gate.let_go()
        async with asyncio.timeout(20):
            await first
        assert seen.outcomes
        counts = stage.counts()
        assert counts["accepted"] == sum(relay.accepted.values())
        stage.agree(relay)


@pytest.mark.parametrize("marks", [{0: Mark.ACCEPTED, 1: Mark.HANDED_OVER, 2: Mark.ANSWERED, 3: Mark.COMPOSING}, None])
async def test_what_a_dead_worker_may_have_sent_counts_against_the_limits(
    stage: Stage, marks: dict[int, Mark] | None
) -> None:
    """Whoever takes over charges it, also one that has only just begun and knows of no limit yet."""
    quotas, group = (Window(10, 3600.0),), Slowdown(PROVIDER + "example.com", 90, 0.0, "451 slow down")
    folder = stage.folder / "journal"
    folder.mkdir()
    with stage.db.transaction() as conn:
        budgets.allowance(conn, "main", quotas, stage.now)
        budgets.settle(conn, {}, [group], stage.now)
        dead = leases.open_claim(conn, Worker("w0", "here", 1, "boot"), str(folder), stage.now, books.LEASE, "main")
        rows = picking.pick(conn, Sendable(stage.issue_id), 6, stage.now)
        picking.assign(conn, dead, rows, stage.now)
    if marks is not None:
        journal = Journal(folder, dead, [row.id for row in rows])
        for position, mark in marks.items():
            journal.marks[position] = mark
        journal.close()
    stage.now += books.LEASE
    async with Relay() as relay:
        await stage.dispatcher(relay)._inherit()
    allowance = stage.db.run(budgets.allowance, "main", quotas, stage.now)
    begun = 6 if marks is None else 3
    assert allowance.relay == 10 - begun
    assert allowance.providers == {"example.com": 35 - begun}  # a third of a minute's, and a little more


def _waits(act: str) -> str:
    return {"pause": "pending", "cancel": "cancelled"}[act]


def _impatient() -> Any:
    from dataclasses import replace

    return replace(QUICK, data=0.3, dot=0.3)


def _authority(folder: Path) -> Path:
    folder.mkdir()
    return Authority(folder).ca_file


async def _until(condition: Callable[[], bool]) -> None:
    """Wait until the database says so; it tells nobody by itself."""
    while not condition():  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0.02)
