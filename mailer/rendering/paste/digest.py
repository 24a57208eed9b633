"""A pasted digest read line by line into an Issue, with a report of every repair, guess and dropped line."""

from __future__ import annotations

import re
from datetime import date

from mailer.errors import SourceError
from mailer.model.issue import CallToAction
from mailer.rendering import source
from mailer.rendering.paste import (
    above,
    alone,
    asides,
    between,
    call,
    chat,
    clipboard,
    counters,
    dates,
    edges,
    editions,
    encoding,
    ending,
    feeds,
    fields,
    foot,
    headings,
    hooks,
    inline,
    kinds,
    labels,
    links,
    markup,
    ordinals,
    outline,
    page,
    rows,
    rubrics,
    running,
    sections,
    spoken,
    strays,
    tellers,
    writers,
)
from mailer.rendering.paste.forwards import Forward
from mailer.rendering.paste.head import read_head
from mailer.rendering.paste.items import Gatherer, Note
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.lines import tidy
from mailer.rendering.paste.making import Defaults, Maker, Reading
from mailer.rendering.paste.report import Report
from mailer.rendering.paste.sources import is_name
from mailer.sentence import Sentence

TEXT_LIMIT = 200_000
LINE_LIMIT = 20_000

LEAST_NOTES = 2  # names alone that are footnotes
_NAMED_NOTE = re.compile(r"\[\^?(\d{1,2})\][:.：]?\s*(\S.{1,40})")
_NOTE = re.compile(r"\[\^?(\d{1,3})\][:.：]?\s*([^\[\]]{0,40}?)[\s,，:：]*https?://\S+")


def read(
    data: bytes | str,
    *,
    today: date,
    day: date | None = None,
    lang: str = "",
    defaults: Defaults | None = None,
    name: str = "paste",
) -> Reading:
    """Read a pasted digest (text, clipboard HTML, or an issue file, which passes as it is).

    `day` is the issue's date when it is known; else the one in the digest, without a year the one nearest to `today`.
    `lang` is the language to read where the paste holds every item in two; "" for both.
    Raises SourceError when the text is no digest, saying what was looked for.
    """
    defaults = defaults or Defaults()
    report = Report()
    text = encoding.decode(data, report, name) if isinstance(data, bytes) else data
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if "\x00" in text:
        what = "%(count)s NUL characters removed"
        report.add(text[: text.index("\x00")].count("\n") + 1, "invisible", what, count=text.count(chr(0)))
        text = text.replace("\x00", "")
    if not text.strip():
        raise SourceError(Sentence("there is nothing to import; paste the digest and try again"), where=name)
    if text.lstrip().startswith("---\n") and re.search(r"^(?:newsletter|date|lang)\s*:", text[:2000], re.MULTILINE):
        return Reading(source.read(text, name), (), ())
    fed = feeds.to_lines(text, report, rows.known)
    html = fed is None and clipboard.is_html(text)
    if not html:
        text = encoding.without_entities(text, report)
    if fed is not None:
        numbered = fed
    elif html:
        report.add(0, "html", "read as HTML from a clipboard")
        numbered = clipboard.to_lines(text, report)
    else:
        numbered = markup.to_markdown(list(enumerate(text.split("\n"), 1)), report)
    numbered = edges.name(rows.to_lines(chat.from_columns(numbered), report), report)
    if sum(len(line) for _, line in numbered) > TEXT_LIMIT:
        what = "the text has more than %(most)s characters; that is no digest"
        raise SourceError(Sentence(what, most=f"{TEXT_LIMIT:,}"), where=name)
    if sum(bool(line.strip()) for _, line in numbered) > LINE_LIMIT:
        what = "the text has more than %(most)s lines; that is no digest"
        raise SourceError(Sentence(what, most=f"{LINE_LIMIT:,}"), where=name)
    lines, forward = tidy(numbered, report, html=html)
    return _Reader(lines, report, today, day, lang, defaults, name, forward).reading()


