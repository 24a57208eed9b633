"""States, names, tags and tombstones of subscribers."""

from __future__ import annotations

import pytest

from mailer.model.roster import FirstLines
from mailer.model.subscriber import (
    EDGES,
    State,
    attribute_name,
    fault_in_text,
    first_name,
    split_tags,
    tombstone,
    tombstones,
)
from mailer.model.tokens import Keyring


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("Alice Doe", "Alice"),
        ("Doe, Alice", "Alice"),
        ("DOE Alice", "Alice"),
        ("Dr. Alice Doe", "Alice"),
        ("Alice", "Alice"),
        ("J. Doe", "J."),
        ("Dr.", "Dr."),
        ("张小明", "张小明"),
        ("欧阳 娜", "欧阳 娜"),
        ("김민수", "김민수"),
        ("  ", ""),
    ],
)
def test_a_first_name_is_made_from_a_western_name_and_a_chinese_one_stays_whole(name: str, called: str) -> None:
    assert first_name(name) == called


def test_a_given_first_name_wins() -> None:
    assert first_name("Alice Doe", {"first_name": "Al"}) == "Al"


@pytest.mark.parametrize(
    "text",
    [
        "a\nb",
        "a\rb",
        "a\0b",
        "a\x85b",
        "a\u2028b",
        "a\u202eb",
        "a\ufffdb",
        f"a{chr(0xD800)}b",
        "=?utf-8?q?x=0ABcc?=",
        "x" * 1025,
        "张" * 342,
    ],
)
def test_a_text_that_could_break_a_header_is_refused(text: str) -> None:
    assert fault_in_text(text)


@pytest.mark.parametrize("text", ["", "Alice O'Doe", "张小明", "José", "😀", "a=?b", "x" * 1024])
def test_an_ordinary_text_is_kept(text: str) -> None:
    assert fault_in_text(text) == ""


def test_tags_and_attribute_names_are_written_one_way() -> None:
    assert split_tags("Tmall ; VIP  club；tmall;") == ("tmall", "vip club")
    assert attribute_name(" Favourite City (2) ") == "favourite_city_2"
    assert attribute_name("城市") == "城市"
    assert attribute_name("2nd") == ""


def test_nobody_comes_back_from_erased() -> None:
    assert EDGES[State.ERASED] == frozenset()
    assert all(State.ERASED in EDGES[state] for state in State if state is not State.ERASED)


def test_a_tombstone_is_known_under_old_keys_and_tells_nothing() -> None:
    old, both = Keyring({1: b"a" * 32}, 1), Keyring({1: b"a" * 32, 2: b"b" * 32}, 2)
    stone = tombstone("alice@example.com", old)
    assert stone in tombstones("alice@example.com", both)
    assert stone not in tombstones("bob@example.com", both)
    assert "alice" not in stone
    assert tombstone("alice@example.com", Keyring({1: b"c" * 32}, 1)) != stone


def test_first_lines_remembers_every_key_and_only_those() -> None:
    seen = FirstLines()
    assert [seen.note(f"reader{number}@example.com", number + 2) for number in range(20_000)] == [0] * 20_000
    assert [seen.note(f"reader{number}@example.com", 1) for number in range(20_000)] == list(range(2, 20_002))
