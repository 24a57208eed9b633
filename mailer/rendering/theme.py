"""A theme: colour tokens for light and dark, a font per language, and the words the template says itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from mailer.errors import TemplateError
from mailer.rendering.templates import Templates

CONTRAST = 4.5  # WCAG 2.2, 1.4.3
TOKENS = ("page", "card", "tint", "ink", "muted", "accent", "button", "button_ink")
PAIRS = (
    ("ink", "card"),
    ("muted", "card"),
    ("accent", "card"),
    ("ink", "tint"),
    ("muted", "tint"),
    ("accent", "tint"),
    ("muted", "page"),
    ("accent", "page"),
    ("button_ink", "button"),
)
_COLOUR = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})")
_FONT = re.compile(r"[A-Za-z][A-Za-z0-9 ,-]*|-[A-Za-z0-9 ,-]+")


@dataclass(frozen=True)
class Theme:
    """What `theme.yaml` of a theme's folder says; every text pair was checked for contrast in both modes."""

    folder: str
    light: Mapping[str, str]
    dark: Mapping[str, str]
    fonts: Mapping[str, str]
    labels: Mapping[str, Mapping[str, Any]]

    def words(self, lang: str) -> Mapping[str, Any]:
        """The template's own words in `lang`, English where a word is missing."""
        return {**self.labels["en"], **_closest(self.labels, lang, "en")}

    def font(self, lang: str) -> str:
        """The font stack for `lang`."""
        return str(_closest(self.fonts, lang, "en"))


def load(templates: Templates, folder: str = "issue") -> Theme:
    """Read and check `folder`/theme.yaml. Raises TemplateError naming the file and line of what is wrong."""
    name = f"{folder}/theme.yaml"
    text = templates.read(name)
    where = str(templates.path(name))
    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise TemplateError(f"not valid YAML: {error.problem}", where=f"{where}:{line}") from None
    except yaml.YAMLError as error:
        raise TemplateError(f"not valid YAML: {error}", where=where) from None
    if not isinstance(document, dict) or any(
        not isinstance(document.get(key), dict) for key in ("light", "dark", "fonts", "labels")
    ):
        raise TemplateError("a theme has the parts light, dark, fonts and labels", where=where)
    for mode in ("light", "dark"):
        _check_colours(document[mode], mode, text, where)
    for lang, font in document["fonts"].items():
        if not _FONT.fullmatch(str(font)):
            raise TemplateError(
                f"the font stack for {lang} holds more than names and commas; write names without quotes",
                where=f"{where}:{_line(text, str(lang), 'fonts')}",
            )
    if "en" not in document["fonts"] or not isinstance(document["labels"].get("en"), dict):
        raise TemplateError("fonts and labels need an entry 'en', which others fall back to", where=where)
    return Theme(folder, document["light"], document["dark"], document["fonts"], document["labels"])


def contrast(first: str, second: str) -> float:
    """The contrast ratio of two colours `#rgb` or `#rrggbb` (WCAG 2.2), 1 to 21."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[index : index + 2], 16) / 255 for index in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _check_colours(colours: Mapping[str, Any], mode: str, text: str, where: str) -> None:
    for token in TOKENS:
        value = colours.get(token)
        if not isinstance(value, str) or not _COLOUR.fullmatch(value):
            raise TemplateError(
                f"{mode} {token} must be a colour such as '#0a5577', in quotes and small letters",
                where=f"{where}:{_line(text, token, mode)}",
            )
    for ink, paper in PAIRS:
        ratio = contrast(colours[ink], colours[paper])
        if ratio < CONTRAST:
            raise TemplateError(
                f"{mode} {ink} on {paper} has a contrast of {ratio:.1f}; make it {CONTRAST} or more",
                where=f"{where}:{_line(text, ink, mode)}",
            )


def _line(text: str, key: str, part: str) -> int:
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith((" ", "#")):
            inside = line.startswith(f"{part}:")
        elif inside and line.strip().startswith(f"{key}:"):
            return number
    return 1


def _closest(table: Mapping[str, Any], lang: str, fallback: str) -> Any:
    """The entry for `zh-Hant-TW`, else `zh-Hant`, else `zh`, else the fallback (RFC 4647 3.4)."""
    subtags = lang.split("-")
    for count in range(len(subtags), 0, -1):
        entry = table.get("-".join(subtags[:count]))
        if entry is not None:
            return entry
    return table[fallback]
