"""The texts of pages and letters in the reader's language: gettext catalogues, read as they are written."""

from __future__ import annotations

import gettext
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from mailer.errors import SettingsError
from mailer.model.language_tag import primary
from mailer.sentence import CONTEXT_ENDS, Sentence, Translate

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

LOCALES = Path(__file__).resolve().parent.parent / "locales"
SOURCE = "en"  # the language the texts are written in
_RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})
_PLACEHOLDER = re.compile(r"%%|%\((\w+)\)s")


@cache
def available() -> tuple[str, ...]:
    """The languages there is a catalogue for, as folder names, and English."""
    found = sorted(path.parent.parent.name for path in LOCALES.glob("*/LC_MESSAGES/mailer.po"))
    return (SOURCE, *(name for name in found if primary(name) != SOURCE))


def direction(tag: str) -> str:
    """The direction a language is written in: ltr or rtl."""
    return "rtl" if primary(tag) in _RIGHT_TO_LEFT else "ltr"


@cache
def own_name(tag: str) -> str:
    """What a language calls itself, such as Deutsch; the tag where nobody knows."""
    from babel import Locale, UnknownLocaleError

    try:
        return Locale(primary(tag)).get_language_name() or tag
    except (UnknownLocaleError, ValueError):
        return tag


@cache
def own_names(tags: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Some languages with what they call themselves; with script and country where two of them have one name."""
    from babel import Locale, UnknownLocaleError

    names = {tag: own_name(tag) for tag in tags}
    shared = Counter(names.values())
    for tag, name in names.items():
        if shared[name] > 1:
            with suppress(UnknownLocaleError, ValueError):
                names[tag] = Locale.parse(tag, sep="-").get_display_name() or name
    return tuple(names.items())


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The catalogue for a language tag, the nearest with the same first subtag; English where there is none.

    Raises SettingsError for a catalogue that cannot be read.
    """
    catalogue = _read(language)
    if catalogue is None:
        return gettext.NullTranslations()
    from babel.messages.mofile import write_mo

    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def slips(language: str) -> list[str]:
    """The texts whose translation has a placeholder that nothing is filled in for, or a bare %: shown in English.

    Raises SettingsError for a catalogue that cannot be read.
    """
    found = []
    for message in _read(language) or ():
        values = dict.fromkeys(filter(None, _PLACEHOLDER.findall(str(message.id))), "")
        if values and message.string and _filled(str(message.string), values) is None:
            found.append(str(message.id))
    return found


def written_in(language: str) -> str:
    """What texts asked for in a language are written in: that language, or English where there is no catalogue."""
    return language if any(primary(name) == primary(language) for name in available()) else SOURCE


def _read(language: str) -> Catalog | None:
    name = _nearest(available(), language)
    if name in {"", SOURCE}:
        return None
    from babel.messages.pofile import PoFileError, read_po

    path = LOCALES / name / "LC_MESSAGES" / "mailer.po"
    try:
        with path.open("rb") as file:
            return read_po(file, abort_invalid=True)
    except (OSError, PoFileError, LookupError, ValueError) as error:
        raise SettingsError(Sentence("the catalogue cannot be read: %(why)s", why=error), where=str(path)) from None


def _filled(text: str, values: Mapping[str, object]) -> str | None:
    """The text with its values; None where it asks for one that is not there, or has a % that is none."""
    rest = _PLACEHOLDER.sub(lambda found: "" if found[1] is None or found[1] in values else "%", text)
    return None if "%" in rest else text % values


def translator(language: str) -> Translate:
    """The function templates call as `_`: `_("Text with %(name)s", name=...)`.

    A translation that cannot be filled in gives way to the English text: better that than no page.
    """
    catalogue = translations(language)

    def translate(text: str, /, **values: object) -> str:
        found = catalogue.gettext(text)
        if CONTEXT_ENDS in text:
            text = text.partition(CONTEXT_ENDS)[2]
            found = found.rpartition(CONTEXT_ENDS)[2]
        filled = _filled(found, values) if values else found
        return text % values if filled is None else filled

    return translate


def choose(offered: Sequence[str], *wishes: str) -> str:
    """The first of `offered` that a wish asks for, wishes in order; else the first. `offered` is not empty.

    A wish is a language tag or the value of an Accept-Language header (RFC 9110 12.5.4).
    """
    for wish in wishes:
        for tag in _ranked(wish):
            if found := _nearest(offered, tag):
                return found
    return offered[0]


def _nearest(offered: Sequence[str], tag: str) -> str:
    """The one of `offered` that shares the most subtags with a tag, itself before others; "" when not even the first.

    Of zh-CN and zh-TW that is zh-TW for zh-TW, and the first of them for zh.
    """
    wanted = _subtags(tag)
    same = [language for language in offered if primary(language) == wanted[0]]
    return max(same, key=lambda one: (_shared(_subtags(one), wanted), _subtags(one) == wanted), default="")


def _subtags(tag: str) -> list[str]:
    return tag.replace("_", "-").lower().split("-")


def _shared(one: list[str], other: list[str]) -> int:
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))))


def _ranked(header: str) -> list[str]:
    ranked = []
    for part in header[:500].split(","):
        tag, _, weight = part.strip().partition(";")
        try:
            quality = float(weight.strip().lower().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        if tag and quality > 0:
            ranked.append((-quality, tag.strip().lower()))
    return [tag for _, tag in sorted(ranked, key=lambda pair: pair[0])]
