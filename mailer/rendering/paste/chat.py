"""A digest copied out of a chat: names and times before messages taken off, what others said dropped."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import replace

from mailer.model.columns import width
from mailer.rendering.paste.enumerators import SIGN, bullet, is_numbered
from mailer.rendering.paste.forwards import Forward
from mailer.rendering.paste.grammar import is_foot
from mailer.rendering.paste.letters import fold
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.masthead import WORDS
from mailer.rendering.paste.report import Report

# Chinese programs: a day, perhaps with its year, and the time.
_WHEN = (
    r"(?:(?:\d{4}[-/.年])?\d{1,2}[-/.月]\d{1,2}日?\s+)?(?:上午|下午|凌晨|晚上)?\s*\d{1,2}:\d{2}(?::\d{2})?(?: ?[AP]M)?"
)
_STAMP = re.compile(
    rf"(?!\W*(?:来源|出处|转自|source|via))(?:\w[^\s:：,，。|｜丨]{{0,19}}\s+)?(?:[^\s:：,，。|｜丨]{{1,20}}\s+)?{_WHEN}"
    r"|(?P<channel>[^\[\]]{1,40}), \[\d{1,2}[./]\d{1,2}[./]\d{2,4},? \d{1,2}:\d{2}(?::\d{2})?\]:?"  # Telegram
    r"|[A-Z]\S{0,20}(?: [A-Z]\S{0,20}){0,2} \d{1,2}:\d{2} ?[AP]M"  # Slack
    r"|\[?\d{4}[-/]\d{1,2}[-/]\d{1,2}[ ,]+\d{1,2}:\d{2}(?::\d{2})?\]?\s*[^\s:：]{0,20}[:：]?"
)
_FORWARDED = re.compile(
    r"(?:forwarded from|转发自|轉發自)\s*[:：]?\s*(\S.{1,40}?)(?:\s*[(（][^()（）]{2,20}[)）])?", re.IGNORECASE
)
_POSTED = re.compile(r"(?:\d{4}-)?\d{1,2}-\d{1,2} \d{1,2}:\d{2} 来自 ?\S.{0,30}")
_SPEAKER = re.compile(
    r"\[(?:[\d/.-]+,? )?\d{1,2}:\d{2}(?::\d{2})?(?: [AP]M)?(?:, [\d/.-]+)?\] ([^\s:：\[\]][^:：\[\]]{0,30})[:：] ?(.*)",
    re.I,
)
# A copied chat with name and time on a line above each message.
_SPEAKER_ABOVE = re.compile(
    r"(?:\[[^\[\]\d]{1,8}\]\s*)?([^\s:：,，。|｜丨]{1,20}?(?: [A-Z]\S{0,20}){0,2})"
    rf"(?:\s+|\s*[(（]){_WHEN}[)）]?[:：]?()"
)
# Teams puts them in brackets and before the name.
_SPEAKER_BEHIND = re.compile(
    r"\[(?:[\d/.-]+,? )?(?:yesterday |today )?\d{1,2}:\d{2}(?::\d{2})?(?: ?[AP]M)?\] ([^\[\]:：]{2,40})()", re.I
)
# WhatsApp on a phone of the other kind.
_SPEAKER_DASH = re.compile(r"\d[\d/.-]+,? \d{1,2}:\d{2}(?: ?[AP]M)? [-–] ([^:：]{1,40}): ?(.*)", re.IGNORECASE)
# Discord.
_SPEAKER_AT = re.compile(
    r"(\S.{0,30}?)(?: BOT| APP)? [—–-] (?:today|yesterday|[\d/]{6,10}) (?:at )?\d{1,2}:\d{2}(?: ?[AP]M)?()", re.I
)
_YEAR = re.compile(r"\d{4}[-/.年]\d|\d[-/.]\d{4}")
# QQ, which writes a number behind the name.
_SPEAKER_NUMBERED = re.compile(r"(?:\d{4}-\d{1,2}-\d{1,2} )?\d{1,2}:\d{2}:\d{2} (\S.{0,20}?)[(<（]\S{4,40}[)>）]()")
_COLUMNS = re.compile(
    r"(?:[上下中]午\s?|[AP]M\s?)?(\d{1,2}:\d{2})(?: ?[AP]M)?\t([^\t]{1,30})\t(.*)"
)  # as LINE saves them
# As LINE shows them on a computer: the message behind the name, or below it.
_SHOWN = re.compile(
    r"(?:[上下]午\s?(\d{1,2}:\d{2})|(\d{1,2}:\d{2}) ?[AP]M)\t([^\s\t]{1,20})(?: (\S[^\t]*))?", re.IGNORECASE
)
_TIMECODE = re.compile(r"(?:\d{1,2}:)?\d{2}:\d{2}[.,]\d{3} --> (?:\d{1,2}:)?\d{2}:\d{2}[.,]\d{3}.*")
_INLINE = (_SPEAKER, _SPEAKER_DASH)  # the message goes on behind the name
_FORMS = (*_INLINE, _SPEAKER_ABOVE, _SPEAKER_BEHIND, _SPEAKER_NUMBERED, _SPEAKER_AT)
_BUTTONS = re.compile(rf"(?:{SIGN}\s?\w{{1,12}}(?:\s+|$)){{2,6}}")
_TIME_ALONE = re.compile(r"\d{1,2}:\d{2}(?: ?[AP]M)?", re.IGNORECASE)
_CLOCK = re.compile(
    r"\W{0,3}(?:((?:20\d\d[-/.年])?\d{1,2}[-/.月]\d{1,2}日?)\s+)?(?:[01]?\d|2[0-3])[:：][0-5]\d(?:[:：][0-5]\d)?(?:\s*[|｜丨】\])）]\s*|\s+|(?=【))(?!\d{1,2}[:：]|[-–—~至])(\S.{3,})"
)


def from_columns(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The lines of a chat saved with time, name and message in columns, messages of several lines quoted, as others."""
    lines = [(number, _SHOWN.sub(r"\1\2\t\3\t\4", text) if _SHOWN.fullmatch(text) else text) for number, text in lines]
    if sum(_COLUMNS.fullmatch(text) is not None for _, text in lines) < 2:
        return lines
    written: list[tuple[int, str]] = []
    quoted = False
    for number, text in lines:
        if match := _COLUMNS.fullmatch(text):
            quoted = match[3].startswith('"') and (len(match[3]) < 2 or not match[3].endswith('"'))
            said = match[3][1:] if quoted else match[3]
            text = f"[{match[1]}] {match[2].strip()}: {said}"
        elif quoted and text.endswith('"'):
            quoted, text = False, text[:-1]
        written.append((number, text))
    return written


