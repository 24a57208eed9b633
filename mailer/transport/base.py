"""What the dispatcher needs of a way out: a relay that opens sessions, a session that sends messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from mailer.mail.wire import WireForm, WirePieces
from mailer.model.delivery import Result


class Envelope(NamedTuple):
    """The SMTP envelope of one message (RFC 5321 section 2.3.1): one recipient a transaction, always.

    Both addresses are ASCII unless the relay announced SMTPUTF8; `return_path` "" is the null reverse-path.
    """

    return_path: str
    recipient: str


class Message(NamedTuple):
    """One message for one recipient, its content in pieces; `plain`: it is known to be ASCII."""

    envelope: Envelope
    pieces: WirePieces
    plain: bool = False

    @property
    def content(self) -> WireForm:
        """All that goes between DATA and the final dot."""
        return WireForm(b"".join(self.pieces))

    @property
    def size(self) -> int:
        """Octets of the content."""
        return sum(map(len, self.pieces))

    @property
    def is_eight_bit(self) -> bool:
        """Whether it holds more than ASCII."""
        return not (self.plain or all(map(bytes.isascii, self.pieces)))


def nothing_follows() -> None:
    """A `following` that has nothing to announce."""


class Session(Protocol):
    """One open connection to a relay, ready for MAIL; never shared by two tasks at once.

    `most` is how many messages the relay takes over it, 0 where it does not say (RFC 9422 section 4.1, MAILMAX).
    """

    most: int

    @property
    def usable(self) -> bool:
        """Whether another message may be sent on this connection, or an announced one be told how it ended."""

    async def send(
        self,
        message: Message,
        handing_over: Callable[[], None],
        following: Callable[[], Message | None] = nothing_follows,
    ) -> Result:
        """Send one message and say what is known about it; never raises for what the relay does.

        `handing_over` is called right before the first write that could carry the final dot; when it raises,
        nothing was handed over and the exception goes on. Cancellation aborts the connection.
        Where the relay pipelines, `following` is asked right before it which message comes next on this connection,
        whose commands leave behind this content. The next call must be with that very message, or it sends nothing and
        ends the connection; a session that is closed instead, or not usable any more, has certainly not sent it.
        """

    async def close(self) -> None:
        """Say QUIT when that is possible and close; never raises, never takes longer than a few seconds."""


class Relay(Protocol):
    """A mail submission server (RFC 6409)."""

    @property
    def name(self) -> str:
        """How people call it; no credentials in it."""

    async def open(self) -> Session:
        """Connect, greet, start TLS, authenticate. Raises RelayError."""
