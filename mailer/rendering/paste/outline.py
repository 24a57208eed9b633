"""Which lines of a digest begin its items, and which are section titles."""

from __future__ import annotations

import itertools
import re
from bisect import bisect
from collections import Counter
from dataclasses import dataclass
from datetime import date

from mailer.errors import SourceError
from mailer.model.columns import width
from mailer.rendering.paste import dates, enumerators, grammar, leads, numbers, shapes, sources, tails, titles
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report

UNNUMBERED = frozenset(("bracketed", "bullet", "headed", "bold", "sources", "lines", "shape"))

CLEARLY = 0.2  # how much more of the sources another way must part to be taken


@dataclass(slots=True)
class Outline:
    """`starts` maps the index of an item's first line to its headline text; `titles` an index to a section's title.

    `noted` is what there is to report of it.
    """

    starts: dict[int, str]
    titles: dict[int, str]
    family: str
    noted: Report


def find(lines: list[Line]) -> Outline | None:
    """The outline of a digest, or None where nothing is numbered, bulleted or bracketed like one.

    The first way to tell items that finds some is taken, unless most of its items hold the sources of several and
    another way parts these.
    """
    best: tuple[float, Outline] | None = None
    for attempt in (numbers.find, _bracketed, _headed, _bulleted, _by_sources, _bolded, _one_liners, shapes.find):
        noted = Report()
        starts, family = attempt(lines, noted)
        starts = _without_head_and_foot(lines, starts)
        if len(starts) > numbers.MOST_ITEMS:
            message = f"{len(starts):,} numbered lines are no digest; paste one issue alone"
            raise SourceError(message, where=f"line {lines[min(starts)].number}")
        if not starts:
            continue
        outline = Outline(starts, titles.find(lines, starts, noted), family, noted)
        parted = _parted(lines, outline)
        if best is None or (parted >= best[0] + CLEARLY and _holds(outline, best[1])):
            best = parted, outline
        if best[0] == 1:
            break
    return best[1] if best else None


def _without_head_and_foot(lines: list[Line], starts: dict[int, str]) -> dict[int, str]:
    """The items without a first line that is the digest's head and a last one that is its foot or a call.

    They look like items, but lack the text or source that all others have, and hold the date or what a foot does.
    """
    ordered = sorted(starts)
    if len(ordered) < 4:
        return starts
    told = {
        one: any(lines[i].text for i in range(one + 1, two)) or tails.names_one(lines[one].text)
        for one, two in itertools.pairwise([*ordered, len(lines)])
    }
    first, last = ordered[0], ordered[-1]
    if not all(told[index] for index in ordered[1:-1]):
        return starts
    if not told[first] and dates.find(starts[first], date(2000, 1, 1)):
        starts = {index: text for index, text in starts.items() if index != first}
    if told[ordered[0]] or first not in starts:
        bare = starts[last] if not tails.names_one(starts[last]) else ""
        if bare and not told[last] and (grammar.is_foot(bare) or grammar.is_call(bare)):
            starts = {index: text for index, text in starts.items() if index != last}
    return starts


def _holds(outline: Outline, other: Outline) -> bool:
    """Whether an outline begins no later than another, or what that has above is named again: its contents."""
    first = min([*outline.starts, *outline.titles])
    above = [text for index, text in other.starts.items() if index < first]
    again = leads.match(above, [*outline.starts.values()])
    return min([*other.starts, *other.titles]) >= first or (bool(above) and None not in again)


def _parted(lines: list[Line], outline: Outline) -> float:
    """The share of the sources below the first item that are the only one of theirs."""
    borders = sorted([*outline.starts, *outline.titles, len(lines)])
    ends = [i for i in range(min(outline.starts), len(lines)) if tails.names_one(lines[i].text)]
    owners = Counter(bisect(borders, end) for end in ends)
    return len(owners) / len(ends) if ends else 1.0


