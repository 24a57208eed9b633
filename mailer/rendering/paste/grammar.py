"""What a line of a digest can be: source, heading, call to action, head or foot of the page."""

from __future__ import annotations

import re

from mailer.rendering.paste.clipboard import LINK, LINK_END, LINK_URL
from mailer.rendering.paste.enumerators import marks
from mailer.rendering.paste.lines import width

_NAME = r"[^\s()（）【】\[\]。！？；;!?][^()（）【】\[\]。！？；;!?\n]{0,48}?"
_LABELS = (
    r"(?:消息|信息|新闻|新聞|文章|资料|資料|原文|稿件)?(?:来源|來源|出处|出處|摘自|转自|轉自|稿源|来自|來自)(?:于|自|於)?"
    r"|sources?|via|文"
)
_SOURCE_LINE = re.compile(rf"[(（\[【]?\s*(?:{_LABELS})\s*[:：丨|｜/]\s*(.+?)\s*[)）\]】]?[.。]?", re.IGNORECASE)
_SOURCE_VIA = re.compile(r"(?:via|by way of)\s*[:：]?\s*(.+?)[.。]?", re.IGNORECASE)
_POINTING = re.compile(
    r"链接|原文|详情|更多|点击|查看|阅读|官网|网址|地址|全文|见|下载|直播|视频|https?:"
    r"|\b(?:read|more|here|link|see|details?|story|visit|watch|full|via|source|from|by|at|website)\b",
    re.IGNORECASE,
)
_POINTED = re.compile(r"(?:👉|🔗|➡|→|▶|↗|📎|原文)\ufe0f?\s*(.{2,40}?)\s*[,:：|｜]?")
_FROM = re.compile(r"(?:from|by)\s+(.{2,44}?)\s*[,:：(（–-]*", re.IGNORECASE)
_SOURCE_DASH = re.compile(rf"(?:——?|--|―|–|—)\s*({_NAME})")
_SOURCE_BAR = re.compile(rf"[|｜丨]\s*({_NAME})")
_LONE_PARENTHESIS = re.compile(rf"[(（]\s*(?:{_LABELS})?\s*[:：]?\s*({_NAME})\s*[)）]", re.IGNORECASE)
_REPORTER = re.compile(r"^(?:(?:本报|本网|本刊)?记者|作者|编辑|通讯员|文)\s*[:：/]?\s*[^\W\d]{2,4}\s+(?=\S)")
_BYLINE = re.compile(r"\s*[,，/]?\s*(?:记者|作者|编辑|通讯员)\s*[:：]?\s*\S{1,12}$")
_END_PARENTHESIS = re.compile(r"^(.*?)\s*[(（【\[]([^()（）【】\[\]]{1,60})[)）】\]]\s*([.。]?)$", re.DOTALL)
_END_LABEL = re.compile(
    rf"^(.*[.!?。！？…”\"』」)）\s])\s*(?:{_LABELS})\s*[:：丨|｜]\s*({_NAME})[.。]?$", re.IGNORECASE | re.DOTALL
)
_END_VIA = re.compile(rf"^(.*[.!?。！？…”\"』」)）])\s*via\s*[:：]?\s*({_NAME})$", re.IGNORECASE | re.DOTALL)
_END_SAYS = re.compile(rf"^(.*[。！？…”])\s*据(?!了解|悉|统计|介绍|称)({_NAME})(?:报道|消息)?[。]?$", re.DOTALL)
_END_CODE = re.compile(rf"^(.*[.!?。！？…”\"』」)）])\s*`({_NAME})`$", re.DOTALL)
_END_LINK = re.compile(
    rf"(.*[.!?。！？…”\"』」)）])\s*{LINK}([^{LINK_URL}]+){LINK_URL}([^{LINK_END}]+){LINK_END}", re.DOTALL
)
_END_VIA_BARE = re.compile(rf"^(.*\S)\s+via\s*[:：]?\s*({_NAME})$", re.IGNORECASE | re.DOTALL)
_END_DASH = re.compile(rf"^(.*[.!?。！？…”\"』」)）])\s*(?:——|--|—|–|\||｜|丨)\s*({_NAME})\s*[|｜丨]?$", re.DOTALL)
_NO_SOURCE = re.compile(
    r"不含|含|未|除|见|详|如|参|例|约|即|包括|其中|图|表|单位|注|编者|续|完|可|共|每|按|同比|环比|以|从|至|截至|不|有|已|年|"
    r"see |e\.g|i\.e|cf\.|about |more |up |down |not |no |if |or |and |the rest|incl|excl|page |p\. |fig|table|chart"
    r"|part |week |year ",
    re.IGNORECASE,
)
_STOP = re.compile(r"[.!?。！？…”\"’'』」；;]$")
_KEPT_STOP = re.compile(
    r"\b(?:Ltd|Inc|Co|Corp|Bros|Jr|Sr|Dr|Mr|Mrs|Ms|St|No|etc|vs|[A-Z]|[ap]\.m|U\.S|U\.K)\.$", re.IGNORECASE
)

