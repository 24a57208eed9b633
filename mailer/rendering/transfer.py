"""Transfer encodings of a text with slots (RFC 2045 section 6): literal runs encoded once, values alone.

Quoted-printable keeps every slot between two soft line breaks. Base64 has no such breaks, so each run is kept in
the three alignments a value before it may cause; lines shorter than 76 in the middle are legal and decode alike.
In both no line ever begins with a dot, and the decoded text equals the runs and values joined.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Sequence

LINE = 75  # RFC 2045 6.7 rule 5 allows 76, one of which is the soft break's =
_PLAIN = re.compile(r"(?!From )[A-Za-z0-9,:;()/@!?'_+\-][A-Za-z0-9 .,:;()/@!?'_+\-&#%]{0,73}")
_ESCAPABLE = re.compile(r"[^ -~]")
_CHANGED = (".", "From ")
_ROW = re.compile(rb".{1,76}")
_ASCII = bytes(range(128))
_SHORT = 60
SOFT_BREAK = b"=\r\n"


class QuotedPrintable:
    """`pieces` are bytes, or the number of a value that is to stand there as `soft` writes it."""

    name = "quoted-printable"

    def __init__(self, pieces: Sequence[str | int]) -> None:
        self.pieces: list[bytes | int] = []
        for position, piece in enumerate(pieces):
            if isinstance(piece, int):
                self.pieces.append(piece)
                continue
            encoded = quoted_printable(piece)
            if position + 1 < len(pieces) and not encoded.endswith(b"\r\n"):
                encoded += SOFT_BREAK
            self.pieces.append(encoded)

    def filled(self, values: Sequence[str]) -> bytes:
        """The encoded part with each value in its place."""
        return b"".join([soft(values[piece]) if isinstance(piece, int) else piece for piece in self.pieces])


class Base64:
    """Runs alternate with values; `_runs` holds each run with its three alignments, `_slots` the values after them."""

    name = "base64"

    def __init__(self, pieces: Sequence[str | int]) -> None:
        self._steps: list[int | bytes | tuple[tuple[bytes, bytes, bytes], ...]] = []
        for piece in pieces:
            if isinstance(piece, int):
                self._steps.append(piece)
                continue
            raw = piece.replace("\n", "\r\n").encode("utf-8")
            self._steps.append(raw if len(raw) < _SHORT else tuple(_aligned(raw, head) for head in range(3)))

    def filled(self, values: Sequence[str]) -> bytes:
        """The encoded part with each value in its place."""
        out: list[bytes] = []
        carry = b""
        for step in self._steps:
            if isinstance(step, int):
                carry += values[step].encode("utf-8")
            elif isinstance(step, bytes):
                carry += step
            else:
                head, body, tail = step[-len(carry) % 3]
                out.append(base64_lines(carry + head))
                out.append(body)
                carry = tail
        out.append(base64_lines(carry))
        return b"".join(out)


Encoded = QuotedPrintable | Base64


def encode(pieces: Sequence[str | int]) -> Encoded:
    """The part in the encoding that makes it smaller: quoted-printable for English, base64 for Chinese."""
    raw = "".join(piece for piece in pieces if isinstance(piece, str)).encode("utf-8")
    escaped = raw.count(b"=") + len(raw.translate(None, _ASCII))  # bytes that take three instead of one
    return QuotedPrintable(pieces) if escaped * 6 <= len(raw) else Base64(pieces)


def quoted_printable(text: str) -> bytes:
    """`text` with LF line ends in quoted-printable with CRLF (RFC 2045 6.7), no line dot-led, none over 76."""
    return "\r\n".join(map(_line, text.split("\n"))).encode("ascii")


def _line(line: str) -> str:
    """A line escaped, in pieces of at most 75, none of which begins with what a relay would change."""
    line = line.replace("=", "=3D")
    if not (line.isascii() and line.isprintable()):
        line = _ESCAPABLE.sub(lambda match: "".join([f"={byte:02X}" for byte in match[0].encode()]), line)
    if line.endswith(" "):
        line = line[:-1] + "=20"
    if len(line) <= LINE and not line.startswith(_CHANGED):
        return line
    pieces, at = [], 0
    while at < len(line):
        piece = line[at : at + LINE]
        if piece.startswith(_CHANGED):
            piece, at = f"={ord(piece[0]):02X}{piece[1 : LINE - 2]}", at - 2
        whole, escape, digits = piece.rpartition("=")
        if escape and len(digits) < 2:
            piece = whole
        pieces.append(piece)
        at += len(piece)
    return "=\r\n".join(pieces)


def soft(value: str) -> bytes:
    """A value in one line as it stands in quoted-printable, a soft line break behind it."""
    if _PLAIN.fullmatch(value):
        return value.encode("ascii") + SOFT_BREAK
    return quoted_printable(value) + SOFT_BREAK if value else b""


def _aligned(raw: bytes, head: int) -> tuple[bytes, bytes, bytes]:
    """The run split for a carry that lacks `head` bytes to a multiple of three: head, encoded lines, tail."""
    end = len(raw) - (len(raw) - head) % 3
    return raw[:head], base64_lines(raw[head:end]), raw[end:]


def base64_lines(raw: bytes) -> bytes:
    """Bytes in base64, 57 of them a line, each line with CRLF (RFC 2045 6.8)."""
    coded = b2a_base64(raw, newline=False)
    if len(coded) <= 76:
        return coded + b"\r\n" if coded else b""
    return b"\r\n".join(_ROW.findall(coded)) + b"\r\n"
