"""Sources behind a label of the digest's own, known because it ends item after item; and other forms that repeat."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from dataclasses import dataclass, replace

from mailer.model.columns import width
from mailer.rendering.paste import enumerators, grammar, links, sources, stamped, tails
from mailer.rendering.paste.letters import fold
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report

LEAST = 3  # items that end so

_LABELLED = re.compile(
    r"(?P<label>\W{0,4}(?:"
    r"[^\W\d][^\s\d:：|｜丨。！？]{0,7}(?: [a-z]+){0,3}\s*[:：|｜丨·・／/→⟶➜➤]\s*"  # a word and a sign
    r"|[\u3400-\u9fff]{2,6}\s+"  # a Chinese word and a blank
    r"|[A-Z][a-z'’]+(?: [a-z]+){1,3}\s+(?=[A-Z0-9])"  # "Read more at", then a name
    r"|(?:From|[Bb]y|Via)\s+(?=[A-Z0-9\u3400-\u9fff])"
    r")|-\s+|/{2,3}\s*|(?:<-+|-+>|=+>|<=+)\s*|>{1,3}\s*"
    r"|[^\w\s()（）\[\]【】「」『』《》〈〉“”\"'‘’`_*|｜丨—–-]\ufe0f?\s*)"  # a sign alone
    r"(?P<name>[^\W_].{0,40}?)(?P<behind>\s*[^\w\s()（）\"”’'」』》.。]*)(?:(?<=[A-Za-z])\.)?",
)
# A name behind a dash, where no sentence has ended.
_DASHED = re.compile(
    r"(?P<before>\S.{7,}?)\s+(?P<label>——|--|[—–])\s*(?P<name>[^\W\d_][^—–。！？,，]{1,30}?)(?P<behind>)"
)
# A name without a label behind the last full stop.
BARE = re.compile(
    r"(?P<label>)(?P<name>[A-Z][\w'’&.-]*(?: (?:of|the|and|&|[A-Z][\w'’&.-]*)){0,4}|[\u3400-\u9fff\d]{2,10})"
    r"(?P<behind>)"
)
_BETWEEN_SIGNS = re.compile(r"([^\w\s])\1*\s*\w.{0,24}?\s*\1+")  # `--- Markets ---`
_BETWEEN = re.compile(r"(.{6,120}?)\s*[(（]([^()（）]{2,40})[)）]\s*(?:[:：]|\s[-–—])\s*(\S.{7,})")
# A headline in quotation marks, whose it is, and the text: `"Ice is dear", Post. It costs ...`
_QUOTED = re.compile(
    r"[“\"「《](.{6,120}?)[,.，]?[”\"」》][,，]?\s*(?:[—–-]{1,2}\s*)?[(（]?"
    r"((?:[A-Z][\w'’&.-]*|[\u3400-\u9fff\d]{2,12})(?: (?:of|the|and|&|[A-Z][\w'’&-]*)){0,4})"
    r"[)）]?\s*[.。:：，,]\s*(\S.{7,})"
)
_SENTENCES = re.compile(r"(.*[.!?。！？…”\"』」)）])\s*(\S.{1,48})", re.DOTALL)
# What else may stand behind each item: when, where and by whom, what it is about, what one thinks of it.
_OTHER = re.compile(
    r"时间|日期|更新|作者|记者|编辑|撰|关键词|标签|价格|地[点址]|电话|联系|点评|短评|评[论语]|影响|解读|提示|备注"
    r"|注[:：]|数据|阅读|分类|类别|栏目|板块|版块"
    r"|\b(?:tags?|topics?|date|time|author|byline|price|where|when|who|what|why|note|our take|section|category"
    r"|phone)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _End:
    """What may name a source at the end of a line: the text before it, and its parts."""

    index: int
    before: str
    label: str
    name: str
    known: bool  # the grammar of all digests finds it, too


def name_labelled(lines: list[Line], report: Report) -> list[Line]:
    """The lines with names behind a label that repeats ("信源：X", "Read more at X") written as sources are."""
    lines = _parted(stamped.name(lines, report), report)
    groups: defaultdict[str, list[_End]] = defaultdict(list)
    for end in _labelled_ends(lines):
        groups[re.sub(r"\s+(?:the\b)?", "", end.label.casefold())].append(end)  # "More from (the)" is one
    written = list(lines)
    for group in groups.values():
        if not _is_label(lines, group):
            continue
        for end in [*group, *_inside(lines, group)]:
            line = lines[end.index]
            url = links.strip(line.text)[1]
            name = f"{links.LINK}{end.name}{links.LINK_URL}{url}{links.LINK_END}" if url else end.name
            text = f"{end.before}（来源：{name}）" if end.before else f"来源：{name}"
            written[end.index] = replace(line, text=text, bold=False)
        label = group[0].label.strip()
        told = "%(count)s items end in a name behind the last full stop, the source"
        if label:
            told = "%(count)s items end in '%(label)s' and a name, the source"
        report.add(lines[group[0].index].number, "guess", told, label, count=len(group), label=label)
    return written


def _inside(lines: list[Line], group: list[_End]) -> list[_End]:
    """Lines of the same label and a name the others have, too, that do not end a block: the next item has no mark."""
    label, ends, names = group[0].label, {end.index for end in group}, {end.name for end in group}
    found = []
    for index in range(group[0].index, len(lines)) if label.strip() else ():
        plain = _without_address(lines[index].text)
        if index not in ends and plain.startswith(label) and (name := plain.removeprefix(label).strip()) in names:
            found.append(_End(index, "", label, name, False))
    return found


def _parted(lines: list[Line], report: Report) -> list[Line]:
    """Lines of headline, source in parentheses, and text (`Kiln lit (Dale Echo): It burns.`) as headline and text."""
    found = {
        line: match
        for line in lines
        if (match := _BETWEEN.fullmatch(links.strip(line.text)[0]) or _QUOTED.fullmatch(links.strip(line.text)[0]))
        and sources.is_name(match[2])
        and not sources.NO_SOURCE.match(match[2])
    }
    filled = [line for line in lines if line.text]
    below = filled[filled.index(next(iter(found))) :] if found else []
    if len(found) < LEAST or len(found) * 5 < len(below) * 3 or any(links.LINK in line.text for line in found):
        return lines
    what = "%(count)s lines of headline, source and text parted"
    report.add(below[0].number, "guess", what, below[0].text[:60], count=len(found))
    written: list[Line] = []
    for line in lines:
        if match := found.get(line):
            written += [replace(line, text=match[1].strip()), replace(line, text=f"{match[3]}（来源：{match[2]}）")]
        else:
            written.append(line)
    return written


def _labelled_ends(lines: list[Line]) -> list[_End]:
    """The last line of each block that ends in a few words of the form of a label and a name."""
    found = []
    for index, line in enumerate(lines):
        plain = _without_address(line.text)
        plain = sources.without_day(plain) if re.match(r"\W", plain) and width(plain) <= 60 else plain
        if index == 0 or not plain or not _is_last(lines, index) or grammar.is_rule(plain):
            continue
        whole = _LABELLED.fullmatch(plain) if width(plain) <= 60 else None
        parted = _SENTENCES.fullmatch(plain)
        tail = _LABELLED.fullmatch(parted[2]) if parted else None
        apart = parted is not None and line.text.startswith(f"{parted[1]} ") and width(parted[1]) >= 8
        if parted and not tail and (width(parted[1]) > 20 or apart) and re.search(r"[.。！？!?]$", parted[1]):
            tail = BARE.fullmatch(parted[2])
        match, before = (whole, "") if whole else (tail, links.cut(line.text, parted[1]) if parted else "")
        addressed = "://" in links.strip(line.text)[0]
        if match is None and (dashed := _DASHED.fullmatch(plain)) and not _is_marked(plain):
            match, before = dashed, links.cut(line.text, dashed["before"])
        if match and match["label"].strip() == "#":
            continue  # a tag
        if match and match["label"].strip() == "-" and not BARE.fullmatch(match["name"].strip()):
            continue  # a list, not a name
        if match and addressed and not re.search(r"\w", match["label"]):
            continue  # a sign before an address is before a headline, too
        if match and match["behind"].strip() and match["behind"].strip() == match["label"].strip():
            continue  # the same sign on both sides is a title's
        if match and re.search(r"[?？]", match["behind"]):
            continue  # a question
        if match and _is_name(match["name"], match["label"]):
            known = _is_known(line.text, match["label"])
            found.append(_End(index, before, match["label"], match["name"].strip(), known))
    return found


def _is_marked(text: str) -> bool:
    return enumerators.is_numbered(text) or enumerators.bullet(text) is not None


def _without_address(text: str) -> str:
    """The words of a line without an address behind them."""
    plain, url = links.strip(text)
    bare = plain.rstrip(")）") if url else plain
    return bare.removesuffix(url).rstrip(" (（:：") if url and bare.endswith(url) else plain


def _is_known(text: str, label: str) -> bool:
    """Whether the grammar of all digests finds the name here, without the label's word as its beginning."""
    found = sources.source_line(text) or (tails.source_at_end(text, lenient=True) or ("", ""))[1:]
    word = re.sub(r"^\W+|\W+$", "", label)
    return bool(found[0]) and not (word and found[0].startswith(word))


