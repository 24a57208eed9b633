"""Items without any mark, known by short titles above them that look alike: in brackets, numbered, behind a sign."""

from __future__ import annotations

import itertools
from collections import defaultdict

from mailer.model.columns import width
from mailer.rendering.paste import dates, entries, enumerators, grammar, shapes, sources, tails, titles
from mailer.rendering.paste.line import Line, blocks_of
from mailer.rendering.paste.report import Report

LEAST = 2  # titles
SHORTEST = 8  # columns of a title that nothing but its place marks


def find(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    """What stands below such titles: headlines above texts, a story, or a line each."""
    for found in _candidates(lines):
        if not are_titles(lines, found):
            continue
        starts: dict[int, str] = {}
        for one, two in itertools.pairwise([*found, len(lines)]):
            starts |= entries.of(lines, _below(lines, one, two))
        if len(starts) < 3:
            continue
        what = "no numbers; %(count)s items found below short titles"
        report.add(lines[min(starts)].number, "guess", what, count=len(starts))
        return starts, "titled"
    return {}, ""


def are_titles(lines: list[Line], found: list[int]) -> bool:
    """Whether lines are titles, and no headlines: short, each over something, and over several items by their shape."""
    several = 0
    for one, two in itertools.pairwise([*found, len(lines)]):
        group = _below(lines, one, two)
        if not group or width(lines[one].text.strip("【】 ")) > entries.WIDEST_TITLE:
            return False
        several += len(entries.of(lines, group)) > 1 or _are_headline_and_text(lines, group)
    return several > 0


def _are_headline_and_text(lines: list[Line], group: list[int]) -> bool:
    """Whether a section is an item of its own: a headline above a text."""
    texts = [lines[i] for i in group if sources.source_line(lines[i].text) is None]
    return len(texts) > 1 and shapes.is_headline(texts[0]) and shapes.is_text(texts[1].text)


def _below(lines: list[Line], one: int, two: int) -> list[int]:
    """The lines of a section, up to what belongs to the page; of the last one to a blank line, if none is inside."""
    group: list[int] = []
    for index in range(one + 1, two):
        text = lines[index].text
        last = two == len(lines) and len(group) > 1 and group[-1] == group[0] + len(group) - 1
        if (text and (grammar.is_foot_or_call(text) or grammar.is_rule(text)) and group) or (not text and last):
            break
        group += [index] if text and not grammar.is_rule(text) else []
    return group if any(not grammar.is_foot_or_call(lines[i].text) for i in group) else []


def _candidates(lines: list[Line]) -> list[list[int]]:
    """The lines that may be titles, by what marks them; those in brackets first."""
    forms: defaultdict[str, list[int]] = defaultdict(list)
    filled = [i for i, line in enumerate(lines) if line.text]
    for index in filled[1:]:
        text = lines[index].text
        title = titles.heading(text)
        if title is None or titles.is_of_the_page(text) or titles.is_date(title[0]) or grammar.is_foot_or_call(text):
            continue
        bracketed = enumerators.bracketed(text)
        if bracketed and not bracketed[1]:
            forms["【"].append(index)
        elif (form := entries.form(lines[index])) not in ("plain", "bold", "【"):
            forms[form].append(index)
    forms["blocks"] = _first_of_blocks(lines)
    return [found for form, found in sorted(forms.items()) if len(found) >= LEAST and _run_on(lines, found, form)]


def _run_on(lines: list[Line], found: list[int], form: str) -> bool:
    """Whether numbers before titles run on from one; true where they have none."""
    if form not in enumerators.SECTIONS:
        return True
    numbers = [next(m.number for m in enumerators.marks(lines[i].text) if m.family == form) for i in found]
    return numbers == list(range(1, len(numbers) + 1))


def _first_of_blocks(lines: list[Line]) -> list[int]:
    """The first lines of blocks, where nearly all begin with a word or two above longer lines that are no sentences."""
    blocks = [block for block in blocks_of(lines) if not grammar.is_foot_or_call(lines[block[0]].text)]
    blocks = [block for block in blocks[1:] if not titles.is_date(lines[block[0]].text)]
    found = [
        block[0]
        for block in blocks
        if len(block) > 2
        and width(lines[block[0]].text) <= SHORTEST
        and all(width(lines[i].text) >= 2 * SHORTEST for i in block[1:])
        and dates.find(lines[block[0]].text, dates.SOME_DAY) is None
    ]
    named = sum(tails.names_one(lines[i].text) or shapes.is_text(lines[i].text) for block in blocks for i in block)
    return found if len(found) * 3 >= len(blocks) * 2 and named * 2 <= sum(map(len, blocks)) else []
