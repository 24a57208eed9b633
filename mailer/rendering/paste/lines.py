"""Pasted text made clean lines: quoting, mail heads, chat stamps, advertisements and invisible characters taken out."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from mailer.model.columns import width
from mailer.rendering.paste.clipboard import direct
from mailer.rendering.paste.enumerators import bullet, is_numbered
from mailer.rendering.paste.letters import fold
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.links import LINK, LINK_END, LINK_URL
from mailer.rendering.paste.report import Report
from mailer.rendering.paste.wraps import unwrap


@dataclass(slots=True)
class Forward:
    """What the head of a forwarded mail tells."""

    subject: str = ""
    subject_line: int = 0
    date: str = ""
    sent: str = ""
    date_line: int = 0


_INVISIBLE = re.compile(
    "[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u00ad\x00-\x08\x0b-\x1f\x7f-\x9f\ue003-\uf8ff]"
)
_NARROW = {code: code - 0xFEE0 for code in range(0xFF10, 0xFF1A)}
_BLANKS = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u205f\u3000]+")
_QUOTE = re.compile(r"^(?:>[ ]?)+")
_FORWARD = re.compile(
    r"-{3,}\s*(?:forwarded message|original message|转发的?邮件|原始邮件|转发邮件信息)\s*-{3,}"
    r"|begin forwarded message:",
    re.I,
)
_WROTE = re.compile(r"on .{6,90} wrote:|(?:在|于)?\s?20\d\d.{6,80}写道[:：]", re.IGNORECASE)
_HEADER = re.compile(
    r"(from|sent|to|cc|date|subject|reply-to|[发寄]件[人者]|发送时间|发送日期|寄件日期|收件[人者]|抄送|副本|日期|时间|主题|主旨)"
    r"\s*[:：]\s*(.*)",
    re.IGNORECASE,
)
_SUBJECTS, _DATES = ("subject", "主题", "主旨"), ("date", "日期")
_STAMP = re.compile(
    r"(?:[^\s:：,，。]{1,20}\s+)?(?:(?:\d{4}[-/.年])?\d{1,2}[-/.月]\d{1,2}日?\s+)?(?:上午|下午|凌晨|晚上)?\s*\d{1,2}:\d{2}(?::\d{2})?"
    r"|[^\[\]]{1,40}, \[\d{1,2}[./]\d{1,2}[./]\d{2,4},? \d{1,2}:\d{2}(?::\d{2})?\]:?"  # Telegram
    r"|[A-Z]\S{0,20}(?: [A-Z]\S{0,20}){0,2} \d{1,2}:\d{2} ?[AP]M"  # Slack
    r"|\[?\d{4}[-/]\d{1,2}[-/]\d{1,2}[ ,]+\d{1,2}:\d{2}(?::\d{2})?\]?\s*[^\s:：]{0,20}[:：]?"
)
_POSTED = re.compile(r"(?:\d{4}-)?\d{1,2}-\d{1,2} \d{1,2}:\d{2} 来自 ?\S.{0,30}")
_SPEAKER = re.compile(
    r"\[(?:[\d/.-]+,? )?\d{1,2}:\d{2}(?::\d{2})?(?: [AP]M)?\] ([^\s:：\[\]][^:：\[\]]{0,30})[:：] ?(.*)", re.I
)
# A copied chat with name and time on a line above each message.
_SPEAKER_ABOVE = re.compile(
    r"(?:\[[^\[\]\d]{1,8}\]\s*)?([^\s:：,，。]{1,20}?)(?:\s+|\s*[(（])(?:(?:\d{4}[-/.年])?\d{1,2}[-/.月]\d{1,2}日?\s+)?(?:上午|下午|凌晨|晚上)?\s*\d{1,2}:\d{2}(?::\d{2})?[)）]?[:：]?()"
)
# Teams puts them in brackets and before the name.
_SPEAKER_BEHIND = re.compile(
    r"\[(?:[\d/.-]+,? )?(?:yesterday |today )?\d{1,2}:\d{2}(?::\d{2})?(?: ?[AP]M)?\] ([^\[\]:：]{2,40})()", re.I
)
_CLOCK = re.compile(
    r"\W{0,3}(?:((?:20\d\d[-/.年])?\d{1,2}[-/.月]\d{1,2}日?)\s+)?(?:[01]?\d|2[0-3])[:：][0-5]\d(?:[:：][0-5]\d)?(?:\s*[|｜丨]\s*|\s+|(?=【))(?!\d{1,2}[:：]|[-–—~至])(\S.{3,})"
)
_ADVERTISEMENT = re.compile(
    r"[^\w\s]*\s*(?:广告|廣告|推广|赞助商?(?:内容)?|ad|ads|advertisement|sponsored|广告(?:开始|结束))\s*[^\w\s]*",
    re.IGNORECASE,
)
MOST_OF_ADVERTISEMENT = 8  # lines
_URL = re.compile(
    rf"(?<![{LINK_URL}<])(?<!\]\()\bhttps?://[^\s<>\"'“”‘’（）()，。；、！？】」』{LINK}-{LINK_END}]+(?:\([^\s()]*\))?"
)
_CHAT_LINK = re.compile(r"<(https?://[^\s<>|]+)\|([^<>|\n]{1,200})>")  # as Slack copies them
_MARKDOWN_LINK = re.compile(r"(!?)\[([^\[\]\n]{1,200})\]\(<?(https?://[^\s()<>]+(?:\([^\s()]*\))?)>?\)")


def tidy(lines: list[tuple[int, str]], report: Report, *, html: bool) -> tuple[list[Line], Forward]:
    """The clean lines, and what a forwarding head said."""
    clean = [
        Line(number, _clean(text, number, report))
        for index, (number, text) in enumerate(lines)
        if text or index < 2 or lines[index - 1][1] or lines[index - 2][1]  # two empty lines say as much as a thousand
    ]
    unquoted = _unquote(clean, report)
    narrowest = 30 if unquoted is not clean else 60  # what was quoted came by mail, where lines are broken
    clean = _without_underlines(unquoted, report)
    clean, forward = _without_forwarding(clean, report)
    clean = _without_speakers(_without_advertisements(_unquoted_chat(clean, report), report), forward, report)
    clean = [line for line in clean if not _is_stamp(line, forward, report)]
    clean = _without_clocks(clean, forward, report)
    if not html:
        clean = unwrap(clean, report, narrowest)
        clean = [replace(line, text=_mark_links(line, report)) for line in clean]
    return [_undecorated(line) for line in clean], forward


def _clean(text: str, number: int, report: Report) -> str:
    bare = _INVISIBLE.sub("", text)
    if bare != text:
        kinds = sorted({f"U+{ord(character):04X}" for character in _INVISIBLE.findall(text)})
        report.add(number, "invisible", f"invisible characters removed ({', '.join(kinds[:4])})")
    narrow = bare.translate(_NARROW)
    if narrow != bare:
        report.add(number, "full-width", "full-width digits written narrow")
    return _BLANKS.sub(" ", narrow).strip()


def _unquote(lines: list[Line], report: Report) -> list[Line]:
    quoted = [line for line in lines if line.text.startswith(">")]
    if len(quoted) < 3 or len(quoted) * 3 < sum(bool(line.text) for line in lines):
        return lines
    report.add(quoted[0].number, "quoted", f"quote marks > removed from {len(quoted)} lines")
    return [replace(line, text=_QUOTE.sub("", line.text, count=1).strip()) for line in lines]


def _without_underlines(lines: list[Line], report: Report) -> list[Line]:
    """Titles underlined with strokes, as `## title`."""
    kept: list[Line] = []
    for line in lines:
        last = kept[-1] if kept else None
        alone = len(kept) < 2 or not kept[-2].text
        if last and last.text and alone and width(last.text) <= 44 and re.fullmatch(r"={3,}|-{3,}", line.text):
            kept[-1] = replace(last, text=f"## {last.text}")
            report.add(line.number, "underline", "underline of a title dropped", line.text)
        else:
            kept.append(line)
    return kept


def _without_forwarding(lines: list[Line], report: Report) -> tuple[list[Line], Forward]:
    forward = Forward()
    if lines and (wrote := _WROTE.fullmatch(lines[0].text)):
        forward.sent, forward.date_line = lines[0].text, lines[0].number
        report.drop(lines[0].number, "line of the forwarding mail dropped", wrote[0])
        return lines[1:], forward
    start = next((i for i, line in enumerate(lines[:60]) if _FORWARD.fullmatch(line.text)), None)
    head = start + 1 if start is not None else 0
    for line in lines[:head]:
        if above := _header(line):
            _note(forward, *above, line.number)
    first = next((i for i in range(head, min(len(lines), head + 3)) if lines[i].text), head)
    end = first
    seen = 0
    while end < len(lines) and (match := _header(lines[end])) is not None:
        _note(forward, *match, lines[end].number)
        seen += 1
        end += 1
    if start is None and seen < 3:
        return lines, Forward()
    for line in lines[:end]:
        header = _header(line)
        if line.text and not (header and header[0] in (*_SUBJECTS, *_DATES)):
            report.drop(line.number, "line of the forwarding mail dropped", line.text)
    return lines[end:], forward


def _header(line: Line) -> tuple[str, str] | None:
    """A line of a mail's head, as (field, value)."""
    text = line.text.replace("**", "")
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


