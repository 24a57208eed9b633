from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest

from mailer.errors import AddressError, TemplateError
from mailer.model.letter import Links
from mailer.model.tokens import Keyring, Purpose
from mailer.rendering import picture
from mailer.rendering.letter import LetterWriter
from mailer.rendering.templates import Templates

KEYS = Keyring({1: b"k" * 32}, 1)
LINKS = Links("https://x.example", KEYS)
NOW = datetime(2026, 5, 21, 8, 0, tzinfo=UTC)
FILES = {
    "subject.txt.j2": "Please confirm {{ what }}\n",
    "body.html.j2": (
        '{% extends "letters/_base.html.j2" %}{% import "letters/_base.html.j2" as base with context %}'
        "{% block body %}<p>Confirm {{ what }}</p>{{ button(url, 'Confirm') }}{% endblock %}"
    ),
    "body.txt.j2": (
        '{% extends "letters/_base.txt.j2" %}{% block body %}Confirm {{ what }}. '
        + "This line is long enough to be wrapped somewhere in the middle of it.\n\n{{ url }}{% endblock %}"
    ),
}


@pytest.fixture
def write(tmp_path, theme, club):
    folder = tmp_path / "letters" / "confirm"
    folder.mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return LetterWriter(Templates(tmp_path), theme, club, KEYS, lambda: NOW, ("en", "zh"))


def test_a_letter_is_a_finished_message_with_both_parts(write):
    raw = write(
        "confirm", "en", "bob@example.com", "Bob", 7, {"what": "R&D <news>", "url": "https://x.example/confirm/t"}
    )
    message = message_from_bytes(raw, policy=policy.default)
    assert message["Subject"] == "Please confirm R&D <news>"
    assert message["To"] == "Bob <bob@example.com>"
    assert message["From"] == "Quay News <news@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == f"<{KEYS.sign(7, Purpose.MESSAGE)}@example.org>"
    text, html = (part.get_content().replace("\r\n", "\n") for part in message.iter_parts())
    assert "Confirm R&D <news>." in text
    assert max(map(len, text.splitlines())) <= 72
    assert "https://x.example/confirm/t" in text
    assert "\n-- \nQuay News\n" in text
    assert "Confirm R&amp;D &lt;news&gt;" in html
    assert 'class="b" href="https://x.example/confirm/t" style="' in html
    assert raw == write(
        "confirm", "en", "bob@example.com", "Bob", 7, {"what": "R&D <news>", "url": "https://x.example/confirm/t"}
    )
    assert not any(line.startswith(b".") for line in raw.split(b"\r\n"))


def test_a_hostile_value_adds_no_header(write):
    raw = write("confirm", "zh", "bob@example.com", "B\r\nBcc: x", 7, {"what": "a\r\nBcc: eve@example.net", "url": "u"})
    message = message_from_bytes(raw, policy=policy.default)
    assert "Bcc" not in message
    assert message["Subject"] == "Please confirm a Bcc: eve@example.net"
    assert message["To"] == "bob@example.com"


def test_what_cannot_be_written_is_refused(write):
    with pytest.raises(TemplateError, match="no template"):
        write("nonsense", "en", "bob@example.com", "", 7, {})
    with pytest.raises(TemplateError, match="what"):
        write("confirm", "en", "bob@example.com", "", 7, {})
    with pytest.raises(AddressError):
        write("confirm", "en", "bob@example.com\r\n", "", 7, {"what": "x", "url": "u"})


@pytest.mark.parametrize(("chosen", "written"), [("", "en"), ("de", "en"), ("zh-CN", "zh"), ("en-GB", "en")])
def test_a_letter_is_in_a_language_of_the_club_whatever_the_reader_chose(write, chosen, written):
    raw = write("confirm", chosen, "bob@example.com", "", 7, {"what": "it", "url": "u"})
    assert message_from_bytes(raw, policy=policy.default)["Content-Language"] == written


