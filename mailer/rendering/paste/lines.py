"""Pasted text made clean lines: quoting, mail heads, chat stamps, advertisements and invisible characters taken out."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import replace

from mailer.model.columns import width
from mailer.rendering.paste import chat, forwards, indents, levels, pages, quotes
from mailer.rendering.paste.clipboard import NESTED, direct
from mailer.rendering.paste.enumerators import SIGN, bullet, is_numbered
from mailer.rendering.paste.forwards import Forward
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.links import LINK, LINK_END, LINK_URL
from mailer.rendering.paste.report import Report
from mailer.rendering.paste.tails import source_at_end
from mailer.rendering.paste.wraps import unwrap

_INVISIBLE = re.compile(
    "[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u00ad\ufe0e\x00-\x08\x0b-\x1f\x7f-\x9f\ue003-\uf8ff]"
)
_NARROW = {code: code - 0xFEE0 for code in range(0xFF10, 0xFF1A)}
_WIDE_SIGNS = re.compile(r"(?<=\d)(?:．(?=\d)|[％])")
_BLANKS = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u205f\u3000]+")
_SPACED = re.compile(r"(?=.{0,120}[\u3400-\u9fff])\S{1,3}(?: \S{1,3}){3,60}")
_BARS = re.compile("([|｜丨])")
_BEFORE_SIGN = re.compile(r"(?<=[\u3400-\u9fff%％\d]) (?=[，。、；：！？）](?:\s|[\u3400-\u9fff\d]|$))")
_BEHIND_SIGN = re.compile(r"(?<=[\u3400-\u9fff%％\d][，。；：]) (?=[\u3400-\u9fff\d])")
_WIRE_END = re.compile(r"(?<=[。！？”])\s*[(（]完[)）]$")
_NUMBER_CODE = re.compile(r"^:(?:one|two|three|four|five|six|seven|eight|nine|keycap_ten): *")
_NUMBERS = "one two three four five six seven eight nine keycap_ten".split()  # noqa: SIM905
_EMOJI_CODE = re.compile(r"^(?::[a-z][a-z0-9_]{2,30}:\s*)+")  # :newspaper:, as Slack copies it
_CALLED = re.compile(r"^\[?@[^\s\]@]{1,20}(?:\]\s*|\s+)(?=\S)")  # `[@all] ...`, as chats call their members
_FOLDED = re.compile(
    r"(?:(?<=[。！？）)])\s*(?:\.{3}|…)?(?:收起d?|展开c?|全文)|\s+(?:收起d|展开c))$"
)  # where Weibo folds a post
_VIDEO = re.compile(r"(?<=\S)\s+L?\S{2,20}的微博视频$")  # which Weibo writes behind a post
_TAG = re.compile(r"</?(?:font|span|mark|small|u)(?:\s[^<>]{0,120})?>", re.IGNORECASE)
_ADVERTISEMENT = re.compile(
    r"[^\w\s]*\s*(?:广告|廣告|推广|赞助商?(?:内容)?"
    r"|ad|ads|advertisements?|sponsor(?:ed)?(?: message| content)?|广告(?:开始|结束))\s*[^\w\s]*",
    re.IGNORECASE,
)
MOST_OF_ADVERTISEMENT = 8  # lines
SEVERAL = 3  # lines that one sign begins
_URL = re.compile(
    rf"(?<![{LINK_URL}<])(?<!\]\()\b(?i:https?)://[^\s<>\"'“”‘’（）()，。；、！？】」』{LINK}-{LINK_END}]+(?:\([^\s()]*\))?"
)
_BARE_ADDRESS = re.compile(r"(?:[a-z0-9-]{1,40}\.){1,4}[a-z]{2,10}/[\w./?=&%#~-]*", re.IGNORECASE)
_LINK = re.compile(f"({LINK}[^{LINK_END}]*{LINK_END})")
_HOST = re.compile(r"^\w+://[^/]+")
# A headline between single stars, perhaps behind a sign or number.
_STARRED = re.compile(
    r"^((?:[^\w\s*]\ufe0f?|\d{1,2}[.)、]|\d\ufe0f?\u20e3) )?\*(?=\S)([^*]{4,120})(?<=\S)\*(?=\s+\S|$)"
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
    clean = _barred(clean, report)
    clean = _nested(_listed(clean, report), dict(lines), report)
    unquoted = quotes.without_marks(clean, report)
    narrowest = 30 if unquoted is not clean else 60  # what was quoted came by mail, where lines are broken
    unquoted = pages.without_leaders(unquoted, report)
    clean = pages.without_edges(_without_underlines(_without_lines_between(unquoted, report), report), report)
    clean = pages.without_repeats(clean, report)
    clean = chat.without_timecodes(clean, report)
    clean, forward = forwards.without_head(clean, report)
    clean = chat.without_speakers(_without_advertisements(chat.unquoted(clean, report), report), forward, report)
    clean = chat.without_name_above(clean, report)
    signs = _signs_without_hours(clean)
    clean = [line for line in clean if line.text[:1] in signs or not chat.is_stamp(line, forward, report)]
    clean = chat.without_clocks(chat.without_buttons(clean, report), forward, report)
    if not html:
        clean = levels.mark(clean, dict(lines), report)
        clean = unwrap(indents.join(clean, dict(lines), report), report, narrowest)
    clean = [replace(line, text=_mark_links(line, report)) for line in clean]
    return [_undecorated(line) for line in clean], forward


def _signs_without_hours(lines: list[Line]) -> set[str]:
    """The pictographs that begin several lines without an hour in them, and so no stamps of a chat."""
    firsts = Counter(line.text[:1] for line in lines if not re.search(r"\d:\d", line.text))
    return {sign for sign, count in firsts.items() if count >= SEVERAL and re.match(SIGN, sign)}


def _clean(text: str, number: int, report: Report) -> str:
    bare = _INVISIBLE.sub("", text)
    if bare != text:
        kinds = sorted({f"U+{ord(character):04X}" for character in _INVISIBLE.findall(text)})
        report.add(number, "invisible", "invisible characters removed (%(kinds)s)", kinds=", ".join(kinds[:4]))
    narrow = _WIDE_SIGNS.sub(lambda match: chr(ord(match[0]) - 0xFEE0), bare.translate(_NARROW))
    if narrow != bare:
        report.add(number, "full-width", "full-width digits written narrow")
    plain = _closed(_BLANKS.sub(" ", narrow.replace("‖", "｜")).strip(), number, report)
    plain = _without_tags(re.sub(r"^\[ (.+) \]$", r"[\1]", plain), number, report)
    plain = re.sub(r"^\[[ xX✓√]?\]\s*(?=\S)", "", plain)  # of a list of tasks
    plain = re.sub(r"^((?:> ?)*)\[!\w+\][+-]?\s*", r"\1", plain)
    plain = re.sub(r"^(#{2,6})(?=[\u3400-\u9fffA-Za-z“])(?!.*#$)", r"\1 ", plain)  # a heading without its blank
    plain = re.sub(r"^\*(?=\d{1,2}[.、)] )(?!.*\*)", "", plain)  # a star that nothing closes
    coded = _NUMBER_CODE.sub(lambda match: f"{_NUMBERS.index(match[0].strip(': ')) + 1}. ", plain)
    bare = _VIDEO.sub("", _FOLDED.sub("", _EMOJI_CODE.sub("", _CALLED.sub("", coded))))
    if bare != plain:
        report.add(number, "invisible", "name of a pictograph, of who is called or of a button removed", plain)
    return bare


def _without_tags(text: str, number: int, report: Report) -> str:
    """A line without the tags that colour its words, as robots of chats write them."""
    bare = _TAG.sub("", text) if "</" in text else text
    if bare != text:
        report.add(number, "tags", "tags around words removed", text)
    return bare


def _closed(text: str, number: int, report: Report) -> str:
    """A line without blanks between all its characters, or before Chinese signs, and without the wire's `(完)`."""
    closed = "".join(part.replace(" ", "") if _is_spaced(part) else part for part in _BARS.split(text))
    closed = closed if closed != text else _BEFORE_SIGN.sub("", text)
    closed = closed if closed == text else _BEHIND_SIGN.sub("", closed)
    if closed != text:
        report.add(number, "blanks", "blanks between or before Chinese characters removed", text)
    whole = _WIRE_END.sub("", closed)
    if whole != closed:
        report.add(number, "wire", "mark of the end of an agency's text removed", closed[-6:])
    return whole


