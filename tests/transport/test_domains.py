"""Whether a domain takes mail is read off its records, and so are texts; what nobody could say is not guessed."""

from __future__ import annotations

from typing import Any

import dns.exception
import dns.message
import dns.rcode
import dns.resolver
import pytest

from mailer.transport.domains import takes_mail, texts

ZONE = """id 1
opcode QUERY
rcode NOERROR
flags QR RD RA
;QUESTION
{domain}. IN {kind}
;ANSWER
{answer}
;AUTHORITY
;ADDITIONAL
"""


def records(monkeypatch: pytest.MonkeyPatch, answers: dict[str, str]) -> None:
    def resolve(domain: str, kind: str, lifetime: float) -> Any:
        said = answers.get(kind, "")
        if said == "NXDOMAIN":
            raise dns.resolver.NXDOMAIN
        if said == "SERVFAIL":
            raise dns.resolver.NoNameservers
        if not said:
            raise dns.resolver.NoAnswer(response=dns.message.make_query(domain, kind))
        text = ZONE.format(domain=domain, kind=kind, answer=f"{domain}. 60 IN {kind} {said}")
        message = dns.message.from_text(text)
        return message.answer[0]

    monkeypatch.setattr(dns.resolver, "resolve", resolve)


@pytest.mark.parametrize(
    ("answers", "takes"),
    [
        ({"MX": "10 mx.example.org."}, True),
        ({"MX": "0 ."}, False),  # RFC 7505
        ({"A": "192.0.2.5"}, True),
        ({"AAAA": "2001:db8::5"}, True),
        ({}, False),
        ({"MX": "NXDOMAIN"}, False),
        ({"MX": "SERVFAIL"}, None),
        ({"A": "SERVFAIL"}, None),
    ],
)
def test_a_domain_takes_mail_as_its_records_say(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, str], takes: bool | None
) -> None:
    records(monkeypatch, answers)
    assert takes_mail("example.org") is takes


def test_a_name_that_is_none_is_not_decided() -> None:
    assert takes_mail("a" * 70 + ".example") is None


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ('"v=DKIM1; k=rsa; " "p=abc"', ["v=DKIM1; k=rsa; p=abc"]),
        ('"\\255"', ["\ufffd"]),
        ("", []),
        ("NXDOMAIN", []),
        ("SERVFAIL", None),
    ],
)
def test_the_strings_of_a_text_are_put_together(
    monkeypatch: pytest.MonkeyPatch, said: str, found: list[str] | None
) -> None:
    records(monkeypatch, {"TXT": said})
    assert texts("club1._domainkey.example.org") == found
