"""An SMTP or LMTP door for the bounce domain: only our own signed return paths are let in.

A mail is durable before its 250; everybody else gets 550, so the door neither relays nor makes backscatter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP

MAX_SIZE = 2 << 20
MAX_RECIPIENTS = 10
IDLE_SECONDS = 60

MAX_LINE = 1 << 16  # returned mail breaks the 1,000 octets of RFC 5321 4.5.3.1.6 every day

Keep = Callable[[bytes, str], None]  # (mail, recipient); raises when the mail could not be made durable


class Door:
    """What the server asks: who is welcome, and where a mail goes. `keep` runs in a thread."""

    def __init__(self, welcome: Callable[[str], bool], keep: Keep) -> None:
        self._welcome = welcome
        self._keep = keep
        self.taken = 0
        self.refused = 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        """250 for a return path we signed, 550 for everybody else (RFC 5321 3.6.2)."""
        if not self._welcome(address):
            self.refused += 1
            return "550 5.1.1 no such return path"
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """250 only once every recipient's copy is durable; 451 when it cannot be made so."""
        try:
            for recipient in envelope.rcpt_tos:
                await asyncio.to_thread(self._keep, envelope.content, recipient)
        except Exception:
            return "451 4.3.0 cannot keep it now, try again"
        self.taken += 1
        return "250 2.0.0 kept"


class _Smtp(SMTP):
    line_length_limit = MAX_LINE


class _Lmtp(LMTP):
    line_length_limit = MAX_LINE


class Listener:
    """The door at a host and port; `lmtp` speaks RFC 2033 instead of SMTP."""

    def __init__(self, door: Door, host: str, port: int, *, lmtp: bool = False) -> None:
        self.door = door
        self.host = host
        self.port = port
        self._protocol = _Lmtp if lmtp else _Smtp
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Listener:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._make, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()

    def _make(self) -> Any:
        return self._protocol(
            self.door,
            data_size_limit=MAX_SIZE,
            enable_SMTPUTF8=True,
            decode_data=False,
            ident="mailer bounces",
            timeout=IDLE_SECONDS,
        )