def _is_spaced(text: str) -> bool:
    """Whether there is a blank between nearly all characters, as for looks, or where a machine has read a picture."""
    words = text.split()
    return _SPACED.fullmatch(text.strip()) is not None and sum(map(len, words)) <= 1.25 * len(words)


def _listed(clean: list[Line], report: Report) -> list[Line]:
    """The lines with long dashes that begin lists (`– one`, one below the other) written as bullets; others sign."""
    dashed = [re.match(r"[–—] (?=\S)", line.text) is not None for line in clean]
    pairs = sum(one and two for one, two in itertools.pairwise(dashed))
    if pairs < 2:
        return clean
    report.add(clean[dashed.index(True)].number, "bullets", "%(count)s long dashes taken as bullets", count=sum(dashed))
    return [
        replace(line, text=f"- {line.text[2:]}") if dash else line for line, dash in zip(clean, dashed, strict=True)
    ]


def _barred(clean: list[Line], report: Report) -> list[Line]:
    """The lines with double strokes between their parts (`one // two`) written with bars."""
    found = {line for line in clean if re.search(r"\S\s+//\s+\S", line.text)}
    if len(found) < 3:
        return clean
    report.add(
        clean[0].number, "bars", "double strokes between parts of %(count)s lines read as bars", count=len(found)
    )
    return [replace(line, text=re.sub(r"\s+//\s+", " | ", line.text)) if line in found else line for line in clean]


