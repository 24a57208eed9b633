"""Last night's backup is restored in the middle of a morning: nobody gets a second copy, nobody is forgotten."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import data, mailer
from support.relay import Relay, refuse

ISSUE = (Path(__file__).parents[3] / "examples" / "issue-en.md").read_text(encoding="utf-8")


@pytest.fixture
def relay() -> Iterator[Relay]:
    with Relay(refuse("rcpt", "451 4.7.1 later", recipient="later@*")).in_thread() as running:
        yield running


@pytest.fixture
def club(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relay: Relay) -> Path:
    mailer(tmp_path, "init", "club")
    folder = tmp_path / "club"
    monkeypatch.setenv("MAILER_RELAY__URL", relay.url)
    for name in ("alice", "later"):
        mailer(folder, "subscribers", "add", f"{name}@example.com", "--consent", "paper")
    (folder / "one.md").write_text(ISSUE, encoding="utf-8")
    return folder


def _restore(folder: Path) -> None:
    for leftover in folder.glob("subscribers.db-*"):
        leftover.unlink()
    shutil.copyfile(folder / "backup.db", folder / "subscribers.db")


def test_an_issue_the_backup_does_not_know_is_not_sent_again(club: Path, relay: Relay) -> None:
    mailer(club, "db", "backup", "backup.db")
    mailer(club, "publish", "one.md", "--yes")
    assert relay.accepted == {"alice@example.com": 1}
    _restore(club)
    refused = mailer(club, "publish", "one.md", "--yes", code=1)
    assert "a backup was restored" in refused.stderr
    assert relay.accepted == {"alice@example.com": 1}


def test_who_may_have_an_issue_since_the_backup_never_gets_it_with_another_text(club: Path, relay: Relay) -> None:
    mailer(club, "publish", "one.md", "--yes", "--queue-only")
    mailer(club, "db", "backup", "backup.db")
    mailer(club, "dispatch")
    _restore(club)
    (club / "one.md").write_text(ISSUE.replace("Boathouse", "Boatyard"), encoding="utf-8")
    refused = mailer(club, "publish", "one.md", "--correct", "--yes", code=1)
    assert "a backup was restored" in refused.stderr
    assert "is corrected" not in refused.stderr
    mailer(club, "audit", "--reconcile")
    mailer(club, "retry", "86", "--uncertain")
    assert "0 readers not yet attempted" in mailer(club, "publish", "one.md", "--correct", "--yes").stderr
    mailer(club, "dispatch")
    first, second = (transaction.content for transaction in relay.transactions if transaction.taken)
    assert first == second


def test_a_send_that_went_on_after_the_backup_waits_for_the_operator(club: Path, relay: Relay) -> None:
    mailer(club, "publish", "one.md", "--yes")
    mailer(club, "db", "backup", "backup.db")
    mailer(club, "subscribers", "add", "bob@example.com", "--consent", "paper")
    other = ISSUE.replace("number: ", "number: 9", 1)
    assert other != ISSUE
    (club / "two.md").write_text(other, encoding="utf-8")
    mailer(club, "publish", "two.md", "--yes")
    _restore(club)
    (club / "three.md").write_text(ISSUE.replace("number: ", "number: 8", 1), encoding="utf-8")
    locked = mailer(club, "publish", "three.md", "--yes", code=1)
    assert "mailer audit --reconcile" in locked.stderr
    told = mailer(club, "audit", "--reconcile").stderr
    assert "1 reader uncertain" in told
    assert "is not in the database" in told
    assert data(club, "audit", "one.md")["counts"]["uncertain"] == 1
    before = dict(relay.accepted)
    mailer(club, "dispatch")
    assert relay.accepted == before
    mailer(club, "publish", "three.md", "--yes")
    assert relay.accepted["alice@example.com"] == before["alice@example.com"] + 1
    assert data(club, "audit", "three.md")["balanced"] is True


def test_an_issue_frozen_before_the_backup_and_sent_after_it_is_not_sent_again(club: Path, relay: Relay) -> None:
    mailer(club, "publish", "one.md", "--yes", "--queue-only")
    mailer(club, "db", "backup", "backup.db")
    mailer(club, "dispatch")
    _restore(club)
    assert data(club, "status")["locked"]
    assert "mailer audit --reconcile" in mailer(club, "cancel", "one.md", "--yes", code=1).stderr
    told = mailer(club, "audit", "--reconcile").stderr
    assert "2 readers uncertain" in told
    mailer(club, "dispatch")
    assert relay.accepted == {"alice@example.com": 1}
    assert data(club, "audit", "one.md")["counts"]["uncertain"] == 2


def test_a_machine_that_knows_of_nothing_sends_nothing_of_a_restored_backup(club: Path, relay: Relay) -> None:
    mailer(club, "publish", "one.md", "--yes", "--queue-only")
    mailer(club, "db", "backup", "backup.db")
    mailer(club, "dispatch")
    _restore(club)
    shutil.rmtree(club / "journal")
    assert "mailer audit --reconcile" in mailer(club, "dispatch", code=1).stderr
    assert "mailer audit --reconcile" in mailer(club, "doctor", code=1).stdout
    assert "2 readers uncertain" in mailer(club, "audit", "--reconcile").stderr
    mailer(club, "dispatch")
    assert relay.accepted == {"alice@example.com": 1}


def test_reconciling_where_nothing_is_missing_changes_nothing(club: Path, relay: Relay) -> None:
    mailer(club, "publish", "one.md", "--yes")
    assert "nothing to reconcile" in mailer(club, "audit", "--reconcile").stderr
    assert data(club, "audit", "one.md")["counts"]["deferred"] == 1
