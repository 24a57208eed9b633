"""A line of the head that greets the readers, perhaps with the date and the newsletter's name in it."""

from __future__ import annotations

import re

from mailer.model.columns import width
from mailer.rendering.paste import grammar
from mailer.rendering.paste.letters import fold
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.masthead import DOING, EDGE, KIND, Masthead

_ENDS_AS_NAME = re.compile(rf"(?:{KIND}|digest|brief|briefing|news)$", re.IGNORECASE)
_COMES = re.compile(r"(?:来|嚟|开始|上线)[了啦喇]?[\W_]*$")
_NAME_IN_GREETING = re.compile(
    r"([^\W\d]{2,12}(?:报|快讯|速递|简讯|周讯|要闻|早餐|早茶))(?=[为给]您播报)|今[日天]的?([^\W\d]{2,12}?(?:报|快讯|速递|简讯|周讯|要闻|早餐|早茶))如下|(?:这里是|收听|收看|阅读|来到|的是)[^，。《》]{0,10}《([^《》]{2,20})》"
    rf"|《([^《》]{{1,15}}(?:{KIND}))》"
    r"|[的是][《「【“]?([^\W\d的是]{2,12}(?:报|快讯|速递|简讯|资讯|周刊|日刊))[》」】”]?[\W_]*$"
)
_WELCOME = re.compile(
    rf"这里是[《「【“]([^《》「」【】“”]{{2,16}})[》」】”]|(?:这里是|欢迎(?:收听|收看|阅读|来到)|您?(?:正在)?(?:收听|收看)的是)[《「【“]?([^\W\d]{{1,12}}?(?:{KIND}))(?=\W|$)"
    r"|here(?: i|['’])s (?:(?:your|today['’]s) |(?-i:the )?)"
    r"((?-i:[A-Z])[\w’'&-]*(?: (?:&|and|of|(?-i:[A-Z])[\w’'&-]*)){1,4})(?= for\b|[,:.])"
    r"|(?:morning|afternoon|evening|day|hello|greetings),? from (?:the )?"
    r"((?-i:[A-Z])[\w’'&-]*(?: (?-i:[A-Z])[\w’'&-]*){0,4})(?=[,.!:])"
    r"|(?:you(?:['’]| a)re reading|this is) (?:the )?"
    r"((?-i:[A-Z])[\w’'&-]*(?: (?:&|and|of|(?-i:[A-Z])[\w’'&-]*)){1,5})(?=[,.!:])"
    r"|welcome to (?!the \w+ of)([A-Z][\w ’'&-]{2,40})(?=[,.!:])",
    re.IGNORECASE,
)
_NAME_THAT_GREETS = re.compile(
    r"(?!.*(?:各位|大家|朋友|伙伴|同学|老板|家人|亲爱|all|everyone|team|folks|friends))[^，,。！!]{1,12}[，,]\s*[^，,。！!]{2,14}",
    re.I,
)


def read(text: str, line: Line, masthead: Masthead, *, above_day: bool) -> Line | None:
    """Take date and name out of a line that greets the readers, and keep it as introduction.

    A name that greets itself, before the day or above it, is given back: it is one where no other is found.
    """
    if above_day and _NAME_THAT_GREETS.fullmatch(hail := text.rstrip("！! ")):
        return Line(line.number, hail)
    before, after = dated = masthead.take_date(text, line) or ("", "")
    behind = _COMES.sub("", masthead.edition(after, line).strip(EDGE))
    behind = "" if DOING.match(behind) else behind
    clause = re.split("[!！,，~～。]", before)[1:][-1:]
    match = _NAME_IN_GREETING.search(fold(text)) or _WELCOME.search(fold(text))
    if not masthead.head.newsletter and match:
        at = next(group for group in range(1, match.re.groups + 1) if match.end(group) > 0)
        masthead.take_name(text[match.start(at) : match.end(at)], line)
        if number := re.search(grammar.EDITION, text[match.end() :], re.IGNORECASE):
            masthead.take_number(int(number[1] or number[2]), line)
    elif clause and _ENDS_AS_NAME.search(fold(clause[0].strip(EDGE))) and masthead.may_be_name(clause[0].strip()):
        masthead.take_name(clause[0], line)
    elif behind and width(behind) <= 24 and _ENDS_AS_NAME.search(fold(behind)) and masthead.may_be_name(behind):
        masthead.take_name(behind, line)
    elif dated and not behind and _NAME_THAT_GREETS.fullmatch(before) and re.match(r"\s*[|｜丨·]", text[len(before) :]):
        return Line(line.number, before)
    if number := re.search(grammar.EDITION, text, re.IGNORECASE):
        masthead.take_number(int(number[1] or number[2]), line)
    only = bool(dated) and not behind and re.search(r"[!！。～~]\s*$", before) is not None
    masthead.head.intro.append(before.strip() if only else line.text)  # the mail tells the day itself
    masthead.report.found(line.number, "intro", "taken as the introduction", text)
    return None
