"""Sections told in another form than the rest of a digest (lines alone, a story), known by titles like the others."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, replace

from mailer.model.columns import width
from mailer.rendering.paste import entries, enumerators, grammar, leads, links, shapes, sources, tails, titles
from mailer.rendering.paste.letters import fold
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.masthead import WORDS
from mailer.rendering.paste.outline import UNNUMBERED, Outline
from mailer.rendering.paste.report import Report

SAYING = 3  # lines of the weather, or of what somebody said
MOST = 40  # lines of one section
WIDEST = 16  # columns of a title without any mark
# Titles over what is no news, and over what is said of the digest itself.
_NO_NEWS = re.compile(
    r"(?:今[日天]|每[日天]|明[日天]|本周|晨间|早安)?(?:天气(?:预报|提醒)?|微语|心?语|鸡汤|金句|一句(?:话)?|一语|语录|寄语|黄历|宜忌|早安|晚安"
    r"|问候|笑话|段子|开心一刻|轻松一刻|美图|壁纸|冷笑话|星座|运势|温馨提示|小贴士)"
    r"|(?:today['’]s )?(?:weather|quote|thought|word|joke|trivia|riddle|photo)(?: of the (?:day|week))?",
    re.IGNORECASE,
)
_OF_ITSELF = re.compile(
    r"关于|福利|联系|商务|友情|相关|往期|推荐|延伸|编者|编辑|前言|导[语言]|卷首|写在前|声明|附件?[:：]?$|备注|注意"
    r"|后记|读者|互动|留言|话题讨论|分享|转发|再见"
    r"|\b(?:about|contact|related|recommended|editor|note|disclaimer|credits?|sponsor|feedback|ps|p\.s|in this issue"
    r"|share|forward|that['’]s (?:all|it))\b",
    re.IGNORECASE,
)
_TO_READERS = re.compile(r"\b(?:you|your|us|we|our)\b|[您你]|我们|我們|大家|各位|本[刊报号]", re.IGNORECASE)
_NOTHING = re.compile(r"(?:(?:none|nothing|nil|n/a)\b.{0,24}|[暂本][无期].{0,8}|无)[.。]?$", re.IGNORECASE)


def add_first(lines: list[Line], outline: Outline, subject: str, report: Report) -> None:
    """The title of the first section, which looks like the name of a digest: where the name is known otherwise."""
    first = min(outline.starts)
    above = next((at for at in range(first - 1, -1, -1) if lines[at].text), None)
    if above is None or min(outline.titles, default=-1) < first:
        return
    look = _look(lines[above].text)
    found = titles.heading(lines[above].text)
    alike = all(_look(lines[at].text) == look for at in outline.titles)
    plain = bool(outline.titles) and not titles.is_date(lines[above].text) and not WORDS.search(fold(lines[above].text))
    named = leads.is_same(re.split(r"[:：|｜（(]|\s+[-–—]\s", subject)[0], lines[above].text)
    if found and alike and (look or (plain and not named)):
        outline.titles[above] = found[0]
        outline.titles = dict(sorted(outline.titles.items()))
        report.found(lines[above].number, "section", "taken as a section title", found[0])


def _look(text: str) -> str:
    """The sign before a title, or the bracket around it."""
    heading, bullet = re.match("#+ ", text), enumerators.bullet(text)
    if (paired := enumerators.bracketed(text)) and not paired[1]:
        return "【"
    return heading[0] if heading else bullet[0] if bullet else ""


def add(lines: list[Line], outline: Outline, end: int, report: Report) -> int:
    """Add such sections to the outline; the index behind its last item, which was `end`."""
    return _Sections(lines, outline, end, report).add()


@dataclass(slots=True)
class _Sections:
    lines: list[Line]
    found: Outline
    end: int
    report: Report

    def add(self) -> int:
        forms = {form for at in self.found.titles if (form := entries.form(self.lines[at]))}
        first = min([*self.found.starts, *self.found.titles])
        filled = [i for i, line in enumerate(self.lines) if line.text]
        heads = [i for i in filled if self._is_title(i, forms, above=i < first, first=filled[0])]
        borders = sorted([*self.found.starts, *self.found.titles, *heads, len(self.lines)])
        for at in heads:
            stop = borders[bisect_right(borders, at)]
            group = self._group(at, stop)
            if _NO_NEWS.fullmatch(self._title(at)):
                group = self._saying(at, stop)
            if _NO_NEWS.fullmatch(self._title(at)) or self._is_saying(group):
                self._leave_out(at, group)
            elif (at > first or not self._is_head(group)) and self._is_told(
                at, group, known=entries.form(self.lines[at]) in forms
            ):
                self._take(at, group)
        return self.end

    def _title(self, index: int) -> str:
        title = (titles.heading(self.lines[index].text) or ("", False))[0]
        return entries.HAN_AND_BLANK.sub("", title)

    def _is_title(self, index: int, forms: set[str], *, above: bool, first: int) -> bool:
        """Whether a line looks as the titles do, or stands out where it can be nothing else."""
        line, title = self.lines[index], self._title(index)
        if (
            not title
            or index in self.found.starts
            or index in self.found.titles
            or (above and index == first and entries.form(line) in ("plain", "bold", "capitals", "#", *entries.PAIRS))
        ):
            return False
        form = entries.form(line)
        inside = not above and index < self.end
        if form in ("plain", "bold") and (
            inside or width(title) > WIDEST or not self._is_apart(index) or re.search(r"\d", title)
        ):
            return False
        marked = form in entries.PAIRS if self.found.family == "bullet" else self.found.family not in UNNUMBERED
        if inside and not (form in forms and marked):
            return False
        if form not in forms and form not in ("#", "capitals", "【", "sign", "plain"):
            return False
        if _NO_NEWS.fullmatch(title):
            return form in forms
        return not (
            titles.is_of_the_page(line.text)
            or titles.is_date(title)
            or grammar.is_foot_or_call(line.text)
            or _OF_ITSELF.search(fold(title))
        )

    def _is_apart(self, index: int) -> bool:
        """Whether a blank line or the end of an item, its source, stands above."""
        above = self.lines[index - 1].text if index else ""
        return not above or tails.names_one(above)

    def _group(self, at: int, stop: int) -> list[int]:
        """The lines below a title up to what belongs to the page."""
        group: list[int] = []
        for index in range(at + 1, stop):
            text = self.lines[index].text
            if not text and stop == len(self.lines) and len(group) > 1 and group[-1] == group[0] + len(group) - 1:
                break  # the page's foot stands apart from lines that do not
            if not text or (grammar.is_rule(text) and not group):
                continue
            if (
                grammar.is_rule(text)
                or titles.is_of_the_page(text)
                or grammar.is_picture(text)
                or grammar.invites(text)
            ):
                break
            if (
                grammar.is_foot_or_call(text)
                and tails.source_at_end(text, lenient=True) is None
                and not shapes.is_text(text)
            ):
                break
            group.append(index)
        return group

    def _saying(self, at: int, stop: int) -> list[int]:
        """The block below a title over what is no news."""
        group: list[int] = []
        for index in range(at + 1, stop):
            text = self.lines[index].text
            if (not text and group) or len(group) == SAYING or grammar.is_call(text):
                break
            group += [index] if text else []
        return group

    def _is_head(self, group: list[int]) -> bool:
        """Whether lines above the first item are the digest's head: a day, a greeting, leads."""
        told = (self.lines[i].text for i in group)
        texts = [links.strip(text)[0] for text in told if sources.source_line(text) is None]
        return (
            any(
                titles.is_date(text) or leads.is_label(text) or leads.PREFIX.match(text) or grammar.is_byline(text)
                for text in (re.sub(r"^#{1,6}\s+", "", text) for text in texts)
            )
            or not any(shapes.is_text(self.lines[i].text) or tails.names_one(self.lines[i].text) for i in group)
            or any(index is not None for index in leads.match(texts, [*self.found.starts.values()]))
        )

    def _is_saying(self, group: list[int]) -> bool:
        """Whether a section is only what somebody said."""
        return len(group) == 1 and grammar.is_saying(self.lines[group[0]].text)

    def _is_told(self, at: int, group: list[int], *, known: bool) -> bool:
        """Whether lines below a title are items: any below a title of a known form, else those that name sources."""
        if (
            not group
            or len(group) > MOST
            or _NOTHING.match(self.lines[group[0]].text)
            or grammar.is_call(self.lines[at].text)
        ):
            return False
        if known:
            return len(group) > 1 or self._have_one_line() or tails.names_one(self.lines[group[0]].text)
        if entries.form(self.lines[at]) == "plain" and not self.found.titles and at >= self.end:
            told = [self.lines[i].text for i in group]
            direct = group[0] == at + 1 and group[-1] - at == len(group) > 1
            if direct and all(shapes.is_text(text) and not _TO_READERS.search(text) for text in told):
                return True
        named = sum(tails.source_at_end(self.lines[i].text, lenient=True) is not None for i in group)
        return named >= 2 and named * 5 >= len(group) * 4

    def _have_one_line(self) -> bool:
        """Whether most items are a line alone, or name no source: then one line below a title is an item, too."""
        borders = sorted([*self.found.starts, *self.found.titles, self.end])
        ends = [borders[bisect_right(borders, i)] if i < self.end else i for i in self.found.starts]
        below = [
            [line.text for line in self.lines[i + 1 : end] if line.text]
            for i, end in zip(self.found.starts, ends, strict=True)
        ]
        alone = sum(not texts for texts in below)
        named = sum(bool(texts) and tails.names_one(texts[-1]) for texts in below)
        return alone * 2 > len(below) or named * 5 < len(below) * 4

    def _take(self, at: int, group: list[int]) -> None:
        items = entries.of(self.lines, group)
        if not items:
            return
        title = self._title(at)
        self.found.titles[at] = title
        self.found.starts |= items
        self.found.others |= items.keys()
        self.end = max(self.end, group[-1] + 1)
        number = self.lines[at].number
        self.report.found(number, "section", "taken as a section title", title)
        what = "%(count)s without a mark taken as the items of a section"
        self.report.add(number, "guess", what, title, count=len(items))

    def _leave_out(self, at: int, group: list[int]) -> None:
        for index in (at, *group):
            self.report.drop(self.lines[index].number, "weather, almanac or saying dropped", self.lines[index].text)
            self.lines[index] = replace(self.lines[index], text="")
