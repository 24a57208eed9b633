"""The relay's log is read while the relay writes it, and while the system rotates it."""

from __future__ import annotations

from pathlib import Path

from mailer.intake import relay_log

CLEANUP = "Mar  2 08:00:00 mx postfix/cleanup[77]: 4D2681CFDF: message-id=<token@club.example.com>\n"
SENT = (
    "Mar  2 08:00:01 mx postfix/smtp[78]: 4D2681CFDF: to=<dave@example.org>, relay=mx.example.org[192.0.2.5]:25,"
    " delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 OK)\n"
)


def test_a_log_renamed_while_it_is_read_is_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "mail.log"
    file.write_text(CLEANUP + SENT)
    with file.open() as stream:
        lines = relay_log.read(stream)
        assert next(lines).status == "sent"
        with file.open("a") as writer:
            writer.write(SENT.replace("dave", "carol"))
        file.rename(tmp_path / "mail.log.1")
        file.write_text(SENT.replace("dave", "bob"))
        assert [line.recipient for line in lines] == ["carol@example.org"]


def test_a_line_cut_short_by_a_rotation_is_passed_over() -> None:
    lines = [CLEANUP, SENT[:120], SENT[60:], SENT]
    assert [line.recipient for line in relay_log.read(lines)] == ["dave@example.org"]


def test_an_attempt_whose_message_id_nobody_logged_is_not_ours() -> None:
    assert list(relay_log.read([SENT])) == []
