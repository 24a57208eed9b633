"""An application to join the club: its states, the edges between them, the questions of each kind of merchant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from mailer.model.language_tag import same

MAX_ANSWER = 500
MAX_LONG_ANSWER = 4000

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffd\ud800-\udfff]")
_URL = re.compile(r"https?://(?:[\w-]+\.)+[\w-]{2,}(?::\d{1,5})?(?:[/?#]\S*)?", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,15}(?:[.,]\d{1,6})?")


class Standing(StrEnum):
    """Where an application stands."""

    UNCONFIRMED = "unconfirmed"  # the address has not been confirmed
    WAITING = "waiting"  # for a reviewer
    ASKED = "asked"  # for the applicant's answer
    APPROVED = "approved"
    DECLINED = "declined"
    EXPIRED = "expired"  # never confirmed or answered, or replaced by a newer one


EDGES: Mapping[Standing, frozenset[Standing]] = {
    Standing.UNCONFIRMED: frozenset({Standing.WAITING, Standing.EXPIRED}),
    Standing.WAITING: frozenset({Standing.APPROVED, Standing.DECLINED, Standing.ASKED, Standing.EXPIRED}),
    Standing.ASKED: frozenset({Standing.WAITING, Standing.APPROVED, Standing.DECLINED, Standing.EXPIRED}),
    Standing.APPROVED: frozenset(),
    Standing.DECLINED: frozenset(),
    Standing.EXPIRED: frozenset(),
}
OPEN = frozenset({Standing.WAITING, Standing.ASKED})


class Decision(StrEnum):
    """What a reviewer may do."""

    APPROVE = "approve"
    DECLINE = "decline"
    ASK = "ask"


LEADS_TO: Mapping[Decision, Standing] = {
    Decision.APPROVE: Standing.APPROVED,
    Decision.DECLINE: Standing.DECLINED,
    Decision.ASK: Standing.ASKED,
}


@dataclass(frozen=True, slots=True)
class Question:
    """One question a kind of merchant is asked; `type` is text, url, number or textarea."""

    key: str
    label: Mapping[str, str]
    type: str = "text"
    required: bool = True
    evidence: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of merchant who may apply; its key becomes the member's tag."""

    key: str
    label: Mapping[str, str]
    questions: tuple[Question, ...] = ()


class Fault(StrEnum):
    """What is wrong with one answer."""

    MISSING = "missing"
    TOO_LONG = "too-long"
    CONTROLS = "controls"
    NOT_A_URL = "not-a-url"
    NOT_A_NUMBER = "not-a-number"


def check(text: str, type: str = "text", *, required: bool = True) -> Fault | None:
    """What is wrong with an answer, or None. Refused, never trimmed to fit; surrounding blanks do not count."""
    text = text.strip()
    if not text:
        return Fault.MISSING if required else None
    if len(text) > (MAX_LONG_ANSWER if type == "textarea" else MAX_ANSWER):
        return Fault.TOO_LONG
    if _CONTROLS.search(text) or (type != "textarea" and re.search(r"[\n\r\t]", text)):
        return Fault.CONTROLS
    if not any(letter.isprintable() for letter in text):  # nothing that could be seen, such as zero-width blanks
        return Fault.CONTROLS
    if type == "url" and not _URL.fullmatch(text):
        return Fault.NOT_A_URL
    if type == "number" and not _NUMBER.fullmatch(text):
        return Fault.NOT_A_NUMBER
    return None


def foreign_host(url: str) -> str:
    """The host of a web address as DNS knows it (`xn--...`) when it has letters beyond ASCII, else "".

    What looks like a known shop may be written with letters of another script; this does not look alike.
    """
    try:
        host = urlsplit(url).hostname or ""
        return "" if host.isascii() else host.encode("idna").decode()
    except ValueError:
        return "?"


def in_language(texts: Mapping[str, str], language: str) -> str:
    """The text in `language`, in one with the same first subtag, or the first there is."""
    if language in texts:
        return texts[language]
    return next((text for tag, text in texts.items() if same(tag, language)), next(iter(texts.values()), ""))
