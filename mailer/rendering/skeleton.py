"""CSS inlined once for all pages that differ in their words only, so that a letter costs no run of premailer."""

from __future__ import annotations

import html
import re
from functools import lru_cache

from mailer.rendering.inline import inline

_MARK = re.compile(r"qslot(\d+)q")  # ASCII: libxml2 would percent-encode anything else in an address
_PIECE = re.compile(
    r"(?P<kept><!--.*?-->|<style\b.*?</style\s*>)"
    r"""|(?P<tag><[^>"']*(?:"[^"]*"[^>"']*|'[^']*'[^>"']*)*>)"""
    r"|(?P<words>[^<\s][^<]*(?<!\s))",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r'\s(?:href="(?P<url>[\w:/?&=#.~+,;@-]+)"|aria-label="(?P<label>[^"]+)")', re.ASCII)
_CACHED = 256


def inline_alike(page: str) -> str:
    """What `inline(page)` gives; only the first page of a kind costs as much, those with other words much less.

    No selector sees words or addresses, so they are taken out, the skeleton is inlined, and they are put back as
    libxml2 writes them. What it might write otherwise (controls, for one) stays in the skeleton.
    """
    words: list[str] = []

    def slot(value: str, *, quoted: bool) -> str:
        plain = html.unescape(value)
        if not plain.isprintable():
            return value
        escaped = html.escape(plain, quote=False)
        words.append(escaped.replace('"', "&quot;") if quoted else escaped)
        return f"qslot{len(words) - 1}q"

    def attribute(match: re.Match[str]) -> str:
        value = match["url"] or match["label"]
        return match[0].replace(f'"{value}"', f'"{slot(value, quoted=True)}"')

    def piece(match: re.Match[str]) -> str:
        if match["tag"]:
            return _ATTRIBUTE.sub(attribute, match[0])
        return slot(match["words"], quoted=False) if match["words"] else match[0]

    parts = _inlined(_PIECE.sub(piece, page))
    if [int(number) for number in parts[1::2]] != list(range(len(words))):
        return inline(page)  # somebody wrote a mark of ours, or the layout moves words about
    return "".join(words[int(part)] if place % 2 else part for place, part in enumerate(parts))


@lru_cache(_CACHED)
def _inlined(skeleton: str) -> tuple[str, ...]:
    """The inlined skeleton: constants and, at the odd places, numbers of slots."""
    return tuple(_MARK.split(inline(skeleton)))
