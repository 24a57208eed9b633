"""Where a line or a paragraph names the source of an item."""

from __future__ import annotations

import re

from mailer.model.columns import width
from mailer.rendering.paste import grammar, links
from mailer.rendering.paste.letters import fold
from mailer.rendering.paste.links import LINK, LINK_END

NAME = r"[^\s()（）【】\[\]。！？；;!?][^()（）【】\[\]。！？；;!?\n]{0,48}?"
# What is told, where it comes from, and a particle: `消息来源于`, `内容摘编自`.
_FROM_WHERE = r"(?:来源|[来源出]自|[摘转引译选][载录编发引]{0,2}自|[摘转][载录编发]于|稿源|[信讯息]源)(?:于|自|於)?"
_WHAT = r"(?:本文|消息|信息|新闻|文章|资料|数据|原文|稿件|素材|内容|图文)"
LABELS = (
    rf"{_WHAT}?(?:{_FROM_WHERE}|(?:出处|供稿|原载|首发|刊)(?:于|自|於)?)"
    r"|来源\s*[/／|]?\s*sources?|sources?\s*[/／|]?\s*来源|sources?|src|via|文"
)
# A label with its sign, or without one where no name begins so.
_SIGNED = (
    rf"(?:{LABELS})(?:\s*(?:[:：=＝丨|｜/／@·・→⟶➜➤]|-?>)|[\]】〕〗`][:：]?|\s+[-–—](?=\s)|(?<=[源自处])(?:—{{1,2}}|–|--)"
    r"|(?<=[源自处载刊])(?=[{<《「『(（【\[][^{}<>《》「」『』()（）【】\[\]]{2,40}[}>》」』)）】\]]\W*$))\s*"
)
LABELLED = rf"(?:{_SIGNED}|{_WHAT}?{_FROM_WHERE}\s*|(?:sources?|via)\s+)"
_SOURCE_LINE = re.compile(
    rf"[^\w(（\[【〔「『《“\"]{{0,6}}[(（\[【〔〖`]?\s*{_SIGNED}(.+?)\s*[)）\]】]?[.。]?",
    re.IGNORECASE,
)
# What a page tells behind its source: who wrote it, and when.
_FIELDS_BEHIND = re.compile(
    r"(?:[\s;；,，|｜/／]{1,4}(?:作者|编辑|责任?编辑?|记者|(?:发布|更新|刊发)?(?:时间|日期)|date|author)\s*[:：]\s*\S+"
    r"(?: \d{1,2}:\d{2}(?::\d{2})?)?)+$",
    re.IGNORECASE,
)
# A label with nothing but a blank behind it.
_SOURCE_FIELD = re.compile(rf"[^\w(（\[【〔「『《“\"]{{0,6}}(?:来源|出处|稿源)\s+({NAME})")
_SOURCE_VIA = re.compile(r"(?:via|by way of)\s*[:：]?\s*(.+?)[.。]?", re.IGNORECASE)
_POINTING = re.compile(
    r"链接|原文|详情|更多|点击|查看|阅读|官网|网址|地址|全文|见|下载|直播|视频|https?:"
    r"|\b(?:go deeper|learn|read|more|here|link|see|details?|story|visit|watch|full|via|source|from|by|at|website)\b",
    re.IGNORECASE,
)
_POINTED = re.compile(r"(?:👉|🔗|➡|→|▶|↗|📎|原文)\ufe0f?\s*(.{2,40}?)\s*[,:：|｜]?")
_MORE_AT = re.compile(
    r"(?:read (?:more|on)|more|(?:the )?full story|continue reading)"
    r"(?:\s+(?:at|on|in|from)\s+|\s*[:：|｜>→]\s*)(.{2,44}?)\s*[:：<(]*",
    re.IGNORECASE,
)
_MEDIUM = re.compile(
    r"\S{2,}(?:报|网|社|通讯|周刊|观察|评论|在线|财经|参考|日志|电视台|电台)"
    r"|.*\b(?:wire|post|times|echo|daily|news|gazette|herald|journal|courier|tribune|standard|observer|reuters|bloomberg"
    r"|weekly|monthly|ledger|review|examiner|mirror|chronicle|press|reporter|bulletin)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[>＞↪↳]\s*([^\s。！？，；]{2,20})")
