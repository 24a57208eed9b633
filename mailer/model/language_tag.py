"""Language tags (BCP 47): told from other words, written one way, compared by the language alone."""

from __future__ import annotations

import re
from functools import lru_cache

_TAG = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*", re.ASCII | re.IGNORECASE)  # RFC 5646, its usual tags


def is_tag(text: str) -> bool:
    """Whether a text has the form of a tag."""
    return _TAG.fullmatch(text) is not None


def canonical(tag: str) -> str:
    """A tag with the capitals RFC 5646 section 2.1.1 recommends: `ZH-hans-cn` -> `zh-Hans-CN`."""
    first, *others = tag.split("-")
    return "-".join([first.lower(), *(_subtag(part) for part in others)])


@lru_cache(maxsize=1024)
def read(text: str) -> str | None:
    """The canonical tag somebody has written (`zh_Hans ` -> `zh-Hans`); "" for nothing, None for no tag."""
    text = text.strip().replace("_", "-")
    if not text:
        return ""
    return canonical(text) if is_tag(text) else None


def primary(tag: str) -> str:
    """The language alone: `zh` of `zh-Hans-CN` and of `zh_CN`."""
    return tag.replace("_", "-").partition("-")[0].lower()


def same(one: str, other: str) -> bool:
    """Whether two tags name one language, whatever their script or region."""
    return primary(one) == primary(other)


def _subtag(part: str) -> str:
    if len(part) == 2:
        return part.upper()
    return part.title() if len(part) == 4 and part.isalpha() else part.lower()
