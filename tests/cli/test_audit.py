"""The proof per reader as a file: one row a reader, what was sent, what the relay said, when by the club's clock."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.command import mailer
from support.relay import Relay, refuse

ISSUE = Path(__file__).parents[2] / "examples" / "issue-en.md"


def test_the_proof_has_a_row_for_every_reader_with_the_answer_and_the_clubs_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailer(tmp_path, "init", "club")
    club = tmp_path / "club"
    monkeypatch.setenv("MAILER_NEWSLETTER__TIMEZONE", "Asia/Shanghai")
    for name in ("alice", "dave"):
        mailer(club, "subscribers", "add", f"{name}@example.com", "--consent", "paper")
    with Relay(refuse("rcpt", "550 5.1.1 No such user", recipient="dave@*")).in_thread() as relay:
        monkeypatch.setenv("MAILER_RELAY__URL", relay.url)
        mailer(club, "publish", str(ISSUE), "--yes")
    rows = list(csv.DictReader(io.StringIO(mailer(club, "audit", "86", "--csv", "-").stdout)))
    assert [(row["address"], row["state"], row["tries"], row["phase"], row["code"]) for row in rows] == [
        ("alice@example.com", "accepted", "1", "dot", "250"),
        ("dave@example.com", "failed", "1", "rcpt", "550"),
    ]
    assert rows[1]["reply"] == "5.1.1 No such user"
    for row in rows:
        for column in ("changed_at", "attempt_at"):
            assert datetime.fromisoformat(row[column]).utcoffset() == timedelta(hours=8)
