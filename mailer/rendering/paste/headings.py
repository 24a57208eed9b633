"""Lines that can be nothing but section titles, known because their form repeats above items: written as `## title`."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

from mailer.model.columns import width
from mailer.rendering.paste import dates, enumerators, numbers, shapes, tails, titles
from mailer.rendering.paste.letters import fold
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report

LEAST = 2  # titles of one form
SHORT = 20  # columns of a title above signs, which a headline has above the points of its text

_BRACKETS = re.compile(r"[\[(（<〈〔]([^\W\d][^\[\]()（）<>〈〉〔〕]{0,24})[\])）>〉〕]")
_FIELD = re.compile(r"(0\d|\d{1,2})\s*[|｜丨/·.、]\s*([\u3400-\u9fff]{2,4}|[A-Z][a-z]{2,11})")
_STOP = re.compile(r".{6,}[。！？.!?]")
_NUMBER = re.compile(r"(?:part|no\.?|第)?\W*(\d{1,2})\W*(?:部分)?", re.IGNORECASE)


def mark(lines: list[Line], report: Report) -> list[Line]:
    """The lines with such titles marked."""
    return _below_numbers(_in_brackets(_behind_numbers(lines, report), report), report)


def _behind_numbers(lines: list[Line], report: Report) -> list[Line]:
    """A word or two behind each number (`01 | Retail`), each above a headline with its text."""
    filled = [i for i, line in enumerate(lines) if line.text]
    at = {index: place for place, index in enumerate(filled)}
    found = {i: match for i in filled if (match := _FIELD.fullmatch(lines[i].text))}
    counted = [int(match[1]) for match in found.values()]
    if len(found) < LEAST or counted != list(range(1, len(counted) + 1)):
        return lines
    below = [filled[at[index] + 1 : at[index] + 3] for index in found]
    told = (len(two) == 2 and shapes.is_headline(lines[two[0]]) and _STOP.search(lines[two[1]].text) for two in below)
    if not all(told):
        return lines
    what = "%(count)s words behind numbers, above headlines, taken as titles"
    report.add(lines[min(found)].number, "guess", what, count=len(found))
    headlines = {two[0] for two in below}
    written: list[Line] = []
    for index, line in enumerate(lines):
        text = f"## {found[index][2]}" if index in found else f"● {line.text}" if index in headlines else line.text
        written.append(replace(line, text=text))
    return written


def _in_brackets(lines: list[Line], report: Report) -> list[Line]:
    """Words alone in brackets (`[Paper]`), each above an item.

    A source in brackets stands below; here one stands above the first item, too.
    """
    filled = [i for i, line in enumerate(lines) if line.text]
    begins = {i for i in filled if _begins(lines[i].text) and not titles.is_date(lines[i].text)}
    begins -= {i for i in filled[:1] if dates.find(lines[i].text, dates.SOME_DAY)}  # `* Name 2026-05-21`
    found = {i: lines[i].text[1:-1] for i in filled if _BRACKETS.fullmatch(fold(lines[i].text))}
    found = {i: name for i, name in found.items() if lines[i].text[0] == lines[min(found)].text[0]}  # of one kind
    below = dict(itertools.pairwise(filled))
    if len(found) < LEAST or min(found) > min(begins, default=0) or any(below.get(i) not in begins for i in found):
        found = _behind_sources(lines, found, begins)
    if not found:
        return lines
    what = "%(count)s words in brackets above items taken as titles"
    report.add(lines[min(found)].number, "guess", what, count=len(found))
    return [replace(line, text=f"## {found[i]}") if i in found else line for i, line in enumerate(lines)]


def _behind_sources(lines: list[Line], found: dict[int, str], begins: set[int]) -> dict[int, str]:
    """Such words that can name no source: the item above has one, or a blank line stands above and an item below."""
    told = {
        i: name
        for i, name in found.items()
        if i + 1 in begins and (not lines[i - 1].text or tails.names_one(lines[i - 1].text)) and i
    }
    return told if len(told) > 1 and any(lines[i - 1].text for i in told) and [*told.values()] else {}


def _below_numbers(lines: list[Line], report: Report) -> list[Line]:
    """Words below a number alone (`01`), where the items below them begin with a sign of their own or are several."""
    filled = [i for i, line in enumerate(lines) if line.text]
    below = dict(itertools.pairwise(filled))
    alone = [i for i in filled if (match := _NUMBER.fullmatch(lines[i].text)) and int(match[1])]
    counted = [int(match[1]) for i in alone if (match := _NUMBER.fullmatch(lines[i].text))]
    found = {number: below.get(number, -1) for number in alone}
    if len(found) < LEAST or counted != list(range(1, len(counted) + 1)) or -1 in found.values():
        return lines
    over = [below.get(title, -1) for title in found.values()]
    marked = all(at >= 0 and _begins(lines[at].text) for at in over)
    short = marked and all(width(lines[i].text) <= SHORT for i in found.values())
    if not (short or numbers.hold_several(lines, [*found.values()])):
        return lines
    if any(titles.heading(lines[i].text) is None for i in found.values()):
        return lines
    what = "%(count)s lines below a number alone taken as titles"
    report.add(lines[alone[0]].number, "guess", what, count=len(found))
    named = {*found.values()}
    kept = (replace(line, text=f"## {line.text}") if i in named else line for i, line in enumerate(lines))
    return [line for i, line in enumerate(kept) if i not in found]


def _begins(text: str) -> bool:
    headed = text.startswith("### ")
    return (
        headed or enumerators.is_numbered(text) or (enumerators.bullet(text) or enumerators.bracketed(text)) is not None
    )
