"""Names that stand at the right edge of headlines, parted from them by blanks, written as sources."""

from __future__ import annotations

import re

from mailer.model.columns import width
from mailer.rendering.paste import enumerators, sources
from mailer.rendering.paste.report import Report

# Parted by two blanks only.
_CLOSE = re.compile(r"(\s*\S.*[\w%％”」》！？])  ([\u3400-\u9fff]{2,8})\s*")
LEAST = 3  # headlines
WIDEST = 28  # columns of a name

_PARTED = re.compile(r"(\s*\S.*?\S)(?:\s{3,}|\u3000{2,})(\S(?:[^\s]| (?! )){1,28})\s*")


def name(lines: list[tuple[int, str]], report: Report) -> list[tuple[int, str]]:
    """The lines with such names behind their headlines as sources, where most lines with a number have one."""
    numbered = [i for i, (_, text) in enumerate(lines) if enumerators.marks(text.strip())]
    found = {i: match for i in numbered if (match := _PARTED.fullmatch(lines[i][1])) and _is_name(match)}
    if len(found) < LEAST or len(found) * 5 < len(numbered) * 3:
        found = {i: match for i in numbered if (match := _CLOSE.fullmatch(lines[i][1])) and _is_name(match)}
        longer = all(width(match[1]) >= 2 * width(match[2]) for match in found.values())
        if len(found) < LEAST or len(found) * 5 < len(numbered) * 4 or not longer:
            return lines
    if len({match[2] for match in found.values()}) < 2:
        return lines
    first = min(found)
    what = "%(count)s names at the right edge taken as sources"
    report.add(lines[first][0], "guess", what, found[first][2], count=len(found))
    return [
        (number, f"{found[i][1]}（来源：{found[i][2]}）" if i in found else text)
        for i, (number, text) in enumerate(lines)
    ]


def _is_name(match: re.Match[str]) -> bool:
    return sources.is_name(match[2]) and width(match[2]) <= WIDEST and "\t" not in match[0]
