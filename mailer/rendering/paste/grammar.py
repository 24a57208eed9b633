"""What a line of a digest can be: greeting, call to action, headline with its text, head or foot of the page."""

from __future__ import annotations

import re

from mailer.model.columns import width
from mailer.rendering.paste import links, page_words
from mailer.rendering.paste.letters import fold
from mailer.sentence import Sentence

_PICTURE = re.compile(
    r"^[▲△↑📷][^。]{0,40}(?:图\s*[/／|]|供图|摄(?:影|于|\W|$))|^[▲△↑📷(（\[\s]*(?:(?:题图|配图|图片?|封面图?|头图)(?:片)?(?:来源|来自|源|摄影)?\s*[:：/|｜丨]|图源|图片来源|摄影\s*[:：]"
    r"|(?:photo|image|picture|illustration|chart|graphic|gif)s?(?: credits?)?\s*[:：/]\s*(?=\S+(?: \S+){0,4}$)"
    r"|(?:photo|image|picture)s? by\b)",
    re.IGNORECASE,
)
_KEPT_STOP = re.compile(
    r"\b(?:Ltd|Inc|Co|Corp|Bros|Jr|Sr|Dr|Mr|Mrs|Ms|St|No|etc|vs|(?<!&)[A-Z]|[ap]\.m|U\.S|U\.K)\.$", re.IGNORECASE
)
_CTA = re.compile(
    r"报名|(?<![新已])加入(?!了)|(?:可|接受|开放|欢迎).{0,4}申请|招新|私我|[想愿].{0,2}[进入加].{0,12}[群会圈社]|申请入|申请加|申请成为|(?<!新)入会|入群|进群|扫码|加群|私信|私聊|立即注册|点击注册|成为会员|招募|免费领"
    r"|填写.{0,4}(?:申请|报名|登记|入会)表|申请试|试读|订阅|商务合作|交流群|加我?\s?[vV微]信?|微信号|投稿(?:请|邮箱|热线)|合作(?:请|热线|微信)|(?<!投资)咨询(?!执业|公司|机构|费)|联系人|(?:留下|填写).{0,6}邮箱"
    r"|\b(?:join|apply|register|sign[ -]?up|subscribe|become a member|membership|enrol|click here|book your|get the)\b",
    re.IGNORECASE,
)
_JOIN = re.compile(
    r"报名|加入|申请|入会|入群|进群|成为会员|订阅"
    r"|\b(?:join|apply|register|sign[ -]?up|subscribe|member(?:ship)?|enrol)\b",
    re.I,
)
_JOINING = re.compile(
    r"申请|报名|入会|会员|招新|招募|\b(?:apply(?:ing)?|applications?|members?(?:hip)?|subscribers?|enrol\w*|seats?)\b",
    re.IGNORECASE,
)
_TO_READERS = re.compile(r"[您你]|我们|我們|欢迎|歡迎|\b(?:you|your|us)\b", re.IGNORECASE)
_MEMBER = re.compile(r"入会|加入|申请|入群|进群|(?:join|apply|become)\b", re.IGNORECASE)
_JOINS_FIRST = re.compile(
    r"(?:欢迎|点击)?(?:申请|报名)(?:加入|入[会群])|(?:apply to )?join (?:us|the|our)\b|become a member", re.IGNORECASE
)
_BEFORE_CALL = "【[「☞👉▶ "
_CTA_LABEL = re.compile(
    r"^(?:(?:please )?(?:click|tap) here(?: to\b)?|click to [a-z]+(?: here)?(?: and\b)?|apply now|join now|register now"
    r"|请?(?:点击?|戳)(?:下方|文末|左下角|底部)?的?[“「\"]?阅读原文[”」\"]?(?:即可)?"
    r"|(?:请|猛)?(?:点击?|戳)(?:这里|此处|此|链接|下方链接|报名|注册|加入|申请)"
    r"|长按(?:识别)?(?:下方|下图|上方|上图)?(?:的?二维码)?|(?:识别|扫描?|扫一扫)(?:下方|下图|上方|上图)?的?二维码"
    r"|立即\S{2})[\s,，:：|→👉>]*",
    re.IGNORECASE,
)
_DASHED = re.compile(r"([^—–]{4,}?)(\s+(?:[—–→-]|--|->)\s+|\s*——\s*)(\S.*)")
_BOLD_FIRST = re.compile(r"(?:\*\*)?([^*]{4,120}?)[:：.。]?(?<!\*)\*\*(?!\*)[:：]?\s*(?:(?:--|[—–-])\s*)?(\S.*)")
_DATELINE = re.compile(r"[A-Z][A-Z .'-]+(?:, [A-Z][a-z]+\.?(?: \d{1,2})?|\s*\([A-Z]\w+\))*")  # `PENROW, May 20`
_COLON_SENTENCE = re.compile(r"(?:[^:：。！？]{12,60}|[^:：。！？]{6,40})(?:：\s*|:\s+)\S.{2,}[.!?。！？]")
_COLON = re.compile(r"([^:：]{4,}?)(：\s*|:\s+)(\S.*)")
_GREETING = re.compile(
    r"^(?:(?:尊敬的|亲爱的)[^\s，,：:！!]{1,12}(?:[:：，,！!]|$)|(?:嗨|嘿|哈[喽啰囉])[，,！!～~\s]|[^，,。：:]{0,10}(?:早上|中午|下午|晚上|大家|你们|各位)好|早安[，,]?(?:各位|大家|诸位)|早安(?![\u3400-\u9fff]{1,8}[^\w，,。！!]*(?:\d"
    r"|$|[|｜·]))|大家早|[^\s，,。：:]{1,6}们\s?早(?:[，,！!～~\s]|$)|早晨?[，,！!~～]|大家(?:早上|早|晚上|下午)?好|各位|晚上好|下午好"
    r"|(?-i:[A-Z])[a-z]+(?: [a-z]+)?,$"
    r"|good (?:morning|evening|day)|(?:morning|evening),? (?:all|everyone|everybody|folks|team)\b"
    r"|hello|hi\b|dear|here(?: i|['’])s\b"
    r"|please (?:find|see)\b|find (?:below|attached)|below (?:is|are)\b"
    r"|on to (?:the|today)|let['’]s (?:dive|get (?:in|to|started))|welcome to\b"
    r"|今天是\s*\d|以下是|下面是|这里是|欢迎(?:收听|收看|阅读|来到)|您?(?:正在)?(?:收听|收看)的是)",
    re.IGNORECASE,
)
_CONTACT = re.compile(
    r"\b(?:[a-z0-9-]{1,40}\.){1,4}[a-z]{2,10}/[\w-]|"
    r"(?<!\d)(?:\d{3,4} ?- ?\d{7,8}|\d{3,4}[- ]\d{3,4}[- ]\d{3,4}|1\d{10}|\+\d[\d -]{8,})(?!\d)"
    r"|(?<![\w.+-])[\w.+-]{1,64}@[\w-]+\.\w+"
    r"|(?<=加)(?:微信|[vV]信?)号?\s*[\w-]{5,}"
    r"|(?:微信|[vV]信|wechat|whatsapp|telegram|QQ群?|line)(?:号|\s?id)?\s*[:：\s]\s*@?(?=[\w.+-]*[a-z\d])[\w.+-]{4,}",
    re.IGNORECASE,
)
# “Words,” and who said them.
_SAYING = re.compile(r"[“\"「『][^“”\"「」『』]+[”\"」』]\s*(?:[—–-]{1,2}|\n|[(（])\s*\S.{1,30}")
_ADVERTISEMENT = re.compile(
    r"\W{0,3}[【\[(（](?:广告位?|推广|赞助|福利|AD|Sponsored)[】\]）)]|\W{0,3}广告(?:位|\s*[:：|｜]|\s)(?=.{6})",
    re.IGNORECASE,
)
DATELINE = 24  # columns of a place and day before a text
# The number of an issue, as groups 1 (Chinese) or 2.
EDITION = (
    r"[(（【\[]?(?:vol\.?\s*\d{1,4}\s*[,，·]\s*(?=no|issue|#))?"
    r"(?:(?:20\d\d\s*年?\s*)?(?:总第?|第)\s*(\d{1,6})\s*(?:[期号班]|封信?)"
    r"|(?:(?:issue )?no\.?|vol\.?|issue|#)\s*#?(\d{1,6})(?![\w%.]))[)）】\]]?"
)
_RULE = re.compile(f"(?:[^\\w🔟{links.LINK}-{links.LINK_END}]|_)+")


