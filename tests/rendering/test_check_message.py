"""Each rule on the message fires when the message is spoilt in its way, and on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mailer.rendering import edition
from mailer.rendering.check_message import check_message
from mailer.rendering.edition import SAMPLE


@pytest.fixture
def made(issue: Any, club: Any, theme: Any, templates: Any) -> edition.Edition:
    return edition.render(issue, club=club, theme=theme, templates=templates)


class Spoilt:
    """A program whose messages are changed on their way out, for readers that `only` picks."""

    def __init__(self, program: Any, spoil: Callable[[bytes], bytes], only: Callable[[Any], bool]) -> None:
        self._program, self._spoil, self._only = program, spoil, only

    def __getattr__(self, name: str) -> Any:
        return getattr(self._program, name)

    def compose(self, reader: Any) -> bytes:
        raw = self._program.compose(reader)
        return self._spoil(raw) if self._only(reader) else raw


def swap(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def spoil(raw: bytes) -> bytes:
        assert old in raw
        return raw.replace(old, new, 1)

    return spoil


@pytest.mark.parametrize(
    ("rule", "spoil"),
    [
        ("M01", swap(b"multipart/alternative", b"multipart/mixed")),
        ("M01", swap(b"Content-Type: text/plain", b"Content-Type: text/html")),
        ("M03", swap(b"\r\nMIME-Version", b"\nMIME-Version")),
        ("M03", lambda raw: raw + b"x" * 1000),
        ("M03", swap(b"\r\nMIME-Version", b"\r\nX-Long: " + b"x" * 80 + b"\r\nMIME-Version")),
        ("M04", swap(b"\r\nMIME-Version", b"\r\nX-A: =?utf-8?q?a?==?utf-8?q?b?=\r\nMIME-Version")),
        ("M04", swap(b"\r\nMIME-Version", b"\r\nX-A:\r\n =?utf-8?q?" + b"a" * 70 + b"?=\r\nMIME-Version")),
        ("M05", swap(b"List-Unsubscribe-Post", b"X-Post")),
        ("M05", swap(b"List-Unsubscribe: <https", b"List-Unsubscribe: =?utf-8?q?=3Chttps")),
        ("M06", swap(b"\r\nDate:", b"\r\nX-Date:")),
        ("M06", swap(b"\r\nMessage-ID:", b"\r\nX-Message-ID:")),
        ("M08", swap(b"\r\nSubject: ", b"\r\nSubject: x ")),
    ],
)
def test_a_spoilt_message_is_found(issue: Any, made: Any, rule: str, spoil: Callable[[bytes], bytes]) -> None:
    spoilt = replace(made, program=Spoilt(made.program, spoil, lambda reader: reader is SAMPLE))
    assert rule in {finding.id for finding in check_message(issue, spoilt)}


@pytest.mark.parametrize(
    ("rule", "spoil"),
    [
        ("P04", swap(b"\r\nMIME-Version", b"\r\nBcc: x@example.net\r\nMIME-Version")),
        ("P06", lambda raw: raw[:-300] + raw[-200:]),
    ],
)
def test_a_message_that_unusual_values_spoil_is_found(
    issue: Any, made: Any, rule: str, spoil: Callable[[bytes], bytes]
) -> None:
    spoilt = replace(made, program=Spoilt(made.program, spoil, lambda reader: reader is not SAMPLE))
    assert rule in {finding.id for finding in check_message(issue, spoilt)}


def test_braces_left_after_filling_are_found(issue: Any, made: Any) -> None:
    left = made.program.plain(SAMPLE) + "{{ name }}"
    program = Spoilt(made.program, lambda raw: raw, lambda reader: False)
    program.plain = lambda reader: left  # type: ignore[attr-defined]
    assert "P05" in {finding.id for finding in check_message(issue, replace(made, program=program))}


def test_a_sound_message_is_not_complained_of(issue: Any, made: Any) -> None:
    assert not check_message(issue, made)
