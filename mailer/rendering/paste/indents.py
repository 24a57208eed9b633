"""Printed lines that say by how far in they begin which of them belong together: joined before anything is read."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import replace

from mailer.model.columns import width, width_of
from mailer.rendering.paste import tails
from mailer.rendering.paste.enumerators import bracketed, bullet, is_numbered, marks
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report

LEAST = 3  # paragraphs that begin further in
FIRST, FURTHEST = 2, 8  # blanks before a paragraph; what begins further in stands at the right edge
FULL = 0.85  # of the widest line

_END = re.compile(r"[.!?;:。！？；：…)）”\"』」】〕\]]$")

# A name in brackets, a heading, a name behind dashes, a label.
_OTHER = re.compile(
    r"[(（\[〔【].{1,40}[)）\]〕】]$|#|[—–-]|(?:source|via|read more|full story)\b|[^\s：:]{1,12}[：:]", re.IGNORECASE
)


def join(lines: list[Line], pasted: Mapping[int, str], report: Report) -> list[Line]:
    """The lines joined where paragraphs begin further in than they go on, or an item's lines all stand further in."""
    indents = [_indent(pasted.get(line.number, "")) if line.text else -1 for line in lines]
    first = next((i for i, line in enumerate(lines) if _begins(line.text)), len(lines))
    widths = [indent + width(line.text) for indent, line in zip(indents, lines, strict=True)]
    begun = [FIRST <= indent <= FURTHEST for indent in indents]
    worded = (
        w
        for w, one, line in zip(widths[first:], begun[first:], lines[first:], strict=True)
        if one and "://" not in line.text
    )
    widest = max(worded, default=0)
    inside = [i for i in range(first + 1, len(lines)) if indents[i] == 0 and lines[i - 1].text]
    goes_on = [i for i in inside if begun[i - 1] and widths[i - 1] >= FULL * widest and not _begins(lines[i].text)]
    if len(goes_on) >= LEAST:
        full = {i for i in inside if widths[i - 1] >= FULL * widest or is_numbered(lines[i - 1].text)}
        joined = {i for i in full if not _begins(lines[i].text) and indents[i - 1] <= FURTHEST}
    else:
        joined = _within_blocks(lines, indents, widths, widest, first)
    return _written(lines, joined, report) if joined else lines


def _within_blocks(lines: list[Line], indents: list[int], widths: list[int], widest: int, first: int) -> set[int]:
    """Lines as far in as the full line above them, which ends within a sentence, where no line begins a paragraph."""
    inner = [
        one for one, line in zip(indents[first:], lines[first:], strict=True) if one > 0 and not _begins(line.text)
    ]
    if len(inner) < LEAST or len({*inner}) > 1 or inner[0] < FIRST:
        return set()
    full = {
        two
        for one, two in itertools.pairwise(range(first, len(lines)))
        if indents[one] == indents[two] == inner[0]
        and widths[one] >= FULL * widest >= 30
        and not _begins(lines[two].text)
        and not tails.names_one(lines[one].text)
    }
    full |= {
        two
        for one, two in itertools.pairwise(range(first, len(lines)))
        if bullet(lines[one].text)
        and indents[one] < indents[two] == inner[0]
        and widths[one] >= FULL * widest >= 30
        and lines[two].text[0].islower()
    }
    within = {two for two in full if not _END.search(lines[two - 1].text)}
    return full if len(within) >= LEAST else within


def _indent(text: str) -> int:
    expanded = text.expandtabs(4).replace("\u3000", "  ")
    return len(expanded) - len(expanded.lstrip())


def _begins(text: str) -> bool:
    """Whether a line begins an item, a title or a source: it goes on from no other."""
    return bool((marks(text) and not re.match(r"\d{3}", text)) or bullet(text) or bracketed(text) or _OTHER.match(text))


def _written(lines: list[Line], joined: set[int], report: Report) -> list[Line]:
    written: list[Line] = []
    for index, line in enumerate(lines):
        if index in joined and written and written[-1].text:
            above = written[-1].text
            glue = "" if width_of(above[-1]) == 2 or width_of(line.text[0]) == 2 else " "
            if re.search(r"[\u3400-\u9fff]\d+$", above) and line.text[0].isdigit():
                glue = ""
            written[-1] = replace(written[-1], text=above + glue + line.text)
        else:
            written.append(line)
    report.add(0, "wrapped", "%(count)s hard-wrapped lines joined", count=len(joined))
    return written
