"""The rules of the signup forms: what strangers may cause, how a client is counted, how a form is dated."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b

DAY = timedelta(days=1)
MONTH = timedelta(days=30)
HOUR = timedelta(hours=1)
STAMP_LIFE = timedelta(days=2)
# Suppressions that are somebody's will, not an address's fault: such an address never gets a letter for a form.
REFUSALS = frozenset({"complaint", "fraud", "manual", "erased"})

_DOTLESS = ("gmail.com", "googlemail.com")  # one and the same

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Limits:
    """How much strangers may cause; the settings of [join] with the same names. 0 switches a limit off."""

    per_address_day: int = 1
    per_address_month: int = 3
    per_client_hour: int = 5
    per_domain_hour: int = 30
    total_hour: int = 200
    unlimited_domains: frozenset[str] = frozenset()

    @property
    def counts_clients(self) -> bool:
        """Whether it matters how much one client sends: for its own limit, or for the one on everybody."""
        return bool(self.per_client_hour or self.total_hour)

    def counts_domain(self, domain: str) -> bool:
        """Whether it matters how much is sent for one mail domain."""
        return bool(self.per_domain_hour) and domain not in self.unlimited_domains


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted before this submission."""

    address_day: int = 0
    address_month: int = 0
    client_hour: int = 0
    domain_hour: int = 0
    total_hour: int = 0


class Answer(StrEnum):
    """What becomes of a submission."""

    SEND = "send"  # the letter goes out
    SILENT = "silent"  # same answer, no letter: this address had its letters
    BUSY = "busy"  # this client or this mail domain has to wait
    PROVE = "prove"  # everybody has to prove some work first


@dataclass(frozen=True, slots=True)
class Visit:
    """Who sends a form: full client address, browser, language, the page it came from, a proof of work's id or ""."""

    client: str = ""
    user_agent: str = ""
    language: str = ""
    source: str = ""
    proof: str = ""


def judge(limits: Limits, counts: Counts, domain: str, *, proved: bool, suppressed: str = "") -> Answer:
    """What becomes of a submission for an address at `domain`.

    `proved` tells whether a proof of work came along; `suppressed` is the reason of an active suppression or "".
    What the visitor can see (BUSY, PROVE) depends on the client and on totals only, never on the address's state.
    """
    if limits.per_client_hour and counts.client_hour >= limits.per_client_hour:
        return Answer.BUSY
    if limits.counts_domain(domain) and counts.domain_hour >= limits.per_domain_hour:
        return Answer.BUSY
    # A browser without scripts cannot prove work: while it is hot it has one submission an hour instead.
    if limits.total_hour and counts.total_hour >= limits.total_hour and not proved and counts.client_hour:
        return Answer.PROVE
    if suppressed in REFUSALS:
        return Answer.SILENT
    monthly = 1 if suppressed else limits.per_address_month
    if counts.address_day >= limits.per_address_day or counts.address_month >= monthly:
        return Answer.SILENT
    return Answer.SEND


def mark(key: bytes, kind: str, value: str) -> str:
    """The name under which something is counted: nobody can read an address or a client out of it."""
    return f"{kind}:{blake2b(value.encode(), key=key[:64], digest_size=12).hexdigest()}"


def base_key(match_key: str) -> str:
    """The mailbox behind an address: `a+1@x.org` and `a+2@x.org` are counted as one, and at Gmail dots are nothing."""
    local, _, domain = match_key.rpartition("@")
    local = local.partition("+")[0] or local
    if domain in _DOTLESS:
        local, domain = local.replace(".", "") or local, _DOTLESS[0]
    return f"{local}@{domain}"


def networks(texts: Iterable[str]) -> tuple[_Network, ...]:
    """Addresses and networks in CIDR notation. Raises ValueError for anything else."""
    return tuple(ipaddress.ip_network(text.strip(), strict=False) for text in texts)


def client_address(peer: str, forwarded: Sequence[str], trusted: Sequence[_Network]) -> str:
    """The visitor's address: `peer`, or what the nearest proxy not to be trusted stood before.

    `forwarded` are the values of X-Forwarded-For in order; they are read from the right and believed only as far
    as each hop that vouches for the next is in `trusted`. Returns "" for what is not an address.
    """
    hops = [part.strip() for value in forwarded for part in value.split(",")]
    current = _address(peer)
    while current is not None and hops and any(current in network for network in trusted):
        behind = _address(hops.pop())
        if behind is None:
            break
        current = behind
    return str(current) if current else ""


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def client_bucket(client: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 an IPv6 address lies in."""
    return _network(client, 32, 64)


def truncated(client: str) -> str:
    """A client's address as kept with a consent: IPv4 /24, IPv6 /48; "" stays ""."""
    return _network(client, 24, 48)


def _network(client: str, v4: int, v6: int) -> str:
    found = _address(client)
    if found is None:
        return ""
    return str(ipaddress.ip_network((found, v4 if found.version == 4 else v6), strict=False))


def stamp(key: bytes, now: datetime, wording: str = "") -> str:
    """When a form was shown, signed with the wording it asks to agree to: goes into the form as a hidden field."""
    moment = format(int(now.timestamp() * 1000), "x")
    return f"{moment}.{_sign(key, moment, wording)}"


def age(keys: Iterable[bytes], text: str, now: datetime, wording: str = "") -> timedelta | None:
    """How long ago the form with this stamp was shown; None for no stamp of ours, for another wording's, or one older
    than two days."""
    moment, _, signature = text.partition(".")
    if not (1 <= len(moment) <= 12 and len(signature) == 32 and text.isascii()):
        return None
    if not any(hmac.compare_digest(_sign(key, moment, wording), signature) for key in keys):
        return None
    since = now - datetime.fromtimestamp(int(moment, 16) / 1000, UTC)
    return since if timedelta(0) <= since <= STAMP_LIFE else None


def _sign(key: bytes, moment: str, wording: str) -> str:
    return hmac.digest(key, f"form:{moment}:{wording}".encode(), "sha256")[:16].hex()
