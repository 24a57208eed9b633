"""A worker that stays: it sends what becomes due, logs without addresses, counts, and ends in good order."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import insert, make_url
from support.command import data, mailer
from support.relay import Relay, hang_up, refuse

from mailer.cli import main
from mailer.store import budgets, roll
from mailer.store.engine import Database
from mailer.store.leases import Worker
from mailer.store.schema import attempts
from mailer.web.server import bind
from mailer.wiring import Club

ISSUE = (Path(__file__).parents[2] / "examples" / "issue-en.md").read_text(encoding="utf-8")


@pytest.fixture
def relay() -> Iterator[Relay]:
    with Relay(refuse("rcpt", "550 5.1.1 No such user", recipient="dave@*")).in_thread() as running:
        yield running


def _new_club(folder: Path, *readers: str) -> Path:
    """The folder of a club with these readers of example.com and an issue, one.md."""
    mailer(folder, "init", "club")
    club = folder / "club"
    for name in readers:
        mailer(club, "subscribers", "add", f"{name}@example.com", "--consent", "paper")
    (club / "one.md").write_text(ISSUE, encoding="utf-8")
    return club


def _wait_for(port: int, wanted: str) -> None:
    """Read the metrics page until it holds `wanted`; fails after a while."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page,
        ):
            if wanted in page.read().decode():
                return
    raise AssertionError(f"{wanted} never appeared")


