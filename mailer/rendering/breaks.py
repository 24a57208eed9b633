"""Places to break the long words of a page at, addresses for instance, which would make it wider than a phone."""

from __future__ import annotations

import re

LONGEST = 30  # characters that a phone of 320 px shows in one line
_OTHERS = "\u00a1-\u058f"  # letters that stand in words as ASCII does: Latin, Greek, Cyrillic, Armenian
_PIECE = re.compile(
    r"(?P<kept><!--.*?-->|<(?P<raw>style|title)\b.*?</(?P=raw)\s*>"
    r"""|<[^>"']*(?:"[^"]*"[^>"']*|'[^']*'[^>"']*)*>)"""
    rf"|[!-;=?-~{_OTHERS}]{{{LONGEST + 1},}}",
    re.DOTALL | re.IGNORECASE,
)
_LONG = re.compile(  # between tags
    rf">(?:[!-;=?-~{_OTHERS}]{{0,{LONGEST}}}+[^!-~{_OTHERS}])*+[!-;=?-~{_OTHERS}]{{{LONGEST + 1}}}"
)
_SEPARATORS = frozenset("/?&=#.,;:_-~+%")


def breakable(page: str, unbroken: str) -> str:
    """The page with `<wbr>` in its long words: behind signs, else every so many letters.

    `unbroken` is a pattern of words that stay whole. Nothing inside tags, styles and comments is touched.
    """
    if not _LONG.search(page, max(0, page.find("<body"))):
        return page
    unit = re.compile(rf"{unbroken}|&#?\w+;|.")

    def replaced(match: re.Match[str]) -> str:
        return match[0] if match["kept"] else _broken([each[0] for each in unit.finditer(match[0])])

    return _PIECE.sub(replaced, page)


def _broken(units: list[str]) -> str:
    made, since = "", 0
    for index, unit in enumerate(units):
        made += unit
        since += 1
        following = units[index + 1] if index + 1 < len(units) else ""
        sign = (unit in _SEPARATORS or unit == "&amp;") and following.isalnum() and since > 3
        if following and (sign or since == LONGEST - 6):
            made, since = f"{made}<wbr>", 0
    return made
