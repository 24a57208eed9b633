"""The relay's log is read while the relay writes it, and while the system rotates it."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

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


def recipients(log: relay_log.LogFile, queued: dict[str, str] | None = None) -> list[str]:
    return [line.recipient.partition("@")[0] for line in relay_log.read(log, queued)]


def said(who: str) -> str:
    return SENT.replace("dave", who)


def test_a_log_is_read_on_from_where_the_last_run_stopped(tmp_path: Path) -> None:
    file, queued = tmp_path / "mail.log", dict[str, str]()
    file.write_text(CLEANUP + said("alice"))
    first = relay_log.LogFile(file)
    assert recipients(first, queued) == ["alice"]
    with file.open("a") as writer:
        writer.write(said("bob"))
    second = relay_log.LogFile(file, first.place)
    assert recipients(second, queued) == ["bob"]
    assert recipients(relay_log.LogFile(file, second.place), queued) == []


def test_a_line_being_written_is_left_for_the_next_run(tmp_path: Path) -> None:
    file, queued = tmp_path / "mail.log", dict[str, str]()
    file.write_text(CLEANUP + said("alice") + said("bob")[:90])
    first = relay_log.LogFile(file)
    assert recipients(first, queued) == ["alice"]
    with file.open("a") as writer:
        writer.write(said("bob")[90:])
    assert recipients(relay_log.LogFile(file, first.place), queued) == ["bob"]


def test_what_a_rotation_renamed_is_read_before_the_new_file(tmp_path: Path) -> None:
    file, queued = tmp_path / "mail.log", dict[str, str]()
    file.write_text(CLEANUP + said("alice"))
    first = relay_log.LogFile(file)
    recipients(first, queued)
    with file.open("a") as writer:
        writer.write(said("bob"))
    file.rename(tmp_path / "mail.log.1")
    file.write_text(said("carol"))
    assert recipients(relay_log.LogFile(file, first.place), queued) == ["bob", "carol"]


def test_a_log_emptied_in_its_place_is_read_from_its_beginning(tmp_path: Path) -> None:
    file, queued = tmp_path / "mail.log", dict[str, str]()
    file.write_text(CLEANUP + said("alice"))
    first = relay_log.LogFile(file)
    recipients(first, queued)
    with file.open("r+") as writer:  # longer than before, under the same inode
        writer.truncate()
        writer.write(said("bob") + said("carol") + said("dave"))
    assert recipients(relay_log.LogFile(file, first.place), queued) == ["bob", "carol", "dave"]


def test_what_left_the_relays_queue_is_forgotten() -> None:
    removed = "Mar  2 08:00:01 mx postfix/qmgr[9]: 4D2681CFDF: removed\n"
    queued: dict[str, str] = {}
    list(relay_log.read([CLEANUP, SENT], queued))
    assert queued == {"4D2681CFDF": "token@club.example.com"}
    list(relay_log.read([SENT, removed], queued))
    assert queued == {}


def test_a_log_with_bytes_of_any_kind_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mail.log"
    file.write_bytes(b"\xff\x00" * 100_000 + b"\n" + (CLEANUP + said("alice")).encode())
    assert recipients(relay_log.LogFile(file)) == ["alice"]


@given(st.lists(st.sampled_from(["write", "half", "rotate", "read"]), max_size=25))
@settings(max_examples=150, deadline=None)
def test_no_line_is_lost_or_read_twice_however_writing_rotating_and_reading_follow(steps: list[str]) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "mail.log"
        file.write_text("")
        place, written, got, open_line = relay_log.Place(), list[str](), list[str](), ""
        for number, step in enumerate(["read", *steps, "write", "read"]):
            if step in {"write", "half"}:
                line = open_line or f"line {number}"
                with file.open("a") as writer:
                    writer.write(("" if open_line else line) + ("\n" if step == "write" else ""))
                open_line = line if step == "half" else ""
                written += [line] if step == "write" else []
                os.utime(file, ns=(number, number))
            elif step == "rotate" and not open_line and file.stat().st_size:
                for old in reversed(range(1, len(list(file.parent.iterdir())))):
                    file.with_name(f"mail.log.{old}").rename(file.with_name(f"mail.log.{old + 1}"))
                file.rename(file.with_name("mail.log.1"))
                file.write_text("")
            elif step == "read":
                log = relay_log.LogFile(file, place)
                got += [line.strip() for line in log]
                place = log.place
        assert got == written
