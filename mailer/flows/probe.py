"""A probe: a mail of ours to nobody, and which of the token's carriers come back with the report about it.

A probe's token is signed for a handle beyond all deliveries, so that nothing that comes back touches a reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mailer.errors import RelayError
from mailer.mail import header, mime
from mailer.mail.list_headers import list_unsubscribe_fields
from mailer.mail.wire import WireForm, WirePieces, wire_form
from mailer.model.bounce import Kind
from mailer.model.carriers import PROBES, carried
from mailer.model.delivery import Phase, Result, State, judge
from mailer.model.reading import read_mail
from mailer.model.tokens import Keyring, Purpose
from mailer.store import returned
from mailer.store.engine import Database
from mailer.transport.base import Envelope, Message, Relay

CRLF = header.CRLF
_AT_ONCE = 100
_WORDS = "This mail goes to an address that does not exist, to see what comes back. Nobody has to do anything."


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe: `number` takes the place of a delivery's id, `address` is nobody's, `return_path` the envelope's."""

    number: int
    address: str
    return_path: str
    content: WireForm


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes a probe: the club's (name, address), the domain of its Message-IDs, where its pages are."""

    mailbox: tuple[str, str]
    domain: str
    base_url: str


@dataclass(frozen=True, slots=True)
class Echo:
    """One mail that came back: for which probe, how and when, what it says, and the carriers of the token in it."""

    number: int
    via: str
    at: datetime
    kind: Kind
    reason: str
    said: str
    carriers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """What the relay's log says of a probe."""

    number: int
    status: str
    text: str


class LogLine(Protocol):
    """One attempt in a relay's log."""

    @property
    def message_id(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def text(self) -> str: ...


def write(
    keyring: Keyring, seed: int, address: str, sender: Sender, return_path: Callable[[str], str], now: datetime
) -> Probe:
    """A probe to `address`, its number made from a random `seed`; its header carries the token as an issue's does."""
    number = PROBES + seed % PROBES
    tokens = keyring.sign_each(number, (Purpose.BOUNCE, Purpose.MESSAGE, Purpose.UNSUBSCRIBE))
    head = (
        header.address_field("From", [sender.mailbox])
        + header.to_field("", address)
        + header.text_field("Subject", "A probe of returned mail")
        + header.date_field(now)
        + header.message_id_field(f"{tokens[Purpose.MESSAGE]}@{sender.domain}")
        + list_unsubscribe_fields(f"{sender.base_url}/u/{tokens[Purpose.UNSUBSCRIBE]}", "")
        + f"Auto-Submitted: auto-generated{CRLF}MIME-Version: 1.0{CRLF}"
        + f"Content-Type: text/plain; charset=us-ascii{CRLF}{CRLF}"
    )
    return Probe(number, address, return_path(tokens[Purpose.BOUNCE]), wire_form(f"{head}{_WORDS}{CRLF}".encode()))


async def hand_over(relay: Relay, probe: Probe) -> Result:
    """Give a probe to a relay; a relay that cannot be opened is a result too."""
    try:
        session = await relay.open()
    except RelayError as error:
        return Result(Phase(error.phase), error.reply, str(error))
    try:
        envelope = Envelope(probe.return_path, probe.address)
        return await session.send(Message(envelope, WirePieces((probe.content,))), lambda: None)
    finally:
        await session.close()


def came_back(db: Database, keyring: Keyring, probes: Iterable[Probe], after: int) -> tuple[list[Echo], int]:
    """What came back of the probes among the mails kept after the id `after`, and the last id looked at."""
    probes, found = list(probes), []
    while rows := db.read(returned.since, after, _AT_ONCE):
        after = rows[-1].id
        found += [
            echo for row in rows for echo in _echoes(keyring, probes, row.content, row.envelope_to, row.via, row.at)
        ]
    return found, after


def _echoes(
    keyring: Keyring, probes: Iterable[Probe], raw: bytes, envelope_to: str, via: str, at: datetime
) -> Iterator[Echo]:
    mail = mime.read(raw)
    for probe in probes:
        carriers = carried(keyring, mail, envelope_to, probe.number)
        if carriers or probe.address.encode().lower() in raw.lower():
            reading = read_mail(raw)
            said = next((result.text for result in reading.results), "")
            yield Echo(probe.number, via, at, reading.kind, reading.reason, said, carriers)


def in_log(keyring: Keyring, probes: Iterable[Probe], lines: Iterable[LogLine]) -> list[Entry]:
    """What a relay's log says of the probes, in its order; the last entry of each is where it stands."""
    ours = {probe.number for probe in probes}
    found = ((keyring.read(line.message_id.partition("@")[0], Purpose.MESSAGE), line) for line in lines)
    return [Entry(number, line.status, line.text) for number, line in found if number in ours]


def taken(result: Result) -> bool:
    """Whether the relay took a probe."""
    return judge(result).state is State.ACCEPTED
