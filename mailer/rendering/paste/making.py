"""What was read of a digest made an Issue: language, title, sections, and what the paste leaves open."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from mailer.model import language_tag
from mailer.model.columns import width
from mailer.model.issue import CallToAction, Issue, Item, Section
from mailer.rendering import language
from mailer.rendering.paste import leads, links, names, preheader, prose, subject
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.masthead import Head
from mailer.rendering.paste.outline import Outline
from mailer.rendering.paste.report import Repair, Report
from mailer.rendering.paste.shared import Gathered
from mailer.rendering.registry import Registry

MOST_LEADS = 6  # that make a title


@dataclass(frozen=True, slots=True)
class Reading:
    """What an import made: the issue, every repair in order, and the lines that are not in the issue."""

    issue: Issue
    repairs: tuple[Repair, ...]
    unplaced: tuple[Repair, ...]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the paste may leave open: newsletter, languages, call to action, and the right names of sources."""

    newsletter: str = ""
    languages: tuple[str, ...] = ()
    apply_url: str = ""
    cta: str = "club"
    sources: Registry | None = None


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes the issue of one digest; `day` is its date where it is known."""

    lines: list[Line]
    report: Report
    today: date
    day: date | None
    defaults: Defaults

    def reading(self, found: Outline, head: Head, items: dict[int, Gathered], cta: CallToAction | None) -> Reading:
        headlines = [item.headline for item in items.values()]
        lang = self._language(head, headlines, items)
        texts = ["\n".join(item.paragraphs) for item in items.values()]
        matched = leads.match(head.leads, headlines, texts)
        line_of_leads = head.title and len(head.leads) <= MOST_LEADS
        if len(headlines) > 3 and len(set(matched) - {None}) == len(headlines) and not line_of_leads:
            self.report.add(head.leads_line, "leads", "the leads name every item: a table of contents, left out")
            head.leads, head.title, matched = [], "", []
        written = self._written_title(head, matched)
        wording: dict[int, str] = {}
        for lead, index in zip(head.leads, matched, strict=True):
            if index is None and written:
                continue
            if index is None:
                self.report.drop(head.leads_line, "lead that names no item dropped", lead)
            elif leads.is_same(lead, headlines[index]):
                wording[index] = ""
            else:
                wording[index] = lead
                what = "lead differs from headline %(number)s; kept as its lead"
                self.report.found(head.leads_line, "lead", what, lead, number=index + 1)
        sections: list[Section] = []
        opened: int | None = -1
        for number, (start, item) in enumerate(items.items()):
            title_at = max((index for index in found.titles if index < start), default=None)
            title = found.titles[title_at] if title_at is not None else ""
            if title_at != opened:
                opened = title_at
                sections.append(Section(title, (), self.lines[title_at].number if title_at is not None else 0))
            body = "\n\n".join(prose.to_markdown(paragraph) for paragraph in item.paragraphs)
            made = Item(
                item.headline, body, item.source, wording.get(number), language.detect(item.headline, lang), item.line
            )
            sections[-1] = replace(sections[-1], items=(*sections[-1].items, made))
        day = self._day(head)
        issue = Issue(
            newsletter=self._newsletter(head),
            date=day,
            lang=lang,
            number=head.number,
            title=written,
            intro="\n\n".join(prose.to_markdown(text) for text in head.intro),
            sections=tuple(sections),
            cta=cta or CallToAction(self.defaults.cta),
        )
        if cta is None:
            self.report.found(0, "call", "no call to action found; the club's own stands in")
        sourceless = [str(number) for number, item in enumerate(items.values(), 1) if item.source is None]
        if sourceless:
            self.report.found(0, "source", "no source found for item %(numbers)s", numbers=", ".join(sourceless))
        if self.defaults.sources is not None:
            issue = names.by_table(issue, self.defaults.sources, self.report)
        if text := subject.make(issue):
            issue = replace(issue, subject=text)
            self.report.add(0, "subject", "no leads found; the Subject is made of the first headlines", text)
        if text := preheader.make(issue):
            issue = replace(issue, preheader=text)
            self.report.add(0, "preheader", "preheader made from what the title does not tell", text)
        order = sorted(self.report.repairs, key=lambda repair: repair.line)
        return Reading(issue, tuple(order), tuple(sorted(self.report.unplaced, key=lambda repair: repair.line)))

    def _written_title(self, head: Head, matched: list[int | None]) -> str:
        """The leads as the paste has them where none of them names an item; "" where one does."""
        title = " ".join(head.title.split())
        if not title or "{{" in title or width(title) > 300 or any(index is not None for index in matched):
            return ""
        self.report.add(head.leads_line, "title", "no lead names an item; the leads are kept as the title", title)
        return title

    def _language(self, head: Head, headlines: list[str], items: dict[int, Gathered]) -> str:
        words = "\n".join([*headlines, *(text for item in items.values() for text in item.paragraphs)])
        default = next(iter(self.defaults.languages), "zh" if language.han_share(words) > 0.5 else "en")
        found = language.detect(links.strip(words)[0], default)
        return next((tag for tag in self.defaults.languages if language_tag.same(tag, found)), found)

    def _day(self, head: Head) -> date:
        if self.day:
            return self.day
        if head.day is None:
            self.report.add(0, "date", "no date found; today's is taken: %(day)s", day=self.today.isoformat())
            return self.today
        if not head.has_year:
            what = "date without a year; the nearest is taken: %(day)s"
            self.report.add(head.day_line, "date", what, day=head.day.isoformat())
        return head.day

    def _newsletter(self, head: Head) -> str:
        if head.newsletter:
            if self.defaults.newsletter and self.defaults.newsletter != head.newsletter:
                what = "the paste names the newsletter '%(told)s', the club's settings '%(own)s'; the club's is taken"
                self.report.add(0, "name", what, told=head.newsletter, own=self.defaults.newsletter)
                return self.defaults.newsletter
            return head.newsletter
        name = self.defaults.newsletter or "Newsletter"
        self.report.add(0, "name", "no newsletter's name found; '%(name)s' is taken", name=name)
        return name
