"""Hooks before the lines that stand below a headline, its text and its source alike (`↳ text`, `↳ Dock Post`)."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report

LEAST = 2  # items with two such lines
_HOOK = re.compile(r"[↳⤷└╰](?:[─—-]+)?\s*(?=\S)")


def without(lines: list[Line], report: Report) -> list[Line]:
    """The lines without their hooks, where one follows the other; a hook alone is before a name."""
    hooked = [_HOOK.match(line.text) is not None for line in lines]
    if sum(one and two for one, two in itertools.pairwise(hooked)) < LEAST:
        return lines
    what = "hooks before %(count)s lines below headlines left out"
    report.add(lines[hooked.index(True)].number, "label", what, count=sum(hooked))
    return [replace(line, text=_HOOK.sub("", line.text, count=1)) for line in lines]
