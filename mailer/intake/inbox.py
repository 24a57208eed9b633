"""The development inbox: an SMTP server for loopback that keeps every mail as a file and refuses whom it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

_NAME = re.compile(r"\d{10}\.eml")
KEPT = 20_000
SIZE_LIMIT = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Manners:
    """Whom the inbox turns away: patterns of addresses such as `dave@*`, compared without regard to case.

    `refuse` for good (550 5.1.1); `defer` for a while (451 4.7.1), each recipient the first `tries` times.
    """

    refuse: tuple[str, ...] = ()
    defer: tuple[str, ...] = ()
    tries: int = 1


class Inbox:
    """The mails in `folder`, one file each, oldest gone first above `KEPT`.

    A file starts with the envelope as a delivery agent writes it, Return-Path and Delivered-To (RFC 5321 section 4.4),
    then come the bytes as they arrived. It appears complete or not at all, so other processes may read along.
    """

    def __init__(self, folder: Path, kept: int = KEPT) -> None:
        self.folder = folder
        self._kept = kept
        folder.mkdir(parents=True, exist_ok=True)
        names = self.names()
        self._next = int(names[0][:10]) + 1 if names else 1
        self._count = len(names)

    def names(self) -> list[str]:
        """The names of the mails, newest first."""
        return sorted((entry.name for entry in os.scandir(self.folder) if _NAME.fullmatch(entry.name)), reverse=True)

    def find(self, name: str) -> Path | None:
        """The file of one mail, or None; `name` may come from a stranger."""
        path = self.folder / name
        return path if _NAME.fullmatch(name) and path.is_file() else None

    def keep(self, return_path: str, recipients: list[str], content: bytes) -> str:
        """Write one mail down; returns its name. Raises OSError."""
        head = f"Return-Path: <{return_path}>\r\n" + "".join(f"Delivered-To: {who}\r\n" for who in recipients)
        draft = self.folder / f"draft-{os.getpid()}-{self._next}"
        draft.write_bytes(head.encode("utf-8", "surrogateescape") + content)
        try:
            while True:
                name = f"{self._next:010d}.eml"
                self._next += 1
                with contextlib.suppress(FileExistsError):
                    os.link(draft, self.folder / name)  # unlike a rename it never replaces another's mail
                    break
        finally:
            draft.unlink()
        self._count += 1
        if self._count > self._kept + self._kept // 10:
            self._forget()
        return name

    def _forget(self) -> None:
        names = self.names()
        for name in names[self._kept :]:
            (self.folder / name).unlink(missing_ok=True)
        self._count = min(len(names), self._kept)


class _Door:
    """What aiosmtpd asks while a mail comes in."""

    def __init__(self, inbox: Inbox, manners: Manners) -> None:
        self.inbox = inbox
        self.manners = manners
        self.tries: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        who = address.lower()
        if _any(who, self.manners.refuse):
            return "550 5.1.1 No such user here"
        if _any(who, self.manners.defer) and self.tries[who] < self.manners.tries:
            self.tries[who] += 1
            return "451 4.7.1 Please come back later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        try:
            name = self.inbox.keep(envelope.mail_from or "", envelope.rcpt_tos, envelope.original_content or b"")
        except OSError:
            return "452 4.3.1 No room for it"
        self.accepted.update(address.lower() for address in envelope.rcpt_tos)
        return f"250 2.0.0 Kept as {name}"


class InboxServer:
    """The SMTP server before an inbox; it knows no TLS and no passwords, so it belongs on loopback.

    `accepted` counts the mails taken, by recipient in lower case.
    """

    def __init__(self, inbox: Inbox, manners: Manners | None = None) -> None:
        self._door = _Door(inbox, manners or Manners())
        self._server: asyncio.Server | None = None
        self._open: set[SMTP] = set()

    @property
    def accepted(self) -> Counter[str]:
        """How many mails were taken, by recipient."""
        return self._door.accepted

    async def start(self, listening: socket.socket | None = None) -> int:
        """Listen there, or on a free port of loopback; returns the port. Raises OSError."""
        listening = listening or socket.create_server(("127.0.0.1", 0), backlog=512)
        self._server = await asyncio.get_running_loop().create_server(self._converse, sock=listening)
        port: int = listening.getsockname()[1]
        return port

    async def stop(self) -> None:
        """Stop listening and drop the connections that are open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for conversation in list(self._open):
            if isinstance(conversation.transport, asyncio.WriteTransport):
                conversation.transport.abort()
        await asyncio.sleep(0)

    @contextlib.asynccontextmanager
    async def running(self, listening: socket.socket | None = None) -> AsyncIterator[int]:
        """`async with server.running() as port:`; see `start`."""
        port = await self.start(listening)
        try:
            yield port
        finally:
            await self.stop()

    def _converse(self) -> SMTP:
        conversation = _Conversation(self._open, self._door)
        self._open.add(conversation)
        return conversation


class _Conversation(SMTP):
    """One connection, known to its server while it is open."""

    def __init__(self, open_now: set[SMTP], door: _Door) -> None:
        super().__init__(
            door,
            data_size_limit=SIZE_LIMIT,
            enable_SMTPUTF8=True,
            hostname="inbox.localhost",
            ident="mailer inbox",
            loop=asyncio.get_running_loop(),
        )
        self._open_now = open_now

    def connection_lost(self, error: Exception | None) -> None:
        self._open_now.discard(self)
        super().connection_lost(error)


def _any(address: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(address, pattern.lower()) for pattern in patterns)
