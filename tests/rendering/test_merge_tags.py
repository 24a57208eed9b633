"""Merge tags: the grammar, its mistakes, and what a reader sees."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.errors import SourceError
from mailer.rendering.merge_tags import MergeTag, Mistake, parse, replace, scan


def test_a_tag_with_a_joiner_is_read() -> None:
    assert parse('Good morning{{ first_name | ", " }}.') == (
        "Good morning",
        MergeTag("first_name", joiner=", ", line=1),
        ".",
    )


def test_a_tag_with_a_default_is_read() -> None:
    assert parse('Dear {{ name ?? "reader" }}') == ("Dear ", MergeTag("name", default="reader", line=1))


def test_joiner_and_default_may_stand_together() -> None:
    assert parse('{{first_name|"，"??"读者"}}') == (MergeTag("first_name", "，", "读者", 1),)


def test_an_attribute_column_is_a_field() -> None:
    assert parse('{{ attributes.城市 ?? "" }}') == (MergeTag("attributes.城市", default="", line=1),)


def test_lines_are_counted_from_the_line_given() -> None:
    tags = [piece for piece in parse("a\nb {{ email }}\n{{ email }}", line=10) if isinstance(piece, MergeTag)]
    assert [tag.line for tag in tags] == [11, 12]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{{ frist_name }}", "did you mean 'first_name'?"),
        ("{{ company }}", "known are email, name, first_name and attributes.COLUMN"),
        ("{{ attributes. }}", "unknown field"),
        ("{{ name", "not closed"),
        ("{{ name }\nx }}", "not closed"),
        ("{{ name | “, ” }}", "straight double quotes"),
        ("{{ name|upper }}", "not a merge tag"),
        ("{{ 7*7 }}", "not a merge tag"),
        ("{{}}", "not a merge tag"),
        ("{{ __class__ }}", "unknown field"),
    ],
)
def test_what_is_no_merge_tag_is_an_error_with_its_line(text: str, says: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse("one\ntwo " + text)
    assert says in str(caught.value)
    assert caught.value.where == "line 2"


def test_scan_goes_on_after_a_mistake() -> None:
    pieces = list(scan("{{ nmae }} and {{ email }}"))
    assert isinstance(pieces[0], Mistake)
    assert pieces[1:] == [" and ", MergeTag("email", line=1)]


def test_the_value_follows_its_joiner_or_leaves_nothing() -> None:
    tag = MergeTag("first_name", joiner=", ")
    assert (tag.value("Alice"), tag.value(""), tag.value(None)) == (", Alice", "", "")


def test_a_missing_value_gives_the_default_behind_the_joiner() -> None:
    assert MergeTag("name", joiner=" ", default="reader").value(None) == " reader"


def test_only_a_field_everybody_has_may_stand_alone() -> None:
    assert MergeTag("name").may_vanish
    assert not MergeTag("email").may_vanish
    assert not MergeTag("name", default="").may_vanish


def test_replace_puts_words_in_the_place_of_tags() -> None:
    assert replace("[x](https://example.com/?u={{ email }})", lambda tag: "WORD") == "[x](https://example.com/?u=WORD)"


@given(st.text(alphabet='{}|?" \\\nname_first.email，', max_size=60))
@settings(max_examples=200)
def test_scanning_loses_nothing_of_any_text(text: str) -> None:
    pieces = list(scan(text))
    shown = [piece if isinstance(piece, str) else piece.text for piece in pieces if not isinstance(piece, MergeTag)]
    assert sum(map(len, shown)) <= len(text)
    if not any(isinstance(piece, MergeTag) for piece in pieces):
        assert "".join(shown) == text


@given(st.sampled_from(["name", "email", "attributes.x"]), st.none() | st.text(), st.none() | st.text())
@settings(max_examples=100)
def test_a_tag_written_out_reads_back_the_same(field: str, joiner: str | None, default: str | None) -> None:
    if any("\n" in text for text in (joiner or "", default or "")):
        return
    tag = MergeTag(field, joiner, default, 1)
    assert parse(str(tag)) == (tag,)
