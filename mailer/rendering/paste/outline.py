"""Which lines of a digest begin its items, and which are section titles."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date

from mailer.errors import SourceError
from mailer.rendering.paste import dates, enumerators, grammar, leads
from mailer.rendering.paste.lines import Line, width
from mailer.rendering.paste.report import Report

MOST_ITEMS = 1000

_ALONE = re.compile(r"【[^【】]{2,30}】")
# A second enumerator in the same line: a run of leads, not an item.
_SEVERAL = re.compile(r"[;；。]\s*[(（]?(?:\d{1,2}\s*[.、)）](?!\d)|[②-⑳])")


@dataclass(slots=True)
class Outline:
    """`starts` maps the index of an item's first line to its headline text; `titles` an index to a section's title."""

    starts: dict[int, str]
    titles: dict[int, str]
    family: str


def find(lines: list[Line], report: Report) -> Outline | None:
    """The outline of a digest, or None where nothing is numbered, bulleted or bracketed like one."""
    for attempt in (_numbered, _bracketed, _headed, _bulleted, _by_sources, _bolded, _one_liners):
        starts, family = attempt(lines, report)
        if len(starts) > MOST_ITEMS:
            message = f"{len(starts):,} numbered lines are no digest; paste one issue alone"
            raise SourceError(message, where=f"line {lines[min(starts)].number}")
        if starts:
            titles = _titles(lines, starts, report) if family != "sources" else {}
            return Outline(starts, titles, family)
    return None


def _numbered(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    best: list[tuple[int, enumerators.Mark]] = []
    families = Counter(mark.family for line in lines for mark in enumerators.marks(line.text))
    chains = {family: _chain(lines, family) for family in families}
    for family, chain in chains.items():
        if family in ("han", "hanparen", "ordinal") and _are_sections(lines, chain, chains):
            continue
        if len(chain) > len(best) and (family not in ("bare", "lone") or len(chain) >= 3):
            best = chain
    if len(best) < 2 and not (best and len(families) == 1 and best[0][1].number == 1 and best[0][1].family != "bare"):
        return {}, ""
    if len(best) > MOST_ITEMS:
        return {index: mark.rest for index, mark in best}, best[0][1].family
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


def _chain(lines: list[Line], family: str) -> list[tuple[int, enumerators.Mark]]:
    """The lines whose numbers of one family follow one another: 1 2 3, or 1 2 | 1 2 3 where a title stands between."""
    found = [
        (index, mark)
        for index, line in enumerate(lines)
        for mark in enumerators.marks(line.text)
        if mark.family == family and mark.number <= 200 and not _SEVERAL.search(mark.rest)
    ]
    numbers = [mark.number for _, mark in found]
    if len(numbers) >= 4 and numbers == [n for n in range(1, len(numbers) // 2 + 1) for _ in "ab"]:
        return found  # each item twice, in two languages
    later = Counter(numbers)
    chain: list[tuple[int, enumerators.Mark]] = []
    expected = 1
    for index, mark in found:
        later[mark.number] -= 1
        number = mark.number
        if number == expected or (not chain and number <= 3):
            accept = True
        elif number == 1:
            accept = _after_title(lines, index, chain) or not later[expected]
        elif chain and number == chain[-1][1].number:
            accept = not later[number] and width(mark.rest) <= 120 and bool(mark.rest)
        else:
            accept = bool(chain) and expected < number <= expected + 2 and not later[expected] and bool(mark.rest)
        if accept:
            chain.append((index, mark))
            expected = number + 1
    return chain


def _contents(lines: list[Line], chain: list[tuple[int, enumerators.Mark]]) -> int:
    """How many entries at the beginning are a table of contents: lines without text that name later items."""
    again = next((i for i in range(1, len(chain)) if chain[i][1].number == 1), 0)
    if again < 2 or again * 2 > len(chain) + 1:
        return 0
    between = [lines[i].text for i in range(chain[0][0], chain[again - 1][0]) if lines[i].text]
    if len(between) > again:
        return 0
    matched = leads.match([mark.rest for _, mark in chain[:again]], [mark.rest for _, mark in chain[again:]])
    return again if sum(index is not None for index in matched) * 5 >= again * 3 else 0


def _after_title(lines: list[Line], index: int, chain: list[tuple[int, enumerators.Mark]]) -> bool:
    before = next((i for i in range(index - 1, -1, -1) if lines[i].text), None)
    if before is None or (chain and before <= chain[-1][0]):
        return False
    return (
        grammar.heading(lines[before].text) is not None
        and grammar.source_at_end(lines[before].text, lenient=True) is None
    )


def _are_sections(
    lines: list[Line], chain: list[tuple[int, enumerators.Mark]], chains: dict[str, list[tuple[int, enumerators.Mark]]]
) -> bool:
    """Whether numbers such as `一、` stand over sections: most are followed at once by a number of another family."""
    starts = {
        index for family, other in chains.items() if family not in ("han", "hanparen", "ordinal") for index, _ in other
    }
    bullets = {
        index for index, line in enumerate(lines) if enumerators.bullet(line.text) or enumerators.bracketed(line.text)
    }
    followed = 0
    for index, _ in chain:
        after = next((i for i in range(index + 1, len(lines)) if lines[i].text), None)
        followed += after in starts or after in bullets
    return bool(chain) and followed * 2 > len(chain)


def _report_numbers(lines: list[Line], chain: list[tuple[int, enumerators.Mark]], report: Report) -> None:
    expected = 1
    for index, mark in chain:
        if mark.number != expected:
            what = "numbering starts again" if mark.number == 1 else f"number {mark.number} where {expected} was due"
            report.add(lines[index].number, "number", f"{what}; items are numbered anew", mark.rest[:60])
        text = lines[index].text
        usual = chain[0][1]
        prefix = text[: len(text) - len(mark.rest)] if mark.rest and text.endswith(mark.rest) else text
        first = lines[chain[0][0]].text
        model = first[: len(first) - len(usual.rest)] if usual.rest and first.endswith(usual.rest) else first
        if _shape(prefix) != _shape(model):
            report.add(
                lines[index].number, "enumerator", f"enumerator written {prefix.strip()!r}, others {model.strip()!r}"
            )
        expected = mark.number + 1


def _shape(prefix: str) -> str:
    return "".join("0" if character.isnumeric() else character for character in prefix).replace("00", "0")


def _bracketed(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    found = {
        index: line.text
        for index, line in enumerate(lines)
        if index and enumerators.bracketed(line.text) and grammar.source_line(line.text) is None
    }
    return (found, "bracketed") if len(found) >= 3 else ({}, "")


def _headed(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    """Items without a number under headings of the third level, as on a web page or in Markdown."""
    found = {index: line.text[4:].strip() for index, line in enumerate(lines) if line.text.startswith("### ")}
    told = 0
    for index in found:
        below = next((line.text for line in lines[index + 1 :] if line.text), "")
        told += bool(below) and not below.startswith("#") and enumerators.bullet(below) is None
    if len(found) < 2 or told * 2 < len(found):
        return {}, ""
    report.add(lines[min(found)].number, "guess", f"no numbers; {len(found)} headings of one level taken as items")
    return found, "headed"


def _bulleted(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    found = [(index, pair) for index, line in enumerate(lines) if (pair := enumerators.bullet(line.text))]
    counts = Counter(pair[0] for _, pair in found)
    for mark, count in counts.most_common():
        if count >= 2:
            return {index: pair[1] for index, pair in found if pair[0] == mark}, "bullet"
    return {}, ""


def _by_sources(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    """Items without any mark: the first line after a source ends the item before."""
    starts: dict[int, str] = {}
    previous: int | None = None
    for index, line in enumerate(lines):
        if not line.text or not grammar.source_line(line.text):
            continue
        block = [i for i in range((previous if previous is not None else -1) + 1, index) if lines[i].text]
        if previous is None:  # the first block may begin with the head of the digest
            blank = next((i for i in range(index - 1, -1, -1) if not lines[i].text), -1)
            block = [i for i in block if i > blank] or block[-2:]
            if len(block) == 1 and blank > 0:
                block = [i for i in range(blank) if lines[i].text][-1:] + block
            if len(block) > 2 and dates.find(lines[block[0]].text, date(2000, 1, 1)):
                block = block[1:]  # name and date stand directly above the first item
        if block:
            starts[block[0]] = lines[block[0]].text
        previous = index
    if len(starts) < 3:
        return {}, ""
    report.add(lines[min(starts)].number, "guess", f"no numbers; {len(starts)} items found by their source lines")
    return starts, "sources"


def _bolded(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    """Items without any mark whose headlines are lines in bold, text below each."""
    bold = [index for index, line in enumerate(lines) if line.bold]
    told = [index for index in bold if index + 1 < len(lines) and lines[index + 1].text and not lines[index + 1].bold]
    if len(told) < 3:
        return {}, ""
    report.add(lines[told[0]].number, "guess", f"no numbers; {len(told)} lines in bold taken as headlines")
    return {index: lines[index].text for index in told}, "bold"


def _one_liners(lines: list[Line], report: Report) -> tuple[dict[int, str], str]:
    """Items without any mark, each one line with its source behind it."""
    filled = [index for index, line in enumerate(lines) if line.text]
    found = [
        index
        for index in filled
        if width(lines[index].text) > 24 and grammar.source_at_end(lines[index].text, lenient=False)
    ]
    if len(found) < 3 or len(found) * 2 < len(filled):
        return {}, ""
    report.add(lines[found[0]].number, "guess", f"no numbers; {len(found)} lines with a source taken as items")
    return {index: lines[index].text for index in found}, "lines"


def name_sources(lines: list[Line], found: Outline, report: Report) -> bool:
    """Write 【names】 at the end of items as sources in parentheses; whether that is what they are.

    A section's title in such brackets stands above the first item too, a source below the last one.
    """
    ordered = sorted(found.starts)
    above = next((lines[i].text for i in range(ordered[0] - 1, -1, -1) if lines[i].text), "")
    if len(ordered) < 2 or found.family == "bracketed" or _ALONE.fullmatch(above):
        return False
    named = []
    for start, stop in itertools.pairwise([*ordered, len(lines)]):
        filled = [i for i in range(start + 1, stop) if lines[i].text]
        at = next((i for i in filled[1:] if _ALONE.fullmatch(lines[i].text)), None)
        if at is not None:
            named.append(at)
    if len(named) * 3 < len(ordered) * 2 or named[-1] < ordered[-1]:
        return False
    for at in named:
        report.add(lines[at].number, "guess", "name in brackets below the text taken as the source", lines[at].text)
        lines[at] = replace(lines[at], text=f"（{lines[at].text[1:-1].strip()}）")
    return True


def _titles(lines: list[Line], starts: dict[int, str], report: Report) -> dict[int, str]:
    """Section titles: a short line directly before an item that is not the text of the item before."""
    candidates: dict[int, tuple[str, bool]] = {}
    ordered = sorted(starts)
    for position, start in enumerate(ordered):
        before = next((i for i in range(start - 1, -1, -1) if lines[i].text), None)
        if before is not None and grammar.is_rule(lines[before].text):  # a title may be underlined
            before = (
                before - 1
                if before and lines[before - 1].text and not (before > 1 and lines[before - 2].text)
                else None
            )
        if before is None or before in starts or grammar.is_rule(lines[before].text):
            continue
        found = grammar.heading(lines[before].text)
        if found is None or grammar.is_foot(lines[before].text) or _is_date(found[0]):
            continue
        previous = ordered[position - 1] if position else None
        above = next((i for i in range(before - 1, -1, -1) if lines[i].text), before)
        if (
            previous is None
            and above < before
            and enumerators.bullet(lines[before].text)
            and enumerators.bullet(lines[above].text)
        ):
            continue  # the last of a list of leads
        if previous is None and re.fullmatch(r"#[^#]+#", lines[before].text):
            continue  # a topic: the newsletter's name
        if previous is None and leads.is_list(lines[before].text, list(starts.values())):
            continue
        if previous is None and not any(lines[i].text for i in range(before)):
            continue  # the only line of the head: the digest's own title
        lone = previous is not None and not any(
            lines[i].text and not grammar.source_line(lines[i].text) for i in range(previous + 1, before)
        )
        if lone and not found[1] and not lines[before].bold and not _bodiless(lines, starts):
            report.add(
                lines[before].number, "guess", "kept as the text of the item above, not a section", lines[before].text
            )
            continue
        candidates[before] = found
    if any(decorated for index, (_, decorated) in candidates.items() if index > ordered[0]):
        plain = [index for index, (_, decorated) in candidates.items() if not decorated and not lines[index].bold]
        for index in plain:
            if index > ordered[0]:
                del candidates[index]
    if len(candidates) == 1 and (index := min(candidates)) < ordered[0] and _is_name(lines, index):
        return {}
    for index, (title, _) in candidates.items():
        report.found(lines[index].number, "section", "taken as a section title", title)
    return {index: title for index, (title, _) in candidates.items()}


def _is_name(lines: list[Line], index: int) -> bool:
    """Whether the only title of a digest is its name: nothing but a greeting and the date stands above."""
    above = [line.text for line in lines[:index] if line.text]
    return not lines[index].text.startswith("#") and all(_is_date(text) or grammar.is_greeting(text) for text in above)


def _is_date(title: str) -> bool:
    found = dates.find(title, date(2000, 1, 1))
    return found is not None and (found[3] - found[2]) * 2 > len(title)


def _bodiless(lines: list[Line], starts: dict[int, str]) -> bool:
    """Whether most items are a headline alone."""
    ordered = [*sorted(starts), len(lines)]
    alone = sum(sum(bool(lines[i].text) for i in range(one + 1, two)) <= 1 for one, two in itertools.pairwise(ordered))
    return alone * 2 > len(starts)
