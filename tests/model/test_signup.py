"""The rules of the forms: proxies, truncation, stamps, limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.model.signup import (
    Answer,
    Counts,
    Limits,
    age,
    base_key,
    client_address,
    client_bucket,
    judge,
    networks,
    stamp,
    truncated,
)

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
KEY = b"k" * 32


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("198.51.100.1", [], "198.51.100.1"),
        ("198.51.100.1", ["203.0.113.5"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.5, 10.2.3.4"], "203.0.113.5"),
        ("10.0.0.1", ["6.6.6.6", "203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.5:4711"], "203.0.113.5"),
        ("10.0.0.1", ["[2001:db8::5]:4711"], "2001:db8::5"),
        ("::ffff:10.0.0.1", ["203.0.113.5"], "203.0.113.5"),
        ("testclient", ["203.0.113.5"], ""),
        ("", [], ""),
    ],
)
def test_only_trusted_proxies_are_believed(peer: str, forwarded: list[str], found: str) -> None:
    assert client_address(peer, forwarded, networks(["10.0.0.0/8"])) == found


def test_addresses_are_kept_truncated_and_counted_by_network() -> None:
    assert truncated("203.0.113.77") == "203.0.113.0/24"
    assert truncated("2001:db8:1:2:3::4") == "2001:db8:1::/48"
    assert truncated("") == ""
    assert client_bucket("203.0.113.77") == "203.0.113.77/32"
    assert client_bucket("2001:db8:1:2:3::4") == client_bucket("2001:db8:1:2:9::9") == "2001:db8:1:2::/64"


def test_a_plus_tag_is_counted_with_its_base() -> None:
    assert base_key("a+b@example.com") == base_key("a+c@example.com") == "a@example.com"
    assert base_key("+b@example.com") == "+b@example.com"


def test_dots_and_the_other_name_make_no_other_mailbox_at_gmail() -> None:
    variants = ("victim@gmail.com", "v.ic.tim@gmail.com", "vic.tim+1@gmail.com", "v.i.c.t.i.m@googlemail.com")
    assert {base_key(each) for each in variants} == {"victim@gmail.com"}
    assert base_key("...@gmail.com") == "...@gmail.com"
    assert base_key("v.ictim@example.com") == "v.ictim@example.com"


def test_a_stamp_tells_its_age_and_dies_after_two_days() -> None:
    text = stamp(KEY, NOW)
    assert age([KEY], text, NOW + timedelta(seconds=3)) == timedelta(seconds=3)
    assert age([b"o" * 32, KEY], text, NOW) == timedelta(0)
    assert age([b"o" * 32], text, NOW) is None
    assert age([KEY], text, NOW - timedelta(seconds=1)) is None
    assert age([KEY], text, NOW + timedelta(days=3)) is None
    assert age([KEY], text, NOW, "I agree.") is None
    assert age([KEY], stamp(KEY, NOW, "I agree."), NOW, "I agree.") == timedelta(0)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_no_other_text_is_a_stamp(text: str) -> None:
    assert age([KEY], text, NOW) is None


@pytest.mark.parametrize(
    ("counts", "proved", "suppressed", "answer"),
    [
        (Counts(), False, "", Answer.SEND),
        (Counts(address_day=1), False, "", Answer.SILENT),
        (Counts(address_month=3), False, "", Answer.SILENT),
        (Counts(client_hour=5), True, "", Answer.BUSY),
        (Counts(domain_hour=30), True, "", Answer.BUSY),
        (Counts(total_hour=200), False, "", Answer.SEND),  # the first of a browser without scripts
        (Counts(total_hour=200, client_hour=1), False, "", Answer.PROVE),
        (Counts(total_hour=200, client_hour=1), True, "", Answer.SEND),
        (Counts(), False, "complaint", Answer.SILENT),
        (Counts(), False, "userunknown", Answer.SEND),
        (Counts(address_month=1), False, "userunknown", Answer.SILENT),
    ],
)
def test_the_limits_are_kept(counts: Counts, proved: bool, suppressed: str, answer: Answer) -> None:
    assert judge(Limits(), counts, "example.com", proved=proved, suppressed=suppressed) is answer


def test_a_big_provider_has_no_limit_of_its_own() -> None:
    limits = Limits(unlimited_domains=frozenset({"qq.com"}))
    assert judge(limits, Counts(domain_hour=1000), "qq.com", proved=False) is Answer.SEND


@settings(max_examples=200, deadline=None)
@given(
    counts=st.builds(Counts, *[st.integers(0, 300)] * 5),
    proved=st.booleans(),
    first=st.sampled_from(["", "complaint", "userunknown"]),
    second=st.sampled_from(["", "complaint", "userunknown"]),
)
def test_what_a_stranger_sees_does_not_depend_on_the_address(
    counts: Counts, proved: bool, first: str, second: str
) -> None:
    def seen(reason: str) -> Answer:
        answer = judge(Limits(), counts, "example.com", proved=proved, suppressed=reason)
        return Answer.SEND if answer is Answer.SILENT else answer

    assert seen(first) == seen(second)
