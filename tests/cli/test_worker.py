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

from mailer.web.server import bind

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
