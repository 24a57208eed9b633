"""A reader's attributes as they are written: one JSON text in which even a search can tell a number and a day.

JSON allows white space before a value. A space stands there before a number, a tab before a day, and nothing before
any other text, so that who looks for `"level": "` finds no attribute but a number, without reading JSON. Numbers and
days come first, where they are found soonest.
"""

from __future__ import annotations

import json.encoder
import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import starmap

NUMBER, DAY = " ", "\t"
NEXT = '","'  # between two attributes, and never within a text: there a backslash stands before each quote
BESIDE = " ,}"  # what else stands outside of the quotes, behind a name and before the next one

# No look-ahead and no group: as a pattern for PostgreSQL, too, they would take it ten times as long.
IS_NUMBER = r"^ *[+-]?(?:[0-9]+[.]?[0-9]*|[.][0-9]+)(?:[eE][+-]?[0-9]{1,2})?[ \t-\r]*$"
IS_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:\Z|[ T])"  # 2026-01-31, and if need be a time

_KIND = re.compile(rf"({IS_NUMBER})|{IS_DAY}")
quoted = json.encoder.encode_basestring  # as `json.dumps(..., ensure_ascii=False)` writes a text


def packed(attributes: Mapping[str, str]) -> str:
    """Attributes as they are written: numbers and days first, nothing escaped but what JSON cannot do without."""
    return f"{{{','.join([text for _, text in sorted(starmap(_placed, attributes.items()))])}}}"


@lru_cache(4096)  # most values are those of many
def _placed(name: str, value: str) -> tuple[bool, str]:
    """One attribute as it is written, and whether it comes behind the numbers and days."""
    kind = _KIND.match(value) if value[:1] in _BEGINNINGS else None
    return kind is None, f"{quoted(name)}:{'' if kind is None else NUMBER if kind[1] else DAY}{quoted(value)}"


def pair(name: str, value: str) -> str:
    """One attribute as it is written, so that a search for it decides whether a reader has it."""
    return _placed(name, value)[1]


_BEGINNINGS = frozenset(" +-.0123456789")


def head(name: str, kind: str = "") -> str:
    """How an attribute begins that is a number, a day, or whatever there may be."""
    return f'{quoted(name)}:{kind}"' if kind else f"{quoted(name)}:"


def inside(text: str) -> str:
    """A text as it stands within a value."""
    return quoted(text)[1:-1]
