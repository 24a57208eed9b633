"""A mistake found after publishing: the archive shows the corrected text and says so, readers keep their own copy."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from support.command import mailer

from mailer.model.tokens import Purpose
from mailer.web.app import create_app
from mailer.web.security import MAIL_POLICY
from mailer.wiring import Club

ISSUE = """---
newsletter: Quay News
number: 7
date: 2026-05-21
lang: en
---

## Trade

### Lockers sold for ten million {lead}

The buyer is a rival.

Source: Post

### 费用下降

It fell.

Source: Post
"""
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def club(tmp_path: Path) -> Club:
    mailer(tmp_path, "init", ".", "--yes", "--name", "Quay News", "--timezone", "UTC")
    mailer(tmp_path, "subscribers", "add", "alice@example.com", "--consent", "asked")
    issue = tmp_path / "today.md"
    issue.write_text(ISSUE, encoding="utf-8")
    mailer(tmp_path, "publish", "today.md", "--yes", "--queue-only")
    club = Club.open(tmp_path / "mailer.toml")
    with club.db.transaction() as conn:  # as if Alice's mail had been tried
        conn.exec_driver_sql("UPDATE deliveries SET tries = 1")
    issue.write_text(ISSUE.replace("ten million", "one million"), encoding="utf-8")
    mailer(tmp_path, "publish", "today.md", "--correct", "--queue-only")
    return club


def test_the_archive_is_corrected_and_says_when_while_readers_keep_what_they_got(club: Club) -> None:
    with TestClient(create_app(club, club.write_letter), base_url="http://127.0.0.1:8080") as client:
        slug = club.db.read(lambda conn: conn.exec_driver_sql("SELECT slug FROM issues").scalar())
        page = client.get(f"/archive/{slug}")
        assert "Lockers sold for one million" in page.text
        today = club.clock().date()
        assert f"Corrected on {today:%A}, {today.day} {today:%B} {today.year}." in page.text
        assert page.headers["content-security-policy"] == MAIL_POLICY
        assert "unsubscribe" not in page.text.lower()

        token = club.keyring.sign(1, Purpose.VIEW)
        own = client.get(f"/v/{token}").text
        assert "Lockers sold for ten million" in own
        assert "Corrected on" not in own

        for number in (1, 2):
            assert f'id="n{number}"' in page.text
            assert f'<a href="#n{number}"' in page.text

        feed = ET.fromstring(client.get("/feed.xml").text)  # noqa: S314 - our own
        entry = feed.find(f"{ATOM}entry")
        assert entry is not None
        published, updated = (entry.findtext(f"{ATOM}{name}") or "" for name in ("published", "updated"))
        assert published < updated


def test_the_mail_of_a_correction_does_not_speak_of_it(club: Club) -> None:
    programs = club.db.read(lambda conn: conn.exec_driver_sql("SELECT program FROM editions").scalars().all())
    assert len(programs) == 2
    assert all(b"Corrected on" not in program for program in programs)


def test_a_correction_touches_the_editions_that_were_sent_and_now_read_differently(tmp_path: Path) -> None:
    mailer(tmp_path, "init", ".", "--yes", "--name", "Quay News", "--language", "en", "--language", "zh")
    mailer(tmp_path, "subscribers", "add", "alice@example.com", "--consent", "asked")
    chinese = ISSUE.replace("lang: en", "lang: zh").replace("Lockers sold for ten million", "快递柜售出")
    (tmp_path / "today.en.md").write_text(ISSUE, encoding="utf-8")
    (tmp_path / "today.zh.md").write_text(chinese, encoding="utf-8")
    mailer(tmp_path, "publish", "today.en.md", "--yes", "--queue-only")
    (tmp_path / "today.en.md").write_text(ISSUE.replace("ten million", "one million"), encoding="utf-8")
    french = ISSUE.replace("lang: en", "lang: fr")
    (tmp_path / "today.fr.md").write_text(french, encoding="utf-8")
    assert "corrected in en;" in mailer(tmp_path, "publish", "today.en.md", "--correct", "--queue-only").stderr
    refused = mailer(tmp_path, "publish", "today.fr.md", "--correct", "--queue-only", code=1).stderr
    assert "was published in en, zh, not in fr" in refused

    club = Club.open(tmp_path / "mailer.toml")
    with TestClient(create_app(club, club.write_letter), base_url="http://127.0.0.1:8080") as client:
        for lang, title, corrected in (("en", "Lockers sold for one million", True), ("zh", "快递柜售出", False)):
            address = f"/archive/2026-05-21-7?lang={lang}"
            listed = client.get(f"/archive?lang={lang}").text
            assert f'<a href="{address}" lang="{lang}">{title}</a>' in listed
            page = client.get(address).text
            assert title in page
            assert ('role="note"' in page) == corrected
        assert client.get("/archive/2026-05-21-7?lang=fr").headers["content-language"] != "fr"
