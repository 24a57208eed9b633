"""Names beside a day, an age or an address, one at each item (`Dale Echo · 4 hours ago`), written as sources."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

from mailer.model.columns import width
from mailer.rendering.paste import links, sources
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report

LEAST = 3  # items

_AGO = (
    r"\d{1,2} ?(?:小时|分钟|天)前|(?:昨[天日]|今[天日])(?: \d{1,2}:\d{2})?|刚刚"
    r"|\d{1,2} ?(?:hours?|minutes?|days?|[hmd]) ago|yesterday|today"
)
_BY = re.compile(r"by \S.{1,30}|(?:作者|记者)\s*\S{2,6}", re.IGNORECASE)
_BUTTON = re.compile(r"more|share|save|更多|分享|收藏", re.IGNORECASE)
_NAME_AND_DAY = re.compile(
    r"((?:\d{1,3}(?=[\u3400-\u9fff]))?[^\W\d][^\d|｜·,，。！？:：]{1,38}?)\s*(?:[|｜·,，]|\s/\s)\s*"
    r"(?:\d{1,2} ?min(?:ute)?s?(?: read)?|\d{1,2} ?分钟(?:阅读|读完)?"
    r"|\d{1,2} [A-Z][a-z]{2,8}(?: 20\d\d)?|[A-Z][a-z]{2,8} \d{1,2}(?:, 20\d\d)?"
    r"|(?:20\d\d[-/.年])?\d{1,2}[-/.月]\d{1,2}日?(?: \d{1,2}:\d{2})?"
    rf"|(?i:{_AGO}))"
    rf"|([^\W\d][^\d|｜·,，。！？:：\s]{{1,23}})\s+(?:{_AGO}|(?:20\d\d[-/.])?\d{{1,2}}[-/.]\d{{1,2}} \d{{1,2}}:\d{{2}})"
    r"|([^\W\d][^\d|｜·,，。！？:：]{1,38}?) by \S.{0,24}? ?/ ?\d{1,2} ?[hmdw]"
)
_DAY_AND_NAME = re.compile(
    r"(\S.{5,90}?)\s+(?:20\d\d[-/.])?\d{1,2}[-/.]\d{1,2}(?: \d{1,2}:\d{2})?"
    r"\s+((?:\d{1,3}(?=[\u3400-\u9fff]))?[^\W\d][^\s:：|｜]{1,16})"
)
_NAME_THEN_DAY = re.compile(
    r"(\S[^|｜丨]{5,90}?)\s*[|｜丨]\s*([^|｜丨]{2,24}?)\s*[|｜丨]\s*"
    r"(?:20\d\d[-/.年])?\d{1,2}[-/.月]\d{1,2}日?(?: \d{1,2}:\d{2})?"
)
_LINK_THEN_NAME = re.compile(
    rf"([^{links.LINK}]{{6,}}?)\s*{links.LINK}https?://[^{links.LINK_URL}]+{links.LINK_URL}([^{links.LINK_END}]+){links.LINK_END}"
    r"\s+(\w.{1,30})"
)


def name(lines: list[Line], report: Report) -> list[Line]:
    """The lines with such names as sources, without what stands beside them."""
    lines = _named_behind_links(lines, report)
    return _named_behind_days(_named_with_days(_ages_joined(lines), report), report)


def _ages_joined(lines: list[Line]) -> list[Line]:
    """The lines with ages alone (`4 hours ago`) behind the names above them, without who wrote it or a button."""
    alone = {i for i, line in enumerate(lines) if i and re.fullmatch(_AGO, line.text, re.IGNORECASE)}
    if len(alone) < LEAST:
        return lines
    written: list[Line] = []
    for index, line in enumerate(lines):
        if index in alone and written:
            if _BY.fullmatch(written[-1].text) and len(written) > 1:
                written.pop()
            written[-1] = replace(written[-1], text=f"{written[-1].text} · {line.text}")
        elif not (index - 1 in alone and _BUTTON.fullmatch(line.text)):
            written.append(line)
    return written


def _named_with_days(lines: list[Line], report: Report) -> list[Line]:
    """The lines that are a name and a day ("Dale Echo · 20 May 2026"), one at each item, without the day."""
    first = next((i for i, line in enumerate(lines) if line.text), 0)
    found = {
        i: match[1] or match[2] or match[3]
        for i, line in enumerate(lines)
        if i > first + 1 and (match := _NAME_AND_DAY.fullmatch(line.text))
    }
    if len(found) < LEAST or any(one + 1 == two for one, two in itertools.pairwise(found)):
        return lines
    what = "%(count)s names with a day taken as sources"
    report.add(lines[min(found)].number, "guess", what, found[min(found)], count=len(found))
    return [replace(line, text=f"来源：{found[i]}") if i in found else line for i, line in enumerate(lines)]


def _named_behind_links(lines: list[Line], report: Report) -> list[Line]:
    """Lines of headline, address and name (`Ice is dear https://... Post`), with their sources."""
    found = {i: match for i, line in enumerate(lines) if (match := _LINK_THEN_NAME.fullmatch(line.text))}
    found = {i: match for i, match in found.items() if sources.is_name(match[3]) and width(match[3]) <= 24}
    if len(found) < LEAST:
        return lines
    what = "%(count)s names behind addresses taken as sources"
    report.add(lines[min(found)].number, "guess", what, found[min(found)][3], count=len(found))
    written = list(lines)
    for i, match in found.items():
        name = f"{links.LINK}{match[3]}{links.LINK_URL}{match[2]}{links.LINK_END}"
        written[i] = replace(lines[i], text=f"{match[1]}（来源：{name}）")
    return written


def _named_behind_days(lines: list[Line], report: Report) -> list[Line]:
    """Lines of headline, day and name (`Ice is dear 2026-05-20 Post`), as a page lists them, with their sources."""
    found = {
        i: match
        for i, line in enumerate(lines)
        if (match := _DAY_AND_NAME.fullmatch(line.text) or _NAME_THEN_DAY.fullmatch(line.text))
        and sources.is_name(match[2])
    }
    if len(found) < LEAST:
        return lines
    report.add(lines[min(found)].number, "guess", "%(count)s names behind a day taken as sources", count=len(found))
    return [
        replace(line, text=f"{found[i][1]}（来源：{found[i][2]}）") if i in found else line
        for i, line in enumerate(lines)
    ]
