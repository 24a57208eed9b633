import re

from hypothesis import given
from hypothesis import strategies as st

from mailer.rendering.breaks import LONGEST, breakable

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


@given(st.text("ab/&.<1äЖ", min_size=1, max_size=200))
def test_no_word_stays_longer_than_a_phone_is_wide(text):
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    made = breakable(f"<p>{escaped}</p>", SLOT)
    assert made.replace("<wbr>", "") == f"<p>{escaped}</p>"
    pieces = re.split("<wbr>", made.removeprefix("<p>").removesuffix("</p>"))
    assert all(len(re.sub("&[a-z]+;", "&", piece)) <= LONGEST for piece in pieces)
