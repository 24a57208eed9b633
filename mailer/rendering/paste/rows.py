"""Rows copied from a spreadsheet made lines: number and headline, text, source."""

from __future__ import annotations

import itertools
import re
from collections import Counter

from mailer.rendering.paste import separated, tables
from mailer.rendering.paste.report import Report

_COLUMNS = {
    "headline": (
        "标题",
        "新闻标题",
        "新闻",
        "題目",
        "题目",
        "篇名",
        "题名",
        "文章",
        "title",
        "headline",
        "story",
        "news",
    ),
    "text": (
        "内容",
        "正文",
        "摘要",
        "要点",
        "看点",
        "概要",
        "详情",
        "说明",
        "內容",
        "content",
        "text",
        "body",
        "summary",
    ),
    "source": (
        "来源",
        "來源",
        "出处",
        "媒体",
        "刊物",
        "公众号",
        "账号",
        "报刊",
        "source",
        "publisher",
        "publication",
        "outlet",
        "paper",
        "media",
    ),
    "link": ("链接", "网址", "地址", "原文", "阅读", "link", "url", "address", "read"),
    "section": ("栏目", "版块", "板块", "分类", "类别", "主题", "领域", "section", "category", "topic", "sector"),
    "date": ("日期", "时间", "date", "time"),
    "number": ("序号", "排名", "编号", "序", "号", "no", "no.", "number", "#"),
}
_FIELD = re.compile(r"\s*([^\W\d][^:：\s]{0,11}(?: [a-z]+){0,3})\s*[:：]\s*(\S.*)")
_LANGUAGE = re.compile(r"https?|en|zh|cn|[中英]文?|english|chinese", re.IGNORECASE)
_COUNTER = re.compile(r"\W*(?:story|item|news|新闻|资讯|第)\s*\d{1,2}\s*[条则篇]?\W*", re.IGNORECASE)
_GOODS = re.compile(
    r"qty|quantity|(?:unit[ _])?price|order[ _](?:id|no\.?)|sku|数量|单价|价格|金额|订单号", re.IGNORECASE
)
LINE_END = "\u2028"  # within a cell
LONGEST = 16  # characters of a column's name
_KNOWN = {name: column for column, names in _COLUMNS.items() for name in names}


def is_head(cells: list[str]) -> bool:
    """Whether cells are the known names of columns, one of them the headlines' and none of them a price or the like."""
    if len(cells) < 2 or any(_GOODS.fullmatch(cell.strip()) for cell in cells):
        return False
    columns = _columns(cells)
    if "headline" not in columns and {"number", "text", "source"} <= {*columns}:
        return True
    plain = any(_KNOWN.get(cell.strip(" *").lower()) == "headline" for cell in cells) or sum(map(bool, columns)) > 1
    return len(columns) > 1 and plain and "headline" in columns and max(Counter(filter(None, columns)).values()) == 1


def _columns(cells: list[str]) -> list[str]:
    """What each cell of a head names, "" where it is unknown.

    Words that end in a known name mean it, if none else does: `内容摘要` is the text, `Article title` the headline.
    """
    names = [cell.strip(" *").lower() for cell in cells]
    columns = [_KNOWN.get(name, "") or _in_two_languages(name) for name in names]
    for index, name in enumerate(names):
        known = [end for end in _KNOWN if len(end) > 1 and name.endswith(end if end > "z" else f" {end}")]
        column = _KNOWN[max(known, key=len)] if known and not columns[index] and len(name) <= LONGEST else ""
        columns[index] = columns[index] or (column if column not in columns else "")
    return columns


def _split(columns: list[str], cells: list[str]) -> dict[str, str]:
    """The cells of a row by their columns; where none has the headlines, they begin the texts."""
    row = dict(zip(columns, cells, strict=False))
    if "headline" not in columns:
        row["headline"], _, row["text"] = row.get("text", "").partition(LINE_END)
    return {name: cell.replace(LINE_END, " ") for name, cell in row.items()}


def _in_two_languages(name: str) -> str:
    """What a name such as `Source 来源` means: both its words the same, or the only one that is known."""
    parts = [_KNOWN.get(part, "") for part in re.split(r"[\s/／|()（）]+", name) if part]
    known = {part for part in parts if part}
    return known.pop() if len(parts) == 2 and len(known) == 1 and re.search(r"[a-z]", name) else ""


