"""An item as it is gathered, and sources that stand once for several items."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from dataclasses import dataclass

from mailer.model.issue import Source
from mailer.rendering.paste import enumerators
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.outline import Outline
from mailer.rendering.paste.report import Report

_TAGS_BEHIND = re.compile(r"(?<=[。！？.!?”）)])\s*(?:#[^\s#\d][^\s#]{0,19}\s*)+$")
LEAST = 3  # headlines
_COUNTED = re.compile(r"0?(\d{1,2})\s+(\S.*)")
_SIGN = re.compile(rf"{enumerators.SIGN}\s*(?=\w)")


@dataclass(slots=True)
class Gathered:
    """One item as it was gathered, its texts still with link marks."""

    headline: str
    line: int
    paragraphs: list[str]
    source: Source | None = None
    below: bool = False  # the source stands on a line of its own


def in_sections(found: Outline, items: dict[int, Gathered], report: Report) -> None:
    """Give all items of a section the source below its last one, where sections of lines alone all have it so."""
    sections: defaultdict[int, list[Gathered]] = defaultdict(list)
    for start, item in items.items():
        sections[max((at for at in found.titles if at < start), default=-1)].append(item)
    several = [group for group in sections.values() if len(group) > 1]
    if len(several) < 2 or any(item.paragraphs for item in items.values()):
        return
    for *others, last in sections.values():
        if last.source is None or not last.below or any(item.source for item in others):
            return
    for *others, last in several:
        if last.source:
            report.add(last.source.line, "source", "taken as the source of a whole section", last.source.name)
        for item in others:
            item.source = last.source


def by_all(lines: list[Line], items: list[Gathered], report: Report) -> None:
    """Take what names the sources of all away from the last item, where no other item has one."""
    *others, last = items
    if len(items) < 3 or last.source is None or any(item.source for item in others):
        return
    bare = last.below and not any(item.paragraphs for item in items)
    above = next((one for one, two in itertools.pairwise(lines) if two.number == last.source.line), None)
    apart = above is not None and not above.text and last.below
    if bare or apart or "、" in last.source.name:
        report.drop(last.source.line, "sources of the whole digest dropped", last.source.name)
        last.source = None


def without_signs(items: list[Gathered], report: Report) -> None:
    """Leave out the pictograph that every text begins with (`📝 ...`)."""
    told = [item for item in items if item.paragraphs]
    signs = {match[0] if (match := _SIGN.match(item.paragraphs[0])) else "" for item in told}
    if len(told) < 3 or len(signs) > 1 or "" in signs:
        return
    sign = signs.pop()
    report.add(told[0].line, "label", "sign that every text begins with left out", sign.strip())
    for item in told:
        item.paragraphs[0] = item.paragraphs[0].removeprefix(sign)


def without_numbers(items: list[Gathered], report: Report) -> None:
    """Leave out the number that every headline begins with, where they run on from one: of a cell of its own."""
    counted = [_COUNTED.fullmatch(item.headline) for item in items]
    if len(items) < LEAST or [match and int(match[1]) for match in counted] != [*range(1, len(items) + 1)]:
        return
    report.add(items[0].line, "number", "numbers that every headline begins with left out", items[0].headline)
    for item, match in zip(items, counted, strict=True):
        item.headline = match[2] if match else item.headline


def without_tags(items: list[Gathered], report: Report) -> None:
    """Leave out words behind `#` that stand behind the last sentence of an item."""
    for item in items:
        last = item.paragraphs[-1] if item.paragraphs else ""
        if match := _TAGS_BEHIND.search(last):
            report.drop(item.line, "tags behind the text dropped", match[0].strip())
            item.paragraphs[-1] = last[: match.start()]
