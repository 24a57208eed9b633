"""Where a line or a paragraph names the source of an item."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailer.model.columns import width
from mailer.rendering.paste import grammar, links
from mailer.rendering.paste.letters import fold
from mailer.rendering.paste.links import LINK, LINK_END, LINK_URL

_NAME = r"[^\s()（）【】\[\]。！？；;!?][^()（）【】\[\]。！？；;!?\n]{0,48}?"
_LABELS = (
    r"(?:消息|信息|新闻|文章|资料|原文|稿件)?(?:来源|出处|摘自|转自|稿源|来自|供稿)(?:于|自|於)?"
    r"|来源\s*[/／|]?\s*sources?|sources?\s*[/／|]?\s*来源|sources?|via|文"
)
# A label with its sign, or without one where no name begins so.
_SIGNED = rf"(?:{_LABELS})(?:\s*[:：丨|｜/]|[\]】〕][:：]?|\s+[-–—](?=\s))\s*"
_LABELLED = rf"(?:{_SIGNED}|(?:来源|转自|摘自|来自|稿源)(?:于|自|於)?\s*|(?:sources?|via)\s+)"
_SOURCE_LINE = re.compile(
    rf"[^\w(（\[【〔「『《“\"]{{0,6}}[(（\[【〔]?\s*{_SIGNED}(.+?)\s*[)）\]】]?[.。]?",
    re.IGNORECASE,
)
# What a page tells behind its source: who wrote it, and when.
_FIELDS_BEHIND = re.compile(r"(?:\s+(?:作者|编辑|责编|记者|时间|日期|date|author)\s*[:：]\s*\S+)+$", re.IGNORECASE)
_SOURCE_VIA = re.compile(r"(?:via|by way of)\s*[:：]?\s*(.+?)[.。]?", re.IGNORECASE)
_POINTING = re.compile(
    r"链接|原文|详情|更多|点击|查看|阅读|官网|网址|地址|全文|见|下载|直播|视频|https?:"
    r"|\b(?:go deeper|learn|read|more|here|link|see|details?|story|visit|watch|full|via|source|from|by|at|website)\b",
    re.IGNORECASE,
)
_POINTED = re.compile(r"(?:👉|🔗|➡|→|▶|↗|📎|原文)\ufe0f?\s*(.{2,40}?)\s*[,:：|｜]?")
_MORE_AT = re.compile(
    r"(?:read (?:more|on)|more|(?:the )?full story|continue reading)\s+(?:at|on|in|from)\s+(.{2,44}?)\s*[:：]?",
    re.IGNORECASE,
)
_BEHIND = re.compile(
    r"(.{4,}?)(?:\s*(?:[|｜丨]|——)\s*|\s+[-–—]\s+)([^\s()（）【】\[\]。！？；;!?|｜丨][^()（）【】\[\]。！？；;!?\n|｜丨]{0,48}?)"
)
_BEFORE = re.compile(
    r"(?:【([^【】]{2,20})】\s*|([A-Z][^:：。！？]{1,28}):\s+|(\w[^|｜丨。！？]{1,18}?)\s*[|｜丨]\s*)(\S.*)"
)
_MEDIUM = re.compile(
    r"\S{2,}(?:报|网|社|通讯|周刊|观察|评论|在线|财经|参考|电视台|电台)"
    r"|.*\b(?:wire|post|times|echo|daily|news|gazette|herald|journal|courier|tribune|standard|observer|reuters|bloomberg"
    r"|weekly|monthly|ledger|review|examiner|mirror|chronicle|press|reporter|bulletin)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[>＞↪↳]\s*(\S{2,20})")
_FROM = re.compile(r"(?:from|by)\s+(.{2,44}?)\s*[,:：(（–-]*", re.IGNORECASE)
_BY = re.compile(r"by (?:[A-Z][\w.'’-]+ ){1,2}[A-Z][\w'’-]+(?:,| [|/–-])\s+(\S.{1,38})", re.IGNORECASE)
_SOURCE_DASH = re.compile(rf"(?:——?|--|―|–|—)\s*({_NAME})(?<![\s—–―-])")
_SOURCE_SAYS = re.compile(
    r"(?:据(?!说|悉|了解|统计|介绍|称)|摘自|转自|来自)\s*(《[^《》]{2,30}》|[^\s，。；：,]{2,16}(?=报道|消息))(?:报道|消息)?[。]?"
)
_SOURCE_BAR = re.compile(rf"[|｜丨]\s*({_NAME})")
_LONE_PARENTHESIS = re.compile(rf"[(（\[]\s*(?:{_LABELLED})?({_NAME})\s*[)）\]]", re.IGNORECASE)
_REPORTER = re.compile(
    r"^(?:(?:(?:本报|本网|本刊)?记者|作者|编辑|通讯员)\s*[:：/]?|文\s*[:：/])\s*[^\W\d]{2,4}(?:\s+|\s*[/／|｜丨·,，]\s*)(?:[\u3400-\u9fff]{2,4}报[导道][・·/／,，\s]+)?(?=\S)"
)
_TOLD_BY = re.compile(r"据(?!说|悉|了解|统计|介绍|称)(.{2,}?)(?:报道|消息)?")
_TITLED = re.compile(r"《([^《》]{2,40})》")
_BYLINE = re.compile(
    r"\s*[,，/]?\s*(?:记者|作者|编辑|通讯员|(?<=\s)整理)\s*[:：|｜丨]?\s*\S{1,12}(?:\s+[\u3400-\u9fff]{2,6}(?:报道|电|讯|摄))?$"
)
_OWN = re.compile(r"(?:本[报刊网站台]|我[报刊网台])(?:讯|消息|综合)?|记者")
_END_PARENTHESIS = re.compile(r"^(.*?)\s*[(（【\[〔]([^()（）【】\[\]〔〕]{1,60})[)）】\]〕]\s*([.。]?)$", re.DOTALL)
_END_LABEL = re.compile(
    rf"^(.*[.!?。！？…”\"』」)）\s])\s*[|｜丨]?\s*(?:{_LABELS})(?:\s*[:：丨|｜]\s*|\s+[-–—]\s+)({_NAME})[.。]?$",
    re.IGNORECASE | re.DOTALL,
)
_END_VIA = re.compile(rf"^(.*[.!?。！？…”\"』」)）])\s*via\s*[:：]?\s*({_NAME})$", re.IGNORECASE | re.DOTALL)
_END_SAYS = re.compile(rf"^(.*[。！？…”])\s*据(?!了解|悉|统计|介绍|称)({_NAME})(?:报道|消息)?[。]?$", re.DOTALL)
_END_CODE = re.compile(rf"^(.*[.!?。！？…”\"』」)）])\s*`({_NAME})`$", re.DOTALL)
_END_LINK = re.compile(
    rf"(.*[.!?。！？…”\"』」)）])\s*{LINK}([^{LINK_URL}]+){LINK_URL}([^{LINK_END}]+){LINK_END}[)）]?", re.DOTALL
)
_END_VIA_BARE = re.compile(rf"^(.*\S)\s+via\s*[:：]?\s*({_NAME})$", re.IGNORECASE | re.DOTALL)
_END_DASH = re.compile(
    rf"^(.*[.!?。！？…”\"』」)）])\s*(?:——|--|—|–|(?<=\s)-(?=\s)|\||｜|丨)\s*({_NAME})\s*[|｜丨]?$", re.DOTALL
)
_END_ADDRESS = re.compile(
    rf"(.*\S)\s*(?:(?:(?:阅读)?(?:原文|全文)|(?:原文|详情|新闻)?链接|详情(?:请?见|点击)?"
    rf"|read more|full story|more|link)\s*[:：>]?\s*"
    rf"|[🔗👉➡→↗]\ufe0f?\s*"
    rf"|(?<=[.!?。！？…”\"』」)）])\s*)[(（]?{LINK}https?://[^{LINK_URL}]+{LINK_URL}([^{LINK_END}]+){LINK_END}[)）]?",
    re.IGNORECASE | re.DOTALL,
)
_END_BAR = re.compile(rf"(.*\S)\s+[|｜丨]\s*({_NAME})$", re.DOTALL)
_WHEN = re.compile(
    r"\s*(?:(?<=\s)\d{1,2}:\d{2}|[·|｜]\s*\d+ min(?:ute)?s? read"
    r"|[·|｜]\s*(?:\d+\s*(?:小时|分钟|天|hours?|minutes?|days?|[hmd])\s*(?:前|ago)|昨天|今天|yesterday|today)"
    r"|[,，]\s*(?:\d{1,2} [A-Z][a-z]{2,8}\.?(?: 20\d\d)?|[A-Z][a-z]{2,8}\.? \d{1,2}|\d{1,2}月\d{1,2}日))$"
)
_END_AT = re.compile(r"(.*\S)\s*@([^\s@()（）\[\]【】]{2,24})$", re.DOTALL)
_NO_SOURCE = re.compile(
    r"二维码|视频|不含|含|未|除|见|详|如|参|例|约|即|包括|其中|图|表|单位|注|编者|续|完|可|共|每|按|同比|环比|以|从|至|截至|不|有|已|年|"
    r"see |e\.g|i\.e|cf\.|about |more |up |down |not |no |if |or |and |the rest|incl|excl|page |p\. |fig|table|chart"
    r"|part |week |year ",
    re.IGNORECASE,
)
_MARKED = re.compile(r"【[^【】]{2,30}】|_[^_]{2,40}_")
_DATED = re.compile(r"20\d\d[-./年]\d")
_STOP = re.compile(r"[.!?。！？…”\"’'』」；;]$")
_POINTERS = " 🔗👉➡→↗▶►☞:："


def linked_name_at_end(text: str) -> tuple[str, str, str] | None:
    """A headline that ends in a linked name in parentheses, as (what stands before it, name, address)."""
    match = re.fullmatch(rf"(.+?)\s*[(（]\s*{LINK}([^{LINK_URL}]+){LINK_URL}([^{LINK_END}]+){LINK_END}\s*[)）]", text)
    return (match[1], match[2].strip(), match[3]) if match and is_name(match[2].strip()) else None


def source_line(text: str) -> tuple[str, str] | None:
    """A line that holds only a source, as (name, address)."""
    plain, url = links.strip(text)
    if url and plain.strip(_POINTERS) == url:
        return "", url
    alone = text.startswith(LINK) and text.endswith(LINK_END) and text.count(LINK) == 1
    if alone and is_name(plain) and not (grammar.is_call(text) or grammar.is_foot(plain)):
        return plain.strip(), url
    if (
        re.fullmatch(
            r"(?:原文|链接|原文链接|阅读原文|详情|link|(?:read|learn) more|go deeper|full story|more)"
            rf"\s*[:：]?\s*{re.escape(url)}?",
            plain.strip(),
            re.I,
        )
        and url
    ):
        return "", url
    plain = _FIELDS_BEHIND.sub("", plain)
    if (bare := _REPORTER.sub("", plain.strip())) != plain.strip() and _SOURCE_LINE.fullmatch(fold(bare)):
        plain = bare
    for pattern in (_SOURCE_LINE, _SOURCE_VIA, _BY, _SOURCE_SAYS, _SOURCE_DASH, _SOURCE_BAR, _LONE_PARENTHESIS):
        match = pattern.fullmatch(fold(plain.strip()))
        if match and _DATED.search(match[1]):
            return None
        if match and width(match[1]) <= 60 and not (pattern is _LONE_PARENTHESIS and _NO_SOURCE.match(match[1])):
            name = plain.strip()[match.start(1) : match.end(1)].strip()
            name = name if pattern is _SOURCE_VIA else name.strip(" []【】〔〕()（）.。")
            name = name.replace(url, "").strip(" :：-—|<>(（") if url else name
            return without_reporter(name), url
    if (match := _QUOTED.fullmatch(plain.strip())) and is_medium(match[1]):
        return match[1], url
    if url and plain.endswith(url) and (match := _POINTED.fullmatch(plain[: -len(url)].strip())) and is_name(match[1]):
        return ("" if is_pointer(match[1]) else match[1]), url
    if url and plain.endswith(url) and _is_named_address(plain[: -len(url)].strip()):
        return plain[: -len(url)].strip(" ,:：|｜>"), url
    for pattern in (_FROM, _MORE_AT) if url and plain.endswith(url) else ():
        if (match := pattern.fullmatch(plain[: -len(url)].strip())) and is_name(match[1]):
            return match[1], url
    return None


def is_pointer(text: str) -> bool:
    """Whether words only lead to a page ("full story")."""
    return _POINTING.search(text) is not None


def names_one(text: str) -> bool:
    """Whether a line surely names a source, alone or at its end."""
    return bool(text) and bool(source_line(text) or source_at_end(text, lenient=False))


def is_marked_name(text: str) -> bool:
    """Whether a line is only a few words in brackets or between signs: a name, or a title."""
    return _MARKED.fullmatch(text) is not None


def is_labelled(text: str) -> bool:
    """Whether a line is a label such as "Source:", and a name."""
    return _SOURCE_LINE.fullmatch(fold(links.strip(text)[0])) is not None


def _is_named_address(name: str) -> bool:
    """Whether the words before an address, on a line of their own, are the name of whose it is."""
    return (
        is_name(name)
        and width(name) <= 24
        and not grammar.is_call(name)
        and not grammar.is_foot(name)
        and _POINTING.search(name) is None
    )


def is_own(name: str) -> bool:
    """Whether a source is only "this paper"."""
    return _OWN.fullmatch(fold(name)) is not None


def without_reporter(name: str) -> str:
    """A source's name without who wrote it and when."""
    bare = name[match.end() :] if (match := _REPORTER.match(fold(name))) else name
    bare = bare[: match.start()] if (match := _BYLINE.search(fold(bare))) else bare
    bare = _WHEN.sub("", bare).removeprefix("@").strip()
    told = _TOLD_BY.fullmatch(bare)
    titled = _TITLED.fullmatch(told[1] if told else bare)
    return titled[1] if titled else (told[1] if told else bare) or name