_FROM = re.compile(r"(?:from|by)\s+(.{2,44}?)\s*[,:：(（–-]*", re.IGNORECASE)
_BY = re.compile(r"by (?:[A-Z][\w.'’-]+ ){1,2}[A-Z][\w'’-]+(?:,| [|/–-])\s+(\S.{1,38})", re.IGNORECASE)
_SOURCE_DASH = re.compile(rf"(?:[—―–]{{1,6}}|-{{2,6}})\s*({NAME})(?<![\s—–―-])")
_VIA_FIRST = re.compile(r"^(?:via|source|from)[\s:：]+", re.IGNORECASE)
_SOURCE_SAYS = re.compile(
    r"(?:据(?!说|悉|了解|统计|介绍|称)|摘自|转自|来自)\s*(《[^《》]{2,30}》|[^\s，。；：,]{2,16}(?=报道|消息)|(?<=据)[\u3400-\u9fff]{3,9}$)(?:报道|消息)?[。]?"
)
_SOURCE_BAR = re.compile(rf"[|｜丨]\s*({NAME})(?<![|｜丨])")  # between two a title stands
_BRACKETS = " []［］【】〔〕{}｛｝<>＜＞()（）.。"
_WHOLE_TEXT = re.compile(
    r"\W*(?:(?:查看|阅读|点击)?(?:全文|原文|详情|更多)|(?:read|learn|see) (?:more|on)|more|(?:the )?full story|details)"
    r"\s*[(（]([^()（）]{2,40})[)）]\s*[:：]?",
    re.IGNORECASE,
)
_LONE_PARENTHESIS = re.compile(rf"[(（\[〔]\s*(?:{LABELLED})?({NAME})\s*[)）\]〕]", re.IGNORECASE)
_REPORTER = re.compile(
    r"^(?:(?:(?:本报|本网|本刊)?记者|作者|编辑|通讯员)\s*[:：/]?|文\s*[:：/|｜丨])\s*[^\W\d]{2,4}(?:\s+|\s*[/／|｜丨·,，]\s*)(?:[\u3400-\u9fff]{2,4}报[导道][・·/／,，\s]+)?(?=\S)"
)
_TOLD_BY = re.compile(r"据(?!说|悉|了解|统计|介绍|称)[:：\s]*(.{2,}?)(?:报道|消息)?")
_TITLED = re.compile(r"《([^《》]{2,40})》")
_BYLINE = re.compile(
    r"\s*[,，/]?\s*(?:记者|作者|编辑|通讯员|(?<=\s)整理)\s*[:：|｜丨]?\s*\S{1,12}(?:\s+[\u3400-\u9fff]{2,6}(?:报道|电|讯|摄))?$"
)
# A name behind what its bearer is.
_WRITER = re.compile(
    r"(?:记者|作者|通讯员)\s*[:：/]?\s*([\u3400-\u9fff]{2,4})(?=\s*(?:[)）\]】/／|｜\d]|$))"
    r"|\b[Bb]y ((?:[A-Z][\w.'’-]+ ){1,2}[A-Z][\w'’-]+)(?=,| [|/–-])"
)
_GIVEN = re.compile(r"(?<=\S{3})\s*(?:供稿|提供|报送|上报|投稿|推送|推荐)$")
_DAY_FIRST = re.compile(
    r"^(?:(?:20\d\d[-/.年])?\d{1,2}[-/.月]\d{1,2}日?"
    r"|(?:\d{1,2} )?(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)[a-z]*\.?"
    r"(?: \d{1,2})?)[，,：:]\s*(?=\S)"
)
_OWN = re.compile(
    r"(?:本[报刊网站台]|我[报刊网台])(?:讯|消息|综合)?(?:\s*(?:记者|通讯员)\s*[\u3400-\u9fff]{2,4})?"
    r"|(?:见习|实习)?(?:记者|通讯员)(?:\s*[:：]?\s*[\u3400-\u9fff]{2,4})?"
)
_COUNTER = r"(?:(?:浏览|阅读|点击|评论|点赞|在看|转发|围观)[量数]?|热度|赞|views?|reads?)\s*[:：]?\s*\d[\d.,]*[万wk+]*"
_WHEN = re.compile(
    rf"(?:[\s·|｜,，]{{1,4}}{_COUNTER})+$|"
    r"\s*(?:(?<=\s)\d{1,2}:\d{2}|[·|｜]\s*\d+ min(?:ute)?s? read"
    r"|[·|｜]\s*(?:\d+\s*(?:小时|分钟|天|hours?|minutes?|days?|[hmd])\s*(?:前|ago)|昨天|今天|yesterday|today)"
    r"|[,，(（·•|｜]\s*(?:(?:updated|posted)\s+)?(?:\d{1,2} [A-Z][a-z]{2,8}\.?(?: 20\d\d)?|[A-Z][a-z]{2,8}\.? \d{1,2}"
    r"|\d{1,2}月\d{1,2}日|\d{1,2}[./-]\d{1,2}(?:[./-]\d{2,4})?)(?: \d{1,2}:\d{2})?[)）]?"
    r"|\s+20\d\d(?:[-/.]\d{1,2}[-/.]\d{1,2}|年\d{1,2}月\d{1,2}日)(?: \d{1,2}:\d{2})?|\s+\d{1,2}月\d{1,2}日"
    r"|\s+\d{1,2}[./-]\d{1,2}|\s*[,，]\s*(?:pp?\.|page)\s*[A-Z]?\d{1,3}|\s*[,，]?\s*(?:第\s*)?[A-Z]?\d{1,2}\s*版)$"
)
NO_SOURCE = re.compile(
    r"二维码|本期|视频|待续|不含|含|未|除|见|详|如|参|例|约|即|包括|其中|图|表|单位|注|编者|续|完|今[日天]完|全文|可|共|每|按|同比|环比|以|从|至|截至|不|有|已|年|"
    r"see |e\.g|i\.e|cf\.|about |more |up |down |not |no |if |or |and |the rest|incl|excl|page |p\. |fig|table|chart"
    r"|part |week |year |\d+[ -]?min|\d+ ?分钟",
    re.IGNORECASE,
)
_MARKED = re.compile(
    r"【[^【】]{2,30}】|「[^「」]{2,24}」|『[^『』]{2,24}』|`[^`]{2,24}`|_[^_]{2,40}_|/[^/\s][^/]{1,40}/"
)
_DATED = re.compile(
    r"20\d\d[-./年]\d|^(?:updated|posted)\b"
    r"|^\d{1,2}\s*月\s*\d{1,2}\s*[日号]$|\d{1,2}[./-]\d{1,2}[./-]20\d\d"
    r"|^(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,?\s+)?"
    r"(?:\d{1,2} (?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* \d{1,2}(?:st|nd|rd|th)?)(?:,? 20\d\d)?$",
    re.IGNORECASE,
)
# What a wire's text begins with: `新华社北京5月20日电`, `央视网消息：`, `据《X报》报道，`
_WIRE = re.compile(
    r"据?(?:《([^《》]{2,24})》|([\u3400-\u9fff\d]{1,8}?(?:社|报|网|台|新闻)))"
    r"(?:[\u3400-\u9fff]{0,8}?(?:\d{4}年)?\d{1,2}月\d{1,2}日(?:电|讯|消息|报道)|消息|讯|报道|电(?=[\s：:，,]))"
    r"\s*(?:[(（][^()（）]{2,20}[)）])?\s*[：:，,]?\s*(?=[^\s：:，,。称说]\S{7})"
)
# What leads on behind a name in parentheses, or before a name.
_READ_BEHIND = re.compile(
    r"(?<=[)）\]】])\s*(?:(?:read|see) (?:more|on)|(?:the )?full story|more|(?:阅读|查看)?(?:原文|全文)|链接)\W*$",
    re.IGNORECASE,
)
_ADDRESS_BEFORE = r"(?:(?:原文|新闻)?链接|原文|网址|link|url)\s*[:：]\s*{}[\s,，;；|｜]*"
_POINTERS = " 🔗👉➡→↗▶►☞:："


