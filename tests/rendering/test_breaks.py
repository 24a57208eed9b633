import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailer.rendering import breaks, edition, picture, source
from mailer.rendering.breaks import LONGEST, breakable, breakable_words
from mailer.rendering.edition import SAMPLE
from mailer.rendering.message import Personal, Place, Slot

SLOT = r"mrg(\d+)z"
SPACE = "\u200b"  # of no width


def test_a_long_address_breaks_behind_a_sign_as_seldom_as_will_do_and_reads_the_same():
    made = breakable("<p>see https://example.com/a/long/address/that/goes/on?a=1234&amp;b=2</p>", SLOT)
    assert made == "<p>see https://example.com/a/long/<wbr>address/that/goes/on?a=1234&amp;b=2</p>"
    hyphens = "<p>https://example.com/the-second-bridge-and-the-queue-of-lorries?lang=en-and-the-like</p>"
    assert breakable(hyphens, SLOT) == hyphens  # browsers break it without help
    number = "<p><code>run-123e4567-e89b-12d3-a456-426614174000-again</code></p>"
    assert breakable(number, SLOT) == number
    made = breakable(f"<p><code>{'0f' * 40}</code></p>", SLOT)
    assert made.count("<wbr>") == 2


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (
            "https://www.example.org/a/2026/05/the-second-bridge.html?x=1&amp;y=2",
            "www.example.org/…/the-second-bridge.html?…",
        ),
        ("https://git.example.org/x/commit/0123456789abcdef0123456789abcdef", "git.example.org/…/0123456789…"),
        ("https://example.org/archive/2026/", "example.org/archive/2026/"),
        ("https://example.org/2026", "https://example.org/2026"),
        ("https://example.org/the-second-bridge-and-the-queue", "https://example.org/the-second-bridge-and-the-queue"),
    ],
)
def test_an_address_that_names_its_own_link_is_shown_short_where_a_phone_could_not_break_it(address, shown):
    link = f'<p><a href="{address}" style="color:#057">%s</a> {"x" * 40}</p>'
    assert breakable(link % address, SLOT).startswith((link % shown).partition(" x")[0])


def test_an_address_that_holds_a_readers_value_is_shown_whole():
    link = (
        '<a href="https://example.org/archive/of/everything/mrg3z">https://example.org/archive/of/everything/mrg3z</a>'
    )
    assert re.sub("<wbr>", "", breakable(f"<p>{link}</p>", SLOT)) == f"<p>{link}</p>"


def test_short_words_tags_titles_and_styles_are_left_alone():
    page = (
        "<title>https://example.com/a/long/address/that/goes/on</title><style>.a{font:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}"
        "</style><!--aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa--><a href='https://example.com/a/long/>/address/that'>x</a>"
    )
    assert breakable(page, SLOT) == page
    assert breakable("<p>antidisestablishmentarianism</p>", SLOT) == "<p>antidisestablishmentarianism</p>"


def test_a_long_word_with_other_letters_breaks_too_and_chinese_is_left_to_itself():
    made = breakable("<p>Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen</p>", SLOT)
    assert max(map(len, made.removeprefix("<p>").removesuffix("</p>").split(SPACE))) <= LONGEST
    chinese = "<p>" + "港口新增三座泊位，" * 9 + "</p>"
    assert breakable(chinese, SLOT) == chinese


def test_what_stands_for_a_readers_value_stays_whole():
    made = breakable("<p>" + "a" * (LONGEST - 8) + "mrg12z" + "a" * LONGEST + "</p>", SLOT)
    assert "mrg12z" in made
    assert "<wbr>" in made


def test_a_mark_stays_with_its_letter():
    assert f"{SPACE}\u0301" not in breakable("<p>" + "e\u0301" * 60 + "</p>", SLOT)
    assert "<wbr>\u0301" not in breakable("<p>" + "e\u0301" * 60 + "1</p>", SLOT)
    vowel, joiner = "\u093f", "\u094d"  # Devanagari: a sign that is written around its letter, and what joins two
    made = breakable("<p>" + f"\u0915{joiner}\u0937{vowel}\u0915\u0916\u0917" * 20 + "</p>", SLOT)
    assert SPACE in made
    assert f"{SPACE}{vowel}" not in made
    assert f"{joiner}{SPACE}" not in made
    for count in range(26, 60):
        made = breakable("<p>" + "a" * count + ",”</p>", SLOT)
        assert f"{SPACE},”" not in made
        assert not re.search(f"{SPACE}a?,", made)


@pytest.mark.parametrize(("tag", "most"), [("h1", 15), ("h3", 22), ("li", 23), ("p", 28)])
def test_a_word_breaks_the_sooner_the_larger_it_is_written_and_the_further_in(tag, most):
    word = f'<{tag} style="margin-top:28px;margin-bottom:6px"><span class="n">1.</span> %s</{tag}><p>{"b" * 28}</p>'
    assert SPACE not in breakable(word % ("a" * most), SLOT)
    assert SPACE in breakable(word % ("a" * (most + 1)), SLOT)


def test_capitals_and_wide_letters_take_more_room_and_narrow_ones_less():
    assert SPACE in breakable(f"<p>{'A' * 24}</p>", SLOT)
    assert SPACE in breakable(f"<p>{'ш' * 18}</p>", SLOT)
    assert SPACE not in breakable(f"<p>{'il' * 20}</p>", SLOT)


@given(st.lists(st.text("aWb", min_size=1, max_size=60), max_size=6))
def test_no_two_zero_width_spaces_are_so_near_that_a_filter_takes_the_words_for_hidden(words):
    made = breakable(f"<h1>{' '.join(words)}</h1>", SLOT)
    assert not re.search(rf"{SPACE}(?!\s)[a-z0-9\s]{{1,8}}{SPACE}", made, re.IGNORECASE)


@given(st.text("ab/&.<1_-?ä", min_size=1, max_size=99))
def test_nothing_invisible_stands_in_what_people_copy(text):
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    assert SPACE not in breakable(f"<p><code>{escaped}</code> https://a.example/{escaped}</p>", SLOT)


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


@example("1" * 23 + "/" * 8)
@given(st.text("ab/&.<1äЖ-", min_size=1, max_size=200))
def test_no_word_stays_longer_than_a_phone_is_wide(text):
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    made = breakable(f"<p>{escaped}</p>", SLOT)
    assert re.sub(f"<wbr>|{SPACE}", "", made) == f"<p>{escaped}</p>"
    pieces = re.split(f"<wbr>|{SPACE}|(?<=[^\\W_]-)(?=[a-z1])", made.removeprefix("<p>").removesuffix("</p>"))
    shown = [re.sub("&[a-z]+;", "&", piece) for piece in pieces]
    assert all(len(piece) <= LONGEST or sum(map(breaks._width, piece)) <= breaks._MOST for piece in shown)