def _unquoted_chat(lines: list[Line], report: Report) -> list[Line]:
    """A message quoted in a chat, `「Name: its text」` and strokes below it, without what was answered."""
    first = next((i for i, line in enumerate(lines) if line.text), 0)
    last = next((i for i, line in enumerate(lines) if line.text.endswith("」")), None)
    said = re.fullmatch(r"「([^：:「」]{1,20})[：:]\s*(.*)", lines[first].text) if lines else None
    if said is None or last is None or last <= first:
        return lines
    answer = [line for line in lines[last + 1 :] if line.text]
    if not answer or not re.fullmatch(r"[-—–_ ]{5,}", answer[0].text):
        return lines
    report.add(lines[first].number, "chat", f"marks of a quoted message removed; {said[1]} wrote it")
    for line in answer:
        report.drop(line.number, "answer to the quoted message dropped", line.text)
    kept = [replace(lines[first], text=said[2]), *lines[first + 1 : last + 1]]
    return [*kept[:-1], replace(kept[-1], text=kept[-1].text.removesuffix("」"))]


def _without_advertisements(lines: list[Line], report: Report) -> list[Line]:
    """The lines without what stands between two marks such as `▼ 广告 ▼`, or in the block below a single one."""
    labels = [i for i, line in enumerate(lines) if _ADVERTISEMENT.fullmatch(line.text)]
    gone: set[int] = set()
    for label in labels:
        if label in gone:
            continue
        blank = next((i for i in range(label + 2, len(lines)) if not lines[i].text), len(lines))
        closing = next((i for i in labels if label < i <= label + MOST_OF_ADVERTISEMENT), None)
        stop = blank if closing is None else closing + 1
        if not any(is_numbered(lines[i].text) for i in range(label, stop)):
            gone.update(range(label, stop))
    for index in sorted(gone):
        if lines[index].text:
            report.drop(lines[index].number, "advertisement dropped", lines[index].text)
    return [line for index, line in enumerate(lines) if index not in gone]


