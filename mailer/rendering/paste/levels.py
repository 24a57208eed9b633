"""Outlines that say by how far in their lines begin what is a title, a headline and a text, with no other mark."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from mailer.rendering.paste import dates, enumerators, grammar, sources
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report

LEAST = 3  # headlines
MOST = 5  # levels
WIDEST_STEP = 8  # blanks from level to level


def mark(lines: list[Line], pasted: Mapping[int, str], report: Report) -> list[Line]:
    """The lines of such an outline with titles as `##` and headlines behind a bullet; all others as they are."""
    filled = [i for i, line in enumerate(lines) if line.text]
    marked = sum(
        enumerators.is_numbered(lines[i].text) or enumerators.bullet(lines[i].text) is not None for i in filled
    )
    indents = {i: indent(pasted.get(lines[i].number, "")) for i in filled}
    steps = sorted(Counter(indents.values()))
    wide = any(two - one > WIDEST_STEP for one, two in itertools.pairwise(steps))
    if len(steps) < 2 or len(steps) > MOST or wide or marked * 10 > len(filled):
        return lines
    level = {i: steps.index(indents[i]) for i in filled}
    deepest = _deepest(filled, level)
    headlines = [i for i in filled if level[i] == deepest - 1 and _holds(filled, level, i)]
    told = [i for i in filled if level[i] >= deepest]
    if len(headlines) < LEAST or len(told) < len(headlines) or (len(steps) == 2 and not _alternate(filled, level)):
        return lines
    if any(enumerators.marks(lines[i].text) for i in headlines):
        return lines
    if any(sources.source_line(lines[i].text) or grammar.is_greeting(lines[i].text) for i in headlines):
        return lines
    titles = [i for i in filled if level[i] == deepest - 2 and _holds(filled, level, i)] if deepest > 1 else []
    titles = [i for i in titles if any(i < one for one in headlines) and not dates.find(lines[i].text, dates.SOME_DAY)]
    what = "%(count)s headlines told by how far in their lines begin"
    report.add(lines[headlines[0]].number, "guess", what, lines[headlines[0]].text, count=len(headlines))
    written = dict(enumerate(lines))
    for i in headlines:
        written[i] = replace(lines[i], text=f"● {lines[i].text}")
    for i in titles:
        written[i] = replace(lines[i], text=f"## {lines[i].text}")
    return [written[i] for i in range(len(lines))]


def indent(text: str) -> int:
    """How far in a line begins; a tab is as much as four blanks."""
    expanded = text.expandtabs(4).replace("\u3000", "  ")
    return len(expanded) - len(expanded.lstrip())


def _deepest(filled: list[int], level: dict[int, int]) -> int:
    """The level of the texts: the one below which hardly anything stands and that has the most lines."""
    counts = Counter(level.values())
    return max((at for at in counts if at), key=lambda at: (counts[at], at), default=1)


def _holds(filled: list[int], level: dict[int, int], index: int) -> bool:
    """Whether something further in stands directly below a line."""
    below = next((i for i in filled if i > index), None)
    return below is not None and level[below] == level[index] + 1


def _alternate(filled: list[int], level: dict[int, int]) -> bool:
    """Whether of two levels the outer one's lines, but for the head and foot, stand alone above the inner one's."""
    groups = [(at, len(list(group))) for at, group in itertools.groupby(filled, key=level.__getitem__)]
    outer = [count for at, count in groups if at == 0]
    return all(count == 1 for count in outer[1:-1])
