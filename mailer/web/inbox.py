"""The development inbox in the browser: what arrived, newest first, and one mail from every side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from html.parser import HTMLParser
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from mailer.intake.inbox import Inbox
from mailer.rendering.templates import Templates

PAGE_SIZE = 100
HOSTS = ("127.0.0.1", "localhost", "[::1]")
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
MAIL_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' https: data:; "
    "form-action 'none'; frame-ancestors 'self'; base-uri 'none'"
)
_STYLE = Path(__file__).parent / "static" / "inbox.css"
_SHOWN_LINKS = 60
_HEADER = re.compile(r"^([!-9;-~]+):[ \t]*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Summary:
    """One line of the list."""

    name: str
    sender: str
    recipient: str
    subject: str
    arrived: datetime


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a mail, to be opened outside its sandbox."""

    text: str
    url: str


class _Links(HTMLParser):
    """Collects the web links of an HTML part with their words."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Link] = []
        self._url = ""
        self._words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._url, self._words = next((value or "" for name, value in attrs if name == "href"), ""), []

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._url.startswith(("https://", "http://")):
            self.found.append(Link(" ".join("".join(self._words).split()) or self._url, self._url))
            self._url = ""


class _Desk:
    """The pages over one inbox; a mail never changes, so what was read of it is remembered."""

    def __init__(self, inbox: Inbox, templates: Templates) -> None:
        self._inbox = inbox
        self._templates = templates
        self._summaries: dict[str, Summary] = {}

    def front(self, request: Request) -> Response:
        names = self._inbox.names()
        pages = max(1, -(-len(names) // PAGE_SIZE))
        asked = request.query_params.get("page", "1")
        page = min(pages, max(1, int(asked))) if asked.isascii() and asked.isdigit() and len(asked) < 9 else 1
        shown = [self._summary(name) for name in names[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]]
        mails = [mail for mail in shown if mail is not None]
        return self._page("list", mails=mails, total=len(names), page=page, pages=pages)

    def mail(self, request: Request) -> Response:
        read = self._read(request)
        if read is None:
            return self._missing()
        name, message = read
        page = _part(message, "html")
        words = _part(message, "plain")
        names = self._inbox.names()
        place = names.index(name) if name in names else 0
        return self._page(
            "mail",
            summary=self._summary(name),
            headers=_headers(self._inbox.folder / name),
            has_html=page is not None,
            text=words,
            links=_links(message, page),
            newer=names[place - 1] if place else "",
            older=names[place + 1] if place + 1 < len(names) else "",
        )

    def html(self, request: Request) -> Response:
        read = self._read(request)
        page = _part(read[1], "html") if read else None
        if page is None:
            return self._missing()
        return _guarded(HTMLResponse(page), MAIL_POLICY)

    def source(self, request: Request) -> Response:
        path = self._inbox.find(request.path_params["name"])
        if path is None:
            return self._missing()
        return _guarded(PlainTextResponse(path.read_bytes().decode("utf-8", "backslashreplace")), PAGE_POLICY)

    def style(self, request: Request) -> Response:
        return _guarded(FileResponse(_STYLE, media_type="text/css"), PAGE_POLICY)

    def _missing(self) -> Response:
        return self._page("missing", status=404)

    def _page(self, template: str, status: int = 200, **context: object) -> Response:
        page = self._templates.render(f"pages/inbox/{template}.html.j2", **context)
        return _guarded(HTMLResponse(page, status), PAGE_POLICY)

    def _read(self, request: Request) -> tuple[str, EmailMessage] | None:
        path = self._inbox.find(request.path_params["name"])
        if path is None:
            return None
        return path.name, message_from_bytes(path.read_bytes(), policy=policy.default)

    def _summary(self, name: str) -> Summary | None:
        if name not in self._summaries:
            path = self._inbox.folder / name
            try:
                arrived = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                with path.open("rb") as file:
                    head = BytesHeaderParser(policy=policy.default).parse(file)
            except OSError:
                return None
            sender, recipient, subject = (_value(head, field) for field in ("From", "Delivered-To", "Subject"))
            self._summaries[name] = Summary(name, sender, recipient, subject, arrived)
        return self._summaries[name]


def create_app(inbox: Inbox, hosts: Sequence[str] = HOSTS, templates: Templates | None = None) -> Starlette:
    """The pages: `/`, `/mail/NAME`, and its `/html` and `/source`; answers only to the host names in `hosts`."""
    desk = _Desk(inbox, templates or Templates())
    return Starlette(
        routes=[
            Route("/", desk.front),
            Route("/inbox.css", desk.style),
            Route("/mail/{name}", desk.mail),
            Route("/mail/{name}/html", desk.html),
            Route("/mail/{name}/source", desk.source),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)],
    )


def _guarded(response: Response, content_policy: str) -> Response:
    response.headers.update(
        {
            "Content-Security-Policy": content_policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
    )
    return response


def _value(message: EmailMessage, field: str) -> str:
    """A header's decoded text on one line; a mail may hold anything."""
    try:
        return " ".join(str(message.get(field, "")).split())
    except (ValueError, LookupError, AttributeError, TypeError):
        return "(unreadable)"


def _part(message: EmailMessage, kind: str) -> str | None:
    try:
        part = message.get_body(preferencelist=(kind,))
        return str(part.get_content()) if part is not None else None
    except (ValueError, LookupError, AttributeError, TypeError):
        return None


def _headers(path: Path) -> Sequence[tuple[str, str]]:
    """The header fields as they stand in the file, folds and encoded words included."""
    head = path.read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")[0].decode("utf-8", "backslashreplace")
    pieces = _HEADER.split(head)
    return list(zip(pieces[1::2], (value.strip() for value in pieces[2::2]), strict=False))


def _links(message: EmailMessage, page: str | None) -> Sequence[Link]:
    parser = _Links()
    if page is not None:
        parser.feed(page)
    leave = re.search(r"<(https?://[^>\s]+)>", _value(message, "List-Unsubscribe"))
    links = [*([Link("List-Unsubscribe", leave[1])] if leave else []), *parser.found]
    return list(dict.fromkeys(links))[:_SHOWN_LINKS]
