"""Which relay takes which reader: routes by recipient domain, shares by weight, failover when a relay is away."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from mailer.model.pacing import domains_of, group_of


@dataclass(frozen=True, slots=True)
class Route:
    """The recipient domains something takes: `only` these (None: any), `without` those."""

    only: frozenset[str] | None = None
    without: frozenset[str] = frozenset()

    def leaving_out(self, domains: Iterable[str]) -> Route:
        """The same route without some more domains."""
        out = frozenset(domains)
        return Route(None if self.only is None else self.only - out, self.without | out)

    def within(self, domains: Iterable[str]) -> Route:
        """As much of `domains` as this route takes."""
        wanted = frozenset(domains) - self.without
        return Route(wanted if self.only is None else wanted & self.only)


ANYBODY = Route()


def with_providers(domains: Iterable[str]) -> frozenset[str]:
    """Domains, each with all others of the same provider."""
    return frozenset(each for domain in domains for each in domains_of(group_of(domain.lower())))


def route(own: frozenset[str], working: Collection[frozenset[str]]) -> Route:
    """What a relay takes whose domains are `own`, beside those of all relays that work at this moment.

    A relay with domains takes those; what no working relay names goes to those without domains, or, when none of
    these works, to every one.
    """
    named = frozenset().union(*working) - own
    if own and not all(working):
        return Route(only=own)
    return Route(without=named)


class Shares:
    """Who has had how much, so that relays with different weights get their shares.

    Where all weights are equal there is nothing to keep: each relay takes what it can. A relay of weight 0 is for
    when no other can.
    """

    def __init__(self) -> None:
        self._load: dict[str, float] = {}  # what each has had, divided by its weight
        self._able: frozenset[str] = frozenset()

    def may(self, name: str, able: Mapping[str, int]) -> bool:
        """Whether it is this relay's turn among those `able` to take something now, given with their weights."""
        if not able.get(name):
            return not any(able.values())
        weighty = frozenset(each for each, weight in able.items() if weight)
        self._welcome(weighty)
        if len({able[each] for each in weighty}) < 2:
            return True
        return self._load[name] <= min(self._load[each] for each in weighty)

    def took(self, name: str, weight: int, count: int) -> None:
        """A relay was given something."""
        if weight:
            self._load[name] = self._load.get(name, 0.0) + count / weight

    def _welcome(self, able: frozenset[str]) -> None:
        """Who was away is not owed what it missed."""
        stayed = able & self._able
        least = min((self._load[name] for name in stayed), default=0.0)
        for name in able - stayed:
            self._load[name] = max(self._load.get(name, 0.0), least)
        self._able = able