def _is_name(name: str, label: str) -> bool:
    worded = re.search(r"\w", label) is not None  # then words that lead on elsewhere may begin a name: `直播圈`
    return (
        sources.is_name(name)
        and not re.search(r"\s(?:来源|出处|via|source)\s", name)
        and "://" not in name
        and width(name) <= 36
        and not re.search(r"[.。，,]$", name)
        and (worded or not sources.is_pointer(name))
    )


def _is_last(lines: list[Line], index: int) -> bool:
    """Whether a block ends here: at a blank line, the next item, a heading or a rule, or at an address above these."""
    below = lines[index + 1].text if index + 1 < len(lines) else ""
    if sources.is_address(below) and not sources.is_address(lines[index].text):
        return _is_last(lines, index + 1)
    return (
        not below
        or below.startswith("#")
        or grammar.is_rule(below)
        or grammar.is_foot_or_call(below)
        or grammar.is_picture(below)
        or _BETWEEN_SIGNS.fullmatch(below) is not None
        or enumerators.is_numbered(below)
        or enumerators.bullet(below) is not None
        or enumerators.bracketed(below) is not None
    )


def _is_label(lines: list[Line], group: list[_End]) -> bool:
    """Whether names stand behind this label as the sources of items: in most, at the end, and once in each."""
    label = group[0].label
    ends = {end.index for end in group}
    sign = label.strip()
    if (
        sign
        and not re.search(r"\w", sign)
        and any(line.text.startswith(sign) for i, line in enumerate(lines) if i not in ends)
    ):
        return False  # a bullet, which begins other lines, too
    other = _OTHER.search(fold(label)) or enumerators.is_numbered(f"{label.strip()} x")
    if other or all(end.known for end in group) or len(group) < LEAST or len({end.name for end in group}) < 2:
        return False
    begun = (enumerators.is_numbered, enumerators.bullet)
    marked = [i for i, line in enumerate(lines) if i not in ends and not grammar.is_foot_or_call(line.text)]
    marked = [i for i in marked if not sources.is_address(lines[i].text)]
    numbered = [i for i in marked if enumerators.is_numbered(lines[i].text)]
    if len(numbered) < LEAST:
        numbered = [i for i in marked if any(begins(lines[i].text) for begins in begun)]
    inside = range(numbered[0], len(lines)) if len(numbered) >= LEAST else range(1, len(lines))
    if group[0].index not in inside or (numbered and len(numbered) > len(group) * 2):
        return False
    if len(numbered) >= LEAST and group[-1].index < numbered[-1] and not _in_most(lines, group, numbered):
        return False
    if not label and len(group) * 5 < 4 * sum(_is_told(lines, i) for i in range(group[0].index, len(lines))):
        return False
    apart = all(
        any(lines[i].text for i in range(one.index + 1, two.index + bool(two.before)))
        for one, two in itertools.pairwise(group)
    )
    return apart and all(end.before or _is_below_text(lines, end.index) for end in group)


def _in_most(lines: list[Line], group: list[_End], numbered: list[int]) -> bool:
    """Whether most items end so, if not the last, and nothing above the first one does, as a section's title would."""
    above = next((lines[i].text for i in range(numbered[0] - 1, -1, -1) if lines[i].text), "")
    ends = [end.index for end in group]
    told = sum(any(one <= end < two for end in ends) for one, two in itertools.pairwise(numbered))
    return told * 3 >= (len(numbered) - 1) * 2 and not above.startswith(group[0].label.strip() or above)


def _is_told(lines: list[Line], index: int) -> bool:
    """Whether a line ends a block with more than a few words."""
    return width(lines[index].text) > 30 and _is_last(lines, index)


def _is_below_text(lines: list[Line], index: int) -> bool:
    """Whether a line stands directly below another, or below the end of a sentence."""
    above = next((lines[i].text for i in range(index - 1, -1, -1) if lines[i].text), "")
    return lines[index - 1].text != "" or re.search(r"[.。!！?？…”」)）]$", links.strip(above)[0]) is not None
