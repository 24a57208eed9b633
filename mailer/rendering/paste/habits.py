"""What most items of a digest have in common: the evidence of the whole by which a single line is read."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from mailer.model.columns import width
from mailer.rendering.paste import enumerators, grammar, links, sources, tails
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.outline import Outline

_ASIDE = re.compile(r"\s*[(（][^()（）]{2,24}[)）](?=\s*(?:\[\^?\d+\])?$)")
_TIME = re.compile(
    r".*[(（](?:约|about )?\s*\d{1,3}[ -]?(?:min(?:ute)?s?(?: read)?|分钟(?:阅读|读完)?)[)）](?:\s*\[\^?\d+\])?", re.I
)
CLAUSE = 14  # columns of words that tell something
WIDEST = 24  # columns of a name behind a linked headline
_SIGNS = re.compile(rf"(?:{enumerators.SIGN}\s*)+(?=\S)")


@dataclass(frozen=True, slots=True)
class Habits:
    """How the items of one digest are written."""

    lenient: bool = False  # sources stand in a closing parenthesis, so that one needs no stop before it
    sure: frozenset[str] = frozenset()  # the sources behind a stop, where nearly all stand behind one
    in_headlines: bool = False  # headlines end in a name in parentheses: `1. Ferry sold (Dock Post)`
    behind: bool = False  # or in a name behind a bar or dash
    before: bool = False  # or begin with one
    linked: bool = False  # headlines are links, with a name behind
    linked_dash: bool = False  # or with a dash and a name
    names_linked: bool = False  # headlines end in a name that is a link
    columns: bool = False  # headline, text and source are parted by bars
    colons: bool = False  # items are one line of headline, colon, and a sentence
    colon_lines: bool = False  # and so are nearly all, with nothing below: the colon parts them, sentence or not
    sentences: bool = False  # items are several sentences on one line
    signs: bool = False  # a picture stands before the headlines
    timed: bool = False  # most headlines end in the minutes they take to read, the others in what kind of page it is
    tags: bool = False  # headlines begin with a word in brackets

    def bare(self, text: str) -> tuple[str, str]:
        """A headline without the picture before it and the minutes behind it, where most have them; and these."""
        aside = _ASIDE.search(text) if self.timed else None
        text = text[: aside.start()] + text[aside.end() :] if aside else text
        return _SIGNS.sub("", text) if self.signs else text, aside[0].strip() if aside else ""


NONE = Habits()


def of(lines: list[Line], found: Outline, borders: list[int]) -> Habits:
    """The habits of the digest whose outline was `found`; `borders` are the indices where something else begins."""
    texts = [_without_address(re.sub(r"^#{1,6}\s+", "", text)) for _, text in sorted(found.starts.items())]
    closing = [tails.source_at_end(text, lenient=True) is not None for text in _last_lines(lines, found, borders)]
    lenient = sum(closing) * 2 >= len(texts)
    bare = [(tails.source_at_end(text, lenient=lenient) or (text,))[0] for text in texts]
    return Habits(
        lenient=lenient,
        sure=_behind_stops(_last_lines(lines, found, borders)),
        in_headlines=_most(texts, lambda text: tails.source_at_end(text, lenient=True) is not None, share=0.6),
        behind=tails.stand_behind_headlines(texts),
        before=tails.stand_before_headlines(texts),
        linked=_most(texts, lambda text: tails.link_and_name(text) is not None, least=1),
        linked_dash=_most(texts, _is_link_and_name, share=0.6),
        names_linked=_most(texts, lambda text: tails.linked_name_at_end(text, bare=True) is not None),
        columns=_most(texts, lambda text: len(re.split(r"[|｜丨]", text)) > 2)
        or _most(bare, _is_headline_and_sentence),
        colons=_most(bare, grammar.has_colon),
        colon_lines=_are_colon_lines(bare, lines, sorted(found.starts)),
        sentences=sum(grammar.several(text) is not None for text in texts) * 2 >= len(texts)
        or _most(bare, lambda text: text[-1:] in "。！？" and grammar.several(text, 24) is not None),
        signs=_have_signs(texts),
        timed=sum(_TIME.fullmatch(links.strip(text)[0]) is not None for text in texts) * 2 > len(texts),
        tags=_most(texts, lambda text: width((enumerators.bracketed(text) or (" " * 9,))[0]) <= 8),
    )


def _behind_stops(texts: list[str]) -> frozenset[str]:
    """The names that end texts behind a stop or label, where four of five that end any are such, and there are four."""
    named = [tails.source_at_end(text, lenient=True) for text in texts]
    sure = [found[1] for text in texts if (found := tails.source_at_end(text, lenient=False))]
    return frozenset(sure) if len(sure) >= 4 and len(sure) * 5 >= sum(map(bool, named)) * 4 else frozenset()


def parted_by_colon(text: str) -> tuple[str, str] | None:
    """A line that its only colon parts into a few words and more of them, as (headline, text)."""
    match = re.fullmatch(
        r"((?:《[^《》]*》|[^:：。！？!?，,；;《》【】]){2,32})(?:：\s*|:\s+)([^:：]{6,}|[^:：]*\d[:：]\d[^:：]*)", text
    )
    return (match[1].strip(), match[2].strip()) if match and width(match[2]) >= width(match[1]) * 0.8 else None


def _are_colon_lines(texts: list[str], lines: list[Line], starts: list[int]) -> bool:
    """Whether nearly all items are one line of a few words, a colon, and a text."""
    below = sum(any(lines[i].text for i in range(one + 1, two)) for one, two in itertools.pairwise(starts))
    told = [parts[0] for text in texts if (parts := parted_by_colon(links.strip(text)[0]))]
    clauses = bool(told) and median(map(width, told)) >= CLAUSE  # what is shorter is whom or what it is about
    return len(texts) > 3 and not below and clauses and len(told) * 5 >= len(texts) * 4


def _is_headline_and_sentence(text: str) -> bool:
    """Whether a bar parts a headline and a sentence, perhaps with a tag behind it."""
    return re.fullmatch(r"[^|｜丨]{4,40}[|｜丨][^|｜丨]{8,}[。！？.!?](?:\s*#\S+)*", text) is not None


def _is_link_and_name(text: str) -> bool:
    parted = tails.linked_first(text)
    named = parted is not None and sources.is_name(parted[2]) and width(parted[2]) <= WIDEST
    return named and parted is not None and re.match("[A-Z\u3400-\u9fff]", parted[2]) is not None


def _have_signs(texts: list[str]) -> bool:
    """Whether pictures stand before most headlines, or different ones before several."""
    signs = [match[0] for text in texts if (match := _SIGNS.match(text))]
    return len(signs) * 2 > len(texts) or len({*signs}) >= 3


def of_sections(lines: list[Line], found: Outline, borders: list[int]) -> set[int]:
    """The items of sections in which every one, and there are several, ends in a name in parentheses."""
    starts = sorted(found.starts)
    sections: dict[int, list[tuple[int, str]]] = {}
    for start, text in zip(starts, _last_lines(lines, found, borders), strict=True):
        sections.setdefault(max((at for at in found.titles if at < start), default=-1), []).append((start, text))
    told = (
        group
        for title, group in sections.items()
        if title >= 0 and len(group) > 1 and all(tails.source_at_end(text, lenient=True) for _, text in group)
    )
    return {start for group in told for start, _ in group}


def _without_address(text: str) -> str:
    addressed = tails.bare_address_at_end(text)
    return addressed[0] if addressed else text


def _most(texts: list[str], test: Callable[[str], bool], least: int = 3, share: float = 0.8) -> bool:
    """Whether four of five of the texts, or another `share`, and `least`, are so."""
    told = sum(map(test, texts))
    return told >= least and told >= len(texts) * share


def _last_lines(lines: list[Line], found: Outline, borders: list[int]) -> list[str]:
    """The last line of each item, "" where there is none."""
    last = []
    for start in sorted(found.starts):
        stop = min(next((border for border in borders if border > start), len(lines)), len(lines))
        last.append(next((lines[i].text for i in range(stop - 1, start - 1, -1) if lines[i].text), ""))
    return last
