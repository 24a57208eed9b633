"""The head of a forwarded mail above a digest: what it tells is kept, its lines are dropped."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailer.rendering.paste.letters import fold
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report


@dataclass(slots=True)
class Forward:
    """What the head of a forwarded mail tells, or the stamps of a chat: the `channel` its messages are from."""

    subject: str = ""
    subject_line: int = 0
    date: str = ""
    sent: str = ""
    date_line: int = 0
    channel: str = ""


_FORWARD = re.compile(
    r"-*\s*(?:forwarded(?: message)?|original message|转发的?邮件|原始邮件|邮件原[件文]|转发邮件信息)\s*-*"
    r"|begin forwarded message:",
    re.I,
)
WROTE = re.compile(r"on .{6,90} wrote:|(?:在|于)?\s?20\d\d.{6,80}写道[:：]", re.IGNORECASE)
LEAST = 3  # lines of a mail's head
NOTE = 8  # lines of a word to who gets it
REPLY = 25  # lines of an answer above what it quotes
_HEADER = re.compile(
    r"(from|sent|to|cc|date|subject|re|reply-to|(?:content|list|x|mime|message|delivered|return)-[a-z-]+|received"
    r"|[发寄]件[人者]|发送时间|发送日期|寄件日期|收件[人者]|抄送|副本|日期|时间|主题|主旨)"
    r"\s*[:：]\s*(.*)",
    re.IGNORECASE,
)
_SUBJECTS, _DATES = ("subject", "re", "主题", "主旨"), ("date", "日期")


def without_head(lines: list[Line], report: Report) -> tuple[list[Line], Forward]:
    """The lines below the head of a forwarded mail, and what it told; all of them where there is none."""
    forward = Forward()
    if lines and (wrote := WROTE.fullmatch(lines[0].text)):
        forward.sent, forward.date_line = lines[0].text, lines[0].number
        report.drop(lines[0].number, "line of the forwarding mail dropped", wrote[0])
        return lines[1:], forward
    replied = next((i for i, line in enumerate(lines[:REPLY]) if WROTE.fullmatch(line.text)), 0)
    if replied and len(lines) - replied > replied:  # what was answered is the longer part
        for line in lines[: replied + 1]:
            if line.text:
                report.drop(line.number, "line of the forwarding mail dropped", line.text)
        forward.sent, forward.date_line = lines[replied].text, lines[replied].number
        return lines[replied + 1 :], forward
    start = next((i for i, line in enumerate(lines[:60]) if _FORWARD.fullmatch(line.text)), None)
    head = start + 1 if start is not None else 0
    for line in lines[:head]:
        if above := _header(line):
            _note(forward, *above, line.number)
    first = next((i for i in range(head, min(len(lines), head + 3)) if lines[i].text), head)
    if start is None and lines and _header(lines[first]) is None:
        first = _below_note(lines) or first
    end = first
    seen = 0
    while end < len(lines) and (match := _header(lines[end])) is not None:
        _note(forward, *match, lines[end].number)
        seen += 1
        end += 1
    alone = seen == 1 and forward.subject_line == lines[first].number
    if start is None and not alone and seen < (2 if forward.subject else LEAST):
        return lines, Forward()
    for line in lines[:end]:
        header = _header(line)
        if line.text and not (header and header[0] in (*_SUBJECTS, *_DATES)):
            report.drop(line.number, "line of the forwarding mail dropped", line.text)
    return lines[end:], forward


def _below_note(lines: list[Line]) -> int:
    """Where a mail's head begins below a word or two of who hands it on; 0 where there is none."""
    ends = range(1, min(len(lines) - LEAST, NOTE))
    return next((i for i in ends if all(_header(line) for line in lines[i : i + LEAST])), 0)


def _header(line: Line) -> tuple[str, str] | None:
    """A line of a mail's head, as (field, value)."""
    text = re.sub(r"^([\u3400-\u9fff]) (?=[\u3400-\u9fff]\s*[:：])", r"\1", line.text.replace("**", ""))
    match = _HEADER.fullmatch(fold(text))
    return (match[1].lower(), text[match.start(2) :]) if match else None


def _note(forward: Forward, key: str, value: str, number: int) -> None:
    if key in _SUBJECTS:
        forward.subject = re.sub(r"^(?:(?:re|fwd?|转发|回复|答复)\s*[:：]\s*)+", "", value, flags=re.IGNORECASE)
        forward.subject_line = number
    elif key in _DATES:
        forward.date, forward.date_line = value, number
    elif key in ("sent", "发送时间", "发送日期", "寄件日期", "时间"):
        forward.sent = value
        forward.date_line = forward.date_line or number
