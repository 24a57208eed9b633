"""A paste that holds a digest in two languages, item by item or one behind the other: told, and one of them read."""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left
from dataclasses import replace

from mailer.model import language_tag
from mailer.rendering import language
from mailer.rendering.paste import enumerators
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.outline import Outline
from mailer.rendering.paste.report import Report

LEAST = 2  # items in each language
_NAMED = re.compile(
    r"\W*(?:(?:in )?(?:english|chinese)(?: (?:version|edition|below))?|(?:中|英)文(?:版本?)?|简体中文|繁體中文)\W*",
    re.IGNORECASE,
)


def choose(lines: list[Line], found: Outline, end: int, lang: str, report: Report) -> None:
    """Where every item is there in two languages, leave those not in `lang` out of `lines` and `found`.

    Where neither is wanted (`lang` is ""), both stay, and the report says how to read one.
    """
    ordered = sorted(found.starts)
    tags = [language_tag.primary(language.detect(found.starts[start], "en")) for start in ordered]
    both = [*dict.fromkeys(tags)]
    if (
        len(both) != 2
        or len(tags) < 2 * LEAST
        or not (_in_pairs(lines, ordered, tags) or _in_halves(lines, ordered, tags))
    ):
        return
    for index in range(ordered[0], end):
        if _NAMED.fullmatch(lines[index].text) and index not in found.starts:
            report.drop(lines[index].number, "name of a language dropped", lines[index].text)
            lines[index] = replace(lines[index], text="")
            found.titles.pop(index, None)
    wanted = next((tag for tag in both if lang and language_tag.same(lang, tag)), "")
    one, other = sorted(both, key=lambda tag: tag != wanted)
    what = (
        "every item is there in two languages; %(one)s alone is read: import again with --lang %(other)s"
        if wanted
        else "every item is there in two languages; both are kept: import again with --lang %(one)s or --lang %(other)s"
    )
    report.add(lines[ordered[0]].number, "editions", what, one=one, other=other)
    if wanted:
        _leave_out(
            lines, found, end, {start for start, tag in zip(ordered, tags, strict=True) if tag != wanted}, report
        )


def _leave_out(lines: list[Line], found: Outline, end: int, gone: set[int], report: Report) -> None:
    """Empty the lines of these items, and of the titles that stand above no others."""
    ordered = sorted(found.starts)
    borders = sorted([*ordered, *found.titles, end])
    for one, two in itertools.pairwise(borders):
        below = ordered[bisect_left(ordered, one)] if one <= ordered[-1] else -1
        if one not in gone and not (one in found.titles and below in gone):
            continue
        found.starts.pop(one, None)
        found.titles.pop(one, None)
        for index in range(one, two):
            if lines[index].text:
                report.drop(lines[index].number, "in the other language", lines[index].text)
                lines[index] = replace(lines[index], text="")


def _in_pairs(lines: list[Line], ordered: list[int], tags: list[str]) -> bool:
    """Whether each number stands before two items, in one language and in the other."""
    one, two = ordered[::2], ordered[1::2]
    same = all(_number(lines, a) == _number(lines, b) for a, b in zip(one, two, strict=False))
    return len(one) == len(two) and same and len({*tags[::2]}) == len({*tags[1::2]}) == 1 and tags[0] != tags[1]


def _in_halves(lines: list[Line], ordered: list[int], tags: list[str]) -> bool:
    """Whether as many items in the other language follow, numbered anew."""
    half = len(ordered) // 2
    parted = len({*tags[:half]}) == len({*tags[half:]}) == 1 and len(ordered) == 2 * half
    return parted and _number(lines, ordered[0]) == _number(lines, ordered[half]) == 1


def _number(lines: list[Line], start: int) -> int:
    return next((mark.number for mark in enumerators.marks(lines[start].text)), 0)
