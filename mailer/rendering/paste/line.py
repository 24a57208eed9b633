"""A line of the paste, and how wide a text is on a screen."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the paste: its number there, and its text without what surrounds it ("" is a blank line)."""

    number: int
    text: str
    bold: bool = False


def width(text: str) -> int:
    """Columns of a text on a screen, Han characters being two wide."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
