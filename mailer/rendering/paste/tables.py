"""Rows of a table that was copied without its head: what each column holds is told by its cells."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailer.model.columns import width
from mailer.rendering.paste.sources import is_medium

LEAST = 3  # rows
WIDEST_NAME = 24  # columns of a source's or a field's name
NARROWEST = 14  # columns of headlines, on the average
_MARKED = re.compile(r"\[([^\[\]]{1,80})\]\(https?://[^()\s]+\)")
_LINK = re.compile(r"https?://\S+|")
_DATE = re.compile(r"(?:20\d\d[-/.年])?\d{1,2}[-/.月]\d{1,2}日?(?: \d{1,2}:\d{2})?|")
_NAME = re.compile(r"[^。！？.!?；;，,]*[^\W\d_][^。！？!?；;，,]*|")


def columns(rows: Sequence[list[str]]) -> list[str]:
    """What each column of such rows holds: number, date, section, headline, text, source or link; [] if unclear."""
    if len(rows) < LEAST or len(rows[0]) < 2 or any(len(row) != len(rows[0]) for row in rows):
        return []
    cells = [[_MARKED.sub(r"\1", row[at]).strip() for row in rows] for at in range(len(rows[0]))]
    found = [_sure(column) for column in cells]
    open_ = [at for at, name in enumerate(found) if not name]
    texts = [at for at in open_ if sum(cell[-1:] in "。！？.!?" for cell in cells[at] if cell) * 2 > len(rows)]
    wide = [at for at in open_ if at not in texts and sum(map(width, cells[at])) >= NARROWEST * len(rows)]
    if not wide or len(texts) > 1 or (texts and texts < wide):
        return []
    headline = wide[0]
    if len(wide) > 1 and not texts:
        texts = wide[1:2]
    found[headline] = "headline"
    for at in texts:
        found[at] = "text"
    for at in open_:
        named = all(_NAME.fullmatch(cell) and width(cell) <= WIDEST_NAME for cell in cells[at])
        if not found[at] and named:
            media = len({*cells[at]}) * 3 > len(rows) * 2 and sum(map(is_medium, cells[at])) * 2 >= len(rows)
            found[at] = "section" if at < headline and not media else "source"
    told = [name for name in found if name]
    sure = {"number", "source", "link", "date"} & {*told}
    return found if sure and len(told) == len({*told}) == len(found) else []


def _sure(column: list[str]) -> str:
    """What the cells of a column are by their form alone."""
    if [cell.strip(".、") for cell in column] == [str(number) for number in range(1, len(column) + 1)]:
        return "number"
    for name, form in (("link", _LINK), ("date", _DATE)):
        if any(column) and all(form.fullmatch(cell) for cell in column):
            return name
    return ""
