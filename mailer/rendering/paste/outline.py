"""Which lines of a digest begin its items, and which are section titles."""

from __future__ import annotations

import itertools
import re
from bisect import bisect
from collections import Counter
from dataclasses import dataclass, field

from mailer.errors import SourceError
from mailer.rendering.paste import (
    bullets,
    dates,
    doubled,
    enumerators,
    grammar,
    leads,
    lists,
    numbers,
    shapes,
    sources,
    tails,
    titled,
    titles,
    unmarked,
)
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report
from mailer.sentence import Sentence

UNNUMBERED = frozenset(
    ("bracketed", "bullet", "headed", "bold", "signs", "sources", "lines", "blocks", "titled", "shape")
)

_WITHOUT_BULLETS = frozenset(("sources", "lines", "blocks"))
_UNMARKED = frozenset(("sources", "lines", "blocks", "titled", "shape"))
_SIGNED_NUMBER = re.compile(r"[^\w\s]?(\d{1,2})[^\w\s%％]\s*(\S.*)")  # `«1» ...`, `·1· ...`
CLEARLY = 0.2  # how much more of the sources another way must part to be taken


@dataclass(slots=True)
class Outline:
    """`starts` maps the index of an item's first line to its headline text; `titles` an index to a section's title.

    `noted` is what there is to report of it; `others` are the items told in another form than most.
    """

    starts: dict[int, str]
    titles: dict[int, str]
    family: str
    noted: Report
    others: set[int] = field(default_factory=set)

    def numbers(self, lines: list[Line]) -> list[tuple[int, int]]:
        """Where items begin that have a number, with that number."""
        marked = ((at, enumerators.marks(lines[at].text)) for at in sorted(self.starts))
        return [(at, marks[0].number) for at, marks in marked if marks]


def find(lines: list[Line]) -> Outline | None:
    """The outline of a digest, or None where nothing is numbered, bulleted or bracketed like one.

    Lists beside the items, in a form of their own, are left aside first where the others make a digest.
    """
    aside = lists.find(lines)
    bare = aside.without(lines, contents=False)
    found = _find(bare)
    if found and max(aside.contents, default=-1) >= min(found.starts):
        found = _find(aside.without(lines, contents=True)) or found
    least = 1 if found and found.family == "headed" else 3
    if found is None or (aside.entries and len(found.starts) < least):
        return _find(lines) if bare is not lines else found
    first = min([*found.starts, *found.titles])
    ours = {index: title for index, title in aside.titles.items() if index > first}
    below = {index: text for index, text in aside.entries.items() if ours and index > min(ours)}
    for index, title in ours.items():
        found.noted.found(lines[index].number, "section", "taken as a section title above a list", title)
    return Outline({**found.starts, **below}, {**found.titles, **ours}, found.family, found.noted)


def _find(lines: list[Line]) -> Outline | None:
    """The outline by the first way to tell items that finds some.

    Where most of its items hold the sources of several, it is another way that parts these.
    """
    best: tuple[float, Outline] | None = None
    for attempt in _WAYS:
        noted = Report()
        starts, family = attempt(lines, noted)
        starts = _without_head_and_foot(lines, starts)
        if len(starts) > numbers.MOST_ITEMS:
            what = "%(count)s numbered lines are no digest; paste one issue alone"
            where = Sentence("line %(number)s", number=lines[min(starts)].number)
            raise SourceError(Sentence(what, count=f"{len(starts):,}"), where=where)
        if not starts:
            continue
        if family in _WITHOUT_BULLETS:
            starts = _without_marks(starts)
        outline = Outline(starts, titles.find(lines, starts, noted), family, noted)
        others = {} if family in _UNMARKED else doubled.find(lines, starts, outline.titles)
        outline.starts = dict(sorted({**starts, **others}.items()))
        for index, text in others.items():
            noted.add(lines[index].number, "guess", "taken as an item for its source; it has no mark", text)
        parted = _parted(lines, outline)
        if best is None or (parted >= best[0] + CLEARLY and _holds(lines, outline, best[1])):
            best = parted, outline
        if best[0] == 1:
            break
    return best[1] if best else None


