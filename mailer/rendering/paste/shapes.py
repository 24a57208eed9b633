"""Items without any mark, told by their shape alone: a headline, which is no sentence, above its text."""

from __future__ import annotations

import itertools
import re

from mailer.model.columns import width
from mailer.rendering.paste import dates, grammar, links, sources, tails
from mailer.rendering.paste.line import Line, blocks_of
from mailer.rendering.paste.report import Report

_SENTENCE = re.compile(r"[.。!！?？…;；:：，,]['\"”’」』)）]*$")
MOST_PARAGRAPHS = 6
LEAST = 3  # blocks with a source


def find(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    """Headlines directly above a text; none where a text runs on as an article's does."""
    filled = [index for index, line in enumerate(lines) if line.text and not grammar.is_rule(line.text)]
    starts = {
        one: lines[one].text
        for one, two in itertools.pairwise(filled)
        if is_headline(lines[one]) and is_text(lines[two].text)
    }
    inside = [i for i in filled if starts and i > min(starts) and is_text(lines[i].text)]
    if len(starts) < 3 or len(inside) > MOST_PARAGRAPHS * len(starts):
        return {}, ""
    what = "no numbers; %(count)s lines above a text taken as headlines"
    report.add(lines[min(starts)].number, "guess", what, count=len(starts))
    return starts, "shape"


def is_headline(line: Line) -> bool:
    """Whether a line may be a headline or a title: no sentence, date, source, greeting or foot of the page."""
    text = links.strip(line.text)[0]
    return (
        4 <= width(text) <= 100
        and _SENTENCE.search(text) is None
        and re.search(r"[a-z]{2}\. [A-Z]|。.", text) is None
        and (line.bold or sources.source_line(line.text) is None)
        and tails.source_at_end(line.text, lenient=False) is None
        and not _is_dated(text)
        and not (grammar.is_foot(text) or grammar.is_greeting(text) or grammar.is_picture(text))
    )


def is_text(text: str) -> bool:
    """Whether a line is a text: a sentence of some length, or one with its source."""
    plain = links.strip(text)[0]
    plain = plain.removesuffix(tails.dangling_label(plain)).rstrip()
    told = re.search(r"[.。!！?？…]['\"”’」』)）]*$", plain) or tails.source_at_end(text, lenient=False)
    return bool(told) and width(plain) >= 16 and not grammar.is_foot(plain) and not grammar.is_greeting(plain)


def _is_dated(text: str) -> bool:
    found = dates.find(text, dates.SOME_DAY)
    return found is not None and (found[3] - found[2]) * 2 > len(text)


def without_source(lines: list[Line], blocks: int, ends: list[int]) -> list[int]:
    """Where items begin that name no source: blocks of a headline and its text, as all others have with a source.

    So does the block below each.
    """
    whole = [block for block in blocks_of(lines) if not all(grammar.is_rule(lines[i].text) for i in block)]
    told = [block for block in whole if any(i in ends for i in block)]
    alike = [block for block in told if len(block) > 2 and is_headline(lines[block[0]])]
    if len(told) < LEAST or len(alike) < len(told) or len(told) < blocks:
        return []
    lengths = {len(block) - 1 for block in told}
    narrowest = min(width(lines[block[0]].text) for block in told)
    bare = [
        block[0]
        for block in whole
        if block not in told
        and block[0] > told[0][0]
        and len(block) in lengths
        and width(lines[block[0]].text) * 5 >= narrowest * 4  # what is narrower is a title
        and is_headline(lines[block[0]])
        and is_text(lines[block[1]].text)
        and not any(grammar.is_foot_or_call(lines[i].text) for i in block)
    ]
    return [*bare, *(two[0] for one, two in itertools.pairwise(whole) if one[0] in bare and two in told)]
