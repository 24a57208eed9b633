"""Places to break the long words of a page at, which would make it wider than a phone.

A word that is only read gets zero-width spaces. What people copy (addresses, names in code) gets `<wbr>`, which no
clipboard takes along, as few as will do; an address that names its own link is shown shortened.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache, partial

LONGEST = 30  # characters that a phone of 320 px shows in one line
_MOST = 28  # small letters in a wide font
_MOST_IN = {"h1": 15, "h2": 22, "h3": 22, "code": 33}
_INDENT = 5  # characters less in each list or quotation
_LEAST = _MOST - 3 * _INDENT
_WIDE = frozenset("MWmw@%ЖМФШЩЫЮжмфшщыю")
_WIDEST = 1.6
_NARROW = frozenset("ijltfrI.,:;'|!()[]/-")
_EVERY = 10  # of the widest letters, in the largest heading
_OTHERS = (  # what stands in words as ASCII does: Latin to Sinhala, Georgian to Cherokee, small and wide forms
    "\u00a1-\u0dff\u10a0-\u167f\u1e00-\u1fff\ufb00-\ufdff\ufe70-\ufefc"
)
_RUN = rf"[!-;=?-~{_OTHERS}]{{{_LEAST + 1}}}"
_PIECE = re.compile(
    r"(?P<kept><!--.*?-->|<(?P<raw>style|title)\b.*?</(?P=raw)\s*>"
    r"""|<(?P<end>/?)(?P<tag>\w*)[^>"']*(?:"[^"]*"[^>"']*|'[^']*'[^>"']*)*>)"""
    rf"|{_RUN}[!-;=?-~{_OTHERS}]*",
    re.DOTALL | re.IGNORECASE,
)
_LONG = re.compile(rf">(?:[!-;=?-~{_OTHERS}]{{0,{_LEAST}}}+[^!-~{_OTHERS}])*+{_RUN}")  # between tags
_WORD = re.compile(rf"[!-~{_OTHERS}]{{{LONGEST + 1},}}")
_UNIT = re.compile(r"&#?\w+;|.")
_SEPARATORS = frozenset("/?&=#.,;:_-~+%")
_BROWSERS_OWN = re.compile(r"(?<=[^\W_]-)(?=[A-Za-z0-9])|(?<=\?)(?=[A-Za-z])")  # there browsers break a line
_READ = re.compile(r"(?:&\w+;|[^\w&])*(?:[^\W\d_]|[\u0300-\u0dff'’])+(?:&\w+;|[^\w&])*")
_SHOWN = re.compile(r'(<a\b[^>]* href="[^"]*"[^>]*>)(https?://[^\s<>]+)(?=</a>)')
_ADDRESS = re.compile(r"https?://(?P<host>[^/?#]+)/(?P<way>[^?#]*)(?P<rest>.*)")
_VIRAMA = 9  # the combining class of what joins two letters of an Indic script (Unicode 4.3)


def breakable(page: str, unbroken: str) -> str:
    """The page with places to break its long words at, and long addresses of links shortened where they are shown.

    `unbroken` is a pattern of words that stay whole. Nothing inside tags, styles and comments is touched.
    """
    start = max(0, page.find("<body"))
    if not _LONG.search(page, start):
        return page
    unit, whole = re.compile(rf"{unbroken}|{_UNIT.pattern}"), re.compile(unbroken)
    inside: Counter[str] = Counter()

    def broken(match: re.Match[str]) -> str:
        if not match["kept"]:
            most = next((_MOST_IN[tag] for tag in _MOST_IN if inside[tag]), _MOST)
            most -= _INDENT * min(inside["li"] + inside["blockquote"], 3)
            if len(match[0]) * _WIDEST <= most:
                return match[0]
            part = partial(_parted, most=most, code=inside["code"] > 0)
            return "".join(part([each[0] for each in unit.finditer(piece)]) for piece in _BROWSERS_OWN.split(match[0]))
        tag = (match["tag"] or "").lower()
        inside[tag] = max(0, inside[tag] + (-1 if match["end"] else 1))
        return match[0]

    page = _SHOWN.sub(lambda link: link[0] if whole.search(link[2]) else link[1] + _shortened(link[2]), page)
    return _PIECE.sub(broken, page)


def breakable_words(escaped: str) -> str:
    """A reader's value, escaped for a page's text, with `<wbr>` in its long words. An encoder of `message.FORMAT`."""
    return _WORD.sub(lambda match: _broken(_UNIT.findall(match[0])), escaped)


def _shortened(shown: str) -> str:
    """An escaped address without its scheme, and with an ellipsis for its middle, where a phone could not break it."""
    if _fits(shown):
        return shown
    bare = shown.partition("://")[2]
    address = _ADDRESS.fullmatch(shown)
    if _fits(bare) or address is None or not _fits(address["host"]):
        return bare
    last = address["way"].rstrip("/").rpartition("/")[2]
    middle = "/…/" if "/" in address["way"].rstrip("/") else "/"
    if not _fits(last):
        last = f"{''.join(_UNIT.findall(last)[:_EVERY])}…"
    return f"{address['host']}{middle}{last}{'?…' if address['rest'] else ''}"


def _fits(shown: str) -> bool:
    return all(len(_UNIT.findall(piece)) <= LONGEST - _INDENT for piece in _BROWSERS_OWN.split(shown))


def _parted(units: list[str], most: int, *, code: bool) -> str:
    """A word with places to break it at, if it is wider than `most` small letters."""
    whole = "".join(units)
    if (len(units) if code else sum(map(_width, units))) <= most:
        return whole
    if not code and _READ.fullmatch(whole):
        return _spaced(units)
    lines, start = [], 0
    while len(units) - start > most:
        ends = range(start + most, start + most // 3, -1)
        end = next((end for end in ends if _is_sign(units[end - 1]) and not _is_sign(units[end])), start + most)
        while end < len(units) and _are_one(units[end - 1][-1], units[end][0]):
            end += 1
        lines.append("".join(units[start:end]))
        start = end
    return "<wbr>".join([*lines, "".join(units[start:])] if start < len(units) else lines)


def _spaced(units: list[str]) -> str:
    """A word with a zero-width space after every ten letters, and none before the marks at its end.

    SpamAssassin takes words for hidden where two such spaces have eight letters or fewer between them.
    """
    made, since = "", 0
    ends = max((index for index, unit in enumerate(units, 1) if unit[0].isalpha()), default=0)
    for index, unit in enumerate(units):
        if since >= _EVERY and ends - index > 2 and not _are_one(units[index - 1], unit):
            made, since = f"{made}\u200b", 0
        made += unit
        since += unit[0].isalpha()
    return made


def _broken(units: list[str]) -> str:
    made, since = "", 0
    for index, unit in enumerate(units):
        made += unit
        since += 1
        following = units[index + 1] if index + 1 < len(units) else ""
        sign = _is_sign(unit) and following.isalnum() and since > 3
        if following and (sign or since >= _EVERY) and not _are_one(unit[-1], following[0]):
            made, since = f"{made}<wbr>", 0
    return made


@lru_cache(1024)
def _width(unit: str) -> float:
    """How wide a character is in running text, in small letters."""
    if unicodedata.category(unit[0]).startswith("M"):
        return 0
    return _WIDEST if unit in _WIDE else 0.6 if unit in _NARROW else 1.2 if unit.isupper() else 1


def _is_sign(unit: str) -> bool:
    return unit in _SEPARATORS or unit == "&amp;"


def _are_one(letter: str, following: str) -> bool:
    """Whether two characters are parts of one that readers see: a letter and its mark, two letters joined."""
    return unicodedata.category(following).startswith("M") or unicodedata.combining(letter) == _VIRAMA
