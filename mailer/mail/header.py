"""Header fields as the mail RFCs want them: encoded, folded, and never carrying a second field inside a value.

The standard library loses blanks between encoded-words, writes them longer than RFC 2047 allows and encodes
addresses and URLs that must stay as they are; hence an encoder of our own, one function a kind of field. Every
function returns the whole field with its name and closing CRLF, in ASCII (but for `to_field`), no line over 76
characters unless one word alone is longer.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from datetime import datetime
from email.utils import format_datetime

from mailer.errors import AddressError
from mailer.mail.address import parse
from mailer.sentence import Sentence

CRLF = "\r\n"
LINE = 76  # RFC 2047 section 2: a line with an encoded-word; RFC 5322 2.1.1 would allow 78
ENCODED_WORD = 75
NAME_LENGTH = 320

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_ATOMS = re.compile(rf"{_ATEXT}+(?: {_ATEXT}+)*")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})+"
_ADDRESS = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*@(?:{_DOMAIN}|localhost)")
_SIMPLE_MAILBOX = re.compile(
    r"(?:[A-Za-z0-9!#$%&'*+/^_`{|}~-]+ )+<[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*"
    r"@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z0-9]+>"
)
_SIMPLE = 60  # characters of a simple mailbox: no word, label or line in it can be too long
_MSG_ID = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*@{_ATEXT}+(?:\.{_ATEXT}+)*")
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069]")
_WORD = re.compile(r"=\?[^?\s]*\?([bBqQ])\?([^?]*)\?=")
_PHRASE_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")


def refuse_controls(value: str, what: str) -> str:
    """`value` unchanged, or ValueError when it holds what could end a line or a field.

    Refused: C0 and C1 controls (tab too), U+2028, U+2029, lone surrogates, and encoded-words that decode to any
    of these (CVE-2024-6923 and its relatives).
    """
    if _CONTROLS.search(value):
        raise ValueError(Sentence("%(what)s holds a control character or line break", what=what))
    for kind, payload in _WORD.findall(value):
        if _hides_control(kind, payload):
            raise ValueError(Sentence("%(what)s holds an encoded line break", what=what))
    return value


def _hides_control(kind: str, payload: str) -> bool:
    try:
        if kind in "bB":
            raw = binascii.a2b_base64(payload.encode() + b"==")
        else:
            raw = binascii.a2b_qp(payload.encode(), header=True)
    except (binascii.Error, ValueError):
        return False
    return bool(_CONTROLS.search(raw.decode("utf-8", "replace"))) or any(byte < 32 or byte == 127 for byte in raw)


def check_address(address: str) -> str:
    """`address` unchanged when it is a plain ASCII addr-spec (RFC 5321 4.1.2 without quoted local parts).

    Raises AddressError otherwise; nothing is ever trimmed or repaired here.
    """
    local, _, domain = address.rpartition("@")
    if not _ADDRESS.fullmatch(address) or len(local) > 64 or len(domain) > 253 or len(address) > 254:
        raise AddressError(Sentence("not an address that can be mailed: '%(text)s'", text=address[:80]))
    return address


def text_field(name: str, value: str) -> str:
    """An unstructured field such as Subject (RFC 5322 2.2.1, RFC 2047 where it is not plain ASCII).

    Raises ValueError for a value with controls.
    """
    refuse_controls(value, name)
    return _lines(name, _words(value, len(_named(name)) + 2))


def token_field(name: str, value: str) -> str:
    """A field whose value is ASCII and goes out as it is, folded at blanks only; raises ValueError otherwise."""
    refuse_controls(value, name)
    if not value.isascii() or not value.strip():
        raise ValueError(f"{name} must be ASCII text")
    return _lines(name, value.split(" "))


def date_field(moment: datetime) -> str:
    """The Date field of an aware `moment` (RFC 5322 3.3), whole seconds."""
    if moment.tzinfo is None:
        raise ValueError("Date needs a time with its zone")
    return f"Date: {format_datetime(moment.replace(microsecond=0))}{CRLF}"


def message_id_field(message_id: str) -> str:
    """The Message-ID field of `left@right` given without its angle brackets (RFC 5322 3.6.4)."""
    if not _MSG_ID.fullmatch(message_id) or len(message_id) > 250:
        raise ValueError(f"not a message id: {message_id[:80]!a}")
    return f"Message-ID: <{message_id}>{CRLF}"


def address_field(name: str, mailboxes: Iterable[tuple[str, str]]) -> str:
    """From, To, Reply-To: `mailboxes` are (display name, address) pairs.

    Raises AddressError for an address, ValueError for a display name that must not stand in a header.
    """
    tokens: list[str] = []
    for display, address in mailboxes:
        if tokens:
            tokens[-1] += ","
        tokens += [*_phrase(display, len(_named(name)) + 2), f"<{check_address(address)}>"]
    if not tokens:
        raise ValueError(f"{name} needs an address")
    return _lines(name, tokens)


def to_field(display: str, address: str) -> str:
    """The To field of one reader: the domain in A-labels, a local part beyond ASCII as UTF-8 (RFC 6532 section 3.2).

    Only a relay that offers SMTPUTF8 may be given the latter. Raises what `address_field` raises.
    """
    if address.isascii():
        return address_field("To", [(display, address)])
    found = parse(address).address
    if found.isascii():
        return address_field("To", [(display, found)])
    name = _phrase(display, len(_named("To")) + 2)
    return _lines("To", [*name, f"<{found}>"])


def to_reader(name: str, address: str) -> str:
    """The `to_field` of a reader, whose own name is left out where it must not stand in a header."""
    mailbox = f"{name} <{address}>"
    if len(mailbox) <= _SIMPLE and _SIMPLE_MAILBOX.fullmatch(mailbox):
        return f"To: {mailbox}{CRLF}"
    return to_field(name if is_safe_name(name) else "", address)


def phrase(display: str) -> str:
    """A display name in one line as it may stand before `<...>` (RFC 5322 3.2.5); "" for an empty one."""
    return " ".join(_phrase(display, 0))


def is_safe_name(display: str) -> bool:
    """Whether a reader's own name may stand in the To field; one that may not is left out, the address remains.

    Besides controls this refuses text direction overrides and anything longer than 320 characters.
    """
    if len(display) > NAME_LENGTH or _OVERRIDES.search(display):
        return False
    try:
        refuse_controls(display, "name")
    except ValueError:
        return False
    return True


def _phrase(display: str, column: int) -> list[str]:
    refuse_controls(display, "display name")
    if len(display) > NAME_LENGTH:
        raise ValueError(f"display name is longer than {NAME_LENGTH} characters")
    if not display.strip():
        return []
    if not display.isascii() or "=?" in display or max(map(len, display.split(" "))) > 60:
        return list(_encoded(display, column))
    if _ATOMS.fullmatch(display):
        return display.split(" ")
    quoted = '"' + display.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return [quoted] if len(quoted) <= 70 else list(_encoded(display, column))


def _words(value: str, column: int) -> list[str]:
    """The value as tokens to be joined by one blank: plain words, encoded-words where plain ones would not do."""
    words = value.split(" ")
    odd = [index for index, word in enumerate(words) if not word.isascii() or "=?" in word or len(word) > 60]
    if "" in words:
        odd = [0, len(words) - 1] if value else []
    if not odd:
        return words
    before, run, after = words[: odd[0]], words[odd[0] : odd[-1] + 1], words[odd[-1] + 1 :]
    for word in before:
        column = column + len(word) + 1 if column + len(word) <= LINE else len(word) + 2
    return [*before, *_encoded(" ".join(run), column), *after]


def _encoded(text: str, column: int) -> Iterable[str]:
    """RFC 2047 encoded-words of `text`, the first one fitting a line already filled up to `column`."""
    raw = text.encode()
    quoted = sum(1 if byte in _PHRASE_SAFE or byte == 32 else 3 for byte in raw)
    use_base64 = quoted > 4 * ((len(raw) + 2) // 3)
    room = min(LINE - column, ENCODED_WORD) - 12
    if room < 24:
        room = ENCODED_WORD - 12
    if (len(raw) if use_base64 else quoted) <= (room // 4 * 3 if use_base64 else room):
        yield _encoded_word(text, use_base64)
        return
    piece: list[str] = []
    used = 0
    for character in text:
        size = len(character.encode()) if use_base64 else len(_q(character))
        if used + size > (room // 4 * 3 if use_base64 else room):
            yield _encoded_word("".join(piece), use_base64)
            piece, used, room = [], 0, ENCODED_WORD - 12
        piece.append(character)
        used += size
    yield _encoded_word("".join(piece), use_base64)


def _encoded_word(text: str, use_base64: bool) -> str:
    if use_base64:
        return f"=?utf-8?b?{base64.b64encode(text.encode()).decode()}?="
    return f"=?utf-8?q?{_q(text)}?="


def _q(text: str) -> str:
    return "".join(
        "_" if byte == 32 else chr(byte) if byte in _PHRASE_SAFE else f"={byte:02X}" for byte in text.encode()
    )


def _named(name: str) -> str:
    if not _FIELD_NAME.fullmatch(name):
        raise ValueError(f"not a field name: {name[:80]!a}")
    return name


def _lines(name: str, tokens: list[str]) -> str:
    """`name: tokens` folded before a token wherever a line would pass 76 characters, never right after the colon."""
    lines = [_named(name) + ":"]
    for index, token in enumerate(tokens):
        if index and len(lines[-1]) + 1 + len(token) > LINE:
            lines.append("")
        lines[-1] += f" {token}"
    return CRLF.join(lines) + CRLF
