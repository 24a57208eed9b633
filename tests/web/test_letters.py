"""The letters of joining and leaving, as they leave the house: through the real templates, in both languages."""

from __future__ import annotations

import email
import email.policy
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import select

from mailer.rendering.templates import shipped_folder
from mailer.store.schema import letters
from mailer.web.app import create_app, warm_up

KINDS = sorted(path.name for path in (shipped_folder() / "letters").iterdir() if path.is_dir())
VALUES = {
    "confirm_url": "https://news.example.com/confirm/token",
    "preferences_url": "https://news.example.com/p/token",
    "unsubscribe_url": "https://news.example.com/u/token",
    "review_url": "https://news.example.com/review/token",
    "answer_url": "https://news.example.com/apply/token",
    "base_url": "https://news.example.com",
    "hours": 72,
    "days": 30,
    "number": 7,
    "merchant": "<b>天猫",
    "answered": False,
    "note": "Which <licence>?\nThank you.",
    "title": "<b>Headlines",
    "slug": "2026-11-23",
    "time": "2026-11-23 08:00 Asia/Shanghai",
    "minutes": 15,
    "cause": "<b>535 5.7.8",
    "causes": ["<b>bounces", "the first complaint"],
    "frozen": 6,
    "waiting": 1,
    "counts": {"accepted": 2, "failed": 1, "uncertain": 1, "suppressed": 1, "cancelled": 0},
    "late": True,
    "well": False,
}


def read(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content())


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_letter_says_the_same_in_both_parts(town: Any, kind: str, language: str) -> None:
    message = read(town.club.write_letter(kind, language, "bob@example.com", "", 1, VALUES))
    plain, page = part(message, "plain"), part(message, "html")
    assert message["Subject"]
    assert message["Content-Language"] == language
    assert f'lang="{language}"' in page
    values = {value for value in map(str, VALUES.values()) if ":" in value and "<" not in value}
    said = {value for value in values if value in " ".join(plain.split())}
    assert said
    assert said == {value for value in values if value in page}
    assert "<b>天猫" not in page
    assert "<b>Headlines" not in page
    assert "<b>535" not in page
    assert "<licence>" not in page
    if language == "zh":
        assert any("\u4e00" <= letter <= "\u9fff" for letter in str(message["Subject"]))


def test_a_language_without_a_catalogue_is_remembered_and_not_claimed(town_with: Any) -> None:
    town = town_with(newsletter={"languages": ("en", "zh", "ar")})
    message = read(town.club.write_letter("welcome", "ar", "bob@example.com", "", 1, VALUES))
    assert message["Content-Language"] == "en"
    assert '<html lang="en" dir="ltr">' in part(message, "html")
    assert "/archive?lang=ar" in part(message, "plain")
    page = town.client.get("/subscribe?lang=ar")
    assert page.headers["content-language"] == "en"
    assert '<html lang="en" dir="ltr">' in page.text
    assert 'href="/archive?lang=ar"' in page.text
    assert 'xml:lang="en"' in town.client.get("/feed.xml?lang=ar").text


def test_a_colon_is_written_as_the_language_writes_it(town: Any) -> None:
    for kind in ("confirm", "welcome", "send-finished"):
        plain = part(read(town.club.write_letter(kind, "zh", "bob@example.com", "", 1, VALUES)), "plain")
        assert "：" in plain
        assert ": " not in plain
        assert ":\n" not in plain


def test_the_confirm_letter_is_addressed_to_the_address_alone(town: Any) -> None:
    app = create_app(town.club, town.club.write_letter, answer_after=timedelta(0))
    town.app.state.parts = app.state.parts
    town.fill("/subscribe?lang=zh", email="bob@example.com", name="Buy at http://evil.test", language="zh")
    with town.db.reading() as conn:
        raw = conn.execute(select(letters.c.content)).scalar_one()
    message = read(raw)
    assert message["To"] == "bob@example.com"
    assert "evil" not in part(message, "plain") + part(message, "html") + str(message["Subject"])
    assert "/confirm/" in part(message, "plain")
    assert message["Auto-Submitted"] == "auto-generated"
    app.state.parts.close()


@pytest.mark.parametrize("chosen", ["", "de", "zh"])  # an imported list has readers of any language, or of none
def test_a_lost_link_is_mailed_to_a_reader_of_whatever_language(town: Any, chosen: str) -> None:
    app = create_app(town.club, town.club.write_letter, answer_after=timedelta(0))
    town.app.state.parts = app.state.parts
    town.add_reader("alice@example.com")
    town.set_person("alice@example.com", language=chosen)
    assert town.fill("/lost-link", email="alice@example.com", language="zh").status_code == 200
    with town.db.reading() as conn:
        message = read(conn.execute(select(letters.c.content)).scalar_one())
    assert message["Content-Language"] == ("en" if chosen == "de" else "zh")
    app.state.parts.close()


def test_a_letter_that_cannot_be_written_is_told_when_the_pages_start(
    town: Any, caplog: pytest.LogCaptureFixture
) -> None:
    own = town.club.folder / "templates" / "letters" / "confirm"
    own.mkdir(parents=True)
    (own / "body.txt.j2").write_text("{{ nonsense }}")
    before = town.everything()
    warm_up(create_app(town.club, town.club.write_letter))
    assert town.everything() == before
    assert "nobody can sign up" in caplog.text
    assert "nonsense" in caplog.text


def test_a_page_that_is_wrong_keeps_nobody_from_the_others(town: Any) -> None:
    own = town.club.folder / "templates" / "pages"
    own.mkdir(parents=True)
    (own / "lost-link.html.j2").write_text("{% if %}")
    warm_up(create_app(town.club, town.club.write_letter))
    assert town.client.get("/subscribe").status_code == 200
