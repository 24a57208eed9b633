"""A total reader of mail: any bytes in, headers and decoded text parts out, within fixed bounds.

The standard library's parser recurses with the nesting of the mail and repairs nothing; what comes back to a
return path is written by anyone. This reader never raises and never recurses; what passes a bound is cut.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

MAX_SIZE = 1 << 20
MAX_PARTS = 60
MAX_DEPTH = 8
MAX_HEADER = 1 << 16
MAX_FIELDS = 400
MAX_TEXT = 1 << 16

_FIELD = re.compile(r"^([!-9;-~]{1,76})[ \t]*:[ \t]*(.*(?:\n[ \t].*)*)", re.M)
_PARAMETER = re.compile(r""";\s*([\w*-]{1,40})\s*=\s*("(?:[^"\\]|\\.){0,300}"|[^\s;]{0,300})""")
_BLANKS = " \t\n\r\f\v"  # not what str.strip() takes for one: a character of UTF-8 may end with the octet A0 or 85
_UTF8_MARK = "\u00ef\u00bb\u00bf"  # as Latin-1 reads it
_CHARSET = re.compile(
    r"(utf-?(7|8|16)|unicode-1-1-utf-7|us-ascii|iso-?(8859|2022)|windows-|cp\d|gb|big5|euc|koi8|shift|sjis|latin)[\w-]*"
)
_WORD = re.compile(r"=\?([\w-]{1,40})(?:\*[\w-]{0,20})?\?([bBqQ])\?([^?\s]{0,2000})\?=")

Headers = Mapping[str, tuple[str, ...]]

_ENDS = ("\n", ".", "!", "?", "\xe3\x80\x82", ">", ")", "-")  # of a text whose last line has no line end


@dataclass(frozen=True, slots=True)
class Part:
    """One leaf of the MIME tree: its lower-case type and its text, decoded as far as it can be."""

    type: str
    headers: Headers
    text: str


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as read: `headers` by lower-case name, leaves in order, `cut` when a bound was passed.

    `unfinished` is a report without its closing delimiter (RFC 2046 5.1.1), or a text that breaks off in the midst
    of a line: what came may be half of it.
    """

    headers: Headers
    type: str
    parts: tuple[Part, ...]
    cut: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)
    unfinished: bool = False

    def header(self, name: str) -> str:
        """The first value of a header field, encoded words and bare octets decoded, or ""."""
        return first(self.headers, name, self.parameters.get("charset", ""))


def first(headers: Headers, name: str, charset: str = "") -> str:
    """The first value of a field, encoded words decoded, and bare octets by a charset or as UTF-8; or ""."""
    values = headers.get(name)
    if not values:
        return ""
    value = values[0]
    return decode_words(value if value.isascii() else to_text(value.encode("latin-1", "replace"), charset))


def read(raw: bytes) -> Mail:
    """Read a mail of any bytes, bounded in time and memory."""
    cut = len(raw) > MAX_SIZE
    text = raw[:MAX_SIZE].replace(b"\x00", b" ").replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode("latin-1")
    text = text.removeprefix(_UTF8_MARK).lstrip(" \t\n")
    if text.startswith(("From ", ">From ")):
        text = text.partition("\n")[2]
    headers, body = split(text)
    kind, parameters = content_type(headers)
    parts: list[Part] = []
    for part in _leaves(headers, body):
        if len(parts) >= MAX_PARTS:
            cut = True
            break
        parts.append(part)
    boundary = parameters.get("boundary", "")
    unfinished = f"--{boundary}--" not in body if kind == "multipart/report" else not cut and not body.endswith(_ENDS)
    return Mail(headers, kind, tuple(parts), cut or len(parts) >= MAX_PARTS, parameters, unfinished)


def split(text: str) -> tuple[dict[str, tuple[str, ...]], str]:
    """Headers and body of a text with unfolded fields; a text that does not begin with a field is all body."""
    if text.startswith("\n"):
        return {}, text[1:]
    head, _, body = text[:MAX_HEADER].partition("\n\n")
    body = text[len(head) + 2 :]
    fields: dict[str, list[str]] = {}
    last: list[str] | None = None
    place = 0
    for found in islice(_FIELD.finditer(head), MAX_FIELDS * 4):
        if place < found.start():
            if last is None:
                return {}, text
            _fold_in(last, head[place : found.start()])
        last = fields.setdefault(found[1].lower(), [])
        value = found[2]
        last.append(" ".join(line.strip(_BLANKS) for line in value.split("\n")))
        place = found.end() + 1
    if last is None:
        return {}, text
    _fold_in(last, head[place:])
    return {name: tuple(values) for name, values in fields.items()}, body


def _fold_in(values: list[str], stray: str) -> None:
    """Lines that are no field belong to the one before when it breaks off with a semicolon: folded without a blank."""
    for line in stray.split("\n", MAX_FIELDS)[:MAX_FIELDS]:
        if values[-1].endswith(";") and line.strip(_BLANKS):
            values[-1] += " " + line.strip(_BLANKS)


def content_type(headers: Headers) -> tuple[str, dict[str, str]]:
    """The media type in lower case and its parameters (RFC 2045 5.1); text/plain when there is none."""
    value = headers.get("content-type", ("",))[0][:2000]
    kind = value.partition(";")[0].strip().lower()
    parameters = {
        name.lower().rstrip("*"): text[1:-1].replace("\\", "") if text[:1] == '"' else text
        for name, text in _PARAMETER.findall(value)
    }
    return kind or "text/plain", parameters


def decode_words(value: str) -> str:
    """A header's text with its encoded words decoded (RFC 2047); what cannot be decoded stays as it is."""
    if "=?" not in value:
        return value
    value = re.sub(r"\?=\s{1,20}=\?", "?==?", value[:4000])
    return _WORD.sub(lambda word: _decoded_word(word[1], word[2], word[3]), value)


