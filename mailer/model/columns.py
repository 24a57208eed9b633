"""How many columns of a screen a text takes."""

from __future__ import annotations

import unicodedata
from functools import lru_cache


def width(text: str) -> int:
    """Columns of `text` (UAX 11): wide and full-width characters take two, marks that combine none."""
    return len(text) if text.isascii() else sum(map(width_of, text))


@lru_cache(8192)
def width_of(character: str) -> int:
    """Columns of one character: two, one or none."""
    if unicodedata.east_asian_width(character) in "WF":
        return 2
    return 0 if unicodedata.category(character) in {"Mn", "Me", "Cf"} else 1
