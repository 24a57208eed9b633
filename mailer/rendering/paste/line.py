"""A line of the paste."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the paste: its number there, and its text without what surrounds it ("" is a blank line)."""

    number: int
    text: str
    bold: bool = False