def _without_marks(starts: dict[int, str]) -> dict[int, str]:
    """The headlines without the bullet or the number that most of them begin with, or another bullet instead."""
    bullets_of = {index: enumerators.bullet(text) for index, text in starts.items()}
    _, most = Counter(bullet[0] if bullet else "" for bullet in bullets_of.values()).most_common(1)[0]
    marked = {index: bullet[1] for index, bullet in bullets_of.items() if bullet}
    if most * 5 >= len(starts) * 3 and len(marked) >= most:
        starts = {**starts, **marked}
    sure = {i: enumerators.marks(text)[0] for i, text in starts.items() if enumerators.is_numbered(text)}
    counted = {i: (mark.number, mark.rest) for i, mark in sure.items() if mark.rest}
    signed = {i: (int(match[1]), match[2]) for i, text in starts.items() if (match := _SIGNED_NUMBER.fullmatch(text))}
    for numbered in (counted, signed):
        told = [number for number, _ in numbered.values()]
        if len(numbered) * 5 >= len(starts) * 3 and told == sorted({*told}):
            return {**starts, **marked, **{index: rest for index, (_, rest) in numbered.items()}}
    return starts


def _without_head_and_foot(lines: list[Line], starts: dict[int, str]) -> dict[int, str]:
    """The items without a first line that is the digest's head and a last one that is its foot or a call.

    They look like items, but lack the text or source that all others have, and hold the date or what a foot does.
    """
    ordered = sorted(starts)
    if len(ordered) < 4:
        return starts
    told = {
        one: any(lines[i].text and not _is_shown_title(lines[i]) for i in range(one + 1, two))
        or tails.names_one(lines[one].text)
        for one, two in itertools.pairwise([*ordered, len(lines)])
    }
    first, last = ordered[0], ordered[-1]
    if grammar.invites(lines[last].text) and not any(line.text for line in lines[last + 1 : last + 2]):
        del starts[last]
        return starts
    if not all(told[index] for index in ordered[1:-1]):
        return starts
    if not told[first] and dates.find(starts[first], dates.SOME_DAY):
        starts = {index: text for index, text in starts.items() if index != first}
    for index in reversed(ordered[2:]):  # what belongs to the page may look as items do
        if not grammar.is_closing(starts[index]) or tails.names_one(lines[index].text):
            break
        del starts[index]
    if last not in starts:
        return starts
    if told[ordered[0]] or first not in starts:
        bare = starts[last] if not tails.names_one(starts[last]) else ""
        if bare and not told[last] and grammar.is_foot_or_call(bare):
            starts = {index: text for index, text in starts.items() if index != last}
    return starts


def _is_shown_title(line: Line) -> bool:
    """Whether a line is a heading, or a title in bold capitals."""
    return line.text.startswith("#") or (line.bold and line.text.isupper())


def _holds(lines: list[Line], outline: Outline, other: Outline) -> bool:
    """Whether an outline begins no later than another, or what that has above is named again: its contents."""
    first = min([*outline.starts, *outline.titles])
    above = [index for index in other.starts if index < first]
    if all(leads.is_label(other.starts[index]) for index in above):  # the entries stand below
        above = [i for i in range(min(above, default=first) + 1, first) if lines[i].text]
    entries = [(enumerators.bullet(lines[i].text) or ("", other.starts.get(i, lines[i].text)))[1] for i in above]
    again = leads.match(entries, [*outline.starts.values()])
    return min([*other.starts, *other.titles]) >= first or (bool(entries) and None not in again)


def _parted(lines: list[Line], outline: Outline) -> float:
    """The share of the sources below the first item that are the only one of theirs."""
    shown = (i for i, line in enumerate(lines) if i and line.text.isupper() and _is_short_title(lines, i))
    borders = sorted({*outline.starts, *outline.titles, *shown, len(lines)})
    below = range(max(outline.starts) + 1, len(lines))
    stop = next((i for i in below if grammar.is_call(lines[i].text) and not tails.names_one(lines[i].text)), len(lines))
    ends = tails.ends(lines, range(min(outline.starts), stop))
    owners = Counter(bisect(borders, end) for end in ends)
    return len(owners) / len(ends) if ends else 1.0


def _is_short_title(lines: list[Line], index: int) -> bool:
    """Whether a line, all in capitals, stands alone below a blank line: a section's title."""
    return not lines[index - 1].text and re.fullmatch(r"[A-Z][A-Z &'’]{2,20}", lines[index].text) is not None