LONGEST = 300  # characters of a line that names a source


def wire(text: str) -> tuple[str, str] | None:
    """A text that begins with the agency or paper that tells it, as (name, what is told)."""
    match = _WIRE.match(text)
    return (match[1] or match[2], text[match.end() :]) if match else None


def source_line(text: str) -> tuple[str, str] | None:
    """A line that holds only a source, as (name, address)."""
    plain, url = links.strip(text)
    if url.startswith("mailto:"):
        return None  # who writes the digest
    if is_address(text):
        return "", url
    if len(plain) > LONGEST + len(url):
        return None
    alone = text.startswith(LINK) and text.endswith(LINK_END) and text.count(LINK) == 1
    if alone and is_name(plain) and not is_pointer(plain) and not (grammar.is_call(text) or grammar.is_foot(plain)):
        return plain.strip(), url
    if (
        re.fullmatch(
            r"【?(?:原文|全文|链接|原文链接|阅读[原全]文|详情|link|(?:read|learn) more|go deeper|full story|more)】?"
            rf"(?:\s*[(（]\d+ ?(?:min|分钟)[^()（）]*[)）])?\s*[:：]?\s*(?:{re.escape(url)})?",
            plain.strip(),
            re.I,
        )
        and url
    ):
        return "", url
    plain = without_pointer(_FIELDS_BEHIND.sub("", plain))
    if url and re.search(r"\w", bare := re.sub(_ADDRESS_BEFORE.format(re.escape(url)), "", plain)):
        plain = bare
    labelled = re.fullmatch(rf"(.*\S)\s+[^\W\d]{{2,8}}\s*[:：]\s*{re.escape(url)}", plain) if url else None
    if labelled and _SOURCE_LINE.fullmatch(fold(labelled[1])):
        plain = labelled[1]  # the address has a label of its own
    if (bare := _REPORTER.sub("", plain.strip())) != plain.strip() and _SOURCE_LINE.fullmatch(fold(bare)):
        plain = bare
    for pattern in (
        _SOURCE_LINE,
        _SOURCE_FIELD,
        _SOURCE_VIA,
        _BY,
        _SOURCE_SAYS,
        _SOURCE_DASH,
        _SOURCE_BAR,
        _WHOLE_TEXT,
        _LONE_PARENTHESIS,
    ):
        match = pattern.fullmatch(fold(_before_address(plain, url) if pattern is _WHOLE_TEXT else plain.strip()))
        told = (match[1].replace(url, "") if url else match[1]) if match else ""
        told = told if pattern is _SOURCE_DASH else _WHEN.sub("", told)  # behind a dash stands who signs, and the day
        if _DATED.search(told) or grammar.is_edition(told):
            return None
        if (
            match
            and width(told) <= 60
            and not (pattern is _LONE_PARENTHESIS and NO_SOURCE.match(match[1]) and not is_medium(match[1]))
            and not (pattern is _LONE_PARENTHESIS and grammar.is_foot(match[1]))
        ):
            name = plain.strip()[match.start(1) : match.end(1)].strip()
            name = name if pattern is _SOURCE_VIA else name.strip(_BRACKETS)
            name = name.replace(url, "").strip(" ,，:：-—|<>(（") if url else name
            name = without_label(name)
            name += "." if plain.strip().endswith(f"{name}.") and grammar.keeps_stop(f"{name}.") else ""
            if (said := _SOURCE_SAYS.fullmatch(fold(name))) and pattern is not _SOURCE_SAYS:  # `——摘自《Paper》`
                name = name[said.start(1) : said.end(1)]
            if pattern is _SOURCE_LINE and re.match(r"\W*文\s*[/／:：]", plain):
                name = re.sub(r"^[\u3400-\u9fff]{2,4}\s+(?=\S{2})", "", name)  # who wrote it
            if pattern is _LONE_PARENTHESIS and url and is_pointer(name):
                return "", url
            if pattern is _LONE_PARENTHESIS and re.search(r"\d{7}|电话|免费", name):
                return None
            return without_reporter(name), url
    if (match := _QUOTED.fullmatch(plain.strip())) and is_medium(match[1]):
        return match[1], url
    plain = plain.removesuffix(")") if url and plain.endswith(f"({url})") else plain
    if grammar.is_call(text) or grammar.call_label(plain):
        return None
    if url and plain.endswith(url) and (match := _POINTED.fullmatch(plain[: -len(url)].strip())) and is_name(match[1]):
        return ("" if is_pointer(match[1]) else match[1]), url
    if url and plain.endswith(url) and _is_named_address(plain[: -len(url)].strip(" (")):
        return plain[: -len(url)].strip(" ,:：|｜>("), url
    if url and text.endswith(LINK_END) and re.fullmatch(r"(?:from|by|via|in|at)(?: the)? ", text.split(LINK)[0], re.I):
        return links.words(text), url
    for pattern in (_FROM, _MORE_AT) if url and plain.endswith(url) else ():
        if (match := pattern.fullmatch(plain[: -len(url)].strip())) and is_name(match[1]):
            return match[1], url
    return None


