"""An item on one line: its headline, and the text behind it."""

from __future__ import annotations

import re

from mailer.rendering.paste import grammar, links, tails
from mailer.rendering.paste.habits import Habits, parted_by_colon
from mailer.sentence import Sentence

# In Chinese: headline, blank, text that ends as a sentence does.
_PARTED = re.compile(r"([^。！？\s]{4,40}[\u3400-\u9fff”』」])\s([\u3400-\u9fff“].{5,}[。！？])")


def part(text: str, habits: Habits, *, named: bool, sourced: bool) -> tuple[str, str, str]:
    """A line as (headline, text, what was guessed); without a text it is a headline.

    `named`: the name of a source stood behind it; `sourced`: its source is known, perhaps by an address alone.
    """
    if habits.columns and named and (columns := tails.columns(text)):
        return *columns, ""
    clause = habits.names_linked and re.search(r"[:：]\*\*|\*\*[:：]", text) and not re.search(r"[.!?。！？]$", text)
    if not clause and (bold := grammar.bold_first(text)):
        return bold[0], bold[1], ""
    if habits.colon_lines and links.LINK not in text and (lines := parted_by_colon(text)):
        return *lines, ""
    if parted := _PARTED.fullmatch(text):
        return parted[1], parted[2], Sentence("words before the blank taken as the headline")
    match = grammar.several(text, 30 if sourced or habits.sentences else 60)
    dashed = grammar.dashed(text, sourced=named, colons=habits.colons)
    whole = dashed and match and habits.sentences and dashed[1][0] in ":：" and dashed[1] in match[1][:-1]
    if dashed and not whole:  # else the first sentence has the colon
        guess = Sentence("words before '%(sign)s' taken as the headline", sign=dashed[1])
        return dashed[0], grammar.begun(dashed[2]), guess
    if match and not (re.search("[？！?!]$", match[1]) and re.search(r"[\u3400-\u9fff]$", match[2])):  # `Why? Ask her`
        return match[1], match[2], Sentence("first sentence of a one-line item taken as its headline")
    return text, "", ""