def source_at_end(text: str, *, lenient: bool) -> tuple[str, str, str, str] | None:
    """A source that ends a paragraph: (text before, name, address, as written); `lenient`: no full stop needed."""
    plain, url = links.strip(text)
    if grammar.is_dateline(plain):
        return None
    tail_url = url if url and text.endswith((LINK_END, f"{LINK_END})", f"{LINK_END}）")) else ""
    linked = _END_LINK.fullmatch(text)
    if linked and is_name(linked[2].strip()) and "://" not in linked[2] and not grammar.is_call(linked[2]):
        return linked[1], linked[2].strip(), linked[3], linked[2]
    for pattern in (
        _END_LABEL,
        _END_VIA,
        _END_SAYS,
        _END_CODE,
        _END_DASH,
        *([_END_VIA_BARE, _END_AT, _END_BAR] if lenient else ()),
    ):
        match = pattern.fullmatch(fold(plain))
        if match and width(match[2]) <= 40:
            name = plain[match.start(2) : match.end(2)].strip().removeprefix("@")
            return links.cut(text, match[1]).rstrip(" |｜丨"), name, tail_url, name
    match = _END_PARENTHESIS.fullmatch(plain)
    if match and re.search(r"\w", match[1]):
        label = re.match(rf"\s*{_LABELLED}", fold(match[2]), re.IGNORECASE)
        name = match[2][label.end() :].strip() if label else match[2].strip()
        labelled = name != match[2].strip()
        name = name.replace(tail_url, "").strip(" ,，:：") if tail_url else name
        name = without_reporter(name)
        sure = labelled or _STOP.search(match[1]) is not None
        if (
            is_name(name)
            and (sure or (lenient and not _NO_SOURCE.match(name)))
            and not (_NO_SOURCE.match(name) and not labelled and not _known_shape(name))
        ):
            return links.cut(text, match[1]), name, tail_url, match[2]
    return None


