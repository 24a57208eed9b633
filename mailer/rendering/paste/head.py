"""The head of a digest, above its first item: the newsletter's name, the date, the leads and a greeting."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date

from mailer.rendering.paste import dates, grammar, leads
from mailer.rendering.paste.lines import Forward, Line, width
from mailer.rendering.paste.report import Report


@dataclass(slots=True)
class Head:
    """What the head tells; `named` says that it looks like a newsletter's head at all."""

    newsletter: str = ""
    day: date | None = None
    day_line: int = 0
    has_year: bool = False
    leads: list[str] = field(default_factory=list)
    leads_line: int = 0
    intro: list[str] = field(default_factory=list)
    named: bool = False
    number: int | None = None


_TOPIC = re.compile(r"^\s*#([^#\n]{2,40})#\s*")
_QUOTED = re.compile(r"^\s*[「『《〖]([^」』》〗]{2,30})[」』》〗]\s*")
_BRACKET = re.compile(r"^\s*[【\[]([^】\]]{2,60})[】\]]\s*")
_WORDS = re.compile(
    r"报|快讯|速递|简讯|资讯|晨|早安|周刊|日刊|新闻|速览|要闻|\b(?:news|newsletter|digest|daily|weekly|brief(?:ing)?|morning|post|"
    r"bulletin|times|trader|table|journal|gazette|review|monitor|letter|wire|roundup)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\s*[,，|｜·-]?\s*(?:第|#|no\.?|vol\.?|issue|总第)\s*(\d{1,6})\s*[期号]?$", re.IGNORECASE)
_GREETING = re.compile(
    r"^(?:早上好|早安|大家(?:早上|早|晚上|下午)?好|各位|晚上好|下午好|good (?:morning|evening)|hello|hi\b|dear)",
    re.IGNORECASE,
)
_EDGE = ' \t-–—|｜丨·•,，:：/~#*"“”'


def read_head(lines: list[Line], forward: Forward, today: date, report: Report) -> Head:
    """Read the lines above the first item or section title, and a forwarded mail's subject."""
    head = Head()
    for line in lines:
        if line.text:
            _read_line(head, line, today, report)
    if forward.subject:
        _read_subject(head, forward, today)
    mail_date = forward.date or forward.sent
    if mail_date and head.day is None and (found := dates.find(mail_date, today)):
        head.day, head.has_year, head.day_line = found[0], found[1], forward.date_line
    return head


def _read_subject(head: Head, forward: Forward, today: date) -> None:
    subject = forward.subject
    parts = re.split(r"([:：]\s*|\s+[-–—|]\s+)", subject, maxsplit=1)
    name, separator, rest = parts if len(parts) == 3 else (subject, "", "")
    name = _NUMBER.sub("", name)
    if not separator:
        rest = subject if leads.SEPARATOR.search(subject) else ""
    if name and (not head.newsletter or leads.is_same(name, head.newsletter)) and width(name) <= 50 and separator:
        head.newsletter = name.strip(_EDGE)
        head.named = True
    if rest and not head.leads:
        head.leads, head.leads_line = leads.split(rest), forward.subject_line
    if head.day is None and (found := dates.find(subject, today)):
        head.day, head.has_year = found[0], found[1]


def _read_line(head: Head, line: Line, today: date, report: Report) -> None:
    text = grammar.strip_links(line.text)[0]
    text = re.sub(r"^#{1,6}\s+", "", text)
    if grammar.is_rule(text):
        report.drop(line.number, "line of strokes or stray punctuation dropped", text)
        return
    if grammar.is_foot(text):
        report.drop(line.number, "line of the page dropped", text)
        return
    if _GREETING.match(text):
        _date(head, text, line, today)
        head.intro.append(line.text)
        report.add(line.number, "intro", "taken as the introduction", text)
        return
    entry = next((mark.rest for mark in grammar.marks(text) if mark.family not in ("bare", "lone")), "")
    if entry and not leads.SEPARATOR.search(text):
        head.leads.append(grammar.headline(entry)[0])
        head.leads_line = head.leads_line or line.number
        report.add(line.number, "leads", "taken as a lead", entry)
        return
    if leads.PREFIX.fullmatch(text):
        report.drop(line.number, "heading of the leads dropped", text)
        return
    rest = _name(head, text, line, report)
    rest = _date(head, rest, line, today)
    rest = rest.strip(_EDGE)
    if not rest or (
        len(rest) < 60
        and re.fullmatch(r"[\W\d_]*(?:第?\s*\d+\s*期|vol\.?\s*\d+|no\.?\s*\d+)?[\W_]*", rest, re.IGNORECASE)
    ):
        return
    _place(head, rest, line, report)


