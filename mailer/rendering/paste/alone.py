"""Sources that are a name alone below the text of an item, known because most items end so."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from mailer.model.columns import width
from mailer.rendering.paste import dates, enumerators, grammar, links, sources, tails
from mailer.rendering.paste.labels import BARE, LEAST
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report

TITLE = 12  # columns of a section's title
MOST = 20  # lines of an item in which its source is looked for


def name(lines: list[Line], starts: Iterable[int], report: Report, *, bracketed: bool) -> bool:
    """Write names alone at the end of items as sources: `来源：X`; whether that is what they are.

    Names stand in 【brackets】 or _signs_, or bare below a text. They end most items and the last one: a section's
    title stands above the first item too. `bracketed` says that the headlines themselves stand in brackets.
    """
    ordered = sorted(starts)
    above = next((lines[i].text for i in range(ordered[0] - 1, -1, -1) if lines[i].text), "")
    if len(ordered) < 2:
        return False
    marked = _ends(lines, ordered, _is_marked_name) if not bracketed and not sources.is_marked_name(above) else []
    bare = [] if marked else _ends(lines, ordered, _is_bare_name)
    if len({lines[at].text for at in bare}) < 2 or _are_titles([lines[at].text for at in bare], above):
        bare = []
    for at in marked or bare:
        name = lines[at].text[1:-1].strip() if marked else lines[at].text
        report.add(lines[at].number, "guess", "name alone below the text taken as the source", lines[at].text)
        lines[at] = replace(lines[at], text=f"来源：{name}", bold=False)
    return bool(marked or bare)


def name_in_brackets(lines: list[Line], report: Report) -> list[Line]:
    """The lines with names in 【brackets】 written as sources where they end blocks of three lines and more.

    So they do nearly everywhere they stand but at the beginnings of blocks, where they are titles, and thrice at
    least, whatever marks the items.
    """
    texts = ["", "", *(line.text for line in lines), ""]
    begins = [enumerators.is_numbered(text) or enumerators.bullet(text) is not None for text in texts]
    marked = [i for i, line in enumerate(lines) if sources.is_marked_name(line.text)]
    marked = [i for i in marked if sources.source_line(lines[i].text) is None]
    if marked and all(begins[i + 3] for i in marked) and marked[0] + 3 == begins.index(True):
        return lines  # titles: each above an item, the first one above the first
    marked = [i for i in marked if texts[i + 1] or not begins[i + 3]]  # not a title above an item
    ends = [i for i in marked if texts[i] and texts[i + 1] and (not texts[i + 3] or begins[i + 3])]
    if len(ends) < LEAST or len(ends) * 5 < len(marked) * 4:
        return lines
    ends = [i for i in marked if texts[i + 1] and (not texts[i + 3] or begins[i + 3])]  # below a single line, too
    what = "%(count)s names in brackets at the ends of blocks taken as sources"
    report.add(lines[ends[0]].number, "guess", what, count=len(ends))
    written = {i: replace(lines[i], text=f"来源：{lines[i].text[1:-1].strip()}") for i in ends}
    return [written.get(i, line) for i, line in enumerate(lines)]


def _ends(lines: list[Line], ordered: list[int], is_name: Callable[[list[Line], list[int], int], bool]) -> list[int]:
    """The lines that name the sources of most items and of the last; [] where they do not."""
    named = []
    bare: list[int] = []
    for start, stop in itertools.pairwise([*ordered, len(lines)]):
        filled = [i for i in range(start + 1, stop) if lines[i].text][:MOST]
        if (at := next((i for i in filled if is_name(lines, filled, i)), None)) is not None:
            named.append(at)
        elif filled:
            bare.append(filled[0])
    known = {lines[at].text for at in named}
    named = sorted([*named, *(at for at in bare if lines[at].text in known)])  # a name alone that others have, too
    return named if named and len(named) * 3 >= len(ordered) * 2 and named[-1] > ordered[-1] else []


def _are_titles(names: list[str], above: str) -> bool:
    """Whether such words are titles of sections: none is like a paper's name, and one stands `above` the first item."""
    if any(sources.is_medium(name) for name in [*names, above]) or dates.find(above, dates.SOME_DAY):
        return False
    return width(above) <= TITLE and BARE.fullmatch(above) is not None


def _is_marked_name(lines: list[Line], filled: list[int], at: int) -> bool:
    text = lines[at].text
    if sources.source_line(text) is not None:
        return False
    return sources.is_marked_name(text) and (at != filled[0] or sources.is_medium(text[1:-1]))


def _is_bare_name(lines: list[Line], filled: list[int], at: int) -> bool:
    """Whether a line below the first sentence of an item is a few words that are no sentence, number or title."""
    text = lines[at].text
    told = any(i < at and re.search(r"[.。!！?？]$", links.strip(lines[i].text)[0]) for i in filled)
    told = told or (at == filled[0] and sources.is_medium(text))
    bare = sources.without_reporter(text)
    plain = width(text) <= 30 and sources.is_name(text) and BARE.fullmatch(bare.lstrip("@ "))
    if (
        not (told and plain)
        or lines[at].bold
        or text.startswith("#")
        or any(tails.names_one(lines[i].text) for i in filled if i <= at)
    ):
        return False
    return not (grammar.is_foot_or_call(text) or grammar.is_picture(text) or grammar.is_rule(text))