def _nested(clean: list[Line], pasted: dict[int, str], report: Report) -> list[Line]:
    """The lines with bullets that stand further in than others marked as a list inside an item."""
    bullets = {line: _indent(pasted[line.number]) for line in clean if re.match(r"[-*+•·o‣▪] ", line.text)}
    if any(line.text[0] != "o" for line in bullets):  # the second level of a word processor's list
        bullets |= {line: indent + 2 for line, indent in bullets.items() if line.text[0] == "o"}
    outer = min(bullets.values(), default=0)
    inner = [line for line, indent in bullets.items() if indent >= outer + 2]
    sourced = sum(source_at_end(line.text, lenient=True) is not None for line in inner)
    if not inner or inner[0] == next(iter(bullets)) or sourced * 5 >= len(inner) * 4 >= 12:
        return clean
    what = "%(count)s bullets further in taken as parts of their items"
    report.add(inner[0].number, "nested", what, count=len(inner))
    nested = set(inner)
    return [replace(line, text=f"{NESTED} {line.text[2:]}") if line in nested else line for line in clean]


def _indent(text: str) -> int:
    """How far in a line begins; a tab is as much as four blanks."""
    expanded = text.expandtabs(4).replace("\u3000", "  ")
    return len(expanded) - len(expanded.lstrip())


def _without_underlines(lines: list[Line], report: Report) -> list[Line]:
    """Titles underlined with strokes, as `## title`."""
    kept: list[Line] = []
    for line in lines:
        last = kept[-1] if kept else None
        alone = len(kept) < 2 or not kept[-2].text
        if last and last.text and alone and width(last.text) <= 44 and re.fullmatch(r"={3,}|-{3,}", line.text):
            kept[-1] = replace(last, text=f"## {last.text.lstrip('* ')}")
            report.add(line.number, "underline", "underline of a title dropped", line.text)
        else:
            kept.append(line)
    return kept


def _without_lines_between(lines: list[Line], report: Report) -> list[Line]:
    """The lines without strokes that stand between a headline and its text, item after item."""
    found = {
        i
        for i in range(1, len(lines) - 1)
        if re.fullmatch(r"([—–─━_=*·.-])\1{3,}", lines[i].text)
        and re.search(r"[^。！？.!?：:\s]$", lines[i - 1].text)
        and re.search(r"[。！？.!?]['”\")）]?$", lines[i + 1].text)
    }
    for index in found if len(found) > 1 else ():
        report.drop(lines[index].number, "strokes below a headline dropped", lines[index].text)
    return [line for i, line in enumerate(lines) if len(found) < 2 or i not in found]


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


def _mark_links(line: Line, report: Report) -> str:
    def marked(match: re.Match[str]) -> str:
        url = direct(match[3], line.number, report)
        return match[0] if match[1] else f"{LINK}{match[2]}{LINK_URL}{url}{LINK_END}"

    def named(match: re.Match[str]) -> str:
        url = direct(match[1], line.number, report)
        return f"{LINK}{match[2].strip()}{LINK_URL}{url}{LINK_END}"

    def bare(match: re.Match[str]) -> str:
        written = match[0].rstrip(".,;:!?")
        url = direct(_HOST.sub(lambda found: found[0].lower(), written), line.number, report)
        return f"{LINK}{url}{LINK_URL}{url}{LINK_END}{match[0][len(written) :]}"

    if bare_address := _BARE_ADDRESS.fullmatch(line.text):
        url = f"https://{bare_address[0]}"
        report.add(line.number, "link", "address without https:// completed", url)
        return f"{LINK}{url}{LINK_URL}{url}{LINK_END}"
    text = _MARKDOWN_LINK.sub(marked, _CHAT_LINK.sub(named, line.text))
    parts = _LINK.split(re.sub(r"<(https?://[^\s<>]+)>", r"\1", text))
    return "".join(part if part.startswith(LINK) else _URL.sub(bare, part) for part in parts)


def _undecorated(line: Line) -> Line:
    """A line whose Markdown or chat bold marks stand around the whole of it, without them."""
    text = re.sub(r"([*_])([(（][^()（）*_]+[)）])\1$", r"\2", line.text)
    text = re.sub(
        r"(?<!^\d\.)(?<!^\d\d\.)(?<=\S[.!?。！？])\s?([_*])(?=[^\s_*])([^_*]{2,40})\1$", r" (\2)", text
    )  # a name behind the last full stop
    text = re.sub(r"(?<= [—–|-] )([_*])(?=[^\s_*])([^_*]{2,40})\1$", r"\2", text)  # and one behind a dash
    text = _STARRED.sub(r"\1**\2**", text)
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
    match = re.fullmatch(r"(\S{1,6}\s*)(?:\*\*|__)(\S.*?)(?:\*\*|__)", text)
    if match and re.match(r"[\d(（①-⑳]", match[1]):
        return replace(line, text=match[1] + match[2].strip(), bold=True)
    return line
