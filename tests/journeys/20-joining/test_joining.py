"""A stranger becomes a reader and leaves again: one process serves the pages and sends the letters."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from queue import Queue

import httpx2 as httpx
import pytest
from support.command import data, mailer
from support.relay import Relay

EXAMPLES = Path(__file__).parents[3] / "examples"
SECONDS = 30


@pytest.fixture
def arrived() -> Queue[bytes]:
    """The letters the relay takes, in their order."""
    return Queue()


@pytest.fixture
def relay(arrived: Queue[bytes]) -> Iterator[Relay]:
    with Relay(on_accept=lambda transaction: arrived.put(transaction.content)).in_thread() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relay: Relay) -> Path:
    mailer(tmp_path, "init", "club", "--name", "Morning News")
    monkeypatch.setenv("MAILER_RELAY__URL", relay.url)
    monkeypatch.setenv("MAILER_JOIN__MIN_FILL_SECONDS", "0")
    return tmp_path / "club"


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    """`mailer serve --worker` and a client that talks to it; SIGTERM must end it well."""
    command = [sys.executable, "-m", "mailer", "serve", "--worker", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert process.stderr is not None
    try:
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
        assert found is not None
        with httpx.Client(base_url=found[0], timeout=SECONDS) as client:
            yield client, process
    finally:
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, rest
    assert "Traceback" not in rest
    assert "alice@" not in rest


def path_in(letter: bytes, what: str) -> str:
    """The path of the link that leads to `what` in a letter's text."""
    text = message_from_bytes(letter, policy=policy.default).get_body(("plain",)).get_content()
    found = re.search(rf"https?://[^/\s]+(/{what}/\w+)", text)
    assert found is not None, text
    return found[1]


def test_the_operators_hear_of_a_send_from_the_command_that_sent(
    folder: Path, relay: Relay, arrived: Queue[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILER_ALERTS__TO", '["ops@example.org"]')
    mailer(folder, "subscribers", "add", "alice@example.com", "--consent", "paper")
    (folder / "one.md").write_text((EXAMPLES / "issue-en.md").read_text(encoding="utf-8"), encoding="utf-8")
    mailer(folder, "publish", "one.md", "--yes")
    assert relay.accepted == {"alice@example.com": 1, "ops@example.org": 1}
    arrived.get(timeout=SECONDS)
    letter = message_from_bytes(arrived.get(timeout=SECONDS), policy=policy.default)
    assert letter["Subject"].startswith("Sent: ")
    assert "Accepted by the relay: 1" in letter.get_body(("plain",)).get_content()
    mailer(folder, "dispatch")
    assert relay.accepted["ops@example.org"] == 1


def test_a_ping_url_that_is_a_file_is_refused_before_anything_is_sent(folder: Path, relay: Relay) -> None:
    told = mailer(folder, "dispatch", code=2, MAILER_ALERTS__PING_URL="file:///etc/passwd")
    assert "ping_url" in told.stderr


def test_a_stranger_joins_and_leaves_by_one_process(folder: Path, relay: Relay, arrived: Queue[bytes]) -> None:
    with served(folder) as (client, _):
        stamp = re.search(r'name="stamp" value="([^"]+)"', client.get("/subscribe").text)
        assert stamp is not None
        form = {"email": "alice@example.com", "agree": "yes", "stamp": stamp[1]}
        assert client.post("/subscribe", data=form).status_code == 200
        confirm = path_in(arrived.get(timeout=SECONDS), "confirm")
        assert client.get(confirm).status_code == 200
        assert client.post(confirm).status_code == 200
        leave = path_in(arrived.get(timeout=SECONDS), "u")
        assert client.post(leave, content=b"List-Unsubscribe=One-Click").status_code == 200
    assert relay.accepted == {"alice@example.com": 2}
    alice = data(folder, "subscribers", "show", "alice@example.com")
    assert [step["action"] for step in alice["consents"]] == ["requested", "confirmed", "withdrawn"]
