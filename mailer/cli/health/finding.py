"""What a look at a club finds, and whether the club is only being tried."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from mailer.sentence import Sentence

if TYPE_CHECKING:
    from mailer.wiring import Club

Bad = Literal["advice", "wrong"]

_NOTHING = Sentence("")
_MADE_UP = ("example", "example.com", "example.net", "example.org", "test", "invalid", "localhost")  # RFC 2606


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `right`, `advice` (it works, yet) or `wrong`; `todo` says what to do about it."""

    about: str
    state: Literal["right", "advice", "wrong"]
    text: Sentence
    todo: Sentence = _NOTHING


def on_trial(club: Club) -> bool:
    """Whether mail cannot leave this machine yet, so that made-up names do no harm."""
    relays = club.settings.relays or (club.settings.relay,)
    return all(loopback(urlsplit(relay.url.get_secret_value()).hostname) for relay in relays)


def loopback(host: str | None) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def made_up(domain: str) -> bool:
    """Whether a domain is one that only stands in examples."""
    return any(domain == name or domain.endswith("." + name) for name in _MADE_UP)
