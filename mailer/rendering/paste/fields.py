"""The field that every headline of a digest begins with (`宏观 | `, `【资本】`, `[国内]`), made titles."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

from mailer.model.columns import width
from mailer.rendering.paste import enumerators, sources
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.outline import Outline
from mailer.rendering.paste.report import Report

LEAST = 3  # items
WIDEST = 10  # columns of a field's name
SECTOR = 6  # columns of one that has but one item; what is longer is whom the headline is about
_FIELD = re.compile(
    r"(?:(?:\*\*)?(?:【([^【】\d]+)】|\[([\u3400-\u9fff]{2,3})\])(?:\*\*)?|([^\s\d|｜丨【】]+)\s*[|｜丨])\s*(?=\S)"
)
_BARRED = re.compile(r"([\u3400-\u9fff]{2,5}|[A-Z][a-z]{2,9})\s*[|｜丨]\s*([^|｜丨]{6,})")
LINE = 26  # columns of a line that tells news
_ABOUT = re.compile(
    r"(?!来源|第|头条|最后|时间|地[点址]|电话|[主标]题|日期|作者|联系)[\u3400-\u9fffA-Za-z][^\s：:，。；、【】]{1,11}[：:]\s*\S.{6,}"
)
_HEAD = re.compile(r"((?:#[^#]{2,20}#)?\s*【[^【】]*\d[^【】]*】)\s*([^\s：:，。；、【】]{2,12}[：:]\s*\S.{6,})")
_CRY = re.compile(r"突发|重磅|独家|最新|快讯|热[点搜]|头条|关注|breaking|exclusive", re.IGNORECASE)


def begin_lines(lines: list[Line], report: Report) -> list[Line]:
    """Lines alone that all begin with a field and a bar, some with the same one, as items below the fields."""
    found = {i: match for i, line in enumerate(lines) if (match := _BARRED.fullmatch(line.text))}
    filled = [i for i, line in enumerate(lines) if found and line.text and min(found) <= i <= max(found)]
    fields = [match[1] for match in found.values()]
    runs = [field for field, _ in itertools.groupby(fields)]
    if len(found) < LEAST + 1 or len(found) < len(filled) or not 2 <= len(runs) == len(set(runs)) < len(fields):
        return lines
    if any(sources.is_medium(field) or _CRY.search(field) for field in runs):
        return lines
    what = "%(count)s lines behind a field taken as items"
    report.add(lines[min(found)].number, "guess", what, runs[0], count=len(found))
    written: list[Line] = []
    opened = ""
    for index, line in enumerate(lines):
        match = found.get(index)
        if match and match[1] != opened:
            opened = match[1]
            written.append(replace(line, text=f"## {opened}"))
        written.append(replace(line, text=f"● {match[2]}") if match else line)
    return written


def begin_with_colons(lines: list[Line], report: Report) -> list[Line]:
    """Lines alone that all say first what or whom they are about, as items: `汇率：...`, `X商城：...`.

    The first may stand behind the head on one line (`【5月21日要闻】X商城：...`).
    """
    filled = [i for i, line in enumerate(lines) if line.text]
    found = {i: lines[i].text for i in filled if _ABOUT.fullmatch(lines[i].text)}
    if found and (above := [i for i in filled if i < min(found)]) and (head := _HEAD.fullmatch(lines[above[-1]].text)):
        lines = [*lines[: above[-1]], replace(lines[above[-1]], text=head[1]), *lines[above[-1] + 1 :]]
        lines.insert(above[-1] + 1, replace(lines[above[-1]], text=head[2]))
        return begin_with_colons(lines, report)
    told = [i for i in filled if found and min(found) <= i <= max(found)]
    abouts = {text.replace("：", ":").split(":")[0] for text in found.values()}
    if (
        len(found) < LEAST + (len(abouts) < len(found)) + 1
        or len(found) < len(told)
        or len(found) * 5 < len(filled) * 3
        or len(abouts) < LEAST
    ):
        return lines
    if sum(width(text) >= LINE for text in found.values()) * 3 < len(found) * 2:
        return lines
    what = "%(count)s lines of a name, a colon and news taken as items"
    report.add(lines[min(found)].number, "guess", what, count=len(found))
    return [replace(line, text=f"● {found[i]}") if i in found else line for i, line in enumerate(lines)]


def to_sections(lines: list[Line], found: Outline, report: Report) -> list[Line]:
    """The lines with each field on a line of its own above its items; [] where there are none.

    Items of one field must stand together, else the field stays part of the headline; so does a word in brackets,
    which reads well there, where no two items share one.
    """
    parted = {index: match for index, text in found.starts.items() if (match := _FIELD.match(text))}
    fields = [(match[1] or match[2] or match[3]).strip() for _, match in sorted(parted.items())]
    runs = [field for field, _ in itertools.groupby(fields)]
    if (
        len(fields) < max(LEAST, len(found.starts))
        or found.titles
        or not 2 <= len(runs) == len(set(runs))
        or (
            len(runs) == len(fields)
            and any(match[1] or match[2] or width(match[3]) > SECTOR for match in parted.values())
        )
        or (len(runs) == len(fields) and all(re.match(enumerators.SIGN, lines[i].text) for i in parted))
        or any(width(field) > WIDEST or sources.is_medium(field) or _CRY.search(field) for field in fields)
        or any(not lines[index].text.endswith(found.starts[index]) for index in parted)
    ):
        return []
    bare = not any(line.text for line in lines[: min(parted)])
    written: list[Line] = []
    opened = ""
    for index, line in enumerate(lines):
        if match := parted.get(index):
            field, text = (match[1] or match[2] or match[3]).strip(), found.starts[index]
            if field != opened:
                part = (
                    f"Part {runs.index(field) + 1}: " if bare else ""
                )  # else the first could be the newsletter's name
                written.append(Line(line.number, f"## {part}{field}"))
                opened = field
            before = line.text[: len(line.text) - len(text)]
            line = replace(line, text=(before or "● ") + text[match.end() :])
        written.append(line)
    report.add(lines[min(parted)].number, "guess", "what every headline begins with taken as its section", opened)
    return written
