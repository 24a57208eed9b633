"""The Markdown of issue files: CommonMark without raw HTML, with emphasis that works beside Chinese letters.

Merge tags are ordinary text here and come out as written (escaped); whoever fills them puts ASCII words in their
place first, with `merge_tags.replace`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.normalize_url import normalizeLink
from markdown_it.rules_inline.state_inline import Delimiter, StateInline
from markdown_it.token import Token
from mdit_py_plugins.attrs import attrs_plugin

TAGS = frozenset(
    ["p", "br", "strong", "em", "a", "ul", "ol", "li", "blockquote", "code", "pre", "hr", "img"]
    + [f"h{level}" for level in range(1, 7)]
)
ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title", "width", "height"}, "ol": {"start"}}
SCHEMES = frozenset({"http", "https", "mailto", "tel", "cid"})
_ADDRESS = re.compile(r"https?://[\w.-]+[^\s<>\"“”()（），。；、]*")
_CJK = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]+")
_UNSPACED = re.compile("[\u2e80-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]")  # not Hangul
_FULL_WIDTH = re.compile("[\u3000-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]")  # have their own room
_QUOTES = frozenset("“”‘’—…")
LISTED = re.compile(  # the beginning of a line that is one of a list to a reader, and not to Markdown
    r"\d{1,2}(?:[、）．]|[.)](?=[^\d\s]))|[(（](?:\d{1,2}|[一二三四五六七八九十]{1,3})[)）]"
    r"|[\u2460-\u2473\u2776-\u277f]|[一二三四五六七八九十]{1,3}、|[·•●▪■◆◇▶►※★☆✅✔]|-(?=[\u4e00-\u9fff“《])"
)


@dataclass(frozen=True, slots=True)
class Link:
    """A link or image (`image`: True) as written, whether or not it may be sent; `line` counts from 1.

    The `text` of an image is what it shows, in words; `linked` says that it stands inside a link.
    """

    url: str
    text: str
    line: int
    image: bool = False
    width: str = ""
    linked: bool = False


Attributes = dict[str, str | int | float]


def to_html(markdown: str, place: Callable[[Attributes], None] | None = None) -> str:
    """HTML of a text of paragraphs, lists and the like: allowed elements and attributes only.

    `place` may change the attributes of each picture.
    """
    parser, parsed = _parser(), tokens(markdown)
    if place is not None and "![" in markdown:
        for image in _images(parsed):
            place(image.attrs)
    return _clean(parser.renderer.render(parsed, parser.options, {}))


def to_inline_html(markdown: str) -> str:
    """HTML of one line of running text, without a paragraph around it."""
    return _clean(_parser().renderInline(markdown))


def tokens(markdown: str) -> list[Token]:
    """The block tokens (the inline ones are their children) from which the text part is made.

    A token's `map` holds its lines, counted from 0 in `markdown`.
    """
    return _parser().parse(markdown)


def plain_text(markdown: str) -> str:
    """The words alone: no marks, no addresses; blocks and hard breaks on lines of their own."""
    return "\n".join(_words(token.children or []) for token in tokens(markdown) if token.type == "inline")


def showing(markdown: str, pattern: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """The lines, counted from 0, of each paragraph or the like whose words, as they are shown, hold the pattern."""
    for token in tokens(markdown):
        if token.type == "inline" and token.map and pattern.search(_words(token.children or [])):
            yield token.map[0], token.map[1]


def links(markdown: str, *, line: int = 1) -> list[Link]:
    """Every link and image, in order, also those that `to_html` refuses; `line` is the number of the first line."""
    found: list[Link] = []
    for block in _lenient_parser().parse(markdown):
        if block.type == "inline" and block.children:
            found.extend(_links_of(block.children, line + (block.map[0] if block.map else 0)))
    return found


def bare_addresses(markdown: str, *, line: int = 1) -> list[tuple[str, int]]:
    """The web addresses in running text that are no links, each with its line."""
    found: list[tuple[str, int]] = []
    for block in tokens(markdown) if "://" in markdown else ():
        at, linked = line + (block.map[0] if block.map else 0), 0
        for token in block.children or []:
            at += token.type in ("softbreak", "hardbreak")
            linked += token.nesting * token.type.startswith("link_")
            if token.type == "text" and not linked:
                found += [(url, at) for url in _ADDRESS.findall(token.content)]
    return found


@lru_cache(1024)
def address(url: str) -> str:
    """An address in the letters every mail program takes: host in A-labels, the rest percent-encoded (RFC 3987 3.1)."""
    return normalizeLink(url)


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False})
    parser.use(attrs_plugin, after=("image",), spans=False, allowed=("width",))
    parser.inline.ruler.at("emphasis", _emphasis)
    parser.add_render_rule("softbreak", _line_end)
    return parser


@cache
def _lenient_parser() -> MarkdownIt:
    parser = _parser.__wrapped__()
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    parser.normalizeLink = lambda url: url  # type: ignore[method-assign]
    return parser


@cache
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(tags=set(TAGS), attributes=ATTRIBUTES, url_schemes=set(SCHEMES), link_rel=None)


def _clean(html: str) -> str:
    return _cleaner().clean(html).strip()


def _line_end(renderer: object, tokens: Sequence[Token], index: int, options: object, env: object) -> str:
    return _between_lines(tokens, index) and "\n"


def _between_lines(tokens: Sequence[Token], index: int) -> str:
    """What the end of a line within a paragraph stands for: a blank, and nothing where Chinese goes on in Chinese.

    A line that begins like one of a list is parted from the one before all the same.
    """
    before = next((token.content for token in reversed(tokens[:index]) if token.content), "")[-1:]
    after = next((token.content for token in tokens[index + 1 :] if token.content), "")
    sides = [_UNSPACED.match(side) is not None for side in (before, after[:1])]
    runs_on = all(sides) or (any(sides) and (before if sides[1] else after[:1]) in _QUOTES)
    runs_on = runs_on or _FULL_WIDTH.match(before) is not None or _FULL_WIDTH.match(after) is not None
    return "" if before and after and runs_on and not LISTED.match(after) else " "


def _emphasis(state: StateInline, silent: bool) -> bool:
    """The tokenizer of `*` and `_`, with flanking as CommonMark 6.2 has it but for neighbours in Chinese.

    CommonMark wants a blank between a letter and a delimiter that has punctuation on its other side; Chinese has no
    blanks, and `他说**“好”**了` would not be bold (commonmark-spec 650). A Chinese neighbour counts as a blank here.
    """
    marker = state.src[state.pos]
    if silent or marker not in "*_":
        return False
    end = state.pos
    while end < state.posMax and state.src[end] == marker:
        end += 1
    before = state.src[state.pos - 1] if state.pos else " "
    after = state.src[end] if end < state.posMax else " "
    left = _flanks(outside=before, inside=after)
    right = _flanks(outside=after, inside=before)
    can_open = left and (marker == "*" or not right or _is_mark(before) or is_cjk(before))
    can_close = right and (marker == "*" or not left or _is_mark(after) or is_cjk(after))
    length = end - state.pos
    for _ in range(length):
        state.push("text", "", 0).content = marker
        state.delimiters.append(Delimiter(ord(marker), length, len(state.tokens) - 1, -1, can_open, can_close))
    state.pos = end
    return True


def _flanks(*, outside: str, inside: str) -> bool:
    if inside.isspace():
        return False
    return not _is_mark(inside) or outside.isspace() or _is_mark(outside) or is_cjk(outside) or is_cjk(inside)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


def is_cjk(character: str) -> bool:
    """Whether a character is Han, kana, Hangul or their punctuation."""
    return _CJK.match(character) is not None


def cjk_share(text: str) -> float:
    """The share of such characters among the letters of a text, 0 for a text without letters."""
    found = "".join(_CJK.findall(text))
    return sum(map(str.isalpha, found)) / max(1, sum(map(str.isalpha, text))) if found else 0.0


def _images(blocks: list[Token]) -> Iterator[Token]:
    for block in blocks:
        yield from (token for token in block.children or [] if token.type == "image")


def _words(children: list[Token]) -> str:
    parts: list[str] = []
    for index, token in enumerate(children):
        if token.type in ("text", "code_inline", "image"):
            parts.append(token.content)
        elif token.type == "hardbreak":
            parts.append("\n")
        elif token.type == "softbreak":
            parts.append(_between_lines(children, index))
    return "".join(parts)


def _links_of(children: list[Token], line: int) -> Iterator[Link]:
    opened: tuple[str, int, int] | None = None
    for index, token in enumerate(children):
        if token.type in ("softbreak", "hardbreak"):
            line += 1
        elif token.type == "link_open":
            opened = str(token.attrs["href"]), index, line
        elif token.type == "link_close" and opened:
            url, start, at = opened
            yield Link(url, _words(children[start:index]), at)
            opened = None
        elif token.type == "image":
            src, width = str(token.attrs["src"]), str(token.attrs.get("width", ""))
            yield Link(src, token.content, line, image=True, width=width, linked=opened is not None)
