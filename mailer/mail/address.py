"""Mail addresses: what we would mail, when two are the same, how one is shown to strangers."""

from __future__ import annotations

import re
import unicodedata
from sys import intern
from typing import NamedTuple

from mailer.errors import AddressError
from mailer.sentence import Sentence

MAX_OCTETS = 254  # RFC 5321 4.5.3.1.3, less the angle brackets
MAX_LOCAL_OCTETS = 64  # RFC 5321 4.5.3.1.1

_ATOM = r"[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]+"  # RFC 5322 3.2.3
_LABEL = r"(?![A-Za-z0-9-]{2}--)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"  # RFC 1123 2.1, no Punycode
_PLAIN = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@((?:{_LABEL}\.)+(?=[^.]*[A-Za-z]\Z){_LABEL})", re.ASCII)
_RESERVED = (".arpa", ".invalid", ".local", ".localhost", ".onion")  # RFC 6761, 6762, 7686: never reached by mail


_BY_HOW_MANY = re.compile(r" \(\d+ characters? too many\)$")
_OF_THE_LIBRARY = (  # what email-validator says with a value at its end; what has none stands as it is
    Sentence("the email address contains invalid characters before the @-sign: %(what)s"),
    Sentence("the email address contains unsafe characters: %(what)s"),
    Sentence("the part after the @-sign contains invalid characters: %(what)s"),
)


class Address(NamedTuple):
    """An address we would mail.

    `address` is as typed, but for a domain in letters beyond ASCII, which becomes its A-labels; `match_key` is
    the same for addresses that reach the same reader; `domain` is lower-case ASCII (RFC 5890).
    """

    address: str
    match_key: str
    domain: str

    @property
    def needs_smtputf8(self) -> bool:
        """Whether a relay must offer SMTPUTF8 (RFC 6531) to take it."""
        return not self.address.isascii()


def parse(text: str) -> Address:
    """The address in `text`, which must be nothing but an address (callers strip spaces). No DNS is asked.

    Raises AddressError with one sentence. Quoted local parts, address literals, control and invisible
    characters and domains without a period are refused; `.test` and the example domains are not.
    """
    plain = _PLAIN.fullmatch(text) if len(text) <= MAX_OCTETS else None
    if plain is None:
        return _parse_unusual(text)
    local, domain = plain.groups()
    domain = domain.lower()
    if len(local) > MAX_LOCAL_OCTETS or len(domain) > 253 or domain.endswith(_RESERVED):
        return _parse_unusual(text)
    return Address(text, f"{local.lower()}@{domain}", intern(domain))


def match_key(text: str) -> str:
    """What makes two addresses the same: local part case-folded, domain in lower-case ASCII. Raises AddressError."""
    return parse(text).match_key


def masked(address: str) -> str:
    """The address as a stranger may see it: `a***e@example.com`, short local parts hidden whole, `***` for none."""
    if not address:
        return "***"
    local, _, domain = address.rpartition("@")
    shown = f"{local[0]}***{local[-1]}" if len(local) > 3 else "***"
    return f"{shown}@{domain}"


def _parse_unusual(text: str) -> Address:
    """All that is not plain ASCII, judged by email-validator; and the reason why a bad one is bad."""
    from email_validator import EmailNotValidError, validate_email

    if not text.strip():
        raise AddressError(Sentence("the address is empty"))
    if len(text) > MAX_OCTETS:
        raise AddressError(Sentence("the address is longer than %(most)s characters", most=MAX_OCTETS))
    if "\ufffd" in text:
        raise AddressError(Sentence("the address holds bytes that are no letters in their encoding"))
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise AddressError(_as_clause(str(error))) from None
    local = unicodedata.normalize("NFC", text.rpartition("@")[0])
    domain = found.ascii_domain
    if domain.lower() == "test":
        raise AddressError(Sentence("the part after the @-sign has no period"))
    if len(local.encode()) > MAX_LOCAL_OCTETS:
        what = "the part before the @-sign is longer than %(most)s octets"
        raise AddressError(Sentence(what, most=MAX_LOCAL_OCTETS))
    folded = unicodedata.normalize("NFC", local.casefold())
    return Address(f"{local}@{domain}", f"{folded}@{domain.lower()}", domain.lower())


def _as_clause(text: str) -> Sentence:
    """A library's sentence as the rest of one of ours: `The email address ...` -> `the email address ...`."""
    text = " ".join(text.split())
    text = _BY_HOW_MANY.sub("", text[:1].lower() + text[1:].removesuffix("."))
    for said in _OF_THE_LIBRARY:
        head = said.removesuffix("%(what)s")
        if text.startswith(head):
            return Sentence(str(said), what=Sentence(text.removeprefix(head)))
    return Sentence(text)
