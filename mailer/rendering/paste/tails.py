"""Where a text or a headline has its source: at its end, behind a sign, before it, or in its link."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mailer.model.columns import width
from mailer.rendering.paste import grammar, links, sources
from mailer.rendering.paste.letters import fold
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.links import LINK, LINK_END, LINK_URL
from mailer.rendering.paste.sources import LABELLED, LABELS, NAME, NO_SOURCE

_BEHIND = re.compile(
    r"(.{4,}?)(?:\s*(?:[|｜丨]|——)\s*|\s+[-–—]\s+|\s+[-–—](?=[\u3400-\u9fff])|\s+[▷▶►▸→➡»➤➜➔➞⇒›⟶⇨]\s*)([^\s()（）【】\[\]。！？；;!?|｜丨][^()（）【】\[\]。！？；;!?\n|｜丨]{0,48}?)"
)
_BEFORE = re.compile(
    r"(?:[【(（]([^【】()（）]{2,20})[】)）]\s*|([A-Z][^:：。！？]{1,28}):\s+|(\w[^|｜丨。！？]{1,18}?)\s*[|｜丨]\s*|([\u3400-\u9fff]{3,10})[：:]\s*)(\S.*)"
)
_END_PARENTHESIS = re.compile(
    r"^(.*?)\s*[(（【\[〔〖<〈‹]([^()（）【】\[\]〔〕〖〗<>〈〉‹›]{1,60})[)）】\]〕〗>〉›]\s*([.。;；]?)$", re.DOTALL
)
_END_LABEL = re.compile(
    rf"^(.*(?:[.!?。！？…”\"』」)）\s～~]|\S(?=\s*[|｜丨])))\s*[|｜丨/／]?\s*"
    rf"(?:(?:{LABELS})(?:\s*[:：=＝丨|｜]\s*|\s+[-–—]\s+|(?<=[源自处])(?:—{{1,2}}|–|--)|(?=[{{<《「『]))"
    rf"|[【\[〔](?:{LABELS})[】\]〕]\s*[:：]?\s*)({NAME})[.。；;]?$",
    re.IGNORECASE | re.DOTALL,
)
_END_VIA = re.compile(
    rf"^(.*[.!?。！？…”\"』」)）])\s*(?:via\s*[:：]?|(?:来自|转自|摘自)(?:\s*[:：]|\s))\s*({NAME})[.。]?$",
    re.IGNORECASE | re.DOTALL,
)
_END_SAYS = re.compile(
    r"^(.*[。！？…”])\s*(?:据(?!了解|悉|统计|介绍|称)|(?:消息|新闻|信息)(?:来自|来源于|出自))"
    r"([^\s，,。！？；;()（）]{2,24}?)(?:报道|消息)?[。]?$",
    re.DOTALL,
)
_END_FIELD = re.compile(rf"^(.*\S)\s+(?:来源|出处)\s+({NAME})$", re.DOTALL)
_END_CODE = re.compile(rf"^(.*[.!?。！？…”\"』」)）])\s*`\s*({NAME})\s*`$", re.DOTALL)
_END_CORNERS = re.compile(r"^(.*(?:\S\s+|[。！？…]))[「『]([^「」『』]{2,24})[」』]$", re.DOTALL)
_END_TITLE = re.compile(r"^(.*[.!?。！？…”])\s*《([^《》]{2,24})》$", re.DOTALL)
_END_LINK = re.compile(
    rf"(.*[.!?。！？…”\"』」)）])\s*{LINK}([^{LINK_URL}]+){LINK_URL}([^{LINK_END}]+){LINK_END}[)）]?", re.DOTALL
)
_END_VIA_BARE = re.compile(rf"^(.*\S)\s+via\s*[:：]?\s*({NAME})$", re.IGNORECASE | re.DOTALL)
_END_DASH = re.compile(
    rf"^(.*[.!?。！？…”\"』」)）])\s*(?:——|--|—|–|(?<=\s)-(?=\s)|\||｜|丨|[◎※☆])\s*({NAME})\s*[|｜丨]?$", re.DOTALL
)
_END_ADDRESS = re.compile(
    rf"(|.*?\S)\s*(?:(?:(?:阅读)?(?:原文|全文)|(?:原文|详情|新闻)?链接|详情(?:请?见|点击)?"
    rf"|read more|full story|more|link)\s*[:：>]?\s*"
    rf"|[🔗👉➡→↗]\ufe0f?\s*"
    rf"|(?<=[.!?。！？…”\"』」)）])\s*)[(（]?{LINK}https?://[^{LINK_URL}]+{LINK_URL}([^{LINK_END}]+){LINK_END}[)）]?",
    re.IGNORECASE | re.DOTALL,
)
_END_BAR = re.compile(rf"(.*\S)\s+[|｜丨]\s*({NAME})$", re.DOTALL)
_END_AT = re.compile(r"(.*\S)(?<![A-Za-z0-9._-])\s*@([^\s@()（）\[\]【】]{2,24})$", re.DOTALL)
_ENTRY = re.compile(r"[(（][^()（）]+[)）](?:[、,，;；和及与]|,? (?:and|or|&))\s*[^()（）、,，;；。.]{1,30}$")
_SAYS = r"(?:says|said|reports?|reported|writes|wrote)"
_SAYS_LINK = re.compile(
    rf"(?:\b(?:{_SAYS}|according to|via)\s+(?:the )?|据){LINK}|{LINK_END}\s*(?:{_SAYS}\b|报道|报導|消息)", re.IGNORECASE
)
_PAPER = re.compile(r"[\u3400-\u9fff\d]{1,8}(?:报|周刊|晚报|日报|新闻网?|在线|电视台)")
_NUMBER = re.compile(r"\W*第?[\d一二三四五六七八九十①-⑳]{1,3}[条则篇]?\W*")
_STOP = re.compile(r"[.!?。！？…”\"’'』」；;]$")


def linked_name_at_end(text: str, *, bare: bool = False) -> tuple[str, str, str] | None:
    """A headline that ends in a linked name, as (what stands before it, name, address); in parentheses, or `bare`."""
    link = rf"{LINK}([^{LINK_URL}]+){LINK_URL}([^{LINK_END}]+){LINK_END}"
    match = re.fullmatch(rf"([^{LINK}]{{4,}}?)\s+{link}" if bare else rf"(.+?)\s*[(（]\s*{link}\s*[)）]", text)
    return (match[1], match[2].strip(), match[3]) if match and sources.is_name(match[2].strip()) else None


def source_at_end(text: str, *, lenient: bool) -> tuple[str, str, str, str] | None:
    """A source that ends a paragraph: (text before, name, address, as written); `lenient`: no full stop needed."""
    plain, url = links.strip(text)
    plain = sources.without_pointer(plain)
    if grammar.is_dateline(plain):
        return None
    tail_url = url if url and text.endswith((LINK_END, f"{LINK_END})", f"{LINK_END}）")) else ""
    linked = _END_LINK.fullmatch(text)
    if (
        linked
        and sources.is_name(linked[2].strip())
        and "://" not in linked[2]
        and not grammar.is_foot_or_call(linked[2])
    ):
        return linked[1], linked[2].strip(), linked[3], linked[2]
    for pattern in (
        _END_LABEL,
        _END_VIA,
        _END_SAYS,
        _END_CODE,
        _END_CORNERS,
        _END_TITLE,
        _END_FIELD,
        _END_DASH,
        *([_END_VIA_BARE, _END_AT, _END_BAR] if lenient else ()),
    ):
        match = pattern.fullmatch(fold(plain))
        if pattern is _END_BAR and match and width(match[1]) <= width(match[2]):
            continue  # a headline is longer than its source
        if match and width(match[2]) <= 40 and "://" not in match[2]:
            name = plain[match.start(2) : match.end(2)].strip().removeprefix("@")
            name = sources.without_brackets(sources.without_label(name))
            if sources.is_name(name):
                return links.cut(text, match[1]).rstrip(" |｜丨～~"), name, tail_url, name
    match = _END_PARENTHESIS.fullmatch(plain)
    if match and re.search(r"\w", match[1]) and not (_NUMBER.fullmatch(match[1]) or _ENTRY.search(match[1])):
        label = re.match(rf"\s*{LABELLED}", fold(match[2]), re.IGNORECASE)
        name = match[2][label.end() :].strip() if label else match[2].strip()
        labelled = name != match[2].strip()
        name = name.replace(tail_url, "").strip(" ,，:：") if tail_url else name
        name = sources.without_reporter(name)
        sure = labelled or _STOP.search(match[1]) is not None
        if (
            sources.is_name(name)
            and (sure or (lenient and not NO_SOURCE.match(name)))
            and not (NO_SOURCE.match(name) and not labelled and not _known_shape(name) and not (sure and lenient))
        ):
            return links.cut(text, match[1]), name, tail_url, match[2]
    return None


def below_source(paragraphs: Sequence[str], *, lenient: bool) -> list[str]:
    """The paragraphs below the one that names the source: what only leads on, or what one thinks of it."""
    if len(paragraphs) > 1 and grammar.is_foot(paragraphs[-1]) and LINK in paragraphs[-1]:  # `延伸阅读：...`
        return [paragraphs[-1]]
    at = len(paragraphs)
    while at > 1 and adds(paragraphs[at - 2], paragraphs[at - 1]) and not names_one(paragraphs[at - 1]):
        at -= 1
    named = 0 < at < len(paragraphs) and source_known(paragraphs[at - 1], lenient=lenient) is not None
    return [*paragraphs[at:]] if named else []


def adds(above: str, text: str) -> bool:
    """Whether a paragraph is a remark on the one above, or what it says in another language."""
    han = [re.search("[\u3400-\u9fff]", one) is not None for one in (above, text)]
    return grammar.is_remark(text) or (han[0] and not han[1]) or (han[1] and not han[0] and LINK not in text)


def source_known(text: str, *, lenient: bool) -> tuple[str, str, str, str] | None:
    """A source that ends a line of an item: as `source_at_end` has it, or in parentheses a paper by its name."""
    found = source_at_end(text, lenient=lenient)
    if found or lenient or not (other := source_at_end(text, lenient=True)):
        return found
    return other if _PAPER.fullmatch(fold(other[1])) and re.search(r"[)）]$", text.rstrip("。.")) else None


def behind_headline(text: str) -> tuple[str, str] | None:
    """A headline with a name behind a bar or dash, as (headline, name): a source where most headlines have one."""
    match = _BEHIND.fullmatch(links.strip(text)[0])
    named = match and sources.is_name(match[2]) and width(match[2]) <= 24
    return (match[1], match[2]) if match and named and _is_headline_before(match[1], match[2]) else None


def _is_headline_before(headline: str, name: str) -> bool:
    return width(headline) + width(name) > 20 or width(headline) > width(name) or sources.is_medium(name)


def stand_behind_headlines(texts: Sequence[str]) -> bool:
    """Whether most headlines of a digest have their source behind a bar or dash: a name shorter than the headline."""
    behind = [found for text in texts if (found := behind_headline(text))]
    shorter = sum(width(name) < width(headline) for headline, name in behind)
    media = sum(sources.is_medium(name) for _, name in behind)
    if media >= 3 and media * 2 >= len(behind) and len(behind) * 5 >= len(texts) * 4:
        return True
    return shorter >= 3 and shorter * 5 >= len(texts) * 4


def columns(text: str) -> tuple[str, str] | None:
    """A line that a bar parts into a headline and a text."""
    match = re.fullmatch(r"(.{4,}?)\s*[|｜丨]\s*(\S.*)", text)
    return (match[1], match[2]) if match else None


def before_headline(text: str) -> tuple[str, str] | None:
    """A headline with a name before it, in brackets, with a colon or a bar, as (headline, name)."""
    match = _BEFORE.fullmatch(text)
    return (match[5], (match[1] or match[2] or match[3] or match[4]).strip()) if match else None


def stand_before_headlines(texts: Sequence[str]) -> bool:
    """Whether most headlines of a digest have a name before them, and these look like those of media."""
    before = [found[1] for text in texts if (found := before_headline(text))]
    media = sum(sources.is_medium(name) for name in before)
    return len(before) >= 3 and len(before) * 5 >= len(texts) * 4 and media * 2 >= len(before)


def address_at_end(text: str) -> tuple[str, str] | None:
    """An address that ends a paragraph without being part of its last sentence, as (text before or "", address)."""
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
    return (match[1], match[2]) if match and sources.is_name(match[2]) and width(match[2]) <= 30 else None


def is_named_plainly(text: str) -> bool:
    """Whether a few words are a name and nothing else: each in capitals, or one of a paper's kind."""
    words = text.split()
    capitals = (
        text.isascii() and len(words) <= 4 and all(word[0].isupper() or word in ("of", "the", "&") for word in words)
    )
    return (capitals or sources.is_medium(text)) and sources.is_name(text) and width(text) <= 24 and text[-1].isalnum()


def says(text: str) -> bool:
    """Whether a text says of its link that this is who says it: `says [Post]`, `[Post] reports`, `据[Post]`."""
    return _SAYS_LINK.search(text) is not None and is_named_plainly(links.words(text))


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


def _known_shape(name: str) -> bool:
    return bool(re.match(r"[A-Z]|.*(?:报|网|社|周刊|日报|财经|新闻|科技|观察|评论)$", name))


def ends(lines: Sequence[Line], indices: Iterable[int]) -> list[int]:
    """Which lines name a source; an address directly below a name is the same one's."""
    named = [i for i in indices if names_one(lines[i].text)]
    return [i for i in named if not (sources.is_address(lines[i].text) and i - 1 in named)]


def names_one(text: str) -> bool:
    """Whether a line surely names a source, alone or at its end."""
    return bool(text) and bool(sources.source_line(text) or source_at_end(text, lenient=False))
