"""Published issues: the list, one issue, the feed, and a reader's own copy in the browser."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection, Row
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from mailer.model.subscriber import first_name
from mailer.model.tokens import Purpose
from mailer.rendering import images, merge_tags, source
from mailer.rendering.edition import ARCHIVED
from mailer.rendering.message import Personal, Program
from mailer.rendering.translation import choose, own_names, translator, written_in
from mailer.store import archive, signups
from mailer.store import images as stored_images
from mailer.web.parts import parts
from mailer.web.security import MAIL_POLICY

IMMUTABLE = "public, max-age=31536000, immutable"
PER_PAGE = 50
FEED_LENGTH = 20


async def index(request: Request) -> Response:
    """GET /archive, with ?page=N."""
    club = parts(request)
    wish = request.query_params.get("page", "1")
    page = min(int(wish), 10_000) if wish.isascii() and wish.isdigit() and len(wish) < 6 else 1
    offset = (max(page, 1) - 1) * PER_PAGE
    rows = await club.read(club.db.read, archive.listed, club.clock(), PER_PAGE + 1, offset)
    told = await club.read(club.db.read, archive.subjects, [row.id for row in rows[:PER_PAGE]])
    language = club.language(request)
    shown = [
        {
            "slug": row.slug,
            "date": row.date.isoformat(),
            **_named(row, told[row.id], language, club.settings.legal.label),
        }
        for row in rows[:PER_PAGE]
    ]
    return club.page(
        request,
        "archive",
        issues=shown,
        newer=page - 1 if page > 1 else 0,
        older=page + 1 if len(rows) > PER_PAGE else 0,
    )


async def issue(request: Request) -> Response:
    """GET /archive/SLUG: the issue as mailed, without anything personal."""
    club = parts(request)
    slug = request.path_params["slug"]
    editions = await club.read(club.db.read, archive.find, slug, club.clock()) if _plain(slug) else []
    if not editions:
        raise HTTPException(404)
    by_language = {row.language: row for row in editions}
    wishes = (request.query_params.get("lang", ""), request.headers.get("accept-language", ""))
    chosen = by_language[choose(tuple(by_language), *wishes, club.settings.newsletter.language)]
    others = {tag: name for tag, name in own_names(tuple(by_language)) if tag != chosen.language}
    links = club.templates.render(
        "pages/editions.html.j2", _=translator(chosen.language), lang=chosen.language, slug=slug, others=others
    )
    html = re.sub(r"(<body\b[^>]*>)", lambda body: body[1] + links, chosen.html, count=1)
    return _mail(html, chosen.language, "public, max-age=300")


async def view(request: Request) -> Response:
    """GET /v/TOKEN: one reader's copy."""
    club = parts(request)
    delivery = club.token(request, Purpose.VIEW)
    found = None if delivery is None else await club.read(club.db.read, _copy, delivery)
    if found is None:
        raise HTTPException(404)
    row, edition = found
    program = Program.from_bytes(edition.program)
    tokens = club.keyring.sign_each(row.id, program.purposes, edition.key_id)
    fields = {key: str(value) for key, value in row.attributes.items() if isinstance(value, str | int | float)}
    fields.setdefault("first_name", first_name(row.name))
    fields |= {"name": row.name, "email": row.address}
    page = program.page(Personal(row.address, row.name, fields, tokens))
    return _mail(images.hosted(page, club.base_url, ARCHIVED), edition.language, "no-store")


async def image(request: Request) -> Response:
    """GET /i/DIGEST: a picture of an issue, the same for ever."""
    club = parts(request)
    digest = request.path_params["digest"]
    found = await club.read(club.db.read, stored_images.find, digest) if _plain(digest) else None
    if found is None:
        raise HTTPException(404)
    headers = {"Cache-Control": IMMUTABLE, "ETag": f'"{digest}"', "Cross-Origin-Resource-Policy": "cross-origin"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.kind, headers=headers)


async def feed(request: Request) -> Response:
    """GET /feed.xml: the latest issues as an Atom feed (RFC 4287)."""
    club = parts(request)
    rows = await club.read(club.db.read, archive.listed, club.clock(), FEED_LENGTH)
    written = await club.read(club.db.read, archive.written, [row.id for row in rows])
    language = club.language(request)
    wished = "?" + urlencode({"lang": language}) if "lang" in request.query_params else ""
    entries = [
        {
            "title": row.title,
            **_told(written[row.id], language),
            "address": f"{club.base_url}/archive/{row.slug}",
            "published": max(row.send_at, row.frozen_at).isoformat(),
            "at": max(row.send_at, row.frozen_at, row.corrected_at or row.frozen_at).isoformat(),
        }
        for row in rows
    ]
    text = club.templates.render(
        "pages/feed.xml.j2",
        _=translator(language),
        written=written_in(language),
        newsletter=club.settings.newsletter.name_in(language),
        base_url=club.base_url,
        wished=wished,
        entries=entries,
        updated=max((entry["at"] for entry in entries), default="1970-01-01T00:00:00+00:00"),
    )
    return Response(
        text,
        media_type="application/atom+xml; charset=utf-8",
        headers={"Cache-Control": "public, max-age=300", "Vary": "Accept-Language"},
    )


def _named(row: Row[Any], subjects: Mapping[str, str], language: str, label: str) -> dict[str, str]:
    """How the list calls an issue: by its Subject, in the reader's language where it can be; and in which that is."""
    if not subjects:
        return {"title": row.title, "lang": language}
    lang = choose(tuple(subjects), language)
    return {"title": subjects[lang].removeprefix(label).strip(), "lang": lang}


def _told(texts: Mapping[str, str], language: str) -> dict[str, Any]:
    """What the feed tells of an issue in the reader's language: its title, its preheader and its headlines."""
    lang = choose(tuple(texts), language)
    issue = source.examine(texts[lang])[0] if texts else None
    if issue is None:
        return {"lang": language, "query": "", "summary": "", "headlines": ()}
    told = {
        "lang": issue.lang,
        "query": "?" + urlencode({"lang": lang}) if len(texts) > 1 else "",
        "summary": merge_tags.for_nobody(issue.preheader),
        "headlines": [item.headline for item in issue.items],
    }
    return told | {"title": issue.digest_title}


def _copy(conn: Connection, delivery_id: int) -> tuple[Row[Any], Row[Any]] | None:
    row = signups.delivery(conn, delivery_id)
    edition = None if row is None or row.edition_id is None else archive.edition(conn, row.edition_id)
    return None if row is None or edition is None else (row, edition)


def _plain(slug: str) -> bool:
    return slug.isascii() and slug.isprintable() and len(slug) <= 100


def _mail(html: str, language: str, caching: str) -> Response:
    """A rendered mail by itself, which may run nothing and send nothing."""
    headers = {"Content-Security-Policy": MAIL_POLICY, "Content-Language": language, "Cache-Control": caching}
    if not caching.startswith("no-"):
        headers["Vary"] = "Accept-Language"
    return HTMLResponse(html, headers=headers)
