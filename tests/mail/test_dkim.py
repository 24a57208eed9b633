"""What is signed verifies elsewhere, and nothing that matters can be changed under the signature (RFC 6376)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from support.verifier import broken, verify

from mailer.mail import header, list_headers
from mailer.mail.dkim import SIGNED, Key, PrivateKey, Signer, public_part, read_key, strings
from mailer.mail.wire import WireForm, is_wire_form, wire_form

RSA = Key("r1", rsa.generate_private_key(65537, 2048))
ED = Key("e1", ed25519.Ed25519PrivateKey.generate())
DATE = datetime(2026, 6, 2, 6, tzinfo=UTC)
BODY = b"Hello Alice,\r\n\r\nthe boats keep  their names. \r\n"


def message(body: bytes = BODY, name: str = "Alice", address: str = "alice@example.com", subject: str = "Boats") -> Any:
    """A mail with everything in its header that an issue has."""
    head = (
        header.address_field("From", [("Quay News", "news@example.org")])
        + header.address_field("Reply-To", [("", "editors@example.org")])
        + header.to_field(name, address)
        + header.text_field("Subject", subject)
        + header.date_field(DATE)
        + header.message_id_field("abc@example.org")
        + list_headers.list_id_field("Quay News", "quay.example.org")
        + list_headers.list_unsubscribe_fields("https://news.example.org/u/abc", "mailto:leave@example.org?subject=u")
        + header.token_field("Feedback-ID", "214:quay:news:mailer")
        + "Precedence: bulk\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        + "Content-Transfer-Encoding: 8bit\r\n\r\n"
    )
    return wire_form(head.encode() + body) if body else WireForm(head.encode())


@pytest.mark.parametrize("keys", [(RSA,), (ED,), (RSA, ED)], ids=["rsa", "ed25519", "both"])
def test_another_program_verifies_what_is_signed(keys: tuple[Key, ...]) -> None:
    signed = Signer("example.org", keys).sign(message())
    assert signed.endswith(message())
    assert verify(signed, *keys) == [True] * len(keys)


def test_of_two_signatures_rsa_comes_first_because_everybody_knows_it() -> None:
    signed = Signer("example.org", [ED, RSA]).sign(message())
    assert re.findall(rb"a=([a-z0-9-]+);", signed) == [b"rsa-sha256", b"ed25519-sha256"]


NAMES = st.text(max_size=60).filter(header.is_safe_name)
LINES = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=30), max_size=8)


@settings(max_examples=60, deadline=None)
@given(NAMES, NAMES.filter(str.strip), LINES, st.sampled_from(["alice@example.com", "爱丽丝@example.com"]))
def test_whatever_readers_are_called_and_editors_write_verifies(
    name: str, subject: str, lines: list[str], address: str
) -> None:
    body = b"".join(b"%b\r\n" % (b" " + line.encode() if line.startswith(".") else line.encode()) for line in lines)
    signed = Signer("example.org", [RSA, ED]).sign(message(body, name, address, subject))
    assert verify(signed, RSA, ED) == [True, True]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"\r\n\r\n\r\n",
        b"one line\r\n",
        b"blank lines after\r\n\r\n\r\n",
        b" \r\n\t\r\n",
        b"a  b \t c  \r\n",
    ],
)
def test_bodies_that_are_easily_got_wrong_verify(body: bytes) -> None:
    assert verify(Signer("example.org", [RSA]).sign(message(body)), RSA) == [True]


def test_a_header_without_any_body_verifies() -> None:
    bare = WireForm(b"From: news@example.org\r\nSubject: nothing more\r\n")
    assert verify(Signer("example.org", [RSA]).sign(bare), RSA) == [True]


@pytest.mark.parametrize(
    "subject",
    [
        b"Subject:no blank",
        b"Subject:\t tabs\tand  blanks  ",
        b"Subject: a fold\r\n\t and another\r\n  end",
        b"Subject:\r\n only below",
    ],
)
def test_fields_of_every_shape_verify(subject: bytes) -> None:
    odd = WireForm(b"from: news@example.org\r\n" + subject + b"\r\nto: alice@example.com\r\n\r\nHello\r\n")
    assert verify(Signer("example.org", [RSA]).sign(odd), RSA) == [True]


def test_a_field_that_is_there_twice_is_signed_twice() -> None:
    twice = WireForm(b"From: news@example.org\r\nTo: a@example.com\r\nTo: b@example.com\r\n\r\nHello\r\n")
    signed = Signer("example.org", [RSA]).sign(twice)
    assert verify(signed, RSA) == [True]
    assert broken(signed.replace(b"a@example.com", b"c@example.com"), RSA)


def test_any_changed_byte_of_the_body_breaks_it() -> None:
    signed = Signer("example.org", [ED]).sign(message())
    start = len(signed) - len(BODY)
    for at in range(start, len(signed) - 2):
        assert broken(signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :], ED)
    assert broken(signed + b"and more\r\n", ED)


@pytest.mark.parametrize("name", SIGNED)
def test_no_signed_field_can_be_changed_taken_away_or_added_to(name: str) -> None:
    signed = Signer("example.org", [ED]).sign(message())
    own = len(signed) - len(message())
    match = re.compile(rb"(?mi)^%b: ([^\r]|\r\n[ \t])*\r\n" % name.encode()).search(signed, own)
    assert match is not None
    start, end = match.span()
    changed = signed[: end - 3] + bytes([signed[end - 3] ^ 1]) + signed[end - 2 :]
    assert broken(changed, ED)
    assert broken(signed[:start] + signed[end:], ED)
    assert broken(signed[:own] + match[0] + signed[own:], ED), "a second one in front"
    assert broken(signed[:end] + match[0] + signed[end:], ED), "a second one behind"


def test_both_unsubscribe_fields_are_among_what_is_signed() -> None:
    signed = Signer("example.org", [RSA]).sign(message())
    names = re.search(rb"h=([^;]+);", signed)
    assert names is not None
    listed = names[1].lower().replace(b"\r\n ", b"").split(b":")
    assert {b"list-unsubscribe", b"list-unsubscribe-post"} <= set(listed)
    assert b"l=" not in signed[: len(signed) - len(message())].replace(b"rel=", b"")


def test_the_field_is_folded_and_stays_wire_form() -> None:
    signed = Signer("example.org", [RSA, ED]).sign(message())
    field = signed[: len(signed) - len(message())]
    assert is_wire_form(signed)
    assert max(map(len, field.split(b"\r\n"))) <= 78


def test_the_same_message_is_signed_with_the_same_bytes_and_its_own_time() -> None:
    first, again = (Signer("example.org", [RSA, ED]).fields(message()) for _ in range(2))
    assert first == again
    assert f"t={int(DATE.timestamp())};".encode() in first


def test_a_key_signs_what_is_dated_from_its_since_until_a_newer_one_does() -> None:
    new = Key("r2", RSA.private, DATE)
    old = Key("r0", RSA.private, DATE - timedelta(days=30))
    signer = Signer("example.org", [new, old, ED])

    def at(date: datetime) -> list[str]:
        return [key.selector for key in signer.at(date)]

    assert at(DATE) == ["r2", "e1"]
    assert at(DATE - timedelta(seconds=1)) == ["r0", "e1"]
    assert at(DATE - timedelta(days=31)) == ["e1"]
    assert b" s=r2;" in signer.fields(message())


def test_mail_from_before_there_was_a_key_keeps_its_bytes() -> None:
    signer = Signer("example.org", [Key("r2", RSA.private, DATE + timedelta(seconds=1))])
    assert signer.sign(message()) == message()


@pytest.mark.parametrize("date", [b"", b"Date: yesterday\r\n", b"Date: Tue, 02 Jun 2026 06:00:00 -0000\r\n"])
def test_a_message_without_a_date_that_means_something_is_signed_without_a_time(date: bytes) -> None:
    odd = WireForm(b"From: news@example.org\r\n" + date + b"\r\nHello\r\n")
    signed = Signer("example.org", [RSA]).sign(odd)
    assert b" t=" not in signed
    assert verify(signed, RSA) == [True]


def test_a_message_without_from_is_not_signed() -> None:
    with pytest.raises(ValueError, match="no From"):
        Signer("example.org", [RSA]).fields(b"Subject: who?\r\n\r\nHello\r\n")


@pytest.mark.parametrize(
    "domain", ["", "a b.org", "例子.org", "-x.org", "x..org", "x.org;", "x.org\r\nBcc: y", "x" * 64]
)
def test_a_domain_that_cannot_be_in_dns_is_refused(domain: str) -> None:
    with pytest.raises(ValueError, match="not a name in DNS"):
        Signer(domain, [RSA])


def test_two_keys_under_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="selector 'r1'"):
        Signer("example.org", [RSA, Key("R1", ED.private)])


def test_a_long_record_is_cut_into_strings_that_dns_can_hold() -> None:
    parts = strings(RSA.record)
    assert "".join(parts) == RSA.record
    assert [len(part) <= 255 for part in parts] == [True, True]
    assert strings(ED.record) == [ED.record]
    assert public_part(f"v=DKIM1; k=rsa;p= {' '.join(parts[1])} ; t=s") == parts[1]
    assert public_part("v=DKIM1") == ""


def pem(key: Any, password: bytes = b"") -> bytes:
    locked = BestAvailableEncryption(password) if password else NoEncryption()
    raw: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
    return raw


@pytest.mark.parametrize("key", [RSA.private, ED.private])
def test_a_key_file_is_read(key: PrivateKey) -> None:
    assert Key("x", read_key(pem(key))).record == Key("x", key).record


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key"),
        (pem(RSA.private)[:400], "no private key"),
        (pem(RSA.private, b"secret"), "locked with a password"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "neither RSA nor ed25519"),
    ],
)
def test_what_is_no_usable_key_is_named(content: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_key(content)
