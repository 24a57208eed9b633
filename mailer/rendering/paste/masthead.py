"""The newsletter's name, number and date in a line of a digest's head."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date

from mailer.model.columns import width
from mailer.rendering.paste import dates, grammar, han, leads
from mailer.rendering.paste.letters import fold
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report


@dataclass(slots=True)
class Head:
    """What the head tells; `named` says that it looks like a newsletter's head, `title` is the leads as written."""

    newsletter: str = ""
    day: date | None = None
    day_line: int = 0
    has_year: bool = False
    leads: list[str] = field(default_factory=list)
    leads_line: int = 0
    title: str = ""
    intro: list[str] = field(default_factory=list)
    named: bool = False
    worded: bool = False  # some word of the head is one of newsletters
    number: int | None = None


_TOPIC = re.compile(r"^\W*?#([^#\n]{2,40})#\s*")
_QUOTED = re.compile(r"^[^\w「『《〖]*[「『《〖]([^」』》〗]{2,30})[」』》〗]\s*")
_BRACKET = re.compile(r"^[^\w【\[]*[【\[]([^】\]]{2,60})[】\]]\s*")
KIND = (
    r"报(?![告价名税销关])|(?<![腾问审通])讯(?![飞息问录号])|速递|通讯(?!录)|早安|周刊|日刊|新闻|速览|要闻|早知道|知天下|天下事|大事(?=\W|$)|读懂世界|看世界"
    r"|播报|头条|[早晨晚夜快速][读听]|早餐|早茶|早咖啡|内参|早参|晚参|早班车|早八点|热点|热[榜搜]"
)
WORDS = re.compile(
    rf"{KIND}|晨|[日周]评(?=\W|$)|一[周週].{{0,3}}[一二三四五六七八九十\d]件大?事|[几\d一二两三四五六七八九十]条(?:消息|新闻|资讯|行情)|[\d一两三五十]\s*(?:秒|分钟)(?=[读看听知])|\b(?:news|newsletter|digest|daily|weekly|brief(?:ing)?|morning|post|"
    r"bulletin|times|trader|table|journal|gazette|review|monitor|letter|wire|roundup)\b",
    re.IGNORECASE,
)
NUMBER = re.compile(
    r"\s*[,，|｜·(（-]?\s*(?:总第?|第|#|no\.?|vol\.?|issue)\s*(\d{1,6})\s*(?:[期号班]|封信?)?[)）]?$", re.IGNORECASE
)
_FIELDS = re.compile(r"(?:[【\[][^【】\[\]]{2,8}[】\]]\s*){2,}(?=\S)")
EDGE = ' \t-–—|｜丨·•,，:：/~#*"“”'
DOING = re.compile(r"[给读说看来听念](?:一下|大家|各位|一?[读念说])")  # what the writer is about to do
_HAIL = re.compile(r"(?:们儿?|大家|各位|诸位|朋友)[，,]?\s*[早好]$")
_ON_AIR = re.compile(r"(?<=[报讯闻息知茶餐参])(?:开播|开讲|上线|送到|送达|奉上)[\u3400-\u9fff]?[。！!]?$")
_NAME_LABEL = re.compile(r"刊名|名称|节目|栏目|标题|title|name", re.IGNORECASE)
_OF_YEAR = re.compile(r"\s+(?:no\.?|nr\.?)?\s*(\d{1,3})/20\d\d$", re.IGNORECASE)  # `Circular 9/2026`
_MOTTO = re.compile(  # `Quay News · five minutes a day`
    r"(?<=\w{2})\s*[^\w\s]\s*每(?:[天日周早晚]|个工作日)[早晚]?上?(?:[\d一二三四五六七八九十两]+\s*[点分:：条]|见).*$"
)
_WEEKDAY = (
    r"(?:[(（][一二三四五六日][)）]"
    r"|[(（]?(?:(?:星期|周|礼拜)[一二三四五六日天]|(?:mon|tues|wednes|thurs|fri|satur|sun)day)(?!\w)[)）]?)"
)
LUNAR = (
    r"[(（]?(?:农历|阴历)?(?:\w{1,2}年)?闰?[正一二三四五六七八九十冬腊]{1,2}月"
    r"(?:初[一二三四五六七八九十]|[十廿卅二三][一二三四五六七八九十]{1,2})(?![一二三四五六七八九十]*[日号])[)）]?"
)
_WEEK = r"(?:[(（](?:20\d\d\s*年)?第\s*\d{1,2}\s*周[)）]|20\d\d\s*年\s*第\s*\d{1,2}\s*周)"
_STEM_DAY = r"[甲乙丙丁戊己庚辛壬癸][子丑寅卯辰巳午未申酉戌亥][年月日]"
_TERM = (
    "(?:立[春夏秋冬]|[夏冬]至|[春秋]分|雨水|惊蛰|清明|谷雨|小满|芒种|[小大]暑|处暑|白露|寒露|霜降|[小大]雪|[小大]寒)"
    "(?![\u3400-\u9fff])"
)
_SMALL = f"(?:{grammar.EDITION}|{_TERM}|{_WEEK}|{_WEEKDAY}|{LUNAR}|{_STEM_DAY})"
_AT_START = re.compile(rf"[\s,，|｜丨·—–-]*{_SMALL}[\s,，|｜丨·:：—–-]*", re.IGNORECASE)
_AT_END = re.compile(
    rf"(?:^|[\s,，|｜丨·—–-]{{1,4}}|(?=[(（【第总]))({_SMALL})[\s,，|｜丨·—–\u2600-\u27bf\ufe0f\U0001f300-\U0001faff-]*$",
    re.IGNORECASE,
)
_NAMED_DAY = re.compile(r"[A-Z][\w’'&-]* (?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day$")  # `Small Farm Friday`
_NO_NAME = re.compile(
    r"聊天记录|转发|forwarded(?: message)?|(?:fwd?|re)|\d{1,2}:\d{2}"
    r"|(?:预计)?阅读(?:时间|时长|约).*|read(?:ing)? time\b.*|\d+[ -]min(?:ute)?s?(?: read)?",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"(.{2,}?)\s*[(（](?!\d+[)）])([^()（）]{4,24})[)）]")
