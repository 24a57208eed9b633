"""Reading a form that anybody may have sent: bounded in size, time and number, in any encoding, plain text only."""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

MAX_BODY = 256 * 1024  # half a dozen long answers in Chinese, nine bytes a character
MAX_FIELDS = 60
BODY_SECONDS = 10.0


async def read_form(request: Request) -> dict[str, str]:
    """The form's fields, the last of each name, line breaks as LF.

    Raises HTTPException: 408 for a body that takes longer than ten seconds, 413 for one above 256 KiB, 400 for one
    that is no form. A body of another type reads as an empty form.
    """
    try:
        async with asyncio.timeout(BODY_SECONDS):
            form = await (await _whole(request)).form(max_files=0, max_fields=MAX_FIELDS, max_part_size=MAX_BODY)
    except TimeoutError:
        raise HTTPException(408) from None
    except ClientDisconnect:
        raise HTTPException(400) from None
    except (ValueError, UnicodeError, AssertionError, LookupError):
        raise HTTPException(400) from None
    fields = {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            fields[name] = value.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n")
    return fields


async def _whole(request: Request) -> Request:
    """The same request with all of its body read, and no more than may be."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise HTTPException(413)

    async def receive() -> Message:
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return Request(request.scope, receive)


async def drain(request: Request) -> bytes:
    """The first bytes of a body that decides nothing, the rest read so that the connection can be used again.

    Gives up, without an error, where a body gets too long or too slow.
    """
    body = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    break
    except (TimeoutError, ClientDisconnect):
        pass
    return body[:100]