def is_picture(text: str) -> bool:
    """Whether a line only says what a picture shows or whose it is."""
    return width(text) <= 80 and _PICTURE.match(fold(links.strip(text)[0])) is not None


def is_call(text: str) -> bool:
    """Whether a line asks to join, apply or register."""
    plain, url = links.strip(fold(text))
    if re.match(r"\W*(?:分享|转发|来源?)自", plain):
        return False
    reached = _JOINING.search(plain) is not None and (bool(url) or has_contact(plain))
    return reached or _CTA.search(plain) is not None


def is_join(text: str) -> bool:
    """Whether a call asks to join, apply or register, rather than to write, advertise or follow."""
    return _JOIN.search(fold(links.strip(text)[0])) is not None


def call_label(text: str) -> str:
    """The words of a button at the beginning of a call ("Click to register"), or ""."""
    match = _CTA_LABEL.match(fold(text))
    return text[: match.end()] if match else ""


def begins_bold(text: str) -> bool:
    """Whether a line's beginning stands between bold marks."""
    return _BOLD_FIRST.fullmatch(text) is not None


def bold_first(text: str) -> tuple[str, str] | None:
    """A line whose headline stands between bold marks, as (headline, the rest); a first word that is bold is none."""
    match = _BOLD_FIRST.fullmatch(text)
    emphasis = match and (
        re.match(r"(?:\*\*)?\S+\*\* [a-z]", text)  # `**Chefs** in Oslo cook ...`
        or re.match(r"(?:\*\*)?[\[【(（][^\[\]【】()（）]{1,12}[\]】)）]\*\*", text)  # a field
        or re.search(
            r"[^:：.。！？!?]\*\* ?[\u3400-\u9fff][^。！？.!?]*$", text
        )  # nor one of a line that is no sentence
    )
    return (match[1].strip(), match[2]) if match and not emphasis else None


