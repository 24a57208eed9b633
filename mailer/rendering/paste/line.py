"""A line of the paste, and the blocks that lines make."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the paste: its number there, and its text without what surrounds it ("" is a blank line)."""

    number: int
    text: str
    bold: bool = False


def blocks_of(lines: list[Line]) -> Iterator[list[int]]:
    """The indices of the lines between blank ones, block by block."""
    for blank, group in itertools.groupby(range(len(lines)), lambda index: not lines[index].text):
        if not blank:
            yield list(group)
