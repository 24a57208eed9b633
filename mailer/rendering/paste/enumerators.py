"""How a line of a digest may begin: an enumerator in any common form, a bullet, a headline in brackets."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from mailer.rendering.paste import han
from mailer.rendering.paste.letters import fold


@dataclass(frozen=True, slots=True)
class Mark:
    """An enumerator: its family (only one family numbers the items), its number and what follows it."""

    family: str
    number: int
    rest: str


_CIRCLED = {**{chr(0x2460 + i): i + 1 for i in range(20)}, **{chr(0x2474 + i): i + 1 for i in range(20)}}
_CIRCLED |= {chr(0x2488 + i): i + 1 for i in range(20)} | {chr(0x24F5 + i): i + 1 for i in range(10)}
_CIRCLED |= {chr(0x2776 + i): i + 1 for i in range(10)} | {chr(0x3251 + i): i + 21 for i in range(15)}
_CIRCLED |= {chr(0x2780 + i): i + 1 for i in range(10)} | {chr(0x278A + i): i + 1 for i in range(10)}
_CIRCLED |= {chr(0x3220 + i): i + 1 for i in range(10)} | {chr(0x24EB + i): i + 11 for i in range(10)}
_HAN = "一二三四五六七八九十百零〇"
_FORMAL = "壹贰叁肆伍陆柒捌玖拾"
_STEMS = "甲乙丙丁戊己庚辛壬癸"
_WORDS = "one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()  # noqa: SIM905
# Families that number sections more often than items; "part" and "stem" number nothing else.
SECTIONS = frozenset(("han", "hanparen", "ordinal", "part", "stem", "letter", "roman", "formal"))
UNSURE = frozenset(
    ("bare", "lone", "letter", "roman", "nth", "small")
)  # a number and a blank, or an initial, may begin any sentence
_PATTERNS = (
    ("keycap", re.compile(r"(\d|🔟)\ufe0f?\u20e3?((?:\d\ufe0f?\u20e3)*)\ufe0f?\s*[.、]?\s*(.*)")),
    ("paren", re.compile(r"[(（【\[［〔](\d{1,3})[)）】\]］〕]\s*[.、:：]?\s*(.*)")),
    (
        "arabic",
        re.compile(
            r"(\d{1,3})\s*(?:[.．](?!\d(?!\d?月\d{1,2}日))|(?<=\s)[-–—](?=\s)|[、)）｜丨>・](?!>)|[。,，:：|/](?!\d))\s*(.*)"
        ),
    ),
    (
        "ordinal",
        re.compile(
            rf"(?:(?:首先|先|接着|接下来|下面|然后|再|最后)?[,，]?来?[看听]?\s*第\s*([{_HAN}\d]{{1,4}})\s*(?:[条则篇件]|个(?=[\s，,：:]))(?:消息|新闻|资讯|事)?|其([{_HAN}]{{1,2}})(?=[:：、.,，\s]))\s*[:：、.,，]?\s*(.*)"
        ),
    ),
    ("hanparen", re.compile(rf"[(（〔［\[【]([{_HAN}]{{1,3}})[)）〕］\]】]\s*[、.]?\s*(.*)")),
    ("han", re.compile(rf"([{_HAN}]{{1,3}})\s*(?:[、.．:：]|[·|｜丨/](?=\s))\s*(.*)")),
    ("formal", re.compile(rf"([{_FORMAL}参])(?:\s*[、.．:：|｜丨·/]\s*|\s+)(\S.*)")),
    ("formal", re.compile(rf"[(（〔［\[【]([{_FORMAL}参])[)）〕］\]】]\s*[、.]?\s*(\S.*)")),
    ("formal", re.compile(rf"([{_FORMAL}参])()")),
    ("stem", re.compile(rf"([{_STEMS}])\s*[、.．]\s*(\S.*)")),
    (
        "part",
        re.compile(
            rf"(?:part|section|版块|板块|第)[\s.·-]*([{_HAN}]{{1,3}}|\d{{1,2}})(?:\s*部分)?[\s.:：、|｜·-]+(?![期号届卷辑])(\S.*)",
            re.I,
        ),
    ),
    (
        "named",
        re.compile(
            rf"[【\[]?(?:新闻|资讯|快讯|热点|要闻|消息|头条|话题|看点|动态|story|item|topic|news)\s*"
            rf"([{_HAN}]{{1,3}}|\d{{1,2}})(?: of \d{{1,2}})?\s*(?:[】\]:：、.．|｜]\s*|$)(.*)",
            re.IGNORECASE,
        ),
    ),
    ("spelled", re.compile(rf"({'|'.join(_WORDS)})\s*(?:[:：—–]|[.-]\s)\s*(\S.*)", re.IGNORECASE)),
    ("nth", re.compile(rf"({'|'.join(_ORDINALS)})(?:ly| up| off)?(?:\s*[:：,，—–]\s*|\s+-\s+)(\S.*)", re.IGNORECASE)),
    ("nth", re.compile(rf"([{_HAN}])[是为則则][:：，,]?\s*(\S.{{3,}})")),
    ("share", re.compile(r"[(（\[【](\d{1,2})/\d{1,2}[)）\]】]\s*(\S.*)")),
    ("share", re.compile(r"[(（\[]?(\d{1,2})/\d{1,2}[.、:：)）\]]?\s+(\S.*)")),
    ("sub", re.compile(r"\d{1,2}[.-](\d{1,2})[.、)）]?\s+(\S.*)")),
    ("lettered", re.compile(r"[A-Z](\d{1,2})\s*[.、:：)）]\s*(\S.*)")),
    (
        "no",
        re.compile(
            r"(?:n[o0º]\.?|№|nr\.?|top|#)\s*(\d{1,3})(?:\s*[.:：、|｜丨·—–-]?\s+|\s*[:：、|｜丨]\s*(?=\S)|\s*[.:：、]?(?:$|(?=[「『《“【])))(.*)",
            re.IGNORECASE,
        ),
    ),
    ("roman", re.compile(r"(?=[XVI])(X{0,3}(?:IX|IV|V?I{0,3}))[.、)）]\s+(\S.*)")),
    ("roman", re.compile(r"([Ⅰ-Ⅻ])(?:\s*[.．、)）:：·]\s*|\s+)(\S.*)")),
    ("letter", re.compile(r"([A-Z])(?:[.、)）]\s+|[．、]\s*)(\S.*)")),
    ("small", re.compile(r"[(（]?([a-z])[.、)）]\s+(\S.*)")),
    ("bare", re.compile(r"(0\d|\d{1,2})(?:\s+|(?=[^\W\d_])(?=[\u3400-\u9fff]))(\S.*)")),
    ("lone", re.compile(r"(0?\d{1,2})()")),
    ("lone", re.compile(r"([一二三四五六七八九十]{1,2})()")),
)
_WIDE_LETTER = re.compile(r"[Ⅰ-Ⅻ]\s*[.．、)）:：·]\s*\S|[A-ZＡ-Ｚ][．、]\s*\S")  # which begins no sentence
FLAG = r"[\U0001f1e6-\U0001f1ff]{2}"
# A pictograph before a headline or title.
SIGN = rf"(?:[\u2300-\u23ff\u2600-\u27bf\U0001f300-\U0001faff]\ufe0f?|{FLAG})"
_SIGNS_FIRST = re.compile(r"^(?:[\U0001f300-\U0001faff\u2600-\u27bf\u2580-\u25ff]\ufe0f?\s*)+(?=[\d(（][\d.、)）\s])")
_SIGNED = re.compile(rf"(?:{SIGN}\s*)+(?=\S)")
# Any sign or picture may stand before items; circled numbers are none.
_BULLET = re.compile(
    r"([-*•·‧・●※⁃¶»]|\+(?=\s)|[\u2190-\u2319\u2322-\u23ff\u2580-\u2775\u2794-\u27bf\u2b00-\u2bff\U0001f300-\U0001faff]"
    rf"|{FLAG})\ufe0f?\s*(\S.*)"
)
_DISCS = str.maketrans(dict.fromkeys("🟠🟡🟢🔵🟣🟤⚫⚪", "🔴"))
_FLAGS = re.compile(FLAG)  # whichever, they are one bullet, as are discs of any colour
_BRACKETED = re.compile(r"(?:[\u2600-\u27bf\U0001f300-\U0001faff]\ufe0f?\s*)?【([^【】]{2,60})】\s*(.*)")


@lru_cache(maxsize=4096)
def marks(text: str) -> tuple[Mark, ...]:
    """Every way to read the beginning of a line as an enumerator, the surest first."""
    if not text or text[0] in "，。,":
        return ()
    plain = re.sub(r"^#{1,6}\s+", "", text)
    plain = re.sub(r"^\*\*(?=.{1,120})|(?<=\S)\*\*$", "", plain) if plain.startswith("**") else plain
    plain = _SIGNS_FIRST.sub("", plain)
    plain = plain[:6].translate(_FULL_WIDTH) + plain[6:]
    if plain and plain[0] in _CIRCLED:
        return (Mark("circled", _CIRCLED[plain[0]], plain[1:].lstrip(" .、．:：").strip()),)
    folded = fold(plain)
    for family, pattern in _PATTERNS:
        match = pattern.fullmatch(folded)
        if match is None:
            continue
        if family == "keycap":
            if "\u20e3" in plain[:3] or plain[0] == "🔟":
                digits = match[1] + re.sub(r"\D", "", match[2])
                return (Mark(family, 10 if match[1] == "🔟" else int(digits), plain[match.start(3) :].strip()),)
            continue
        if family == "roman" and match[1]:
            written = unicodedata.normalize("NFKC", match[1])
            also = tuple(
                Mark("letter", _chinese(match[1]), match[2])
                for _ in match[1]
                if match[1].isascii() and len(match[1]) == 1
            )
            return (Mark(family, _roman(written), match[2]), *also)
        written, rest = match[1] or match[2], plain[match.start(match.re.groups) :].strip().lstrip("→➜➔➤» ")
        if family == "small":
            return (Mark(family, ord(written) - ord("a") + 1, rest),)
        number = int(written) if written.isdecimal() else _spelled(written) or _chinese(written)
        if number and (rest or family in ("lone", "arabic", "paren", "han", "ordinal", "no", "named", "formal")):
            return (Mark("arabic" if family in ("bare", "lone") and written[0] == "0" else family, number, rest),)
    behind = _SIGNED.match(plain)  # `🔔News 1: ...`
    return tuple(mark for mark in marks(plain[behind.end() :]) if mark.family == "named") if behind else ()


def is_numbered(text: str) -> bool:
    """Whether a line surely begins with an enumerator: more than a number and a blank, or an initial and a point."""
    return any(mark.family not in UNSURE for mark in marks(text)) or _WIDE_LETTER.match(text) is not None


def bullet(text: str) -> tuple[str, str] | None:
    """A line that begins with a bullet, as (bullet, rest)."""
    match = _BULLET.fullmatch(text)
    if match is None or re.match(r"[-*]{2,}", text) or not re.search(r"\w", match[2]):
        return None
    rest = (
        match[2].removesuffix(" *") if match[1] == "*" else match[2].removesuffix(match[1]).rstrip()
    )  # `◎ headline ◎`
    return _FLAGS.sub("🏳", match[1].translate(_DISCS)), rest or match[2]


def bracketed(text: str) -> tuple[str, str] | None:
    """A line that begins with a headline in lenticular brackets, as (headline, rest)."""
    match = _BRACKETED.fullmatch(text)
    return (match[1], match[2]) if match else None


def _roman(text: str) -> int:
    values = [{"I": 1, "V": 5, "X": 10}[sign] for sign in text]
    return sum(-one if one < two else one for one, two in zip(values, [*values[1:], 0], strict=True))


def _spelled(word: str) -> int:
    return next((words.index(word.lower()) + 1 for words in (_WORDS, _ORDINALS) if word.lower() in words), 0)


def _chinese(text: str) -> int:
    if text.isdecimal():
        return int(text)
    text = text.replace("参", "叁")
    if "A" <= text <= "Z":
        return ord(text) - ord("A") + 1
    if text in _FORMAL or text in _STEMS:
        return (_FORMAL if text in _FORMAL else _STEMS).index(text) + 1
    return han.number(text)


_FULL_WIDTH = {
    code: unicodedata.normalize("NFKC", chr(code)) for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B))
}