def has_colon(text: str) -> bool:
    """Whether a line is a headline, a colon, and a sentence."""
    return _COLON_SENTENCE.fullmatch(links.strip(text)[0]) is not None


def several(text: str, longer: int = 60) -> re.Match[str] | None:
    """A line of several sentences that is longer than so many columns: the first of them, and the others."""
    match = re.match(r"(.{6,}?(?:[。！？](?:[”」』]|(?![”」』]))|[.!?](?=\s+[A-Z0-9\"“])))\s*(\S.*)$", text)
    initial = match and re.search(r"\b(?:Ltd|Inc|Co|Mr|Mrs|Dr|St|[A-Z])\.$", match[1])
    return match if match and width(text) > longer and not initial else None


def dashed(text: str, *, sourced: bool, colons: bool = False) -> tuple[str, str, str] | None:
    """A line of headline, dash or colon, and text: (headline, sign, text); `sourced`: a source stood behind it,
    `colons`: the digest's other lines have a colon there too.

    Behind a dash a sentence, or words no fewer than the headline's with a source behind them, are a text; behind a
    colon, which headlines have themselves, only a sentence, where the other lines are made so or it is much longer and
    has a source behind it.
    """
    plain = links.strip(text)[0]
    for pattern, colon in ((_DASHED, False), (_COLON, True)):
        match = pattern.fullmatch(plain)
        if match is None or (_DATELINE.fullmatch(match[1]) and width(match[1]) <= DATELINE):
            continue
        before, behind = width(match[1]), width(match[3])
        sentence = re.search(r"[.!?。！？]$", match[3]) is not None
        much = behind >= 2 * before and behind >= 40
        if colon:
            told = before >= 12 and sentence and (colons or (sourced and much))  # else it is who says so
        else:
            told = sentence or much or (sourced and behind >= before)
        if told:
            at = text.find(match[2])
            kept = text[at + len(match[2]) :] if at > 0 else match[3]
            return match[1].strip(), match[2].strip(), kept.strip()
    return None


def begun(text: str) -> str:
    """A text that went on behind a dash in small letters, as a sentence of its own begins."""
    return text[:1].upper() + text[1:] if re.match(r"[a-z]+(?![^\s,:'’-])", text) else text


def is_strong_call(text: str) -> bool:
    """Whether a call is surely one: it begins so, or names an address, a number or a group."""
    plain, url = links.strip(fold(text))
    strong = re.search(r"扫码|微信|QQ|群|电话|https?:|\d{7,}", plain)
    return bool(url or strong or _CTA.match(plain.lstrip(_BEFORE_CALL))) and is_call(text)


def is_plain_call(text: str) -> bool:
    """Whether a line begins with asking to become a member, and ends with where: `Join us: https://...`."""
    plain, url = links.strip(text)
    return bool(url) and plain.endswith(url) and _MEMBER.match(fold(plain).lstrip(_BEFORE_CALL)) is not None


def begins_with_joining(text: str) -> bool:
    """Whether a line begins with asking to become a member: `Apply to join the Quay Club`."""
    return _JOINS_FIRST.match(fold(links.strip(text)[0]).lstrip(_BEFORE_CALL)) is not None


def is_contact(text: str) -> bool:
    """Whether a line of some clauses says how to get in touch: by a number, an account or an address."""
    plain = fold(links.strip(text)[0])
    clauses = re.search(r"\w[，,；;！!]\s*\w", plain) and not re.search(r"地址|邮编|\baddress\b", plain, re.IGNORECASE)
    return width(plain) <= 160 and bool(clauses) and has_contact(text)


