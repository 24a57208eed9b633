"""Ways for a client to a scripted relay: plain SMTP, STARTTLS and TLS."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from mailer.model.delivery import Result
from mailer.transport.base import Envelope, Message, Session
from mailer.transport.protocol import Timeouts
from mailer.transport.session import SmtpSession
from mailer.transport.smtp import SmtpRelay
from mailer.transport.url import parse
from support.certificates import Authority
from support.relay import Relay, Rule

CONTENT = b"Subject: News\r\n\r\nHello Alice\r\n"
QUICK = Timeouts(connect=5, command=5, data=5, dot=5, quit=1)


def ignore(cause: str) -> None:
    """A `tell` that nobody listens to."""


class Way:
    """One of the three ways to a relay; `relay(...)` starts one, `session(relay)` opens a connection to it."""

    def __init__(self, tls: str, authority: Authority, *, pipelining: bool = True) -> None:
        self.tls = tls
        self.pipelining = pipelining
        self._authority = authority

    def relay(self, *rules: Rule, **options: Any) -> Relay:
        context = self._authority.server() if self.tls else None
        return Relay(*rules, tls=self.tls, context=context, **options)

    def client(
        self, relay: Relay, ca_file: Path | None = None, tell: Callable[[str], None] = ignore, **timeouts: float
    ) -> SmtpRelay:
        ca_file, limits = ca_file or self._authority.ca_file, replace(QUICK, **timeouts)
        return SmtpRelay(
            parse(relay.url), name="test", ca_file=ca_file, timeouts=limits, pipelining=self.pipelining, tell=tell
        )

    @asynccontextmanager
    async def session(self, relay: Relay, **timeouts: float) -> AsyncIterator[SmtpSession]:
        session = await self.client(relay, **timeouts).open()
        try:
            yield session
        finally:
            await session.close()


def nothing() -> None:
    """A `handing_over` with nothing to record."""


async def in_turn(session: Session, *messages: Message) -> list[Result]:
    """Send as a dispatcher does, for as long as the session is usable: what was announced goes next."""
    left, results = deque(messages), []
    while left and session.usable:
        message = left.popleft()
        results.append(await session.send(message, nothing, lambda: left[0] if left else None))
    return results


def to(recipient: str = "alice@example.com", content: bytes = CONTENT, return_path: str = "b@example.org") -> Message:
    return Message(Envelope(return_path, recipient), (content,))


async def unusable(session: SmtpSession) -> None:
    """Wait until the session has heard what makes it unusable; a session tells nobody by itself."""
    while session.usable:  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0)