def _told_by_cells(columns: list[str], lines: list[tuple[int, str]], below: int) -> list[str]:
    """The columns below a head that names some but not the headlines': the others are told by their cells."""
    if len([*filter(None, columns)]) < 2 or "headline" in columns:
        return []
    cells = [text.split("\t") for _, text in lines[below:]]
    at = columns.index("number") if "number" in columns else -1
    whole = itertools.takewhile(lambda row: len(row) == len(columns), cells)
    rows = list(itertools.takewhile(lambda row: at < 0 or row[at].strip(" .、").isdecimal(), whole))
    found = tables.columns(rows)
    agree = all(not name or name == told for name, told in zip(columns, found, strict=False))
    return found if found and agree else []


def to_lines(lines: list[tuple[int, str]], report: Report) -> list[tuple[int, str]]:
    """The lines with each row of a table under known column names taken apart; without such a row nothing changes."""
    parted = [(number, text, _cells(text)) for number, text in lines]
    whole = [(number, cells) for number, text, cells in parted if cells or not text.strip()]  # no strokes below a head
    lines = separated.to_cells(whole, is_head)
    for start, (number, text) in enumerate(lines):
        columns = _columns(text.split("\t")) if "\t" in text else []
        if is_head(text.split("\t")) or (columns := _told_by_cells(columns, lines, start + 1)):
            report.add(number, "table", "read as rows of a table", " | ".join(filter(None, columns)))
            return [*lines[:start], *_rows(lines[start + 1 :], columns, report)]
    told = _headless(lines, report) or _cards(lines, report)
    return (_cycles(lines, report) or told) if told is lines else told


def known(name: str) -> str:
    """What a column of such a name holds; "" where it is unknown."""
    return _KNOWN.get(name, "")


def _cycles(lines: list[tuple[int, str]], report: Report) -> list[tuple[int, str]]:
    """Items told in fields of their own (`What: ...`, `Who says so: ...`), the same for each; [] if there are none.

    What a field holds is told by its name or by what stands behind it in all items.
    """
    parted = [(i, match) for i, (_, text) in enumerate(lines) if (match := _FIELD.fullmatch(text))]
    counts = Counter(match[1].strip() for _, match in parted)
    names = [name for name, count in counts.items() if count == max(counts.values())]
    told = [(i, match) for i, match in parted if match[1].strip() in names]
    if any(_LANGUAGE.fullmatch(name) for name in names):
        return []
    if len(names) < 2 or counts[names[0]] < tables.LEAST:
        return []
    if [match[1].strip() for _, match in told] != names * counts[names[0]]:
        return []
    held, (first, last) = {i for i, _ in parted}, (told[0][0], told[-1][0])
    if any(re.search(r"\w", lines[i][1]) and i not in held for i in range(first, last)):
        return []
    size = len(names)
    rows = [[match[2].strip() for _, match in told[at : at + size]] for at in range(0, len(told), size)]
    columns = _columns(names)
    if "headline" not in columns or "source" not in columns:
        found = tables.columns(rows)
        columns = [name or other for name, other in zip(columns, found or columns, strict=True)]
    if columns.count("headline") != 1 or not {"source", "text"} & {*columns}:
        return []
    report.add(lines[told[0][0]][0], "table", "read as items with the names of their parts")
    made = [(lines[told[n * size][0]][0], "\t".join(row)) for n, row in enumerate(rows)]
    return [*lines[:first], *_rows(made, columns, report), *lines[last + 1 :]]


def _headless(lines: list[tuple[int, str]], report: Report) -> list[tuple[int, str]]:
    """The lines with the rows of a table that has no head taken apart; [] where there is none."""
    start = next((at for at, (_, text) in enumerate(lines) if "\t" in text.strip()), len(lines))
    stop = next((at for at in range(start, len(lines)) if "\t" not in lines[at][1].strip()), len(lines))
    if (
        start < stop and re.search(r"20\d\d\D", lines[start][1]) and start == _first(lines)
    ):  # name and day, in two cells
        lines = [*lines[:start], (lines[start][0], " ".join(lines[start][1].split("\t"))), *lines[start + 1 :]]
        start += 1
    rows = [text.split("\t") for _, text in lines[start:stop]]
    found = tables.columns(rows)
    if not found and (found := tables.columns(rows[1:])):  # the names of the columns are none that are known
        report.drop(lines[start][0], "names of columns dropped", " | ".join(rows[0]))
        lines = [*lines[:start], *lines[start + 1 :]]
        stop -= 1
    if not found:
        return []
    report.add(lines[start][0], "table", "read as rows of a table without a head", " | ".join(found))
    return [*lines[:start], *_rows(lines[start:stop], found, report), *lines[stop:]]


