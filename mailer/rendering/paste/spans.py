"""Cells of a clipboard's table that reach over several rows, written into each of them."""

from __future__ import annotations

from mailer.rendering.paste import rows

WIDEST = 20  # columns
MOST = 1000  # rows under one cell


class Spans:
    """Follows the rows of one table; only below known names of columns is a cell carried on."""

    def __init__(self) -> None:
        self._known = False
        self._first = 0
        self._tall: list[tuple[int, int]] = []  # the cells of this row, and over how many rows they reach
        self._column = 0
        self._carried: dict[int, tuple[str, int]] = {}

    def begin(self, line: int) -> None:
        """A row begins, with so many lines above it."""
        self._first, self._column, self._tall = line, 0, []

    def cell(self, rowspan: str) -> None:
        """A cell begins; `rowspan` is as the table has it."""
        while self._column in self._carried:
            self._column += 1
        if self._column < WIDEST and rowspan[:6].isdecimal() and 1 < int(rowspan[:6]) <= MOST:
            self._tall.append((self._column, int(rowspan[:6])))
        self._column += 1

    def end(self, lines: list[tuple[int, str]]) -> None:
        """The row ends: put the cells that reach into it before its own ones."""
        if len(lines) != self._first + 1:
            return
        number, text = lines[-1]
        cells = text.split("\t")
        self._known = self._known or rows.is_head(cells)
        if not self._known:
            return
        for column in sorted(self._carried):
            word, left = self._carried.pop(column)
            cells.insert(column, word)
            if left > 1:
                self._carried[column] = word, left - 1
        self._carried |= {column: (cells[column], count - 1) for column, count in self._tall if column < len(cells)}
        lines[-1] = number, "\t".join(cells)