def _known_shape(name: str) -> bool:
    return bool(re.match(r"[A-Z]|.*(?:报|网|社|周刊|日报|财经|新闻|科技|观察|评论)$", name))


def behind_headline(text: str) -> tuple[str, str] | None:
    """A headline with a name behind a bar or dash, as (headline, name): a source where most headlines have one."""
    match = _BEHIND.fullmatch(text)
    return (match[1], match[2]) if match and is_name(match[2]) and width(match[2]) <= 24 < width(text) else None


def stand_behind_headlines(texts: Sequence[str]) -> bool:
    """Whether most headlines of a digest have their source behind a bar or dash."""
    behind = sum(behind_headline(text) is not None for text in texts)
    return behind >= 3 and behind * 5 >= len(texts) * 4


def columns(text: str) -> tuple[str, str] | None:
    """A line that a bar parts into a headline and a text."""
    match = re.fullmatch(r"(.{4,}?)\s*[|｜丨]\s*(\S.*)", text)
    return (match[1], match[2]) if match else None


def before_headline(text: str) -> tuple[str, str] | None:
    """A headline with a name before it, in brackets, with a colon or a bar, as (headline, name)."""
    match = _BEFORE.fullmatch(text)
    return (match[4], (match[1] or match[2] or match[3]).strip()) if match else None


