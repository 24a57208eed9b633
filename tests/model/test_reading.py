"""Our own samples are read as the file beside them says, and no bytes at all can break the reader."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.model.bounce import FAMILY, Kind
from mailer.model.reading import Reading, read_mail

SAMPLES = sorted((Path(__file__).parents[1] / "samples" / "bounces").glob("*.eml"))
CORPUS = os.environ.get("MAILER_BOUNCE_CORPUS")


def timed(raw: bytes, seconds: float) -> Reading:
    start = time.process_time()
    reading = read_mail(raw)
    assert time.process_time() - start < seconds
    return reading


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_read_as_expected(sample: Path) -> None:
    expected = json.loads(sample.with_suffix(".json").read_text(encoding="utf-8"))
    reading = read_mail(sample.read_bytes())
    assert (reading.kind, reading.reason) == (expected["kind"], expected["reason"])
    assert list(reading.recipients) == expected["recipients"]


@pytest.mark.parametrize("ends", [b"\r\n", b"\r"])
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_line_ends_change_nothing(sample: Path, ends: bytes) -> None:
    raw = sample.read_bytes()
    assert read_mail(raw.replace(b"\n", ends)).kind == read_mail(raw).kind


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_mail_truncated_anywhere_is_read_without_an_error(sample: Path) -> None:
    raw = sample.read_bytes()
    for end in range(0, len(raw), 37):
        assert isinstance(read_mail(raw[:end]).kind, Kind)


@given(st.binary(max_size=2000))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read(raw: bytes) -> None:
    reading = read_mail(raw)
    assert reading.reason == "" or reading.reason in FAMILY


@given(st.integers(0, len(SAMPLES) - 1), st.binary(max_size=30), st.integers(0, 3000))
@settings(max_examples=150, deadline=None)
def test_a_damaged_sample_is_read(number: int, noise: bytes, place: int) -> None:
    raw = SAMPLES[number].read_bytes()
    read_mail(raw[:place] + noise + raw[place:])


def test_ten_thousand_nested_parts_take_no_time_and_no_stack() -> None:
    head = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(10_000))
    timed(head + b"hello", 0.5)


def test_ten_thousand_sibling_parts_are_cut() -> None:
    raw = b'Content-Type: multipart/mixed; boundary="b"\n\n' + b"--b\nContent-Type: text/plain\n\nx\n" * 10_000
    assert timed(raw, 0.5).cut


@pytest.mark.parametrize(
    "filler",
    [
        b"\x00",
        b"a",
        b"<",
        b"@",
        b"a@",
        b"\n",
        b"a: b\n",
        b" ",
        b"=?utf-8?b?",
        b"To: a@b.c\n",
        b"5.1.1 ",
        b"<<< 5",
        b"--",
    ],
    ids=repr,
)
def test_megabytes_of_one_thing_are_bounded(filler: bytes) -> None:
    head = b"Return-Path: <>\nFrom: MAILER-DAEMON@example.com\nSubject: failure notice\n\nfailed "
    body = (filler * (3_000_000 // len(filler)))[:3_000_000]
    timed(head + body, 3)
    timed(body, 3)


def test_an_auto_submitted_bounce_is_a_bounce_and_not_an_auto_reply() -> None:
    sample = next(path for path in SAMPLES if path.stem == "exim-mailbox-full")
    assert read_mail(sample.read_bytes()).kind is Kind.SOFT


@pytest.mark.skipif(not CORPUS, reason="MAILER_BOUNCE_CORPUS names no folder of real bounces")
def test_real_bounces_truncated_anywhere_are_read() -> None:
    for path in sorted((Path(str(CORPUS)) / "mails").iterdir()):
        raw = path.read_bytes()
        for end in range(0, len(raw), max(200, len(raw) // 12)):
            read_mail(raw[:end])