def _without_speakers(lines: list[Line], forward: Forward, report: Report) -> list[Line]:
    """A chat copied with time and name before each message, without them; what other people said is dropped."""
    forms = (_SPEAKER, _SPEAKER_ABOVE, _SPEAKER_BEHIND)
    pattern = max(forms, key=lambda form: sum(bool(form.fullmatch(line.text)) for line in lines))
    said = [(line, match) for line in lines if (match := pattern.fullmatch(line.text))]
    names = [match[1] for _, match in said]
    alone = len(said) == 1 and pattern is _SPEAKER and next((line for line in lines if line.text), None) is said[0][0]
    if len(said) < 2 and not alone:
        return lines
    teller = max(names, key=names.count)
    if pattern is _SPEAKER_ABOVE and len(set(names)) == len(names):
        amounts = _amounts(lines, [line for line, _ in said])
        most = max(range(len(said)), key=lambda i: amounts[i])
        if amounts[most] * 5 < sum(amounts) * 4:
            return lines
        teller = names[most]
    if not forward.sent and re.search(r"\d{4}[-/.年]\d", said[0][0].text):
        forward.sent, forward.date_line = said[0][0].text, said[0][0].number
    report.add(said[0][0].number, "chat", f"time and name removed from {len(said)} messages")
    kept: list[Line] = []
    other = False
    for line in lines:
        match = pattern.fullmatch(line.text)
        if match:
            other = match[1] != teller
        if other:
            if line.text:
                report.drop(line.number, "message of somebody else dropped", line.text)
        else:
            kept.append(replace(line, text=match[2].strip()) if match else line)
    return kept


