import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.rendering import edition, picture, source
from mailer.rendering.breaks import LONGEST, breakable, breakable_words
from mailer.rendering.edition import SAMPLE
from mailer.rendering.message import Personal, Place, Slot

SLOT = r"mrg(\d+)z"


def test_a_long_address_breaks_behind_its_signs_and_reads_the_same():
    made = breakable("<p>see https://example.com/a/long/address/that/goes/on?a=1234&amp;b=2</p>", SLOT)
    assert "address/<wbr>that/<wbr>goes" in made
    assert "1234&amp;<wbr>b=2" in made
    assert made.replace("<wbr>", "").endswith("?a=1234&amp;b=2</p>")


def test_short_words_tags_titles_and_styles_are_left_alone():
    page = (
        "<title>https://example.com/a/long/address/that/goes/on</title><style>.a{font:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}"
        "</style><!--aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa--><a href='https://example.com/a/long/>/address/that'>x</a>"
    )
    assert breakable(page, SLOT) == page
    assert breakable("<p>antidisestablishmentarianism</p>", SLOT) == "<p>antidisestablishmentarianism</p>"


def test_a_long_word_with_other_letters_breaks_too_and_chinese_is_left_to_itself():
    made = breakable("<p>Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen</p>", SLOT)
    assert max(map(len, made.removeprefix("<p>").removesuffix("</p>").split("<wbr>"))) <= LONGEST
    chinese = "<p>" + "港口新增三座泊位，" * 9 + "</p>"
    assert breakable(chinese, SLOT) == chinese


def test_what_stands_for_a_readers_value_stays_whole():
    made = breakable("<p>" + "a" * (LONGEST - 8) + "mrg12z" + "a" * LONGEST + "</p>", SLOT)
    assert "mrg12z" in made
    assert "<wbr>" in made


def test_a_mark_stays_with_its_letter():
    assert "<wbr>\u0301" not in breakable("<p>" + "e\u0301" * 60 + "</p>", SLOT)
    vowel, joiner = "\u093f", "\u094d"  # Devanagari: a sign that is written around its letter, and what joins two
    made = breakable("<p>" + f"\u0915{joiner}\u0937{vowel}\u0915\u0916\u0917" * 20 + "</p>", SLOT)
    assert "<wbr>" in made
    assert f"<wbr>{vowel}" not in made
    assert f"{joiner}<wbr>" not in made


def test_a_readers_long_value_breaks_in_text_and_stays_whole_in_attributes():
    long = "a" * 120
    assert "<wbr>" in Slot("name", Place.PROSE).value(Personal("a@example.com", fields={"name": long}))
    assert Slot("name", Place.HTML).value(Personal("a@example.com", fields={"name": long})) == long
    assert breakable_words("Alice &lt;b&gt; Chen") == "Alice &lt;b&gt; Chen"
    made = breakable_words("&amp;" * 40)
    assert made.replace("<wbr>", "") == "&amp;" * 40
    assert 0 < max(map(len, made.split("<wbr>"))) <= LONGEST * len("&amp;")


@pytest.mark.skipif(picture.find_chromium() is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("letter", ["W", "&", "ق", "日"])
def test_no_readers_value_makes_the_mail_wider_than_a_phone(letter, club, theme, templates, tmp_path):
    text = (
        '---\nnewsletter: q\ndate: 2026-06-02\nlang: en\npreheader: "Hi{{ name | \\", \\" }}."\n---\n'
        'Dear {{ name ?? "reader" }}, {{ email }}.\n\n### A story\n\n'
        '- [You, {{ name ?? "reader" }}](https://x.example/?n={{ name ?? "x" }})\n'
    )
    made = edition.render(source.read(text), club=club, theme=theme, templates=templates)
    value = letter * 120
    fields = {"name": value, "email": f"{'alice' * 24}@example.com"}
    page = made.program.page(Personal("a@example.com", value, fields, SAMPLE.tokens))
    assert "<wbr>" not in re.sub("<wbr>(?=[^<>]*<)", "", page)  # only in text
    for name, styles in (
        ("whole", r"(?!)"),
        ("core", r"<style.*?</style>"),
        ("bare", r'<style.*?</style>| style="[^"]*"'),
    ):
        file = tmp_path / f"{name}.html"
        file.write_text(re.sub(styles, "", page, flags=re.DOTALL), encoding="utf-8")
        assert picture.extent(file, 375)[0] == 375, name


@given(st.text("ab/&.<1äЖ", min_size=1, max_size=200))
def test_no_word_stays_longer_than_a_phone_is_wide(text):
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    made = breakable(f"<p>{escaped}</p>", SLOT)
    assert made.replace("<wbr>", "") == f"<p>{escaped}</p>"
    pieces = re.split("<wbr>", made.removeprefix("<p>").removesuffix("</p>"))
    assert all(len(re.sub("&[a-z]+;", "&", piece)) <= LONGEST for piece in pieces)