def _before_address(plain: str, url: str) -> str:
    return plain.strip().removesuffix(url).strip()


def is_pointer(text: str) -> bool:
    """Whether words only lead to a page ("full story"), and are not a name ("Port Watch")."""
    return _POINTING.match(text) is not None and re.search(r"[A-Z]\S* [A-Z]", text) is None


def is_marked_name(text: str) -> bool:
    """Whether a line is only a few words in brackets or between signs: a name, or a title."""
    return _MARKED.fullmatch(text) is not None


def without_pointer(text: str) -> str:
    """The words of a line without "read more" behind a name in parentheses."""
    return _READ_BEHIND.sub("", text)


def is_address(text: str) -> bool:
    """Whether a line is only an address, perhaps behind a sign that points to it."""
    plain, url = links.strip(text)
    return url != "" and plain.strip(_POINTERS) == url


def is_pointed(text: str) -> bool:
    """Whether a line is a sign that points, a name, and where it is: `🔗 Dock Post https://...`."""
    plain, url = links.strip(text)
    match = _POINTED.fullmatch(plain.removesuffix(url).strip()) if url and plain.endswith(url) else None
    return match is not None and match[1] != url and source_line(text) is not None


def is_labelled(text: str) -> bool:
    """Whether a line is a label such as "Source:", and a name."""
    return _SOURCE_LINE.fullmatch(fold(links.strip(text)[0])) is not None


