"""Clauses of an English sentence about a reader: his mailbox is full, or switched off, or he is not there at all."""

from __future__ import annotations

import re

from mailer.model.phrasebook import SAID, answer_in
from mailer.model.rules import clauses as words

MAX_ANSWER = 400  # of longer texts, notices mostly, only what the tables list is read
MAX_CLAUSE = 240
_SHORT = 100
_CODES = re.compile(r"(?<![\w.])#?[245](?:\d\d|\.\d{1,3}\.\d{1,3})(?![\w.])")
_CLAUSE = re.compile(r"[.,:;!?()\[\]/]| - | -- ")


def _one_of(listed: str) -> str:
    each = [word.strip() for word in listed.split("|")]
    alternatives = (re.escape(word.rstrip("*")) + (r"\w*" if word.endswith("*") else "") for word in each)
    return rf"(?<!\w)(?:{'|'.join(alternatives)})(?!\w)"


def _pattern(listed: str) -> re.Pattern[str]:
    return re.compile(_one_of(listed))


_READER, _HOLDING = _pattern(words.READERS), _pattern(words.HOLDINGS)
_FULL, _OFF, _GONE = _pattern(words.FULL), _pattern(words.OFF), _pattern(words.GONE)
_NOT_OF_HIM, _PASSING = _pattern(words.NOT_OF_HIM), _pattern(words.PASSING)
_MESSAGE, _SYSTEM = _pattern(words.OF_THE_MESSAGE), _pattern(words.OF_THE_SYSTEM)
_NEGATION = rf"(?:{_one_of(words.DENIALS)}|n't(?!\w))(?:\W+[\w<>-]+){{0,4}}?\W+"
_DENIED = re.compile(_NEGATION + _one_of(words.BEING))
_NOT_FOUND = re.compile(_NEGATION + _one_of(words.SEEKING))
_NOBODY = rf"(?:(?<!\w)no(?: \w+){{0,2}}? (?!e?-?mail ?\b(?!box)){_one_of(words.READERS)}|{_one_of(words.NOBODY)})"
_NONE = re.compile(_NOBODY)
_REFUSED = re.compile(rf"{_NOBODY}(?: \w+){{0,2}}? {_one_of(words.NO_DENIAL)}")
_OURS = _pattern(words.OURS)
_ELSE = tuple((reason, _pattern(listed)) for reason, listed in words.ELSE)
_LEFT = re.compile(rf"(?<!\w)no longer(?: \w+){{0,2}}? {_one_of(words.BELONGING)}")


def said_of_reader(said: str) -> tuple[str, str]:
    """(reason, rule) by what the clauses of a short text say of the reader; empty when they say nothing of him."""
    answer = _CODES.sub(" ", answer_in(said)).replace("_", " ")
    if len(answer) > MAX_ANSWER:
        return "", ""
    clauses = [clause[:MAX_CLAUSE] for clause in _CLAUSE.split(answer)[:20]]
    for clause in clauses:
        if (found := _FULL.search(clause)) and (holder := _READER.search(clause)) and not _SYSTEM.search(clause):
            return "mailboxfull", f"{holder[0]} + {found[0]}"
    for clause in clauses:
        found, holder = _OFF.search(clause), _HOLDING.search(clause)
        if found and holder and not (_NOT_OF_HIM.search(clause) or _MESSAGE.search(clause)):
            return "suspend", f"{holder[0]} + {found[0]}"
    if not _PASSING.search(answer):
        for clause in clauses:
            if not _NOT_OF_HIM.search(clause) and (rule := _absent(clause)):
                return "userunknown", rule
    return "", ""


def of_our_account(said: str) -> bool:
    """Whether an answer speaks of the account we send with, at a relay that is paid or wants a password."""
    answer = said.rpartition(SAID)[2]
    return len(answer) <= MAX_ANSWER and bool(_OURS.search(answer))


def not_found(said: str) -> str:
    """The rule by which a short answer to RCPT says that nobody was found, without naming whom; or ""."""
    answer = _CODES.sub(" ", answer_in(said)).strip()
    if len(answer) > _SHORT or _PASSING.search(answer) or _NOT_OF_HIM.search(answer):
        return ""
    found = _NOT_FOUND.search(answer)
    return f"(the reader) + {found[0]}" if found else ""


def of_something_else(said: str) -> tuple[str, str, str] | None:
    """(reason, word, rest): what an answer is about that is not the reader, and the answer without such clauses."""
    named = [(reason, found[0]) for reason, pattern in _ELSE if (found := pattern.search(said))]
    if not named:
        return None
    rest = [clause for clause in _CLAUSE.split(said) if not any(pattern.search(clause) for _, pattern in _ELSE)]
    return *named[0], f" {' . '.join(rest)} "


def _absent(clause: str) -> str:
    if _REFUSED.search(clause):
        return ""
    if found := _NONE.search(clause) or _LEFT.search(clause):
        return f"(the reader) + {found[0]}"
    holder = _READER.search(clause)
    found = holder and (_DENIED.search(clause) or (None if _MESSAGE.search(clause) else _GONE.search(clause)))
    return f"{holder[0]} + {found[0]}" if holder and found else ""
