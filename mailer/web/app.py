"""The public pages as an ASGI application: every route, and what is answered when something goes wrong."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from mailer.errors import MailerError, SettingsError, TemplateError
from mailer.model.letter import WriteLetter
from mailer.store import erasure
from mailer.web import apply, archive, confirm, hooks, leave, preferences, review, subscribe
from mailer.web.hearing import HearOut
from mailer.web.parts import Parts, parts
from mailer.web.security import SecurityHeaders
from mailer.wiring import Club

STATIC = Path(__file__).parent / "static"
ANSWER_AFTER = timedelta(milliseconds=120)

TIDY_SECONDS = 3600.0
WATCH_SECONDS = 60.0
CLERK_SECONDS = 60.0  # at most, that letters are sent from here before the watch goes on

log = logging.getLogger(__name__)


def create_app(club: Club, write_letter: WriteLetter, *, answer_after: timedelta = ANSWER_AFTER) -> Starlette:
    """The pages of one club. Raises SettingsError where the settings do not allow them.

    `answer_after` is the least time the answer to a signup takes, whoever the address belongs to.
    """
    made = Parts(club, write_letter, answer_after=answer_after)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        every = [asyncio.create_task(step(made, club)) for step in (_tidy, _watch)]
        yield
        for task in every:
            task.cancel()
        made.close()

    app = Starlette(
        routes=[
            Route("/", home),
            Route("/subscribe", subscribe.form),
            Route("/subscribe", subscribe.subscribe, methods=["POST"]),
            Route("/embed", subscribe.snippet),
            Route("/lost-link", subscribe.lost_form),
            Route("/lost-link", subscribe.lost, methods=["POST"]),
            Route("/confirm/{token}", confirm.look),
            Route("/confirm/{token}", confirm.confirm, methods=["POST"]),
            Route("/apply", apply.form),
            Route("/apply", apply.apply, methods=["POST"]),
            Route("/apply/{token}", apply.linked),
            Route("/apply/{token}", apply.answer, methods=["POST"]),
            Route("/review/{token}", review.show),
            Route("/review/{token}", review.decide, methods=["POST"]),
            Route("/u/{token}", leave.look),
            Route("/u/{token}", leave.leave, methods=["POST"]),
            Route("/u/{token}/undo", leave.undo, methods=["POST"]),
            Route("/u/{token}/reason", leave.reason, methods=["POST"]),
            Route("/p/{token}", preferences.show),
            Route("/p/{token}", preferences.save, methods=["POST"]),
            Route("/v/{token}", archive.view),
            Route("/i/{digest}", archive.image),
            Route("/archive", archive.index),
            Route("/archive/{slug}", archive.issue),
            Route("/feed.xml", archive.feed),
            hooks.route(club),
            Route("/healthz", health),
            Route("/robots.txt", robots),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(SecurityHeaders, https=made.base_url.startswith("https://")), Middleware(HearOut)],
        exception_handlers={HTTPException: _refused, MailerError: _away, SQLAlchemyError: _away},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # it would redirect to whatever the Host header says, an unsubscribe too
    app.state.parts = made
    return app


def warm_up(app: Starlette) -> None:
    """Let the first visitor wait no longer than the others, and the operator hear at once of a letter that is wrong.

    For a process that is there to serve: what is loaded by now is not looked at for garbage any more, which would keep
    everybody waiting for a fifth of a second every now and then.
    """
    made: Parts = app.state.parts
    try:
        made.warm_up()
    except MailerError as error:
        log.error("the confirm letter cannot be written, so nobody can sign up: %s", error)
    gc.collect()
    gc.freeze()


async def _tidy(made: Parts, club: Club) -> None:
    """Once an hour: purge, close and remind, and leave nothing of it in the log; look up domains said to be gone."""
    while True:
        try:
            await made.write(made.tidy)
            await made.read(erasure.fold_in, club.db)
            await made.read(club.look_up_domains)
        except (MailerError, SQLAlchemyError) as error:
            log.warning("could not tidy up, will try again in an hour: %s", type(error).__name__)
        await asyncio.sleep(TIDY_SECONDS)


async def _watch(made: Parts, club: Club) -> None:
    """Once a minute: tell the operators what needs them, also when no worker is there to do it.

    That no worker is there is told over the relay from here, with the other letters that wait.
    """
    while True:
        try:
            if await made.write(club.alerts.look):
                await made.read(club.ping)
            if await made.read(club.alerts.unheard):
                log.warning("nobody sends: the letters that wait are sent from here, the issues are not")
                await _send_letters(club)
        except (MailerError, SQLAlchemyError) as error:
            log.warning("could not look for alerts, will try again in a minute: %s", type(error).__name__)
        await asyncio.sleep(WATCH_SECONDS)


async def _send_letters(club: Club) -> None:
    """Send the letters that wait, for a while: where the relay's limits are used up, the watch goes on meanwhile."""
    clerk = club.dispatcher(letters_only=True)
    enough = asyncio.get_running_loop().call_later(CLERK_SECONDS, clerk.stop)
    try:
        sent = await clerk.run()
    finally:
        enough.cancel()
    if sent.error:
        log.warning("the letters could not be sent, either: %s", sent.error)


async def home(request: Request) -> Response:
    """GET /: the signup form."""
    return RedirectResponse("/subscribe", 302)


async def health(request: Request) -> Response:
    """GET /healthz: 200 while the database answers."""
    club = parts(request)
    await club.read(club.db.read, lambda conn: conn.exec_driver_sql("SELECT 1").scalar())
    return PlainTextResponse("ok\n")


async def robots(request: Request) -> Response:
    """GET /robots.txt: personal links are not for search engines."""
    paths = ("confirm", "review", "u", "p", "v", "apply")
    return PlainTextResponse("User-agent: *\n" + "".join(f"Disallow: /{path}/\n" for path in paths))


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    status = error.status_code
    if request.method not in {"GET", "HEAD", "POST"}:
        return PlainTextResponse(HTTPStatus(status).phrase + "\n", status, error.headers)
    return parts(request).page(request, "error", status=status, kind=str(status), headers=error.headers)


async def _away(request: Request, error: Exception) -> Response:
    """Nothing was changed: say so, so that a mail client tries the unsubscribe again. The page may be what failed."""
    known = isinstance(error, TemplateError | SettingsError)  # says file and line; a database says anything
    said = str(error) if known else type(error).__name__
    log.error("a page failed: %s on %s", said, getattr(request.scope.get("route"), "path", "no route"))
    headers = {"Retry-After": "60"}
    try:
        return parts(request).page(request, "error", status=503, kind="503", headers=headers)
    except MailerError:
        return PlainTextResponse("Not possible at this moment. Please try again in a minute.\n", 503, headers)
