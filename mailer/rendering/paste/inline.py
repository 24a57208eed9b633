"""Items that stand one behind the other in a single paragraph, put on lines of their own."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

from mailer.rendering.paste import enumerators, grammar
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report

# Where an enumerator may stand inside a paragraph: behind the end of a sentence, a source or a title; a circled number
# stands for itself.
_PLACE = re.compile(
    r"(?:^|(?<=[。；;！？!?…)）】」”\]])|(?<=[.:：] )|(?<=[：:\s]))"
    r"(?=[(（【\[]?[0-9０-９]{1,2}\s?[.．、)）】\]:：](?![0-9０-９])|[0-9]\ufe0f?\u20e3)"
    r"|(?=[①-⑳❶-❿])"
)
LEAST, MOST = 3, 60
BEGINNING = 60  # characters in which a number is told
_BARE = re.compile(r"\s*(\d{1,2})([\u3400-\u9fff].{4,})")
_FAREWELLS = (grammar.is_foot, grammar.is_call, grammar.is_greeting)


def part(lines: list[Line], report: Report) -> list[Line]:
    """The lines with each run of three enumerators or more (1 2 3) taken apart; [] where there is none."""
    parted: list[Line] = []
    for line in lines:
        pieces = _pieces(line.text)
        if len(pieces) > LEAST:
            what = "%(count)s items in one paragraph put on lines of their own"
            report.add(line.number, "inline", what, count=len(pieces) - 1)
            pieces[-1:] = _without_farewell(pieces[-1])
            parted += [replace(line, text=piece) for piece in pieces if piece]
        else:
            parted.append(line)
    return parted if len(parted) > len(lines) else []


def fill_gaps(lines: list[Line], numbered: list[tuple[int, int]], report: Report) -> list[Line]:
    """The lines with items that stand behind others on one line taken apart, where just their numbers are missing.

    `numbered` is where the others begin, each with its number; [] where there are none.
    """
    cut: dict[int, list[str]] = {}
    for (at, number), (_, following) in itertools.pairwise(numbered):
        places = _places(lines[at].text, number + 1)
        if following > number + 1 and len(places) == following - number - 1:
            cut[at] = _cut(lines[at].text, places)
    if cut and (places := _places(lines[numbered[-1][0]].text, numbered[-1][1] + 1)):
        cut[numbered[-1][0]] = _cut(lines[numbered[-1][0]].text, places)
    for at, pieces in cut.items():
        what = "%(count)s items in one paragraph put on lines of their own"
        report.add(lines[at].number, "inline", what, count=len(pieces))
    parted = [[replace(line, text=text) for text in cut.get(at, [line.text])] for at, line in enumerate(lines)]
    return [line for some in parted for line in some] if cut else []


def _without_farewell(text: str) -> list[str]:
    """The last item, and what is said to the readers in a sentence behind it, on a line of its own."""
    match = re.fullmatch(r"(.+[。！!?？；;)）】\]])\s*([^。！!?？；;)）】\]]+[。！!～~]*)", text)
    return [match[1], match[2]] if match and any(is_one(match[2]) for is_one in _FAREWELLS) else [text]


def _pieces(text: str) -> list[str]:
    """What stands before number 1, and the text from each number to the next; [] where the numbers do not run on."""
    cuts = _places(text, 1)
    return _cut(text, cuts) if cuts else _clauses(text)


def _places(text: str, first: int) -> list[int]:
    """Where the numbers from `first` on stand in a text."""
    places: list[int] = []
    for match in _PLACE.finditer(text):
        mark = next(iter(enumerators.marks(text[match.start() : match.start() + BEGINNING])), None)
        if mark is not None and mark.number == first + len(places):
            places.append(match.start())
    return places


def _cut(text: str, places: list[int]) -> list[str]:
    """What stands before the first of some places, and from each to the next."""
    return [text[one:two].strip() for one, two in itertools.pairwise([0, *places, len(text)])]


def _clauses(text: str) -> list[str]:
    """What stands above, and clauses between semicolons that begin with 1 2 3 and no sign: `1央行...；2铜价...`."""
    first = re.search(r"(?:^|(?<=[】\])）:：\s]))1(?=[\u3400-\u9fff])", text)
    parts = re.split("[；;]", text[first.start() :]) if first else []
    bare = [_BARE.fullmatch(part) for part in parts[:MOST]]
    if first is None or len(parts) > MOST or [match and int(match[1]) for match in bare] != [*range(1, len(bare) + 1)]:
        return []
    told = [f"{match[1]}. {match[2]}" for match in bare if match]
    return [text[: first.start()].strip(), *told]