_SUBTITLE = re.compile(r"(?<=\w{2})(?:\s*[:：]|\s+[–—-])\s+[a-z][a-z&]*(?:\s[\w&’']+){1,8}$")  # in small letters
_NUMBERED = re.compile(
    rf"([^\d:：]{{2,40}}?)[\s,，|｜·-]+{grammar.EDITION}(?:(\s*[:：|｜]\s*)|\s+)(\S.{{3,}})", re.IGNORECASE
)

_HAN_EDITION = re.compile(r"(?<=第)\s*([一二三四五六七八九十百千零〇]{1,9})\s*(?=[期号])")


def with_figures(text: str) -> str:
    """A line of the head with the issue's number in figures: `第一百二十期` as `第120期`."""
    return _HAN_EDITION.sub(lambda match: str(han.number(match[1]) or han.figures(match[1]) or match[1]), text)


@dataclass(slots=True)
class Masthead:
    """Takes name, number and date out of lines into `head`; `headlines` are the digest's own, which are no names."""

    head: Head
    today: date
    report: Report
    headlines: list[str]

    def bracketed_name(self, text: str, line: Line) -> str:
        """Take a name in #signs#, quotes or brackets; what is left of the line, its date kept."""
        for pattern in (_TOPIC, _QUOTED, _BRACKET):
            match = pattern.match(text)
            if not match:
                continue
            inside, rest = match[1].strip().removesuffix("[超话]"), text[match.end() :]
            if pattern is _BRACKET and (fields := _FIELDS.match(text)) and not dates.find(fields[0], dates.SOME_DAY):
                self.report.drop(line.number, "fields in the head dropped", fields[0])
                return text[fields.end() :]
            if pattern is _BRACKET and _NAME_LABEL.fullmatch(inside) and rest:
                return rest
            parts = leads.split(inside, self.headlines) if not rest.strip() else []
            if len(parts) > 1 and any(index is not None for index in leads.match(parts, list(self.headlines))):
                return inside
            if leads.is_label(inside):
                return f"{inside.strip(':： ')}：{rest}"
            found = dates.find(inside, dates.SOME_DAY)
            if pattern is _BRACKET and (self.head.newsletter or found):
                if found and not self.head.newsletter:
                    name = self.edition(re.sub(r"\bon\s*$", "", inside[: found[2]]).strip(EDGE + "(（"), line)
                    self.take_name(name or self.edition(inside[found[3] :], line).strip(EDGE + ")）"), line)
                return f"{_only_date(inside)} {rest}".strip()
            longer = inside.startswith(self.head.newsletter) and WORDS.search(fold(inside))  # `Quay`, then #Quay Daily#
            if not self.head.newsletter or longer:
                self.take_name(inside, line)
            elif not leads.is_same(inside, self.head.newsletter):
                self.report.drop(line.number, "words in marks in the head dropped", inside)
            edition = _BRACKET.match(rest)
            return f"{_only_date(edition[1])} {rest[edition.end() :]}" if edition else rest
        return text

    def take_name(self, name: str, line: Line) -> None:
        """Note the name, without signs around it; a number at its end is the issue's."""
        name = re.sub(r"(?<!\b[A-Z])\s*[.。]$|^【转发?】\s*", "", name)
        name = re.sub(
            r"^(?:以下|下面|这里|这)(?:是|为)(?=.{3})"
            r"|^(?:it['’]s .*)?\b(?:(?:and|here) )?(?:this is|welcome to) (?=the [A-Z]|[A-Z])",
            "",
            name,
            flags=re.IGNORECASE,
        )
        name = re.sub(
            r"^(?:转自|摘自|来自)\s*[:：]?\s*[“「《\"]?(.{2,24}?)[”」》\"]?\s*(?:微信)?(?:公众号|微博)?$", r"\1", name
        )
        name = re.sub(r"^[「『《〖]([^「」『』《》〖〗]+)[」』》〗]$", r"\1", name)
        name = _ON_AIR.sub("", _MOTTO.sub("", name))
        week = r"(?<=\w)(?:[,，]\s*(?:for the )?week(?: of| ending)?|[\s,—–-]+w/e)$"
        name = re.sub(rf"{week}|^今[日天]\s+(?=\S{{2}})|(?:内容)?如下$", "", name, flags=re.IGNORECASE)
        name = re.sub(r"\s*[(（]\s*共?\s*\d{1,3}\s*[条则則篇件]\s*[)）]$", "", name)
        name = re.sub(r"\s*[(（]20\d\d\s*年?\s*(?:\d{1,2}\s*月)?[号刊份]*[)）]$", "", name)
        name = re.sub(r"(?<=\w)\s+@\w+$|^\d{1,2}:\d{2}\s+", "", name)
        name = re.sub(r"^[^\w「『《【(（“]+|\s*[(（]\d{1,2}/\d{1,2}[)）]$", "", " ".join(name.split()))
        name = _SUBTITLE.sub("", re.sub(r"\s+[^\w\s」』》】)）”.!?！？]+$", "", name))
        aside = _ASIDE.fullmatch(name)
        if aside and WORDS.search(fold(aside[1])) and len({*map(_is_han, aside.groups())}) == 1:
            name = aside[1]  # what it is, in parentheses behind it; in another language it is the same name
        if match := NUMBER.search(name) or _OF_YEAR.search(name):
            self.take_number(int(match[1]), line)
            name = name[: match.start()]
        name = re.sub(r"[^\w」』》】)）”.!?！？]+$", "", re.sub(r"[(（【\[][^)）】\]]*$", "", name))
        name = re.sub(r"(?<=[报讯刊])来[啦咯喽]$", "", name)
        if name and not _NO_NAME.fullmatch(name):
            self.head.newsletter, self.head.named = name, True
            self.report.found(line.number, "name", "taken as the newsletter's name", name)

    def take_number(self, number: int, line: Line) -> None:
        """Note the issue's number, where none is known."""
        if self.head.number is None:
            self.head.number = number
            self.report.found(line.number, "number", "taken as the issue's number: %(number)s", number=number)

    def edition(self, text: str, line: Line) -> str:
        """The text without the issue's number, a weekday and a lunar date at its edges."""
        for _ in range(8):
            start = _AT_START.match(text)
            end = None if start or re.search("[;；]", text) else _AT_END.search(text)
            match = start or end
            if start and re.match(r"\W*[a-z]+day\b\W*", start[0], re.IGNORECASE) and text[start.end() :][:1].isupper():
                break  # the first word of a name: `Friday Freight`
            if match is None or (end and _NAMED_DAY.search(text) and dates.find(text, dates.SOME_DAY) is None):
                break
            if number := re.search(grammar.EDITION, match[0], re.IGNORECASE):
                self.take_number(int(number[1] or number[2]), line)
            text = text[match.end() :] if start else text[: match.start()]
        return text

    def numbered(self, text: str, line: Line) -> str:
        """Take name and number where both stand before a headline; what is left of the line."""
        match = _NUMBERED.fullmatch(text)
        if match is None or not (self.may_be_name(match[1]) and (match[4] or WORDS.search(fold(match[1])))):
            return text
        self.take_name(match[1], line)
        self.take_number(int(match[2] or match[3]), line)
        return match[5]

    def take_date(self, text: str, line: Line) -> tuple[str, str] | None:
        """Take the first date; what stands before and after it, None where there is none or it is another day."""
        found = dates.find(text, self.today)
        if found is None:
            return None
        day, has_year, start, end = found
        if self.head.day is None:
            self.head.day, self.head.has_year, self.head.day_line = day, has_year, line.number
        elif has_year and not self.head.has_year and dates.is_same(day, self.head.day):
            self.head.day, self.head.has_year = day, True
        elif self.head.day != day:
            return None
        before = re.sub(
            r"(?:\b(?:on|for|of|the)|[,，|｜丨·(（【\[]|公历|阳历|西历|公元)\s*$",
            "",
            text[:start].rstrip(),
            flags=re.IGNORECASE,
        )
        return before, re.sub(r"^\s*(?:[)）】\]]|\d{1,2}:\d{2}(?::\d{2})?\s*$)", "", text[end:])

    def dated(self, text: str, line: Line) -> str:
        """Take the date, and the name where it stands before the date and something else behind."""
        parted = self.take_date(text, line)
        if parted is None:
            return text
        before, after = parted
        tail = _AT_START.sub("", after) if _AT_START.match(after) else after
        name = self.edition(before, line).strip(EDGE)
        if not name or _HAIL.search(name):
            return after
        touching = text[len(before) : len(before) + 1].isalnum()
        if re.search(r"\w", tail) and self.may_be_name(name) and (WORDS.search(fold(name)) or not touching):
            self.take_name(name, line)
            return after
        return f"{before} {after}".strip()

    def may_be_name(self, text: str) -> bool:
        """Whether words may be the name: short, no sentence, no label, nothing an item tells."""
        return (
            not self.head.newsletter
            and 2 <= width(text) <= 50
            and not re.search(r"[;；。！？、]", text)
            and not re.fullmatch(
                r"(?:it|that|here|this|today)(?:['’]s| is)?|[今昨明][天日]|本[周月期]", text, re.IGNORECASE
            )
            and not re.match(r"(?:现|兹|特)[将就把]", text)
            and not leads.is_label(text)
            and not leads.PREFIX.match(text)
            and not leads.names_item(text, self.headlines)
        )


def _is_han(text: str) -> bool:
    return re.search(r"[\u3400-\u9fff]", text) is not None


def _only_date(text: str) -> str:
    found = dates.find(text, dates.SOME_DAY)
    return text[found[2] : found[3]] if found else ""
