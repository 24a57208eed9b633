"""Blocks of code as paragraphs, whose lines break: `<pre>` scrolls sideways where styles are taken away."""

from __future__ import annotations

import re

_BLOCK = re.compile(r"<pre><code>(.*?)\n?</code></pre>", re.DOTALL)
_BLANKS = re.compile("^ +|  +")
_UNIT = re.compile(r"(?P<tag><[^>]*>)|&#?\w+;|.")
_TAB = 4


def as_paragraphs(page: str, direction: str) -> str:
    """The page with its blocks of code as `<p><code>`, a `<br>` a line.

    Of blanks in a row, and of those that begin a line, every other one is one that HTML keeps, so that the rows can
    still break, and all are ordinary blanks again when somebody copies them. Code runs from left to right in any page.
    """
    if "<pre><code>" not in page:
        return page
    begin = '<p dir="ltr">' if direction == "rtl" else "<p>"

    def paragraph(block: re.Match[str]) -> str:
        lines = (_BLANKS.sub(_every_other, _without_tabs(line).rstrip(" ")) for line in block[1].split("\n"))
        return f"{begin}<code>{f'<br>{chr(10)}'.join(lines)}</code></p>"

    return _BLOCK.sub(paragraph, page)


def _without_tabs(line: str) -> str:
    if "\t" not in line:
        return line
    made, column = "", 0
    for unit in _UNIT.finditer(line):
        wide = 0 if unit["tag"] else _TAB - column % _TAB if unit[0] == "\t" else 1
        made += " " * wide if unit[0] == "\t" else unit[0]
        column += wide
    return made


def _every_other(blanks: re.Match[str]) -> str:
    return ("\u00a0 " * len(blanks[0]))[-len(blanks[0]) :] if len(blanks[0]) > 1 else "\u00a0"
