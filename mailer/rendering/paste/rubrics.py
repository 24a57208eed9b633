"""Words in brackets that say, item after item, what a line is (`【摘要】`, `【影响】`, `[Note]`): labels of texts."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import replace

from mailer.rendering.paste import enumerators
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report

LEAST = 3  # items with the same word

_RUBRIC = re.compile(r"[【\[〔]([^\W\d][^【】\[\]〔〕]{1,11})[】\]〕]\s*(\S.+)")


def plain(lines: list[Line], report: Report) -> list[Line]:
    """The lines with such words written with a colon: `摘要：...`."""
    found = {i: match for i, line in enumerate(lines) if (match := _RUBRIC.fullmatch(line.text))}
    counts = Counter(match[1] for match in found.values())
    if len(counts) > 1:  # what stands once is of the head
        counts = Counter({word: count for word, count in counts.items() if count >= LEAST})
        found = {i: match for i, match in found.items() if match[1] in counts}
    words = [match[1] for match in found.values()]
    again = any(one == two for one, two in itertools.pairwise(words))
    several = len(counts) > 1 and not again
    if not found or not (several or _are_remarks(lines, found, counts)):
        return lines
    what = "%(count)s words in brackets taken as labels of texts"
    report.add(lines[min(found)].number, "label", what, words[0], count=len(found))
    return [replace(line, text=f"{found[i][1]}：{found[i][2]}") if i in found else line for i, line in enumerate(lines)]


def _are_remarks(lines: list[Line], found: dict[int, re.Match[str]], counts: Counter[str]) -> bool:
    """Whether one word alone stands before lines directly below texts, while numbers mark the items."""
    numbered = sum(enumerators.is_numbered(line.text) for line in lines)
    below = all(i and re.search(r"[。.!！?？)）】\]]$", lines[i - 1].text) for i in found)
    return len(counts) == 1 and len(found) > 1 and below and numbered >= max(LEAST, len(found))
