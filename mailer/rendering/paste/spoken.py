"""Headlines that are somebody's words, with who said them in the line below, written as one line."""

from __future__ import annotations

import re
from dataclasses import replace

from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report

LEAST = 2  # such headlines
_WORDS = re.compile(r"[^\w“\"「『]{0,3}(?:\d{1,2}[.、]\s*)?[“\"「『][^“”\"「」『』]{4,80}[”\"」』]")
_SPEAKER = re.compile(r"(?:[—–―]{1,4}|-{2,4})\s*(\S.{1,30})")


def join(lines: list[Line], report: Report) -> list[Line]:
    """The lines with such pairs joined, where a text stands below: else the name is the source of a saying."""
    found = {
        i
        for i in range(len(lines) - 2)
        if _WORDS.fullmatch(lines[i].text)
        and _SPEAKER.fullmatch(lines[i + 1].text)
        and lines[i + 2].text
        and not _WORDS.fullmatch(lines[i + 2].text)
    }
    if len(found) < LEAST:
        return lines
    what = "%(count)s headlines joined with who said them, in the line below"
    report.add(lines[min(found)].number, "guess", what, count=len(found))
    written: list[Line] = []
    for index, line in enumerate(lines):
        if index - 1 in found and (match := _SPEAKER.fullmatch(line.text)):
            written[-1] = replace(written[-1], text=f"{written[-1].text}——{match[1]}")
        else:
            written.append(line)
    return written
