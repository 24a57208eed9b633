"""What stands alone below each headline, item after item: a name, as in search results, or a page's counters."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

from mailer.model.columns import width
from mailer.rendering.paste import shapes, sources
from mailer.rendering.paste.labels import BARE
from mailer.rendering.paste.line import Line, blocks_of
from mailer.rendering.paste.report import Report

LEAST = 3  # items
_COUNTERS = re.compile(
    r"(?:(?:今天|昨天|前天|(?:20\d\d[-/.年])?\d{1,2}[-/.月]\d{1,2}日?|\d+\s*(?:小时|分钟|天)前)?\s*(?:\d{1,2}:\d{2})?\s*)"
    r"(?:(?:阅读|浏览|赞|在看|评论|转发|分享)量?\s*[:：]?\s*\d[\d.,万+]*\s*){1,5}"
)
WIDEST = 24  # columns of a name
_PAGE = re.compile(
    r"(?:[,，]?\s*(?:\d{1,2} [A-Z][a-z]{2,8}(?: 20\d\d)?|[A-Z][a-z]{2,8} \d{1,2}|(?:20\d\d年)?\d{1,2}月\d{1,2}日"
    r"|(?:20\d\d-)?\d{1,2}-\d{1,2}|pp?\.? ?\d{1,3}|page \d{1,3}|第?[A-Z]?\d{1,2}版))+$"
)


def name(lines: list[Line], report: Report) -> list[Line]:
    """The lines with such names written as sources: `来源：X`; most of them look like those of papers."""
    filled = [i for i, line in enumerate(lines) if line.text]
    found = [
        two
        for one, two, three in zip(filled, filled[1:], filled[2:], strict=False)
        if width(lines[two].text) <= WIDEST
        and width(lines[two].text) < width(lines[one].text)
        and sources.is_name(lines[two].text)
        and sources.source_line(lines[two].text) is None
        and shapes.is_headline(lines[one])
        and shapes.is_headline(lines[two])
        and shapes.is_text(lines[three].text)
    ]
    media = {i for i in found if sources.is_medium(lines[i].text)}
    if _in_every_block(lines, found):
        media = {*found}
    if len(media) < LEAST or len(media) * 3 < len(found) * 2:
        return lines
    what = "%(count)s names between headline and text taken as sources"
    report.add(lines[min(media)].number, "guess", what, count=len(media))
    above = {two: one for one, two in itertools.pairwise(filled)}
    headlines = {above[i] for i in media}
    written: list[Line] = []
    for index, line in enumerate(lines):
        written += [Line(line.number, "")] if index in headlines else []
        written.append(replace(line, text=f"来源：{line.text}", bold=False) if index in media else line)
    return written


def name_above(lines: list[Line], report: Report) -> list[Line]:
    """The lines with the name that begins every block, above headline and text, below the headline: `来源：X`.

    Such names are those of papers, perhaps with day and page, or of accounts (`@dock`); else they are titles.
    """
    blocks = [block for block in blocks_of(lines) if len(block) > 2 and shapes.is_text(lines[block[2]].text)]
    names = {block[0]: _bare(lines[block[0]].text) for block in blocks}
    named = [block for block in blocks if names[block[0]] and shapes.is_headline(lines[block[1]])]
    media = sum(sources.is_medium(names[block[0]]) or lines[block[0]].text != names[block[0]] for block in named)
    if len(named) < LEAST or len(named) < len(blocks) or media * 3 < len(named) * 2 or len({*names.values()}) < 2:
        return lines
    what = "%(count)s names above headlines taken as sources"
    report.add(lines[named[0][0]].number, "guess", what, lines[named[0][0]].text, count=len(named))
    moved = list(lines)
    for first, second, *_ in named:
        moved[first], moved[second] = lines[second], replace(lines[first], text=f"来源：{names[first]}", bold=False)
    return moved


def _bare(text: str) -> str:
    """A name without the day and page behind it, or the sign before an account; "" where a line is none."""
    name = _PAGE.sub("", text)
    name = (sources.without_reporter(name) if sources.is_name(name) else "").removeprefix("@")
    return name if name and sources.is_name(name) and width(name) <= WIDEST and not re.search(r"\d", name) else ""


def _in_every_block(lines: list[Line], found: list[int]) -> bool:
    """Whether such a name, in capitals or Chinese, is the second line of nearly every block of three lines and more."""
    blocks = [block for block in blocks_of(lines) if found and min(found) <= block[-1] and block[0] <= max(found)]
    blocks = [block for block in blocks if len(block) > 2]
    seconds = {block[1] for block in blocks} & {*found}
    named = all(BARE.fullmatch(lines[i].text) for i in seconds)
    return (
        named
        and len(seconds) >= LEAST
        and len(seconds) * 5 >= len(blocks) * 4
        and len({lines[i].text for i in seconds}) > 1
    )


def _without_counters(lines: list[Line], counters: set[int], report: Report) -> list[Line]:
    """The lines without those below a headline that hold nothing but the hour and the page's counters."""
    for index in sorted(counters):
        report.drop(lines[index].number, "counters of the page dropped", lines[index].text)
    return [line for index, line in enumerate(lines) if index not in counters]


def by_counters(lines: list[Line], report: Report) -> list[Line]:
    """The lines with headlines above their day and counters (`昨天 18:20 阅读 3214 赞 57`) written as items."""
    filled = [i for i, line in enumerate(lines) if line.text]
    found = {
        one: two
        for one, two in itertools.pairwise(filled)
        if _COUNTERS.fullmatch(lines[two].text) and shapes.is_headline(lines[one])
    }
    counters = {*found.values()}
    told = [i for i in filled if found and min(found) <= i <= max(counters)]
    if len(found) < LEAST or len(told) != 2 * len(found):
        return _without_counters(lines, counters, report)
    report.add(lines[min(found)].number, "guess", "%(count)s lines above counters taken as items", count=len(found))
    written: list[Line] = []
    for index, line in enumerate(lines):
        if index in counters:
            report.drop(line.number, "counters of the page dropped", line.text)
        else:
            written.append(replace(line, text=f"● {line.text}") if index in found else line)
    return written
