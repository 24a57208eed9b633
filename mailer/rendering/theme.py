"""A theme: colour tokens for light and dark, a font per language, and the words the template says itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from string import Formatter
from typing import Any

import yaml

from mailer.errors import TemplateError
from mailer.model.issue import Image
from mailer.rendering import images, slips
from mailer.rendering.templates import Templates
from mailer.sentence import Sentence

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
LISTS = {"weekdays": 7, "months": 12}
PLACES = {
    "number": {"number"},
    "date": {"weekday", "day", "month", "year"},
    "reason": {"newsletter"},
    "corrected": {"date"},
    "link": {"what"},
}
WORDS = (*PLACES, *LISTS, "leads", "contents", "source", "unsubscribe", "preferences", "view",
         "apply", "apply_title", "apply_text")  # fmt: skip
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
    logo: Image | None = None  # stands above every issue, embedded in the mail

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
        if slip := slips.sign(text):
            raise TemplateError(slip[1], where=f"{where}:{slip[0]}") from None
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise TemplateError(Sentence("not valid YAML: %(why)s", why=error.problem), where=f"{where}:{line}") from None
    except yaml.YAMLError as error:
        raise TemplateError(Sentence("not valid YAML: %(why)s", why=error), where=where) from None
    parts = document if isinstance(document, dict) else {}
    for part in ("light", "dark", "fonts", "labels"):
        if not isinstance(parts.get(part), dict):
            what = "the part %(part)s is missing or empty; a theme has light, dark, fonts and labels"
            raise TemplateError(Sentence(what, part=part), where=f"{where}:{_line(text, part)}")
    for mode in ("light", "dark"):
        _check_colours(document[mode], mode, text, where)
    for lang, font in document["fonts"].items():
        if not _FONT.fullmatch(str(font)):
            what = "the font stack for %(lang)s holds more than names and commas; write names without quotes"
            place = f"{where}:{_line(text, str(lang), 'fonts')}"
            raise TemplateError(Sentence(what, lang=lang), where=place)
    if "en" not in document["fonts"] or not isinstance(document["labels"].get("en"), dict):
        raise TemplateError(Sentence("fonts and labels need an entry 'en', which others fall back to"), where=where)
    for lang, words in document["labels"].items():
        _check_words(str(lang), words, text, where)
    logo = _logo(templates, folder, document["logo"], f"{where}:{_line(text, 'logo')}") if "logo" in document else None
    return Theme(folder, document["light"], document["dark"], document["fonts"], document["labels"], logo)


def _logo(templates: Templates, folder: str, file: Any, where: str) -> Image:
    path = templates.path(f"{folder}/{file}") if isinstance(file, str) and ".." not in file else None
    if path is None:
        raise TemplateError(Sentence("there is no logo '%(file)s' in the theme's folder", file=file), where=where)
    logo = images.read(path.read_bytes())
    if logo is None or len(logo.content) > images.LARGEST_EMBEDDED:
        what = Sentence("the logo '%(file)s' must be a PNG, JPEG or GIF of at most 20 KB", file=file)
        raise TemplateError(what, where=where)
    return replace(logo, embedded=True)


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
        if token not in colours:
            what = "%(mode)s lacks %(token)s; give it a colour such as '#0a5577'"
            raise TemplateError(Sentence(what, mode=mode, token=token), where=f"{where}:{_line(text, mode)}")
        value = colours[token]
        if not isinstance(value, str) or not _COLOUR.fullmatch(value):
            what = "%(mode)s %(token)s must be a colour such as '#0a5577', in quotes and small letters"
            place = f"{where}:{_line(text, token, mode)}"
            raise TemplateError(Sentence(what, mode=mode, token=token), where=place)
    for ink, paper in PAIRS:
        ratio = contrast(colours[ink], colours[paper])
        if ratio < CONTRAST:
            what = "%(mode)s %(ink)s on %(paper)s has a contrast of %(ratio)s; make it %(least)s or more"
            place = f"{where}:{_line(text, ink, mode)}"
            told = Sentence(what, mode=mode, ink=ink, paper=paper, ratio=f"{ratio:.1f}", least=CONTRAST)
            raise TemplateError(told, where=place)


def _check_words(lang: str, words: Any, text: str, where: str) -> None:
    """Refuse words of another form than the shipped English ones."""
    if not isinstance(words, dict):
        place = f"{where}:{_line(text, lang, 'labels')}"
        raise TemplateError(Sentence("the labels of %(lang)s must be words", lang=lang), where=place)
    missing = [word for word in WORDS if word not in words] if lang == "en" else []
    if missing:
        what = Sentence("the English labels lack %(words)s", words=", ".join(missing))
        raise TemplateError(what, where=f"{where}:{_line(text, 'en', 'labels')}")
    for word, value in words.items():
        place = f"{where}:{_line(text, str(word), 'labels', lang)}"
        if word in LISTS:
            if not isinstance(value, list) or len(value) != LISTS[word]:
                form = "labels %(lang)s %(word)s must be a list of %(count)s"
                raise TemplateError(Sentence(form, lang=lang, word=word, count=LISTS[word]), where=place)
            continue
        try:
            names = {name for _, name, _, _ in Formatter().parse(str(value)) if name is not None}
        except ValueError as error:
            what = Sentence("labels %(lang)s %(word)s: %(why)s", lang=lang, word=word, why=error)
            raise TemplateError(what, where=place) from None
        known = PLACES.get(str(word), set())
        if not names <= known:
            form = "labels %(lang)s %(word)s has the place {%(name)s}; nothing is filled in there"
            if known:
                form = "labels %(lang)s %(word)s has the place {%(name)s}; known is %(known)s"
            told = Sentence(form, lang=lang, word=word, name=min(names - known), known=", ".join(sorted(known)))
            raise TemplateError(told, where=place)


def _line(text: str, *path: str) -> int:
    """The line of a key, given as (key,), (key, part) or (key, part, subpart)."""
    key, *parents = path
    if not parents:
        return next((n for n, line in enumerate(text.splitlines(), 1) if line.startswith(f"{key}:")), 1)
    depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith((" ", "#")):
            depth = int(line.startswith(f"{parents[0]}:"))
        elif depth and depth == len(parents) and line.strip().startswith(f"{key}:"):
            return number
        elif depth == 1 and len(parents) == 2 and line.strip().startswith(f"{parents[1]}:"):
            depth = 2
    return 1


def _closest(table: Mapping[str, Any], lang: str, fallback: str) -> Any:
    """The entry for `zh-Hant-TW`, else `zh-Hant`, else `zh`, else the fallback (RFC 4647 3.4)."""
    subtags = lang.split("-")
    for count in range(len(subtags), 0, -1):
        entry = table.get("-".join(subtags[:count]))
        if entry is not None:
            return entry
    return table[fallback]
