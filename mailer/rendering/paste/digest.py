"""A pasted digest read line by line into an Issue, with a report of every repair, guess and dropped line."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date

from mailer.errors import SourceError
from mailer.model.columns import width
from mailer.model.issue import CallToAction, Issue, Item, Section
from mailer.rendering import language, source
from mailer.rendering.paste import (
    call,
    clipboard,
    encoding,
    ending,
    fields,
    inline,
    kinds,
    labels,
    leads,
    links,
    names,
    outline,
    preheader,
    prose,
    rows,
    subject,
    titles,
)
from mailer.rendering.paste.forwards import Forward
from mailer.rendering.paste.head import read_foot, read_head
from mailer.rendering.paste.items import Gathered, Gatherer, Note
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.lines import tidy
from mailer.rendering.paste.masthead import Head
from mailer.rendering.paste.report import Repair, Report
from mailer.rendering.registry import Registry

TEXT_LIMIT = 200_000
LINE_LIMIT = 20_000
MOST_LEADS = 6  # that make a title

_NOTE = re.compile(r"\[\^?(\d{1,3})\][:.：]?\s*([^\[\]]{0,40}?)[\s,，:：]*https?://\S+")


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


def read(
    data: bytes | str, *, today: date, day: date | None = None, defaults: Defaults | None = None, name: str = "paste"
) -> Reading:
    """Read a pasted digest (text, clipboard HTML, or an issue file, which passes as it is).

    `day` is the issue's date when it is known; else the one in the digest, without a year the one nearest to `today`.
    Raises SourceError when the text is no digest, saying what was looked for.
    """
    defaults = defaults or Defaults()
    report = Report()
    text = encoding.decode(data, report, name) if isinstance(data, bytes) else data
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if "\x00" in text:
        report.add(
            text[: text.index("\x00")].count("\n") + 1, "invisible", f"{text.count(chr(0))} NUL characters removed"
        )
        text = text.replace("\x00", "")
    if not text.strip():
        raise SourceError("there is nothing to import; paste the digest and try again", where=name)
    if text.lstrip().startswith("---\n") and re.search(r"^(?:newsletter|date|lang)\s*:", text[:2000], re.MULTILINE):
        return Reading(source.read(text, name), (), ())
    html = clipboard.is_html(text)
    if html:
        report.add(0, "html", "read as HTML from a clipboard")
        numbered = clipboard.to_lines(text, report)
    else:
        numbered = list(enumerate(text.split("\n"), 1))
    numbered = rows.to_lines(numbered, report)
    if sum(len(line) for _, line in numbered) > TEXT_LIMIT:
        raise SourceError(f"the text has more than {TEXT_LIMIT:,} characters; that is no digest", where=name)
    if sum(bool(line.strip()) for _, line in numbered) > LINE_LIMIT:
        raise SourceError(f"the text has more than {LINE_LIMIT:,} lines; that is no digest", where=name)
    lines, forward = tidy(numbered, report, html=html)
    return _Reader(lines, report, today, day, defaults, name, forward).reading()


class _Reader:
    """Reads the clean lines of one digest."""

    def __init__(
        self,
        lines: list[Line],
        report: Report,
        today: date,
        day: date | None,
        defaults: Defaults,
        name: str,
        forward: Forward,
    ) -> None:
        self.lines = lines
        self.report = report
        self.today = today
        self.day = day
        self.defaults = defaults
        self.name = name
        self.forward = forward
        self.notes: dict[str, Note] = {}

    def reading(self) -> Reading:
        self.notes = self._footnotes()
        self.lines = titles.mark(self.lines, self.report)
        self.lines = labels.name_labelled(self.lines, self.report)
        found = outline.find(self.lines, self.report)
        if found is None and (parted := inline.part(self.lines, self.report)):
            self.lines = parted
            found = outline.find(self.lines, self.report)
        bracketed = found is not None and found.family == "bracketed"
        if found is not None and labels.name_alone(self.lines, found.starts, self.report, bracketed=bracketed):
            found = outline.find(self.lines, self.report)
        if found is not None and (parted := fields.to_sections(self.lines, found, self.report)):
            self.lines = parted
            found = outline.find(self.lines, self.report)
        if found is None:
            raise SourceError(
                "this is no digest: no line begins with a number, a bullet or 【a headline】, and none names a source;"
                " write items as `1. Headline` with their text below",
                where=self.name,
            )
        first = min([*found.starts, *found.titles])
        head = read_head(self.lines[:first], self.forward, self.today, self.report, list(found.starts.values()))
        end = ending.find(self.lines, found)
        signed = read_foot(head, self.lines[end:], self.today, self.report)
        behind = [line for line in self.lines[end:] if line.number != signed]
        gatherer = Gatherer(self.lines, self.report, self.notes, head.newsletter)
        items = gatherer.gather(found, end)
        self._refuse_what_is_no_digest(found, head, items)
        return self._reading(found, head, items, self._call(gatherer.calls, behind))

    def _call(self, between: list[Line], behind: list[Line]) -> CallToAction | None:
        """The call to action behind the last item, else the one between two items."""
        asked = (self.report, self.defaults.cta, self.defaults.apply_url)
        if (cta := call.read(behind, *asked)) is None:
            return call.read(between, *asked)
        for line in between:
            self.report.drop(line.number, "call to action between two items dropped", links.strip(line.text)[0])
        return cta

    def _footnotes(self) -> dict[str, Note]:
        """Name and address of lines such as `[2] https://...` by number, taken out where the text refers to them."""
        notes = {
            match[1]: (line, (match[2], links.strip(line.text)[1]))
            for line in self.lines
            if (match := _NOTE.fullmatch(links.strip(line.text)[0]))
        }
        texts = [line.text for line in self.lines]
        used = {
            key: note for key, note in notes.items() if any(text.endswith((f"[{key}]", f"[^{key}]")) for text in texts)
        }
        self.lines = [line for line in self.lines if all(line is not note for note, _ in used.values())]
        return {key: found for key, (_, found) in used.items()}

    def _refuse_what_is_no_digest(self, found: outline.Outline, head: Head, items: dict[int, Gathered]) -> None:
        named = sum(item.source is not None for item in items.values())
        bodies = sum(width(" ".join(item.paragraphs)) >= 30 for item in items.values())
        dated = bool(head.day or self.day or head.named)
        dated = dated and (found.family != "shape" or head.worded)
        told = (
            named >= 2
            or (named > 0 and named * 2 >= len(items))
            or (dated and (bodies * 3 >= len(items) or head.worded or bool(found.titles)))
        )
        kind = kinds.other_kind(self.lines, named)
        headlines = [item.headline for item in items.values()]
        matched = sum(index is not None for index in leads.match(head.leads, headlines)) if head.leads else 0
        if kind:
            raise SourceError(f"this is no digest but {kind}; paste the digest alone", where=self.name)
        sections = len(found.titles) >= 2 and bodies * 2 >= len(items) and found.family != "shape"
        if not items or not (told or matched or sections):
            raise SourceError(
                f"this is no digest: {len(items)} numbered lines, but no date, name, source or section with them;"
                " begin with a title such as `Club News, 21 May`, or name sources",
                where=self.name,
            )

    def _reading(
        self, found: outline.Outline, head: Head, items: dict[int, Gathered], cta: CallToAction | None
    ) -> Reading:
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
                self.report.found(
                    head.leads_line, "lead", f"lead differs from headline {index + 1}; kept as its lead", lead
                )
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
            self.report.found(0, "source", f"no source found for item {', '.join(sourceless)}")
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
        title = head.title
        if not title or "{{" in title or width(title) > 300 or any(index is not None for index in matched):
            return ""
        self.report.add(head.leads_line, "title", "no lead names an item; the leads are kept as the title", title)
        return title

    def _language(self, head: Head, headlines: list[str], items: dict[int, Gathered]) -> str:
        words = "\n".join([*headlines, *(text for item in items.values() for text in item.paragraphs)])
        default = next(iter(self.defaults.languages), "zh" if language.han_share(words) > 0.5 else "en")
        found = language.detect(links.strip(words)[0], default)
        return next((tag for tag in self.defaults.languages if language.same(tag, found)), found)

    def _day(self, head: Head) -> date:
        if self.day:
            return self.day
        if head.day is None:
            self.report.add(0, "date", f"no date found; today's is taken: {self.today.isoformat()}")
            return self.today
        if not head.has_year:
            self.report.add(head.day_line, "date", f"date without a year; the nearest is taken: {head.day.isoformat()}")
        return head.day

    def _newsletter(self, head: Head) -> str:
        if head.newsletter:
            if self.defaults.newsletter and self.defaults.newsletter != head.newsletter:
                self.report.add(0, "name", f"the paste names the newsletter {head.newsletter!r}, the club's settings"
                                f" {self.defaults.newsletter!r}; the club's is taken")  # fmt: skip
                return self.defaults.newsletter
            return head.newsletter
        name = self.defaults.newsletter or "Newsletter"
        self.report.add(0, "name", f"no newsletter's name found; {name!r} is taken")
        return name
