"""Headlines marked otherwise than most, or not at all, below the source of an item that would have two."""

from __future__ import annotations

import itertools
from bisect import bisect

from mailer.model.columns import width
from mailer.rendering.paste import enumerators, grammar, shapes, sources, tails
from mailer.rendering.paste.line import Line

LEAST = 2  # items with one source
SHORTEST = 12  # columns of such a headline


def find(lines: list[Line], starts: dict[int, str], titles: dict[int, str]) -> dict[int, str]:
    """Such headlines by their index, without their marks, where most items have one source."""
    borders = sorted([*starts, *titles, len(lines)])
    ends = {one: tails.ends(lines, range(one, borders[bisect(borders, one)])) for one in starts}
    ends = {one: [i for i in found if not sources.is_address(lines[i].text)] for one, found in ends.items()}
    several = [found for found in ends.values() if len(found) > 1]
    if sum(len(found) == 1 for found in ends.values()) < max(LEAST, 2 * len(several)):
        return {}
    found: dict[int, str] = {}
    for above, below in (pair for each in several for pair in itertools.pairwise(each)):
        at = next((i for i in range(above + 1, below + 1) if lines[i].text), below)
        text = lines[at].text
        bullet = enumerators.bullet(text)
        told = (bullet is not None and at == below) or (below > at and shapes.is_headline(lines[at]))
        if told and width(text) >= SHORTEST and not (grammar.is_foot_or_call(text) or grammar.is_closing(text)):
            number = next((mark.rest for mark in enumerators.marks(text) if mark.rest), "")
            found[at] = (bullet[1] if bullet else number) or text
    return found
