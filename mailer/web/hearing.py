"""Hearing a request out: what is left of its body is read before the answer, which a reset would otherwise swallow."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailer.web import forms

MAX_REST = 16 * 1024 * 1024


class HearOut:
    """ASGI middleware for bodies that decide nothing, being too large or sent to where none is expected.

    It reads until the body ends, gets above 16 MiB or has taken ten seconds altogether, and keeps none of it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        names = {name for name, _ in scope.get("headers", ())}
        # Who asks whether to go on (RFC 9110 10.1.1) has not sent it and need not.
        if not names & {b"content-length", b"transfer-encoding"} or b"expect" in names:
            await self.app(scope, receive, send)
            return
        until = asyncio.get_running_loop().time() + forms.BODY_SECONDS
        ended = False

        async def listen() -> Message:
            nonlocal ended
            message = await receive()
            ended = not message.get("more_body", False)
            return message

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and not ended:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(until):
                        heard = 0
                        while not ended and heard < MAX_REST:
                            heard += len((await listen()).get("body", b""))
            await send(message)

        await self.app(scope, listen, answer)
