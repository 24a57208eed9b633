"""A pasted digest read line by line into an Issue, with a report of every repair, guess and dropped line."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date

from mailer.errors import SourceError
from mailer.model.issue import CallToAction, Issue, Item, Section, Source
from mailer.rendering import language, source
from mailer.rendering.paste import (
    call,
    clipboard,
    encoding,
    grammar,
    kinds,
    leads,
    names,
    outline,
    preheader,
    prose,
    rows,
)
from mailer.rendering.paste.head import Head, read_head
from mailer.rendering.paste.lines import Forward, Line, tidy, width
from mailer.rendering.paste.report import Repair, Report
from mailer.rendering.registry import Registry

TEXT_LIMIT = 1_000_000

_NOTE = re.compile(r"\[(\d{1,3})\][:.]?\s*https?://\S+")
# A one-line item in Chinese: headline, blank, text that ends as a sentence does.
_PARTED = re.compile(r"([^。！？\s]{4,40}[\u3400-\u9fff”』」])\s([\u3400-\u9fff“].{5,}[。！？])")


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


@dataclass(slots=True)
class _Gathered:
    headline: str
    line: int
    paragraphs: list[str]
    source: Source | None = None


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
        numbered = rows.to_lines(list(enumerate(text.split("\n"), 1)), report)
    if sum(len(line) for _, line in numbered) > TEXT_LIMIT:
        raise SourceError(f"the text has more than {TEXT_LIMIT:,} characters; that is no digest", where=name)
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
        self.starts: dict[int, str] = {}
        self.notes: dict[str, str] = {}
        self.in_headlines = False
        self.colons = False

    def reading(self) -> Reading:
        self.notes = self._footnotes()
        found = outline.find(self.lines, self.report)
        if found is not None and outline.name_sources(self.lines, found, self.report):
            found = outline.find(self.lines, self.report)
        if found is None:
            raise SourceError(
                "this is no digest: no line begins with a number, a bullet or 【a headline】, and none names a source;"
                " write items as `1. Headline` with their text below",
                where=self.name,
            )
        self.starts = found.starts
        first = min([*found.starts, *found.titles])
        head = read_head(self.lines[:first], self.forward, self.today, self.report, list(found.starts.values()))
        end = self._end(found)
        items = self._items(found, end)
        self._refuse_what_is_no_digest(found, head, items)
        cta = call.read(self.lines[end:], self.report, self.defaults.cta, self.defaults.apply_url)
        return self._reading(found, head, items, cta)

    def _footnotes(self) -> dict[str, str]:
        """The addresses of lines such as `[2] https://...` by number, taken out where the text refers to them."""
        notes = {
            match[1]: (line, grammar.strip_links(line.text)[1])
            for line in self.lines
            if (match := _NOTE.fullmatch(grammar.strip_links(line.text)[0]))
        }
        texts = [line.text for line in self.lines]
        used = {key: note for key, note in notes.items() if any(text.endswith(f"[{key}]") for text in texts)}
        self.lines = [line for line in self.lines if all(line is not note for note, _ in used.values())]
        return {key: url for key, (_, url) in used.items()}

    def _note(self, text: str) -> tuple[str, str]:
        """A text without the number of a footnote at its end, and that footnote's address."""
        match = re.search(r"\s*\[(\d{1,3})\]$", text)
        return (text[: match.start()], self.notes[match[1]]) if match and match[1] in self.notes else (text, "")

    def _refuse_what_is_no_digest(self, found: outline.Outline, head: Head, items: dict[int, _Gathered]) -> None:
        sources = sum(item.source is not None for item in items.values())
        bodies = sum(width(" ".join(item.paragraphs)) >= 30 for item in items.values())
        dated = bool(head.day or self.day or head.named)
        told = (
            sources >= 2
            or (sources > 0 and sources * 2 >= len(items))
            or (dated and (bodies * 3 >= len(items) or head.worded or bool(found.titles)))
        )
        kind = kinds.other_kind(self.lines, sources)
        headlines = [item.headline for item in items.values()]
        matched = sum(index is not None for index in leads.match(head.leads, headlines)) if head.leads else 0
        if kind:
            raise SourceError(f"this is no digest but {kind}; paste the digest alone", where=self.name)
        sections = len(found.titles) >= 2 and bodies * 2 >= len(items)
        if not items or not (told or matched or sections):
            raise SourceError(
                f"this is no digest: {len(items)} numbered lines, but no date, name, source or section with them;"
                " begin with a title such as `Club News, 21 May`, or name sources",
                where=self.name,
            )

    def _end(self, found: outline.Outline) -> int:
        """The index behind the last item: its source, or where the page's foot or the call to action begins."""
        start = max(found.starts)
        index = start + 1
        while index < len(self.lines):
            text = self.lines[index].text
            if (
                text
                and (grammar.source_line(text) or grammar.source_at_end(text, lenient=False))
                and not (grammar.is_call(text) and not grammar.source_line(text))
            ):
                rest = [i for i in range(index + 1, len(self.lines)) if self.lines[i].text]
                if not rest or not self._more_text(rest):
                    return index + 1
            foot = text and (grammar.is_foot(text) or grammar.is_rule(text))
            if foot or (text and index > start and self._is_call_line(text, index)):
                return index
            index += 1
        return index

    def _more_text(self, rest: list[int]) -> bool:
        """Whether lines after a source still belong to the item: another source or address follows at once."""
        text = self.lines[rest[0]].text
        return grammar.source_line(text) is not None and not grammar.is_call(text)

    def _is_call_line(self, text: str, index: int) -> bool:
        if not grammar.is_call(text) or grammar.source_at_end(text, lenient=False):
            return False
        start = max(i for i in self.starts if i < index)
        if not any(self.lines[i].text for i in range(start + 1, index)) and not grammar.is_strong_call(text):
            return False
        rest = [line.text for line in self.lines[index + 1 :] if line.text]
        short = width(grammar.strip_links(text)[0]) <= 120 or grammar.call_label(text) != ""
        return (short or len(rest) <= 3) and len(rest) <= 8

    def _items(self, found: outline.Outline, end: int) -> dict[int, _Gathered]:
        starts = sorted(found.starts)
        borders = sorted([*starts, *found.titles, end])
        lenient = self._sources_without_stops(starts, borders)
        self.in_headlines = self._sources_in_headlines(found)
        self.colons = self._colons(found, lenient)
        gathered = {}
        for start in starts:
            stop = next((border for border in borders if border > start), end)
            gathered[start] = self._item(found, start, stop, lenient)
        return gathered

    def _sources_without_stops(self, starts: list[int], borders: list[int]) -> bool:
        """Whether this digest names sources in a closing parenthesis as a rule, so that one needs no stop before it."""
        closing = 0
        for start in starts:
            stop = next((border for border in borders if border > start), len(self.lines))
            last = next(
                (
                    self.lines[i].text
                    for i in range(min(stop, len(self.lines)) - 1, start - 1, -1)
                    if self.lines[i].text
                ),
                "",
            )
            closing += grammar.source_at_end(last, lenient=True) is not None
        return closing * 2 >= len(starts)

    def _sources_in_headlines(self, found: outline.Outline) -> bool:
        """Whether most headlines end in a name in parentheses: `1. Ferry sold (Dock Post)`."""
        closing = [text for text in found.starts.values() if grammar.source_at_end(text, lenient=True)]
        return len(closing) >= 3 and len(closing) * 5 >= len(found.starts) * 4

    def _colons(self, found: outline.Outline, lenient: bool) -> bool:
        """Whether most items are one line of headline, colon, and a sentence."""
        texts = [grammar.source_at_end(text, lenient=lenient) or (text,) for text in found.starts.values()]
        told = sum(grammar.has_colon(text[0]) for text in texts)
        return told >= 3 and told * 5 >= len(texts) * 4

    def _item(self, found: outline.Outline, start: int, stop: int, lenient: bool) -> _Gathered:
        line = self.lines[start]
        text = found.starts[start]
        body = list(range(start + 1, stop))
        if (
            text
            and not any(mark.rest for mark in grammar.marks(line.text))
            and found.family not in ("bracketed", "bullet", "headed", "bold", "sources")
        ):
            follower = next((i for i in body if self.lines[i].text), start)  # the headline is below its number
            body = [i for i in body if i > follower]
        item = _Gathered("", line.number, [])
        paired = grammar.bracketed(text)
        if paired and paired[1]:
            text, first = paired[0], paired[1]
            item.paragraphs.append(first)
        self._paragraphs(item, body)
        if not item.paragraphs and item.source is None:
            text = self._headline_source(item, text, lenient)
        else:
            self._closing_source(item, lenient)
        if item.source is None and self.in_headlines and (named := grammar.source_at_end(text, lenient=True)):
            text, name, url, _ = named
            item.source = Source(name, url, item.line)
        self._headline(item, text)
        return item

    def _paragraphs(self, item: _Gathered, body: list[int]) -> None:
        named: list[tuple[str, str, int]] = []
        for index in body:
            line = self.lines[index]
            if not line.text:
                continue
            if grammar.is_rule(line.text):
                self.report.drop(line.number, "line of strokes or stray punctuation dropped", line.text)
            elif (found := grammar.source_line(line.text)) and (
                item.paragraphs or named or index > body[0] or found[0]
            ):
                named.append((*found, line.number))
            elif grammar.is_foot(line.text) and width(line.text) < 60:
                self.report.drop(line.number, "line of the page dropped", grammar.strip_links(line.text)[0])
            else:
                item.paragraphs.append(line.text)
        if named:
            name = next((name for name, _, _ in named if name), "")
            url = next((url for _, url, _ in named if url), "")
            number = named[0][2]
            item.source = Source(name or _host(url), url, number)
            for other, _, at in named:
                if other and other != name:
                    self.report.drop(at, "second source of one item dropped", other)

    def _closing_source(self, item: _Gathered, lenient: bool) -> None:
        if not item.paragraphs or item.source:
            return
        last = item.paragraphs[-1]
        found = grammar.source_at_end(last, lenient=lenient)
        if found:
            before, name, url, _ = found
            item.paragraphs[-1:] = [before] if before else []
            item.source = Source(name, url, item.line)
        elif re.search(r"[)）]$", last) and not lenient:
            self.report.add(item.line, "guess", "closing parenthesis kept as text, not a source", last[-40:])

    def _headline_source(self, item: _Gathered, text: str, lenient: bool) -> str:
        """An item on one line: its source, and its first sentence as headline where there is more than one."""
        found = grammar.source_at_end(text, lenient=lenient)
        if found:
            text, name, url, _ = found
            item.source = Source(name, url, item.line)
        if bold := grammar.bold_first(text):
            item.paragraphs.append(bold[1])
            return bold[0]
        parted = _PARTED.fullmatch(text)
        if parted:
            self.report.add(item.line, "guess", "words before the blank taken as the headline", parted[1])
            item.paragraphs.append(parted[2])
            return parted[1]
        if dashed := grammar.dashed(text, sourced=found is not None, colons=self.colons):
            self.report.add(item.line, "guess", f"words before {dashed[1]!r} taken as the headline", dashed[0])
            item.paragraphs.append(dashed[2])
            return dashed[0]
        match = re.match(r"(.{6,}?(?:[。！？]|[.!?](?=\s+[A-Z0-9\"“])))\s*(\S.*)$", text)
        if (
            match
            and width(text) > (44 if found else 60)
            and not re.search(r"\b(?:Ltd|Inc|Co|Mr|Mrs|Dr|St|[A-Z])\.$", match[1])
        ):
            self.report.add(item.line, "guess", "first sentence of a one-line item taken as its headline", match[1])
            item.paragraphs.append(match[2])
            return match[1]
        return text

    def _headline(self, item: _Gathered, text: str) -> None:
        text, url = self._note(text)
        if not url and item.paragraphs:
            item.paragraphs[-1], url = self._note(item.paragraphs[-1])
        if url:
            name = item.source.name if item.source else _host(url)
            item.source = Source(name, url, item.line)
        named = grammar.linked_name_at_end(text) if item.source is None else None
        if named:
            text, name, url = named
            item.source = Source(name, url, item.line)
        shown, repair = grammar.headline(text)
        item.headline = shown
        if repair:
            self.report.add(item.line, "headline", repair, shown)
        url = grammar.strip_links(text)[1]
        if url and item.source is None:
            self.report.add(item.line, "link", "address of the headline's link taken as the source's", url)
            item.source = Source(self._byline(item) or _host(url), url, item.line)
        elif url and item.source and not item.source.url:
            item.source = replace(item.source, url=url)

    def _byline(self, item: _Gathered) -> str:
        """The short last paragraph of an item whose headline is a link: the name of where it leads."""
        last = item.paragraphs[-1] if len(item.paragraphs) > 1 else ""
        if not last or width(last) > 30 or not grammar.is_name(last) or last[-1] in ".,;:，。；：":
            return ""
        self.report.add(item.line, "guess", "last line taken as the source's name", last)
        return item.paragraphs.pop()

    def _reading(
        self, found: outline.Outline, head: Head, items: dict[int, _Gathered], cta: CallToAction | None
    ) -> Reading:
        headlines = [item.headline for item in items.values()]
        lang = self._language(head, headlines, items)
        texts = ["\n".join(item.paragraphs) for item in items.values()]
        matched = leads.match(head.leads, headlines, texts)
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

    def _language(self, head: Head, headlines: list[str], items: dict[int, _Gathered]) -> str:
        words = "\n".join([*headlines, *(text for item in items.values() for text in item.paragraphs)])
        default = next(iter(self.defaults.languages), "zh-Hans" if language.han_share(words) > 0.5 else "en")
        found = language.detect(grammar.strip_links(words)[0], default)
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


def _host(url: str) -> str:
    match = re.match(r"https?://(?:www\.)?([^/:?#]+)", url)
    return match[1] if match else url