def has_contact(text: str) -> bool:
    """Whether a line names a telephone, an account or a mail address."""
    return _CONTACT.search(fold(links.strip(text)[0])) is not None


def asks_to_join(text: str) -> bool:
    """Whether a line between two items is surely a call to join, which says how."""
    reached = links.strip(text)[1] != "" or is_contact(text)
    return reached and is_join(text) and is_strong_call(text)


def invites(text: str) -> bool:
    """Whether a line is surely a call to join that speaks to its readers."""
    return asks_to_join(text) and _TO_READERS.search(links.strip(text)[0]) is not None


def is_foot(text: str) -> bool:
    """Whether a line is a head or foot of the page: counters, imprint, unsubscribe."""
    plain = fold(links.strip(text)[0]).strip("_")
    return width(plain) < 160 and any(
        (page_words.FOOT.match(plain), page_words.FOOT_ANYWHERE.search(plain), page_words.TAGS.fullmatch(plain))
    )


def is_tag(text: str) -> bool:
    """Whether a line is only a word behind `#`, as channels sort their messages."""
    return page_words.TAG.fullmatch(text) is not None


def is_foot_or_call(text: str) -> bool:
    """Whether a line is of the page or asks to join, and so no item's."""
    return is_foot(text) or is_call(text)


def is_almanac(text: str) -> bool:
    """Whether a line of the head tells the weather, or what the day is good for."""
    return width(text) <= 60 and page_words.ALMANAC.match(fold(text)) is not None


def is_edition(text: str) -> bool:
    """Whether a line is only an issue's number."""
    return re.fullmatch(EDITION, text, re.IGNORECASE) is not None


def is_dateline(text: str) -> bool:
    """Whether a line tells when, where or by whom the page was put up."""
    return page_words.DATELINE.match(fold(text)) is not None


def is_remark(text: str) -> bool:
    """Whether a text begins with a word or two and a colon that say what it adds: `点评：`, `Why it matters:`."""
    return re.match(r"(?:\*\*)?(?:[\u3400-\u9fff]{2,6}|[A-Z][a-z]+(?: [a-z]+){0,3})(?:\*\*)?[:：]", text) is not None


def closes(text: str) -> bool:
    """Whether a line below a blank one ends what is above: words between strokes, a call that says how to answer."""
    return re.fullmatch(r"([-=—*~_])\1{2,}[^-=—*~_]{2,40}\1{3,}", text) is not None or (
        is_call(text) and has_contact(text) and width(text) <= 60
    )


def is_byline(text: str) -> bool:
    """Whether a line tells who wrote a page, perhaps with the day, as below a page's subtitle."""
    return page_words.BYLINE.match(links.strip(text)[0]) is not None


def without_weather(text: str) -> str:
    """A line of the head without the weather at its end."""
    return page_words.WEATHER.sub("", text)


def is_greeting(text: str) -> bool:
    """Whether a line greets the readers."""
    return _GREETING.match(fold(text)) is not None


def is_saying(text: str) -> bool:
    """Whether a line is only somebody's words, and who said them."""
    return _SAYING.fullmatch(links.strip(text)[0]) is not None


def is_advertisement(text: str) -> bool:
    """Whether a line says in brackets that it is one: `【推广】...`."""
    return _ADVERTISEMENT.match(fold(text)) is not None


def is_closing(text: str) -> bool:
    """Whether a few words head what a page has below its news: further reading, who writes it, how to reach them."""
    return width(text) <= 24 and page_words.CLOSING.match(fold(links.strip(text)[0])) is not None


def is_rule(text: str) -> bool:
    """Whether a line holds only strokes, stray punctuation or pictographs: neither a letter nor a figure."""
    return bool(text) and _RULE.fullmatch(text) is not None


def keeps_stop(text: str) -> bool:
    """Whether the stop at the end belongs to the last word, as in `Ltd.`"""
    return _KEPT_STOP.search(text) is not None


def headline(text: str) -> tuple[str, str]:
    """A headline without marks around it and without a final stop; and what was taken away, as words."""
    plain = " ".join(links.strip(text)[0].split())
    whole = re.fullmatch(r"【(.+)】|\*\*(.+)\*\*|「([^「」]+)」", plain)
    cut = next((part for part in whole.groups() if part), plain) if whole else plain
    cut = " ".join(re.sub(r"(?<!\*)\*\*(?!\*)", "", cut).split())
    bare = cut
    if re.search(r"[;；,，]$", cut) or (re.search(r"(?<![.。])[.。]$", cut) and not keeps_stop(cut)):
        bare = cut[:-1].rstrip()
    return bare, Sentence("final stop dropped") if bare != cut else ""
