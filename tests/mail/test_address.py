"""Which texts are addresses, which two are the same, and what strangers see of one."""

from __future__ import annotations

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailer.errors import AddressError
from mailer.mail.address import Address, masked, match_key, parse


def test_a_plain_address_is_kept_as_typed_with_a_key_in_lower_case() -> None:
    assert parse("Alice.Doe+News@Example.COM") == Address(
        "Alice.Doe+News@Example.COM", "alice.doe+news@example.com", "example.com"
    )


@pytest.mark.parametrize(
    "text", ["alice@club.test", "alice@example.com", "o'brien@example.org", "=cmd|calc@example.com", "a%00@example.org"]
)
def test_odd_but_valid_addresses_are_taken(text: str) -> None:
    assert parse(text).address == text


@pytest.mark.parametrize("text", ["\ufffd@example.com", "zo\ufffd@example.com", "zoe@ex\ufffdmple.com"])
def test_what_was_never_text_is_no_address(text: str) -> None:
    with pytest.raises(AddressError, match=r"bytes|character"):
        parse(text)


def test_a_chinese_domain_becomes_its_a_labels_and_needs_no_smtputf8() -> None:
    found = parse("alice@例子.测试")
    assert found.address == "alice@xn--fsqu00a.xn--0zwm56d"
    assert found.domain == "xn--fsqu00a.xn--0zwm56d"
    assert not found.needs_smtputf8
    assert match_key("alice@例子。测试") == match_key("ALICE@XN--FSQU00A.xn--0zwm56d") == found.match_key


def test_a_local_part_beyond_ascii_needs_smtputf8() -> None:
    assert parse("张三@example.com").needs_smtputf8


def test_composed_and_decomposed_letters_are_the_same_reader() -> None:
    assert match_key("Jose\u0301@example.com") == match_key("jos\u00e9@example.com")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        (" ", "empty"),
        ("alice", "@-sign"),
        ("alice@", "after the @-sign"),
        ("@example.com", "before the @-sign"),
        ("alice@example", "period"),
        ("alice@test", "period"),
        (" alice@example.com", "SPACE"),
        ("alice@example.com ", "SPACE"),
        ("alice@example.com\r\nBcc: bob@example.com", "invalid characters"),
        ("alice\x00@example.com", "U+0000"),
        ("alice\x85@example.com", "U+0085"),
        ("alice\u202e@example.com", "RIGHT-TO-LEFT OVERRIDE"),
        ("alice\u200b@example.com", "ZERO WIDTH SPACE"),
        ('"alice"@example.com', "quoting"),
        ("alice@[127.0.0.1]", "bracketed"),
        ("Alice <alice@example.com>", "display name"),
        ("alice@example.org)bob@evil.test", "after the @-sign"),
        ("alice,bob@example.com", "','"),
        ("alice＠example.com", "full-width"),
        ("alice..b@example.com", "two periods"),
        ("alice@-example.com", "hyphen"),
        ("alice@ab--c.example.com", "dashes"),
        ("alice@xn--a.com", "IDNA"),
        ("alice@printer.local", "reserved"),
        ("alice@printer.LOCAL", "reserved"),
        ("alice@example.c1", "top-level"),
        ("x" * 65 + "@example.com", "64 octets"),
        ("张" * 22 + "@example.com", "64 octets"),
        ("alice@" + "x." * 130 + "com", "254"),
        ("x" * 1_000_000, "254"),
    ],
)
def test_what_is_not_an_address_is_refused_with_a_reason(text: str, says: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse(text)
    assert says in str(caught.value)
    assert str(caught.value).isprintable()
    assert not str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("alice@example.com", "a***e@example.com"),
        ("bob@example.com", "***@example.com"),
        ("a@example.com", "***@example.com"),
        ("", "***"),
    ],
)
def test_a_masked_address_does_not_tell_who_it_is(address: str, shown: str) -> None:
    assert masked(address) == shown


_LOCAL = st.text("aZ09.!#$%&'*+-/=?^_`{|}~\"(),:;<>@[\\] ", max_size=12) | st.text("ab.", min_size=60, max_size=66)
_LABEL = st.text("aZ0-", min_size=1, max_size=6) | st.text("b-", min_size=61, max_size=65)
_TOP = st.sampled_from(["com", "TEST", "local", "LOCAL", "invalid", "arpa", "onion", "localhost", "c1", "x", "1x"])
_TEXT = st.builds(
    lambda local, labels, top: f"{local}@{'.'.join([*labels, top])}", _LOCAL, st.lists(_LABEL, max_size=5), _TOP
)


@settings(max_examples=1500, deadline=None)
@given(_TEXT)
@example("a@" + ".".join(["b" * 62] * 4))
@example("a@b.\nc")
def test_the_fast_path_judges_as_email_validator_does(text: str) -> None:
    try:
        validate_email(text.lower(), check_deliverability=False, test_environment=True, strict=True)
        expected = not text.lower().endswith("@test")
    except EmailNotValidError:
        expected = False
    try:
        found = parse(text)
    except AddressError:
        assert not expected
    else:
        assert expected
        assert found.address == text
        assert found.match_key == text.lower()


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30), st.sampled_from(["", "@example.com", "@例子.测试"]))
def test_any_text_is_an_address_or_an_address_error(head: str, tail: str) -> None:
    try:
        found = parse(head + tail)
    except AddressError:
        return
    assert found.address.isprintable()
    assert parse(found.address) == found
    assert match_key(found.match_key) == found.match_key
