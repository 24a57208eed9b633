"""Attributes as they are written: JSON for everybody, and for a search a text in which numbers and days are told."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.store.packing import head, packed, pair

_TEXT = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",))),
    st.text("0123456789-+.eE :T/", max_size=12),
    st.just("2026-01-31"),
)
_NAME = st.from_regex(r"\A[^\W\d]\w{0,9}\Z")  # as `model.subscriber.attribute_name` makes them


@given(st.dictionaries(_TEXT, _TEXT))
def test_attributes_are_json_and_each_pair_stands_in_it_as_a_search_asks_for_it(attributes: dict[str, str]) -> None:
    text = packed(attributes)
    assert json.loads(text) == attributes
    assert packed(dict(reversed(attributes.items()))) == text
    for name, value in attributes.items():
        assert pair(name, value) in text
        assert head(name) in text


@given(_NAME, _NAME, _TEXT)
def test_no_value_looks_like_an_attribute(name: str, other: str, value: str) -> None:
    if other != name:
        text = packed({other: f'{value}",{pair(name, value)}'})
        assert not any(head(name, kind) in text for kind in ("", " ", "\t"))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("9", '"a": "9"'), (" -9.5e3 ", '"a": " -9.5e3 "'), ("9\n", '"a": "9\\n"'), ("9 to 5", '"a":"9 to 5"'),
        ("", '"a":""'), ("London", '"a":"London"'), ("2026-01-31", '"a":\t"2026-01-31"'),
        ("2026-01-31 10:00", '"a":\t"2026-01-31 10:00"'), ("2026-01-311", '"a":"2026-01-311"'),
        ("2026-01-31\n", '"a":"2026-01-31\\n"'),
    ],
)  # fmt: skip
def test_a_number_and_a_day_are_told_by_what_stands_before_them(value: str, written: str) -> None:
    assert pair("a", value) == written


def test_numbers_and_days_come_first() -> None:
    attributes = {"city": "London", "level": "7", "since": "2026-01-31", "area": "12"}
    assert packed(attributes) == '{"area": "12","level": "7","since":\t"2026-01-31","city":"London"}'
