"""The page behind a confirm link: a button, and what pressing it led to."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailer.flows.apply import Link
from mailer.flows.join import Outcome
from mailer.mail.address import masked
from mailer.model.tokens import Purpose
from mailer.web.forms import drain
from mailer.web.parts import kind_label, parts


async def look(request: Request) -> Response:
    """GET /confirm/TOKEN: shows the button, changes nothing."""
    return await _answer(request, press=False)


async def confirm(request: Request) -> Response:
    """POST /confirm/TOKEN."""
    await drain(request)
    return await _answer(request, press=True)


async def _answer(request: Request, *, press: bool) -> Response:
    club = parts(request)
    delivery = club.token(request, Purpose.CONFIRM)
    if delivery is None:
        raise HTTPException(404)
    visit = club.visit(request, club.language(request), "confirm")
    joined = await (club.write(club.join.confirm, delivery, visit) if press else club.read(club.join.look, delivery))
    if joined is not None:
        language = club.language(request, joined.language)
        name = {Outcome.READY: "confirm", Outcome.CONFIRMED: "confirmed", Outcome.EXPIRED: "expired"}[joined.outcome]
        return club.page(
            request,
            name,
            language=language,
            status=410 if joined.outcome is Outcome.EXPIRED else 200,
            masked=masked(joined.address),
            paused=joined.paused,
            again="subscribe",
        )
    applied = await (club.write(club.apply.confirm, delivery, visit) if press else club.read(club.apply.look, delivery))
    if applied is None:
        raise HTTPException(404)
    link, application = applied
    language = club.language(request, application["language"])
    name = {Link.READY: "application-confirm", Link.DONE: "application-confirmed", Link.EXPIRED: "expired"}[link]
    return club.page(
        request,
        name,
        language=language,
        status=410 if link is Link.EXPIRED else 200,
        masked=masked(application["address"]),
        kind=kind_label(club.kinds, application["kind"], language),
        state=application["state"],
        comes=application["newsletter"],
        again="apply",
    )