def _bracketed(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    found = {
        index: line.text
        for index, line in enumerate(lines)
        if index and enumerators.bracketed(line.text) and sources.source_line(line.text) is None
    }
    filled = [index for index, line in enumerate(lines) if line.text]
    below = dict(itertools.pairwise(filled))
    titled = (i for i, text in found.items() if not (enumerators.bracketed(text) or ("", ""))[1])
    over = [i for i in titled if enumerators.bullet(lines[below.get(i, 0)].text) or below.get(i) in found]
    bare = [i for i in over if sources.is_marked_name(lines[i].text)]
    if len(over) * 2 > len(found):
        found = {} if any(below.get(i) not in found for i in over) else found
    else:  # a title among headlines of the same form has no text of its own
        found = {index: text for index, text in found.items() if index not in bare}
    return (found, "bracketed") if len(found) >= 3 and not numbers.hold_several(lines, list(found)) else ({}, "")


def _headed(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    """Items without a number under headings of the third level, as on a web page or in Markdown."""
    found = {index: line.text[4:].strip() for index, line in enumerate(lines) if line.text.startswith("### ")}
    if numbers.hold_several(lines, list(found)):
        return {}, ""
    told = 0
    for index in found:
        line = next((line for line in lines[index + 1 :] if line.text), None)
        told += bool(line and not line.bold and not line.text.startswith("#") and not enumerators.bullet(line.text))
    if len(found) < 2 or told * 2 < len(found):
        return {}, ""
    report.add(lines[min(found)].number, "guess", f"no numbers; {len(found)} headings of one level taken as items")
    return found, "headed"


def _bulleted(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    found = [
        (index, pair)
        for index, line in enumerate(lines)
        if (pair := enumerators.bullet(line.text)) and not sources.is_labelled(line.text)
    ]
    counts = Counter(pair[0] for _, pair in found)
    bulleted = dict(found)
    filled = [index for index, line in enumerate(lines) if line.text]
    below = {one: bulleted.get(two, ("",))[0] for one, two in itertools.pairwise(filled)}
    for mark, count in counts.most_common():
        starts = {index: pair[1] for index, pair in found if pair[0] == mark}
        titles = sum(below.get(index, "") not in ("", mark) for index in starts)
        if count >= 2 and titles < count and not numbers.hold_several(lines, list(starts)):
            return starts, "bullet"
    return {}, ""


def _by_sources(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    """Items without any mark: the first line after a source ends the item before."""
    alone = [i for i, line in enumerate(lines) if line.text and not line.bold and sources.source_line(line.text)]
    ends = alone or [i for i, line in enumerate(lines) if tails.source_at_end(line.text, lenient=False)]
    over = [i for i in ends if not (i and lines[i - 1].text) and i + 1 < len(lines) and lines[i + 1].text]
    if not alone and len(over) >= 3 and len(over) * 5 >= len(ends) * 4:  # the source is in the headline, the text below
        report.add(lines[over[0]].number, "guess", f"no numbers; {len(over)} lines with a source taken as headlines")
        return {index: lines[index].text for index in over}, "sources"
    between = [i for i in alone if _is_below_first(lines, i) and i + 1 < len(lines) and lines[i + 1].text]
    if len(between) >= 3 and len(between) * 5 >= len(alone) * 4:  # headline, source, text
        report.add(
            lines[between[0]].number, "guess", f"no numbers; {len(between)} lines above a source taken as headlines"
        )
        return {index - 1: lines[index - 1].text for index in between}, "sources"
    starts: dict[int, str] = {}
    previous: int | None = None
    for index in ends:  # a link in bold is a headline
        above = range((previous if previous is not None else -1) + 1, index + (not alone))
        block = [i for i in above if _is_filled(lines[i].text) and not grammar.is_picture(lines[i].text)]
        if previous is None:  # the first block may begin with the head of the digest
            blank = next((i for i in range(index - 1, -1, -1) if not _is_filled(lines[i].text)), -1)
            block = [i for i in block if i > blank] or block[-2:]
            if len(block) == 1 and blank > 0:
                block = [i for i in range(blank) if lines[i].text][-1:] + block
            if len(block) > 2 and dates.find(lines[block[0]].text, date(2000, 1, 1)):
                block = block[1:]  # name and date stand directly above the first item
        if len(block) > 2 and shapes.is_headline(lines[block[0]]) and shapes.is_headline(lines[block[1]]):
            block = block[1:]  # a section's title stands above the headline
        if block:
            starts[block[0]] = lines[block[0]].text
        previous = index
    if len(starts) < 3 or (not alone and any(start in ends or width(text) > 80 for start, text in starts.items())):
        return {}, ""
    report.add(lines[min(starts)].number, "guess", f"no numbers; {len(starts)} items found by their source lines")
    return starts, "sources"


def _headline_above(lines: list[Line], index: int, found: list[int]) -> int:
    """Where the item of a line begins: at the line above, if that is its headline and this one is its text."""
    above = index - 1
    source = tails.source_at_end(lines[index].text, lenient=False)
    if source is None or re.search(r"[.。!！?？]$", source[0]) is None or above < 0 or above in found:
        return index
    alone = above == 0 or not lines[above - 1].text
    headline = lines[above].text != "" and shapes.is_headline(lines[above])
    return above if headline and (not alone or width(lines[above].text) >= 24) else index


def _has_name_behind(text: str) -> bool:
    """Whether a line may be a headline with a name in parentheses or behind a dash."""
    return tails.source_at_end(text, lenient=True) is not None or tails.behind_headline(text) is not None


def _is_filled(text: str) -> bool:
    return text != "" and not grammar.is_rule(text)


def _is_below_first(lines: list[Line], index: int) -> bool:
    """Whether the line above is the first of its block."""
    return index > 0 and lines[index - 1].text != "" and (index == 1 or not lines[index - 2].text)


def _bolded(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    """Items without any mark whose headlines are lines in bold, text below each."""
    first = {index: line.text for index, line in enumerate(lines) if grammar.bold_first(line.text)}
    if len(first) >= 3 and all(lines[index].text.startswith("**") for index in first):
        report.add(
            lines[min(first)].number, "guess", f"no numbers; {len(first)} lines with a bold beginning taken as items"
        )
        return first, "bold"
    bold = [index for index, line in enumerate(lines) if line.bold]
    below = {index: next((line for line in lines[index + 1 : index + 3] if line.text), None) for index in bold}
    told = [i for i, line in below.items() if line and not (line.bold or line.text.startswith("#"))]
    if len(told) < 3:
        return {}, ""
    report.add(lines[told[0]].number, "guess", f"no numbers; {len(told)} lines in bold taken as headlines")
    return {index: lines[index].text for index in told}, "bold"


def _one_liners(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    """Items without any mark, each one line with its source behind it."""
    filled = [index for index, line in enumerate(lines) if line.text]
    found = [
        index
        for index in filled
        if width(lines[index].text) > 24 and tails.source_at_end(lines[index].text, lenient=False)
    ]
    before = [index for index in filled if tails.before_headline(lines[index].text)]
    if len(before) > len(found) and tails.stand_before_headlines([lines[index].text for index in before]):
        found = before
    if len(found) < 3:
        found = [i for i in filled if _has_name_behind(lines[i].text)]
    below = [index for index in filled if found and index >= found[0]]
    if len(found) < 3 or len(found) * 2 < len(below):
        return {}, ""
    report.add(lines[found[0]].number, "guess", f"no numbers; {len(found)} lines with a source taken as items")
    starts = [_headline_above(lines, index, found) for index in found]
    return {index: lines[index].text for index in starts}, "lines"
