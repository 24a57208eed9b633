from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest

from mailer.errors import AddressError, TemplateError
from mailer.model.tokens import Keyring, Purpose
from mailer.rendering.letter import LetterWriter
from mailer.rendering.templates import Templates

KEYS = Keyring({1: b"k" * 32}, 1)
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