class _Reader:
    """Reads the clean lines of one digest."""

    def __init__(
        self,
        lines: list[Line],
        report: Report,
        today: date,
        day: date | None,
        lang: str,
        defaults: Defaults,
        name: str,
        forward: Forward,
    ) -> None:
        self.lines = lines
        self.report = report
        self.today = today
        self.day = day
        self.lang = lang
        self.defaults = defaults
        self.name = name
        self.forward = forward
        self.notes: dict[str, Note] = {}

    def reading(self) -> Reading:
        self.lines = hooks.without(asides.without(self.lines, self.report), self.report)
        self.lines = spoken.join(above.put_below(self.lines, self.report), self.report)
        self.notes = self._footnotes()
        self.lines = counters.pages_of_a_paper(self.lines, self.report)
        self.lines = counters.plain(counters.read_again(self.lines, self.report), self.report)
        self.lines = rubrics.plain(self.lines, self.report)
        self.lines = fields.begin_lines(self.lines, self.report)
        self.lines = fields.begin_with_colons(self.lines, self.report)
        self.lines = between.name_above(between.by_counters(self.lines, self.report), self.report)
        self.lines = between.name(self.lines, self.report)
        self.lines = running.mark(self.lines, self.report)
        self.lines = ordinals.plain(writers.without(self.lines, self.report), self.report)
        self.lines = headings.mark(page.without_menus(self.lines, self.report), self.report)
        self.lines = labels.name_labelled(alone.name_in_brackets(self.lines, self.report), self.report)
        found = outline.find(self.lines)
        if found is None and (parted := inline.part(self.lines, self.report)):
            self.lines = parted
            found = outline.find(self.lines)
        if found is not None and (parted := inline.fill_gaps(self.lines, found.numbers(self.lines), self.report)):
            self.lines = parted
            found = outline.find(self.lines)
        bracketed = found is not None and found.family == "bracketed"
        if found is not None and alone.name(self.lines, found.starts, self.report, bracketed=bracketed):
            found = outline.find(self.lines)
        if found is not None and (parted := fields.to_sections(self.lines, found, self.report)):
            self.lines = parted
            found = outline.find(self.lines)
        if found is not None and (parted := tellers.name(self.lines, found, self.report)):
            self.lines = parted
            found = outline.find(self.lines)
        if found is None:
            what = (
                "this is no digest: no line begins with a number, a bullet or 【a headline】, and none names a source;"
                " write items as `1. Headline` with their text below"
            )
            raise SourceError(Sentence(what), where=self.name)
        found = strays.add(self.lines, found)
        self.report.take(found.noted)
        end = sections.add(self.lines, found, ending.find(self.lines, found), self.report)
        editions.choose(self.lines, found, end, self.lang, self.report)
        if self.forward.subject:
            sections.add_first(self.lines, found, self.forward.subject, self.report)
        first = min([*found.starts, *found.titles])
        head = read_head(self.lines[:first], self.forward, self.today, self.report, list(found.starts.values()))
        signed = foot.read(head, self.lines[end:], self.today, self.report)
        if head.day and not head.has_year:
            told = dates.told_with_year(head.day, (line.text for line in self.lines))
            head.day, head.has_year = told or head.day, told is not None
        behind = [line for line in self.lines[end:] if line.number != signed]
        gatherer = Gatherer(self.lines, self.report, self.notes, head.newsletter)
        items = gatherer.gather(found, end)
        kinds.refuse_others(self.lines, found, head, items, dated=self.day is not None, where=self.name)
        cta = self._call(gatherer.calls, behind)
        return Maker(self.lines, self.report, self.today, self.day, self.defaults).reading(found, head, items, cta)

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
        notes |= self._named_notes()
        texts = [line.text for line in self.lines]
        used = {
            key: note for key, note in notes.items() if any(text.endswith((f"[{key}]", f"[^{key}]")) for text in texts)
        }
        self.lines = [line for line in self.lines if all(line is not note for note, _ in used.values())]
        return {key: found for key, (_, found) in used.items()}

    def _named_notes(self) -> dict[str, tuple[Line, Note]]:
        """Footnotes that are only a name (`[1] Dock Post`), numbered from one, which lines above refer to."""
        found = {
            match[1]: (line, (match[2], ""))
            for line in self.lines
            if (match := _NAMED_NOTE.fullmatch(line.text)) and is_name(match[2])
        }
        told = [*found] == [str(number) for number in range(1, len(found) + 1)]
        above = [line.text for line in self.lines if not _NAMED_NOTE.fullmatch(line.text)]
        used = all(any(text.endswith(f"[{key}]") for text in above) for key in found)
        return found if told and used and len(found) > LEAST_NOTES else {}
