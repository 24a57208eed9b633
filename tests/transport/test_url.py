"""Relay URLs, and what is refused in them."""

from __future__ import annotations

import pytest

from mailer.errors import SettingsError
from mailer.transport.url import RelayUrl, Security, parse


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("smtp://127.0.0.1:2525", RelayUrl(Security.PLAIN, "127.0.0.1", 2525)),
        ("smtp://localhost", RelayUrl(Security.PLAIN, "localhost", 25)),
        ("smtp://[::1]:2525", RelayUrl(Security.PLAIN, "::1", 2525)),
        ("smtp+starttls://u:p@mail.example.com", RelayUrl(Security.STARTTLS, "mail.example.com", 587, "u", "p")),
        (
            "smtps://a%40b.example:p%2Fw%23@mail.example.com",
            RelayUrl(Security.TLS, "mail.example.com", 465, "a@b.example", "p/w#"),
        ),
        ("SMTPS://mail.example.com/", RelayUrl(Security.TLS, "mail.example.com", 465)),
    ],
)
def test_a_url_says_where_how_and_who(text: str, url: RelayUrl) -> None:
    assert parse(text) == url


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mail.example.com:587", "not a relay"),
        ("http://mail.example.com", "not a relay"),
        ("smtps://mail.example.com:99999", "not a relay"),
        ("smtps://", "no host"),
        ("smtps://u:hunter22/x@mail.example.com", "hunter22"),
        ("smtps://u:hunter22#x@mail.example.com", "hunter22"),
        ("smtps://u@mail.example.com", "both"),
        ("smtps://u:%FF@mail.example.com", "UTF-8"),
        ("smtps://mail.example.com/inbox", "after the port"),
        ("smtp://mail.example.com", "plaintext = true"),
        ("smtp://u:hunter22@mail.example.com", "in clear"),
    ],
)
def test_a_bad_url_is_one_sentence_without_the_password(text: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(text)
    if words != "hunter22":
        assert words in str(caught.value)
    assert "hunter22" not in str(caught.value)


def test_plain_smtp_to_another_host_must_be_written_out_and_never_carries_a_password() -> None:
    assert parse("smtp://10.0.0.5", plaintext=True).host == "10.0.0.5"
    with pytest.raises(SettingsError):
        parse("smtp://u:p@10.0.0.5", plaintext=True)


@pytest.mark.parametrize("host", ["127.0.0.1.example.com", "localhost.example.com", "10.0.0.1", "2130706433"])
def test_what_only_looks_like_loopback_is_not(host: str) -> None:
    with pytest.raises(SettingsError):
        parse(f"smtp://{host}")