def _decoded_word(charset: str, kind: str, payload: str) -> str:
    raw = payload.encode("latin-1", "replace")
    raw = _base64(raw) if kind in "bB" else binascii.a2b_qp(raw, header=True)
    return to_text(raw, charset)


def to_text(raw: bytes, charset: str) -> str:
    """Bytes as text: the named charset if it is one for mail, else UTF-8, else Latin-1; never raises."""
    name = charset.strip("'\" ").lower()
    for candidate in (name if _CHARSET.fullmatch(name) else "", "utf-8"):
        if candidate:
            try:
                return raw.decode(candidate)
            except (LookupError, ValueError):
                continue
    return raw.decode("latin-1")


def _leaves(headers: Headers, body: str) -> Iterator[Part]:
    """The leaves in order, by a stack of our own; deeper than the bound a multipart is read as text."""
    stack: list[tuple[Headers, str, int]] = [(headers, body, 0)]
    seen = 0
    while stack:
        fields, content, depth = stack.pop()
        seen += 1
        kind, parameters = content_type(fields)
        boundary = parameters.get("boundary", "")
        if kind.startswith("multipart/") and boundary and depth < MAX_DEPTH and seen < MAX_PARTS * 2:
            pieces = f"\n{content}".split("\n--" + boundary, MAX_PARTS)
            if len(pieces) == 1:
                yield Part("text/plain", fields, content[:MAX_TEXT])
                continue
            children = []
            for piece in pieces[1:]:
                if piece.startswith("--"):
                    break
                children.append((*split(piece.partition("\n")[2]), depth + 1))
            stack.extend(reversed(children))
            continue
        yield Part(kind, fields, _text(fields, content, parameters))


def _text(headers: Headers, content: str, parameters: Mapping[str, str]) -> str:
    encoding = headers.get("content-transfer-encoding", ("",))[0].strip().lower()
    raw = content[: MAX_TEXT * 2].encode("latin-1", "replace")
    if encoding == "quoted-printable":
        raw = binascii.a2b_qp(raw)
    elif encoding == "base64":
        raw = _base64(raw)
    return to_text(raw, parameters.get("charset", ""))[:MAX_TEXT].replace("\r\n", "\n")


def _base64(raw: bytes) -> bytes:
    raw = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
    odd = len(raw) % 4
    return binascii.a2b_base64(raw + b"=" * (4 - odd) if odd > 1 else raw[: len(raw) - odd])
