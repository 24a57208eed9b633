"""Readers whose addresses are not ASCII: by domain they get mail from any relay, by name from one with SMTPUTF8."""

from __future__ import annotations

from email import message_from_bytes, policy
from pathlib import Path

import pytest
from support.command import data, mailer
from support.relay import Relay

ISSUE = """---
newsletter: Quay News
number: 7
date: 2026-05-21
lang: en
---

### One {lead}

It opened{{ first_name | " for " }}.

Source: Post
"""
READERS = "email,name\nalice@bücher.example,Alice\n爱丽丝@example.com,爱丽丝\nbob@example.com,Bob\n"


@pytest.fixture
def club(tmp_path: Path) -> Path:
    mailer(tmp_path, "init", ".", "--yes", "--name", "Quay News")
    (tmp_path / "today.md").write_text(ISSUE, encoding="utf-8")
    (tmp_path / "readers.csv").write_text(READERS, encoding="utf-8")
    mailer(tmp_path, "subscribers", "import", "readers.csv", "--consent", "a list on paper")
    return tmp_path


def test_a_reader_at_a_domain_in_letters_beyond_ascii_gets_mail_by_its_a_labels(club: Path) -> None:
    with Relay().in_thread() as relay:
        mailer(club, "publish", "today.md", "--yes", MAILER_RELAY__URL=relay.url)
    assert relay.accepted == {"alice@xn--bcher-kva.example": 1, "bob@example.com": 1}
    content = next(sent.content for sent in relay.transactions if sent.recipients[0].startswith("alice"))
    assert message_from_bytes(content, policy=policy.default)["To"] == "Alice <alice@xn--bcher-kva.example>"
    counts = data(club, "audit", "today.md")["counts"]
    assert (counts["accepted"], counts["failed"]) == (2, 1)


def test_only_a_relay_with_smtputf8_is_given_a_local_part_beyond_ascii(club: Path) -> None:
    with Relay(extensions=("8BITMIME", "SMTPUTF8")).in_thread() as relay:
        mailer(club, "publish", "today.md", "--yes", MAILER_RELAY__URL=relay.url)
    assert relay.accepted == {"alice@xn--bcher-kva.example": 1, "爱丽丝@example.com": 1, "bob@example.com": 1}
    sent = next(sent for sent in relay.transactions if sent.recipients[0].startswith("爱"))
    assert set(sent.parameters.split()) == {"BODY=8BITMIME", "SMTPUTF8"}
    (to,) = [line.decode() for line in sent.content.split(b"\r\n") if line.startswith(b"To:")]
    assert to == "To: =?utf-8?b?54ix5Li95Lid?= <爱丽丝@example.com>"
