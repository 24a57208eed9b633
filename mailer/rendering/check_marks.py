"""The check rule on what looks like a mark of the issue file and is none: the reader would see it (I24)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailer.model.issue import Issue, Source
from mailer.rendering import merge_tags
from mailer.rendering.finding import Finding, error
from mailer.rendering.passages import Passage
from mailer.sentence import Sentence

_FENCE = re.compile(r" {0,3}(```|~~~)")
_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
_HEADING = re.compile(
    r" {0,3}(?:#{2,6}(?=[^#\s]|[\u00a0\u3000\u200b])|[#＃]*＃[#＃]+|＃(?=[ \t\u3000]))[\s\u200b]*(?P<text>.*)$"
)
_TOPIC = re.compile(r"\s*([#＃]{2,})[^#＃]+\1")  # ##a topic##
_BLOCK = re.compile(r"\s*[:：]{2,}\s*cta\b", re.IGNORECASE)
_BRACES = re.compile(r"(?:｛｛|｛\{|\{｛)(?P<inside>[^{}｛｝]*)[}｝]{2}")
_FOREIGN = re.compile(r"\{%[^{}]*%\}|\*\|[A-Z][A-Z0-9_:]*\|\*|<%[^<>]*%>|\$\{[A-Za-z_.]+\}")
_HALF_LINK = re.compile(
    r"(?<!\\)!?[\[［](?P<text>[^\[\]［］]{1,80})(?P<joint>[\]］]?[(（])"
    r"(?P<url>(?:https?://|[\w./-]+\.(?:png|jpe?g|gif|webp))[^\s()（）]*(?:\([^\s()（）]*\)[^\s()（）]*)*)(?P<rest>.*)$"
)
_PICTURE = re.compile(
    r"!\[(?P<text>[^\[\]]*)\](?:\s+\((?P<apart>[^()\s]+)\)|\((?!<)(?P<blank>[^()<>\"'\s]+[ \t]+[^()<>\"']*\.\w{3,4})\))"
)
_WIDTH = re.compile(r"[{｛]\s*width\s*=[^{}｛｝]*[}｝]?", re.IGNORECASE)
_SIZED = re.compile(r'(?<=\))\{[^{}]*\bwidth=(?:[\w-]+|"[^"{}]*")(?=[\s}])[^{}]*\}')  # as the Markdown takes it
_CLOSED = re.compile(r"\)|\s+(?:\"[^\"]*\"|'[^']*')\s*\)")
_ATTRIBUTE = re.compile(r"[{｛]\s*(?:lead|lang)\b.*$", re.IGNORECASE)


def check_marks(issue: Issue, passages: list[Passage]) -> Iterator[Finding]:
    """Every finding on headings, attributes, blocks, merge tags and links that are nearly some."""
    for passage in passages:
        if passage.markdown:
            yield from _text(passage)
        elif passage.filled:
            yield from _tags(passage.text, passage.line)
    for item in issue.items:
        if left := _ATTRIBUTE.search(item.headline):
            fix = 'Write {lead} or {lead="short form"} in plain braces at the end of the headline.'
            yield error("I24", item.line, "'%(text)s' would be shown in the headline.", fix, text=left[0][:60])
        if item.source and not item.source.url:
            yield from _source(item.source)


def _source(source: Source) -> Iterator[Finding]:
    """A source's name that holds an address, which readers would see and could not open."""
    halves = [_half_link(half, source.line) for half in _half_links(source.name)]
    if halves:
        yield from halves
    elif source.name.count("](") > 1:
        fix = "Name one, and put the others into the text."
        yield error("I24", source.line, "the source holds several links, which would be shown as written.", fix)
    elif found := re.search(r"<?(https?://[!-;=?-~]+?)>?[)）\]]*(?:\s+(.*))?$", source.name):
        name = source.name[: found.start()].rstrip(" (（[:：,，") or found[2] or ""
        fix = "Write: [%(name)s](%(url)s)"
        message = "the source's address is shown beside its name and is no link."
        yield error("I24", source.line, message, fix, name=_short(name) or Sentence("NAME"), url=found[1])


def _text(passage: Passage) -> Iterator[Finding]:
    fenced = False
    for number, line in enumerate(passage.text.split("\n"), passage.line):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield from _line(_CODE.sub("", line), number)


def _line(line: str, number: int) -> Iterator[Finding]:
    heading = _HEADING.match(line)
    if heading and not _TOPIC.match(line):
        level = "#" * (line.count("#") + line.count("＃")) if "#" not in heading["text"] else "###"
        message = "'%(text)s' is no heading and would be shown as it is."
        fix = "Write plain signs and a blank: %(level)s %(heading)s"
        yield error(
            "I24", number, message, fix, text=_short(line.strip()), level=level, heading=_short(heading["text"])
        )
    elif _BLOCK.match(line):
        yield error("I24", number, "'%(text)s' begins no block.", "Write: ::: cta NAME", text=line.strip()[:40])
    filled = merge_tags.as_words(line)
    for half in _half_links(filled):
        yield _half_link(half, number)
    for picture in _PICTURE.finditer(filled):
        address = picture["apart"] or f"<{picture['blank']}>"
        message = "the picture '%(text)s' has a blank in its name or before it, and would be shown as text."
        yield error(
            "I24", number, message, "Write: ![%(text)s](%(address)s)", text=_short(picture["text"]), address=address
        )
    if width := _WIDTH.search(_SIZED.sub("", line)):
        fix = "Write it directly behind the picture, in pixels: ![...](...){width=400}"
        yield error("I24", number, "'%(text)s' would be shown beside the picture.", fix, text=_short(width[0]))
    yield from _tags(line, number)


def _half_links(line: str) -> Iterator[re.Match[str]]:
    """What is a link but for a sign of it: a bracket that is full-width or missing."""
    position = 0
    while half := _HALF_LINK.search(line, position):
        whole = half["joint"] == "](" and _CLOSED.match(half["rest"])
        aside = half["joint"] in ("(", "（") and re.search(r"[\]］]", half["rest"])  # [a note (https://...)]
        if not whole and not aside:
            yield half
        position = half.end("url")


def _half_link(half: re.Match[str], number: int) -> Finding:
    address = re.match(r"[!-~]+", half["url"])
    message = "the link '%(text)s' is not written as one, and its address would be shown."
    mark = "!" if half[0].startswith("!") else ""
    fix = "Write: %(mark)s[%(text)s](%(url)s)"
    return error("I24", number, message, fix, text=_short(half["text"]), mark=mark, url=address[0] if address else "")


def _short(text: str) -> str:
    return text if len(text) <= 24 else text[:23] + "…"


def _tags(line: str, number: int) -> Iterator[Finding]:
    for tag in _BRACES.finditer(line):
        message = "'%(text)s' has full-width braces, so that every reader would see it."
        yield error("I24", number, message, "Write: {{ %(inside)s }}", text=tag[0], inside=tag["inside"].strip())
    for tag in _FOREIGN.finditer(line):
        fix = 'Merge tags are {{ first_name | ", " }} and the like; put what is meant as code between backticks.'
        yield error("I24", number, "'%(text)s' is filled in by no one and would be shown.", fix, text=tag[0][:40])
