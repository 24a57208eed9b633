"""Items without any mark, found by the sources that end them or stand in their headlines."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict

from mailer.model.columns import width
from mailer.rendering.paste import dates, enumerators, grammar, numbers, shapes, sources, tails, titles
from mailer.rendering.paste.line import Line, blocks_of
from mailer.rendering.paste.report import Report

WIDEST_TITLE = 12  # columns of a section's title between items that have no mark
HEAD = 4  # lines that may say how many items there are
SHORTEST_LINE = 12  # columns of such an item
SHORT = 24  # columns of a button of the page
SHORTEST = 8  # columns of a word or two, which is a title above a headline

_CAPITALS = re.compile(r"(?=.*[A-Z]{2})[A-Z][A-Z0-9 &'’/–-]{2,40}")
_FIELD = re.compile(r"[\u3400-\u9fff]{2,4}[：:]\s*\S{1,8}")
_COUNTED = re.compile(r"(?:[(（]\s*共?|共)\s*(\d{1,2})\s*[条则則篇件]")
_SIGNED = re.compile(rf"({enumerators.SIGN})\s*(\w.{{3,}})")


def by_sources(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    """Items without any mark: the first line after a source ends the item before."""
    told = ((i, sources.source_line(line.text)) for i, line in enumerate(lines) if line.text and not line.bold)
    alone = {i: source for i, source in told if source}
    behind = {i for i, line in enumerate(lines) if tails.source_at_end(line.text, lenient=False)}
    named = all(name for name, _ in alone.values())
    ends = sorted({*alone, *behind}) if named and len(alone) < len(behind) else list(alone)
    apart = [not (i and _is_filled(text := lines[i - 1].text) and not text.startswith("#")) for i in ends]
    over = [i for i, told in zip(ends, apart, strict=True) if told and i + 1 < len(lines) and lines[i + 1].text]
    if not alone and len(over) >= 3 and len(over) * 5 >= len(ends) * 4:  # the source is in the headline, the text below
        what = "no numbers; %(count)s lines with a source taken as headlines"
        report.add(lines[over[0]].number, "guess", what, count=len(over))
        return {index: lines[index].text for index in over}, "sources"
    between = [i for i in alone if _is_below_first(lines, i)]
    texts = sum(i + 1 < len(lines) and lines[i + 1].text != "" for i in between)
    if texts >= 3 and texts * 5 >= len(alone) * 4:  # headline, source, text; one or another has no text
        what = "no numbers; %(count)s lines above a source taken as headlines"
        report.add(lines[between[0]].number, "guess", what, count=len(between))
        firsts = sorted({*(i - 1 for i in between), *shapes.without_source(lines, len(between), ends)})
        return {index: lines[index].text for index in firsts}, "sources"
    blocks: list[list[int]] = []
    previous: int | None = None
    sections = _numbered_titles(lines)
    for index in ends:  # a link in bold is a headline
        above = range((previous if previous is not None else -1) + 1, index + (index in behind))
        block = [i for i in above if _is_filled(lines[i].text) and not grammar.is_picture(lines[i].text)]
        titled = next((i for i in reversed(block) if i in sections), None)
        block = [i for i in block if titled is None or i > titled]
        while len(block) > 1 and _is_of_page(lines, block[0], previous is not None):
            block = block[1:]
        if previous is None and titled is None:  # the first block may begin with the head of the digest
            page = (
                i
                for i in range(index - 1, -1, -1)
                if not _is_filled(lines[i].text)
                or titles.is_of_the_page(lines[i].text)
                or titles.is_date(lines[i].text)
            )
            blank = next(page, -1)
            whole, block = block, [i for i in block if i > blank] or block[-2:]
            if block and (
                len(block) == 1 or shapes.is_text(lines[block[0]].text)
            ):  # blank lines stand below every line
                block = _from_headline(lines, whole, blank) or block
            if len(block) == 1 and blank > 0:
                over = [i for i in range(blank) if lines[i].text][-1:]
                block = [i for i in over if not dates.find(lines[i].text, dates.SOME_DAY)] + block
            few = 2 if block and any(line.text for line in lines[: block[0]]) else 1
            if len(block) > few and dates.find(lines[block[0]].text, dates.SOME_DAY):
                block = block[1:]  # name and date stand directly above the first item
        headlines = len(block) > 2 and all(shapes.is_headline(lines[i]) for i in block[:2])
        if headlines and not (_are_one(lines, *block[:2]) or _FIELD.fullmatch(lines[block[1]].text)):
            block = block[1:]  # a section's title stands above the headline
        if (
            len(block) == 2
            and not sections
            and width(lines[block[0]].text) <= SHORTEST
            and shapes.is_headline(lines[block[1]])
        ):
            block = block[1:]
        above_all = previous is None and len(block) == 1 and dates.find(lines[block[0]].text, dates.SOME_DAY)
        foot = block and index in alone and not alone[index][0] and grammar.is_foot_or_call(lines[block[0]].text)
        if block and not (above_all or foot):  # a source of the whole digest stands below its name and day
            blocks.append(block)
        previous = index
    firsts = sorted({*_below_titles(lines, blocks), *shapes.without_source(lines, len(blocks), ends)})
    starts = {index: lines[index].text for index in firsts}
    if len(starts) < 3 or (not alone and any(start in behind or width(text) > 80 for start, text in starts.items())):
        return {}, ""
    what = "no numbers; %(count)s items found by their source lines"
    report.add(lines[min(starts)].number, "guess", what, count=len(starts))
    return starts, "sources"


def by_signs(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    """Items each behind a picture of its own, directly above their text."""
    found = {
        index: match
        for index, (line, below) in enumerate(itertools.pairwise(lines))
        if (match := _SIGNED.fullmatch(line.text)) and shapes.is_text(below.text) and not _SIGNED.fullmatch(below.text)
    }
    signs = {match[1] for match in found.values()}
    if len(found) < 3 or len(signs) * 2 < len(found):
        return {}, ""
    what = "no numbers; %(count)s lines behind pictures taken as headlines"
    report.add(lines[min(found)].number, "guess", what, count=len(found))
    return {index: match[2] for index, match in found.items()}, "signs"


def by_blocks(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    """Items without any mark, each a block of its own, below titles in capitals."""
    blocks = [block for block in blocks_of(lines) if not grammar.is_foot_or_call(lines[block[0]].text)]
    titled = [_CAPITALS.fullmatch(lines[block[0]].text) is not None for block in blocks]
    if sum(titled) < 3:
        return {}, ""
    parts = list(zip(blocks, titled, strict=True))
    head = [title and any(_is_day(lines[i].text) for i in block) for block, title in parts[:1]]
    below = itertools.dropwhile(lambda pair: not pair[1], parts[len(head) if any(head) else 0 :])
    told = [(block[title:], title) for block, title in below if block[title:]]
    alone = [title and all(_is_alone(lines[i].text) for i in inside) for inside, title in told]
    lines_alone = sum(alone) * 2 > len(told)
    items: list[list[int]] = []
    for (inside, _), each in zip(told, alone, strict=True):
        items += _one_by_one(lines, inside) if each and lines_alone else [inside]
    texts = [item for item in items if len(item) > 1 or _is_alone(lines[item[0]].text)]
    starts = {item[0]: lines[item[0]].text for item in items}
    if len(items) < 3 or len(texts) * 4 < len(items) * 3 or numbers.hold_several(lines, list(starts)):
        return {}, ""
    what = "no numbers; %(count)s blocks below titles in capitals taken as items"
    report.add(lines[min(starts)].number, "guess", what, count=len(starts))
    return starts, "blocks"


def one_liners(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    """Items without any mark, each one line with its source behind it."""
    filled = [index for index, line in enumerate(lines) if line.text]
    found = [
        index
        for index in filled
        if width(lines[index].text) > 24
        and not grammar.is_saying(lines[index].text)
        and tails.source_at_end(lines[index].text, lenient=False)
    ]
    before = [index for index in filled if tails.before_headline(lines[index].text)]
    if len(before) > len(found) and tails.stand_before_headlines([lines[index].text for index in before]):
        found = before
    if len(found) < 3:
        found = [i for i in filled if _has_name_behind(lines[i].text) and not grammar.is_saying(lines[i].text)]
    below = [index for index in filled if found and index >= found[0]]
    if len(found) < 3 or len(found) * 2 < len(below):
        return {}, ""
    what = "no numbers; %(count)s lines with a source taken as items"
    report.add(lines[found[0]].number, "guess", what, count=len(found))
    starts = [_headline_above(lines, index, found) for index in found]
    return {index: lines[index].text for index in starts}, "lines"


def by_days(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    """Items that are a line each and begin with the day of what they tell: `（5.15）...`."""
    found = [i for i, line in enumerate(lines) if _begins_with_day(line.text)]
    inside = [i for i in range(found[0], found[-1] + 1) if lines[i].text] if found else []
    if len(found) < 3 or len(found) < len(inside):
        return {}, ""
    what = "no numbers; %(count)s lines behind a day taken as items"
    report.add(lines[found[0]].number, "guess", what, count=len(found))
    return {index: lines[index].text for index in found}, "lines"


def by_count(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    """Items that are a line each, exactly as many as the head says there are: `今日要闻（5条）`."""
    filled = [i for i, line in enumerate(lines) if line.text]
    for at, index in enumerate(filled[:HEAD]):
        match = _COUNTED.search(lines[index].text)
        below = filled[at + 1 :]
        stop = next((n for n, i in enumerate(below) if grammar.is_foot_or_call(lines[i].text)), len(below))
        if match and int(match[1]) == stop >= 3 and all(width(lines[i].text) >= SHORTEST_LINE for i in below[:stop]):
            what = "no numbers; %(count)s lines, as the head says, taken as items"
            report.add(lines[below[0]].number, "guess", what, count=stop)
            return {i: lines[i].text for i in below[:stop]}, "lines"
    return {}, ""


def by_signs_alone(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    """Items that are a line each, behind pictures that differ: `🐟海鲜：...`, one below the other."""
    found = {i: match for i, line in enumerate(lines) if (match := _SIGNED.fullmatch(line.text)) and _tells(line.text)}
    told = [i for i, line in enumerate(lines) if found and min(found) <= i <= max(found) and line.text]
    if len(found) < 3 or len(told) > len(found) or len({match[1] for match in found.values()}) * 4 < len(found) * 3:
        return {}, ""
    what = "no numbers; %(count)s lines behind pictures taken as items"
    report.add(lines[min(found)].number, "guess", what, count=len(found))
    return {index: match[2] for index, match in found.items()}, "signs"


def _tells(text: str) -> bool:
    """Whether a line behind a picture is news, and not the day, the weather or a call."""
    page = grammar.is_foot_or_call(text) or grammar.is_almanac(text) or grammar.is_greeting(text)
    return width(text) >= 2 * SHORTEST_LINE and not page and dates.find(text, dates.SOME_DAY) is None


def _begins_with_day(text: str) -> bool:
    day = dates.find(text[:16], dates.SOME_DAY)
    rest = re.match(r"[)）\]】]?[\s:：]*(?=[^\W\d]|[“「《])", text[day[3] :]) if day else None
    return day is not None and day[2] <= 1 and rest is not None and width(text[day[3] :]) >= 12


def _numbered_titles(lines: list[Line]) -> set[int]:
    """Short lines such as `Part 1 | News` or `一、要闻`, which run on from one."""
    found: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for index, line in enumerate(lines):
        mark = next((mark for mark in enumerators.marks(line.text) if mark.family in ("part", "han")), None)
        title = titles.heading(line.text) if mark else None
        if mark and title and width(title[0]) <= WIDEST_TITLE:
            found[mark.family].append((index, mark.number))
    told = (pairs for pairs in found.values() if [number for _, number in pairs] == list(range(1, len(pairs) + 1)))
    return {index for pairs in told if len(pairs) > 1 for index, _ in pairs}


def _from_headline(lines: list[Line], above: list[int], blank: int) -> list[int]:
    """The lines of the first item from its headline on, where one stands above a blank line and texts; else []."""
    told = next((i for i in reversed(above) if i < blank and not shapes.is_text(lines[i].text)), None)
    if told is None or not shapes.is_headline(lines[told]) or titles.is_of_the_page(lines[told].text):
        return []
    below = [i for i in above if i > told]
    dated = dates.find(lines[told].text, dates.SOME_DAY) is not None
    return [] if dated or told == above[0] or not below else [told, *below]


def _headline_above(lines: list[Line], index: int, found: list[int]) -> int:
    """Where the item of a line begins: at the line above, if that is its headline and this one is its text."""
    above = next((i for i in range(index - 1, -1, -1) if lines[i].text), -1)
    source = tails.source_at_end(lines[index].text, lenient=False)
    if source is None or re.search(r"[.。!！?？]$", source[0]) is None or above < 0 or above in found:
        return index
    alone = above == 0 or not lines[above - 1].text or above < index - 1
    head = not any(lines[i].text for i in range(above)) and dates.find(lines[above].text, dates.SOME_DAY)
    headline = shapes.is_headline(lines[above]) and not head  # the first line with the day in it is the digest's own
    title = titles.heading(lines[above].text)
    if title and title[1] and width(title[0]) <= WIDEST_TITLE:
        return index  # a word or two, marked as titles are
    return above if headline and (not alone or width(lines[above].text) >= 24) else index


def _has_name_behind(text: str) -> bool:
    """Whether a line may be a headline with a name in parentheses or behind a dash."""
    return tails.source_at_end(text, lenient=True) is not None or tails.behind_headline(text) is not None


def _below_titles(lines: list[Line], blocks: list[list[int]]) -> list[int]:
    """Where each block's item begins: at its second line where the first is marked as only titles are."""
    found = ((index, titles.heading(line.text)) for index, line in enumerate(lines) if line.text)
    marked = {index for index, title in found if title and title[1] and width(title[0]) <= WIDEST_TITLE}
    titled = len(marked) >= 2 and any(block[0] not in marked for block in blocks)
    return [block[titled and len(block) > 1 and block[0] in marked] for block in blocks]