def _name(head: Head, text: str, line: Line, report: Report) -> str:
    for pattern in (_TOPIC, _QUOTED, _BRACKET):
        match = pattern.match(text)
        if not match:
            continue
        if pattern is _BRACKET and (head.newsletter or dates.find(match[1], date(2000, 1, 1))):
            if not head.newsletter:
                found = dates.find(match[1], date(2000, 1, 1))
                name = re.sub(r"\bon\s*$", "", match[1][: found[2]] if found else match[1]).strip(_EDGE)
                _take_name(head, name, line, report)
            return (
                match[1] + " " + text[match.end() :] if dates.find(match[1], date(2000, 1, 1)) else text[match.end() :]
            )
        if not head.newsletter:
            _take_name(head, match[1].strip(), line, report)
        rest = text[match.end() :]
        edition = _BRACKET.match(rest)
        if edition:
            return f"{_only_date(edition[1])} {rest[edition.end() :]}"
        return rest
    return text


def _only_date(text: str) -> str:
    found = dates.find(text, date(2000, 1, 1))
    return text[found[2] : found[3]] if found else ""


def _take_name(head: Head, name: str, line: Line, report: Report) -> None:
    name = " ".join(name.split())
    if match := _NUMBER.search(name):
        head.number = int(match[1])
        name = name[: match.start()].strip(_EDGE)
        report.add(line.number, "number", f"taken as the issue's number: {head.number}")
    if name:
        head.newsletter, head.named = name, True
        report.add(line.number, "name", "taken as the newsletter's name", name)


def _date(head: Head, text: str, line: Line, today: date) -> str:
    found = dates.find(text, today)
    if found is None:
        return text
    day, has_year, start, end = found
    if head.day is None:
        head.day, head.has_year, head.day_line = day, has_year, line.number
    before = re.sub(r"(?:\b(?:on|for|of)|[,，|｜丨·(（])\s*$", "", text[:start].rstrip(), flags=re.IGNORECASE)
    after = re.sub(r"^\s*[)）]", "", text[end:])
    return f"{before} {after}".strip() if before.strip(_EDGE) else after


def _place(head: Head, text: str, line: Line, report: Report) -> None:
    parts = leads.split(text)
    prefixed = leads.PREFIX.match(text) is not None
    if (
        not head.leads
        and (prefixed or len(parts) >= 2)
        and not (not head.newsletter and not prefixed and len(parts) < 2)
    ):
        if (
            not head.newsletter
            and not prefixed
            and (match := re.match(r"^([^:：;；]{2,40})[:：]\s*(.+)$", text))
            and _WORDS.search(match[1])
        ):
            _take_name(head, match[1].strip(_EDGE), line, report)
            parts = leads.split(match[2])
        head.leads, head.leads_line = parts, line.number
        if re.search(r"(?:\.{2,}|…+)$", text):
            report.add(line.number, "leads", "ellipsis at the end of the leads dropped")
        report.add(line.number, "leads", f"{len(parts)} leads found", text[:60])
    elif not head.newsletter and width(text) <= 60 and not re.search(r"[。！？!?；;]$", text):
        _take_name(head, text.strip(_EDGE), line, report)
        head.named = bool(_WORDS.search(text)) or head.day is not None
    elif leads.is_same(text, head.newsletter):
        report.drop(line.number, "the newsletter's name again dropped", text)
    elif re.search(r"[。.!！?？]$", text) and width(text) > 20:
        head.intro.append(text)
        report.add(line.number, "intro", "taken as the introduction", text)
    else:
        report.drop(line.number, "line of the head dropped", text)
