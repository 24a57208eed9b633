"""A compiled edition: everything fixed at the freeze, with slots for what differs per reader.

Compiling costs milliseconds and happens once; composing a reader's message copies the fixed bytes and encodes
only the values. The same program and the same `Personal` give the same bytes, today and at a replay: what is
stored is the text of both parts, and the encoders here belong to `FORMAT`.
"""

from __future__ import annotations

import html
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import quote

from mailer.mail import header, list_headers
from mailer.mail.wire import WireForm, WirePieces, wire_form
from mailer.rendering import breaks, transfer

FORMAT = 1
_DUMMY = "a" * 26
_TOKENS = re.compile(r"(?:[a-z2-7]{26},)+")
_NONE: Mapping[str, str] = MappingProxyType({})
_BREAKING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_INVISIBLE = re.compile("[\u202a-\u202e\u2066-\u2069\ufeff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Personal(NamedTuple):
    """What differs per recipient, all plain text.

    `fields` are the merge fields (name, first_name, email, attributes), `tokens` the 26-character token of each
    purpose: message, unsubscribe, preferences, view, apply.
    """

    address: str
    name: str = ""
    fields: Mapping[str, str] = _NONE
    tokens: Mapping[str, str] = _NONE


class Place(StrEnum):
    """Where a value stands, and so how it is escaped."""

    PROSE = "prose"  # text of the page, where long words may be broken
    HTML = "html"  # a quoted attribute
    URL = "url"  # inside a link's address, HTML or plain text
    TEXT = "text"  # the plain-text part
    TOKEN = "token"  # noqa: S105 - a signed token, which needs no escaping anywhere


@dataclass(frozen=True, slots=True)
class Slot:
    """One place for one value: a purpose's token, or a merge field or its default with the joiner before it."""

    name: str
    place: Place
    joiner: str = ""
    default: str = ""

    def value(self, personal: Personal) -> str:
        """The escaped value for one reader; "" where a field is missing and has no default.

        Raises ValueError where a token is.
        """
        if self.place is Place.TOKEN:
            return _tokens(personal, (self.name,))[0]
        return self.shown(personal.fields)

    def shown(self, fields: Mapping[str, str]) -> str:
        """The escaped value of the field or its default; "" where it is missing and has none."""
        plain = fields.get(self.name, "").strip() or self.default
        plain = _clean(self.joiner + plain) if plain else ""
        if self.place is Place.PROSE:
            return html.escape(plain) if len(plain) <= breaks.LONGEST else breaks.breakable_words(html.escape(plain))
        if self.place is Place.HTML:
            return html.escape(plain)
        if self.place is Place.URL:
            return quote(plain, safe="")
        return plain


Part = tuple["str | Slot", ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """What is fixed in the header of every copy of an edition.

    `sender` and `reply_to` are (display name, address), the latter ("", "") for none; `message_domain` is the right
    side of Message-ID, `unsubscribe_address` the mailbox of the mailto in List-Unsubscribe or "", `base_url` where the
    personal links lead, without a closing slash, `feedback_id` "" or a Feedback-ID that names the issue only.
    """

    sender: tuple[str, str]
    subject: str
    date: datetime
    list_name: str
    list_id: str
    base_url: str
    message_domain: str
    lang: str
    reply_to: tuple[str, str] = ("", "")
    unsubscribe_address: str = ""
    feedback_id: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A picture that travels in the mail; the page has it by `cid:` and its Content-ID (RFC 2392)."""

    content_id: str
    kind: str
    content: bytes = field(repr=False)


class Program:
    """A compiled edition; immutable, safe to share between threads."""

    def __init__(
        self, head: Sequence[str], boundary: str, text: Part, html_part: Part, attached: Sequence[Attachment] = ()
    ) -> None:
        """Made by `compile_program` or `from_bytes`.

        `head` is the header in five literals: up to To, up to the token of Message-ID, up to the first unsubscribe
        token, up to the second, and the rest ("" where there is no second). Raises ValueError for parts that cannot
        go on the wire.
        """
        self._head = tuple(head)
        self._text = text
        self._html = html_part
        self._boundary = boundary
        self._attached = tuple(attached)
        self._slots = tuple(dict.fromkeys(piece for piece in (*text, *html_part) if isinstance(piece, Slot)))
        linked = dict.fromkeys(slot.name for slot in self._slots if slot.place is Place.TOKEN)
        self.purposes = tuple(dict.fromkeys(("message", "unsubscribe", *linked)))
        self._filled = tuple(slot for slot in self._slots if slot.place is not Place.TOKEN)
        self.fields = frozenset(slot.name for slot in self._filled)
        self._pieces = [piece.encode("ascii") for piece in self._around_values()]
        self._soft: list[tuple[int, int]] = []  # places in the pieces, and the values that stand there
        self._runs: list[tuple[int, transfer.Base64]] = []
        self._lay_out(multipart(boundary, self._numbered(text), self._numbered(html_part), self._attached))
        wire_form(self.compose(Personal("a@example.com", tokens=dict.fromkeys(self.purposes, _DUMMY))))

    def _around_values(self) -> list[str]:
        """The header's literals, with room for recipient, message token and unsubscribe token between them."""
        first, before_id, before_page, before_mailto, last = self._head
        return [first, "", before_id, "", before_page, "", before_mailto, "", last]

    def _numbered(self, part: Part) -> list[str | int]:
        """A part with the numbers of values: first the tokens, then the fields."""
        number: dict[Slot, int] = {slot: len(self.purposes) + index for index, slot in enumerate(self._filled)}
        for slot in self._slots:
            if slot.place is Place.TOKEN:
                number[slot] = self.purposes.index(slot.name)
        return [number[piece] if isinstance(piece, Slot) else piece for piece in part]

    def _lay_out(self, body: Sequence[bytes | transfer.Encoded]) -> None:
        for piece in body:
            if isinstance(piece, bytes):
                self._pieces.append(piece)
            elif isinstance(piece, transfer.Base64):
                self._runs.append((len(self._pieces), piece))
                self._pieces.append(b"")
            else:
                for run in piece.pieces:
                    if isinstance(run, int):
                        self._soft.append((len(self._pieces), run))
                    self._pieces.append(b"" if isinstance(run, int) else run)

    def compose(self, personal: Personal) -> WireForm:
        """The finished message of one reader, ready for DATA without the final dot.

        It is wire form: what is fixed was looked at when the program was made, and no value can change that, because
        each stands inside a line, or is encoded into lines of its own.
        Raises AddressError for an address that cannot be mailed, ValueError for a missing or malformed token. A
        display name that must not stand in a header is left out.
        """
        tokens = _tokens(personal, self.purposes)
        return WireForm(b"".join(self.filled(personal.address, personal.name, personal.fields, tokens)))

    def filled(self, address: str, name: str, fields: Mapping[str, str], tokens: Sequence[str]) -> WirePieces:
        """What `compose` gives, in pieces. Nobody looks at the tokens: in the order of `purposes`, of a keyring."""
        raw = [token.encode("ascii") for token in tokens]
        values = [slot.shown(fields) for slot in self._filled]
        out = self._pieces.copy()
        out[1] = header.to_reader(name, address).encode()
        out[3], out[5] = raw[0], raw[1]
        if out[8]:
            out[7] = raw[1]
        if self._soft:
            soft = [token + transfer.SOFT_BREAK for token in raw] + [transfer.soft(value) for value in values]
            for place, number in self._soft:
                out[place] = soft[number]
        for place, run in self._runs:
            out[place] = run.filled([*tokens, *values])
        return WirePieces(tuple(out))

    def page(self, personal: Personal) -> str:
        """The HTML part as one reader sees it, for the view in the browser."""
        return fill(self._html, personal)

    def plain(self, personal: Personal) -> str:
        """The text part as one reader sees it."""
        return fill(self._text, personal)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the program, hex: two editions with the same digest send the same bytes."""
        return sha256(self.to_bytes()).hexdigest()

    def to_bytes(self) -> bytes:
        """The program for the database; equal programs give equal bytes."""
        slots = [[slot.name, slot.place.value, slot.joiner, slot.default] for slot in self._slots]
        number = {slot: index for index, slot in enumerate(self._slots)}
        parts = [
            [number[piece] if isinstance(piece, Slot) else piece for piece in part] for part in (self._text, self._html)
        ]
        document: dict[str, object] = {
            "format": FORMAT,
            "head": self._head,
            "slots": slots,
            "text": parts[0],
            "html": parts[1],
            "boundary": self._boundary,
        }
        if self._attached:
            document["attached"] = [[a.content_id, a.kind, b64encode(a.content).decode()] for a in self._attached]
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")

    @classmethod
    def from_bytes(cls, raw: bytes) -> Program:
        """The program that `to_bytes` wrote. Raises ValueError for anything else."""
        document = json.loads(raw)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise ValueError("not a compiled edition of this version")
        slots = [Slot(name, Place(place), joiner, default) for name, place, joiner, default in document["slots"]]
        text, html_part = (
            tuple(slots[piece] if isinstance(piece, int) else piece for piece in document[part])
            for part in ("text", "html")
        )
        attached = [Attachment(name, kind, b64decode(coded)) for name, kind, coded in document.get("attached", ())]
        return cls(document["head"], document["boundary"], text, html_part, attached)


def compile_program(frame: Frame, text: Part, html_part: Part, attached: Sequence[Attachment] = ()) -> Program:
    """Compile both parts under one header. Raises ValueError or AddressError for a frame that no header can hold."""
    mark = "b" * 26
    mailto = ""
    if frame.unsubscribe_address:
        mailto = list_headers.unsubscribe_mailto(frame.unsubscribe_address, f"unsubscribe {mark}")
    text, html_part = _joined(text), _joined(html_part)
    boundary = "=_" + sha256(json.dumps([frame.subject, _outline(text), _outline(html_part)]).encode()).hexdigest()[:20]
    before = header.address_field("From", [frame.sender])
    if frame.reply_to[1]:
        before += header.address_field("Reply-To", [frame.reply_to])
    after = (
        header.text_field("Subject", frame.subject)
        + header.date_field(frame.date)
        + header.message_id_field(f"{_DUMMY}@{frame.message_domain}")
        + list_headers.list_id_field(frame.list_name, frame.list_id)
        + list_headers.list_unsubscribe_fields(f"{frame.base_url}/u/{mark}", mailto)
        + (header.token_field("Feedback-ID", frame.feedback_id) if frame.feedback_id else "")
        + f"Precedence: bulk{header.CRLF}"
        + header.token_field("Content-Language", frame.lang)
        + f"MIME-Version: 1.0{header.CRLF}"
        + f'Content-Type: multipart/alternative; boundary="{boundary}"{header.CRLF}'
        + header.CRLF
    )
    before_id, rest = after.split(_DUMMY, 1)
    pieces = rest.split(mark)
    if len(pieces) == 2:
        pieces.append("")
    return Program((before, before_id, *pieces), boundary, text, html_part, attached)


def fill(part: Part, personal: Personal) -> str:
    """One part with a reader's values, before any transfer encoding."""
    return "".join(piece.value(personal) if isinstance(piece, Slot) else piece for piece in part)


def _outline(part: Part) -> list[str]:
    return [piece.name if isinstance(piece, Slot) else piece for piece in part]


def multipart(
    boundary: str,
    text: Sequence[str | int],
    html_part: Sequence[str | int],
    attached: Sequence[Attachment] = (),
) -> list[bytes | transfer.Encoded]:
    """The body of a multipart/alternative message, text first (RFC 2046 5.1.4); numbers stand for values.

    With pictures `attached` the page is a multipart/related of its own, which begins with it (RFC 2387).
    """
    out = [*_text_part(boundary, "plain", text)]
    if attached:
        inner = f"=r{boundary[1:]}"  # neither boundary may begin with the other (RFC 2046 5.1.2)
        kind = f'multipart/related; type="text/html"; boundary="{inner}"'
        out.append(f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n".encode("ascii"))
        out += _text_part(inner, "html", html_part)
        out += [_picture(inner, each) for each in attached]
        out.append(f"--{inner}--\r\n\r\n".encode("ascii"))
    else:
        out += _text_part(boundary, "html", html_part)
    out.append(f"--{boundary}--\r\n".encode("ascii"))
    return out


def _text_part(boundary: str, kind: str, part: Sequence[str | int]) -> list[bytes | transfer.Encoded]:
    encoded = transfer.encode(part)
    head = (
        f"--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoded.name}\r\n\r\n"
    )
    return [head.encode("ascii"), encoded, b"\r\n"]


def _picture(boundary: str, attached: Attachment) -> bytes:
    name = f"{attached.content_id.partition('@')[0]}.{attached.kind.partition('/')[2]}"
    head = (
        f"--{boundary}\r\nContent-Type: {attached.kind}; name={name}\r\nContent-Transfer-Encoding: base64\r\n"
        f"Content-ID: <{attached.content_id}>\r\nContent-Disposition: inline; filename={name}\r\n\r\n"
    )
    return head.encode("ascii") + transfer.base64_lines(attached.content) + b"\r\n"


def _joined(part: Part) -> Part:
    """The same part with neighbouring literals joined and empty ones dropped."""
    out: list[str | Slot] = []
    for piece in part:
        if isinstance(piece, str) and out and isinstance(out[-1], str):
            out[-1] += piece
        elif piece != "":
            out.append(piece)
    return tuple(out)


def _tokens(personal: Personal, purposes: Sequence[str]) -> list[str]:
    """The reader's tokens for these purposes. Raises ValueError when one is missing or malformed."""
    tokens = [personal.tokens.get(purpose, "") for purpose in purposes]
    if not _TOKENS.fullmatch(",".join(tokens) + ","):
        raise ValueError(f"not a token for each of {', '.join(purposes)}")
    return tokens


def _clean(value: str) -> str:
    """A value in one line: runs of controls become a blank, direction overrides go, lone surrogates become U+FFFD."""
    if value.isprintable():
        return value
    return _SURROGATE.sub("\ufffd", _INVISIBLE.sub("", _BREAKING.sub(" ", value)))
