import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from mailer.model.columns import width
from mailer.rendering import markdown, text
from mailer.rendering.text import Links, from_html, wrap

CLOSING = "，。、；：？！）》」』】”’…"
OPENING = "（《「『【“‘"


def test_width_counts_display_columns():
    assert width("abc") == 3
    assert width("电商早报") == 8
    assert width("é高") == 3
    assert width("，") == 2


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([*"高工商网，。（）“”！", "word", "2026", " ", "a", "，“", "%"]), max_size=120).map(
        "".join
    )
)
def test_lines_keep_to_72_columns_and_to_the_rules_for_marks(source):
    made = wrap(source, "1. ", "   ")
    assert "".join(made.split()) == "".join(("1. " + source).split())
    for line in made.split("\n"):
        assert width(line) <= 72 or not any(text._may_break(line, at) for at in range(4, len(line)))
    for line in made.split("\n")[1:]:
        assert line[3:4] not in CLOSING or not line[3:4] or line[3:4] == source[:1]
    for line in made.split("\n")[:-1]:
        assert line[-1] not in OPENING


def test_a_line_breaks_at_no_blank_beside_a_mark_that_may_not_begin_or_end_it():
    for mark in ("““””%，““） ，网", "（网（ （，网"):
        for before in range(25, 40):
            lines = wrap("高" * before + mark).split("\n")
            assert not any(line[0] in CLOSING for line in lines)
            assert not any(line[-1] in OPENING for line in lines[:-1])


def test_an_address_is_never_broken():
    url = "https://example.com/" + "a" * 90
    assert url in wrap(f"See {url} for more").split("\n")


def test_a_chinese_paragraph_breaks_between_characters_without_blanks():
    made = wrap("港巷商城周三宣布，已同意收购在珠三角运营约 4,200 组快递柜的“格子箱”公司，交易价格未披露。" * 2)
    assert all(width(line) <= 72 for line in made.split("\n"))
    assert all(width(line) >= 66 for line in made.split("\n")[:-1])


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("one\n\ntwo", "one\n\ntwo"),
        ("* a\n* b", "- a\n- b"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("> quoted", "> quoted"),
        ("a  \nb", "a\nb"),
        ("**bold** and `code`", "bold and code"),
        ("[site](https://x.example/)", "site <https://x.example/>"),
        ("[a](https://x.example/) and [b](https://x.example/)", "a <https://x.example/> and b"),
        ("<https://x.example/>", "https://x.example/"),
        ("![A crane](https://x.example/c.png)", "[A crane]"),
        ("    x = 1\n    y", "    x = 1\n    y"),
        ("a\n\n---\n\nb", "a\n\n* * *\n\nb"),
        ("* a\n  * b\n* c", "- a\n  - b\n- c"),
        ("9. a\n10. b\n    * c\n      * d", "9. a\n10. b\n    - c\n      - d"),
        ("R&D < 5", "R&D < 5"),
    ],
)
def test_markdown_reads_well_as_text(source, expected):
    assert from_html(markdown.to_html(source), Links()) == expected


def test_code_keeps_its_signs():
    made = Markup(markdown.to_html("    a < b && c\n    d\n\nR&D"))  # noqa: S704 - as the template is given it
    assert from_html(made, Links()) == "    a < b && c\n    d\n\nR&D"


def test_a_list_item_of_two_paragraphs_is_indented():
    made = from_html(markdown.to_html("* one\n\n  more\n\n* two"), Links())
    assert made.split("\n") == ["- one", "  more", "- two"]
