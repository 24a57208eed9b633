"""What a numbered text is when it is no digest (a contract, a notice, a recipe, source code), and its refusal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import median

from mailer.errors import SourceError
from mailer.model.columns import width
from mailer.rendering.paste import leads, page_words, sources
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.masthead import WORDS, Head
from mailer.rendering.paste.outline import Outline
from mailer.rendering.paste.shared import Gathered
from mailer.sentence import Sentence

WORD = 8  # columns of a headline that tells nothing
SHORT = 12  # of one that only heads a chapter
_CONTRACT = re.compile(
    r"^(?:甲\s*方|乙\s*方|丙\s*方|出租方|承租方|委托方|受托方)(?:[（(][^）)]*[)）])?\s*[:：]"
    r"|用户(?:服务)?协议|隐私(?:政策|保护)|争议解决|账号(?:及|和|与)密码|本协议(?:适用|自|所)|\bterms of service\b"
    r"|合同编号|违约责任|本(?:合同|协议)(?:一式|的条款|由)|不承担责任|法律(?:责任|效力)"
    r"|\b(?:hereinafter|witnesseth|whereas|the parties agree|governing law)\b",
    re.IGNORECASE,
)
_NOTICE = re.compile(
    r"^\W*(?:[一二三四五六七八九十\d]{1,2}[、.．]\s*)?(?:会议|活动|集合|培训)?(?:时间|地点|议题|议程|主持人?|参会(?:人员?)?|与会(?:人员?)?|参加人员|出席|列席|缺席"
    r"|注意事项|联系方式|(?:会议)?记录人?)\s*[:：]"
    r"|^\W*(?:minutes of|(?:present|attendees|absent|apologies|agenda|venue|next meeting)\s*:)",
    re.IGNORECASE,
)
_ORDERED = re.compile(
    r"^(?:关于.{2,30}的)?通\s*知$|^各(?:部门|单位|科室|分公司|处室)[^。]{0,8}[:：]$|(?:现将|现就).{0,40}通知|通知如下|特此通知"
)
_VACANCY = re.compile(
    r"招聘|岗位职责|任职要求|^(?:职责|要求)\s*[:：]|月薪|薪资|年薪|简历|工作经验|年以上.{0,6}经验"
    r"|\b(?:salary|resum[eé]|curriculum vitae|years of experience)\b",
    re.IGNORECASE,
)
_WORK = re.compile(
    r"^\W*(?:[一二三四五六七八九十\d]{1,2}[、.．]\s*)?(?:本周|上周|下周|本月|下月|今日|明日)(?:工作|计划|完成|总结)|(?:^|\s)部门\s*[:：]|问题与建议"
    r"|^\W*(?:done|completed|in progress|next(?: week| steps)?|risks?|blockers?|plans?|this week|last week"
    r"|what (?:I|we) (?:did|do|will do|plan(?:ned)?)(?: \w+){0,2})\s*:?$",
    re.IGNORECASE,
)
_CHANGES = re.compile(
    r"^\W*(?:[一二三四五六七八九十\d]{1,2}[、.．]\s*)?(?:新增(?:内容|功能)?|(?:问题|故障|bug)?修复|(?:功能|体验)?优化(?:调整)?"
    r"|(?:平衡性?|数值)调整|已知问题)\s*[:：]?$"
    r"|^#*\s*(?:added|changed|fixed|removed|deprecated|security|unreleased|change ?log|新增|修复|优化|变更)\s*[:：]?$"
    r"|^#*\s*(?:new|known issues|release notes.{0,20})\s*:?$"
    r"|^#*\s*(?:(?:new )?features|bug ?fixes|improvements|breaking changes)\s*:?$|\(#\d{2,5}\)$"
    r"|^#*\s*(?:release|version)?\s*\[?v?\d+\.\d+\.\d+\b",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"^(?:import \w|from \w+ import|def \w+\(|class \w+[(:{]|#include|#!/|package \w+;?$|public (?:static|class)"
    r"|function \w*\(|(?:const|let|var) \w+ ?=|(?:if|for|while) .*[:{]$|return\b|print\(|echo |SELECT .* FROM |<\?php"
    r"|[{}]\);?$|[{}]$|\w+\(.*\);?$|\w+(?:\.\w+)* = .*[;)]$)"
)
_LOG = re.compile(r"^(?:\d{4}-\d\d-\d\d[T ][\d:.,]{8,}\S* )?\W*(?:INFO|WARN(?:ING)?|ERROR|DEBUG|FATAL)\b|^Traceback")
_TESTED = re.compile(
    r"^\W*(?:样品|检测(?:结果|结论|依据|项目)|结论)\s*[:：]|[:：]\s*(?:不?合格|不?达标|未?通过|阴性|阳性)(?=[，,。]|$)"
)
_ORDER = re.compile(
    r"单价|小计|(?:合计|总计|总价|收货人|收货地址|订单号|发票抬头)\s*[:：]|\b(?:qty|subtotal|unit price|invoice no)\b"
    r"|\byour order\b|^total\s*:|^track (?:it|your)\b|tracking number|shipping address",
    re.IGNORECASE,
)
_RECIPE = re.compile(
    r"^\W*(?:食材|材料|用料|配料|主料|辅料|调料|步骤|做法|小贴士|(?:准备|烹饪|制作)时间)\s*(?:[:：]|$)"
    r"|^\W*(?:ingredients|method|directions|prep(?:aration)? time|cook(?:ing)? time|serves \d+)\s*(?::|$)",
    re.IGNORECASE,
)
_LAW = re.compile(
    r"^第[一二三四五六七八九十百]+[章节]\s|制定本(?:办法|规定|条例|法|章程|细则|制度)|本(?:办法|规定|条例|法|章程|细则|制度)(?:所称|自|由|适用)"
    r"|^(?:article|section|§) \d+[.:]? .*\bshall\b|\bshall (?:enter into force|come into effect)\b",
    re.IGNORECASE,
)
_LETTER = re.compile(
    r"^(?:dear (?:mr|mrs|ms|miss|dr|prof|sir|madam|[A-Z]\w+,$)|yours (?:sincerely|faithfully|truly)"
    r"|(?:(?:with |lots of )?love|hugs|kisses|cheers|take care),?$)"
    r"|\b(?:I am writing (?:to|about|with|in)|thank you for your (?:letter|e-?mail|enquiry))\b"
    r"|^尊敬的[^，,：:]{1,8}(?:先生|女士|经理|老师|主任)[:：]|^(?:此致|敬礼|您?来信(?:收到|已收))",
    re.IGNORECASE,
)
_JOURNEY = re.compile(
    r"^\W*(?:day|第)\s*[\d一二三四五六七八九十]{1,2}\s*(?:天|日)?\W.*\d|^\W*\d{1,2}:\d{2}\s*(?:depart|arrive|check|flight|train|bus|出发|抵达|乘|集合|入住)"
    r"|\bcheck-?(?:in|out)\b|\bbooking ref",
    re.IGNORECASE,
)
_PRODUCT = re.compile(
    r"^\W*(?:about this item|product (?:details|description|information)|in the box"
    r"|(?:item |package )?(?:dimensions|weight)"
    r"|item model|colou?r|sold by|date first available|best sellers? rank|\S+ out of 5 stars|add to (?:cart|basket|bag)"
    r"|商品(?:详情|参数|名称)|规格(?:参数)?|材质|净含量|产地|保质期|型号|尺寸|重量|包装清单|售后)\b\s*(?:[:：]|$|.*\d)",
    re.IGNORECASE,
)
_PROGRAMME = re.compile(
    r"^\W*(?:\d{1,2}[.、]\s*)?\d{1,2}[:：]\d{2}\s*(?:[—–~～至-]+\s*\d{1,2}[:：]\d{2})?\s+\S|会议议程|\bagenda\b",
    re.IGNORECASE,
)
_INTERVIEW = re.compile(r"^(?:\*\*)?(?:Q|A|问|答|记者问?|受访者)(?:\*\*)?\s*[:：]")
_EXERCISES = re.compile(
    r"[(（]\s+[)）]|_{4,}|\(\d points?\)|^round \w+\b"
    r"|^A[.．、)]\s*\S.*\sB[.．、)]|\d\W*(?:下列|简述|试述|计算)|^[(（]?\d+分[)）]"
)
# What the first line of a text may say that it is, as groups 1 and so on of the words below.
_TITLES = re.compile(
    r"(待办|备忘|清单|to-?do list|shopping list|errands|checklist)"
    r"|(歌单|片单|书单|playlist)|(菜谱|食谱|的?做法$|recipe)|(行程|itinerary)"
    r"|(面试题|试题|习题|quiz)|(名单|花名册|值班表|课程表|timetable)|(星座|运势|horoscope)"
    r"|((?:协议|合同|条款|章程)(?:[(（][^)）]*[)）])?$|\bterms (?:of|and)\b)"
    r"|(^(?:诚?聘|招聘|[社校]招)|招聘(?:启事|信息)|\bvacanc)"
    r"|(^(?=(?:[^,\t|]*[,\t|]){3}).*(?:\bqty\b|\bsku\b|unit[ _]price|order[ _](?:id|no)|数量|单价|金额))",
    re.IGNORECASE,
)
# What only a text without any source is.
_REPORT = re.compile(
    r"(?:调查|调研|研究|工作|述职|考察|审计|评估|总结|检查)报告(?:[(（][^()（）]*[)）])?$|(?:报告|汇报)如下[:：。]?$"
    r"|\b(?:survey|research|annual|progress|audit) report$|^(?:executive summary|methodology|findings)\s*:?$",
    re.IGNORECASE,
)
_SUMMED_UP = re.compile(
    r"(?:工作|年度|季度|学期|活动|项目|全年)\S{0,6}总结(?:[(（][^()（）]*[)）])?$|总结如下[:：。]?$"
)
_PUBLIC = re.compile(r"(?:公告|公示|通告|启事|公约)(?:[(（][^()（）]*[)）])?$")
_ABOUT = re.compile(r"^关于.{2,40}的(?:通知|函|请示|批复|决定|意见|说明)(?:[(（][^()（）]*[)）])?$")
_GUIDE = re.compile(
    r"(?:指南|攻略|教程|流程|须知|技巧|窍门|妙招|秘诀)(?:[(（][^()（）]*[)）])?$|\bhow to\b|\ba guide to\b"
    r"|\b(?:\d+|five|six|seven|ten) (?:\w+ )?(?:ways|tips|tricks|reasons|rules)\b",
    re.IGNORECASE,
)
_LIFE = re.compile(r"^(?:个人)?简历$|求职简历|\bcurriculum vitae\b|^r[eé]sum[eé]\b", re.IGNORECASE)
_RELEASE = re.compile(
    r"^(?:新品(?:发布|上市)|(?:产品|核心)(?:亮点|特点|卖点)|媒体联系)\s*(?:[:：]|$)"
    r"|^(?:for immediate release|press contact|media contact)\b",
    re.IGNORECASE,
)
_NOTES = re.compile(r"读书笔记|读后感|观后感|\bbook review\b", re.IGNORECASE)
# What the first line of a text without any source may say that it is.
_FIRST_LINES = (
    (Sentence("a public notice"), _PUBLIC),
    (Sentence("a notice to staff"), _ABOUT),
    (Sentence("a guide"), _GUIDE),
    (Sentence("the account of a life"), _LIFE),
    (Sentence("notes on a book"), _NOTES),
)
_PRICE = re.compile(
    r"(?:\s|[:：]|[—–…·.-]{2,})\s*[¥￥$€£]?\s*\d[\d,.]*\s*(?:元|块|美元|港元|usd|rmb|/|起|$)\S{0,4}(?:[\s，,].{0,12})?$",
    re.IGNORECASE,
)
_STOP = re.compile(r"[。！？…；.!?;]['\"”’」』)）]*$")
_TITLED = (
    Sentence("a list of things to do"),
    Sentence("a list of songs, films or books"),
    Sentence("a recipe"),
    Sentence("a plan of a journey"),
    Sentence("exercises"),
    Sentence("a list of names or hours"),
    Sentence("a horoscope"),
    Sentence("a contract"),
    Sentence("a list of vacancies"),
    Sentence("an order or a bill"),
)
_KINDS = (
    (Sentence("a contract"), _CONTRACT, 2),
    (Sentence("a law or statutes"), _LAW, 3),
    (Sentence("a letter"), _LETTER, 2),
    (Sentence("a recipe"), _RECIPE, 2),
    (Sentence("a notice to staff"), _ORDERED, 2),
    (Sentence("a notice of a meeting"), _NOTICE, 2),
    (Sentence("a list of vacancies"), _VACANCY, 3),
    (Sentence("a work report"), _WORK, 2),
    (Sentence("exercises"), _EXERCISES, 2),
    (Sentence("an interview"), _INTERVIEW, 6),
    (Sentence("a plan of a journey"), _JOURNEY, 3),
    (Sentence("what a shop sells"), _PRODUCT, 3),
    (Sentence("a programme"), _PROGRAMME, 4),
    (Sentence("an order or a bill"), _ORDER, 3),
    (Sentence("a list of changes"), _CHANGES, 3),
    (Sentence("a test report"), _TESTED, 4),
    (Sentence("source code"), _CODE, 4),
    (Sentence("a program's log"), _LOG, 3),
)


def other_kind(lines: Sequence[Line], sources: int) -> str:
    """What the lines are instead of a digest, in words; "" where nothing speaks for it, or more sources are named."""
    texts = [line.text for line in lines if line.text]
    first = next((text for text in texts if not page_words.WHERE.fullmatch(text)), "")
    titled = _TITLES.search(first) if width(first) <= 60 and not WORDS.search(first) else None
    if titled and titled.lastindex:
        return _TITLED[titled.lastindex - 1]
    for words, pattern, least in _KINDS:
        told = sum(pattern.search(text) is not None for text in texts)
        if told >= least and told * 8 >= len(texts) and (sources * 2 <= told or told * 2 >= len(texts)):
            return words
    return ""


def _unsourced(lines: Sequence[Line], head: Head, items: Sequence[Gathered]) -> str:
    """What a text is that names no source, by its first line, by rows of prices, verse, or short words over texts."""
    short = [line.text for line in lines if line.text and width(line.text) <= 60]
    if not head.worded:
        if any(_REPORT.search(text) or _SUMMED_UP.search(text) for text in short):
            return Sentence("a report")
        if sum(_RELEASE.search(text) is not None for text in short) > 1:
            return Sentence("a press release")
        if kind := next((kind for kind, title in _FIRST_LINES if short and title.search(short[0])), ""):
            return kind
    priced = sum(not item.paragraphs and _PRICE.search(item.headline) is not None for item in items)
    if priced * 3 >= len(items) * 2 > 4 and not (head.worded and head.day):
        return Sentence("a list of prices")
    if head.worded:
        return ""
    if all(item.paragraphs for item in items) and median(width(item.headline) for item in items) < SHORT:
        return Sentence("a text in chapters")
    texts = [] if head.day else [text for item in items for text in item.paragraphs]
    if len(texts) >= 2 * len(items) > 0 and sum(_STOP.search(text) is not None for text in texts) * 4 < len(texts):
        return Sentence("verse")
    return ""


def refuse_others(
    lines: Sequence[Line], found: Outline, head: Head, items: dict[int, Gathered], *, dated: bool, where: str
) -> None:
    """Raise SourceError where a text with items is no digest; `dated` says that its day is known."""
    named = sum(item.source is not None for item in items.values())
    bodies = sum(width(" ".join(item.paragraphs)) >= 30 for item in items.values())
    dated = bool(head.day or dated or head.named)
    parted = head.has_year and len(found.titles) >= 2 and len(items) > len(found.titles)
    dated = dated and (found.family not in ("shape", "titled") or head.worded or parted)
    credited = any(
        re.search("[、，,/]", (sources.source_line(line.text) or ("",))[0]) and sources.is_labelled(line.text)
        for line in lines
    )  # once for all
    told = (
        named >= 2
        or (credited and bodies * 3 >= len(items))
        or (named > 0 and named * 2 >= len(items))
        or (dated and (bodies * (3 if head.has_year else 2) >= len(items) or head.worded or bool(found.titles)))
    )
    kind = other_kind(lines, named)
    headlines = [item.headline for item in items.values()]
    kind = kind or ("" if named else _unsourced(lines, head, [*items.values()]))
    if not (named or head.worded) and found.family == "nth":
        kind = Sentence("a speech")  # `First, ...`, as one counts in speaking
    if not named and sum(line.endswith(("?", "？")) for line in headlines) * 3 >= len(items) * 2 > 4:
        kind = Sentence("exercises")
    matched = sum(index is not None for index in leads.match(head.leads, headlines)) if head.leads else 0
    wordless = not head.worded and named * 2 < len(items) and bodies * 2 < len(items)
    if wordless and median(map(width, headlines)) <= WORD:
        kind = Sentence("a list of words")
    if kind:
        raise SourceError(Sentence("this is no digest but %(kind)s; paste the digest alone", kind=kind), where=where)
    long = items and median(map(width, headlines)) > 2 * WORD
    sections = long and len(found.titles) >= 2 and bodies * 2 >= len(items) and found.family != "shape"
    if not items or not (told or matched or sections):
        what = (
            "this is no digest: %(count)s numbered lines, but no date, name, source or section with them; begin with"
            " a title such as `Club News, 21 May`, or name sources"
        )
        raise SourceError(Sentence(what, count=len(items)), where=where)
