"""When so much of a send comes back that somebody should know, and when it had better stop: shares, and pure rules.

Complaints are held to the limits of the big receivers' guidelines for senders; the shares of bounces and of refusals
about us are this program's own choice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

LEAST_DELIVERIES = 50
LEAST_EVENTS = 3  # one reader's temper is no share, however small the send


@dataclass(frozen=True, slots=True)
class Threshold:
    """Something counted, and the shares of a send's deliveries at which to warn and to pause (0: never).

    `least_to_pause` deliveries must have ended before a pause: a small send is over before it helps.
    """

    what: str
    warn: float
    pause: float
    least_to_pause: int = LEAST_DELIVERIES


BOUNCES = Threshold("bounces", 0.02, 0.05, 200)
COMPLAINTS = Threshold("complaints", 0.001, 0.003)
SENDER_FAULTS = Threshold("refusals that are about us", 0.0, 0.02)
DOMAIN_FAULTS = Threshold("refusals that are about us", 0.0, 0.05)
DOMAIN_BOUNCES = Threshold("bounces", 0.05, 0.0)  # a rising domain


@dataclass(frozen=True, slots=True)
class Alarm:
    """A threshold that was passed: `cause` is the sentence for people."""

    what: str
    pause: bool
    cause: str


def first_complaint(domain: str) -> Alarm:
    """The word for an issue's first complaint, of a reader at a domain: no share, yet somebody should know."""
    return Alarm("the first complaint", False, f"the first complaint: a reader at {domain} reported it as spam")


def domain_held(domain: str) -> Alarm:
    """The word for a domain whose answers are not believed."""
    cause = (
        f"unknown readers at {domain}: so many at once that the domain must be broken; their suppressions are held:"
        f" look, then 'mailer suppressions release {domain}' or 'lift --domain {domain}'"
    )
    return Alarm(f"unknown readers at {domain}", False, cause)


def enough(threshold: Threshold, events: int) -> int:
    """So many deliveries are enough to know that `events` of them pass no share of the threshold."""
    least = threshold.warn or threshold.pause
    return max(LEAST_DELIVERIES, int(events / least) + 1)


def judge(threshold: Threshold, events: int, ended: int, domain: str = "") -> Iterator[Alarm]:
    """What `events` of `ended` deliveries (at one domain) call for: nothing, a warning, or a warning and a pause."""
    where = f" at {domain}" if domain else ""
    if events < LEAST_EVENTS or ended < LEAST_DELIVERIES:
        return
    share = events / ended
    for limit, pause in ((threshold.warn, False), (threshold.pause, True)):
        if limit and share > limit and (not pause or ended >= threshold.least_to_pause):
            cause = f"{threshold.what}{where}: {events} of {ended} deliveries, {share:.1%}; the limit is {limit:.1%}"
            yield Alarm(threshold.what + where, pause, cause)
