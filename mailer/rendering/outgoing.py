"""From a frozen delivery to the bytes on the wire, the same at every attempt and every replay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from mailer.mail.address import parse
from mailer.mail.wire import WireForm, wire_form
from mailer.model.subscriber import first_name
from mailer.model.tokens import Keyring, Purpose
from mailer.rendering.message import Personal, Program


@dataclass(frozen=True)
class Frozen:
    """An edition as kept: its program and the key its tokens are signed with."""

    program: Program
    key_id: int

    @cached_property
    def purposes(self) -> tuple[str, ...]:
        """What a delivery of it needs a token for."""
        return (*self.program.purposes, Purpose.BOUNCE)


class Outgoing(NamedTuple):
    """One message ready for a relay; `bounce_token` is for the return path.

    `recipient` is ASCII, but for a local part that only a relay with SMTPUTF8 can take (RFC 6531).
    """

    recipient: str
    bounce_token: str
    content: WireForm


def compose_issue(
    edition: Frozen, keyring: Keyring, delivery_id: int, address: str, name: str, attributes: Mapping[str, Any]
) -> Outgoing:
    """The message of one delivery of an issue."""
    tokens = keyring.sign_all(delivery_id, edition.purposes, edition.key_id)
    wanted = edition.program.fields
    fields = {"name": name, "email": address}
    for key in wanted:
        value = attributes.get(key)
        if isinstance(value, str | int | float) and key not in fields:
            fields[key] = str(value)
    if "first_name" in wanted:
        fields.setdefault("first_name", first_name(name))
    content = edition.program.compose(Personal(address, name, fields, tokens))
    return Outgoing(_envelope(address), tokens[Purpose.BOUNCE], content)


def address_letter(keyring: Keyring, delivery_id: int, address: str, content: bytes) -> Outgoing:
    """The message of a letter, which was finished when it was written. Raises ValueError unless it is wire form."""
    return Outgoing(_envelope(address), keyring.sign(delivery_id, Purpose.BOUNCE), wire_form(content))


def _envelope(address: str) -> str:
    """The address with its domain in A-labels (RFC 5891), as relays know it. Raises AddressError."""
    return address if address.isascii() else parse(address).address