_CTA = re.compile(
    r"报名|加入|申请入|申请加|入会|入群|进群|扫码|加群|立即注册|点击注册|成为会员|招募|免费领|订阅|商务合作|交流群|加\s?[vV微]信?|微信号|合作(?:请|热线|微信)|咨询|联系人"
    r"|\b(?:join|apply|register|sign[ -]?up|subscribe|become a member|membership|enrol|click here|book your|get the)\b",
    re.IGNORECASE,
)
_CTA_LABEL = re.compile(
    r"^(?:(?:please )?(?:click|tap) here(?: to\b)?|click to [a-z]+|apply now|join now|register now"
    r"|(?:请|猛)?(?:点击?|戳)(?:这里|此处|此|链接|下方链接|报名|注册|加入|申请)"
    r"|长按(?:识别)?(?:下方|下图|上方|上图)?(?:的?二维码)?|(?:识别|扫描?|扫一扫)(?:下方|下图|上方|上图)?的?二维码"
    r"|立即\S{2})[\s,，:：|→👉>]*",
    re.IGNORECASE,
)
_DASHED = re.compile(r"([^—–]{4,}?)(\s+(?:[—–→]|--|->)\s+|\s*——\s*)(\S.*)")
_BOLD_FIRST = re.compile(r"(?:\*\*)?([^*]{4,120}?)[:：.。]?\*\*[:：]?\s*(?:(?:--|[—–-])\s*)?(\S.*)")
_COLON_SENTENCE = re.compile(r"[^:：。！？]{4,40}(?:：\s*|:\s+)\S.{5,}[.!?。！？]")
_COLON = re.compile(r"([^:：]{4,}?)(：\s*|:\s+)(\S.*)")
_FOOT = re.compile(
    r"^\W*(?:阅读|在看|点赞|赞|分享|收藏|喜欢此内容|阅读原文|继续滑动|预览时标签|微信扫一扫|关注该公众号"
    r"|关注我们|长按|点击上方|点击蓝字|点击关注"
    r"|本期完|全文完|完|end|the end|未经授权|转载|版权|copyright|©|免责声明|声明|责任?编辑|责编|编辑|校对|排版"
    r"|(?:转自|转载自?|风险提示|温馨提示|特别提示|以上(?:信息|内容))\s*[:：]|以上(?:信息|内容)|更多内容|主编|监制|【?(?:微语|金句|心语|寄语|每日一[语句]|今日一[语句])】?|祝(?:大家|各位|您)|顺祝|此致|敬礼"
    r"|审核|往期|更多精彩|收起全文|展开全文|转发\s*\d|(?:提交|汇报|整理|供稿|撰稿|审稿|发布)(?:人|者|时间)\s*[:：]"
    r"|edited by|compiled by|unsubscribe|view (?:in|this)"
    r"|manage (?:your )?pref|you (?:get|are receiving|received) this|do not reply"
    r"|退订|取消订阅|(?:广告|廣告|推广|赞助商?|sponsored(?: by)?|advertisement|ad)\s*[:：|｜]"
    r"|this (?:mail|e-?mail|message)|sent from|发自我的|--\s*$)",
    re.IGNORECASE,
)
_FOOT_ANYWHERE = re.compile(
    r"请勿(?:直接)?回复|do not reply|unsubscribe|退订|all rights reserved|扫描二维码关注|点击上方|点击蓝字|长按识别",
    re.I,
)
_GREETING = re.compile(
    r"^(?:早上好|早安(?![\u3400-\u9fff]{1,8}\s*(?:\d|$|[|｜·]))|大家早|早[，,！!~～]|大家(?:早上|早|晚上|下午)?好|各位|晚上好|下午好"
    r"|good (?:morning|evening)|hello|hi\b|dear|here(?: i|['’])s\b|以下是|下面是)",
    re.IGNORECASE,
)
_POINTERS = " 🔗👉➡→↗▶►☞:："
_RULE = re.compile(r"[\s\-=_*—–─━~～·.。、,，+#^☆★…<>|｜■□◆]+")
_PICTOGRAPHS = re.compile(
    r"^(?:[\U0001f300-\U0001faff\u2300-\u23ff\u2600-\u27bf]\ufe0f?\s*)+|(?:\s*[\U0001f300-\U0001faff]\ufe0f?)+$"
)
_DECORATION = "■□▌▎▍◆◇●○▶►▸★☆※◎▪▫•·|｜丨#*=~—–-_─━【】[]〖〗「」『』<>《》 :：✦✨🔥📌📰🌍🌏🚀💡🔹🔸📱🛒💰🏠🎯📊"


