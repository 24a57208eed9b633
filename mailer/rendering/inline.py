"""CSS into style attributes, by premailer with the settings that keep it harmless; once per edition."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

import cssutils
from premailer import Premailer

_DISABLED = ("align", "valign", "width", "height", "bgcolor")
_RULES: dict[tuple[str, int], tuple[list[Any], list[Any]]] = {}
_MOST_RULES = 64
_STYLE = re.compile(r' style="[^"]*"')
_SILENT = logging.getLogger("mailer.css.silent")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class _Inliner(Premailer):  # type: ignore[misc]
    """Premailer that remembers what it made of a stylesheet: the same few themes are inlined again and again."""

    def _parse_style_rules(self, css_body: str, ruleset_index: int) -> tuple[list[Any], list[Any]]:
        key = css_body, ruleset_index
        if key not in _RULES:
            if len(_RULES) >= _MOST_RULES:
                _RULES.clear()
            _RULES[key] = super()._parse_style_rules(css_body, ruleset_index)
        rules, left = _RULES[key]
        return [*rules], [*left]


@cache
def _quiet() -> None:
    """cssutils logs to stderr by default; premailer's own switch adds a handler per call, so it is done once here."""
    cssutils.log.setLog(_SILENT)
    cssutils.log.setLevel(logging.CRITICAL)


def inline(html: str) -> str:
    """`html` with every rule of its plain `<style>` blocks in style attributes.

    Blocks with data-premailer="ignore" are kept byte for byte (without the mark), `!important` included; nothing is
    fetched, no link is touched and no attribute is invented.
    """
    _quiet()
    premailer = _Inliner(
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
    return _STYLE.sub(_squeeze, premailer.transform(html, pretty_print=False))


def _squeeze(match: re.Match[str]) -> str:
    return match[0].replace("; ", ";").replace(", ", ",")


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


@contextmanager
def _collected() -> Iterator[list[str]]:
    _quiet()
    messages: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    handler = Collector(logging.ERROR)
    _SILENT.addHandler(handler)
    cssutils.log.setLevel(logging.ERROR)
    try:
        yield messages
    finally:
        _SILENT.removeHandler(handler)
        cssutils.log.setLevel(logging.CRITICAL)
