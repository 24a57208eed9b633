"""What the dispatcher needs of a way out: a relay that opens sessions, a session that sends messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mailer.model.delivery import Result


@dataclass(frozen=True, slots=True)
class Envelope:
    """The SMTP envelope of one message (RFC 5321 section 2.3.1): one recipient a transaction, always.

    Both addresses are ASCII unless the relay announced SMTPUTF8; `return_path` "" is the null reverse-path.
    """

    return_path: str
    recipient: str


class Session(Protocol):
    """One open connection to a relay, ready for MAIL; never shared by two tasks at once."""

    @property
    def usable(self) -> bool:
        """Whether another message may be sent on this connection."""

    async def send(self, envelope: Envelope, content: bytes, handing_over: Callable[[], None]) -> Result:
        """Send one message and say what is known about it; never raises for what the relay does.

        `content` is the finished message with CRLF line ends, dot-stuffed already (no line starts with a dot).
        `handing_over` is called right before the first write that could carry the final dot; when it raises,
        nothing was handed over and the exception goes on. Cancellation aborts the connection.
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
