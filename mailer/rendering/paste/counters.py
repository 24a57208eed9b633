"""What stands before every item: a word or sign of the digest's own and a number that runs on (`LOOK 01`, `〖1〗`)."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from dataclasses import dataclass, replace

from mailer.model.columns import width
from mailer.rendering.paste import dates, enumerators, numbers, titles
from mailer.rendering.paste.entries import WIDEST_TITLE
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report

LEAST = 3  # items or pages

_WORDS = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
_COUNTER = re.compile(
    r"(?P<before>[^\d。！？!?，,；;：:、]{0,20}?)"
    rf"(?P<number>\d{{1,2}}|[一二三四五六七八九十]{{1,3}}|\b(?:{_WORDS})\b|\b[IVX]{{1,5}}\b)"
    r"(?P<behind>[\u3400-\u9fff]?\s*(?:[^\w\s“”\"‘’'「」『』《》（(¥￥$€£@#*%％℃°]{1,3}(?:\s+|(?=[^\d\s])|$)|\s+|$))"
    r"(?P<rest>.*)",
    re.IGNORECASE,
)
# Words before the numbers of what is no news.
_NO_NEWS = re.compile(
    r"步骤|步$|[问题例课章节页桌组班]|条款|规则|附件|\b(?:step|question|exercise|lesson|chapter|article|rule|day|week"
    r"|table|fig(?:ure)?|round|track|level|player|page|room|tip|phase|stage|module|unit|annex|appendix|attachment)\b",
    re.IGNORECASE,
)
_MISREAD = str.maketrans("lI|OoSsZzB", "1110055228")  # figures as a machine reads them in print
_READ = re.compile(r"([\dlIOoSsZzB|]{1,2})\s?[.、．]\s*(?=[^\d\s])(.*)")
_PAPER = re.compile(r"第?\s*[A-D]?\d{1,2}\s*版\s*[:：|｜]?\s*(\S.{5,})")
_PAGE = re.compile(r"\W{0,3}(?:p|page|slide|sheet|第|页|幻灯片)?\W{0,3}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Counted:
    index: int
    number: int
    rest: str


def pages_of_a_paper(lines: list[Line], report: Report) -> list[Line]:
    """The lines behind the page of a newspaper (`A1版 ...`, `03版：...`) as items."""
    found = {i: match for i, line in enumerate(lines) if (match := _PAPER.fullmatch(line.text))}
    if len(found) < LEAST or any(enumerators.is_numbered(line.text) for i, line in enumerate(lines) if i not in found):
        return lines
    report.add(
        lines[min(found)].number, "enumerator", "%(count)s pages of a newspaper taken as items", count=len(found)
    )
    return [replace(line, text=f"● {found[i][1]}") if i in found else line for i, line in enumerate(lines)]


def plain(lines: list[Line], report: Report) -> list[Line]:
    """The lines with such a word and its number written as `1.`; numbers of pages among items are dropped."""
    for before, counted in _groups(lines):
        if [one.number for one in counted] == list(range(len(counted), 0, -1)):  # counted down
            counted = [replace(one, number=number) for number, one in enumerate(counted, 1)]
            if _are_items(lines, counted, alone=False, known=False):
                return _numbered(lines, counted, report, alone=False)
            continue
        first = counted[0].number
        if [one.number for one in counted] != list(range(first, first + len(counted))) or _NO_NEWS.search(before):
            continue
        alone = not any(one.rest for one in counted)
        if alone and _PAGE.fullmatch(before) and _are_pages(lines, counted):
            return _without(lines, counted, report)
        if first == 1 and _are_items(lines, counted, alone=alone):
            return _numbered(lines, counted, report, alone=alone)
    return lines


def read_again(lines: list[Line], report: Report) -> list[Line]:
    """The lines with numbers that a machine misread (`l.`, `S.`) put right, where they fill the gaps between others."""
    found = [(i, match) for i, line in enumerate(lines) if (match := _READ.fullmatch(line.text))]
    figures = [int(match[1].translate(_MISREAD)) for _, match in found]
    misread = [(i, match) for i, match in found if not match[1].isdecimal()]
    if not misread or figures != list(range(1, len(found) + 1)) or len(misread) * 2 > len(found) or len(found) < LEAST:
        return lines
    written = list(lines)
    for (index, match), number in zip(found, figures, strict=True):
        written[index] = replace(lines[index], text=f"{number}. {match[2]}")
    told = "number %(number)s read for '%(misread)s'"
    for index, match in misread:
        figure = match[1].translate(_MISREAD)
        report.add(lines[index].number, "number", told, match[2], number=figure, misread=match[1])
    return written


def _groups(lines: list[Line]) -> list[tuple[str, list[_Counted]]]:
    """The lines that begin with the same word, a number and the same sign, the most frequent first."""
    found: defaultdict[tuple[str, str, str, bool], list[_Counted]] = defaultdict(list)
    for index, line in enumerate(lines):
        match = _COUNTER.fullmatch(line.text) if line.text else None
        number = _value(match["number"]) if match else 0
        if match and number and not _is_sentence(match):
            kind = "0" if match["number"].isdecimal() else "I" if match["number"].isupper() else "word"
            key = (match["before"].strip().casefold(), kind, match["behind"].strip(), bool(match["rest"]))
            found[key].append(_Counted(index, number, match["rest"].strip()))
    told = [(key[0], counted) for key, counted in found.items() if len(counted) >= LEAST]
    return sorted(told, key=lambda group: -len(group[1]))


def _is_sentence(match: re.Match[str]) -> bool:
    """Whether words and a number are a sentence's own: `Boat 3 is sold`; `第一，...` counts reasons."""
    words = match["rest"] and not match["behind"].strip() and re.search(r"[a-z\u3400-\u9fff]", match["before"])
    return bool(words) or (match["before"] == "第" and not match["behind"][:1].isalpha())


