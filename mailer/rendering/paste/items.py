"""The items of a digest: the lines between two enumerators made headline, paragraphs and source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from mailer.model.columns import width
from mailer.model.issue import Source
from mailer.rendering.paste import enumerators, grammar, habits, links, parting, shared, sources, tails
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.outline import UNNUMBERED, Outline
from mailer.rendering.paste.report import Report
from mailer.rendering.paste.shared import Gathered

_LABEL = re.compile(
    r"(?:【(?:导读|内容|摘要|正文|详情|简介|概要)】|(?:导读|内容|摘要|正文|详情|详细|简介|概要|summary|details)\s*[:：])\s*(?=\S)",
    re.IGNORECASE,
)

WIDEST_TAG = 12  # columns of an item's field in brackets

Note = tuple[str, str]


class Gatherer:
    """Gathers the items of one digest; `notes` are the name and address in each of its footnotes, by number.

    `own` is the newsletter's name, which "this paper" means.
    """

    def __init__(self, lines: list[Line], report: Report, notes: Mapping[str, Note], own: str) -> None:
        self.lines = lines
        self.report = report
        self.notes = notes
        self.own = own
        self.habits = habits.NONE
        self.calls: list[Line] = []  # what asks to join between two items

    def gather(self, found: Outline, end: int) -> dict[int, Gathered]:
        """The items by the index of their first line; `end` is the index behind the last one."""
        starts = sorted(found.starts)
        borders = sorted([*starts, *found.titles, end])
        told = replace(found, starts={i: text for i, text in found.starts.items() if i not in found.others})
        others = replace(found, starts={i: text for i, text in found.starts.items() if i in found.others})
        usual, other = (habits.of(self.lines, part, borders) for part in (told, others))
        gathered = {}
        named = habits.of_sections(self.lines, found, borders)
        for start in starts:
            self.habits = other if start in found.others else usual
            if start in named:
                self.habits = replace(self.habits, lenient=True)
            stop = next((border for border in borders if border > start), end)
            gathered[start] = self._item(found, start, stop)
        shared.in_sections(found, gathered, self.report)
        shared.without_numbers([*gathered.values()], self.report)
        shared.without_signs([*gathered.values()], self.report)
        shared.without_tags([*gathered.values()], self.report)
        shared.by_all(self.lines, [*gathered.values()], self.report)
        return gathered

    def _item(self, found: Outline, start: int, stop: int) -> Gathered:
        line = self.lines[start]
        text = found.starts[start]
        body = list(range(start + 1, stop))
        marks = enumerators.marks(line.text)
        if text and marks and not any(mark.rest for mark in marks) and found.family not in UNNUMBERED:
            follower = next((i for i in body if self.lines[i].text), start)  # the headline is below its number
            body = [i for i in body if i > follower]
        item = Gathered("", line.number, [])
        if start in found.others and (story := grammar.several(text)):
            text = story[1]
            item.paragraphs.append(story[2])
        told = self._told_by(text, line.number)
        text = told[1] if told else text
        before = tails.before_headline(text) if self.habits.before else None
        if before:
            text = before[0]
            self.report.add(line.number, "guess", "name before the headline taken as its source", before[1])
        paired = enumerators.bracketed(text)
        if paired and paired[1] and not self._is_tag(paired, body):
            text, first = paired[0], paired[1]
            item.paragraphs.append(first)
        if self.habits.linked and (parted := tails.link_and_name(text)):
            text, name = parted
            item.source = Source(sources.without_reporter(name), links.strip(text)[1], item.line)
        self._paragraphs(item, body)
        linked = tails.linked_first(text)
        url = ""
        if linked:
            text, url, rest = linked
            if (
                item.source is None
                and not item.paragraphs
                and (self.habits.linked_dash or tails.is_named_plainly(rest))
            ):
                item.source = Source(rest, url, item.line)
            else:
                item.paragraphs[:0] = [grammar.begun(rest)]
        elif item.paragraphs and (addressed := tails.bare_address_at_end(text)):
            text, url = addressed
        elif item.paragraphs and (bold := self._bold_first(text)):
            text = bold[0]
            item.paragraphs[:0] = [bold[1]]
        if item.source and item.source.name == links.host(item.source.url):  # the text may have its name
            url, item.source = url or item.source.url, None
        if not item.paragraphs and item.source is None:
            text = self._headline_source(item, text)
        elif not item.paragraphs and item.below and (sentences := self._story(text)):
            text, rest = sentences
            item.paragraphs.append(rest)
            self.report.add(item.line, "guess", "first sentence of a one-line item taken as its headline", text)
        else:
            below = tails.below_source(item.paragraphs, lenient=self.habits.lenient) if item.source is None else []
            del item.paragraphs[len(item.paragraphs) - len(below) :]
            self._closing_source(item)
            item.paragraphs += below
        if url and (item.source is None or not item.source.url):
            item.source = Source(item.source.name if item.source else links.host(url), url, item.line)
        host = item.source is not None and item.source.name == links.host(item.source.url)
        if (host or item.source is None) and self.habits.behind and (behind := tails.behind_headline(text)):
            url = url or links.strip(text)[1] or (item.source.url if item.source else "")
            text, item.source = behind[0], Source(sources.without_reporter(behind[1]), url, item.line)
        if self.habits.columns and not item.paragraphs and (columns := tails.columns(text)):
            text = columns[0]
            item.paragraphs.append(columns[1])
        host = item.source is not None and item.source.name == links.host(item.source.url)
        if before and (host or item.source is None):
            url = url or (item.source.url if item.source else "")
            item.source = Source(sources.without_reporter(before[1]), url, item.line)
        if item.source is None and self.habits.in_headlines and (named := tails.source_at_end(text, lenient=True)):
            text, name, url, _ = named
            item.source = Source(name, url, item.line)
        if item.source is None:
            self._wire(item, told[0] if told else "")
        if item.source is None:
            self._linked_name(item)
        if item.source and sources.is_own(item.source.name):
            what = "'%(name)s' is the newsletter itself"
            self.report.add(item.source.line, "source", what, self.own, name=item.source.name)
            item.source = replace(item.source, name=self.own) if self.own else None
        self._headline(item, text)
        self._report_writers(item, body)
        return item

    def _told_by(self, text: str, line: int) -> tuple[str, str] | None:
        """The agency or paper that a text begins with, and the rest; the digest's own name stays."""
        told = sources.wire(text)
        if told is None or told[0] in self.own:
            return None
        self.report.add(line, "source", "who tells it left out of the text", text[: len(text) - len(told[1])].strip())
        return told

    def _story(self, text: str) -> tuple[str, str] | None:
        """Sentences above a source, as (the first, which is no question, the others)."""
        told = None if links.LINK in text else grammar.several(text, 30)
        return (told[1], told[2]) if told and told[1][-1] in ".。" else None

    def _wire(self, item: Gathered, name: str) -> None:
        """Take the agency that a headline or the first paragraph begins with as the source."""
        if not name and item.paragraphs and (told := self._told_by(item.paragraphs[0], item.line)):
            name, item.paragraphs[0] = told
        if name:
            self.report.add(item.line, "guess", "agency at the beginning of the text taken as the source", name)
            item.source = Source(name, "", item.line)

    def _linked_name(self, item: Gathered) -> None:
        """Take the only link in an item, whose words are a paper's name or who says it, as its source."""
        texts = [text for text in item.paragraphs if links.LINK in text]
        name = links.words(texts[0]) if len(texts) == 1 else ""
        if name and (sources.is_medium(name) or tails.says(texts[0])):
            url = links.strip(texts[0])[1]
            self.report.add(item.line, "guess", "the only link of the text names the source", name)
            item.source = Source(name, url, item.line)

    def _report_writers(self, item: Gathered, body: list[int]) -> None:
        told = [(i, name) for i in body for name in sources.writers(self.lines[i].text)] if item.source else []
        for index, name in told:
            if name not in "\n".join(item.paragraphs):
                self.report.add(self.lines[index].number, "source", "who wrote it left out", name)

    def _bold_first(self, text: str) -> tuple[str, str] | None:
        """A headline in bold and the text behind it; a source behind is none."""
        bold = None if self.habits.behind else grammar.bold_first(text)
        return bold if bold and bold[1][0] not in "(（|｜丨" else None

    def _is_tag(self, paired: tuple[str, str], body: list[int]) -> bool:
        """Whether the word in brackets is the item's field, and its headline and text come after it."""
        if self.habits.tags:
            return width(paired[0]) <= WIDEST_TAG
        told = any(self.lines[i].text and not sources.source_line(self.lines[i].text) for i in body)
        return told and width(paired[0]) <= WIDEST_TAG and re.search(r"[。！？!?.]$", paired[1]) is None

    def _paragraphs(self, item: Gathered, body: list[int]) -> None:
        named: list[tuple[str, str, int]] = []
        closed = False  # the page's foot, or the head of another part, stands between this item and the next
        for index in body:
            line = self.lines[index]
            if not line.text:
                continue
            told = named or (item.paragraphs and tails.names_one(item.paragraphs[-1]))
            closed = closed or (bool(told) and not self.lines[index - 1].text and grammar.closes(line.text))
            if closed:
                self.report.drop(line.number, "line between two items dropped", line.text)
                self.calls += [line] if grammar.is_call(line.text) else []
                continue
            if grammar.is_rule(line.text):
                self.report.drop(line.number, "line of strokes or stray punctuation dropped", line.text)
            elif grammar.is_picture(line.text):
                self.report.drop(line.number, "line about a picture dropped", links.strip(line.text)[0])
            elif (found := sources.source_line(line.text)) or (found := self._noted_source(line.text)):
                named.append((*found, line.number))
            elif told and grammar.asks_to_join(line.text):
                self.calls.append(line)
            elif named and grammar.is_tag(line.text):
                self.report.drop(line.number, "tag below the source dropped", line.text)
            elif grammar.is_foot(line.text) and width(line.text) < 60:
                self.report.drop(line.number, "line of the page dropped", links.strip(line.text)[0])
            else:
                item.paragraphs.append(self._unlabelled(line) if not item.paragraphs else line.text)
        if named:
            name = next((name for name, _, _ in named if name), "")
            url = next((url for _, url, _ in named if url), "")
            number = named[0][2]
            item.source, item.below = Source(name or links.host(url), url, number), True
            for other, _, at in named:
                if other and other != name:
                    self.report.drop(at, "second source of one item dropped", other)

    def _noted_source(self, text: str) -> tuple[str, str] | None:
        """A line that holds only a source and the number of a footnote, as (name, address)."""
        bare, (name, url) = self._note(text)
        found = sources.source_line(bare) if bare != text else None
        return (found[0] or name, found[1] or url) if found else None

    def _unlabelled(self, line: Line) -> str:
        """A text without a word before it that only says so."""
        label = _LABEL.match(line.text)
        if label:
            self.report.add(line.number, "label", "word that only says that a text follows left out", label[0])
        return line.text[label.end() :] if label else line.text

    def _closing_source(self, item: Gathered) -> None:
        if not item.paragraphs or item.source:
            return
        for at, text in enumerate(item.paragraphs):
            if dangling := tails.dangling_label(text):
                self.report.add(item.line, "source", "label of a source without a name dropped", dangling)
                item.paragraphs[at] = text.removesuffix(dangling).rstrip()
        last = item.paragraphs[-1]
        if self.habits.lenient and sources.is_marked_name(last) and sources.is_name(last[1:-1]):
            item.source, item.below = Source(sources.without_reporter(last[1:-1]), "", item.line), True
            item.paragraphs.pop()
            return
        found = tails.source_known(last, lenient=self.habits.lenient)
        if found and self.habits.sure and found[1] not in self.habits.sure:
            found = tails.source_known(last, lenient=False)  # an aside, as all others stand behind a stop
        if found is None and len(item.paragraphs) == 1 and (alone := sources.source_line(last)):
            found = "", *alone, last
        if found:
            before, name, url, _ = found
            if not url and (address := tails.address_at_end(before)):
                before, url = address
                self.report.add(item.line, "link", "address at the end of the text taken as the source's", url)
            item.paragraphs[-1:] = [before] if before else []
            item.source = Source(name, url, item.line)
        elif address := tails.address_at_end(last):
            item.paragraphs[-1:] = [address[0]] if address[0] else []
            item.source = Source(links.host(address[1]), address[1], item.line)
            self.report.add(item.line, "link", "address at the end of the text taken as the source's", address[1])
        elif re.search(r"[)）]$", last) and not self.habits.lenient:
            self.report.add(item.line, "guess", "closing parenthesis kept as text, not a source", last[-40:])

    def _headline_source(self, item: Gathered, text: str) -> str:
        """An item on one line: its source, and its first sentence as headline where there is more than one."""
        found = tails.source_known(text, lenient=self.habits.lenient)
        if found:
            text, name, url, _ = found
            item.source = Source(name, url, item.line)
        elif ((address := tails.address_at_end(text)) and address[0]) or (address := tails.bare_address_at_end(text)):
            text = address[0]
            item.source = Source(links.host(address[1]), address[1], item.line)
            self.report.add(item.line, "link", "address at the end of the line taken as the source's", address[1])
        named, sourced = found is not None, item.source is not None
        headline, rest, guess = parting.part(text, self.habits, named=named, sourced=sourced)
        if guess:
            self.report.add(item.line, "guess", guess, headline)
        item.paragraphs.extend([rest] if rest else [])
        return headline

    def _headline(self, item: Gathered, text: str) -> None:
        text, (name, url) = self._note(text)
        if not (url or name) and item.paragraphs:
            item.paragraphs[-1], (name, url) = self._note(item.paragraphs[-1])
        if url or (name and item.source is None):
            name = item.source.name if item.source else name or links.host(url)
            item.source = Source(name, url, item.line)
        named = tails.linked_name_at_end(text) if item.source is None else None
        if item.source is None and not named and self.habits.names_linked:
            named = tails.linked_name_at_end(text, bare=True)
        if named:
            text, name, url = named
            item.source = Source(name, url, item.line)
        text, aside = self.habits.bare(re.sub(r"^#{1,6}\s+", "", text))
        if aside:
            self.report.add(item.line, "headline", "minutes to read left out", aside)
        shown, repair = grammar.headline(text)
        item.headline = shown
        if repair:
            self.report.add(item.line, "headline", repair, shown)
        url = links.strip(text)[1]
        if url and item.source is None:
            self.report.add(item.line, "link", "address of the headline's link taken as the source's", url)
            item.source = Source(self._byline(item) or links.host(url), url, item.line)
        elif url and item.source and not item.source.url:
            item.source = replace(item.source, url=url)

    def _byline(self, item: Gathered) -> str:
        """The short last paragraph of an item whose headline is a link: the name of where it leads."""
        last = item.paragraphs[-1] if item.paragraphs else ""
        alone = len(item.paragraphs) == 1 and not sources.is_medium(last)
        if not last or alone or width(last) > 30 or not sources.is_name(last) or last[-1] in ".,;:，。；：":
            return ""
        self.report.add(item.line, "guess", "last line taken as the source's name", last)
        return sources.without_reporter(item.paragraphs.pop())

    def _note(self, text: str) -> tuple[str, Note]:
        """A text without the number of a footnote at its end, and that footnote's name and address."""
        match = re.search(r"\s*\[\^?(\d{1,3})\]$", text)
        return (text[: match.start()], self.notes[match[1]]) if match and match[1] in self.notes else (text, ("", ""))
