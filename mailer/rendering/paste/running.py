"""Digests in running words: a press review (`The Post reports that ...`), a bulletin read out (`首先来看国内。...`)."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

from mailer.model.columns import width
from mailer.rendering.paste import enumerators, grammar, links, shapes, sources, titles
from mailer.rendering.paste.entries import WIDEST_TITLE
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report

LEAST = 3  # paragraphs of a review
PARTS = 2  # of a bulletin that is read out, or of lines with semicolons
SHORTEST = 10  # columns of what stands between semicolons

_SAYS = r"(?:报[道导]|刊文|发文|载文|撰文|刊[发登载](?:文章|评论|社论)?|消息|指出|认为|称|说|披露|透露|表示|分析|评论)"
_TITLED = re.compile(
    rf"(?:另?据)?《(?P<name>[^《》]{{2,24}})》\s*(?:[(（][^()（）]{{1,16}}[)）])?\s*"
    rf"(?:[^，。：,:；;]{{0,16}}?{_SAYS}(?:指出|认为|称|说)?(?:[，,：:]\s*|(?<=[称说])))?(?P<rest>\S.{{7,}})",
    re.DOTALL,
)
_NAME = r"(?P<name>(?:[Tt]he )?[A-Z][\w'’.-]*(?: (?:of|the|and|&|[A-Z0-9][\w'’.-]*)){0,5})"
_BEGINS = re.compile(
    rf"(?:(?:in|over at) )?{_NAME}(?:,? (?:meanwhile|also|too|though),?)? (?:reports|says|writes|notes|argues|warns"
    r"|finds|claims|reveals|adds|leads (?:with|on)|carries|splashes on|runs|has|quotes|looks at|asks why)"
    r"(?: that)? (?P<rest>\S.{7,})",
    re.DOTALL,
)
_ENDS = re.compile(
    rf"(?P<rest>\S.{{7,}}?),? (?:{_NAME} (?:reports|says|writes)|(?:reports|says|writes|according to) "
    rf"{_NAME.replace('?P<name>', '?P<other>')})\.",
    re.DOTALL,
)
_TURN = re.compile(r"^(?:first|second|third|fourth|fifth|next|then|finally|last)(?:ly| up| of all)?,\s+", re.IGNORECASE)
_PART = re.compile(
    r"(?:首先|先|接下来|接着|再|然后|下面|另外|其次|最后)[，,]?(?:我们|让我们)?(?:一起|再|来|先|就)*(?:看看|看到|看|关注|说说|聊聊|了解|听听)(?:一下)?(?:今天的)?"
    r"(?P<title>[\u3400-\u9fff]{2,10}?)(?:方面|领域)?(?:的?(?:消息|新闻|动态|资讯))?[。：:，,]\s*(?P<rest>\S.*)",
    re.DOTALL,
)


def mark(lines: list[Line], report: Report) -> list[Line]:
    """The lines with such paragraphs written as items with sources, or as titles and items."""
    return _lists(_parts(_papers(lines, report), report), report)


def _lists(lines: list[Line], report: Report) -> list[Line]:
    """Lines below short titles that tell several things, parted by semicolons, as an item each."""
    filled = [i for i, line in enumerate(lines) if line.text]
    found: dict[int, list[str]] = {}
    for above, index in itertools.pairwise(filled):
        parts = [part.strip() for part in re.split("[；;]", lines[index].text)]
        title = titles.heading(lines[above].text) if len(parts) >= LEAST else None
        if title and title[1] and width(title[0]) <= WIDEST_TITLE and min(map(width, parts)) >= SHORTEST:
            found[index] = parts
    if len(found) < PARTS or any(links.LINK in lines[i].text for i in found):
        return lines
    what = "%(count)s lines of several things parted at their semicolons"
    report.add(lines[min(found)].number, "guess", what, count=len(found))
    written: list[Line] = []
    for index, line in enumerate(lines):
        written += [replace(line, text=f"● {part}") for part in found[index]] if index in found else [line]
    return written


def _papers(lines: list[Line], report: Report) -> list[Line]:
    """Paragraphs that tell which paper reports what, as nearly all of them do, as items with that source."""
    found = {i: match for i, line in enumerate(lines) if (match := _paper(line))}
    names = {_named(match) for match in found.values()}
    texts = [i for i, line in enumerate(lines) if found and i >= min(found) and _is_told(line)]
    media = sum(sources.is_medium(_named(match)) or match.re is _TITLED for match in found.values())
    if len(found) < LEAST or len(names) < 2 or len(found) * 5 < len(texts) * 4 or media * 2 < len(found):
        return lines
    what = "%(count)s paragraphs that name a paper taken as items"
    report.add(lines[min(found)].number, "guess", what, count=len(found))
    return [_item(line, found[i]) if i in found else line for i, line in enumerate(lines)]


def _paper(line: Line) -> re.Match[str] | None:
    plain = links.strip(line.text)[0]
    if enumerators.is_numbered(plain) or enumerators.bullet(plain) or not shapes.is_text(plain):
        return None
    return next((match for form in (_TITLED, _BEGINS, _ENDS) if (match := form.fullmatch(plain))), None)


def _named(match: re.Match[str]) -> str:
    groups = match.groupdict()
    return re.sub(r"^the ", "", groups.get("name") or groups.get("other") or "").strip()


def _is_told(line: Line) -> bool:
    return shapes.is_text(line.text) and not grammar.is_foot_or_call(line.text)


def _item(line: Line, match: re.Match[str]) -> Line:
    before = links.cut(line.text, match.string[: match.start("rest")])
    rest = links.cut(line.text, match["rest"]) if match.start("rest") == 0 else line.text[len(before) :]
    rest = _TURN.sub("", rest)
    stop = "" if re.search(r"[.。!！?？”\"]$", rest) else "."
    return replace(line, text=f"● {rest[:1].upper()}{rest[1:]}{stop}（来源：{_named(match)}）")


def _parts(lines: list[Line], report: Report) -> list[Line]:
    """Paragraphs that begin with what they are about, as a title with each of their sentences below it."""
    found = {i: match for i, line in enumerate(lines) if (match := _PART.fullmatch(links.strip(line.text)[0]))}
    if len(found) < PARTS:
        return lines
    report.add(lines[min(found)].number, "guess", "%(count)s paragraphs read out taken as sections", count=len(found))
    written: list[Line] = []
    for index, line in enumerate(lines):
        if match := found.get(index):
            sentences = re.findall(r"[^。！？]+[。！？]?[”」』]?", match["rest"])
            written.append(replace(line, text=f"## {match['title']}"))
            written += [replace(line, text=f"● {sentence.strip()}") for sentence in sentences]
        else:
            written.append(line)
    return written
