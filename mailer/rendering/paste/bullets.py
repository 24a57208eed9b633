"""Items behind a bullet, or above bullets that are their points."""

from __future__ import annotations

import itertools
from collections import Counter

from mailer.model.columns import width
from mailer.rendering.paste import enumerators, numbers, shapes, sources, tails
from mailer.rendering.paste.line import Line, blocks_of
from mailer.rendering.paste.report import Report

LEAST = 3  # titles or headlines
SHORTEST_TITLE = 8  # columns of one above lines
SHORT_TITLE = 12  # columns of one above numbers
LONGEST_TITLE = 20  # columns of a title above bullets; what is longer is a headline above its points


def find(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    """The lines behind the bullet that is used most, where it does not mark titles, or those above such bullets."""
    found = [
        (index, pair)
        for index, line in enumerate(lines)
        if (pair := enumerators.bullet(line.text))
        and not (sources.is_labelled(line.text) or sources.is_address(line.text) or sources.is_pointed(line.text))
    ]
    counts = Counter(pair[0] for _, pair in found)
    bulleted = dict(found)
    filled = [index for index, line in enumerate(lines) if line.text]
    below = {one: bulleted.get(two, ("",))[0] for one, two in itertools.pairwise(filled)}
    for mark, count in counts.most_common():
        starts = {index: pair[1] for index, pair in found if pair[0] == mark}
        titles = sum(below.get(index, "") not in ("", mark) for index in starts)
        if count >= LEAST and any(kind(lines, starts) for kind in _TITLES):
            continue
        if count >= LEAST and (headlines := _above_points(lines, starts)):
            what = "%(count)s lines above bullets taken as headlines"
            report.add(lines[min(headlines)].number, "guess", what, count=len(headlines))
            return headlines, "blocks"
        if count >= 2 and titles < count and not numbers.hold_several(lines, list(starts)):
            return starts, "bullet"
    return {}, ""


def _above_points(lines: list[Line], starts: dict[int, str]) -> dict[int, str]:
    """The first lines of blocks that are headlines above nothing but bullets of one kind: their points."""
    blocks = [block for block in blocks_of(lines) if any(i in starts for i in block)]
    found = {block[0]: lines[block[0]].text for block in blocks}
    alike = all(block[0] not in starts and all(i in starts for i in block[1:]) for block in blocks)
    long = all(width(text) > LONGEST_TITLE and shapes.is_headline(lines[i]) for i, text in found.items())
    named = any(tails.source_at_end(text, lenient=True) for text in starts.values())
    return found if len(blocks) >= LEAST and alike and long and not named else {}


def _stand_over_numbers(lines: list[Line], starts: dict[int, str]) -> bool:
    """Whether bullets are titles: a word or two each, the first directly above several numbered lines."""
    ordered = [*sorted(starts), len(lines)]
    numbered = sum(enumerators.is_numbered(line.text) for line in lines[ordered[0] + 1 : ordered[1]])
    return all(width(text) <= SHORT_TITLE for text in starts.values()) and numbered > 1


def _are_short_titles(lines: list[Line], starts: dict[int, str]) -> bool:
    """Whether bullets are titles: a word or two each, directly above a headline with its text."""
    ordered = [*sorted(starts), len(lines)]
    told = 0
    for one, two in itertools.pairwise(ordered):
        below = [lines[i] for i in range(one + 1, two) if lines[i].text][:2]
        told += len(below) == 2 and shapes.is_headline(below[0]) and shapes.is_text(below[1].text)
    return all(width(text) <= 8 for text in starts.values()) and told * 4 >= len(starts) * 3


def _stand_over_lines(lines: list[Line], starts: dict[int, str]) -> bool:
    """Whether bullets are titles: a word or two each, over lines that are no sentences, most of them over several."""
    ordered = [*sorted(starts), len(lines)]
    below = [[line.text for line in lines[a + 1 : b] if line.text] for a, b in itertools.pairwise(ordered)]
    told = [text for group in below for text in group]
    inner = [text for group in below for text in group[:-1]]  # the last of a section may end in a full stop
    clauses = sum(not text.endswith(("。", ".", "！", "？")) and width(text) > LONGEST_TITLE for text in inner)
    named = any(tails.names_one(text) for text in told)
    several = sum(len(group) > 1 for group in below) * 2 > len(below)
    short = all(width(text) <= SHORTEST_TITLE for text in starts.values())
    return short and several and not named and all(below) and clauses * 4 >= len(inner) * 3


def _stand_over_sources(lines: list[Line], starts: dict[int, str]) -> bool:
    """Whether bullets are titles: a word or two each, over lines that each end in a source, somewhere several."""
    ordered = [*sorted(starts), len(lines)]
    below = [[line.text for line in lines[a + 1 : b] if line.text] for a, b in itertools.pairwise(ordered)]
    told = [text for group in below[:-1] for text in group] + below[-1][:1]
    named = all(tails.source_at_end(text, lenient=True) and not sources.source_line(text) for text in told)
    short = all(width(text) <= SHORTEST_TITLE for text in starts.values())
    return short and all(below) and named and any(len(group) > 1 for group in below)


_TITLES = (_are_short_titles, _stand_over_numbers, _stand_over_lines, _stand_over_sources)
