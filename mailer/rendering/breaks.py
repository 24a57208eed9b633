"""Places to break the long words of a page at, addresses for instance, which would make it wider than a phone."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 30  # characters that a phone of 320 px shows in one line
_EVERY = 10  # of the widest letters, in the largest heading
_OTHERS = (  # what stands in words as ASCII does: Latin to Sinhala, Georgian to Cherokee, small and wide forms
    "\u00a1-\u0dff\u10a0-\u167f\u1e00-\u1fff\ufb00-\ufdff\ufe70-\ufefc"
)
_PIECE = re.compile(
    r"(?P<kept><!--.*?-->|<(?P<raw>style|title)\b.*?</(?P=raw)\s*>"
    r"""|<[^>"']*(?:"[^"]*"[^>"']*|'[^']*'[^>"']*)*>)"""
    rf"|[!-;=?-~{_OTHERS}]{{{LONGEST + 1},}}",
    re.DOTALL | re.IGNORECASE,
)
_LONG = re.compile(  # between tags
    rf">(?:[!-;=?-~{_OTHERS}]{{0,{LONGEST}}}+[^!-~{_OTHERS}])*+[!-;=?-~{_OTHERS}]{{{LONGEST + 1}}}"
)
_WORD = re.compile(rf"[!-~{_OTHERS}]{{{LONGEST + 1},}}")
_UNIT = re.compile(r"&#?\w+;|.")
_SEPARATORS = frozenset("/?&=#.,;:_-~+%")
_VIRAMA = 9  # the combining class of what joins two letters of an Indic script (Unicode 4.3)


def breakable(page: str, unbroken: str) -> str:
    """The page with `<wbr>` in its long words: behind signs, else every ten letters.

    `unbroken` is a pattern of words that stay whole. Nothing inside tags, styles and comments is touched.
    """
    if not _LONG.search(page, max(0, page.find("<body"))):
        return page
    unit = re.compile(rf"{unbroken}|{_UNIT.pattern}")

    def replaced(match: re.Match[str]) -> str:
        return match[0] if match["kept"] else _broken([each[0] for each in unit.finditer(match[0])])

    return _PIECE.sub(replaced, page)


def breakable_words(escaped: str) -> str:
    """A reader's value, escaped for a page's text, with `<wbr>` in its long words. An encoder of `message.FORMAT`."""
    return _WORD.sub(lambda match: _broken(_UNIT.findall(match[0])), escaped)


def _broken(units: list[str]) -> str:
    made, since = "", 0
    for index, unit in enumerate(units):
        made += unit
        since += 1
        following = units[index + 1] if index + 1 < len(units) else ""
        sign = (unit in _SEPARATORS or unit == "&amp;") and following.isalnum() and since > 3
        if following and (sign or since >= _EVERY) and not _are_one(unit[-1], following[0]):
            made, since = f"{made}<wbr>", 0
    return made


def _are_one(letter: str, following: str) -> bool:
    """Whether two characters are parts of one that readers see: a letter and its mark, two letters joined."""
    return unicodedata.category(following).startswith("M") or unicodedata.combining(letter) == _VIRAMA
