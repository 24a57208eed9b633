"""An SMTP or LMTP door for the bounce domain: only our own signed return paths are let in.

A mail is durable before its 250; everybody else gets 550, so the door neither relays nor makes backscatter.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, AnyStr

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP

MAX_SIZE = 2 << 20
MAX_RECIPIENTS = 10
IDLE_SECONDS = 60

MAX_LINE = 1 << 16  # returned mail breaks the 1,000 octets of RFC 5321 4.5.3.1.6 every day

MAX_CONNECTIONS = 40  # times MAX_SIZE is what a flood can make us hold
TOGETHER = 50

logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd tells of every connection

Mail = tuple[bytes, str]  # (mail, recipient)
Keep = Callable[[Sequence[Mail]], None]  # raises when the mails could not be made durable; then none of them is


class Door:
    """What the server asks: who is welcome, and where mails go. `keep` runs in a thread, for all that wait at once."""

    def __init__(self, welcome: Callable[[str], bool], keep: Keep) -> None:
        self._welcome = welcome
        self._keep = keep
        self._waiting: list[tuple[Mail, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self.connections = 0
        self.turned_away: Counter[str] = Counter()  # by why: what strangers can cause without end

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        """250 for a return path we signed, 550 for everybody else (RFC 5321 3.6.2)."""
        if not self._welcome(address):
            self.turned_away["refused"] += 1
            return "550 5.1.1 no such return path"
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """250 only once every recipient's copy is durable; 451 when it cannot be made so.

        The sender goes on top, as at any final delivery (RFC 5321 4.4): an empty one tells a machine from a person.
        """
        sender = (envelope.mail_from or "").strip("<>")
        raw = f"Return-Path: <{sender}>\r\n".encode("utf-8", "replace") + envelope.content
        try:
            await asyncio.gather(*(self._durable((raw, recipient)) for recipient in envelope.rcpt_tos))
        except Exception:
            self.turned_away["put_off"] += 1
            return "451 4.3.0 cannot keep it now, try again"
        return "250 2.0.0 kept"

    async def _durable(self, mail: Mail) -> None:
        """Wait until a mail is durable; what comes while others are being written is written together."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((mail, written))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await written

    async def _write(self) -> None:
        while self._waiting:
            some, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
            if not await self._try(some) and len(some) > 1:
                for one in some:  # a mail that cannot be kept must not hold up the others
                    await self._try([one])
        self._writing = None

    async def _try(self, some: Sequence[tuple[Mail, asyncio.Future[None]]]) -> bool:
        """Whether they were kept; one alone that was not is told so."""
        try:
            await asyncio.to_thread(self._keep, [mail for mail, _ in some])
        except Exception as error:
            for _, written in some if len(some) == 1 else ():
                if not written.done():
                    written.set_exception(error)
            return False
        for _, written in some:
            if not written.done():
                written.set_result(None)
        return True


class _Counted:
    """Connections beyond the bound are told to come again (RFC 5321 3.8: 421) before they can say anything."""

    event_handler: Door
    _let_in = False

    def connection_made(self, transport: Any) -> None:
        if self.event_handler.connections >= MAX_CONNECTIONS:
            self.event_handler.turned_away["too_many_connections"] += 1
            transport.write(b"421 4.3.2 too many connections, try again\r\n")
            transport.close()
            return
        self._let_in = True
        self.event_handler.connections += 1
        super().connection_made(transport)  # type: ignore[misc]

    def connection_lost(self, error: Exception | None) -> None:
        if self._let_in:
            self.event_handler.connections -= 1
            super().connection_lost(error)  # type: ignore[misc]


class _Smtp(_Counted, SMTP):
    line_length_limit = MAX_LINE


class _Lmtp(_Counted, LMTP):
    line_length_limit = MAX_LINE
    _answers = 1

    async def push(self, status: AnyStr) -> None:
        """Answer; to the content once for each recipient (RFC 2033 4.2), or a client waits for what never comes."""
        answers, self._answers = self._answers, 1
        if self.envelope is not None and status[:3] in ("354", b"354"):
            self._answers = len(self.envelope.rcpt_tos)
        for _ in range(answers):
            await super().push(status)


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
