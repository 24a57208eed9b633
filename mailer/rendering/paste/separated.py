"""Rows whose cells are parted by commas or semicolons, quoted where they hold one, written as a spreadsheet's."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable

LEAST = 3  # cells, and rows where no head is known
SIGNS = (",", ";")


def to_cells(lines: list[tuple[int, str]], is_head: Callable[[list[str]], bool]) -> list[tuple[int, str]]:
    """The lines with such rows parted by tabs: those below a known head, or several alike of which all quote a cell."""
    for sign in SIGNS:
        cells = [_cells(text, sign) for _, text in lines]
        start = next((i for i, row in enumerate(cells) if len(row) >= LEAST and is_head(row)), -1)
        rows = 1 if start >= 0 else LEAST
        if start < 0:
            start = next((i for i, (_, text) in enumerate(lines) if _is_quoted(text, cells[i])), len(lines))
        alike = next((list(group) for _, group in itertools.groupby(cells[start:], key=len)), [])
        if len(alike) > rows:
            told = [(number, "\t".join(row)) for (number, _), row in zip(lines[start:], alike, strict=False)]
            return [*lines[:start], *told, *lines[start + len(alike) :]]
    return lines


def _is_quoted(text: str, row: list[str]) -> bool:
    return len(row) >= LEAST and '"' in text and text.count('"') % 2 == 0 and not any('"' in cell for cell in row)


def _cells(text: str, sign: str) -> list[str]:
    """The cells of a row; [] where it has none or is written wrong."""
    if sign not in text:
        return []
    try:
        return [" ".join(cell.split()) for cell in next(csv.reader([text], delimiter=sign, strict=True))]
    except csv.Error:
        return []
