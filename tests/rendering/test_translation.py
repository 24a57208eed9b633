"""The catalogues: complete, with the same placeholders, found by any tag of the language."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir

from mailer.errors import SettingsError
from mailer.rendering import translation
from mailer.rendering.templates import shipped_folder
from mailer.rendering.translation import available, choose, own_name, own_names, translations, translator, written_in

METHODS = [(f"{folder}/**.j2", "jinja2.ext:babel_extract") for folder in ("letters", "pages", "club")]


def texts() -> Iterator[str]:
    """Every text the shipped pages and letters may show."""
    for _, _, text, _, _ in extract_from_dir(shipped_folder(), METHODS, {}, keywords={"_": None}):
        assert isinstance(text, str)
        yield text


@pytest.mark.parametrize("language", [name for name in available() if name != "en"])
def test_every_text_is_translated_with_the_same_placeholders(language: str) -> None:
    wanted = set(texts())
    assert len(wanted) > 100
    catalogue = translations(language)
    for text in wanted:
        found = catalogue.gettext(text)
        assert text in {"Atom feed"} or found != text, f"{language}: no translation of {text!r}"
        assert sorted(re.findall(r"%\(\w+\)s", found)) == sorted(re.findall(r"%\(\w+\)s", text))


def test_a_language_is_found_by_its_first_subtag() -> None:
    for tag in ("zh", "zh-CN", "zh_CN", "ZH-hans", "zh-TW"):
        assert translator(tag)("Subscribe") == "订阅"
    for tag in ("en", "de", "", "x"):
        assert translator(tag)("Subscribe") == "Subscribe"


def test_english_does_not_load_what_reads_catalogues() -> None:
    asked = "import sys; from mailer.rendering.translation import translator; translator('en')('Subscribe')"
    subprocess.run([sys.executable, "-c", f"{asked}; sys.exit('babel' in sys.modules)"], check=True)


def test_what_has_no_catalogue_is_said_to_be_written_in_english() -> None:
    assert {tag: written_in(tag) for tag in ("zh", "zh-Hant-HK", "en-GB", "de", "ar", "")} == {
        "zh": "zh", "zh-Hant-HK": "zh-Hant-HK", "en-GB": "en-GB", "de": "en", "ar": "en", "": "en",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wishes", "chosen"),
    [
        (("zh",), "zh"),
        (("", "de, zh-CN;q=0.8, en;q=0.7"), "zh"),
        (("", "en;q=0.1, zh;q=0.9"), "zh"),
        (("", "zh;q=0, en"), "en"),
        (("xx", "fr"), "en"),
        (("", ";;;,,q=,\x00", "zh"), "zh"),
        (("", "zh;q=nonsense"), "en"),
        ((), "en"),
    ],
)
def test_the_first_wish_that_can_be_met_counts(wishes: tuple[str, ...], chosen: str) -> None:
    assert choose(("en", "zh"), *wishes) == chosen


def test_of_two_catalogues_of_one_language_the_nearer_one_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, word in {"zh_CN": "订阅", "zh_Hant": "訂閱", "pt_BR": "Assinar", "pt_PT": "Subscrever"}.items():
        file = tmp_path / name / "LC_MESSAGES" / "mailer.po"
        file.parent.mkdir(parents=True)
        file.write_text(
            f'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "Subscribe"\nmsgstr "{word}"\n'
        )
    monkeypatch.setattr(translation, "LOCALES", tmp_path)
    for made_before in (translation.available, translation.translations):
        made_before.cache_clear()
    tags = ("zh", "zh-CN", "zh-Hant-TW", "zh_hant", "pt-pt", "pt")
    assert [translator(tag)("Subscribe") for tag in tags] == ["订阅", "订阅", "訂閱", "訂閱", "Subscrever", "Assinar"]
    for made_for_this in (translation.available, translation.translations):
        made_for_this.cache_clear()


def test_of_two_languages_offered_the_nearer_one_is_chosen() -> None:
    offered = ("zh-CN", "zh-Hant", "en")
    wishes = ("zh", "zh-Hant-HK", "zh-TW, en", "en-GB;Q=0.2, ZH-hant;Q=0.9")
    assert [choose(offered, wish) for wish in wishes] == ["zh-CN", "zh-Hant", "zh-CN", "zh-Hant"]
    assert choose(("zh-TW", "zh"), "zh") == "zh"


def test_two_languages_of_one_name_are_told_apart() -> None:
    names = {"zh-CN": "中文 (简体, 中国)", "zh-TW": "中文 (繁體, 台灣)", "en": "English"}
    assert dict(own_names(tuple(names))) == names
    assert dict(own_names(("zh", "xx", "de"))) == {"zh": "中文", "xx": "xx", "de": "Deutsch"}


def test_a_language_is_offered_by_the_name_it_gives_itself() -> None:
    names = {"en": "English", "zh-CN": "中文", "de": "Deutsch", "pt_BR": "português", "xx": "xx", "": ""}
    assert {tag: own_name(tag) for tag in names} == names


@pytest.fixture
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A catalogue that somebody writes for his club."""
    file = tmp_path / "de" / "LC_MESSAGES" / "mailer.po"
    file.parent.mkdir(parents=True)
    monkeypatch.setattr(translation, "LOCALES", tmp_path)
    for made_before in (translation.available, translation.translations):
        made_before.cache_clear()
    yield file
    for made_before in (translation.available, translation.translations):
        made_before.cache_clear()


HEAD = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'


@pytest.mark.parametrize("slip", ["%(maskd)s bekommt sie", "100% an %(masked)s", "%(masked) bekommt sie", "%(masked)d"])
def test_a_translation_that_cannot_be_filled_in_gives_way_to_the_text_and_is_named(german: Path, slip: str) -> None:
    text = "The next issue comes to %(masked)s."
    german.write_text(f'{HEAD}msgid "{text}"\nmsgstr "{slip}"\n\nmsgid "Subscribe"\nmsgstr "Abonnieren"\n')
    assert translator("de")(text, masked="a***e@example.com") == "The next issue comes to a***e@example.com."
    assert translator("de")("Subscribe") == "Abonnieren"
    assert translation.slips("de-AT") == [text]
    assert translation.slips("en") == []


def test_a_catalogue_that_cannot_be_read_is_an_error_for_people(german: Path) -> None:
    german.write_bytes(f'{HEAD}msgid "Subscribe"\nmsgstr "S\u2019abonner"\n'.encode("cp1252"))
    with pytest.raises(SettingsError, match="the catalogue cannot be read"):
        translator("de")
    with pytest.raises(SettingsError, match=r"mailer\.po"):
        translation.slips("de")


def test_each_language_has_its_direction() -> None:
    wanted = {"en": "ltr", "ar-EG": "rtl", "he": "rtl", "zh-CN": "ltr", "": "ltr"}
    assert {tag: translation.direction(tag) for tag in wanted} == wanted
