"""A reader's own page: language, a pause, sections, leaving. It never brings back who left."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailer.errors import SourceError
from mailer.model.subscriber import fault_in_text
from mailer.model.tokens import Purpose
from mailer.rendering.source import read
from mailer.rendering.translation import choose
from mailer.store import archive
from mailer.web.forms import read_form
from mailer.web.parts import Parts, parts

MAX_SECTIONS = 20


async def show(request: Request) -> Response:
    """GET /p/TOKEN."""
    club = parts(request)
    return await _page(club, request, _delivery(club, request), saved=False)


async def save(request: Request) -> Response:
    """POST /p/TOKEN: save, or leave where that button was pressed.

    What is as the form showed it stays as it is by now: the page may be open twice, or for a month.
    """
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
    unwanted = None
    if shown := _named(values, "shown_"):  # an issue with other sections may have come out since
        wanted = _named(values, "want_")
        others = (title for title in reader.unwanted if title not in shown)
        unwanted = (*(title for title in shown if title not in wanted), *others)[:MAX_SECTIONS]
    pause = bool(values.get("pause"))
    saved = await club.write(
        club.leave.prefer,
        delivery,
        None if values.get("was_language") == language else language,
        pause=None if values.get("was_paused") == ("yes" if pause else "no") else pause,
        unwanted=unwanted,
    )
    return await _page(club, request, delivery, saved=saved)


def _named(values: Mapping[str, str], prefix: str) -> list[str]:
    """The titles in the fields whose names begin so."""
    titles = (_title(value) for key, value in values.items() if key.startswith(prefix))
    return [title for title in titles if title and not fault_in_text(title)]


def _title(text: str) -> str:
    """A section's title as it is kept: no semicolon, which stands between two."""
    return text.replace(";", ",").strip()[:100]


async def _sections(club: Parts, language: str) -> list[str]:
    """The titles of the sections of the latest issue; empty where a digest has none."""
    return await club.read(_titles, club, choose(club.languages, language, club.settings.newsletter.language))


def _titles(club: Parts, language: str) -> list[str]:
    source = club.db.read(archive.latest_source, language, club.clock())
    try:
        sections = read(source).sections if source else ()
    except SourceError:
        return []
    titles = dict.fromkeys(_title(section.title) for section in sections)
    return [title for title in titles if title][:MAX_SECTIONS]


def _delivery(club: Parts, request: Request) -> int:
    delivery = club.token(request, Purpose.PREFERENCES)
    if delivery is None:
        raise HTTPException(404)
    return delivery


async def _page(club: Parts, request: Request, delivery: int, *, saved: bool) -> Response:
    reader = await club.read(club.leave.look, delivery)
    if reader is None:
        raise HTTPException(404)
    return club.page(
        request,
        "preferences",
        language=club.language(request, reader.language),
        masked=reader.masked,
        state=reader.state,
        chosen=choose(club.languages, reader.language, club.settings.newsletter.language),
        paused_until=club.day(reader.paused_until),
        sections=[(title, title not in reader.unwanted) for title in await _sections(club, reader.language)],
        saved=saved,
    )
