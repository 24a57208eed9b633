"""Lines inside a digest that are no part of it: what editors note for each other, and advertisements."""

from __future__ import annotations

import re

from mailer.rendering.paste import grammar, links
from mailer.rendering.paste.letters import fold
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report

_NOTE = re.compile(
    r"[(（【\[](?:编者?[注按]|小编[注按说]?|待[核查补定改][实对充]?|待确认|校对|内部"
    r"|TODO|TBC|(?:editor['’]s|ed\.?) note|note to \w+)\s*[:：].*[)）】\]]",
    re.IGNORECASE,
)
# In a margin, as Word copies it.
_COMMENT = re.compile(r"(?:comment(?:ed)?|批注)\s*\[\w{1,8}\]\s*[:：].*", re.IGNORECASE)


def without(lines: list[Line], report: Report) -> list[Line]:
    """The lines without such notes and advertisements."""
    kept = []
    for line in lines:
        text = fold(links.strip(line.text)[0])
        if _NOTE.fullmatch(text) or _COMMENT.fullmatch(text):
            report.drop(line.number, "note to whoever makes the issue dropped", line.text)
        elif grammar.is_advertisement(text):
            report.drop(line.number, "advertisement dropped", links.strip(line.text)[0])
        else:
            kept.append(line)
    return kept
