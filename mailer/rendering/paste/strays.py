"""Items without the mark that all others have, known by their title and their source."""

from __future__ import annotations

import itertools
import re
from bisect import bisect

from mailer.model.columns import width
from mailer.rendering.paste import dates, grammar, leads, shapes, sources, tails, titles
from mailer.rendering.paste.letters import fold
from mailer.rendering.paste.line import Line, blocks_of
from mailer.rendering.paste.outline import Outline

TITLE = 24  # columns of a section's title
_HIDDEN = re.compile(r"(\d{1,2})[.．](\d.*)")


def add(lines: list[Line], outline: Outline) -> Outline:
    """The outline with such items: of a section that has but one, and above the first mark or below the last."""
    _below_marked_titles(lines, outline)
    _beyond_marks(lines, outline)
    _headings(lines, outline)
    _hidden_numbers(lines, outline)
    return outline


def _hidden_numbers(lines: list[Line], outline: Outline) -> None:
    """A headline that begins with digits of its own (`6.48 yuan less`), where the number before them is missing."""
    for (above, before), (below, after) in itertools.pairwise(outline.numbers(lines)):
        for at in range(above + 1, below if after == before + 2 else 0):
            hidden = _HIDDEN.fullmatch(fold(lines[at].text))
            if at == above + 1 and shapes.is_text(lines[at].text):
                continue  # the text of the item above begins with a figure
            if hidden and int(hidden[1]) == before + 1:
                outline.starts[at] = lines[at].text[hidden.start(2) :]
                outline.starts = dict(sorted(outline.starts.items()))
                break


def _headings(lines: list[Line], outline: Outline) -> None:
    """Headings between two items are titles, even with something else above their first item, which is left out."""
    ordered = sorted(outline.starts)
    for index in range(ordered[0], ordered[-1]):
        text = lines[index].text
        if not text.startswith("## ") or index in outline.titles or index in outline.starts:
            continue
        after = ordered[bisect(ordered, index)]
        if any(index < title < after for title in outline.titles) or not (found := titles.heading(text)):
            continue
        outline.titles[index] = found[0]
        outline.noted.found(lines[index].number, "section", "taken as a section title", found[0])
        for line in lines[index + 1 : after]:
            if line.text:
                outline.noted.drop(line.number, "line between a title and its first item dropped", line.text)


def _below_marked_titles(lines: list[Line], outline: Outline) -> None:
    ordered = sorted([*outline.starts, *outline.titles, len(lines)])
    bracketed = [i for i, line in enumerate(lines) if sources.is_marked_name(line.text)]
    if len(outline.titles.keys() & set(bracketed)) < 2:
        return
    for index in bracketed:
        until = ordered[bisect(ordered, index)]
        below = [i for i in range(index + 1, until) if lines[i].text]
        if index not in outline.titles and len(below) > 1 and tails.names_one(lines[below[-1]].text):
            _take(lines, outline, below[0], index)


def _beyond_marks(lines: list[Line], outline: Outline) -> None:
    """Blocks of a headline with its source, perhaps below a title and above a text, where most headlines have one."""
    headlines = [*outline.starts.values()]
    told = sum(tails.source_at_end(text, lenient=True) is not None for text in headlines)
    if len(headlines) < 3 or told * 5 < len(headlines) * 4:
        return
    first, last = min([*outline.starts, *outline.titles]), max(outline.starts)
    for block in blocks_of(lines):
        if not (block[-1] < first or block[0] > last):
            continue
        story = len(block) > 1 and width(lines[block[0]].text) > TITLE and shapes.is_text(lines[block[1]].text)
        titled = len(block) > 1 and not story and titles.heading(lines[block[0]].text) is not None
        at = block[titled]
        text = lines[at].text
        rest = block[titled + 1 :]
        ends = lines[block[-1]].text if story else text
        named = tails.source_at_end(ends, lenient=not story) is not None and not grammar.is_saying(text)
        named = named and leads.SEPARATOR.search(text) is None
        texts = all(shapes.is_text(lines[i].text) for i in rest)
        of_page = any(_is_of_page(lines[i].text) for i in (block[:1] if story else block))
        if named and texts and (titled or rest) and not of_page:
            _take(lines, outline, at, block[0] if titled else None)


def _is_of_page(text: str) -> bool:
    dated = dates.find(text, dates.SOME_DAY) or re.search(grammar.EDITION, text, re.IGNORECASE)
    return bool(dated) or grammar.is_foot_or_call(text)


def _take(lines: list[Line], outline: Outline, start: int, title: int | None) -> None:
    outline.starts[start] = lines[start].text
    outline.noted.add(
        lines[start].number, "guess", "taken as an item for its source; it has no mark", lines[start].text
    )
    if title is not None:
        outline.titles[title] = (titles.heading(lines[title].text) or (lines[title].text.strip("【】_"), True))[0]
        outline.noted.found(lines[title].number, "section", "taken as a section title", outline.titles[title])