def _are_one(lines: list[Line], one: int, two: int) -> bool:
    """Whether a line and the one directly below it are one headline in two languages."""
    chinese = [re.search(r"[\u3400-\u9fff]", lines[i].text) is not None for i in (one, two)]
    latin = [re.search(r"[A-Za-z]{3}", lines[i].text) is not None for i in (one, two)]
    return two == one + 1 and chinese[0] != chinese[1] and latin[0] != latin[1]


def _is_alone(text: str) -> bool:
    """Whether a line may be an item of its own: a sentence, a headline with its source, an entry of a diary."""
    day = dates.find(text, dates.SOME_DAY)
    return shapes.is_text(text) or _is_sourced(text) or (day is not None and day[2] == 0)


def _is_sourced(text: str) -> bool:
    return tails.source_at_end(text, lenient=True) is not None


def _one_by_one(lines: list[Line], inside: list[int]) -> list[list[int]]:
    """Each line as an item; a sentence without a source below a headline that has one is its text."""
    items: list[list[int]] = []
    for index in inside:
        text = lines[index].text
        above = items[-1][0] if items else None
        told = above is not None and _is_sourced(lines[above].text) and not re.search("[.。]$", lines[above].text)
        if told and shapes.is_text(text) and not _is_sourced(text):
            items[-1].append(index)
        else:
            items.append([index])
    return items


def _is_day(text: str) -> bool:
    """Whether a line of the head tells the day, perhaps with the issue's number and a word or two."""
    return width(text) <= 40 and dates.find(text, dates.SOME_DAY) is not None


def _is_of_page(lines: list[Line], index: int, below: bool) -> bool:
    """Whether a line belongs to the page: a few words or a tag below a source, or an advertisement of its own there."""
    text = lines[index].text
    alone = below and not lines[index - 1].text and not lines[index + 1].text
    return (width(text) <= SHORT or alone) and (grammar.is_foot(text) or grammar.is_tag(text))


def _is_filled(text: str) -> bool:
    return text != "" and not grammar.is_rule(text)


def _is_below_first(lines: list[Line], index: int) -> bool:
    """Whether the line above is the first of its block."""
    return index > 0 and lines[index - 1].text != "" and (index == 1 or not lines[index - 2].text)