def _is_named_address(name: str) -> bool:
    """Whether the words before an address, on a line of their own, are the name of whose it is."""
    return (
        is_name(name)
        and width(name) <= 24
        and not re.search(r"[.!?]\W*$", name)
        and not grammar.is_call(name)
        and not grammar.is_foot(name)
        and _POINTING.search(name) is None
    )


def writers(text: str) -> list[str]:
    """The names of those who wrote it, behind what they are ("记者 X", "By X, Paper")."""
    found = (match.span(match.lastindex or 0) for match in _WRITER.finditer(fold(text)))
    return [text[one:two] for one, two in found]


def without_label(name: str) -> str:
    """A name without the word that led to it behind a dash: `— via Dock Post`."""
    return _VIA_FIRST.sub("", name) or name


def without_brackets(name: str) -> str:
    """A name without the brackets around the whole of it."""
    bare = re.fullmatch(
        r"《([^《》]+)》|「([^「」]+)」|『([^『』]+)』|[{｛]([^{}｛｝]+)[}｝]|[<＜]([^<>＜＞]+)[>＞]", name
    )
    return next((part for part in bare.groups() if part), name) if bare else name


def without_day(text: str) -> str:
    """A name without the day or hour behind it."""
    return _WHEN.sub("", text)


def is_own(name: str) -> bool:
    """Whether a source is only "this paper"."""
    return _OWN.fullmatch(fold(name)) is not None


def without_reporter(name: str) -> str:
    """A source's name without who wrote it and when."""
    name = _WHEN.sub("", _DAY_FIRST.sub("", name)) or name
    bare = name[match.end() :] if (match := _REPORTER.match(fold(name))) else name
    bare = bare[: match.start()] if (match := _BYLINE.search(fold(bare))) else bare
    bare = re.sub(r"\s*[(（](?:编译|翻译|译|编辑|整理)(?:者|自)?\s*[:：/][^()（）]*[)）]?$", "", bare) or bare
    bare = _GIVEN.sub("", _WHEN.sub("", bare).removeprefix("@").strip())
    told = _TOLD_BY.fullmatch(bare)
    titled = _TITLED.fullmatch(told[1] if told else bare)
    return titled[1] if titled else (told[1] if told else bare) or name


def is_medium(name: str) -> bool:
    """Whether a name looks like that of a paper, an agency or a site."""
    return _MEDIUM.fullmatch(fold(name)) is not None


def is_name(text: str) -> bool:
    """Whether a text may be a source's name: short, no sentence, not only figures."""
    return (
        bool(text)
        and width(text) <= 44
        and bool(re.search(r"[^\W\d_]", text))
        and _DATED.search(text) is None
        and not re.search(r"[。！？!?；;]|[:：]\s*\S|, .*, |^共?\d+\s*[条则篇件]$", text)
    )