def without_timecodes(lines: list[Line], report: Report) -> list[Line]:
    """The lines of subtitles without their numbers and times, each text one line."""
    timed = [i for i, line in enumerate(lines) if _TIMECODE.fullmatch(line.text)]
    if len(timed) < 2:
        return lines
    report.add(lines[timed[0]].number, "chat", "times of %(count)s subtitles removed", count=len(timed))
    gone = {*timed, *(i - 1 for i in timed if i and lines[i - 1].text.isdecimal())}
    return [line for i, line in enumerate(lines) if i not in gone and line.text]


def unquoted(lines: list[Line], report: Report) -> list[Line]:
    """A message quoted in a chat, `「Name: its text」` and strokes below it, without what was answered.

    Where the answer is the longer one, it is kept and what it answers is dropped.
    """
    first = next((i for i, line in enumerate(lines) if line.text), 0)
    last = next((i for i, line in enumerate(lines) if line.text.endswith("」")), None)
    said = re.fullmatch(r"「([^：:「」]{1,20})[：:]\s*(.*)", lines[first].text) if lines else None
    if said is None or last is None:
        return lines
    answer = [line for line in lines[last + 1 :] if line.text]
    if not answer or not re.fullmatch(r"[-—–_ ]{5,}", answer[0].text):
        return lines
    quoted = [line for line in lines[first : last + 1] if line.text]
    if sum(width(line.text) for line in quoted) < sum(width(line.text) for line in answer):
        for line in (*quoted, answer[0]):
            report.drop(line.number, "message that was answered dropped", line.text)
        return lines[lines.index(answer[0]) + 1 :]
    report.add(lines[first].number, "chat", "marks of a quoted message removed; %(name)s wrote it", name=said[1])
    for line in answer:
        report.drop(line.number, "answer to the quoted message dropped", line.text)
    kept = [replace(lines[first], text=said[2]), *lines[first + 1 : last + 1]]
    return [*kept[:-1], replace(kept[-1], text=kept[-1].text.removesuffix("」"))]


def without_speakers(lines: list[Line], forward: Forward, report: Report) -> list[Line]:
    """A chat copied with time and name before each message, without them; what other people said is dropped."""
    pattern = max(_FORMS, key=lambda form: sum(bool(form.fullmatch(line.text)) for line in lines))
    said = [(line, match) for line in lines if (match := pattern.fullmatch(line.text))]
    first = next((line for line in lines if line.text), None)
    if len(said) < 2 and not (said and pattern in _INLINE and first is said[0][0]):
        return lines
    stamps = {line for line, _ in said}
    silent = sum(one in stamps and two in stamps for one, two in itertools.pairwise([x for x in lines if x.text]))
    if pattern is _SPEAKER_BEHIND and silent * 2 >= len(said):
        return lines  # a ticker's items, which have nothing below them
    amounts = _amounts(lines, said)
    teller = max(amounts, key=lambda name: amounts[name])
    if pattern is _SPEAKER_ABOVE and len(amounts) == len(said) and amounts[teller] * 5 < sum(amounts.values()) * 4:
        return lines
    if not forward.sent and (
        _YEAR.search(said[0][0].text) or re.search(r"(?<!\d)\d{1,2}[-月]\d{1,2}日? \d", said[0][0].text)
    ):
        forward.sent, forward.date_line = said[0][0].text, said[0][0].number
    report.add(said[0][0].number, "chat", "time and name removed from %(count)s messages", count=len(said))
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