def _value(text: str) -> int:
    """The number that a figure, a word or a numeral stands for."""
    if text.isdecimal():
        return int(text)
    if text.isascii():
        marks = enumerators.marks(f"{text.upper()}. x" if text.isupper() else f"{text}: x")
    else:
        marks = enumerators.marks(f"{text}、x")
    return next((mark.number for mark in marks if mark.family in ("spelled", "roman", "han")), 0)


def _are_items(lines: list[Line], counted: list[_Counted], *, alone: bool, known: bool = True) -> bool:
    """Whether such numbers mark items: nothing else does, and below each is no more than one of them."""
    chosen = [one.index for one in counted]
    sure = sum(enumerators.is_numbered(lines[i].text) for i in chosen)
    if (known and sure * 2 > len(chosen) and not alone) or numbers.hold_several(lines, chosen):
        return False
    between = [i for i in range(chosen[0] + 1, len(lines)) if i not in chosen and lines[i].text]
    marked = sum(enumerators.is_numbered(lines[i].text) for i in between)
    if marked * 2 >= len(chosen):
        return False
    if alone:
        return all(len(group) > 1 for group in _groups_below(lines, chosen))
    if all(width(one.rest) <= WIDEST_TITLE for one in counted):
        return False
    dated = sum(dates.find(one.rest, dates.SOME_DAY) is not None and titles.is_date(one.rest) for one in counted)
    return dated * 2 < len(counted)


def _groups_below(lines: list[Line], chosen: list[int]) -> list[list[int]]:
    """The lines below each of the chosen ones."""
    return [[i for i in range(a + 1, b) if lines[i].text] for a, b in itertools.pairwise([*chosen, len(lines)])]


def _are_pages(lines: list[Line], counted: list[_Counted]) -> bool:
    """Whether numbers alone are those of pages: the items have numbers of their own, some pages hold several."""
    chosen = {one.index for one in counted}
    marked = [i for i, line in enumerate(lines) if i not in chosen and enumerators.is_numbered(line.text)]
    return len(marked) >= LEAST


def _without(lines: list[Line], counted: list[_Counted], report: Report) -> list[Line]:
    for one in counted:
        report.drop(lines[one.index].number, "number of a page dropped", lines[one.index].text)
    chosen = {one.index for one in counted}
    return [line for index, line in enumerate(lines) if index not in chosen]


def _numbered(lines: list[Line], counted: list[_Counted], report: Report, *, alone: bool) -> list[Line]:
    """The lines with the items numbered plainly; a number alone goes before the headline below it."""
    first = lines[counted[0].index]
    what = "%(count)s items numbered behind a word of their own"
    report.add(first.number, "enumerator", what, first.text[:40], count=len(counted))
    written = list(lines)
    gone: set[int] = set()
    for one in counted:
        at = one.index
        if alone:
            gone.add(at)
            at = next(i for i in range(at + 1, len(lines)) if lines[i].text)
        written[at] = replace(lines[at], text=f"{one.number}. {one.rest or lines[at].text}")
    return [line for index, line in enumerate(written) if index not in gone]
