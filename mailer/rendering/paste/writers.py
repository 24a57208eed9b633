"""Who wrote it, where that is no source: initials behind texts (`—PN`), and a signature below a farewell."""

from __future__ import annotations

import re
from dataclasses import replace

from mailer.model.columns import width
from mailer.rendering.paste import links
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report

MOST_BEHIND = 8  # lines below a farewell

_INITIALS = re.compile(r"(.*?)\s*(?:[—–]|--?)\s*([A-Z]{2,3})")
_NAMES = re.compile(
    r"(?:[—–-]+\s*|(?:written|edited|compiled|brought to you)?\s*by:?\s+)?"
    r"((?:[A-Z][\w'’-]+ ){1,2}[A-Z][\w'’-]+(?:(?:,| and| &|,? and) (?:[A-Z][\w'’-]+ ){1,2}[A-Z][\w'’-]+)*)\.?",
    re.IGNORECASE,
)
_FAREWELL = re.compile(
    r"(?:cheers|best(?: wishes| regards)?|(?:kind |warm )?regards|yours(?: \w+)?|sincerely|happy reading"
    r"|all (?:the|my) best"
    r"|(?:until|see you) (?:tomorrow|next \w+|then|soon|on \w+day|(?:mon|tues|wednes|thurs|fri|satur|sun)day)"
    r"|take care|warmly|onwards?"
    r"|(?:我们)?(?:明天|下期|下周|周[一二三四五])见|祝好|此致|敬上|顺颂商祺)[\s,，.。!！～~]*",
    re.IGNORECASE,
)


def without(lines: list[Line], report: Report) -> list[Line]:
    """The lines without the initials of writers the page names, and without what signs below a farewell."""
    return _without_signature(_without_initials(lines, report), report)


def _without_initials(lines: list[Line], report: Report) -> list[Line]:
    ends = {i: match for i, line in enumerate(lines) if (match := _INITIALS.fullmatch(line.text))}
    initials = _initials([links.strip(line.text)[0] for line in lines]) if len(ends) > 1 else set()
    signed = {i: match for i, match in ends.items() if match[2] in initials}
    for index, match in signed.items():
        report.add(lines[index].number, "source", "who wrote it left out", match[2])
    kept = (replace(line, text=signed[i][1]) if i in signed else line for i, line in enumerate(lines))
    return [line for i, line in enumerate(kept) if line.text or i not in signed]


def _initials(texts: list[str]) -> set[str]:
    """The initials of the people in lines that hold nothing but names, perhaps behind "by" or a dash."""
    found = (match[1] for text in texts if width(text) <= 120 and (match := _NAMES.fullmatch(text)))
    people = (name for names in found for name in re.split(r",? (?:and|&) |, ", names))
    return {"".join(word[0] for word in name.split()) for name in people}


def _without_signature(lines: list[Line], report: Report) -> list[Line]:
    filled = [i for i, line in enumerate(lines) if line.text]
    farewell = next((i for i in filled[-MOST_BEHIND:] if _FAREWELL.fullmatch(lines[i].text)), None)
    if farewell is None:
        return lines
    signed = [farewell]
    for index in range(farewell + 1, len(lines)):
        text = links.strip(lines[index].text)[0]
        if not text or width(text) > 30 or re.search(r"[.。!！?？:：]$|\d", text):
            break
        signed.append(index)
    for index in signed:
        report.drop(lines[index].number, "farewell and who signs it dropped", lines[index].text)
    return [line for i, line in enumerate(lines) if i not in signed]
