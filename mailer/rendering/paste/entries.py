"""What stands below a title: where its items begin if nothing marks them; and how a title is marked itself."""

from __future__ import annotations

import itertools
import re

from mailer.model.columns import width
from mailer.rendering.paste import enumerators, grammar, links, shapes, sources, tails
from mailer.rendering.paste.line import Line

PAIRS = {"【": "】", "[": "]", "「": "」", "『": "』", "《": "》", "〖": "〗", "<": ">", "(": ")", "（": "）"}
WIDEST_TITLE = 12  # columns of a title over lines that have no mark
LONG = 110  # columns of a paragraph of a story; what is shorter is an item of its own
HAN_AND_BLANK = re.compile(r"([一二三四五六七八九十]) (?=\S)")


def form(line: Line) -> str:
    """What marks a title: a family of numbers, brackets, a sign, capitals, bold letters; "plain" where nothing."""
    text = links.strip(line.text)[0]
    mark = next((mark for mark in enumerators.marks(text) if mark.family in enumerators.SECTIONS), None)
    if mark:
        return mark.family
    if HAN_AND_BLANK.match(text):
        return "han and blank"
    if text.startswith("#"):
        return "#"
    if PAIRS.get(text[:1]) == text[-1:]:
        return text[:1]
    if sign := re.match(r"[^\w\s]+", text):
        return "sign" if re.match(enumerators.SIGN, text) else sign[0]
    if text.isupper() and re.search(r"[A-Z]{2}", text):
        return "capitals"
    return "bold" if line.bold else "plain"


def of(lines: list[Line], group: list[int]) -> dict[int, str]:
    """Where the items of a section begin, with their first lines: headlines above texts, one story, or each line."""
    texts = {i: lines[i].text for i in group if sources.source_line(lines[i].text) is None}
    below = dict(itertools.pairwise(group))
    headlines = [
        i for i in texts if shapes.is_headline(lines[i]) and i in below and shapes.is_text(lines[below[i]].text)
    ]
    if headlines and headlines[0] == group[0]:
        return {i: texts[i] for i in headlines}
    ends = [i for i in group if i not in texts]
    if len(texts) > 1 and ends == group[-1:] and not re.search(r"[。.；;]$", texts.get(group[0], "。")):
        return {group[0]: texts[group[0]]}  # one headline, one source
    named = sum(tails.source_at_end(text, lenient=False) is not None for text in texts.values())
    first = next(iter(texts), group[0])
    begins = grammar.several(links.strip(texts.get(first, ""))[0]) is not None
    if named <= 1 and begins and (len(texts) == 1 or width(texts[first]) > LONG):
        return {first: texts[first]}
    return {i: _bare(text, number) for number, (i, text) in enumerate(texts.items(), 1)}


def _bare(text: str, number: int) -> str:
    """A line without its bullet, or the number it has among its neighbours."""
    if bullet := enumerators.bullet(text):
        return bullet[1]
    return next((mark.rest for mark in enumerators.marks(text) if mark.number == number and mark.rest), text)
