"""A worker that stays: it sends what becomes due, logs without addresses, counts, and ends in good order."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import data, mailer
from support.relay import Relay, refuse

from mailer.store import budgets
from mailer.web.server import bind
from mailer.wiring import Club

ISSUE = (Path(__file__).parents[2] / "examples" / "issue-en.md").read_text(encoding="utf-8")


@pytest.fixture
def relay() -> Iterator[Relay]:
    with Relay(refuse("rcpt", "550 5.1.1 No such user", recipient="dave@*")).in_thread() as running:
        yield running


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
    mailer(tmp_path, "init", "club")
    club = tmp_path / "club"
    monkeypatch.setenv("MAILER_RELAY__URL", relay.url)
    for name in ("alice", "dave"):
        mailer(club, "subscribers", "add", f"{name}@example.com", "--consent", "paper")
    (club / "one.md").write_text(ISSUE, encoding="utf-8")
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


def test_counters_are_for_a_worker_that_stays(tmp_path: Path) -> None:
    assert "--forever" in mailer(tmp_path, "dispatch", "--metrics", "127.0.0.1:1", code=2).stderr


@pytest.mark.parametrize("command", ["dispatch", "status"])
def test_who_is_slowed_and_why_is_said_before_anybody_waits_for_it(tmp_path: Path, command: str) -> None:
    mailer(tmp_path, "init", "club")
    club = Club.open(tmp_path / "club" / "mailer.toml")
    (tmp_path / "club" / "one.md").write_text(ISSUE, encoding="utf-8")
    mailer(tmp_path / "club", "subscribers", "add", "alice@example.com", "--consent", "paper")
    mailer(tmp_path / "club", "publish", "one.md", "--yes", "--queue-only", "--at", "2999-01-01 08:00")
    why = budgets.Slowdown(budgets.PROVIDER + "qq.com", 60, 1800.0, "550 Connection frequency limited")
    club.db.run(budgets.settle, {}, [why], club.clock())
    said = mailer(tmp_path / "club", command).stderr
    assert "qq.com is slowed: nothing for" in said
    assert "550 Connection frequency limited" in said