def confirm(write, number: int, what: str = "it", language: str = "en"):
    url = LINKS.to(Purpose.CONFIRM, number)
    raw = write("confirm", language, f"r{number}@example.com", "", number, {"what": what, "url": url})
    message = message_from_bytes(raw, policy=policy.default)
    text, page = (part.get_content().replace("\r\n", "\n") for part in message.iter_parts())
    assert not any(line.startswith(b".") for line in raw.split(b"\r\n"))
    return message, text, page, url


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("what", ["it", "消息", "0link" + "0" * 21, "0link" + "9" * 21])
def test_a_letter_that_comes_often_says_what_the_first_one_said_and_leads_where_its_own_links_lead(
    write, language, what
):
    _, first_text, first_page, first_url = confirm(write, 1, what, language)
    for number in (2, 3, 1_000_000):
        message, text, page, url = confirm(write, number, what, language)
        assert message["To"] == f"r{number}@example.com"
        assert message["Message-ID"] == f"<{KEYS.sign(number, Purpose.MESSAGE)}@example.org>"
        assert text == first_text.replace(first_url, url)
        assert page == first_page.replace(first_url, url)
        assert url in text
        assert first_url not in message.as_string()


def test_a_letter_that_comes_often_is_rendered_twice(write, monkeypatch):
    rendered = []
    render = Templates.render
    monkeypatch.setattr(Templates, "render", lambda *a, **k: rendered.append(a[1]) or render(*a, **k))
    for number in range(20):
        confirm(write, number)
    assert rendered.count("letters/confirm/body.html.j2") == 3  # once for the first, twice to make and to try it


@pytest.mark.parametrize(
    "own",
    ["for {{ address }}", "{{ url[-9:] }}", "{{ url|upper }}", "{% if address is defined %}{{ address }}{% endif %}"],
)
def test_a_template_that_does_more_with_what_is_one_readers_own_gets_it_each_time(write, tmp_path, own):
    (tmp_path / "letters" / "confirm" / "body.txt.j2").write_text(own, encoding="utf-8")
    for number in range(5):
        _, text, _, url = confirm(write, number)
        address = f"r{number}@example.com"
        assert text.strip() in {f"for {address}", url[-9:], url.upper(), address}


def test_a_changed_template_is_taken_up_within_a_minute(tmp_path, theme, club):
    folder = tmp_path / "letters" / "confirm"
    folder.mkdir(parents=True)
    for name, words in FILES.items():
        (folder / name).write_text(words, encoding="utf-8")
    clock = iter([NOW] * 4 + [NOW + timedelta(minutes=1)])
    write = LetterWriter(Templates(tmp_path), theme, club, KEYS, lambda: next(clock), ("en", "zh"))
    before = [confirm(write, number)[1] for number in range(4)]
    (folder / "body.txt.j2").write_text("Something new", encoding="utf-8")
    assert all("Confirm it." in words for words in before)
    assert confirm(write, 5)[1] == "Something new\n"


def test_a_letter_says_what_the_newsletter_is_called_in_its_language(tmp_path, write, theme, club):
    facts = replace(club, sender_name=club.newsletter, names={"zh": "码头早报"})
    write = LetterWriter(Templates(tmp_path), theme, facts, KEYS, lambda: NOW, ("en", "zh"))
    values = {"what": "it", "url": "https://x.example/confirm/t"}
    mails = [
        message_from_bytes(write("confirm", tag, "bob@example.com", "Bob", 7, values), policy=policy.default)
        for tag in ("en", "zh")
    ]
    assert [mail["From"].addresses[0].display_name for mail in mails] == ["Quay News", "码头早报"]
    assert "码头早报" in mails[1].get_body().get_content()
    assert "Quay News" not in mails[1].get_body().get_content()


@pytest.mark.skipif(picture.find_chromium() is None, reason="no Chromium on this machine")
def test_no_value_makes_a_letter_wider_than_a_phone(write, tmp_path):
    page = confirm(write, 1, "W" * 120)[2]
    (tmp_path / "letter.html").write_text(page, encoding="utf-8")
    assert picture.extent(tmp_path / "letter.html", 375)[0] == 375
