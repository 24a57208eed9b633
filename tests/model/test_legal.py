"""What each legal profile demands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailer.model.legal import PROFILES, Facts, missing

FULL = Facts("广告", "1 Example Road", "refuse@example.com", "I want it")


def test_the_profile_none_demands_nothing() -> None:
    assert missing("none", Facts()) == []


@pytest.mark.parametrize("profile", PROFILES)
def test_nothing_is_missing_where_everything_is_said(profile: str) -> None:
    assert missing(profile, FULL) == []


@pytest.mark.parametrize(
    ("profile", "settings"),
    [
        ("china", ["[legal] label", "[legal] refusal_address", "[join] wording"]),
        ("eu", ["[newsletter] postal_address", "[join] wording"]),
        ("us", ["[newsletter] postal_address"]),
    ],
)
def test_what_is_missing_names_the_setting(profile: str, settings: list[str]) -> None:
    assert [line.rpartition(": ")[2] for line in missing(profile, Facts())] == settings


@pytest.mark.parametrize(
    ("profile", "field", "setting"),
    [
        ("china", "label", "[legal] label"),
        ("china", "refusal_address", "[legal] refusal_address"),
        ("china", "wording", "[join] wording"),
        ("eu", "postal_address", "[newsletter] postal_address"),
        ("eu", "wording", "[join] wording"),
        ("us", "postal_address", "[newsletter] postal_address"),
    ],
)
@pytest.mark.parametrize("empty", ["", "  "])
def test_each_demanded_item_is_named_when_it_alone_is_missing(
    profile: str, field: str, setting: str, empty: str
) -> None:
    (line,) = missing(profile, replace(FULL, **{field: empty}))
    assert line.endswith(f": {setting}")


def test_the_chinese_label_stands_first_or_not_at_all() -> None:
    for label in ("AD", "广告", "AD:"):
        assert missing("china", Facts(label, "", "x@example.com", "w")) == []
    for label in ("", "News AD", "Ad"):
        assert len(missing("china", Facts(label, "", "x@example.com", "w"))) == 1


def test_an_unknown_profile_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no legal profile"):
        missing("mars", Facts())
