"""Lines that were broken at a fixed column, by a mail program or for a phone, joined again."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import replace

from mailer.model.columns import width, width_of
from mailer.rendering.paste import grammar
from mailer.rendering.paste.enumerators import bullet, is_numbered
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report

_PARTED_NUMBER = re.compile(r"[\u3400-\u9fff]\d+$")  # Chinese has no blank inside a number
LEAST = 4  # lines that break at one column
HALF_PAGE = 44  # columns of a printed column of Chinese
LONGER = 3  # lines that may be longer than the column
ORPHAN = 6  # columns of the rest of a headline
NARROWEST = 24  # columns of a line broken for a phone
_WRAP_END = re.compile(r"[.!?;:。！？；：…)）”\"』」】〕]$")
_DANGLING = re.compile(r"\b(?:in|of|the|to|and|for|an?|at|by|with|from|on|or|as|its|their)$")  # ends no headline
_OPENED, _CLOSING = re.compile(r"[(（][^()（）]{0,40}$"), re.compile(r"[^()（）]{1,40}[)）]")
_HYPHEN = re.compile(r"[A-Za-z][a-z]+-$")
_SOURCE_END = re.compile(r"(?:来源|\bsource|\bvia)\s*[:：]\s*[^\s:：，,。][^:：，,。]{0,22}$", re.IGNORECASE)
# Not a figure with what it measures: `3日至8日`.
_NUMBERED = re.compile(
    r"(?!\d[\d,.]*\s*[年月日号时点分元万亿个名家吨公千百岁天周%％℃度])"
    r"\W*(?:[\d０-９①-⑳]|[一二三四五六七八九十]{1,3}[、.．)）]"
    r"|第\s*[\d一二三四五六七八九十]{1,3}\s*[条则篇件章节部项]|其[一二三四五六七八九十]\s*[:：、，])"
)


def unwrap(lines: list[Line], report: Report, narrowest: int) -> list[Line]:
    """Join lines that were broken at a fixed column, of `narrowest` or more, if the text shows that they were."""
    widest = max((width(line.text) for line in lines), default=0)
    column = _column(lines) or widest
    pairs = [(one, two) for one, two in itertools.pairwise(lines) if one.text and two.text]
    broken = [
        two
        for one, two in pairs
        if width(one.text) >= 0.7 * widest
        and not _WRAP_END.search(one.text)
        and not ((bullet(one.text) or is_numbered(one.text)) and re.search(r"[\u3400-\u9fff]", one.text))
    ]
    capitals = sum(two.text[0].isupper() for two in broken)  # few words inside a sentence have one
    blank = sum(not line.text for line in lines)
    stops = sum(re.search("[。！？]$", line.text) is not None for line in lines)
    narrow = min(narrowest, HALF_PAGE) if stops >= LEAST else narrowest
    numbered = [i for i, line in enumerate(lines) if _NUMBERED.match(line.text)]
    inside = lines[numbered[0] : numbered[-1] + 2] if numbered else lines
    printed = max((width(line.text) for line in inside), default=0)
    full = _full_lines(lines, widest, quoted=narrowest < 45) if narrow <= widest <= 100 else set()
    full |= _full_lines(inside, printed, quoted=narrowest < 45) if narrow <= printed < widest else set()
    full = full or _broken_words(lines, quoted=narrowest < 45)
    full = full or (_narrow_lines(lines, column) if NARROWEST <= column < 60 else set())
    wrapped = 45 <= widest <= 100 and len(broken) >= 3 and len(broken) * 3 >= len(pairs) and blank >= 3
    wrapped = wrapped and capitals * 2 <= len(broken)
    full |= _headlines(lines)
    joined: list[Line] = []
    count = previous = 0
    previous_line: Line | None = None
    for line in lines:
        last = joined[-1] if joined else None
        if (
            last
            and last.text
            and line.text
            and (
                (previous_line in full)
                or _is_parted(last.text, line.text)
                or (_OPENED.search(last.text) and _CLOSING.fullmatch(line.text))
                or (wrapped and _was_full(line.text, previous, widest) and _continues(last.text, line.text))
                or _runs_on(last.text, line.text, previous, min(45, narrowest))
            )
        ):
            glue = "" if width_of(last.text[-1]) == 2 or width_of(line.text[0]) == 2 else " "
            if _PARTED_NUMBER.search(last.text) and line.text[0].isdigit():
                glue = ""
            above = last.text
            if _is_parted(above, line.text):
                above, glue = above[:-1], ""
            joined[-1] = replace(last, text=above + glue + line.text)
            count += 1
        else:
            joined.append(line)
        previous, previous_line = width(line.text), line
    if count:
        report.add(0, "wrapped", "%(count)s hard-wrapped lines joined", count=count)
    return joined


def _column(lines: list[Line]) -> int:
    """The column at which most lines break that stop within a sentence; 0 where some lines are much longer.

    A line or two of the page's head and foot, printed smaller, may be a little longer.
    """
    follows = [(one, two) for one, two in itertools.pairwise(lines) if one.text and two.text]
    broken = Counter(width(one.text) for one, _ in follows if not _WRAP_END.search(one.text))
    column = max(broken, key=lambda column: (sum(broken[column - back] for back in range(4)), column), default=0)
    longer = [width(line.text) for line in lines if width(line.text) > column]
    few = sum(broken[column - back] for back in range(4)) < LEAST
    return 0 if few or len(longer) > LONGER or max(longer, default=0) > column * 4 // 3 else column


def _full_lines(lines: list[Line], widest: int, *, quoted: bool) -> set[Line]:
    """Lines of Chinese broken at a fixed column, which fill their line to a character or two; {} where few do."""
    follows = [(one, two) for one, two in itertools.pairwise(lines) if one.text and two.text]
    full = {
        one
        for one, two in follows
        if width(one.text) >= widest - 3
        and width_of(one.text[-1]) == 2
        and not _WRAP_END.search(one.text)
        and (quoted or not _NUMBERED.match(one.text))
        and not _NUMBERED.match(two.text)
        and _continues(one.text, two.text)
    }
    told = quoted and widest >= HALF_PAGE and not any(_NUMBERED.match(line.text) for line in full)
    return full if len(full) >= (1 if told else 2) else set()


def _broken_words(lines: list[Line], *, quoted: bool) -> set[Line]:
    """Lines that end where the next line's first word did not fit: all of them, once some go on within a sentence.

    None where a line goes on in small letters although the word would have fitted; one is enough in a quoted mail.
    """
    pairs = [
        (above.text, one, two.text)
        for above, one, two in zip([Line(0, ""), *lines], lines, lines[1:], strict=False)
        if one.text and two.text and one.text[-1].isascii() and two.text[0].isascii() and _continues(one.text, two.text)
    ]
    widest = max((width(one.text) for _, one, _ in pairs), default=0)
    if not NARROWEST <= widest <= 100 or any(width(two) > 100 and "://" not in two for _, _, two in pairs):
        return set()
    full = {one for _, one, two in pairs if width(one.text) + 1 + width(two.split()[0]) > widest}
    small = {one for _, one, two in pairs if two[0].islower() and not re.search(r"[.!?:]$", one.text)}
    inside = {
        one for above, one, _ in pairs if above and width(one.text) >= 0.7 * widest and not _WRAP_END.search(one.text)
    }
    if widest < 56:  # broken for a phone: a headline that fills its line does not go on in a text
        full = {one for one in full if one in small or not is_numbered(one.text)}
        return full if len(small) >= 4 and small <= full else set()
    told = len(small) >= (1 if quoted else 2) or (len(inside) >= 2 and inside <= full)
    return full if told and small <= full else set()


def _narrow_lines(lines: list[Line], widest: int) -> set[Line]:
    """Full lines of a text that was broken for a phone: most lines are full, and what stops does so at a full stop.

    A headline that fills its line, or nearly, goes on only in a line that is not full, with a text below.
    """
    follows = [(one, two) for one, two in itertools.pairwise(lines) if one.text and two.text]
    full = {one for one, _ in follows if width(one.text) >= widest - 3 and not _WRAP_END.search(one.text)}
    inside = [(one, two) for one, two in follows if _continues(one.text, two.text) and not _NUMBERED.match(one.text)]
    broken = [one for one, _ in inside if one in full]
    if len(broken) < 4 or len(broken) * 2 < len(inside) or not any(_WRAP_END.search(line.text) for line in lines):
        return set()
    told = {
        one
        for one, two in follows
        if _NUMBERED.match(one.text)
        and two not in full
        and (one in full or (_nearly(one, two, widest) and not _WRAP_END.search(two.text)))
    }
    told = {one for one, two in follows if one in told and two in {above for above, _ in follows}}
    return {*broken, *told}


def _headlines(lines: list[Line]) -> set[Line]:
    """Numbered headlines that go on in the next line, above their text: they end in a comma, or a word of theirs, no
    sentence, is left there; what stands below every other headline is no rest."""
    parts = zip(lines, lines[1:], lines[2:], strict=False)
    told = [
        (one, two)
        for one, two, three in parts
        if _NUMBERED.match(one.text) and two.text and three.text and not is_numbered(three.text)
    ]
    told = [(one, two) for one, two in told if not _WRAP_END.search(two.text) and _continues(one.text, two.text)]
    told = [(one, two) for one, two in told if not _NUMBERED.match(two.text)]
    orphans = {one for one, two in told if width(two.text) <= ORPHAN and re.fullmatch("[\u3400-\u9fff]+", two.text)}
    few = len(orphans) * 3 < sum(_NUMBERED.match(line.text) is not None for line in lines)
    return {one for one, _ in told if re.search("[，、]$", one.text)} | (orphans if few else set())


def _is_parted(last: str, text: str) -> bool:
    """Whether a word was parted with a hyphen at the end of a line."""
    return _HYPHEN.search(last) is not None and re.match(r"[a-z]{2}", text) is not None


def _nearly(one: Line, two: Line, widest: int) -> bool:
    """Whether a headline, which may be printed larger, fills its line, and what stands below is the rest of it."""
    return (
        width(one.text) >= 0.8 * widest and width(two.text) < 0.8 * width(one.text) and _continues(one.text, two.text)
    )


def _continues(last: str, text: str) -> bool:
    if re.search(r"https?://\S+$", last) or re.fullmatch(r"<?https?://\S+", text):
        return False
    if (is_numbered(text) and not re.match(r"\d{3}", text)) or bullet(text) or text[0] in "#[【>":
        return False
    opened = max(last.rfind("（"), last.rfind("(")) > max(last.rfind("）"), last.rfind(")"))
    if (_SOURCE_END.search(last) and not opened) or re.fullmatch(r"[(（【\[][^()（）【】\[\]]{1,40}[)）】\]]", text):
        return False
    rule = re.fullmatch(r"-+|=+|—+|_+", last)
    return not rule and not re.match(r"(?:来源|source|via)\b\s*[:：]", text, re.IGNORECASE)


def _was_full(text: str, previous: int, widest: int) -> bool:
    """Whether the line before was full: the first word of this one would not have fitted on it."""
    if width_of(text[0]) == 2:
        return previous >= 0.85 * widest
    return previous >= 0.55 * widest and previous + 1 + width(text.split()[0]) > 0.85 * widest


def _runs_on(last: str, text: str, previous: int, narrowest: int) -> bool:
    """Whether a line ends in the middle of a sentence that goes on in small letters."""
    if grammar.is_foot(text):
        return False
    small = text[0].isascii() and text[0].islower() and not re.match(r"via\b|source\b|https?:", text)
    numbered = is_numbered(last) or re.match(r"\d{1,2} [A-Z]", last) is not None
    narrowest = min(narrowest, NARROWEST) if numbered else narrowest
    rest = not _WRAP_END.search(text) and width(text) < previous and not is_numbered(text)
    if numbered and rest and _DANGLING.search(last) and previous >= NARROWEST:
        return True
    return small and narrowest <= previous <= 100 and last[-1].isascii() and last[-1].isalnum()