def _amounts(lines: list[Line], said: list[tuple[Line, re.Match[str]]]) -> Counter[str]:
    """How much each name says: in the line that names it and below, up to the next."""
    numbers = {line.number: index for index, line in enumerate(lines)}
    places = [numbers[line.number] for line, _ in said]
    amounts: Counter[str] = Counter()
    for (_, match), one, two in zip(said, places, [*places[1:], len(lines)], strict=True):
        amounts[match[1]] += width(match[2]) + sum(width(line.text) for line in lines[one + 1 : two])
    return amounts


def without_name_above(lines: list[Line], report: Report) -> list[Line]:
    """The lines without a name alone above the time of a single message."""
    filled = [line for line in lines if line.text][:2]
    if len(filled) < 2 or not _TIME_ALONE.fullmatch(filled[1].text) or re.search(r"\d", filled[0].text):
        return lines
    for line in filled:
        report.drop(line.number, "name and time of a message dropped", line.text)
    return [line for line in lines if line not in filled]


def without_buttons(lines: list[Line], report: Report) -> list[Line]:
    """The lines without a row of words behind pictographs that stands below message after message."""
    counts = Counter(line.text for line in lines if _BUTTONS.fullmatch(line.text))
    rows = {text for text, count in counts.items() if count > 1}
    for line in lines:
        if line.text in rows:
            report.drop(line.number, "row of buttons dropped", line.text)
    return [line for line in lines if line.text not in rows]


def without_clocks(lines: list[Line], forward: Forward, report: Report) -> list[Line]:
    """A ticker's items without the time of day before each."""
    timed = {line: match for line in lines if (match := _CLOCK.fullmatch(line.text))}
    if len(timed) < 3:
        return lines
    first, match = next(iter(timed.items()))
    if match[1] and not forward.sent:
        forward.sent, forward.date_line = match[1], first.number
    report.add(first.number, "chat", "time of day removed from %(count)s lines", count=len(timed))
    bracketed = all(re.match(r"\W*[【\[(（]", line.text) for line in timed)
    mark = "● " if bracketed or _are_alone(lines, timed) else ""  # times in brackets, or nothing else, begin items
    kept = [replace(line, text=timed[line][2]) if line in timed else line for line in lines]
    for line, bare in zip(lines, kept, strict=True):
        if line in timed and is_foot(bare.text):
            report.drop(line.number, "line of the page dropped", bare.text)
    return [
        replace(bare, text=mark + bare.text) if line in timed else line
        for line, bare in zip(lines, kept, strict=True)
        if not (line in timed and is_foot(bare.text))
    ]


def _are_alone(lines: list[Line], timed: dict[Line, re.Match[str]]) -> bool:
    """Whether a ticker's lines follow one another with nothing between, and without another mark."""
    filled = [line for line in lines if line.text]
    first = filled.index(next(iter(timed)))
    between = filled[first : filled.index([*timed][-1]) + 1]
    marked = any(is_numbered(match[2]) or bullet(match[2]) for match in timed.values())
    return len(between) == len(timed) and not marked


def is_stamp(line: Line, forward: Forward, report: Report) -> bool:
    """Whether a line is only the time of a message, perhaps with a name; such lines are dropped."""
    if _POSTED.fullmatch(line.text):
        forward.sent, forward.date_line = forward.sent or line.text, forward.date_line or line.number
        report.drop(line.number, "time of a post dropped", line.text)
        return True
    if forwarded := _FORWARDED.fullmatch(line.text):
        forward.channel = forward.channel or forwarded[1]
        report.drop(line.number, "line of the forwarding mail dropped", line.text)
        return True
    named = WORDS.search(fold(line.text)) is not None and not forward.sent  # a digest's head: `Morning News 08:00`
    if line.text and len(line.text) < 70 and not named and (match := _STAMP.fullmatch(line.text)):
        forward.channel = forward.channel or match["channel"] or ""
        if not forward.sent and (_YEAR.search(line.text) or re.search(r"\d{1,2}月\d{1,2}日", line.text)):
            forward.sent, forward.date_line = line.text, line.number
        report.drop(line.number, "time stamp of a chat dropped", line.text)
        return True
    return False
