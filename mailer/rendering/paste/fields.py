"""The field that every headline of a digest begins with (`宏观 | `, `【资本】`), made the titles of its sections."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

from mailer.model.columns import width
from mailer.rendering.paste import sources
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.outline import Outline
from mailer.rendering.paste.report import Report

LEAST = 3  # items
WIDEST = 10  # columns of a field's name
_FIELD = re.compile(r"(?:【([^【】\d]+)】|([^\s\d|｜丨【】]+)\s*[|｜丨])\s*(?=\S)")
_CRY = re.compile(r"突发|重磅|独家|最新|快讯|热[点搜]|头条|关注|breaking|exclusive", re.IGNORECASE)


def to_sections(lines: list[Line], found: Outline, report: Report) -> list[Line]:
    """The lines with each field on a line of its own above its items; [] where there are none.

    Items of one field must stand together, else the field stays part of the headline; so does a word in brackets,
    which reads well there, where no two items share one.
    """
    parted = {index: match for index, text in found.starts.items() if (match := _FIELD.match(text))}
    fields = [(match[1] or match[2]).strip() for _, match in sorted(parted.items())]
    runs = [field for field, _ in itertools.groupby(fields)]
    if (
        len(fields) < max(LEAST, len(found.starts))
        or found.titles
        or not 2 <= len(runs) == len(set(runs))
        or (len(runs) == len(fields) and any(match[1] for match in parted.values()))
        or any(width(field) > WIDEST or sources.is_medium(field) or _CRY.search(field) for field in fields)
        or any(not lines[index].text.endswith(found.starts[index]) for index in parted)
    ):
        return []
    written: list[Line] = []
    opened = ""
    for index, line in enumerate(lines):
        if match := parted.get(index):
            field, text = (match[1] or match[2]).strip(), found.starts[index]
            if field != opened:
                written.append(Line(line.number, f"## {field}"))
                opened = field
            before = line.text[: len(line.text) - len(text)]
            line = replace(line, text=before + text[match.end() :])
        written.append(line)
    report.add(lines[min(parted)].number, "guess", "what every headline begins with taken as its section", opened)
    return written