def _amounts(lines: list[Line], stamps: list[Line]) -> list[int]:
    """How much is written below each of these lines, up to the next."""
    places = [lines.index(stamp) for stamp in stamps]
    ends = [*places[1:], len(lines)]
    return [sum(width(line.text) for line in lines[one + 1 : two]) for one, two in zip(places, ends, strict=True)]


def _without_clocks(lines: list[Line], forward: Forward, report: Report) -> list[Line]:
    """A ticker's items without the time of day before each."""
    timed = {line: match for line in lines if (match := _CLOCK.fullmatch(line.text))}
    if len(timed) < 3:
        return lines
    first, match = next(iter(timed.items()))
    if match[1] and not forward.sent:
        forward.sent, forward.date_line = match[1], first.number
    report.add(first.number, "chat", f"time of day removed from {len(timed)} lines")
    return [replace(line, text=timed[line][2]) if line in timed else line for line in lines]


def _is_stamp(line: Line, forward: Forward, report: Report) -> bool:
    if _POSTED.fullmatch(line.text):
        forward.sent, forward.date_line = forward.sent or line.text, forward.date_line or line.number
        report.drop(line.number, "time of a post dropped", line.text)
        return True
    if line.text and len(line.text) < 50 and _STAMP.fullmatch(line.text):
        if not forward.sent and re.search(r"\d{4}[-/.年]\d", line.text):
            forward.sent, forward.date_line = line.text, line.number
        report.drop(line.number, "time stamp of a chat dropped", line.text)
        return True
    return False


def _mark_links(line: Line, report: Report) -> str:
    def marked(match: re.Match[str]) -> str:
        url = direct(match[3], line.number, report)
        return match[0] if match[1] else f"{LINK}{match[2]}{LINK_URL}{url}{LINK_END}"

    def named(match: re.Match[str]) -> str:
        url = direct(match[1], line.number, report)
        return f"{LINK}{match[2].strip()}{LINK_URL}{url}{LINK_END}"

    def bare(match: re.Match[str]) -> str:
        written = match[0].rstrip(".,;:!?")
        url = direct(written, line.number, report)
        return f"{LINK}{url}{LINK_URL}{url}{LINK_END}{match[0][len(written) :]}"

    text = _MARKDOWN_LINK.sub(marked, _CHAT_LINK.sub(named, line.text))
    return _URL.sub(bare, re.sub(r"<(https?://[^\s<>]+)>", r"\1", text))


def _undecorated(line: Line) -> Line:
    """A line whose Markdown or chat bold marks stand around the whole of it, without them."""
    text = re.sub(r"([*_])([(（][^()（）*_]+[)）])\1$", r"\2", line.text)
    text = re.sub(r"(?<=[.!?。！？])\s?_([^_]{2,40})_$", r" (\1)", text)  # a name behind the last full stop
    text = re.sub(r"^((?:[^\w\s*]\ufe0f?|\d{1,2}[.)、]) )?\*(?=\S)([^*]{4,120})(?<=\S)\*(?=\s+\S)", r"\1**\2**", text)
    line = replace(line, text=text)
    match = re.fullmatch(r"(?:\*\*|__)(.+?)(?:\*\*|__)", text)
    if match and "**" not in match[1]:
        return replace(line, text=match[1].strip(), bold=True)
    if re.fullmatch(r"_[^_\s][^_.。!?！？]{0,38}_", text) and not (is_numbered(text[1:-1]) or bullet(text[1:-1])):
        return line  # perhaps a source's name below its item
    single = re.fullmatch(r"(\d{1,3}[.、)）]\s*)?([*_])(?=\S)([^*_]+)(?<=\S)\2(\s+\S*)?", text)
    if single and not (single[4] or "").strip(f" {LINK}").startswith(("*", "_")):
        return replace(
            line, text=f"{single[1] or ''}{single[3]}{single[4] or ''}", bold=single[2] == "*" and not single[4]
        )
    match = re.fullmatch(r"(\S{1,6}\s*)(?:\*\*)(.+?)(?:\*\*)", text)
    if match and re.match(r"[\d(（①-⑳]", match[1]):
        return replace(line, text=match[1] + match[2].strip(), bold=True)
    return line
