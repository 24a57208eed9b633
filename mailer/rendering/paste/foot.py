"""The foot of a digest, below its last item: the date and the name, where the head has none."""

from __future__ import annotations

import re
from datetime import date

from mailer.model.columns import width
from mailer.rendering.paste import dates, grammar, leads, links
from mailer.rendering.paste.letters import fold
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.masthead import EDGE, WORDS, Head
from mailer.rendering.paste.report import Report


def read(head: Head, lines: list[Line], today: date, report: Report) -> int:
    """Take the date, and the name beside it, from a short line behind the items where the head has no date or no year.

    The number of a line that holds nothing else is given back, 0 where there is none.
    """
    for line in lines if head.day is None or not head.has_year else ():
        text = links.strip(line.text)[0]
        short = width(text) <= (60 if grammar.is_foot(text) else 40)
        found = dates.find(text, today) if text and short and not grammar.is_call(text) else None
        if found is None or (head.day and not (found[1] and f"{found[0]:%m-%d}" == f"{head.day:%m-%d}")):
            continue
        head.day, head.has_year, head.day_line = found[0], found[1], line.number
        name = (text[: found[2]] or text[found[3] :]).strip(EDGE)
        if not head.newsletter and (WORDS.search(fold(name)) or re.match(r"[—–-]", text)):
            head.newsletter, head.worded = name, True
            report.found(line.number, "name", "taken as the newsletter's name", name)
        return line.number if leads.is_same(name, head.newsletter) else 0
    return 0
