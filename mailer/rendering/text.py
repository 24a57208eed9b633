"""The plain-text part: made from the item tree, 72 display columns wide, Chinese set as Chinese."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser

COLUMNS = 72
_NEVER_FIRST = frozenset("，。、；：？！）》」』】〉〕”’…—·％%!),.:;?]}》々ー～")
_NEVER_LAST = frozenset("（《「『【〈〔“‘([{￥¥$")
_BLOCKS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "li", "blockquote", "pre", "ul", "ol", "hr", "table"})


def width(text: str) -> int:
    """Display columns of `text`: wide and full-width characters take two, marks that combine none."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.east_asian_width(character) in "WF":
        return 2
    return 0 if unicodedata.category(character) in {"Mn", "Me", "Cf"} else 1


def wrap(text: str, first: str = "", rest: str = "", columns: int = COLUMNS) -> str:
    """One paragraph in lines of at most `columns`, the first led by `first`, the others by `rest`.

    Lines break at blanks and between Chinese characters, never before a closing mark or after an opening one
    (kinsoku). What cannot be broken, an address for instance, may be longer.
    """
    lines: list[str] = []
    line, used, lead = "", 0, first
    room = columns - width(first)
    for blank, cluster in _clusters(text):
        size = width(cluster)
        gap = 1 if blank and line else 0
        if line and used + gap + size > room:
            lines.append(lead + line)
            line, used, lead = "", 0, rest
            room, gap = columns - width(rest), 0
        line += " " * gap + cluster
        used += gap + size
    lines.append(lead + line)
    return "\n".join(line.rstrip() for line in lines)


def _clusters(text: str) -> Iterator[tuple[bool, str]]:
    """Pieces that must not be broken, each with whether a blank stood before it.

    A blank beside a Chinese mark is no place to break either where the mark may not begin or end a line.
    """
    if text.isascii():
        yield from ((True, word) for word in text.split())
        return
    whole, before = "", False
    for blank, piece in _pieces(text):
        if blank and whole and (_sticks(piece[0], _NEVER_FIRST) or _sticks(whole[-1], _NEVER_LAST)):
            whole += f" {piece}"
            continue
        if whole:
            yield before, whole
        whole, before = piece, blank
    if whole:
        yield before, whole


def _sticks(mark: str, marks: frozenset[str]) -> bool:
    return not mark.isascii() and mark in marks


def _pieces(text: str) -> Iterator[tuple[bool, str]]:
    """What has no blank in it and no place between Chinese characters to break at."""
    for word in text.split():
        if word.isascii():
            yield True, word
            continue
        blank = True
        piece = ""
        for character in word:
            if piece and _may_break(piece[-1], character):
                yield blank, piece
                piece, blank = "", False
            piece += character
        yield blank, piece


def _may_break(left: str, right: str) -> bool:
    if right in _NEVER_FIRST or left in _NEVER_LAST or _columns(right) == 0:
        return False
    return _columns(left) == 2 or _columns(right) == 2


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
    reader.feed(fragment)
    reader.close()
    return "\n\n".join(reader.finish())


class _Reader(HTMLParser):
    def __init__(self, links: Links) -> None:
        super().__init__(convert_charrefs=True)
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

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
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

    def handle_endtag(self, tag: str) -> None:
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

    def handle_data(self, data: str) -> None:
        self._text += data if self._verbatim else re.sub(r"[ \t\n\r\f]+", " ", data)

    def _flush(self) -> None:
        text, self._text = self._text.strip("\n") if self._verbatim else self._text.strip(), ""
        if not text:
            return
        quote = "> " * self._quotes
        indent = "  " * max(0, len(self._lists) - 1)
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
