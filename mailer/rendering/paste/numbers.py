"""Items told by their numbers: which of a digest's enumerators run on from line to line."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import replace

from mailer.model.columns import width
from mailer.rendering.paste import entries, enumerators, grammar, leads, shapes, tails, titles
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report

MOST_ITEMS = 1000
MOST_LINES = 4  # of an item behind a small letter
SHORTEST = 4  # columns of a word that can only be a title

_FIRST = re.compile(r"(?:今天的?|首先|先来?看?)?[，,]?(?:头一?条|首条)(?:消息|新闻)?\s*[:：，,]\s*(\S.{5,})")
_LAST = re.compile(r"最后一[条则个](?:消息|新闻)?\s*[:：，,]\s*(\S.{5,})")
# A second enumerator in the same line: a run of leads, not an item.
_SEVERAL = re.compile(
    r"[;；。]\s*[(（]?(?:\d{1,2}\s*[.、)）](?!\d)|[②-⑳])|\s2\s?[.、)）]\s?\D.{0,60}?\s3\s?[.、)）]\s?\D"
)


def find(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    best: list[tuple[int, enumerators.Mark]] = []
    families = Counter(mark.family for line in lines for mark in enumerators.marks(line.text))
    chains = {family: _chain(lines, family) for family in families}
    for family, chain in sorted(chains.items(), key=lambda named: named[0] == "nth"):
        if _hold_bullets(lines, [index for index, _ in chain]):
            continue
        if family == "part" or (family in enumerators.SECTIONS and _are_sections(lines, chain, chains)):
            continue
        if (family in enumerators.SECTIONS or family == "formal") and _hold_lines(lines, [index for index, _ in chain]):
            continue
        if family in ("small", "stem") and not _are_items(lines, chain, chains):
            continue
        if family == "nth" and len(best) >= 2:
            continue  # what a text counts within itself
        longer = _weight(lines, chain) > _weight(lines, best)
        if longer and (family not in enumerators.UNSURE or len(chain) >= 3):
            best = chain
    if len(best) < 2 and not (best and len(families) == 1 and best[0][1].number == 1 and best[0][1].family != "bare"):
        return {}, ""
    if len(best) > MOST_ITEMS:
        return {index: mark.rest for index, mark in best}, best[0][1].family
    best = _with_others(lines, best)
    if len(best) >= 2 and best[0][1].number == 2:
        best = [*_unmarked_first(lines, best[0][0]), *best]
    if best[0][1].family == "ordinal":
        best = [*best, *_last_of_all(lines, best[-1])]
    best = best[_contents(lines, best) :]
    chosen = {index for index, _ in best}
    starts = {}
    for index, mark in best:
        rest = mark.rest
        if not rest:
            follower = next((i for i in range(index + 1, min(index + 3, len(lines))) if lines[i].text), None)
            rest = lines[follower].text if follower is not None and follower not in chosen else ""
        if rest:
            starts[index] = rest
    _report_numbers(lines, best, report)
    return starts, best[0][1].family


def _weight(lines: list[Line], chain: list[tuple[int, enumerators.Mark]]) -> tuple[int, int, int]:
    """How much speaks for numbered lines as items: how many they are, how many name a source, how many have a text."""
    named = sum(tails.source_at_end(mark.rest, lenient=True) is not None for _, mark in chain)
    return len(chain), named, _told(lines, chain)


def _told(lines: list[Line], chain: list[tuple[int, enumerators.Mark]]) -> int:
    """How many of the numbered lines have a line below that is not numbered itself."""
    chosen = {index for index, _ in chain}
    return sum(index + 1 < len(lines) and lines[index + 1].text != "" and index + 1 not in chosen for index in chosen)


def _chain(lines: list[Line], family: str) -> list[tuple[int, enumerators.Mark]]:
    """The lines whose numbers of one family follow one another: 1 2 3, or 1 2 | 1 2 3 where a title stands between."""
    found = [
        (index, mark)
        for index, line in enumerate(lines)
        for mark in enumerators.marks(line.text)
        if mark.family == family and mark.number <= 200 and not _SEVERAL.search(mark.rest)
    ]
    found = _with_tens(lines, found) if family == "arabic" else found
    numbers = [mark.number for _, mark in found]
    if len(numbers) >= 4 and numbers == [n for n in range(1, len(numbers) // 2 + 1) for _ in "ab"]:
        return found  # each item twice, in two languages
    later = Counter(numbers)
    closed = [_is_closed(lines[index].text) for index, _ in found]
    later_so = Counter(zip(numbers, closed, strict=True))
    chain: list[tuple[int, enumerators.Mark]] = []
    said: set[str] = set()
    expected, owed = 1, 0
    for at, (index, mark) in enumerate(found):
        if mark.number == owed:
            chain.append((index, mark))
            owed = 0
            continue
        later[mark.number] -= 1
        later_so[mark.number, closed[at]] -= 1
        number = mark.number
        usual = bool(chain) and _is_closed(lines[chain[0][0]].text)
        if chain and number in (1, expected) and closed[at] != usual and later_so[expected, usual]:
            continue  # of a list inside an item: the number that is due comes later, written as the others are
        if chain and number < expected and closed[at] != usual and later_so[expected, usual]:
            continue
        slip = bool(chain) and not later[expected] and number > 1 and bool(mark.rest)
        if slip and (
            numbers[at + 1 : at + 2] == [expected + 1] or _begin_blocks(lines, chain, index, at + 1 - len(found))
        ):
            number = expected  # as the next number tells, or the place of the last one
        if number == expected or (not chain and number <= 3):
            accept = True
        elif number == 1:
            above_were_contents = _bare(mark.rest) in said
            accept = above_were_contents or _after_title(lines, index, chain) or not later[expected]
        elif chain and number == chain[-1][1].number:
            accept = not later[number] and width(mark.rest) <= 120 and bool(mark.rest)
        else:
            gap = expected < number <= expected + 2 and not later[expected]
            accept = bool(chain) and bool(mark.rest) and (gap or _is_due_no_more(numbers, at, expected))
        if accept:
            owed = expected if number == expected + 1 and numbers[at + 1 : at + 2] == [expected] else 0
            chain.append((index, mark))
            said.add(_bare(mark.rest))
            expected = number + 1
    return chain


def _with_tens(lines: list[Line], found: list[tuple[int, enumerators.Mark]]) -> list[tuple[int, enumerators.Mark]]:
    """The numbers with those from 10 on that have no sign either, where `01` to `09` have none."""
    bare = [re.match(r"0\d(?![.．、)）:：])", lines[index].text) is not None for index, _ in found]
    if sum(bare) < 3:
        return found
    marked = ((i, mark) for i, line in enumerate(lines) for mark in enumerators.marks(line.text)[:1])
    tens = [(i, mark) for i, mark in marked if mark.family in ("bare", "lone") and 10 <= mark.number <= 99]
    return sorted([*found, *tens], key=lambda pair: pair[0])


def _is_due_no_more(numbers: list[int], at: int, expected: int) -> bool:
    """Whether the number is the next but one in a section, and the one before it comes only in others, or next."""
    if numbers[at] != expected + 1:
        return False
    rest = numbers[at + 1 :]
    inside = rest[: rest.index(1)] if 1 in rest else []
    return (1 in rest and expected not in inside) or rest[:2] == [expected, expected + 2]


def _begin_blocks(lines: list[Line], chain: list[tuple[int, enumerators.Mark]], last: int, behind: int) -> bool:
    """Whether the last number, with none `behind` it, and those before it all stand below a blank line."""
    return not behind and len(chain) > 1 and all(i and not lines[i - 1].text for i in (*(i for i, _ in chain), last))


def _is_closed(text: str) -> bool:
    """Whether a number is written `1)`, not `1.` or `1、`."""
    return re.match(r"\W*\d{1,3}\s*[)）]", text) is not None


def _bare(text: str) -> str:
    """A headline without blanks, capitals and punctuation."""
    return re.sub(r"[\W_]+", "", text).lower()


def _unmarked_first(lines: list[Line], second: int) -> list[tuple[int, enumerators.Mark]]:
    """The line above number 2 that begins with a 1 as part of its words: `1 big thing`."""
    told = [(i, match) for i in range(second) if (match := _FIRST.fullmatch(lines[i].text))]
    if told:
        return [(i, enumerators.Mark("ordinal", 1, match[1])) for i, match in told[-1:]]
    found = ((i, mark) for i in range(second) for mark in enumerators.marks(lines[i].text))
    return [(i, replace(mark, rest=lines[i].text)) for i, mark in found if mark.family == "bare" and mark.number == 1][
        -1:
    ]


def _with_others(lines: list[Line], chain: list[tuple[int, enumerators.Mark]]) -> list[tuple[int, enumerators.Mark]]:
    """The numbers with those that are missing between two, where one is written otherwise: `5.` among `4 ` and `6 `."""
    others = []
    for (above, before), (below, after) in itertools.pairwise(chain):
        between = range(above + 1, below if after.number == before.number + 2 else 0)
        marked = ((i, mark) for i in between for mark in enumerators.marks(lines[i].text)[:1])
        told = ((i, mark) for i, mark in marked if mark.number == before.number + 1 and mark.rest)
        others += [pair for pair in told if not shapes.is_text(pair[1].rest)][:1]
    return sorted([*chain, *others], key=lambda pair: pair[0])


def _last_of_all(lines: list[Line], last: tuple[int, enumerators.Mark]) -> list[tuple[int, enumerators.Mark]]:
    """The line below the last number that says that it is the last: `最后一条：`."""
    found = ((i, _LAST.fullmatch(lines[i].text)) for i in range(last[0] + 1, len(lines)))
    return [(i, enumerators.Mark("ordinal", last[1].number + 1, match[1])) for i, match in found if match][:1]


def _contents(lines: list[Line], chain: list[tuple[int, enumerators.Mark]]) -> int:
    """How many entries at the beginning are a table of contents: lines without text that name later items."""
    again = next((i for i in range(1, len(chain)) if chain[i][1].number == 1), 0)
    if again < 2 or again * 2 > len(chain) + 1:
        return 0
    entries = {index for index, _ in chain[:again]}
    between = [line.text for i, line in enumerate(lines[: max(entries)]) if i > min(entries) and i not in entries]
    if any(text and titles.heading(text) is None for text in between) or sum(map(bool, between)) >= again:
        return 0
    matched = leads.match([mark.rest for _, mark in chain[:again]], [mark.rest for _, mark in chain[again:]])
    return again if sum(index is not None for index in matched) * 5 >= again * 3 else 0


def _after_title(lines: list[Line], index: int, chain: list[tuple[int, enumerators.Mark]]) -> bool:
    before = next((i for i in range(index - 1, -1, -1) if lines[i].text), None)
    if before is None or (chain and before <= chain[-1][0]):
        return False
    return (
        titles.heading(lines[before].text) is not None and tails.source_at_end(lines[before].text, lenient=True) is None
    )


def _are_sections(
    lines: list[Line], chain: list[tuple[int, enumerators.Mark]], chains: dict[str, list[tuple[int, enumerators.Mark]]]
) -> bool:
    """Whether numbers such as `一、` stand over sections: most are followed at once by a number of another family."""
    starts = {index for family, other in chains.items() if family not in enumerators.SECTIONS for index, _ in other}
    bullets = {
        index for index, line in enumerate(lines) if enumerators.bullet(line.text) or enumerators.bracketed(line.text)
    }
    followed = 0
    for index, _ in chain:
        after = next((i for i in range(index + 1, len(lines)) if lines[i].text), None)
        followed += after in starts or after in bullets
    short = all(width((titles.heading(lines[i].text) or (" " * 99,))[0]) <= entries.WIDEST_TITLE for i, _ in chain)
    if followed >= 2 and short:
        return True
    return bool(chain) and (followed * 2 > len(chain) or hold_several(lines, [index for index, _ in chain]))


def _are_items(
    lines: list[Line], chain: list[tuple[int, enumerators.Mark]], chains: dict[str, list[tuple[int, enumerators.Mark]]]
) -> bool:
    """Whether letters stand before items: all have sources, and no others are numbered but the titles above."""
    own = chain[0][1].family if chain else ""
    filled = [index for index, line in enumerate(lines) if line.text]
    above = {two: one for one, two in itertools.pairwise(filled)}
    firsts = {above.get(index, -1) for index, mark in chain if mark.number == 1}
    titled = {i for family, other in chains.items() if family != own for i, mark in other if _is_short(mark.rest)}
    ends = [*(index for index, _ in chain), max(index for index, _ in chain) + MOST_LINES if chain else 0]
    named = [
        any(tails.names_one(line.text) for line in lines[one:two])
        or tails.source_at_end(lines[one].text, lenient=True) is not None
        for one, two in itertools.pairwise(ends)
    ]
    alone = len(chain) > 2 and not any(len(other) > 1 for family, other in chains.items() if family != own)
    return all(named) and ((len(firsts) > 1 and firsts <= titled) or alone)


def _is_short(text: str) -> bool:
    title = titles.heading(text) if text else None
    return title is not None and width(title[0]) <= 2 * entries.WIDEST_TITLE


def hold_several(lines: list[Line], indices: list[int]) -> bool:
    """Whether most of these lines have several sources below them before the next: sections, not items."""
    counts = []
    for one, two in itertools.pairwise([*indices, len(lines)]):
        counts.append(len(tails.ends(lines, range(one + 1, two))))
    several = sum(count >= 2 for count in counts)
    return len(counts) >= 2 and (several * 2 > len(counts) or (several > 0 and sum(counts) * 2 >= len(counts) * 3))


def _hold_bullets(lines: list[Line], indices: list[int]) -> bool:
    """Whether most of these lines stand directly above several bullets with a text below each: sections, not items."""
    several = 0
    for one, two in itertools.pairwise([*indices, len(lines)]):
        below = [line.text for line in lines[one + 1 : two] if line.text]
        bullets = [enumerators.bullet(text) is not None for text in below]
        told = sum(mark and not after for mark, after in itertools.pairwise([*bullets, True]))
        named = sum(tails.source_at_end(text, lenient=True) is not None for text in below)
        title = titles.heading(lines[one].text)
        short = title is not None and width(title[0]) <= entries.WIDEST_TITLE
        listed = all(bullets) and (named >= 2 or (short and len(bullets) >= 2))
        several += bool(bullets) and bullets[0] and (told >= 2 or listed)
    return len(indices) >= 2 and several * 2 > len(indices)


def _hold_lines(lines: list[Line], indices: list[int]) -> bool:
    """Whether these lines are short titles, most of them over lines or headlines that are items of their own."""
    several = 0
    for one, two in itertools.pairwise([*indices, len(lines)]):
        title = titles.heading(lines[one].text)
        group = [i for i in range(one + 1, two) if lines[i].text and not grammar.is_foot(lines[i].text)]
        if title is None or width(title[0]) > entries.WIDEST_TITLE or not group:
            return False
        items = entries.of(lines, group)
        bare = [i for i in items if not re.search(r"[。！？.!?]$", lines[i].text)]
        several += len(items) >= 2 and (len(bare) * 2 > len(items) or width(title[0]) <= SHORTEST)
    return len(indices) >= 2 and several * 2 >= len(indices)


def _report_numbers(lines: list[Line], chain: list[tuple[int, enumerators.Mark]], report: Report) -> None:
    expected = 1
    for index, mark in chain:
        if mark.number != expected:
            what = "number %(number)s where %(due)s was due; items are numbered anew"
            if mark.number == 1:
                what = "numbering starts again; items are numbered anew"
            report.add(lines[index].number, "number", what, mark.rest[:60], number=mark.number, due=expected)
        text = lines[index].text
        usual = chain[0][1]
        prefix = text[: len(text) - len(mark.rest)] if mark.rest and text.endswith(mark.rest) else text
        first = lines[chain[0][0]].text
        model = first[: len(first) - len(usual.rest)] if usual.rest and first.endswith(usual.rest) else first
        if _shape(prefix) != _shape(model):
            told = "enumerator written '%(prefix)s', others '%(usual)s'"
            report.add(lines[index].number, "enumerator", told, prefix=prefix.strip(), usual=model.strip())
        expected = mark.number + 1


def _shape(prefix: str) -> str:
    return "".join("0" if character.isnumeric() else character for character in prefix).replace("00", "0")
