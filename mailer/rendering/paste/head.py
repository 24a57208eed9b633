"""The head of a digest, above its first item: the newsletter's name, the date, the leads and a greeting."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from mailer.model.columns import width
from mailer.rendering.paste import dates, enumerators, grammar, greetings, leads, links, naming, page
from mailer.rendering.paste.forwards import Forward
from mailer.rendering.paste.letters import fold
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.masthead import EDGE, KIND, NUMBER, WORDS, Head, Masthead, with_figures
from mailer.rendering.paste.report import Report

_NAME_FIRST = re.compile(rf"([^:：;；、]{{2,40}}?)(?:\s*[:：|｜丨]\s*|\s+[–—-]+\s+)(.+)|(\S{{1,16}}(?:{KIND}))\s+(.+)")
_LEADS_IN_PARENTHESES = re.compile(r"^([^()（）:：;；]{2,24})[(（]([^()（）]+[;；|｜、][^()（）]+)[)）]$")
_ACCOUNT = re.compile(r"原创\s+(?:\S+\s+)?(\S{2,20})\s+(?=20\d\d[-/年])")
# What a mail program writes before a subject.
_TAG = re.compile(r"^\s*[【\[(（](?:外部(?:邮件)?|转发|external|ext|fwd?)[】\])）]\s*", re.IGNORECASE)
_MARKED_NAME = re.compile(
    r"[【\[「《](?!外部|转发|external|ext\b|fwd?\b)([^\d】\]」》]{3,40})[】\]」》](?=.)", re.IGNORECASE
)
# Who wrote an article and for whom, which makes no newsletter of it.
_WRITTEN = re.compile(
    r"(?:来源|作者|记者|编辑|文)\s*[:：/]\s*\S+|\S{0,12}[报网社](?:见习|实习)?记者\S{0,12}"
    r"|本[报刊网](?!\S{0,6}期)"
)
_MOTTO = re.compile(
    r"(?:an?|the|your) (?:\w+ ){0,4}(?:digest|newsletter|brief(?:ing)?|bulletin|letter|round-?up|update)"
    r" (?:for|of|about|on)\b",
    re.IGNORECASE,
)
_THOUSANDS = re.compile(r"((?:\bno\.?|\bissue|\bvol\.?|#)\s*\d{1,3}),(\d{3})(?!\d)", re.IGNORECASE)  # `No. 1,204`
SHORTEST = 8  # columns of a headline
_SPOKEN = re.compile(r"[，,].*[你您我咱]|[你您我咱].*[，,]")  # to somebody, in clauses
# What is said to whoever puts the issue together, not to the readers.
_TO_THE_DESK = re.compile(
    r"请(?:大家|各位|您|帮忙)?(?:排版|审阅|审核|校对|过目|安排|发布)|稿[子件](?:如下|在下面)"
    r"|for your (?:review|approval)",
    re.IGNORECASE,
)


def read_head(lines: list[Line], forward: Forward, today: date, report: Report, headlines: Sequence[str] = ()) -> Head:
    """Read the lines above the first item or section title, and a forwarded mail's subject.

    `headlines` are the digest's own; what they share with a line tells leads from names.
    """
    head = Head()
    lines = [replace(line, text=with_figures(_THOUSANDS.sub(r"\1\2", line.text))) for line in lines]
    forward = replace(forward, subject=with_figures(_TAG.sub("", forward.subject)))
    reader = _Reader(head, today, report, list(headlines), Masthead(head, today, report, list(headlines)))
    numbered = naming.numbered(lines)
    if numbered:
        reader.masthead.take_name(reader.masthead.edition(links.strip(numbered.text)[0], numbered), numbered)
    elif marked := _MARKED_NAME.match(forward.subject):
        reader.masthead.take_name(marked[1], Line(forward.subject_line, forward.subject))
        report.add(forward.subject_line, "name", "the name stands in brackets in the subject", forward.subject)
    filled = [line for line in lines if line.text]
    reader.above_days = {one.number for one, two in itertools.pairwise(filled) if naming.is_day(two.text)}
    for line in filled:
        if line is not numbered:
            reader.line(line)
    if forward.channel and not head.newsletter:
        reader.masthead.take_name(forward.channel, Line(forward.date_line, forward.channel))
    if reader.fallback and not head.newsletter:
        reader.masthead.take_name(reader.fallback.text, reader.fallback)
    if naming.is_weak(head.newsletter) and (plainest := naming.plainest(lines)):
        weak = (line for line in lines if head.newsletter and line.text.strip(EDGE).startswith(head.newsletter))
        if (hail := next(weak, None)) and hail.number != plainest[1].number:
            report.drop(hail.number, "line of the head dropped", hail.text)
        reader.masthead.take_name(*plainest)
        report.keep(plainest[1].number, plainest[0])
    elif worded := naming.worded_below(lines, head.newsletter):
        if head.newsletter not in worded[0]:
            report.drop(lines[0].number, "line of the head dropped", head.newsletter)
        reader.masthead.take_name(*worded)
        report.keep(worded[1].number, worded[0])
    head_words = " ".join([*(line.text for line in lines), forward.subject])
    head.worded = WORDS.search(fold(_WRITTEN.sub(" ", head_words))) is not None
    if forward.subject:
        reader.subject(forward)
    sent = dates.find(forward.date or forward.sent, today)
    if sent and head.day is None:
        head.day, head.has_year, head.day_line = sent[0], sent[1], forward.date_line
    elif sent and sent[1] and head.day and not head.has_year:  # the year in which it was sent
        head.day, head.has_year = dates.nearest(head.day, sent[0]), True
    return head


@dataclass(slots=True)
class _Reader:
    head: Head
    today: date
    report: Report
    headlines: list[str]
    masthead: Masthead
    listing: bool = False  # the heading of the leads was seen
    fallback: Line | None = None  # a name that greets, or the account's, where no other is found
    above_days: set[int] = field(default_factory=set)  # the numbers of lines with only a day below them
    listed: bool = False  # the leads stand on lines of their own

    def subject(self, forward: Forward) -> None:
        head, subject = self.head, forward.subject
        line = Line(forward.subject_line, subject)
        parts = re.split(r"([:：]\s*|\s+[-–—|/]\s+|\s*——\s*|\s*[|｜丨]\s*)", subject, maxsplit=1)
        name, separator, rest = parts if len(parts) == 3 else (subject, "", "")
        if separator and (dated := dates.find(name, self.today)):
            behind = name[dated[3] :].strip(EDGE)
            if re.search(r"\w", name[: dated[2]]) and leads.match([behind], self.headlines) != [None]:
                name, rest = name[: dated[2]], behind + separator + rest  # the first lead stands behind the day
            else:
                name = name[: dated[2]] + name[dated[3] :]
        if (dated := dates.find(rest, self.today)) and not re.search(r"\w", rest[: dated[2]]):
            rest = rest[dated[3] :].strip(EDGE)
        name = name.strip(EDGE)
        if number := NUMBER.search(name):
            head.number = int(number[1]) if head.number is None else head.number
            name = name[: number.start()]
        name = re.sub(r"^[【\[「《](.{2,40})[】\]」》]$", r"\1", name)
        if not separator and not head.newsletter and (dated := dates.find(subject, self.today)):
            name = self.masthead.edition(subject[: dated[2]] or subject[dated[3] :], line)
            name = name.strip(f"{EDGE}【】[]「」《》")
            if 2 <= width(name) <= 50 and not re.search(r"[;；。！？、]", name):
                self.masthead.take_name(name, line)
        clause = re.match(r"([^,，]{4,40})[,，]\s", subject)
        if clause and not separator and not head.newsletter and WORDS.search(fold(clause[1])):
            self.masthead.take_name(clause[1], line)
        if not separator:
            if self.masthead.may_be_name(name) and "," not in name.replace("，", ","):
                self.masthead.take_name(name, line)
            behind = subject[dated[3] :].strip(f"{EDGE}）)】]") if (dated := dates.find(subject, self.today)) else ""
            rest = behind if len(leads.split(behind, self.headlines)) > 1 else ""
            rest = rest or (subject if leads.SEPARATOR.search(subject) else "")
        motto = re.match(rf"{re.escape(name)}\s*[·•|｜丨—–,，-]", head.newsletter)  # behind the name in the head
        if (
            name
            and (not head.newsletter or leads.is_same(name, head.newsletter) or motto)
            and width(name) <= 50
            and separator
        ):
            head.newsletter = name.strip(EDGE)
            head.named = True
        if rest and not head.leads:
            head.leads, head.leads_line = leads.split(rest, self.headlines), forward.subject_line
            head.title = rest
        elif rest:
            self.report.drop(forward.subject_line, "subject left out; the head has leads", rest)
        if head.day is None and (found := dates.find(subject, self.today)):
            head.day, head.has_year = found[0], found[1]

    def line(self, line: Line) -> None:
        text = re.sub(
            r"^(?:#{1,6}\s+|(?:#\+)?(?:title|name|newsletter|刊名|名称|节目|栏目)\s*[:：]\s*|#\+(?:date:)?|\[(?:链接|文件|小程序|公众号文章|转发)\]\s*|第\s*\d{1,3}\s*版\s*|(?:(?:转发|回复|答复|fwd?|re)\s*[:：]\s*)*(?:转发|回复|答复|re|原?标题|fwd?|(?:飞书|腾讯|钉钉|金山|石墨|在线)(?:云)?文档)\s*[:：]\s*)",
            "",
            re.sub(r"^_([^_]+)_$", r"\1", re.sub(r"\*{1,2}(?=\S)([^*]+)\*{1,2}", r"\1", links.strip(line.text)[0])),
            flags=re.I,
        )
        if (
            self.head.newsletter
            and not self.head.named
            and re.match(r"(?:转发?|fwd?)\s*[:：]", line.text, re.IGNORECASE)
        ):
            self.report.drop(line.number, "who forwards it dropped", self.head.newsletter)
            self.head.newsletter = ""
        if grammar.is_rule(text):
            self.report.drop(line.number, "line of strokes or stray punctuation dropped", text)
            return
        if grammar.is_picture(text):
            self.report.drop(line.number, "line about a picture dropped", text)
            return
        if grammar.is_byline(text):
            self.masthead.take_date(text, line)
            self.report.drop(line.number, "line about who wrote it dropped", text)
            return
        if grammar.is_dateline(text) and self.masthead.take_date(text, line):
            if account := _ACCOUNT.match(text):
                self.fallback = Line(line.number, account[1])
            if "原创" in text or "发表于" in text:
                self.report.drop(line.number, "line about where it was put up dropped", text)
            return
        if (dry := grammar.without_weather(text)) != text and dates.find(dry, self.today):
            self.report.drop(line.number, "weather dropped", text[len(dry) :].strip())
            text = dry
        if grammar.is_foot(text) or grammar.is_almanac(text) or page.is_menu(text) or re.fullmatch(r"@\S{1,30}", text):
            if (posted := dates.find(text, self.today)) and posted[1]:
                self.masthead.take_date(text, line)
            self.report.drop(line.number, "line of the page dropped", text)
            return
        if self.head.newsletter and _MOTTO.match(text):
            self.report.drop(line.number, "motto of the newsletter dropped", text)
            return
        if _TO_THE_DESK.search(fold(text)) and not (dates.find(text, self.today) or "《" in text):
            self.report.drop(line.number, "note to whoever makes the issue dropped", text)
            return
        told = self.masthead.numbered(text, line)
        leading = leads.PREFIX.match(text) is not None and len(leads.split(text, self.headlines)) > 1
        if grammar.is_greeting(text) and told == text and not leading:
            self.fallback = (
                greetings.read(text, line, self.masthead, above_day=line.number in self.above_days) or self.fallback
            )
            return
        entry = next(
            (mark.rest for mark in enumerators.marks(text) if mark.family not in (*enumerators.UNSURE, "sub", "share")),
            "",
        )
        bullet = enumerators.bullet(text)
        if not entry and bullet and (self.listing or leads.names_item(bullet[1], self.headlines)):
            entry = text = bullet[1]
        if not entry and self.listing and leads.match([text], self.headlines) != [None]:
            entry = text
        if entry and self.head.leads and not self.listed:
            self.report.drop(line.number, "headline listed again dropped", text)
            return
        if (
            entry
            and not leads.SEPARATOR.search(text)
            and len(leads.split(entry, self.headlines)) < 2
            and not leads.PREFIX.match(entry)
            and dates.find(text, self.today) is None
        ):
            self.listed = True
            self.head.leads.append(grammar.headline(entry)[0])
            self.head.leads_line = self.head.leads_line or line.number
            self.report.found(line.number, "leads", "taken as a lead", entry)
            return
        if leads.is_label(text):
            self.report.drop(line.number, "heading of the leads dropped", text)
            self.listing = True
            return
        rest = self.masthead.edition(self.masthead.bracketed_name(told, line), line)
        rest = self.masthead.edition(self.masthead.dated(rest, line), line).strip(EDGE)
        if rest != text and grammar.is_foot(rest):
            self.report.drop(line.number, "words of the page dropped", rest)
            return
        if self._is_told_by_number(text, rest):
            self._take_leads(rest, line, listed=False)
            return
        if re.search(r"\w", rest) and not re.fullmatch(r"[\W\d_]*", rest):
            self._place(rest, line, rest if rest in text else text)

    def _place(self, text: str, line: Line, whole: str) -> None:
        """What is left of a line without its date: leads, the name, an introduction, or nothing of the issue.

        An introduction keeps the date where it stands within a sentence: as in the `whole` line.
        """
        head = self.head
        text = _LEADS_IN_PARENTHESES.sub(r"\1：\2", text) if not head.newsletter else text
        first = _NAME_FIRST.fullmatch(text)
        if first and not leads.PREFIX.match(text):
            name, rest = (first[1], first[2]) if first[1] else (first[3], first[4])
            if (
                (WORDS.search(fold(name)) or NUMBER.search(name) or self._lead_on(rest))
                and self.masthead.may_be_name(name)
                and self._are_leads(rest, behind_name=True)
            ):
                self.masthead.take_name(name, line)
                text = rest
            elif leads.is_same(name, head.newsletter) and self._are_leads(rest, behind_name=True):
                text = rest
        if (
            first
            and first[1]
            and re.match(r"\s*[:：]", text[len(first[1]) :])
            and WORDS.search(fold(first[1]))
            and not self._are_leads(text, behind_name=False)
        ):
            text = self._without_motto(text, first[1], first[2], line)
        if leads.is_same(text, head.newsletter):
            self.report.drop(line.number, "the newsletter's name again dropped", text)
            return
        behind = head.newsletter != "" and (head.leads_line == 0)
        if not head.leads and self._are_leads(text, behind_name=behind):
            self._take_leads(text, line, listed=behind)
        elif (
            not head.newsletter
            and width(text) <= 60
            and not _SPOKEN.search(text)
            and not re.search(
                r"(?<!开播啊)(?<!开播了)(?<!开播啦)[。！？!?；;]$|^[a-z]+ .*\.$|(?: \S+){3} [a-z]{4,}\.$", text
            )
        ):
            self.masthead.take_name(text.strip(EDGE), line)
            head.named = bool(WORDS.search(fold(text))) or head.day is not None
        elif re.search(r"[。.!！?？]$", text) and width(text) > 20:
            head.intro.append(whole)
            self.report.found(line.number, "intro", "taken as the introduction", whole)
        else:
            self.report.drop(line.number, "line of the head dropped", text)

    def _without_motto(self, text: str, name: str, motto: str, line: Line) -> str:
        """The name of a line that tells what it is behind a colon (`Morning Call: five things for shopkeepers`)."""
        told = motto[0].islower() if motto[0].isascii() else width(motto) > 16
        if not told or not self.masthead.may_be_name(name) or WORDS.search(fold(motto)):
            return text
        self.report.drop(line.number, "motto of the newsletter dropped", motto)
        return name

    def _is_told_by_number(self, text: str, rest: str) -> bool:
        """Whether what is left of a line stands behind the issue's number, as its headline does."""
        number = re.search(rf"{grammar.EDITION}\s*[:：|｜]?\s*", text, re.IGNORECASE)
        told = number is not None and text[number.end() :].strip(EDGE) == rest and width(rest) >= SHORTEST
        if number and not self.head.newsletter and text[number.end() :].lstrip()[:1] in ("·", "•"):
            return False  # a row of day, number and name
        return told and not (self.head.leads or WORDS.search(fold(rest)) or re.search(r"[。.]$", rest))

    def _are_leads(self, text: str, *, behind_name: bool) -> bool:
        parts = leads.split(text, self.headlines, listed=behind_name)
        if leads.PREFIX.match(text) or re.search(r"[;；]", text) or len(parts) > 2:
            return True
        named = zip(parts, leads.match(parts, self.headlines), strict=True) if len(parts) == 2 else ()
        if len(parts) == 2 and (behind_name or any(at is not None and width(part) >= SHORTEST for part, at in named)):
            return True
        if re.search(r"[。！？.!?](?:[)）」”\"]*|[(（].{1,20}[)）])$", text):
            return False  # one sentence
        return behind_name and leads.match(parts, self.headlines) != [None]

    def _lead_on(self, text: str) -> bool:
        """Whether several parts of a line name items."""
        parts = leads.split(text, self.headlines)
        matched = leads.match(parts, self.headlines) if len(parts) <= leads.MOST else []
        return sum(index is not None for index in matched) >= 2

    def _take_leads(self, text: str, line: Line, *, listed: bool) -> None:
        head = self.head
        listed = listed or leads.PREFIX.match(text) is not None
        head.leads, head.leads_line = leads.split(text, self.headlines, listed=listed), line.number
        head.title = re.sub(r"(?:\.{2,}|…+)$", "", leads.PREFIX.sub("", text)).strip(EDGE)
        if re.search(r"(?:\.{2,}|…+)$", text):
            self.report.add(line.number, "leads", "ellipsis at the end of the leads dropped")
        count = len(head.leads)
        told = "1 lead found" if count == 1 else "%(count)s leads found"
        self.report.found(line.number, "leads", told, " / ".join(head.leads), count=count)
