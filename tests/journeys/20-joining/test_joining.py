"""A stranger becomes a reader and leaves again: one process serves the pages and sends the letters."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from queue import Queue

import httpx2 as httpx
import pytest
from sqlalchemy import select
from support.command import data, mailer
from support.relay import Relay, Transaction

from mailer.model.tokens import Purpose
from mailer.store.highwater import HighWater
from mailer.store.schema import deliveries
from mailer.wiring import Club

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
def served(folder: Path, *options: str) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    """`mailer serve` with options and a client that talks to it; SIGTERM must end it well."""
    command = [sys.executable, "-m", "mailer", "serve", *options, "--listen", "127.0.0.1:0"]
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
    assert process.returncode in {0, -signal.SIGTERM}, rest  # uvicorn raises the signal again when it is done
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
    with served(folder, "--worker") as (client, _):
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


def _heard(process: subprocess.Popen[str], words: str) -> None:
    """Wait for a line of the log that says so."""
    assert process.stderr is not None
    assert any(words in line for line in process.stderr)


def test_the_pages_stay_where_the_relay_refuses_the_password(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mailer(folder, "subscribers", "add", "alice@example.com", "--consent", "paper")
    (folder / "one.md").write_text((EXAMPLES / "issue-en.md").read_text(encoding="utf-8"), encoding="utf-8")
    mailer(folder, "publish", "one.md", "--yes", "--queue-only")
    with Relay(users={"club": "secret"}).in_thread() as strict:
        monkeypatch.setenv("MAILER_RELAY__URL", f"smtp://club:wrong@127.0.0.1:{strict.port}")
        with served(folder, "--worker") as (client, process):
            _heard(process, "does not let us log in")
            assert client.get("/archive").status_code == 200


def test_the_pages_stay_while_a_restored_backup_is_not_reconciled(folder: Path, relay: Relay) -> None:
    (folder / "journal").mkdir(exist_ok=True)
    HighWater(folder / "journal").raise_to(5)
    with served(folder, "--worker") as (client, process):
        _heard(process, "a backup")
        assert client.get("/archive").status_code == 200


def test_who_leaves_during_a_send_is_obeyed_within_a_second_by_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T-U8: `mailer dispatch` sends at a hundred a second while `mailer serve` takes sixty unsubscribes."""
    taken: dict[str, float] = {}

    def note(transaction: Transaction) -> None:
        taken.setdefault(transaction.recipients[0], time.monotonic())

    with Relay(on_accept=note).in_thread() as relay:
        mailer(tmp_path, "init", "club", "--name", "Morning News")
        folder = tmp_path / "club"
        monkeypatch.setenv("MAILER_RELAY__URL", relay.url)
        monkeypatch.setenv("MAILER_RELAY__PER_SECOND", "100")
        readers = "".join(f"r{number}@example.com\n" for number in range(400))
        mailer(folder, "subscribers", "import", "-", "--consent", "paper", stdin="email\n" + readers)
        (folder / "one.md").write_text((EXAMPLES / "issue-en.md").read_text(encoding="utf-8"), encoding="utf-8")
        mailer(folder, "publish", "one.md", "--yes", "--queue-only")
        club = Club.open(folder / "mailer.toml")
        with club.db.reading() as conn:
            rows = conn.execute(select(deliveries.c.address, deliveries.c.id).order_by(deliveries.c.id)).all()
        leaving = rows[-60:]
        left: dict[str, float] = {}
        with served(folder) as (client, _):
            sending = subprocess.Popen(
                [sys.executable, "-m", "mailer", "dispatch"], cwd=folder, env=dict(os.environ),
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            while not taken:
                assert sending.poll() is None
                time.sleep(0.01)
            for address, number in leaving:
                link = f"/u/{club.keyring.sign(number, Purpose.UNSUBSCRIBE)}"
                assert client.post(link, content=b"List-Unsubscribe=One-Click").status_code == 200
                left[address] = time.monotonic()
            _, rest = sending.communicate(timeout=SECONDS)
        club.db.close()
        assert sending.returncode == 0, rest
        late = {address: taken[address] - moment for address, moment in left.items() if address in taken}
        assert max(late.values(), default=0.0) < 1.0
        assert len(late) < 20, "hardly anybody left before his turn"
        staying = {address for address, _ in rows} - set(left)
        assert staying <= set(relay.accepted) <= staying | set(late)
        assert set(relay.accepted.values()) == {1}
