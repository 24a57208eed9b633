"""The live preview of an issue: one page on loopback that shows what each kind of reader sees, renewed on save."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from mailer.rendering.edition import SAMPLE, Edition
from mailer.rendering.finding import LANGUAGES, Finding
from mailer.rendering.translation import choose, translator
from mailer.sentence import Sentence, Translate
from mailer.web import preview_page

log = logging.getLogger(__name__)

HOSTS = ["127.0.0.1", "localhost", "[::1]"]
SHELL_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'"
)
# Nothing in a frame may run; it is of the page's own origin, so that a renewed frame can be scrolled to where it was.
FRAME_POLICY = (
    "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; "
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' https: data:"
)
STATIC = Path(__file__).parent / "static"
_ASSETS = {"preview.js": "text/javascript", "preview.css": "text/css"}
_QUIET = 15.0


@dataclass(frozen=True)
class Sheet:
    """One edition as it stands on the disk: rendered, its findings, and its text; `error`: it cannot be rendered.

    `preheader` is what an inbox shows behind the Subject.
    """

    name: str
    edition: Edition | None = None
    findings: Sequence[Finding] = ()
    error: str = ""
    source: str = ""
    preheader: str = ""


@dataclass
class Preview:
    """The sheets shown now, and who waits for the next; `load` reads and renders, in a thread."""

    load: Callable[[], Sequence[Sheet]]
    sheets: Sequence[Sheet] = ()
    version: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def renew(self) -> None:
        """Read and render again, then wake every open page; what cannot be rendered now stays as it was last."""
        last_good = {sheet.name: sheet.edition for sheet in self.sheets}
        loaded = await asyncio.to_thread(self.load)
        self.sheets = [
            sheet if sheet.edition else replace(sheet, edition=last_good.get(sheet.name)) for sheet in loaded
        ]
        async with self._changed:
            self.version += 1
            self._changed.notify_all()

    async def after(self, version: int, seconds: float) -> int:
        """The newest version as soon as it is not `version`, or `version` when the time is up."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: self.version != version)
        except TimeoutError:
            pass
        return self.version


def create_app(preview: Preview, changes: Callable[[], AsyncIterator[object]]) -> Starlette:
    """The preview's pages; `changes` yields whenever a file the sheets are made of was saved."""

    async def watch() -> None:
        async for _ in changes():
            try:
                await preview.renew()
            except Exception:
                log.exception("the preview shows what was before: it could not be made anew")

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await preview.renew()
        watcher = asyncio.create_task(watch())
        try:
            yield
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)

    async def shell(request: Request) -> Response:
        lang = _language(request)
        page = preview_page.page(lang, translator(lang))
        headers = {"Content-Security-Policy": SHELL_POLICY, "Vary": "Accept-Language", "Cache-Control": "no-store"}
        return HTMLResponse(page, headers=headers)

    async def state(request: Request) -> Response:
        _ = translator(_language(request))
        return JSONResponse({"version": preview.version, "sheets": [_summary(sheet, _) for sheet in preview.sheets]})

    async def view(request: Request) -> Response:
        sheet = _sheet(preview, request.path_params["index"])
        if sheet is None:
            return Response("no such edition", 404)
        page = _view(sheet, request.path_params["kind"], translator(_language(request)))
        return HTMLResponse(page, headers={"Content-Security-Policy": FRAME_POLICY, "Cache-Control": "no-store"})

    async def image(request: Request) -> Response:
        shown = (image for sheet in preview.sheets if sheet.edition for image in sheet.edition.images)
        found = next((image for image in shown if image.digest == request.path_params["digest"]), None)
        if found is None:
            return Response("no such picture", 404)
        return Response(found.content, media_type=found.kind, headers={"X-Content-Type-Options": "nosniff"})

    async def events(request: Request) -> Response:
        async def stream() -> AsyncIterator[str]:
            seen = preview.version
            while True:
                newest = await preview.after(seen, _QUIET)
                yield f"data: {newest}\n\n" if newest != seen else ": still here\n\n"
                seen = newest

        return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _ASSETS:
            return Response("not found", 404)
        return Response((STATIC / name).read_bytes(), media_type=_ASSETS[name])

    return Starlette(
        routes=[
            Route("/", shell),
            Route("/state", state),
            Route("/events", events),
            Route("/view/{index:int}/{kind}", view),
            Route("/i/{digest}", image),
            Route("/static/{name}", asset),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)],
        lifespan=lifespan,
    )


def _sheet(preview: Preview, index: int) -> Sheet | None:
    return preview.sheets[index] if 0 <= index < len(preview.sheets) else None


def _language(request: Request) -> str:
    """What the browser asks for, of the two languages the preview speaks."""
    return choose(LANGUAGES, request.headers.get("accept-language", ""))


def _summary(sheet: Sheet, _: Translate) -> dict[str, object]:
    edition = sheet.edition
    return {
        "name": sheet.name,
        "lang": edition.lang if edition else "",
        "subject": edition.subject if edition else "",
        "bytes": len(edition.html.encode("utf-8")) if edition else 0,
        "error": Sentence(sheet.error).said(_),
        "source": sheet.source,
        "sender": edition.sender if edition else "",
        "preheader": sheet.preheader,
        "findings": [finding.as_json(_) for finding in sheet.findings],
    }


def _view(sheet: Sheet, kind: str, _: Translate) -> str:
    edition = sheet.edition
    if edition is None:
        return _plain(Sentence(sheet.error).said(_))
    if kind == "text":
        return _plain(edition.text, edition.lang)
    if kind == "source":
        return _plain(edition.program.compose(SAMPLE).decode("ascii"))
    page = _with_images(edition).replace("<head>", '<head><base target="_blank">', 1)
    if kind == "bare":
        page = re.sub(r' (?:style|class)="[^"]*"', "", re.sub(r"<style.*?</style>", "", page, flags=re.DOTALL))
    return _in_scheme(page, "dark" if kind == "dark" else "light")


def _in_scheme(page: str, scheme: str) -> str:
    """The page as it is in light or dark. A frame cannot be told, so its dark rules hold always or never."""
    holds = "(min-width:0)" if scheme == "dark" else "(max-width:0)"
    page = re.sub(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)", holds, page)
    return re.sub(r"(color-scheme(?:\"\s*content=\"|\s*:\s*))light dark", rf"\1{scheme}", page)


def _with_images(edition: Edition) -> str:
    """The page with the issue's own pictures from the preview itself."""
    page = edition.html
    for image in edition.images:
        page = re.sub(rf'(?<=src=")[^"]*{image.digest}[^"]*', f"/i/{image.digest}", page)
    return page


def _plain(text: str, lang: str = "en") -> str:
    return (
        f'<!DOCTYPE html><html lang="{escape(lang)}"><meta charset="utf-8"><title>text</title>'
        '<pre style="margin:16px;white-space:pre-wrap;'
        f'font:14px/1.5 monospace;color:#222;background-color:#fff">{escape(text)}</pre>'
    )