def linked_name_at_end(text: str) -> tuple[str, str, str] | None:
    """A headline that ends in a linked name in parentheses, as (what stands before it, name, address)."""
    match = re.fullmatch(rf"(.+?)\s*[(（]\s*{LINK}([^{LINK_URL}]+){LINK_URL}([^{LINK_END}]+){LINK_END}\s*[)）]", text)
    return (match[1], match[2].strip(), match[3]) if match and is_name(match[2].strip()) else None


def source_line(text: str) -> tuple[str, str] | None:
    """A line that holds only a source, as (name, address)."""
    plain, url = strip_links(text)
    if url and plain.strip(_POINTERS) == url:
        return "", url
    alone = text.startswith(LINK) and text.endswith(LINK_END) and text.count(LINK) == 1
    if alone and is_name(plain) and not is_call(text):
        return plain.strip(), url
    if (
        re.fullmatch(
            rf"(?:原文|链接|原文链接|阅读原文|详情|link|read more|full story|more)\s*[:：]?\s*{re.escape(url)}?",
            plain.strip(),
            re.I,
        )
        and url
    ):
        return "", url
    for pattern in (_SOURCE_LINE, _SOURCE_VIA, _SOURCE_DASH, _SOURCE_BAR, _LONE_PARENTHESIS):
        match = pattern.fullmatch(plain.strip())
        if match and width(match[1]) <= 60 and not (pattern is _LONE_PARENTHESIS and _NO_SOURCE.match(match[1])):
            name = match[1].strip(" []【】()（）.。") if pattern is not _SOURCE_VIA else match[1].strip()
            name = name.replace(url, "").strip(" :：-—|<>") if url else name
            return _without_reporter(name), url
    if url and plain.endswith(url) and (match := _POINTED.fullmatch(plain[: -len(url)].strip())) and is_name(match[1]):
        return match[1], url
    if url and plain.endswith(url) and _is_named_address(plain[: -len(url)].strip()):
        return plain[: -len(url)].strip(" ,:：|｜"), url
    if url and plain.endswith(url) and (match := _FROM.fullmatch(plain[: -len(url)].strip())) and is_name(match[1]):
        return match[1], url
    return None


def _is_named_address(name: str) -> bool:
    """Whether the words before an address, on a line of their own, are the name of whose it is."""
    return (
        is_name(name)
        and width(name) <= 24
        and not is_call(name)
        and not is_foot(name)
        and _POINTING.search(name) is None
    )


