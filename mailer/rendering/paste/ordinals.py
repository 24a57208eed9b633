"""Numbers behind a word of the digest's own (`早点一：`, `Slice 2 |`), known because they run on from item to item; and
what is told in a row without any number (`先说...`, `然后是...`, `最后...`)."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace

from mailer.rendering.paste import enumerators
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report

LEAST = 3  # items

_FIRST = re.compile(r"(?:首先|先)(?:来)?(?:说说|讲讲|看看|说|讲|看|是)?(?:一下)?[，,：:\s]*(\S.{3,})")
_NEXT = re.compile(
    r"(?:然后|接着|接下来|再|其次|另外|还有|再有|再就是)(?:再)?(?:来)?(?:说说|讲讲|看看|说|讲|看)?(?:就是|呢)?(?:有)?(?:[一]?[个条件])?(?:事)?(?:是)?[，,：:\s]*(\S.{3,})"
)
_LAST = re.compile(r"(?:最后|末了)(?:再)?(?:说|讲|看|还有)?(?:一?[个条件])?(?:事)?(?:是)?[，,：:\s]*(\S.{3,})")

_WORDED = re.compile(
    rf"(?:{enumerators.SIGN}\s*)?([\u3400-\u9fff]{{1,5}}?|[A-Z][a-z]{{2,10}}(?: [A-Z]?[a-z]{{2,10}})?)\s*"
    r"([一二三四五六七八九十]{1,2}|0?[1-9]\d?)\s*[:：|｜丨]\s*(\S.+)"
)


def plain(lines: list[Line], report: Report) -> list[Line]:
    """The lines with such words left out before their numbers."""
    found: defaultdict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for index, line in enumerate(lines):
        if (match := _WORDED.fullmatch(line.text)) and not enumerators.marks(line.text):
            number = next((mark.number for mark in enumerators.marks(f"{match[2]}、")), 0)
            found[match[1]].append((index, number, match[3]))
    written = _in_a_row(lines, report)
    for word, items in found.items():
        if len(items) < LEAST or [number for _, number, _ in items] != list(range(1, len(items) + 1)):
            continue
        for index, number, text in items:
            written[index] = replace(lines[index], text=f"{number}. {text}")
        what = "%(count)s items numbered behind a word of their own"
        report.add(lines[items[0][0]].number, "enumerator", what, word, count=len(items))
    return written


def _in_a_row(lines: list[Line], report: Report) -> list[Line]:
    """The lines from the first to the last that is told, where each begins with a word that says its turn."""
    filled = [i for i, line in enumerate(lines) if line.text]
    first = next((at for at, i in enumerate(filled) if _FIRST.fullmatch(lines[i].text)), len(filled))
    last = next((at for at, i in enumerate(filled) if at > first and _LAST.fullmatch(lines[i].text)), -1)
    told = filled[first : last + 1]
    matches = [_FIRST.fullmatch(lines[i].text) for i in told[:1]]
    matches += [_NEXT.fullmatch(lines[i].text) for i in told[1:-1]] + [
        _LAST.fullmatch(lines[i].text) for i in told[-1:]
    ]
    if len(told) < LEAST or not all(matches):
        return list(lines)
    report.add(lines[told[0]].number, "enumerator", "%(count)s lines told in a row taken as items", count=len(told))
    written = list(lines)
    for index, match in zip(told, matches, strict=True):
        if match:
            written[index] = replace(lines[index], text=f"● {match[1]}")
    return written
