"""Who tells it, at the beginning of each text (`DOCK POST — Ice is dear.`) or headline (`[Dock Post] Ice is dear`)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace

from mailer.model.columns import width
from mailer.rendering.paste import enumerators, sources, tails
from mailer.rendering.paste.letters import fold
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.outline import UNNUMBERED, Outline
from mailer.rendering.paste.report import Report

LEAST = 3  # items
WIDEST = 26  # columns of a name
NARROWEST = 6  # columns of one in brackets; what is shorter is the item's field

_BEFORE_TEXT = re.compile(
    r"(?:[\[【(（‹«〈<](?P<held>[^\[\]【】()（）‹›«»〈〉<>]{2,30})[\]】)）›»〉>]\s*|(?P<name>[^\s—–:：|｜丨。，,][^—–:：|｜丨。，]{1,28}?)"
    r"(?:\s+(?:[—–]|--)\s+|——|\s*[|｜丨]\s*|[:：]\s*))(?P<text>\S.{7,})"
)
_HELD = re.compile(r"[\[【(（‹«〈](?P<held>[^\[\]【】()（）‹›«»〈〉]{2,30})[\]】)）›»〉]\s*(?P<text>\S.{7,})")
_BEFORE_HEADLINE = re.compile(r"[\[【](?P<held>[^\[\]【】]{2,26})[\]】]\s*(?P<text>\S.{5,})")
_PLACE = re.compile(
    r"(?<=[报社台网])讯$|\s*[／/]\s*[\u3400-\u9fff]{2,6}(?:报[导道]|電|电)$"
)  # `Paper／where it was reported`
_CAPITALS = re.compile(r"(?=.*[A-Z]{2})[^a-z\u3400-\u9fff]+")
_CRY = re.compile(r"突发|重磅|独家|最新|头条新闻|热搜|关注|图解|视频|breaking|exclusive|update|watch", re.IGNORECASE)


def name(lines: list[Line], found: Outline, report: Report) -> list[Line]:
    """The lines with such names as sources on lines of their own; [] where the items have none, or others."""
    starts = sorted(found.starts)
    if (
        len(starts) < LEAST
        or found.family in UNNUMBERED - {"bullet", "shape"}
        or any(tails.names_one(line.text) for line in lines[starts[0] :])
    ):
        return []
    borders = sorted([*starts, *found.titles, len(lines)])
    below = {}
    for start in starts:
        stop = next(border for border in borders if border > start)
        below[start] = next((i for i in range(start + 1, stop) if lines[i].text), -1)
    held = found.family == "shape"  # then only names in brackets, with no mark before the headlines, are sure
    texts = {
        below[i]: (_HELD if held else _BEFORE_TEXT).fullmatch(lines[below[i]].text) for i in starts if below[i] > 0
    }
    if told := _told(texts, len(starts)):
        return _written(lines, told, {below[i]: i for i in starts}, report)
    if held:
        return []
    heads = {i: _BEFORE_HEADLINE.fullmatch(found.starts[i]) for i in starts}
    told = _told(heads, len(starts))
    names = [_name(told[i]) for i in sorted(told)]
    if (
        not told
        or not _are_names(names, parted=bool(found.titles))
        or any(not lines[i].text.endswith(told[i][0]) for i in told)
    ):
        return []
    if sum(below[i] < 0 and re.search(r"[。.!！?？]$|://", told[i]["text"]) is not None for i in told) * 2 > len(told):
        return []  # a headline in brackets, and its text
    return _written(lines, told, {i: i for i in starts}, report)


def _told(found: dict[int, re.Match[str] | None], items: int) -> dict[int, re.Match[str]]:
    """The matches, where nearly every item has one and most look like names of those who tell something."""
    told = {i: match for i, match in found.items() if match and _is_name(match)}
    names = [_name(match) for match in told.values()]
    sure = sum(sources.is_medium(name) or _CAPITALS.fullmatch(name) is not None for name in names)
    held = sum("held" in match.groupdict() and match["held"] is not None for match in told.values())
    enough = len(told) >= LEAST and len(told) * 5 >= items * 4 and len({*names}) > 1
    return told if enough and (sure * 2 >= len(names) or held == len(told)) else {}


def _name(match: re.Match[str]) -> str:
    groups = match.groupdict()
    name = str(groups.get("held") or groups.get("name")).strip()
    place = _PLACE.search(fold(name))
    return name[: place.start()] if place else name


def _is_name(match: re.Match[str]) -> bool:
    name = _name(match)
    return sources.is_name(name) and width(name) <= WIDEST and not enumerators.is_numbered(name)


def _are_names(names: Sequence[str], *, parted: bool) -> bool:
    """Whether words in brackets before headlines are who tells them: neither fields that stand together nor cries."""
    runs = [name for name, _ in itertools.groupby(names)]
    together = len(runs) == len({*runs}) < len(names) and not parted  # sections have titles of their own
    wide = sum(width(name) for name in names) >= NARROWEST * len(names)
    return (
        wide
        and not together
        and not any(_CRY.search(name) for name in names)
        and (all(width(name) >= NARROWEST for name in names) or any(sources.is_medium(name) for name in names))
    )


def _written(lines: list[Line], told: dict[int, re.Match[str]], starts: dict[int, int], report: Report) -> list[Line]:
    """The lines without the names before texts or headlines, which stand below the headlines instead."""
    named = {starts[at]: _name(match) for at, match in told.items()}
    written: list[Line] = []
    for index, line in enumerate(lines):
        match = told.get(index)
        text = line.text[: len(line.text) - len(match[0])] + match["text"] if match else line.text
        written.append(replace(line, text=text))
        if index in named:
            written.append(Line(line.number, f"来源：{named[index]}"))
    first = min(told)
    what = "%(count)s names before texts or headlines taken as sources"
    report.add(lines[first].number, "guess", what, _name(told[first]), count=len(told))
    return written
