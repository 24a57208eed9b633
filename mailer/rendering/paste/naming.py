"""The newsletter's name where the head says it more plainly elsewhere than where it was looked for first."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailer.model.columns import width
from mailer.rendering.paste import dates, grammar, leads, links
from mailer.rendering.paste.letters import fold
from mailer.rendering.paste.line import Line, blocks_of
from mailer.rendering.paste.masthead import DOING, EDGE, KIND, LUNAR, WORDS

_MARKED = re.compile(r"[【「『《〖]([^【】「」『』《》〖〗]{2,24})[】」』》〗]|#([^#]{2,24})#")
_PARTS = re.compile(r"\s*[|｜丨·•,，:：]\s*|\s+[—–-]+\s+|(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])")
_ENDS = re.compile(
    rf"(?:{KIND}|日报|晨报|digest|brief(?:ing)?|news(?:letter)?|daily|weekly|post|bulletin|gazette)$", re.I
)
_WORDS_ALONE = re.compile(r"[A-Z\u3400-\u9fff][\w·&’' -]+")
_ARRIVES = re.compile(r"^(?:您的)?(?:今日份|今天)的?(?=.{3})|(?:已?经?(?:送达|更新)|[来到][了啦])\W*$")
_NUMBERED = re.compile(rf"([^\d。！？!?；;：:]{{2,40}}?)\s*{grammar.EDITION}(?:/20\d\d)?", re.IGNORECASE)
# What any digest may be called; a name of its own stands before such words.
_ANY = re.compile(
    r"(?:今日|今天|每日|每天|早间|晚间|午间|本期|本周|最新|行业|早|晚)?(?:安|要闻|新闻|头条|资讯|热点|快讯|早报|晚报|日报|速览|早知道|播报|简讯)(?:在这里|来了|来啦)?"
    r"|(?:the |your |today's |daily |morning |in |(?:mon|tues|wednes|thurs|fri|satur|sun)day )*"
    r"(?:news|brief(?:ing)?|digest|newsletter|bulletin|links|update"
    r"|daily|weekly)",
    re.IGNORECASE,
)

_GROUP = re.compile(r"群(?:公告)?$|\b(?:chat|group)$", re.IGNORECASE)  # where it was told

_ASIDE = re.compile(r"(.+?)\s*[(（]([^()（）]{2,24})[)）]")

# Whose newsletter it is.
_BODY = re.compile(
    r"(?:会|社|局|处|科|部|委|院|所|公司|集团|中心|联盟)$"
    r"|\b(?:association|chamber|club|society|council|guild|federation|union|league|institute|ltd|inc|group)\b",
    re.IGNORECASE,
)


def is_weak(name: str) -> bool:
    """Whether what was taken as the name is none of its own, or has more in it than a name."""
    if not name or _ANY.fullmatch(fold(name)):
        return True
    if (aside := _ASIDE.fullmatch(name)) and WORDS.search(fold(aside[2])) and not WORDS.search(fold(aside[1])):
        return True  # `Ann (morning news)`: who puts it up
    if re.search(
        r"\d{1,2}:\d{2}|\bday \d+$|第\s*\d+\s*天$|[的了啦吧呢吗哦]$|^[AaQq问答]\s*[:：]|[，,！!].*(?:读|看|听|知|分钟)",
        name,
        re.IGNORECASE,
    ):
        return True
    return re.search(r"[【】「」『』《》>]|\s[—–-]+\s|[，,！!]\s*(?:请|欢迎)", name) is not None


def numbered(lines: list[Line]) -> Line | None:
    """The line that has nothing but the newsletter's name and the issue's number (`Dock News No. 12`)."""
    for line in lines:
        text = links.strip(line.text)[0]
        match = _NUMBERED.fullmatch(fold(text))
        name = re.sub(r"\s(?:no|vol)\.?$", "", text[: match.end(1)], flags=re.IGNORECASE).strip(EDGE) if match else ""
        if (
            4 <= width(name) <= 40
            and not _ANY.fullmatch(fold(name))
            and dates.find(text, dates.SOME_DAY) is None
            and not grammar.is_greeting(name)
        ):
            return line
    return None


def worded_below(lines: list[Line], name: str) -> tuple[str, Line] | None:
    """A name such as newsletters have below one that is none (`For members only`), with the day or the number near.

    None where the name taken has such a word itself, or stands in a line with the day.
    """
    if below := _dated_below(lines, name):
        return below
    filled = [line for line in lines if line.text]
    for line in filled:
        longer = _name(links.strip(line.text)[0])
        if longer.startswith(name) and len(longer) > len(name) and not re.search(r"[】」》\]]", longer):
            return longer, line
    at = next((i for i, line in enumerate(filled) if name in links.strip(line.text)[0]), len(filled))
    if (
        WORDS.search(fold(name))
        or _BODY.search(fold(name))
        or dates.find(filled[at].text if at < len(filled) else "1 May", dates.SOME_DAY)
    ):
        return None
    for index, line in enumerate(filled[at + 1 : at + 3], at + 1):
        near = [links.strip(one.text)[0] for one in filled[index : index + 2]]
        told = _GROUP.search(name) is not None and dates.find(near[0], dates.SOME_DAY) is not None
        told = told or any(is_day(text) or re.search(grammar.EDITION, text, re.IGNORECASE) for text in near)
        other = _name(near[0])
        if told and other and not grammar.is_greeting(near[0]):
            return other, line
    return None


def _dated_below(lines: list[Line], name: str) -> tuple[str, Line] | None:
    """A name directly before a day with its year, in a block below the one in which the name taken stands undated."""
    blocks = [[lines[i] for i in block] for block in blocks_of(lines)]
    if len(blocks) < 2 or not any(name in links.strip(line.text)[0] for line in blocks[0]) or WORDS.search(fold(name)):
        return None
    if any(dates.find(line.text, dates.SOME_DAY) for line in blocks[0]):
        return None
    for line in blocks[1][:1]:
        text = links.strip(line.text)[0]
        found = dates.find(text, dates.SOME_DAY)
        day = re.match(r"\W*(?:[A-Z][\w’'&-]* ){1,3}(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day(?=,)", text)
        before = re.sub(r"^\W+", "", day[0] if day else text[: found[2]]).strip(EDGE) if found and found[1] else ""
        if (
            6 <= width(before) <= 40
            and not grammar.is_greeting(before)
            and not re.search(r"[。！？!?；;：:]|[编办版]$", before)
        ):
            return before, line
    return None


def plainest(lines: list[Line]) -> tuple[str, Line] | None:
    """The surest name in the head, and its line: in marks, with a date, ending as names do."""
    found = [(points, -line.number, name, line) for line in lines for points, name in _candidates(line)]
    best = max(found, key=lambda candidate: candidate[:2], default=None)
    return (best[2], best[3]) if best else None


def _candidates(line: Line) -> Iterator[tuple[int, str]]:
    text = links.strip(line.text)[0]
    if not text or grammar.is_foot(text) or leads.SEPARATOR.search(text.replace("|", "").replace("｜", "")):
        return
    dated = dates.find(text, dates.SOME_DAY) is not None
    for match in _MARKED.finditer(text):
        if name := _name(match[1] or match[2]):
            yield 2 + dated, name
        elif len(match[0]) == len(text) and not is_weak(match[1] or match[2]):
            yield 1, (match[1] or match[2]).strip(EDGE)
        elif dated and match.start() == 0 and is_day(text[match.end() :]) and not is_weak(match[1] or match[2]):
            yield 2, (match[1] or match[2]).strip(EDGE)  # nothing but name and day
    for part in _PARTS.split(_undated(_MARKED.sub(" ", text))):
        if name := _name(part):
            yield 1 + dated, name
    if not dated and 6 <= width(text) <= 30 and _WORDS_ALONE.fullmatch(text) and not is_weak(text):
        yield 0, text


def is_day(text: str) -> bool:
    """Whether a text is a day, perhaps with a weekday and the issue's number, and nothing else."""
    beside = rf"{grammar.EDITION}|(?:星期|周)[一二三四五六日天]|{LUNAR}|^今[天日]是"
    text = re.sub(beside, "", links.strip(text)[0], flags=re.IGNORECASE)
    found = dates.find(text, dates.SOME_DAY)
    return found is not None and re.search(r"\w", text[: found[2]] + text[found[3] :]) is None


def _undated(text: str) -> str:
    found = dates.find(text, dates.SOME_DAY)
    return f"{text[: found[2]]} | {text[found[3] :]}" if found else text


def _name(words: str) -> str:
    """The words without a date, where they may be a name of its own; else ""."""
    name = _ARRIVES.sub("", re.sub(r"^[^\w(（]+", "", _undated(words).split(" | ")[0]).strip(EDGE + "()（）"))
    name = re.sub(r"[^\w」』》】)）!！?？]+$", "", name)
    told = (
        not DOING.match(name)
        and not grammar.is_greeting(name)
        and _ENDS.search(fold(name))
        and WORDS.search(fold(name))
        and width(name) <= 40
    )
    return name if told and not _ANY.fullmatch(fold(name)) and not re.search(r"[。！？!?；;、]", name) else ""
