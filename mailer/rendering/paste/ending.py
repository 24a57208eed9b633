"""Where the last item of a digest ends and the page's foot or the call to action begins."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from mailer.model.columns import width
from mailer.rendering.paste import dates, enumerators, grammar, links, naming, sources, tails, titles
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.outline import Outline

_FRAMED = re.compile(r"([—–=~*·-]{2,})\s*\S.*\S\s*\1")
LEAST = 2  # other items that agree
_TO_READERS = re.compile(r"\b(?:you|your|us|we)\b|[您你]|我们|我們|大家|各位", re.IGNORECASE)


def find(lines: list[Line], found: Outline) -> int:
    """The index behind the last item of the digest whose outline was `found`."""
    return _Ending(lines, found).end()


def _is_colophon(text: str) -> bool:
    """Whether a line is little more than the day and who puts up the digest."""
    found = dates.find(text, dates.SOME_DAY) if width(text) <= 40 and not re.search(r"[。！？.!?]$", text) else None
    share = (found[3] - found[2]) / len(text) if found else 0
    return found is not None and share > (1 / 3 if found[1] else 2 / 3)


@dataclass(frozen=True, slots=True)
class _Ending:
    lines: list[Line]
    found: Outline

    def end(self) -> int:
        """The index behind the last item: its source, or where the page's foot or the call to action begins."""
        start = max(self.found.starts)
        if self._is_one_line(start):
            return start + 1
        index = start + 1
        each, told = self._lines_of_each(), 0
        while index < len(self.lines):
            text = self.lines[index].text
            if text and index > start and self._leads_on(index):
                return index
            if (
                text
                and (
                    sources.source_line(text)
                    or (tails.source_at_end(text, lenient=False) and not grammar.is_foot(text))
                )
                and not (grammar.is_call(text) and not sources.source_line(text))
                and not self._is_above_text(start, index)
            ):
                rest = [i for i in range(index + 1, len(self.lines)) if self.lines[i].text]
                if not rest or not (self._more_text(rest) or self._is_usual_remark(start, rest[0])):
                    return index + 1
            foot = text and (grammar.is_foot(text) or grammar.is_rule(text) or text.startswith("## "))
            foot = foot or (not self.lines[index - 1].text and _FRAMED.fullmatch(text) is not None)
            foot = foot or (text and self._is_told(start, index) and _is_colophon(text))
            foot = foot or (text and index > start and self._is_signature(index))
            if text and 0 < told == each and not self.lines[index - 1].text and not tails.names_one(text):
                foot = True  # all others have as many lines, with no blank one between them
            told += text != ""
            foot = foot or (text and index > start and self._is_title_again(start, index))
            foot = foot or (text and index > start and self._is_beyond(start, index))
            if foot or (text and index > start and self._is_call_line(text, index)):
                return index
            index += 1
        return index

    def _leads_on(self, index: int) -> bool:
        """Whether a line below a blank one only leads on to a page (`More: https://...`), as no other item does."""
        found = sources.source_line(self.lines[index].text)
        if found is None or found[0] or self.lines[index - 1].text or sources.is_address(self.lines[index].text):
            return False
        return not any("://" in line.text for line in self.lines[min(self.found.starts) : index])

    def _lines_of_each(self) -> int:
        """How many lines all items but the last have below the first, with no blank one inside; 0 where they differ."""
        borders = sorted([*self.found.starts, *self.found.titles])
        others = [(one, two) for one, two in itertools.pairwise(borders) if one in self.found.starts]
        counts = {sum(line.text != "" for line in self.lines[one + 1 : two]) for one, two in others}
        whole = all(self._blocks(one, two) == 1 for one, two in others)
        return counts.pop() if len(others) >= LEAST and whole and len(counts) == 1 else 0

    def _is_signature(self, index: int) -> bool:
        """Whether a line is who signs the digest: a few words, and nothing but the day, or an imprint, below."""
        text = self.lines[index].text
        if width(text) > 30 or re.search(r"[。！？.!?]$", text) or any(line.text for line in self.lines[index + 4 :]):
            return False
        below = [line.text for line in self.lines[index + 1 :] if line.text]
        apart = not self.lines[index - 1].text
        return len(below) == 1 and (naming.is_day(below[0]) or (apart and grammar.is_foot(below[0])))

    def _is_one_line(self, last: int) -> bool:
        """Whether the last item is complete on its line, as the others are: a blank line or its source ends it."""
        starts = sorted(self.found.starts)
        below = (i for i in range(starts[0], last) if i not in self.found.starts and i not in self.found.titles)
        section = [start for start in starts if start > max(self.found.titles, default=-1)]
        if len(section) >= 3:  # what the last section has tells more than what the others have
            starts, below = section, (i for i in range(section[0], last) if i not in self.found.starts)
        bare = len(starts) >= 3 and not any(self.lines[i].text for i in below) and not self._ends_below(last, starts)
        behind = tails.stand_behind_headlines([*self.found.starts.values()])
        apart = last + 1 < len(self.lines) and not self.lines[last + 1].text
        return bare and (
            apart
            or behind
            or len(starts) > 4
            or tails.source_at_end(self.found.starts[last], lenient=False) is not None
        )

    def _ends_below(self, last: int, starts: list[int]) -> bool:
        """Whether the line directly below the last item names its source, where all others have theirs on one line."""
        named = [tails.source_at_end(self.lines[i].text, lenient=True) is not None for i in starts]
        below = self.lines[last + 1].text if last + 1 < len(self.lines) else ""
        return all(named[:-1]) and not named[-1] and tails.source_at_end(below, lenient=False) is not None

    def _is_title_again(self, last: int, index: int) -> bool:
        """Whether a line below the last item looks as all titles do: one more section, in which no item is marked."""
        text = self.lines[index].text
        marked = [sources.is_marked_name(self.lines[at].text) for at in self.found.titles]
        if len(marked) >= LEAST and all(marked) and sources.is_marked_name(text):
            return True
        widths = [width(title) for at, title in self.found.titles.items() if self.lines[at].text == title]
        return (
            self._is_told(last, index)
            and 2 <= len(widths) == len(self.found.titles)
            and min(widths) <= width(text) <= max(widths)
            and titles.heading(text) is not None
            and any(line.text for line in self.lines[index + 1 :])
        )

    def _is_told(self, last: int, index: int) -> bool:
        """Whether the last item has a text above a line, or needs none there."""
        return (
            any(self.lines[i].text for i in range(last + 1, index))
            or not self._have_texts()
            or (enumerators.bracketed(self.found.starts[last]) or ("", ""))[1] != ""
        )

    def _is_beyond(self, last: int, index: int) -> bool:
        """Whether a block that speaks to readers, or signs, stands where the others, in as many blocks, have ended."""
        text = self.lines[index].text
        speaks = _TO_READERS.search(text) or grammar.has_contact(text)
        if self.lines[index - 1].text or not speaks or tails.source_at_end(text, lenient=True):
            return False
        borders = sorted([*self.found.starts, *self.found.titles])
        blocks = {self._blocks(one, two) for one, two in itertools.pairwise(borders) if one in self.found.starts}
        return len(self.found.starts) > LEAST and len(blocks) == 1 and self._blocks(last, index) == max(blocks)

    def _blocks(self, start: int, stop: int) -> int:
        """How many blocks, parted by blank lines, an item has; pictographs and strokes are none."""
        told = [line.text != "" and not grammar.is_rule(line.text) for line in self.lines[start:stop]]
        return sum(one and not above for above, one in itertools.pairwise([False, *told]))

    def _have_texts(self) -> bool:
        """Whether most items but the last have something below their first line."""
        pairs = list(itertools.pairwise(sorted(self.found.starts)))
        told = sum(any(line.text for line in self.lines[one + 1 : two]) for one, two in pairs)
        return told * 2 > len(pairs)

    def _needs_no_text(self, last: int) -> bool:
        """Whether the item before the last, in the same section, is a line alone."""
        above = [i for i in range(last) if self.lines[i].text]
        return bool(above) and above[-1] in self.found.starts

    def _is_above_text(self, start: int, index: int) -> bool:
        """Whether a source stands directly between the last headline and its text."""
        below = self.lines[index + 1].text if index + 1 < len(self.lines) else ""
        if not below and self._have_texts_below_sources():
            below = next((line.text for line in self.lines[index + 1 :] if line.text), "")
        direct = (
            sources.source_line(self.lines[index].text) is not None
            and not any(self.lines[i].text for i in range(start + 1, index))
            and index > start
        )
        return direct and bool(below) and not (grammar.is_foot_or_call(below) or grammar.is_rule(below))

    def _have_texts_below_sources(self) -> bool:
        """Whether in most other items the first line below the headline names the source, and a text follows."""
        borders = sorted([*self.found.starts, *self.found.titles])
        pairs = [(one, two) for one, two in itertools.pairwise(borders) if one in self.found.starts]
        groups = [[line.text for line in self.lines[one + 1 : two] if line.text] for one, two in pairs]
        told = sum(len(group) > 1 and sources.source_line(group[0]) is not None for group in groups)
        return len(groups) >= LEAST and told * 2 > len(groups)

    def _more_text(self, rest: list[int]) -> bool:
        """Whether lines after a source still belong to the item: another source or address follows at once."""
        text = self.lines[rest[0]].text
        return sources.source_line(text) is not None and not grammar.is_call(text)

    def _is_usual_remark(self, last: int, index: int) -> bool:
        """Whether a line directly below the last source is such a remark or translation as other items have there."""
        pairs = list(itertools.pairwise(self.lines[min(self.found.starts) : index + 1]))
        others, above = pairs[: last - min(self.found.starts)], self.lines[index - 1].text
        usual = any(two.text and self._adds(one.text, two.text) for one, two in others)
        return above != "" and usual and self._adds(above, self.lines[index].text)

    def _adds(self, above: str, text: str) -> bool:
        named = tails.source_at_end(above, lenient=False) is not None
        call = grammar.is_foot_or_call(text) or enumerators.is_numbered(text) or titles.heading(text) is not None
        return named and not call and tails.adds(above, text)

    def _is_call_line(self, text: str, index: int) -> bool:
        contact = not self.lines[index - 1].text and grammar.is_contact(text)
        if not (grammar.is_call(text) or contact) or tails.source_at_end(text, lenient=False):
            return False
        start = max(i for i in self.found.starts if i < index)
        told = any(self.lines[i].text for i in range(start + 1, index))
        headline = self.found.starts[start]
        told = told or tails.source_at_end(headline, lenient=True) is not None or links.strip(headline)[1] != ""
        told = told or tails.before_headline(headline) is not None
        told = told or (not self.lines[index - 1].text and self._needs_no_text(start)) or grammar.is_plain_call(text)
        if contact and told:
            return True
        below = any(
            line.text and not (grammar.is_foot(line.text) or grammar.is_rule(line.text))
            for line in self.lines[index + 1 :]
        )
        if not told and not below and width(text) <= 80 and grammar.begins_with_joining(text):
            return True
        apart = not self.lines[index - 1].text and grammar.is_strong_call(text) and grammar.is_join(text)
        if apart and not any(line.text for line in self.lines[index + 1 :]):
            return True
        if not told and not self._have_texts() and len(self.found.starts) > LEAST and grammar.is_join(text):
            return True
        if not told and (self._have_texts() or not grammar.is_strong_call(text)):
            return False
        rest = [line.text for line in self.lines[index + 1 :] if line.text]
        short = width(links.strip(text)[0]) <= 120 or grammar.call_label(text) != ""
        return (short or len(rest) <= 3) and len(rest) <= 8
