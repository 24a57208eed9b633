"""What a web page has around a digest: the words of its menus and buttons, copied as lines of a word or two each."""

from __future__ import annotations

import re

from mailer.model.columns import width
from mailer.rendering.paste import dates, enumerators, grammar, links, naming, page_words, shapes, titles
from mailer.rendering.paste.letters import fold
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.masthead import WORDS
from mailer.rendering.paste.report import Report

WIDEST = 22  # columns of the words of a menu
SHORT = 14  # columns of most of them
LEAST = 3  # lines in a row
_WORD = re.compile(r"[^\W\d][^\d。！？!?；;：:，、【】「」《》#|｜丨]*")


def without_menus(lines: list[Line], report: Report) -> list[Line]:
    """The lines without the menus above the first text.

    A menu is three lines or more of a word or two each, most of them short. What stands directly above a text or an
    item is its title and headline: it stays, as do names of newsletters, and all where nothing else could be the name.
    """
    first = next((i for i, line in enumerate(lines) if _begins(line)), 0)
    gone: set[int] = set()
    run: list[int] = []
    for index in range(first + 1):
        if index < first and (not lines[index].text or _is_word(lines[index].text)):
            run += [index] if lines[index].text else []
            continue
        run = run[:-2] if index == first else run
        if len(run) >= LEAST and sum(width(lines[i].text) <= SHORT for i in run) * 3 >= len(run) * 2:
            gone.update(run)
        run = []
    if not any(_may_name(line) for index, line in enumerate(lines[:first]) if index not in gone):
        return lines
    for index in sorted(gone):
        report.drop(lines[index].number, "word of the page's menu dropped", links.strip(lines[index].text)[0])
    return [line for index, line in enumerate(lines) if index not in gone]


def is_menu(text: str) -> bool:
    """Whether a line holds only links of the page ("Subscribe | View in browser"), or a word each for three of them."""
    if page_words.WHERE.fullmatch(text) and dates.find(text, dates.SOME_DAY) is None:
        return True
    parts = re.split(r"\s*[|｜丨·]\s*", text)
    short = len(parts) >= LEAST and all(width(part) <= 8 and part.isalpha() for part in parts)
    return len(parts) >= 2 and all(
        (short and _is_word(part)) or (width(part) <= 30 and grammar.is_foot_or_call(part)) for part in parts
    )


def _begins(line: Line) -> bool:
    text = line.text
    return enumerators.is_numbered(text) or enumerators.bullet(text) is not None or shapes.is_text(text)


def _is_word(text: str) -> bool:
    plain = links.strip(text)[0]
    return (
        width(plain) <= WIDEST
        and _WORD.fullmatch(plain) is not None
        and (WORDS.search(fold(plain)) is None or naming.is_weak(plain))
        and not grammar.is_greeting(plain)
    )


def _may_name(line: Line) -> bool:
    """Whether a line of the head is more than the day and what the page says."""
    found = dates.find(line.text, dates.SOME_DAY)
    rest = line.text[: found[2]] + line.text[found[3] :] if found else line.text
    return re.search(r"[^\W\d_]{2}", rest) is not None and not titles.is_of_the_page(line.text)
