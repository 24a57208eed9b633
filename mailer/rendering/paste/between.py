"""Names alone between a headline and its text, item after item, as a page of search results has them."""

from __future__ import annotations

import itertools
from dataclasses import replace

from mailer.model.columns import width
from mailer.rendering.paste import shapes, sources
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report

LEAST = 3  # items
WIDEST = 24  # columns of a name


def name(lines: list[Line], report: Report) -> list[Line]:
    """The lines with such names written as sources: `来源：X`; most of them look like those of papers."""
    filled = [i for i, line in enumerate(lines) if line.text]
    found = [
        two
        for one, two, three in zip(filled, filled[1:], filled[2:], strict=False)
        if width(lines[two].text) <= WIDEST
        and width(lines[two].text) < width(lines[one].text)
        and sources.is_name(lines[two].text)
        and sources.source_line(lines[two].text) is None
        and shapes.is_headline(lines[one])
        and shapes.is_headline(lines[two])
        and shapes.is_text(lines[three].text)
    ]
    media = {i for i in found if sources.is_medium(lines[i].text)}
    if len(media) < LEAST or len(media) * 3 < len(found) * 2:
        return lines
    report.add(lines[min(media)].number, "guess", f"{len(media)} names between headline and text taken as sources")
    above = {two: one for one, two in itertools.pairwise(filled)}
    headlines = {above[i] for i in media}
    written: list[Line] = []
    for index, line in enumerate(lines):
        written += [Line(line.number, "")] if index in headlines else []
        written.append(replace(line, text=f"来源：{line.text}", bold=False) if index in media else line)
    return written