def _without_reporter(name: str) -> str:
    return _BYLINE.sub("", _REPORTER.sub("", name)).removeprefix("@")


def source_at_end(text: str, *, lenient: bool) -> tuple[str, str, str, str] | None:
    """A source that ends a paragraph: (text before, name, address, as written); `lenient`: no full stop needed."""
    plain, url = strip_links(text)
    tail_url = url if url and text.endswith((LINK_END, f"{LINK_END})", f"{LINK_END}）")) else ""
    linked = _END_LINK.fullmatch(text)
    if linked and is_name(linked[2].strip()) and "://" not in linked[2] and not is_call(linked[2]):
        return linked[1], linked[2].strip(), linked[3], linked[2]
    for pattern in (_END_LABEL, _END_VIA, _END_SAYS, _END_CODE, _END_DASH, *([_END_VIA_BARE] if lenient else ())):
        match = pattern.fullmatch(plain)
        if match and width(match[2]) <= 40:
            return _cut(text, match[1]), match[2].strip(), tail_url, match[2]
    match = _END_PARENTHESIS.fullmatch(plain)
    if match and match[1]:
        name = re.sub(rf"^\s*(?:{_LABELS})\s*[:：]?\s*", "", match[2], flags=re.IGNORECASE).strip()
        labelled = name != match[2].strip()
        name = _without_reporter(name)
        sure = labelled or _STOP.search(match[1]) is not None
        if (
            is_name(name)
            and (sure or (lenient and not _NO_SOURCE.match(name)))
            and not (_NO_SOURCE.match(name) and not labelled and not _known_shape(name))
        ):
            return _cut(text, match[1]), name, tail_url, match[2]
    return None


def _known_shape(name: str) -> bool:
    return bool(re.match(r"[A-Z]|.*(?:报|网|社|周刊|日报|财经|新闻|科技|观察|评论)$", name))


def is_name(text: str) -> bool:
    """Whether a text may be a source's name: short, no sentence, not only figures."""
    return (
        bool(text)
        and width(text) <= 44
        and bool(re.search(r"[^\W\d_]", text))
        and not re.search(r"[。！？!?；;]|, .*, ", text)
    )


def strip_links(text: str) -> tuple[str, str]:
    """The words of a line without its link marks, and the last address in it."""
    urls = re.findall(f"{LINK_URL}([^{LINK_END}]*){LINK_END}", text)
    return re.sub(f"{LINK_URL}[^{LINK_END}]*{LINK_END}", "", text).replace(LINK, ""), urls[-1] if urls else ""


def _cut(text: str, before: str) -> str:
    """The beginning of `text`, marks and all, whose words are `before`."""
    kept, count, inside = [], 0, False
    for character in text:
        if character == LINK_URL:
            inside = True
        if not inside and character != LINK:
            if count == len(before):
                break
            count += 1
        kept.append(character)
        if character == LINK_END:
            inside = False
    cut = "".join(kept).rstrip()
    return re.sub(f"{LINK}[^{LINK_URL}]*$", "", cut).rstrip()


def is_call(text: str) -> bool:
    """Whether a line asks to join, apply or register."""
    return _CTA.search(strip_links(text)[0]) is not None


def call_label(text: str) -> str:
    """The words of a button at the beginning of a call ("Click to register"), or ""."""
    match = _CTA_LABEL.match(text)
    return match[0] if match else ""


def bold_first(text: str) -> tuple[str, str] | None:
    """A line whose beginning stands between bold marks, as (what was bold, the rest)."""
    match = _BOLD_FIRST.fullmatch(text)
    return (match[1].strip(), match[2]) if match else None


def has_colon(text: str) -> bool:
    """Whether a line is a headline, a colon, and a sentence."""
    return _COLON_SENTENCE.fullmatch(strip_links(text)[0]) is not None


