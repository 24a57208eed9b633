"""The plain-text part: made from the item tree, 72 display columns wide, Chinese set as Chinese."""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from itertools import accumulate, chain

from mailer.model.columns import width, width_of

COLUMNS = 72
_NEVER_FIRST = frozenset("，。、；：？！）》」』】〉〕”’…—·％%!),.:;?]}》々ー～")
_NEVER_LAST = frozenset("（《「『【〈〔“‘([{￥¥$")
_TAG_OR_TEXT = re.compile(r'<(?P<end>/?)(?P<name>\w+)(?P<rest>[^>"]*(?:"[^"]*"[^>"]*)*)>|(?P<text>[^<]+)')
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
_BLOCKS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "li", "blockquote", "pre", "ul", "ol", "hr", "table"})


def wrap(text: str, first: str = "", rest: str = "", columns: int = COLUMNS) -> str:
    """One paragraph in lines of at most `columns`, the first led by `first`, the others by `rest`.

    Lines break at blanks and between Chinese characters, never before a closing mark or after an opening one
    (kinsoku). What cannot be broken, an address for instance, may be longer.
    """
    text = " ".join(text.split())
    lines: list[str] = []
    lead, room, start = first, columns - width(first), 0
    reach = _reach(text)
    while (end := reach(start, room)) < len(text):
        cut = _cut(text, start, end)
        lines.append(lead + text[start:cut])
        lead, room, start = rest, columns - width(rest), cut + text.startswith(" ", cut)
    if start < len(text) or not lines:
        lines.append(lead + text[start:])
    return "\n".join(line.rstrip() for line in lines)


def _reach(text: str) -> Callable[[int, int], int]:
    """How far into the text a line goes that begins at a place and has so many columns."""
    if text.isascii():
        return lambda start, room: start + max(room, 0)
    upto = [0, *accumulate(map(width_of, text))]
    return lambda start, room: bisect_right(upto, upto[start] + room) - 1


def _cut(text: str, start: int, end: int) -> int:
    """Where a line that begins at `start` is broken: at the last place up to `end` where it may be, else the next."""
    if text.isascii():
        before = text.rfind(" ", start + 1, end + 1)
        found = before if before > 0 else text.find(" ", end + 1)
        return found if found > 0 else len(text)
    places = chain(range(end, start, -1), range(end + 1, len(text)))
    return next((at for at in places if _may_break(text, at)), len(text))


def _may_break(text: str, at: int) -> bool:
    """Whether a line may end before the character at this place, which is not the first.

    A blank beside a Chinese mark is no place to break either where the mark may not begin or end a line.
    """
    left, right = text[at - 1], text[at]
    if right == " ":
        return not (_sticks(text[at + 1], _NEVER_FIRST) or _sticks(left, _NEVER_LAST))
    if left == " " or right in _NEVER_FIRST or left in _NEVER_LAST or not width_of(right):
        return False
    return width_of(left) == 2 or width_of(right) == 2


def _sticks(mark: str, marks: frozenset[str]) -> bool:
    return not mark.isascii() and mark in marks


def underline(title: str, mark: str) -> str:
    """The title with a line of `mark` below it, as wide as the title shows."""
    title = wrap(title)
    return f"{title}\n{mark * max(map(width, title.split(chr(10))))}"


class Links:
    """Remembers which addresses were printed: every link is written out once."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def first(self, url: str) -> bool:
        """Whether this is the first time `url` is to be printed."""
        if url in self._seen:
            return False
        self._seen.add(url)
        return True


def from_html(fragment: str, links: Links) -> str:
    """A sanitised fragment (of Markdown origin) as wrapped text; paragraphs are parted by an empty line."""
    reader = _Reader(links)
    for tag in _TAG_OR_TEXT.finditer(str(fragment)):
        if tag["text"]:
            reader.write(html.unescape(tag["text"]))
        elif tag["end"]:
            reader.close(tag["name"])
        else:
            reader.open(tag["name"], {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(tag["rest"])})
    return "\n\n".join(reader.finish())


class _Reader:
    def __init__(self, links: Links) -> None:
        self._links = links
        self._blocks: list[str] = []
        self._text = ""
        self._lists: list[int] = []
        self._quotes = 0
        self._bullet = ""
        self._href = ""
        self._label = 0
        self._verbatim = False
        self._tight = False

    def finish(self) -> list[str]:
        self._flush()
        return self._blocks

    def open(self, tag: str, values: dict[str, str]) -> None:
        if tag in _BLOCKS:
            self._flush()
        if tag in {"ul", "ol"}:
            self._lists.append(int(values.get("start") or 1) if tag == "ol" else 0)
        elif tag == "li":
            number = self._lists[-1] if self._lists else 0
            self._bullet = f"{number}. " if number else "- "
            if number:
                self._lists[-1] += 1
        elif tag == "blockquote":
            self._quotes += 1
        elif tag == "pre":
            self._verbatim = True
        elif tag == "hr":
            self._blocks.append("* * *")
        elif tag == "br":
            self._text += "\n"
        elif tag == "a":
            self._href, self._label = values.get("href") or "", len(self._text)
        elif tag == "img" and values.get("alt"):
            self._text += f"[{values['alt']}]"

    def close(self, tag: str) -> None:
        if tag == "a" and self._href:
            label = self._text[self._label :].strip()
            if self._links.first(self._href) and self._href != label:
                self._text += f" <{self._href}>" if label else f"<{self._href}>"
            self._href = ""
        if tag in _BLOCKS:
            self._flush()
        if tag in {"ul", "ol"} and self._lists:
            self._lists.pop()
        elif tag == "blockquote":
            self._quotes -= 1
        elif tag == "pre":
            self._verbatim = False

    def write(self, text: str) -> None:
        self._text += text if self._verbatim else text.replace("\n", " ")

    def _flush(self) -> None:
        text, self._text = self._text.strip("\n") if self._verbatim else self._text.strip(), ""
        if not text:
            return
        quote = "> " * self._quotes
        indent = "".join(" " * (len(f"{number - 1}. ") if number else 2) for number in self._lists[:-1])
        first = quote + indent + self._bullet
        rest = quote + indent + " " * (len(self._bullet) if self._lists else 0)
        if self._lists and not self._bullet:
            first = rest = quote + indent + "  "
        if self._verbatim:
            block = "\n".join(f"{quote}    {line}" for line in text.split("\n"))
        else:
            block = "\n".join(wrap(line, first if not n else rest, rest) for n, line in enumerate(text.split("\n")))
        self._bullet = ""
        if self._lists and self._tight and self._blocks:
            self._blocks[-1] += f"\n{block}"
        else:
            self._blocks.append(block)
        self._tight = bool(self._lists)


def join(blocks: Iterable[str]) -> str:
    """Blocks parted by an empty line, empty ones left out, with a closing line end."""
    return "\n\n".join(block for block in blocks if block) + "\n"
