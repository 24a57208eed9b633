"""The language of segments: what it reads, and how it says what it cannot."""

from __future__ import annotations

import contextlib
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.errors import UsageError
from mailer.model.segment import All, Comparison, Not, Some, parse


def test_and_binds_tighter_than_or_and_not_tighter_than_both() -> None:
    a, b, c = (Comparison("tag", "=", (name,)) for name in "abc")
    assert parse("tag = a or not tag = b and tag = c") == Some((a, All((Not(b), c))))
    assert parse("(tag = a or tag = b) and tag = c") == All((Some((a, b)), c))


def test_every_kind_of_value_is_read() -> None:
    assert parse("joined > -30d") == Comparison("joined", ">", (timedelta(days=-30),))
    assert parse("joined <= 2026-01-31") == Comparison("joined", "<=", (date(2026, 1, 31),))
    assert parse('city in ("上海", "a\\"b")') == Comparison("attr.city", "in", ("上海", 'a"b'))
    assert parse("attr.level >= 2.5") == Comparison("attr.level", ">=", (2.5,))
    assert parse("tag not in (a, b) # ours") == Not(Comparison("tag", "in", ("a", "b")))
    assert parse("level < 1e3") == Comparison("attr.level", "<", (1000.0,))
    assert parse("Language = zh") == Comparison("language", "=", ("zh",))
    assert parse("attr.tags = x") == Comparison("attr.tags", "=", ("x",))
    assert parse('domain contains "example"') == Comparison("domain", "contains", ("example",))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "column 1: a field is expected"),
        ("language == zh", "column 11: a value"),
        ("tag < 3", "column 7: tag has no order"),
        ("joined = -30d", "column 10: joined is compared with <"),
        ("joined > soon", "column 10: joined is compared with a date"),
        ("(tag = a", "column 1: this parenthesis is never closed"),
        ('tag = "a', "column 7: this quote is never closed"),
        ("tag = a tag = b", "column 9: 'and' or 'or' is missing"),
        ("tag = a\nand ; drop", "line 2, column 5: cannot read ';'"),
        ("not " * 50 + "tag = a", "nested deeper than 20"),
        ("(" * 50 + "tag = a" + ")" * 50, "nested deeper than 20"),
        ("x" * 5000, "longer than 4000"),
        ("not tags = vip", "column 5: there is no field 'tags'; tag is meant, or attr.tags"),
        ("langauge = zh", "column 1: there is no field 'langauge'; language is meant"),
        ("Status = active", "column 1: there is no field 'Status'; state is meant"),
        ('email = "a@example.com"', "column 1: there is no field 'email'; one of language, tag"),
        ("state in (active, gone)", "column 19: there is no state 'gone'; states are pending"),
        ("language = 中文", "column 12: '中文' is no language tag such as en"),
        ("language = “zh”", "column 12: cannot read '“zh”'; write \" for “"),
        ("language ＝ zh", "column 10: cannot read '＝'; write = for ＝"),
        ("tag = a，b", "column 8: cannot read '，b'; write , for ，"),
        ("language = 'zh'", "column 12: cannot read ''zh''; write \" for '"),
        ("joined > 30d", "column 10: cannot read '30d'; a span back from now is -30d"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tag = tmall and", ["  tag = tmall and", "                 ^"]),
        ("language == zh", ["  language == zh", "            ^"]),
        ("tag = a\n\tand ; drop", ["   and ; drop", "       ^"]),
        ('city = "上海" and ;', ['  city = "上海" and ;', "                    ^"]),
    ],
)
def test_a_caret_stands_under_the_mistake(text: str, shown: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert str(caught.value).split("\n")[1:] == shown


def test_of_a_long_expression_only_the_part_around_the_mistake_is_shown() -> None:
    with pytest.raises(UsageError) as caught:
        parse("tag = a and " * 100 + "; " + "and tag = a " * 100)
    excerpt, caret = str(caught.value).split("\n")[1:]
    assert len(excerpt) < 110
    assert excerpt[caret.index("^")] == ";"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(["tag", "joined", "and", "or", "not", "(", ")", "=", "<", "in", ",", '"a"', "-3d", "'"]))
)
def test_any_text_is_a_segment_or_a_usage_error(words: list[str]) -> None:
    with contextlib.suppress(UsageError):
        parse(" ".join(words))
