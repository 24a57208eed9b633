"""Returned mail on this machine is moved only after it was taken."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from mailer.intake.mailbox import MAX_SIZE, read


def test_a_maildirs_mail_stays_in_new_until_it_was_taken(tmp_path: Path) -> None:
    for name in ("new", "cur", "tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "new" / "1").write_bytes(b"Subject: a\n\nb\n")
    first = next(read(str(tmp_path)))
    assert first.raw == b"Subject: a\n\nb\n"
    assert len(list(read(str(tmp_path)))) == 1
    first.done()
    assert list(read(str(tmp_path))) == []
    assert [path.name for path in (tmp_path / "cur").iterdir()] == ["1:2,S"]


def test_an_mbox_is_split_at_its_from_lines_only(tmp_path: Path) -> None:
    box = tmp_path / "box"
    box.write_bytes(b"From a Mon\nSubject: 1\n\nhe said\nFrom here on\n\nFrom b Tue\nSubject: 2\n\n>From x\n")
    assert [b"Subject: 1" in mail.raw for mail in read(str(box))] == [True, False]


def test_an_mbox_with_dates_is_split_at_those_however_it_was_patched_together(tmp_path: Path) -> None:
    box, dated = tmp_path / "box", "From a@example.org Mon Mar  2 08:00:00 2026\n"
    text = f"\ufeff\n\n{dated}Subject: 1\n\nhe said\n\nFrom here on\n{dated}Subject: 2\n\nx"
    for written in (text, text.replace("\n", "\r\n"), text.lstrip("\ufeff")):
        box.write_bytes(written.encode())
        assert [(b"From here on" in mail.raw, b"Subject: 2" in mail.raw) for mail in read(str(box))] == [
            (True, False),
            (False, True),
        ]


def test_a_single_file_is_one_mail_cut_at_the_cap(tmp_path: Path) -> None:
    file = tmp_path / "mail.eml"
    file.write_bytes(b"Subject: x\n\n" + b"y" * (MAX_SIZE + 10))
    (mail,) = read(str(file))
    assert len(mail.raw) == MAX_SIZE


def test_a_pipe_is_read_to_its_end_though_only_the_beginning_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO(b"x" * (MAX_SIZE + 300_000))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
    (incoming,) = read("-")
    assert len(incoming.raw) == MAX_SIZE
    assert stream.read() == b""