def _first(lines: list[tuple[int, str]]) -> int:
    return next((at for at, (_, text) in enumerate(lines) if text.strip()), 0)


def _cells(text: str) -> str:
    """A row of a Markdown table as a spreadsheet's; the line of strokes below its head is empty then."""
    row = text.strip()
    cells = row[1:-1].split("|") if len(row) > 2 and row[0] == row[-1] == "|" else []
    if len(cells) < 2:
        return text
    return "" if all(re.fullmatch(r"[\s:-]*", cell) for cell in cells) else "\t".join(map(str.strip, cells))


def _cards(lines: list[tuple[int, str]], report: Report) -> list[tuple[int, str]]:
    """Lines such as `标题：...` and `内容：...`, each with its column's name, as the lines of items."""
    parted = [re.fullmatch(r"\s*([^:：\s]{1,9})\s*[:：]\s*(\S.*)", text) for _, text in lines]
    columns = [_KNOWN.get(match[1].lower(), "") if match else "" for match in parted]
    if columns.count("headline") < 2 or "text" not in columns:
        return lines
    report.add(lines[columns.index("headline")][0], "table", "read as items with the names of their parts")
    made: list[tuple[int, str]] = []
    held: list[tuple[int, str]] = []  # source and address, which stand below the text
    count = 0
    for (number, text), match, column in zip(lines, parted, columns, strict=True):
        value = match[2] if match else ""
        if column in ("source", "link") and count:
            held.append((number, f"来源：{value}" if column == "source" else value))
            continue
        if column == "date" and count:
            report.drop(number, "day and time of an item dropped", text)
            continue
        if (not column and _COUNTER.fullmatch(text)) or (column == "number" and count < columns.count("headline")):
            report.drop(number, "number of an item dropped", text)
            continue
        if column != "text":
            made, held = [*made, *held], []
        count += column == "headline"
        made.append((number, f"{count}. {value}" if column == "headline" else value if column == "text" else text))
    return [*made, *held]


def _rows(rows: list[tuple[int, str]], columns: list[str], report: Report) -> list[tuple[int, str]]:
    made: list[tuple[int, str]] = []
    count, parts, section = 0, 0, ""
    for number, text in rows:
        cells = [cell.strip().strip('"') for cell in text.split("\t")]
        if is_head(cells):  # of one more table
            report.drop(number, "names of columns dropped", " | ".join(cells))
            columns = _columns(cells)
            continue
        row = _split(columns, cells)
        if len(cells) < 2 or not row.get("headline") or (count and not re.search(r"\d|^$", row.get("number", ""))):
            made.append((number, " ".join(filter(None, cells)).replace(LINE_END, " ")))
            continue
        if row.get("link") and not re.search(r"://|\.\w+/", row["link"]):  # how often it was read
            report.drop(number, "cell of a column without a known name dropped", row["link"])
            row["link"] = ""
        for name, cell in zip([*columns, *[""] * len(cells)], cells, strict=False):
            if cell and not name:
                report.drop(number, "cell of a column without a known name dropped", cell)
        if count == 0 and row.get("date"):
            made.append((number, row["date"]))
        if row.get("section") and row["section"] != section:
            section, parts = row["section"], parts + 1
            made.append((number, f"## Part {parts}: {section}"))  # else the first could be the newsletter's name
        count += 1
        made.append((number, f"{count}. {row['headline']}"))
        made += [(number, row["text"])] if row.get("text") else []
        made += [(number, f"来源：{row['source']} {row.get('link', '')}".strip())] if row.get("source") else []
        made += [(number, row["link"])] if row.get("link") and not row.get("source") else []
    return made
