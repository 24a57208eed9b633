"""CSS into style attributes, by premailer with the settings that keep it harmless; once per edition."""

from __future__ import annotations

import difflib
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from types import ModuleType
from typing import Any

import cssutils
from lxml import etree

from mailer.sentence import Sentence


@contextmanager
def _left_out(library: str) -> Iterator[None]:
    """What is imported meanwhile finds an empty module in the place of a library that would never be called."""
    loaded = sys.modules.get(library)
    sys.modules[library] = ModuleType(library)
    try:
        yield
    finally:
        del sys.modules[library]
        if loaded is not None:
            sys.modules[library] = loaded


with _left_out("requests"):  # it fetches stylesheets, which is not allowed here: 7 MB and a third of the time
    from premailer import Premailer

_DISABLED = ("align", "valign", "width", "height", "bgcolor")
_MARK = Premailer.attribute_name
_PATHS_ALONE = re.compile(r"[\w.>\s-]+")  # types, classes, descendants and children: no selector sees a neighbour
_MOST_WAYS = 5000
_MOST_SHEETS = 64
_SILENT = logging.getLogger("mailer.css.silent")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class _Inliner(Premailer):  # type: ignore[misc]
    """Premailer that reads a stylesheet once."""

    def _parse_style_rules(self, css_body: str, ruleset_index: int) -> tuple[list[Any], list[Any]]:
        rules, left = _rules(css_body, ruleset_index)
        return [*rules], [*left]


class _Way:
    """A way down from the top of a page, and the style premailer gave the element at its end."""

    __slots__ = ("further", "known", "style")

    def __init__(self) -> None:
        self.known = False
        self.style: str | None = None
        self.further: dict[tuple[str, str | None, str | None], _Way] = {}


class _Sheet:
    """What premailer made of one stylesheet, kept because the same few themes are inlined again and again.

    Where its selectors see no more of an element than the way down to it (tags, classes and styles of its own), pages
    alike in their ways are alike in their styles: premailer runs when a page has a way that is new, on the whole page.
    """

    def __init__(self, css: str) -> None:
        rules, left = _rules(css, 0)
        self.learns = not left and all(_PATHS_ALONE.fullmatch(selector) for _, selector, _ in rules)
        self.top = _Way()
        self._count = 0

    def ways(self, page: etree._Element) -> list[tuple[etree._Element, _Way]]:
        """Every element with the way to it."""
        if self._count > _MOST_WAYS:
            self.top, self._count = _Way(), 0
        found = {page.getparent(): self.top}
        for element in page.iter(etree.Element):
            way = found[element.getparent()]
            kind = element.tag, element.get("class"), element.get("style")
            if kind not in way.further:
                way.further.setdefault(kind, _Way())
                self._count += 1
            found[element] = way.further[kind]
        del found[page.getparent()]
        return [*found.items()]


@lru_cache(_MOST_SHEETS)
def _rules(css: str, index: int) -> tuple[list[Any], list[Any]]:
    return Premailer._parse_style_rules(_premailer(), css, index)  # type: ignore[no-any-return]


@lru_cache(_MOST_SHEETS)
def _sheet(css: str) -> _Sheet:
    return _Sheet(css)


@cache
def _quiet() -> None:
    """cssutils logs to stderr by default; premailer's own switch adds a handler per call, so it is done once here."""
    cssutils.log.setLog(_SILENT)
    cssutils.log.setLevel(logging.CRITICAL)


def inline(html: str) -> str:
    """`html` with every rule of its plain `<style>` block in style attributes.

    Blocks with data-premailer="ignore" are kept byte for byte (without the mark), `!important` included; nothing is
    fetched, no link is touched and no attribute is invented.
    """
    html = html.strip()
    page = etree.fromstring(html, etree.HTMLParser())
    tree = page.getroottree()
    _apply(page)
    whole = tree if html.startswith(tree.docinfo.doctype) else page
    made: str = etree.tostring(whole, method="html", encoding="utf-8").decode()
    return made


def _apply(page: etree._Element) -> None:
    styles = [*page.iter("style")]
    plain = [style for style in styles if not style.attrib]
    kept = [style for style in styles if dict(style.attrib) == {_MARK: "ignore"}]
    if len(plain) != 1 or len(plain) + len(kept) < len(styles) or page.find("head") is None:
        _transform(page)
        return
    sheet = _sheet(plain[0].text or "")
    ways = sheet.ways(page) if sheet.learns else []
    if not ways or not all(way.known for _, way in ways):
        _transform(page)
        for element, way in ways:
            way.style, way.known = element.get("style"), True
        return
    plain[0].getparent().remove(plain[0])
    for style in kept:
        del style.attrib[_MARK]
    for element, way in ways:
        if way.style is not None:
            element.set("style", way.style)


def _transform(page: etree._Element) -> None:
    _premailer().transform(page)
    for element in page.iter(etree.Element):
        if style := element.get("style"):
            element.set("style", style.replace("; ", ";").replace(", ", ","))


def _premailer() -> _Inliner:
    _quiet()
    return _Inliner(
        keep_style_tags=False,
        strip_important=False,
        remove_classes=False,
        include_star_selectors=False,
        disable_basic_attributes=list(_DISABLED),
        align_floating_images=False,
        disable_link_rewrites=True,
        allow_network=False,
        disable_validation=True,
        cache_css_parsing=True,
        cssutils_logging_level=logging.CRITICAL,
    )


@lru_cache(8)
def css_mistakes(css: str) -> tuple[tuple[int, str], ...]:
    """Lines of `css` that cssutils drops, as (line, what it says): such a rule would silently never reach a reader."""
    with _collected() as records:
        cssutils.CSSParser(validate=False).parseString(css)
    found: dict[int, str] = {}
    for message in records:  # one mistake makes several messages; those without a place only echo the others
        place = re.search(r"\[(\d+):\d+:|, (\d+), \d+\)", message)
        line = int(place[1] or place[2]) if place else 0
        found.setdefault(line, message.split(" [")[0].rstrip("."))
    if len(found) > 1:
        found.pop(0, None)
    return tuple((max(line, 1), message) for line, message in sorted(found.items()))


@lru_cache(8)
def css_slips(css: str) -> tuple[tuple[int, Sentence], ...]:
    """Lines of `css` with a property nearly spelt like one of CSS 2.1, or a value that its property does not take."""
    with _collected(logging.WARNING) as records:
        cssutils.CSSParser(validate=True).parseString(css)
    found = []
    for message in records:
        place = re.search(r" \[(\d+):\d+: ([\w-]+)\]$", message)
        if place is None:
            continue
        line, name = int(place[1]), place[2]
        near = difflib.get_close_matches(name, cssutils.profile.propertiesByProfile("CSS Level 2.1"), 1, 0.8)
        if "Unknown Property name" in message and near and near[0] != name:
            found.append(
                (line, Sentence("'%(name)s' is no property of CSS; is '%(near)s' meant?", name=name, near=near[0]))
            )
        elif match := re.search(r'Invalid value for "CSS Level 2.1" property: (.*) \[', message):
            what = "'%(name)s' does not take '%(value)s' in most mail programs"
            found.append((line, Sentence(what, name=name, value=match[1])))
    return tuple(sorted(set(found)))


@contextmanager
def _collected(level: int = logging.ERROR) -> Iterator[list[str]]:
    _quiet()
    messages: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    handler = Collector(level)
    _SILENT.addHandler(handler)
    cssutils.log.setLevel(level)
    try:
        yield messages
    finally:
        _SILENT.removeHandler(handler)
        cssutils.log.setLevel(logging.CRITICAL)
