"""Items in the forms that programs exchange (a feed in XML, a list in JSON) made lines: headline, text, source."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable

from mailer.rendering.paste.report import Report

LEAST = 2  # items
DEEPEST = 6  # lists and objects within one another
MOST = 20_000  # characters of an item that are looked at
LONGEST = 2_000_000  # characters of JSON that are looked at

_ITEM = re.compile(r"<(?:item|entry)\b[^<>]*>", re.IGNORECASE)
_END = re.compile(r"</(?:item|entry)>", re.IGNORECASE)
_FIELDS = {
    "headline": ("title",),
    "text": ("description", "summary", "content"),
    "source": ("source", "dc:creator", "author"),
    "link": ("link",),
    "date": ("pubdate", "published", "updated", "lastbuilddate"),
}


def to_lines(text: str, report: Report, known: Callable[[str], str]) -> list[tuple[int, str]] | None:
    """The lines of such a text, None where it is none; `known` tells which column a name means."""
    start = text.lstrip()[:200].lower()
    if re.match(r"(?:<\?xml[^<>]*>\s*)?(?:<!--.*?-->\s*)?<(?:rss|feed|rdf:rdf)\b", start):
        return _feed(text, report)
    if start[:1] in "[{":
        return _json(text, report, known)
    return None


def _feed(text: str, report: Report) -> list[tuple[int, str]] | None:
    head, *items = _ITEM.split(text)
    if len(items) < LEAST:
        return None
    report.add(1, "table", "read as the items of a feed")
    lines = [(1, value) for name in ("headline", "date") if (value := _value(head[:MOST], name))]
    number = head.count("\n") + 1
    for count, item in enumerate(items, 1):
        told = _END.split(item[:MOST])[0]
        lines += _item(number, count, {name: _value(told, name) for name in _FIELDS})
        number += item.count("\n")
    return lines


def _value(xml: str, name: str) -> str:
    """What an element of one of the names holds, without tags."""
    for tag in _FIELDS[name]:
        match = re.search(rf"<{tag}\b([^<>]*)>(.*?)</{tag}>", xml, re.DOTALL | re.IGNORECASE)
        link = re.search(rf"<{tag}\b[^<>]*href=[\"'](https?://[^\"']+)", xml, re.IGNORECASE) if name == "link" else None
        held = re.sub(r"<!\[CDATA\[(.*?)\]\]>", r"\1", match[2], flags=re.DOTALL) if match else ""
        plain = " ".join(re.sub(r"<[^<>]*>", " ", html.unescape(held)).split())
        if plain or link:
            return plain or (link[1] if link else "")
    return ""


def _item(number: int, count: int, row: dict[str, str]) -> list[tuple[int, str]]:
    told = [(number, ""), (number, f"{count}. {row['headline']}")]
    told += [(number, row["text"])] if row.get("text") else []
    named = " ".join(filter(None, (row.get("source"), row.get("link"))))
    told += [(number, f"来源：{named}" if row.get("source") else named)] if named else []
    return told


def _json(text: str, report: Report, known: Callable[[str], str]) -> list[tuple[int, str]] | None:
    if len(text) > LONGEST:
        return None
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    rows, head = _rows(told, known, 0)
    if len(rows) < LEAST:
        return None
    report.add(1, "table", "read as the items of a feed")
    lines = [(1, value) for value in head]
    for count, row in enumerate(rows, 1):
        lines += _item(1, count, row)
    return lines


def _rows(told: object, known: Callable[[str], str], depth: int) -> tuple[list[dict[str, str]], list[str]]:
    """The objects of the first list whose objects have headlines, and the words beside that list."""
    if depth > DEEPEST:
        return [], []
    if isinstance(told, list):
        rows = [_row(one, known) for one in told if isinstance(one, dict)]
        rows = [row for row in rows if row.get("headline")]
        if len(rows) >= LEAST:
            return rows, []
    inner = told.values() if isinstance(told, dict) else told if isinstance(told, list) else ()
    for one in inner:
        if isinstance(one, (dict, list)):
            rows, head = _rows(one, known, depth + 1)
            if rows:
                beside = [value for value in inner if isinstance(value, str) and "://" not in value]
                return rows, [*beside, *head]
    return [], []


def _row(told: dict[str, object], known: Callable[[str], str]) -> dict[str, str]:
    row: dict[str, str] = {}
    for name, value in told.items():
        value = value.get("name") if isinstance(value, dict) else value
        if isinstance(value, str) and (column := known(name.lower())) and column not in row:
            row[column] = " ".join(value.split())
    return row