def stand_before_headlines(texts: Sequence[str]) -> bool:
    """Whether most headlines of a digest have a name before them, and these look like those of media."""
    before = [found[1] for text in texts if (found := before_headline(text))]
    media = sum(is_medium(name) for name in before)
    return len(before) >= 3 and len(before) * 5 >= len(texts) * 4 and media * 2 >= len(before)


def is_medium(name: str) -> bool:
    """Whether a name looks like that of a paper, an agency or a site."""
    return _MEDIUM.fullmatch(fold(name)) is not None


def address_at_end(text: str) -> tuple[str, str] | None:
    """An address that ends a paragraph without being part of its last sentence, as (text before, address)."""
    match = _END_ADDRESS.fullmatch(text)
    return (match[1].rstrip(" (（"), match[2]) if match else None


def linked_first(text: str) -> tuple[str, str, str] | None:
    """A line whose beginning is a link, then a dash and a text, as (linked words, address, text)."""
    link = rf"{LINK}([^{LINK_URL}]{{6,}}){LINK_URL}([^{LINK_END}]+){LINK_END}"
    match = re.fullmatch(rf"\**{link}\**\s*(?:[—–:：]|--|-(?=\s))\s*(\S.*)", text)
    return (match[1].strip(), match[2], match[3]) if match else None


