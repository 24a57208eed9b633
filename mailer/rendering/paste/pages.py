"""What a printed page has at its edges: its number, and the name of what is printed, again on every page."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from mailer.model.columns import width
from mailer.rendering.paste import enumerators
from mailer.rendering.paste.letters import fold
from mailer.rendering.paste.line import Line, blocks_of
from mailer.rendering.paste.report import Report

FIRST = 6  # lines of the head
HALF = 30  # columns of a line that is no title
_PAGE = re.compile(
    r"\s*(?:第\s*\d{1,3}\s*页\s*[,，/]?\s*共\s*\d{1,3}\s*页|\bpage \d{1,3} of \d{1,3})\s*$"
    r"|^(?:[-–—]+\s*\d{1,3}\s*[-–—]+|第\s*\d{1,3}\s*页)$"
    r"|(?<=\w)\s*[·・|｜—-]\s*第\s*\d{1,3}\s*[页版]$|(?<=\w)\s+第\s*\d{1,3}\s*页$"
    r"|^[(（]\s*(?:下转|上接|continued (?:on|from))\s*(?:第|p\.?|page)?\s*\w{1,4}\s*[版页]?\s*[)）]$"
    r"|^[(（]\s*(?:转|续|接|see|from)\s*(?:第|p\.?|page)?\s*[A-Z]?(?:\d{1,3}|[一二三四五六七八九十]{1,3})\s*[版页]?\s*[)）]$",
    re.IGNORECASE,
)
LEAST = 2  # entries of contents, words of a row of buttons
BLOCKS = 3  # that end in the same row
_LEADER = re.compile(r"(?<=\S)\s*(?:…|[.·．]{3})[….·．\s]*\d{1,3}$")
_STOPPED = re.compile(r"[.!?;:。！？；：…)）”\"』」】〕]$")


def without_leaders(lines: list[Line], report: Report) -> list[Line]:
    """The entries of a table of contents without the dots that lead to a page's number."""
    found = [line for line in lines if _LEADER.search(line.text)]
    if len(found) < LEAST:
        return lines
    what = "dots and pages removed from %(count)s entries"
    report.add(found[0].number, "contents", what, found[0].text, count=len(found))
    return [replace(line, text=_LEADER.sub("", line.text)) for line in lines]


def without_edges(lines: list[Line], report: Report) -> list[Line]:
    """The lines without page numbers, and without the name that stands beside them or next to them again.

    A sentence that goes on overleaf goes on in the next line.
    """
    kept: list[Line] = []
    names: set[str] = set()
    turned = False  # a page has just begun
    for line in lines:
        page = _PAGE.search(fold(line.text))
        bare = line.text[: page.start()] if page else line.text
        if page:
            report.drop(line.number, "number of a page dropped", line.text[page.start() :].strip())
            _end_page(kept, names, report)
        if bare and (page or turned) and bare in names:
            report.drop(line.number, "head of a page dropped", bare)
        elif bare:
            _go_on(kept, bare, turned=turned)
            kept.append(replace(line, text=bare))
        elif not page:
            kept.append(line)
        turned = page is not None or (turned and (not bare or bare in names))
        names |= {bare} if bare and len(names) < FIRST else set()
    return kept


def without_repeats(lines: list[Line], report: Report) -> list[Line]:
    """The lines without what stands, word by word, at the end of nearly every block: buttons of a page."""
    blocks = [block for block in blocks_of(lines) if len(block) > 1]
    counts = Counter(lines[block[-1]].text for block in blocks)
    text, count = counts.most_common(1)[0] if counts else ("", 0)
    labelled = re.match(r"\w{1,8}\s*[:：]", text) or enumerators.is_numbered(text) or "://" in text
    if (
        count < BLOCKS
        or count * 5 < len(blocks) * 3
        or labelled
        or len(text.split()) < LEAST
        or re.search(r"[。.!！?？]$", text)
    ):
        return lines
    gone = {block[-1] for block in blocks if lines[block[-1]].text == text}
    for index in sorted(gone):
        report.drop(lines[index].number, "row of buttons dropped", text)
    return [line for index, line in enumerate(lines) if index not in gone]


def _end_page(kept: list[Line], names: set[str], report: Report) -> None:
    """Drop the name that stands above a page's number."""
    last = _last(kept)
    if last > FIRST and kept[last].text in names:
        report.drop(kept[last].number, "head of a page dropped", kept[last].text)
        del kept[last]


def _go_on(kept: list[Line], text: str, *, turned: bool) -> None:
    """Drop the blank lines at the turn of a page where a sentence had not ended, and the next line goes on."""
    last = _last(kept)
    if not (turned and last):
        return
    goes_on = text[0].islower() if text[0].isascii() else width(kept[last].text) >= HALF
    if goes_on and not _STOPPED.search(kept[last].text):
        del kept[last + 1 :]


def _last(kept: list[Line]) -> int:
    """The last line with something on it; 0 where there is none but the first."""
    return next((i for i in range(len(kept) - 1, 0, -1) if kept[i].text), 0)
