"""Relay URLs: where a relay is, how the way there is protected and who logs in."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from mailer.errors import SettingsError
from mailer.sentence import Sentence


class Security(StrEnum):
    """How the connection is protected; there is no "if offered" (RFC 8314 section 4.1)."""

    PLAIN = "smtp"
    STARTTLS = "smtp+starttls"
    TLS = "smtps"


PORTS = {Security.PLAIN: 25, Security.STARTTLS: 587, Security.TLS: 465}


@dataclass(frozen=True, slots=True)
class RelayUrl:
    """A relay's address; the credentials never show in its repr or str."""

    security: Security
    host: str
    port: int
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.security}://{host}:{self.port}"


def parse(text: str, *, plaintext: bool = False) -> RelayUrl:
    """Read `smtp://`, `smtp+starttls://` or `smtps://` `user:password@host:port`, both names percent-encoded.

    `plaintext` allows `smtp://` to a host that is not loopback; a password is never sent to one in clear.
    Raises SettingsError, which shows neither user nor password.
    """
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname or "", parts.port
        security = Security(parts.scheme)
    except ValueError:
        what = (
            "[relay] url is not a relay; write smtp+starttls://user:password@host:587, smtps://user:password@host:465,"
            " or smtp://127.0.0.1:25 (percent-encode what is special in the password, such as @ as %(code)s)"
        )
        raise SettingsError(Sentence(what, code="%40")) from None
    if not host or not host.isascii() or any(c.isspace() or ord(c) < 33 for c in host):
        what = "[relay] url names no host; write it as smtps://user:password@mail.example.com:465"
        raise SettingsError(Sentence(what))
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        what = "[relay] url goes on after the port; if the password holds / ? or #, write them as %(codes)s"
        raise SettingsError(Sentence(what, codes="%2F %3F %23"))
    user, password = _credentials(parts)
    url = RelayUrl(security, host, port or PORTS[security], user, password)
    if security is Security.PLAIN and not is_loopback(host):
        if user:
            what = "[relay] url would send the password to %(host)s in clear; use smtp+starttls:// or smtps://"
            raise SettingsError(Sentence(what, host=host))
        if not plaintext:
            what = (
                "[relay] url would send all mail to %(host)s in clear; use smtp+starttls:// or smtps://, or write"
                " plaintext = true if that network is yours"
            )
            raise SettingsError(Sentence(what, host=host))
    return url


def is_loopback(host: str) -> bool:
    """Whether the host is this machine by its very name (RFC 6761 section 6.3)."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") in {"localhost"}


def _credentials(parts: SplitResult) -> tuple[str, str]:
    try:
        user = unquote_to_bytes(parts.username or "").decode()
        password = unquote_to_bytes(parts.password or "").decode()
    except UnicodeDecodeError:
        raise SettingsError(Sentence("[relay] url has a user or password that is not percent-encoded UTF-8")) from None
    if "\0" in user + password:
        raise SettingsError(Sentence("[relay] url has a user or password with a NUL character"))
    if bool(user) != bool(password):
        raise SettingsError(Sentence("[relay] url needs both a user and a password, or neither"))
    return user, password
