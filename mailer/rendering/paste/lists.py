"""Lists beside a digest's items, in a form of their own: its contents, and what else there is in a line each."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace

from mailer.rendering.paste import enumerators, grammar, leads, links, titles
from mailer.rendering.paste.line import Line

LEAST = 2  # entries
MOST_TOLD = 12  # entries of contents in other words
MOST = 200  # bullets that contents may tell, and lines in which they are told


@dataclass(frozen=True, slots=True)
class Lists:
    """`contents` are the lines that name items below; `entries` and `titles` those of lists of one line each."""

    contents: frozenset[int] = frozenset()
    entries: dict[int, str] = field(default_factory=dict)
    titles: dict[int, str] = field(default_factory=dict)

    def without(self, lines: list[Line], *, contents: bool) -> list[Line]:
        """The lines with those of the lists, or of the contents too, empty, so that all others keep their places."""
        gone = {*self.entries, *self.titles, *(self.contents if contents else ())}
        return [replace(line, text="") if i in gone else line for i, line in enumerate(lines)] if gone else lines


def find(lines: list[Line]) -> Lists:
    """The contents above the items, and the lists of bullets below titles where other items are marked otherwise."""
    contents = _contents(lines)
    blocks = [block for block in _blocks(lines) if not contents & set(block)]
    marks = {i: found[0] for i, line in enumerate(lines) if line.text and (found := enumerators.bullet(line.text))}
    lists = [block for block in blocks if _is_list(lines, block, marks)]
    inside = {i for block in lists for i in block}
    used = Counter(mark for i, mark in marks.items() if i not in inside and i not in contents)
    entries: dict[int, str] = {}
    named: dict[int, str] = {}
    for first, *below in lists:
        title = titles.heading(lines[first].text)
        below = [i for i in below if not grammar.invites(lines[i].text)]
        if title and below and not any(used[marks[i]] for i in below):
            named[first] = title[0]
            entries |= {i: (enumerators.bullet(lines[i].text) or ("", ""))[1] for i in below}
    return Lists(frozenset(contents), entries, named)


def _contents(lines: list[Line]) -> set[int]:
    """The lines below a heading such as "In this issue" that stand again below, word by word, as headlines do."""
    words: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        words.setdefault(_bare(line.text), []).append(index)
    label = next((i for i, line in enumerate(lines) if line.text and leads.is_label(links.strip(line.text)[0])), None)
    found: set[int] = set()
    for index in range(label + 1, len(lines)) if label is not None else ():
        text = _bare(lines[index].text)
        if text and words[text][-1] == index:
            break
        found |= {index} if text else set()
    later = {words[_bare(lines[i].text)][-1] for i in found}
    told = len(found) > LEAST and len(later) == len(found) and not later & found
    if label is not None and not told:
        return (set() if found else _summary(lines, label)) or _told_again(lines, label)
    return found | {label} if told and label is not None else set()


def _told_again(lines: list[Line], label: int) -> set[int]:
    """The lines directly below such a heading that each say in other words what a line further down says."""
    found: list[int] = []
    below = [(i, links.strip(line.text)[0]) for i, line in enumerate(lines[: label + MOST]) if i > label and line.text]
    later: set[int] = set()
    for at, (index, text) in enumerate(below[: MOST_TOLD + 1]):
        again = leads.match([text, ""], [words for _, words in below[at + 1 :]])[0]
        if again is None or index in later or re.search(r"[。.!！]$", text):
            break
        found.append(index)
        later.add(below[at + 1 + again][0])
    return {label, *found} if LEAST < len(found) <= MOST_TOLD else set()


def _summary(lines: list[Line], label: int) -> set[int]:
    """The bullets of the block below such a heading, where each is what a bullet further down tells."""
    stop = next((i for i in range(label + 2, len(lines)) if not lines[i].text), len(lines))
    marked = {i: pair[1] for i, line in enumerate(lines) if i > label and (pair := enumerators.bullet(line.text))}
    above = {i: text for i, text in marked.items() if i < stop}
    below = [text for i, text in marked.items() if i > stop]
    if len(above) < LEAST or len(above) < stop - label - 1 or len(below) > MOST:
        return set()
    return {label, *above} if None not in leads.match([*above.values()], below) else set()


def _bare(text: str) -> str:
    """The words of a line without its mark, capitals and punctuation."""
    plain = links.strip(text)[0]
    found = enumerators.bullet(plain)
    plain = found[1] if found else next((mark.rest for mark in enumerators.marks(plain) if mark.rest), plain)
    return re.sub(r"[\W_]+", "", plain).casefold()


def _blocks(lines: list[Line]) -> list[list[int]]:
    """The lines between blank lines and headings; a title alone belongs to the bullets below it."""
    blocks: list[list[int]] = []
    apart = True
    for index, line in enumerate(lines):
        if not line.text:
            apart = True
            continue
        below_title = bool(blocks) and len(blocks[-1]) == 1 and enumerators.bullet(line.text) is not None
        if (apart and not below_title) or line.text.startswith("#"):
            blocks.append([])
        blocks[-1].append(index)
        apart = False
    return blocks


def _is_list(lines: list[Line], block: list[int], marks: dict[int, str]) -> bool:
    """Whether a block is a title, shown as one, and nothing but bullets of one kind below it."""
    first, *below = block
    text = lines[first].text
    shown = text.isupper() or text.startswith("## ") or lines[first].bold or text.endswith((":", "："))
    alike = len({marks.get(i, "") for i in below}) == 1 and marks.get(below[0], "") != "" if below else False
    return len(below) >= LEAST and shown and alike and first not in marks
