"""Which phrase of a table stands in a text: the first of the table's order, found by the words it begins with."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Set

from mailer.model.rules.words import Table

GAP = 60  # what `*` stands for at most
SAID = " said: "  # what a host says is not said of the host
STEP = re.compile(r"\(in reply to [a-z ]{1,40}\)")  # a command's name is no thing of which something is said
_STEM = 4
_WORD = re.compile(r"[a-z0-9]+")


def answer_in(said: str) -> str:
    """What a server answered: behind who said it, and without the command that it answered."""
    return STEP.sub(" ", said).rpartition(SAID)[2]


def openings(said: str) -> Set[str]:
    """What a phrase that stands in a text may begin with: its words, the stems of these, its characters."""
    words = set(_WORD.findall(said))
    return words | {word[:_STEM] for word in words} | set(said)


class Phrasebook:
    """A table, its phrases filed by what they begin with: of 1,500 phrases a text has to be searched for 100."""

    def __init__(self, table: Table) -> None:
        self._phrases: list[tuple[str, str, str, str]] = []  # reason, source, head, what follows the gap
        for reason, source, words in table:
            split = [" ".join(phrase.split()).partition("*") for phrase in words.split("|")]
            plain_first = sorted(split, key=lambda parts: bool(parts[1]))
            self._phrases += [(reason, source, head, tail) for head, _, tail in plain_first]
        self._filed: dict[str, list[int]] = defaultdict(list)
        for place, (_, _, head, _) in enumerate(self._phrases):
            self._filed[_opening(head)].append(place)

    def first(self, said: str, begun: Set[str]) -> tuple[str, str]:
        """(reason, rule) of the first phrase that stands in a text with these `openings`; empty when none does."""
        for place in sorted(place for key in self._filed.keys() & begun for place in self._filed[key]):
            reason, source, head, tail = self._phrases[place]
            if not tail:
                if head in said and find(head, said, 0, len(said)) >= 0:
                    return reason, f"{head!r} ({source})"
            elif head in said and tail in said and _gapped(head, tail, said):
                return reason, f"{head}*{tail} ({source})"
        return "", ""


def find(phrase: str, said: str, start: int, stop: int) -> int:
    """Where `phrase` stands at the start of a word, or -1."""
    found = said.find(phrase, start, stop)
    while found > 0 and said[found - 1].isascii() and said[found - 1].isalnum() and phrase[0].isalnum():
        found = said.find(phrase, found + 1, stop)
    return found


def _opening(phrase: str) -> str:
    """The one of a text's `openings` without which the phrase cannot stand in it."""
    word = _WORD.match(phrase)
    if word and word.end() < len(phrase):
        return word[0]
    return word[0][:_STEM] if word and word.end() >= _STEM else phrase[0]


def _gapped(head: str, tail: str, said: str) -> bool:
    start = find(head, said, 0, len(said))
    while start >= 0:
        end = start + len(head)
        found = find(tail, said, end, end + GAP + len(tail))
        if found >= 0 and SAID not in said[end:found]:
            return True
        start = find(head, said, end, len(said))
    return False
