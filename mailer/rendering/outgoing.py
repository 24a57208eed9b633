"""From a frozen delivery to the bytes on the wire, the same at every attempt and every replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from mailer.errors import SettingsError
from mailer.mail.address import parse
from mailer.mail.wire import WireForm, WirePieces, wire_form
from mailer.model.subscriber import first_name
from mailer.model.tokens import Keyring, Purpose
from mailer.rendering.message import Program
from mailer.sentence import Sentence


@dataclass(frozen=True)
class Frozen:
    """An edition as kept: its program and the key its tokens are signed with."""

    program: Program
    key_id: int

    @cached_property
    def purposes(self) -> tuple[str, ...]:
        """What a delivery of it needs a token for, the one for the return path last."""
        return (*self.program.purposes, Purpose.BOUNCE)

    def signed(self, keyring: Keyring, delivery_ids: Sequence[int]) -> list[list[str]]:
        """The tokens of each of these deliveries, in the order of `purposes`.

        Raises SettingsError where the key they are signed with is not in the ring any more.
        """
        if self.key_id not in keyring.keys:
            what = (
                "key %(number)s is missing, with which the links of an issue that is being sent are signed;"
                " put its line back from your backup"
            )
            raise SettingsError(Sentence(what, number=self.key_id), where="mailer.key")
        return keyring.sign_all(delivery_ids, self.purposes, self.key_id)


class Outgoing(NamedTuple):
    """One message ready for a relay; `bounce_token` is for the return path.

    `recipient` is ASCII, but for a local part that only a relay with SMTPUTF8 can take (RFC 6531). `pieces` joined are
    the content; `plain`: it is known to be ASCII.
    """

    recipient: str
    bounce_token: str
    pieces: WirePieces
    plain: bool = False

    @property
    def content(self) -> WireForm:
        """All that goes between DATA and the final dot."""
        return WireForm(b"".join(self.pieces))


def compose_issue(
    edition: Frozen, tokens: Sequence[str], address: str, name: str, attributes: Mapping[str, Any]
) -> Outgoing:
    """The message of one delivery of an issue, with its tokens from `Frozen.signed`."""
    program = edition.program
    fields = {"name": name, "email": address}
    for key in program.fields:
        value = attributes.get(key)
        if isinstance(value, str | int | float) and key not in fields:
            fields[key] = str(value)
    if "first_name" in program.fields and "first_name" not in fields:
        fields["first_name"] = first_name(name)
    *for_program, bounce_token = tokens
    pieces = program.filled(address, name, fields, for_program)
    if address.isascii():  # all that is not of the reader is
        return Outgoing(address, bounce_token, pieces, plain=True)
    return Outgoing(_a_labels(address), bounce_token, pieces)


def address_letter(keyring: Keyring, delivery_id: int, address: str, content: bytes) -> Outgoing:
    """The message of a letter, which was finished when it was written. Raises ValueError unless it is wire form."""
    return Outgoing(_a_labels(address), keyring.sign(delivery_id, Purpose.BOUNCE), WirePieces((wire_form(content),)))


def _a_labels(address: str) -> str:
    """The address with its domain in A-labels (RFC 5891), as relays know it. Raises AddressError."""
    return address if address.isascii() else parse(address).address
