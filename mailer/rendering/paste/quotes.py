"""Quoted mail: the marks `>` taken off, and what others wrote above, below and between left out."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from mailer.model.columns import width
from mailer.rendering.paste.forwards import WROTE
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report

LEAST = 3  # quoted lines
FEW = 0.2  # of what is quoted may be remarks between

_QUOTE = re.compile(r"^(?:>[ ]?)+")


def without_marks(lines: list[Line], report: Report) -> list[Line]:
    """The lines without quote marks; of a mail quoted several times over only what stands as deep as the most."""
    depths = [_depth(line.text) for line in lines]
    quoted = [line for line, depth in zip(lines, depths, strict=True) if depth]
    if len(quoted) < LEAST or sum(width(line.text) for line in quoted) * 4 < sum(width(line.text) for line in lines):
        return lines
    amounts: Counter[int] = Counter()
    for line, depth in zip(lines, depths, strict=True):
        amounts[depth] += width(line.text)
    main = max((depth for depth in amounts if depth), key=lambda depth: amounts[depth])
    report.add(quoted[0].number, "quoted", "quote marks > removed from %(count)s lines", count=len(quoted))
    first, last = depths.index(main), len(depths) - 1 - depths[::-1].index(main)
    shallow = [i for i, depth in enumerate(depths) if depth < main and lines[i].text.strip("> ")]
    between = [i for i in shallow if first < i < last]
    few = sum(width(lines[i].text) for i in between) <= FEW * amounts[main]
    gone = set(shallow if main > 1 else between if few else ())
    bare = [
        replace(line, text=_QUOTE.sub("", line.text, count=1).strip()) if depth else line
        for line, depth in zip(lines, depths, strict=True)
    ]
    told = max((i for i in gone if i < first and WROTE.fullmatch(bare[i].text)), default=-1)
    for i in sorted(gone - {told}):
        report.drop(lines[i].number, "message of somebody else dropped", bare[i].text)
    return [line for i, line in enumerate(bare) if i not in gone or i == told]


def _depth(text: str) -> int:
    match = _QUOTE.match(text)
    return match[0].count(">") if match else 0
