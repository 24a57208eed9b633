"""A look at a club: what is right, what is not, and what to do, in the order in which a person would put it right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mailer.cli.health import machine, readers, signing
from mailer.cli.health.finding import Finding
from mailer.sentence import Sentence

if TYPE_CHECKING:
    from mailer.wiring import Club


def examine(club: Club, dns: bool = False) -> Iterator[Finding]:
    """Everything there is to say about a club, in the order in which a person would put it right."""
    yield Finding(Sentence("settings"), "right", Sentence("mailer.toml in %(folder)s is valid", folder=club.folder))
    yield from readers.placeholders(club)
    yield from machine.key(club)
    yield from machine.database(club)
    yield from machine.journal(club)
    yield from machine.relays(club)
    yield from readers.web(club)
    yield from readers.languages(club)
    yield from readers.legal(club)
    yield from readers.leaving(club)
    yield from readers.alerts(club)
    yield from signing.dkim(club, dns)
    yield from signing.dns(club)
