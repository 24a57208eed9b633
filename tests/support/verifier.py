"""DKIM signatures put before dkimpy, with the records in a dict instead of DNS."""

from __future__ import annotations

import re

import dkim

from mailer.mail.dkim import Key, record_name


def verify(signed: bytes, *keys: Key, domain: str = "example.org") -> list[bool]:
    """What dkimpy says of each signature of a message, in their order; may raise dkim.DKIMException."""
    zone = {f"{record_name(key.selector, domain)}.".encode(): key.record.encode() for key in keys}
    count = len(re.findall(rb"(?mi)^dkim-signature:", signed.partition(b"\r\n\r\n")[0]))
    return [
        dkim.DKIM(signed).verify(idx=index, dnsfunc=lambda name, timeout=5: zone.get(name)) for index in range(count)
    ]


def broken(signed: bytes, *keys: Key) -> bool:
    """Whether dkimpy refuses every signature."""
    try:
        return not any(verify(signed, *keys))
    except dkim.DKIMException:
        return True
