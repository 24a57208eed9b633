"""A subscriber: the states, the edges between them and the rules for names, tags, languages and attributes."""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from mailer.model.tokens import Keyring
from mailer.sentence import Sentence

MAX_FIELD_OCTETS = 1024
MAX_ATTRIBUTES = 64


class State(StrEnum):
    """Where a subscriber stands."""

    PENDING = "pending"  # asked to join, not confirmed; gets nothing but the confirm letter
    ACTIVE = "active"  # gets the newsletter
    UNSUBSCRIBED = "unsubscribed"  # left; only a confirmed new opt-in brings him back
    ERASED = "erased"  # nothing personal is left in the row; a tombstone keeps the address out


EDGES: Mapping[State, frozenset[State]] = {
    State.PENDING: frozenset({State.ACTIVE, State.UNSUBSCRIBED, State.ERASED}),
    State.ACTIVE: frozenset({State.UNSUBSCRIBED, State.ERASED}),
    State.UNSUBSCRIBED: frozenset({State.PENDING, State.ACTIVE, State.ERASED}),
    State.ERASED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One subscriber as stored, with his tags in order."""

    id: int
    address: str
    match_key: str
    domain: str
    name: str
    language: str  # "" stands for the newsletter's default
    state: State
    attributes: Mapping[str, str]
    tags: tuple[str, ...]
    created_at: datetime
    joined_at: datetime | None = None
    left_at: datetime | None = None
    paused_until: datetime | None = None


_LINE_SEPARATORS = "\u2028\u2029"
_BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_UNSAFE = re.compile(f"[\x00-\x1f\x7f-\x9f{_LINE_SEPARATORS}{_BIDI}\ufffd\ud800-\udfff]")
_ENCODED_WORD = re.compile(r"=\?[^?\s]+\?[bq]\?", re.IGNORECASE)  # RFC 2047 section 2


def fault_in_text(text: str) -> str:
    """Why a text must not be kept of a stranger (a clause for people), or "" when it may.

    Controls and line separators would break a header apart, direction marks would lie to whoever reads the list,
    an encoded word is a header in disguise (RFC 2047).
    """
    if text.isascii() and text.isprintable():  # the common case, at the price of two scans in C
        if "=?" in text and _ENCODED_WORD.search(text):
            return Sentence("holds an encoded header word")
    else:
        unsafe = _UNSAFE.search(text)
        if unsafe:
            return _name_of_character(unsafe[0])
        if "=?" in text and _ENCODED_WORD.search(text):
            return Sentence("holds an encoded header word")
    if len(text) > MAX_FIELD_OCTETS or len(text.encode()) > MAX_FIELD_OCTETS:
        return Sentence("is longer than %(most)s octets", most=MAX_FIELD_OCTETS)
    return ""


def _name_of_character(char: str) -> Sentence:
    if char in "\r\n" or char in _LINE_SEPARATORS:
        return Sentence("holds a line break")
    if "\ud800" <= char <= "\udfff":
        return Sentence("holds half a character")
    if char == "\ufffd":
        return Sentence("holds bytes that are no letters in the file's encoding")
    return Sentence("holds the control character U+%(code)s", code=f"{ord(char):04X}")


def tag_name(text: str) -> str:
    """A tag as it is kept: lower case, single spaces, so that `Tmall ` and `tmall` are one."""
    return " ".join(text.split()).casefold()


@lru_cache(maxsize=1024)
def split_tags(text: str) -> tuple[str, ...]:
    """The tags in a `;`-separated cell (a full-width `；` too), each once, in order."""
    return tuple(dict.fromkeys(tag for tag in map(tag_name, re.split("[;；]", text)) if tag)) if text else ()


def attribute_name(text: str) -> str:
    """An attribute's name from a column's heading: `Favourite City` -> `favourite_city`; "" when nothing is left."""
    name = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", text).strip().casefold()).strip("_")
    return name[:64] if name and not name[0].isdigit() else ""


_TITLES = frozenset({"dr", "prof", "mr", "mrs", "ms", "miss", "mx", "sir", "dame", "herr", "frau"})


def first_name(name: str, attributes: Mapping[str, str] | None = None) -> str:
    """How a letter calls a reader: the attribute `first_name`, or else made from his name; "" when there is none.

    `Dr. Alice Doe`, `Doe, Alice` and `DOE Alice` are Alice. A name in Han, Kana or Hangul stays whole: a bare
    given name would be too familiar there.
    """
    given = attributes.get("first_name", "").strip() if attributes else ""
    words = name.split()
    if given or not words or _is_east_asian(name):
        return given or " ".join(words)
    if "," in name:
        family, _, rest = name.partition(",")
        words = (rest if rest.strip() else family).split()
    calling = [word for word in words if not _is_title(word)]
    if not calling:
        return " ".join(name.split())
    if calling[0].isupper() and len(calling) > 1 and len(calling[0].rstrip(".")) > 1 and not calling[1].isupper():
        return calling[1]
    return calling[0]


def _is_title(word: str) -> bool:
    return word.rstrip(".").lower() in _TITLES


def _is_east_asian(name: str) -> bool:
    return not name.isascii() and any(
        "\u3040" <= char <= "\u30ff"
        or "\u3400" <= char <= "\u9fff"
        or "\uac00" <= char <= "\ud7af"
        or char >= "\U00020000"
        for char in name
    )


TOMBSTONE = "erased:"


def tombstone(match_key: str, keyring: Keyring, key_id: int | None = None) -> str:
    """What stands for an erased address: it can be recognised with the club's key, and not be read back.

    `erased:<key id>:<HMAC-SHA256 in hex>`, under the ring's current key unless `key_id` names another.
    """
    key_id = keyring.current if key_id is None else key_id
    mac = hmac.digest(keyring.keys[key_id], b"erased\0" + match_key.encode(), "sha256")
    return f"{TOMBSTONE}{key_id}:{mac.hex()}"


def tombstones(match_key: str, keyring: Keyring) -> tuple[str, ...]:
    """The tombstones an address may have, one for each key of the ring."""
    return tuple(tombstone(match_key, keyring, key_id) for key_id in keyring.keys)
