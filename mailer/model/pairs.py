"""A thing and what is said of it: how words are read that no table lists, in English and in other languages."""

from __future__ import annotations

import re
import unicodedata

from mailer.model.phrasebook import GAP, SAID, STEP, answer_in, find
from mailer.model.rules.codes import PAIRS, UNLESS, UNSAID
from mailer.model.rules.tongues import NO_SUCH, TONGUES

Words = tuple[str, ...]

_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


def _listed(words: str) -> Words:
    """The words between the `|`, and as they are written where only ASCII passes, as in an answer by SMTP."""
    each = [word.strip() for word in words.split("|")]
    return tuple(dict.fromkeys((*each, *(word.translate(_GERMAN) for word in each), *map(_bare, each))))


def _bare(word: str) -> str:
    """A word without its accents; what is not Latin stays as it is."""
    bare = "".join(part for part in unicodedata.normalize("NFKD", word) if not unicodedata.combining(part))
    bare = bare.translate(str.maketrans("łøı", "loi"))
    return bare if bare.isascii() else word


_ENGLISH = tuple((reason, _listed(things), _listed(verbs)) for reason, things, verbs in PAIRS)
_ALL = tuple(
    (
        _listed(tongue.reader),
        (
            ("mailboxfull", _listed(tongue.full)),
            ("suspend", _listed(tongue.off)),
            ("userunknown", _listed(tongue.gone)),
        ),
    )
    for tongue in TONGUES
)
_ALL_SENDERS = (
    (
        _listed("you sent it from | you sent from | you wrote from | your own address | return address | from address"),
        _listed("not exist | not found | unknown | not known | invalid | not valid | not accept"),
    ),
    *((_listed(tongue.sender), _listed(f"{tongue.gone} | {tongue.refused}")) for tongue in TONGUES),
)


def _ascii(words: Words) -> Words:
    return tuple(word for word in words if word.isascii())


# By whether a text is all ASCII: the other words need not be looked for there.
_ABROAD = {False: _ALL, True: tuple((_ascii(things), sayings) for things, sayings in _ALL if _ascii(things))}
_SENDERS = {
    False: _ALL_SENDERS,
    True: tuple((_ascii(things), verbs) for things, verbs in _ALL_SENDERS if _ascii(things)),
}
_DENIALS = tuple(
    (_listed(tongue.reader), _listed(tongue.sender), _listed(tongue.nots), _listed(tongue.being))
    for tongue in TONGUES
    if tongue.nots
)
_NO_SUCH = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, _listed(NO_SUCH)))})((?: \w+){{1,3}})")
_UNSAID, _UNLESS = _listed(UNSAID), _listed(UNLESS)
MAX_ANSWER = 160
_SENTENCE = re.compile(r"[.,:;!?\u3002\uff0c\uff1a\uff1b\u3001\uff01]")


def said_of_it(said: str) -> tuple[str, str]:
    """(reason, rule) by a thing and what is said of it, close together in either order; empty when there is none."""
    said = STEP.sub(" ", said)
    for reason, things, verbs in _ENGLISH:
        if rule := _paired(said, things, verbs):
            return reason, rule
    if not said.isascii() and (rule := said_of_sender(said)):
        return "rejected", rule
    for things, sayings in _ABROAD[said.isascii()]:
        if any(thing in said for thing in things):
            for reason, verbs in sayings:
                if rule := _paired(said, things, verbs):
                    return reason, rule
    rule = _denied_abroad(said)
    return ("userunknown", rule) if rule else ("", "")


def _denied_abroad(said: str) -> str:
    """The rule by which a clause in another language denies that the reader is there; or ""."""
    for readers, senders, nots, being in _DENIALS:
        if not any(reader in said for reader in readers):
            continue
        for clause in _SENTENCE.split(said)[:20]:
            if not any(f" {denial} " in f" {clause} " for denial in nots) or any(word in clause for word in senders):
                continue
            reader, lacking = (
                next((word for word in words if word in clause and find(word, clause, 0, len(clause)) >= 0), "")
                for words in (readers, being)
            )
            if reader and (lacking or any(f" {reader}" in found[1] for found in _NO_SUCH.finditer(clause))):
                return f"{reader} + not {lacking or 'any'}"
    return ""


def said_to_rcpt(said: str) -> str:
    """The rule by which a short answer to RCPT says that nobody is there without naming him, or ""."""
    answer = answer_in(said)
    if len(answer) > MAX_ANSWER or any(find(other, answer, 0, len(answer)) >= 0 for other in _UNLESS):
        return ""
    return next((f"(the reader) + {verb}" for verb in _UNSAID if find(verb, answer, 0, len(answer)) >= 0), "")


def said_of_sender(said: str) -> str:
    """The rule by which it is said of the sender, in one clause, and not of the reader; or ""."""
    senders = _SENDERS[said.isascii()]
    named = [(things, verbs) for things, verbs in senders if any(thing in said for thing in things)]
    for clause in _SENTENCE.split(said) if named else ():
        for things, verbs in named:
            if any(thing in clause for thing in things) and (rule := _paired(clause, things, verbs)):
                return rule
    return ""


def _paired(said: str, things: Words, verbs: Words) -> str:
    for verb in verbs:
        start = find(verb, said, 0, len(said))
        while start >= 0:
            before = said[max(0, start - GAP) : start].rpartition(SAID)[2]
            near = before + said[start : start + len(verb) + GAP].partition(SAID)[0]
            for thing in things:
                if thing in near and find(thing, near, 0, len(near)) >= 0:
                    return f"{thing} + {verb}"
            start = find(verb, said, start + len(verb), len(said))
    return ""
