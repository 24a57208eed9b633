"""The Markdown of issue files."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.rendering import markdown


@pytest.mark.parametrize(
    ("written", "html"),
    [
        ("他说**“好”**了。", "<p>他说<strong>“好”</strong>了。</p>"),
        ("**注意：**这是通知", "<p><strong>注意：</strong>这是通知</p>"),
        ("这是**重点（甲）**与*乙*。", "<p>这是<strong>重点（甲）</strong>与<em>乙</em>。</p>"),
        ("**중요!**입니다", "<p><strong>중요!</strong>입니다</p>"),
        ("a **b** c, snake_case_word", "<p>a <strong>b</strong> c, snake_case_word</p>"),
        ("2 * 3 * 4", "<p>2 * 3 * 4</p>"),
    ],
)
def test_emphasis_works_beside_chinese_and_as_ever_elsewhere(written: str, html: str) -> None:
    assert markdown.to_html(written) == html


def test_raw_html_is_shown_as_text() -> None:
    assert markdown.to_html("<script>alert(1)</script> <b>x</b>") == (
        "<p>&lt;script&gt;alert(1)&lt;/script&gt; &lt;b&gt;x&lt;/b&gt;</p>"
    )


@pytest.mark.parametrize("url", ["javascript:alert(1)", "JaVaScRiPt:x", "vbscript:x", "data:text/html,x", "file:///x"])
def test_a_hostile_link_stays_text_and_is_still_listed(url: str) -> None:
    assert "<a" not in markdown.to_html(f"[x]({url})")
    assert [link.url for link in markdown.links(f"[x]({url})")] == [url]


def test_a_topic_tag_is_no_heading() -> None:
    assert markdown.to_html("#话题# 今天") == "<p>#话题# 今天</p>"


def test_an_image_keeps_its_width_and_no_other_attribute() -> None:
    assert markdown.to_html("![a](https://example.com/p.png){width=560 onclick=x}") == (
        '<p><img src="https://example.com/p.png" alt="a" width="560"></p>'
    )


def test_merge_tags_pass_as_text() -> None:
    assert markdown.to_html('Hi{{ first_name | ", " }}.') == '<p>Hi{{ first_name | ", " }}.</p>'


def test_a_host_in_chinese_letters_is_turned_into_punycode() -> None:
    assert 'href="https://xn--fsqu00a.test/"' in markdown.to_html("[x](https://例子.test/)")


def test_links_know_their_line_text_and_kind() -> None:
    found = markdown.links("one\n\ntwo [a **b**](https://example.com)\nthree ![c](d.png){width=9}", line=5)
    assert [(link.line, link.text, link.url, link.image) for link in found] == [
        (7, "a b", "https://example.com", False),
        (8, "c", "d.png", True),
    ]


def test_plain_text_has_the_words_alone() -> None:
    assert markdown.plain_text("**a** [b](https://example.com)\nc\n\n- d") == "a b c\nd"


def test_running_text_gets_no_paragraph() -> None:
    assert markdown.to_inline_html("**R&D** < 3") == "<strong>R&amp;D</strong> &lt; 3"


@given(st.text(max_size=80))
@settings(max_examples=150)
def test_any_text_gives_allowed_elements_only(text: str) -> None:
    html = markdown.to_html(text)
    assert "<script" not in html.lower()
    markdown.plain_text(text)
    markdown.links(text)


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ("这是第一行\n这是第二行，\n这是第三行", "这是第一行这是第二行，这是第三行"),
        ("他说**好**\n《书》", "他说好《书》"),
        ("他说“好”\n于是\n“走”", "他说“好”于是“走”"),
        ("用 Python\n写的", "用 Python 写的"),
        ("写的\nPython", "写的 Python"),
        ("写完了。\nPython 也写完了", "写完了。Python 也写完了"),
        ("one\ntwo", "one two"),
        ("한국어\n문장", "한국어 문장"),
        ("第一点\n（2）第二点", "第一点 （2）第二点"),
        ("第一点\n二、第二点", "第一点 二、第二点"),
        ("断开  \n的行", "断开\n的行"),
    ],
)
def test_the_end_of_a_line_is_a_blank_but_between_chinese_letters(lines, shown):
    from mailer.rendering.text import Links, from_html

    assert markdown.plain_text(lines) == shown
    assert from_html(markdown.to_html(lines), Links()) == shown