def dashed(text: str, *, sourced: bool, colons: bool = False) -> tuple[str, str, str] | None:
    """A line of headline, dash or colon, and text: (headline, sign, text); `sourced`: a source stood behind it,
    `colons`: the digest's other lines have a colon there too.

    Behind a dash a sentence, or words no fewer than the headline's with a source behind them, are a text; behind a
    colon, which headlines have themselves, only a sentence that is much longer than what stands before.
    """
    plain = strip_links(text)[0]
    for pattern, colon in ((_DASHED, False), (_COLON, True)):
        match = pattern.fullmatch(plain)
        if match is None:
            continue
        before, behind = width(match[1]), width(match[3])
        sentence = re.search(r"[.!?。！？]$", match[3]) is not None
        if colon and colons and sentence:
            return match[1].strip(), match[2].strip(), text[text.find(match[2]) + len(match[2]) :].strip()
        much = behind >= 2 * before and behind >= 40
        if (sentence and much) if colon else (sentence or much or (sourced and behind >= before)):
            at = text.find(match[2])
            kept = text[at + len(match[2]) :] if at > 0 else match[3]
            return match[1].strip(), match[2].strip(), kept.strip()
    return None


def is_strong_call(text: str) -> bool:
    """Whether a call is surely one: it begins so, or names an address, a number or a group."""
    plain, url = strip_links(text)
    strong = re.search(r"扫码|微信|QQ|群|电话|https?:|\d{7,}", plain)
    return bool(url or strong or _CTA.match(plain.lstrip("【[「☞👉▶ "))) and is_call(text)


def is_foot(text: str) -> bool:
    """Whether a line is a head or foot of the page: counters, imprint, unsubscribe."""
    plain = strip_links(text)[0]
    return width(plain) < 160 and (_FOOT.match(plain) is not None or _FOOT_ANYWHERE.search(plain) is not None)


def is_greeting(text: str) -> bool:
    """Whether a line greets the readers."""
    return _GREETING.match(text) is not None


def is_rule(text: str) -> bool:
    """Whether a line holds only strokes or stray punctuation."""
    return bool(text) and _RULE.fullmatch(text) is not None


def heading(text: str) -> tuple[str, bool] | None:
    """A line that may be a section's title, as (title, whether it is decorated as one)."""
    plain = strip_links(text)[0]
    numbered = next((mark for mark in marks(plain) if mark.family in ("han", "hanparen", "ordinal")), None)
    body = numbered.rest if numbered else re.sub(r"^第?[一二三四五六七八九十]+部分[:：、\s]*", "", plain)
    if re.fullmatch(r"[\u3400-\u9fff](?: [\u3400-\u9fff]){1,5}", body.strip(_DECORATION).strip()):
        body = body.replace(" ", "")
    title = _PICTOGRAPHS.sub("", body.strip(_DECORATION)).strip(_DECORATION)
    title = re.sub(r"^[A-Z][.、)）]\s*(?=\S{2})", "", title).strip()
    decorated = numbered is not None or body.strip() != title
    if (
        not title
        or width(title) > 44
        or re.search(r"[。！？!?；;…]$|[,，]$|\.$", title)
        or re.search(r"\[\^?\d{1,3}\]$", plain)
        or source_line(text)
    ):
        return None
    if source_at_end(plain, lenient=True):
        return None
    return " ".join(title.split()), decorated


def headline(text: str) -> tuple[str, str]:
    """A headline without marks around it and without a final stop; and what was taken away, as words."""
    plain = " ".join(strip_links(text)[0].split())
    whole = re.fullmatch(r"【(.+)】|\*\*(.+)\*\*|「([^「」]+)」", plain)
    cut = next((part for part in whole.groups() if part), plain) if whole else plain
    cut = cut.replace("**", "").strip()
    bare = cut
    if re.search(r"[;；,，]$", cut) or (re.search(r"(?<![.。])[.。]$", cut) and not _KEPT_STOP.search(cut)):
        bare = cut[:-1].rstrip()
    return bare, "final stop dropped" if bare != cut else ""