def test_a_worker_sends_counts_logs_and_drains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relay: Relay) -> None:
    club = _new_club(tmp_path, "alice", "dave")
    monkeypatch.setenv("MAILER_RELAY__URL", relay.url)
    mailer(club, "publish", "one.md", "--yes", "--queue-only")
    with bind("127.0.0.1:0") as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mailer", "dispatch", "--forever", "--metrics", f"127.0.0.1:{port}"]
    worker = subprocess.Popen(command, cwd=club, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        for state in ("accepted", "failed"):
            _wait_for(port, f'mailer_attempts_total{{relay="relay",state="{state}"}} 1.0')
    finally:
        worker.send_signal(signal.SIGTERM)
        _, log = worker.communicate(timeout=30)
    assert worker.returncode == 0
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    attempts = [line for line in lines if line["event"] == "dispatch.attempt"]
    assert sorted(line["state"] for line in attempts) == ["accepted", "failed"]
    assert "alice@" not in log
    assert data(club, "audit", "one.md")["finished"] is True


def _status(club: Path, wanted: str) -> str:
    """What `mailer status` says once it says `wanted`; fails after a while."""
    give_up = time.monotonic() + 30
    while (said := mailer(club, "status").stderr) and wanted not in said:
        assert time.monotonic() < give_up, said
    return said


@pytest.fixture
def scheduled(tmp_path: Path) -> Path:
    """A club with an issue that is due in a few hundred years."""
    club = _new_club(tmp_path, "alice")
    mailer(club, "publish", "one.md", "--yes", "--at", "2999-01-01 08:00")
    return club


@contextlib.contextmanager
def _staying(club: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "mailer", "dispatch", "--forever"]
    worker = subprocess.Popen(command, cwd=club, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        yield worker
    finally:
        worker.kill()
        worker.communicate(timeout=30)


def test_a_worker_that_waits_for_the_hour_is_there_until_it_goes_or_dies(scheduled: Path, relay: Relay) -> None:
    assert "0 workers running" in mailer(scheduled, "status").stderr
    assert "a 'mailer dispatch --forever' must be running then" in mailer(scheduled, "status").stderr
    for ending, code in ((signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)):
        with _staying(scheduled) as worker:
            said = _status(scheduled, "1 worker running")
            assert f"(process {worker.pid}) is there and waits" in said
            assert "nobody is working" not in said
            assert [each["pid"] for each in data(scheduled, "status")["workers"]] == [worker.pid]
            worker.send_signal(ending)
            assert worker.wait(30) == code
            assert "0 workers running" in mailer(scheduled, "status").stderr


def test_who_is_there_is_told_by_the_clock_of_the_database(scheduled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def behind(*_: object) -> datetime:
        return datetime.now(UTC) - timedelta(minutes=5)

    monkeypatch.setattr(Database, "now", behind)
    Club.open(scheduled / "mailer.toml").db.run(roll.sign_in, Worker("w1", "elsewhere", 1, "boot"), "", behind())
    told = CliRunner().invoke(main, ["--config", str(scheduled / "mailer.toml"), "status"])
    assert "1 worker running" in told.output


def test_why_a_worker_cannot_send_is_said(scheduled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (scheduled / "two.md").write_text(ISSUE.replace("number: 86", "number: 87"), encoding="utf-8")
    mailer(scheduled, "publish", "two.md", "--yes", "--queue-only")
    with Relay(users={"club": "secret"}).in_thread() as strict:
        monkeypatch.setenv("MAILER_RELAY__URL", f"smtp://club:wrong@127.0.0.1:{strict.port}")
        with _staying(scheduled):
            assert "is kept from sending: relay (smtp://127.0.0.1" in _status(scheduled, "535")


def test_who_waits_for_a_later_try_is_not_said_to_be_through_now(tmp_path: Path, relay: Relay) -> None:
    club = _new_club(tmp_path, *(f"r{number}" for number in range(3)))
    with Relay(refuse("rcpt", "450 4.2.0 Greylisted", recipient="r1@*")).in_thread() as slow:
        mailer(club, "publish", "one.md", "--yes", MAILER_RELAY__URL=slow.url)
    said = mailer(club, "status").stderr
    assert "1 reader deferred, the next is due at" in said
    assert "would be through" not in said
    assert "a 'mailer dispatch --forever' must be running then" in said


def test_until_when_an_issue_may_leave_is_said(scheduled: Path) -> None:
    assert "2026-05-21-86 stops at 2999-01-02 00:00 Etc/UTC" in mailer(scheduled, "status").stderr
    (issue,) = data(scheduled, "status")["issues"]
    assert (issue["send_at"], issue["deadline"]) == ("2999-01-01T08:00:00+00:00", "2999-01-02T00:00:00+00:00")


def test_a_clock_that_was_set_back_is_told_where_somebody_waits_for_it(scheduled: Path) -> None:
    database = Database(f"sqlite:///{scheduled / 'subscribers.db'}")
    sent = {"delivery_id": 1, "claim_id": 1, "relay": "relay", "phase": "dot", "state": "accepted"}
    with database.transaction() as conn:
        conn.execute(insert(attempts).values(at=datetime.now(UTC) + timedelta(minutes=1), **sent))
    for command in ("status", "dispatch"):
        assert "set back" not in mailer(scheduled, command).stderr
    with database.transaction() as conn:
        conn.execute(insert(attempts).values(at=datetime.now(UTC) + timedelta(hours=1), **sent | {"claim_id": 2}))
        conn.execute(insert(attempts).values(at=datetime.now(UTC), **sent | {"claim_id": 3}))  # claimed before
    database.close()
    for command in ("status", "dispatch"):
        assert "it was set back; set it right" in mailer(scheduled, command).stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_worker_goes_on_when_what_it_says_cannot_be_written(tmp_path: Path, relay: Relay) -> None:
    club = _new_club(tmp_path, "alice", "bob")
    mailer(club, "publish", "one.md", "--yes", "--queue-only")
    with open("/dev/full", "w", encoding="utf-8") as full:
        command = [sys.executable, "-m", "mailer", "dispatch"]
        there = {**os.environ, "MAILER_RELAY__URL": relay.url}
        done = subprocess.run(command, cwd=club, env=there, stderr=full, timeout=60, check=False)
    assert done.returncode == 0
    assert data(club, "audit", "86")["counts"]["accepted"] == 2


def test_counters_are_for_a_worker_that_stays(tmp_path: Path) -> None:
    assert "--forever" in mailer(tmp_path, "dispatch", "--metrics", "127.0.0.1:1", code=2).stderr


def test_the_status_leaves_nobody_out_who_did_not_get_the_issue_or_may_not_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    club = _new_club(tmp_path, "alice", "carol", "dave")
    mailer(club, "publish", "one.md", "--yes", "--queue-only")
    mailer(club, "subscribers", "remove", "carol@example.com")
    with Relay(hang_up("dot", recipient="dave@*")).in_thread() as relay:
        monkeypatch.setenv("MAILER_RELAY__URL", relay.url)
        mailer(club, "dispatch", code=1)
    said = mailer(club, "status").stderr
    assert "did not go to 1 reader: 'mailer audit' says why" in said
    assert "may or may not have reached 1 reader: 'mailer audit' names them" in said


@pytest.mark.parametrize("command", ["dispatch", "status"])
def test_who_is_slowed_and_why_is_said_before_anybody_waits_for_it(tmp_path: Path, command: str) -> None:
    mailer(tmp_path, "init", "club")
    club = Club.open(tmp_path / "club" / "mailer.toml")
    (tmp_path / "club" / "one.md").write_text(ISSUE, encoding="utf-8")
    mailer(tmp_path / "club", "subscribers", "add", "alice@example.com", "--consent", "paper")
    mailer(tmp_path / "club", "publish", "one.md", "--yes", "--queue-only", "--at", "2999-01-01 08:00")
    why = budgets.Slowdown(budgets.PROVIDER + "qq.com", 60, 1800.0, "550 Connection frequency limited")
    club.db.run(budgets.settle, {}, [why], club.clock())
    club.db.run(budgets.too_fast, "relay", "454 Maximum sending rate exceeded", club.clock())
    said = mailer(tmp_path / "club", command).stderr
    assert "relay is slowed: at most 1 a second; it answered: 454 Maximum sending rate exceeded" in said
    assert "qq.com is slowed: nothing for" in said
    assert "550 Connection frequency limited" in said


@contextlib.contextmanager
def _listening(port: int, address: str) -> Iterator[None]:
    """Have what comes to a port of this machine go on to a server's socket."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(address)
        await asyncio.gather(pump(reader, back), pump(there, writer))

    async def serve() -> None:
        async with await asyncio.start_server(carry, "127.0.0.1", port):
            await asyncio.to_thread(done.wait)

    done = threading.Event()
    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.fixture
def elsewhere(scheduled: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Has the club's database be at a port of this machine where nobody listens yet."""
    with bind("127.0.0.1:0") as free:
        port: int = free.getsockname()[1]
    monkeypatch.setenv("MAILER_DATABASE__URL", f"postgresql://postgres@127.0.0.1:{port}/nowhere")
    return port


@pytest.mark.parametrize("command", [("dispatch", "--forever"), ("serve", "--worker", "--listen", "127.0.0.1:0")])
def test_a_worker_that_stays_waits_for_a_database_that_is_not_there_yet(
    scheduled: Path, elsewhere: int, command: tuple[str, ...]
) -> None:
    program = [sys.executable, "-m", "mailer", *command]
    worker = subprocess.Popen(program, cwd=scheduled, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    assert worker.stderr is not None
    said = json.loads(worker.stderr.readline())
    assert said["event"] == "dispatch.database_away"
    assert f"port {elsewhere} failed: Connection refused" in said["cause"]
    worker.send_signal(signal.SIGTERM)
    _, rest = worker.communicate(timeout=30)
    assert worker.returncode == 0
    assert [line for line in rest.splitlines() if line.startswith("{")] == []  # it is told once


def test_a_run_that_need_not_stay_ends_with_a_line_when_the_database_is_not_there(
    scheduled: Path, elsewhere: int
) -> None:
    said = mailer(scheduled, "dispatch", code=2).stderr
    assert said.startswith("mailer: the database cannot do this now: connection failed")


@pytest.mark.postgres
def test_a_worker_goes_on_when_the_database_comes_and_ends_when_it_knows_no_such_name(
    scheduled: Path, elsewhere: int, postgres_url: str
) -> None:
    folder = make_url(postgres_url).query["host"]
    with _staying(scheduled) as worker:
        assert worker.stderr is not None
        assert "Connection refused" in worker.stderr.readline()
        with _listening(elsewhere, f"{folder}/.s.PGSQL.5432"):
            assert worker.wait(30) == 2
        assert 'database "nowhere" does not exist; is the name in [database] url right?' in worker.stderr.read()


def test_a_relay_whose_limit_is_used_up_is_named_with_when_it_goes_on(
    scheduled: Path, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILER_RELAY__URL", relay.url)
    monkeypatch.setenv("MAILER_RELAY__PER_HOUR", "1")
    assert data(scheduled, "status")["used_up"] == {}
    mailer(scheduled, "publish", "one.md", "--test", "ed@example.com")
    assert "relay has used up what its limits allow; the next may leave at" in mailer(scheduled, "status").stderr
    assert list(data(scheduled, "status")["used_up"]) == ["relay"]


@pytest.mark.parametrize("said", ["421 4.7.0 Enough for now", "450 4.2.0 Later"])
def test_who_was_tried_twice_is_counted_once_in_the_closing_line(tmp_path: Path, said: str) -> None:
    club = _new_club(tmp_path, *(f"r{number}" for number in range(6)))
    away = {"MAILER_RELAY__CONNECTIONS": "1", "MAILER_SENDING__BACKOFF_MINUTES": "[0.01]"}
    rule = refuse("rcpt", said, times=1)
    hangs_up = said.startswith("421")
    with Relay(*[] if hangs_up else [rule], max_messages=2 if hangs_up else 99).in_thread() as relay:
        mailer(club, "publish", "one.md", "--yes", "--queue-only")
        lines = mailer(club, "dispatch", MAILER_RELAY__URL=relay.url, **away).stderr.splitlines()
    assert lines[0] == ("6 accepted" if hangs_up else "1 deferred, 5 accepted")
    with Relay().in_thread() as relay:
        time.sleep(0.7)
        lines = mailer(club, "dispatch", MAILER_RELAY__URL=relay.url, **away).stderr.splitlines()
    assert lines == (["nothing was due"] if hangs_up else ["1 accepted"])