def link_and_name(text: str) -> tuple[str, str] | None:
    """A line that is a link, then a few words, as (the link, these words)."""
    match = re.fullmatch(rf"({LINK}[^{LINK_URL}]{{6,}}{LINK_URL}[^{LINK_END}]+{LINK_END})\s+(\w.{{1,30}})", text)
    return (match[1], match[2]) if match and is_name(match[2]) and width(match[2]) <= 30 else None


def dangling_label(text: str) -> str:
    """The word "source" that ends a paragraph without a name behind it, as copied from where it was a link; or ""."""
    match = re.search(r"(?<=[.!?。！？…”])\s*[(（]?(?:来源|via|source|原文|链接)[)）]?$", fold(text), re.IGNORECASE)
    return text[match.start() :].strip() if match else ""


def bare_address_at_end(text: str) -> tuple[str, str] | None:
    """An address behind a headline, as (headline, address)."""
    match = re.fullmatch(
        rf"(.*\S)\s*[(（]?{LINK}(https?://[^{LINK_URL}]+){LINK_URL}([^{LINK_END}]+){LINK_END}[)）]?", text
    )
    return (match[1].rstrip(" :：-—|→➡👉🔗↗>\ufe0f(（"), match[3]) if match else None


def is_name(text: str) -> bool:
    """Whether a text may be a source's name: short, no sentence, not only figures."""
    return (
        bool(text)
        and width(text) <= 44
        and bool(re.search(r"[^\W\d_]", text))
        and _DATED.search(text) is None
        and not re.search(r"[。！？!?；;]|[:：]\s*\S|, .*, |^共?\d+\s*[条则篇件]$", text)
    )
