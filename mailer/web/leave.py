"""The way out: the one-click endpoint of RFC 8058 and the page for people behind the same address."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailer.flows.leave import REASONS
from mailer.model.tokens import Purpose
from mailer.web.forms import drain, read_form
from mailer.web.parts import Parts, parts

BY_PAGE = b"by=page"  # the body our own page's button sends; every other body is a mail client's


async def look(request: Request) -> Response:
    """GET /u/TOKEN: what will happen, and a button; changes nothing."""
    club = parts(request)
    return await _page(club, request, _delivery(club, request))


async def leave(request: Request) -> Response:
    """POST /u/TOKEN: out, whatever the body says; committed before the answer, never a redirect."""
    club = parts(request)
    delivery = _delivery(club, request, healed=True)
    source = "page" if await drain(request) == BY_PAGE else "one-click"
    visit = club.visit(request, "", source)
    if not await club.write(club.leave.leave, delivery, source, visit.client, visit.user_agent):
        raise HTTPException(404)
    if source == "one-click":
        return Response(b"unsubscribed\n", media_type="text/plain")
    return await _page(club, request, delivery)


async def undo(request: Request) -> Response:
    """POST /u/TOKEN/undo."""
    club = parts(request)
    delivery = _delivery(club, request)
    await drain(request)
    restored = await club.write(club.leave.undo, delivery)
    return await _page(club, request, delivery, restored=restored)


async def reason(request: Request) -> Response:
    """POST /u/TOKEN/reason: why; one of a few words, never needed."""
    club = parts(request)
    delivery = _delivery(club, request)
    values = await read_form(request)
    await club.write(club.leave.give_reason, delivery, values.get("reason", ""))
    return await _page(club, request, delivery)


def _delivery(club: Parts, request: Request, *, healed: bool = False) -> int:
    delivery = club.token(request, Purpose.UNSUBSCRIBE, healed=healed)
    if delivery is None:
        raise HTTPException(404)
    return delivery


async def _page(club: Parts, request: Request, delivery: int, *, restored: bool = False) -> Response:
    reader = await club.read(club.leave.look, delivery)
    if reader is None:
        raise HTTPException(404)
    token = request.path_params["token"]
    name = "leave" if reader.state in {"active", "pending"} else "left"
    return club.page(
        request,
        name,
        language=club.language(request, reader.language),
        masked=reader.masked,
        state=reader.state,
        token=token,
        path=f"/u/{token}",
        restored=restored,
        paused_until=club.day(reader.paused_until),
        may_undo=reader.may_undo,
        reasons=REASONS,
        reason=reader.reason,
    )
