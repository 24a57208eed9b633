"""What a web page has around a digest: the words of its menus and buttons, copied as lines of a word or two each."""

from __future__ import annotations

import re

from mailer.model.columns import width
from mailer.rendering.paste import enumerators, grammar, links, naming, shapes
from mailer.rendering.paste.letters import fold
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.masthead import WORDS
from mailer.rendering.paste.report import Report

WIDEST = 14  # columns of a word of a menu
LEAST = 3  # words in a row
_WORD = re.compile(r"[^\W\d][^\d。！？!?；;：:，、【】「」《》#|｜丨]*")


def without_menus(lines: list[Line], report: Report) -> list[Line]:
    """The lines without the menus above the first text.

    A menu is three words or more on lines of their own. What stands directly above a text or an item is its title and
    headline: it stays, as do names of newsletters.
    """
    first = next((i for i, line in enumerate(lines) if _begins(line)), 0)
    gone: set[int] = set()
    run: list[int] = []
    for index in range(first + 1):
        if index < first and (not lines[index].text or _is_word(lines[index].text)):
            run += [index] if lines[index].text else []
            continue
        if index == first:
            run = run[:-2]
        if len(run) >= LEAST:
            gone.update(run)
        run = []
    for index in sorted(gone):
        report.drop(lines[index].number, "word of the page's menu dropped", links.strip(lines[index].text)[0])
    return [line for index, line in enumerate(lines) if index not in gone]


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
