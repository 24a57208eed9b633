"""The List-* fields of RFC 2369, 2919 and 8058; URIs in them are never encoded and never broken."""

from __future__ import annotations

import re
from urllib.parse import quote

from mailer.mail.header import CRLF, check_address, phrase, token_field

MAX_LINE = 998  # RFC 5322 2.1.1
ONE_CLICK = "List-Unsubscribe=One-Click"

_URI = re.compile(r"(?:https?://|mailto:)[!#$%&'()*+,./0-9:;=?@A-Z\[\]_a-z~-]+")
_LIST_ID = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+")


def list_id_field(name: str, identifier: str) -> str:
    """List-Id (RFC 2919): the newsletter's name and a domain-like `identifier`, which never changes."""
    if not _LIST_ID.fullmatch(identifier) or len(identifier) > 255:
        raise ValueError(f"not a list id: {identifier[:80]!a}")
    words = phrase(name)
    return token_field("List-Id", f"{words} <{identifier}>" if words else f"<{identifier}>")


def list_id(name: str, domain: str) -> str:
    """A list identifier made from the newsletter's name and a domain: `morning-news.example.org`."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "newsletter"
    return f"{slug[:60].strip('-')}.{domain}"


def list_unsubscribe_fields(page: str, mailto: str) -> str:
    """List-Unsubscribe with the page of one reader, a mailto where there is one, and List-Unsubscribe-Post.

    `page` is an absolute URL, `mailto` a whole `mailto:` URI or "". The field is folded at the comma between them and
    nowhere else (RFC 2047 section 5 forbids encoded-words here). Raises ValueError for what is no URI or too long.
    """
    uris = [page, mailto] if mailto else [page]
    for uri in uris:
        check_uri(uri)
    field = f",{CRLF} ".join(f"<{uri}>" for uri in uris)
    field = f"List-Unsubscribe: {field}{CRLF}"
    if max(map(len, field.split(CRLF))) > MAX_LINE:
        raise ValueError("the unsubscribe address is too long for a header line")
    return f"{field}List-Unsubscribe-Post: {ONE_CLICK}{CRLF}"


def unsubscribe_mailto(address: str, subject: str) -> str:
    """A mailto URI (RFC 6068) to `address` with a fixed `subject`."""
    local, _, domain = check_address(address).rpartition("@")
    return f"mailto:{quote(local, safe='+-._~!$')}@{domain}?subject={quote(subject, safe='')}"


def check_uri(uri: str) -> str:
    """`uri` unchanged when it can stand in a List-* field, else ValueError."""
    if not _URI.fullmatch(uri):
        raise ValueError(f"not a URI for a header: {uri[:80]!a}")
    return uri