def _bracketed(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    found = {
        index: line.text
        for index, line in enumerate(lines)
        if index and enumerators.bracketed(line.text) and sources.source_line(line.text) is None
    }
    filled = [index for index, line in enumerate(lines) if line.text]
    below = dict(itertools.pairwise(filled))
    above = {two: one for one, two in itertools.pairwise(filled)}
    texts = [i for i in found if (title := above.get(i)) is not None and _is_over_text(lines, title, i)]
    if len(texts) == len(found) and all((enumerators.bracketed(text) or ("", ""))[1] for text in found.values()):
        return {}, ""  # each is the text of a marked headline directly above
    bare = (i for i, text in found.items() if not (enumerators.bracketed(text) or ("", ""))[1])
    over = [i for i in bare if enumerators.bullet(lines[below.get(i, 0)].text) or below.get(i) in found]
    named = [i for i in over if sources.is_marked_name(lines[i].text)]
    if len(over) * 2 > len(found):
        found = {} if any(below.get(i) not in found for i in over) else found
    else:  # a title among headlines of the same form has no text of its own
        found = {index: text for index, text in found.items() if index not in named}
    items = len(found) >= 3 and not (
        numbers.hold_several(lines, list(found)) or titled.are_titles(lines, sorted(found))
    )
    return (found, "bracketed") if items else ({}, "")


def _is_over_text(lines: list[Line], title: int, index: int) -> bool:
    """Whether a line behind a bullet, or a headline with a blank line above, stands directly above a text."""
    if enumerators.bullet(lines[title].text):
        return True
    apart = title > 0 and not lines[title - 1].text and title == index - 1
    return apart and shapes.is_headline(lines[title]) and shapes.is_text(lines[index].text)


def _headed(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    """Items without a number under headings of the third level, as on a web page or in Markdown."""
    found = {index: line.text[4:].strip() for index, line in enumerate(lines) if line.text.startswith("### ")}
    below = dict(itertools.pairwise(index for index, line in enumerate(lines) if line.text))
    found = {i: text for i, text in found.items() if not grammar.is_byline(lines[below.get(i, i)].text)}
    if numbers.hold_several(lines, list(found)):
        return {}, ""
    told = 0
    for index in found:
        line = next((line for line in lines[index + 1 :] if line.text), None)
        begins = line and (line.bold or line.text[:1] == "#" or line.text[:2] == "**" or enumerators.bullet(line.text))
        told += bool(line and not begins)
    sections = sum(line.text.startswith("## ") for line in lines)
    if not found or (len(found) < 2 and sections < 3) or told * 2 < len(found):
        return {}, ""
    what = "no numbers; %(count)s headings of one level taken as items"
    report.add(lines[min(found)].number, "guess", what, count=len(found))
    return found, "headed"


def _bolded(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    """Items without any mark whose headlines are lines in bold, text below each."""
    first = {index: line.text for index, line in enumerate(lines) if grammar.begins_bold(line.text)}
    head = next((i for i, line in enumerate(lines) if line.text and not grammar.is_rule(line.text)), -1)
    if head in first and dates.find(first[head], dates.SOME_DAY):
        del first[head]  # the name in bold, and the day
    if len(first) >= 3 and all(lines[index].text.startswith("**") for index in first):
        what = "no numbers; %(count)s lines with a bold beginning taken as items"
        report.add(lines[min(first)].number, "guess", what, count=len(first))
        return first, "bold"
    bold = [index for index, line in enumerate(lines) if line.bold]
    below = {index: next((line for line in lines[index + 1 : index + 3] if line.text), None) for index in bold}
    told = [i for i, line in below.items() if line and not (line.bold or line.text.startswith("#"))]
    if len(told) < 3 or _hold_one_liners(lines, bold):
        return {}, ""
    what = "no numbers; %(count)s lines in bold taken as headlines"
    report.add(lines[told[0]].number, "guess", what, count=len(told))
    return {index: lines[index].text for index in told}, "bold"


def _hold_one_liners(lines: list[Line], bold: list[int]) -> bool:
    """Whether some bold line stands over several lines that end in a source each: a title, and so are the others."""
    for one, two in itertools.pairwise([*bold, len(lines)]):
        texts = [line.text for line in lines[one + 1 : two] if line.text]
        if len(texts) >= 3 and all(tails.source_at_end(text, lenient=True) for text in texts[:3]):
            return True
    return False


_WAYS = (
    numbers.find,
    _bracketed,
    _headed,
    bullets.find,
    unmarked.by_signs,
    unmarked.by_sources,
    _bolded,
    unmarked.one_liners,
    unmarked.by_blocks,
    unmarked.by_days,
    unmarked.by_count,
    unmarked.by_signs_alone,
    titled.find,
    shapes.find,
)
