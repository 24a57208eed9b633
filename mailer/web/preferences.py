"""A reader's own page: language, a pause, leaving. It never brings back who left."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailer.model.tokens import Purpose
from mailer.rendering.translation import choose
from mailer.web.forms import read_form
from mailer.web.parts import Parts, parts


async def show(request: Request) -> Response:
    """GET /p/TOKEN."""
    club = parts(request)
    return await _page(club, request, _delivery(club, request), saved=False)


async def save(request: Request) -> Response:
    """POST /p/TOKEN: save, or leave where that button was pressed."""
    club = parts(request)
    delivery = _delivery(club, request)
    values = await read_form(request)
    if values.get("action") == "leave":
        visit = club.visit(request, "", "preferences")
        await club.write(club.leave.leave, delivery, "preferences", visit.client, visit.user_agent)
        return await _page(club, request, delivery, saved=False)
    reader = await club.read(club.leave.look, delivery)
    if reader is None:
        raise HTTPException(404)
    language = choose(club.languages, values.get("language", ""), reader.language, club.settings.newsletter.language)
    saved = await club.write(club.leave.prefer, delivery, language, pause=bool(values.get("pause")), unwanted=None)
    return await _page(club, request, delivery, saved=saved)


def _delivery(club: Parts, request: Request) -> int:
    delivery = club.token(request, Purpose.PREFERENCES)
    if delivery is None:
        raise HTTPException(404)
    return delivery


async def _page(club: Parts, request: Request, delivery: int, *, saved: bool) -> Response:
    reader = await club.read(club.leave.look, delivery)
    if reader is None:
        raise HTTPException(404)
    until = reader.paused_until
    return club.page(
        request,
        "preferences",
        language=club.language(request, reader.language),
        masked=reader.masked,
        state=reader.state,
        chosen=choose(club.languages, reader.language, club.settings.newsletter.language),
        paused_until=until.astimezone(club.settings.newsletter.zone).strftime("%Y-%m-%d") if until else "",
        saved=saved,
    )
