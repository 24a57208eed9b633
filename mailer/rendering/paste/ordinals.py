"""Numbers behind a word of the digest's own (`早点一：`, `Slice 2 |`), known because they run on from item to item."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace

from mailer.rendering.paste import enumerators
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report

LEAST = 3  # items

_WORDED = re.compile(
    rf"(?:{enumerators.SIGN}\s*)?([\u3400-\u9fff]{{1,5}}?|[A-Z][a-z]{{2,10}}(?: [A-Z]?[a-z]{{2,10}})?)\s*"
    r"([一二三四五六七八九十]{1,2}|0?[1-9]\d?)\s*[:：|｜丨]\s*(\S.+)"
)


def plain(lines: list[Line], report: Report) -> list[Line]:
    """The lines with such words left out before their numbers."""
    found: defaultdict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for index, line in enumerate(lines):
        if (match := _WORDED.fullmatch(line.text)) and not enumerators.marks(line.text):
            number = next((mark.number for mark in enumerators.marks(f"{match[2]}、")), 0)
            found[match[1]].append((index, number, match[3]))
    written = list(lines)
    for word, items in found.items():
        if len(items) < LEAST or [number for _, number, _ in items] != list(range(1, len(items) + 1)):
            continue
        for index, number, text in items:
            written[index] = replace(lines[index], text=f"{number}. {text}")
        report.add(
            lines[items[0][0]].number, "enumerator", f"{len(items)} items numbered behind a word of their own", word
        )
    return written
