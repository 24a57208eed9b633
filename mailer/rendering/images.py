"""Pictures beside an issue file: found, told by their bytes, and given the address under which readers see them."""

from __future__ import annotations

import difflib
import re
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from mailer.model.issue import Image, Issue
from mailer.rendering.finding import Finding, error, warning
from mailer.sentence import Sentence

if TYPE_CHECKING:
    from mailer.rendering.markdown import Link

LARGEST = 2_000_000  # bytes
LARGEST_EMBEDDED = 20_000
EMBEDDED = "cid:"
ROOM = 536  # pixels between the margins of the page
_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|[/#?\\]|$")
_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".gif", ".webp"))
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_IN_MAIL = r'src="(?:cid:({digest})@[^"]*|{base}/i/({digest}))"'


def is_file(url: str) -> bool:
    """Whether a picture's address names a file beside the issue: a relative path, or `cid:` and a path."""
    return _ELSEWHERE.match(url.removeprefix(EMBEDDED)) is None


def load(issue: Issue, links: Iterable[Link], folder: Path) -> tuple[Issue, list[Finding]]:
    """The issue with the files among `links` that it shows, and what is wrong with them (I20, I21).

    Files are looked for in `folder` and below it; nothing outside is read.
    """
    images: dict[str, Image] = {}
    found: list[Finding] = []
    for link in links:
        if not link.image or not is_file(link.url) or link.url in images:
            continue
        name = unquote(link.url.removeprefix(EMBEDDED))
        image = _read(folder, name)
        if isinstance(image, Image):
            embedded = link.url.startswith(EMBEDDED)
            found += _oddities(image, name, link.line, embedded=embedded)
            images[link.url] = replace(image, embedded=embedded)
        else:
            problem, fix = image
            message = "the picture '%(name)s' %(problem)s."
            found.append(error("I20", link.line, message, fix, name=name, problem=problem))
    return (replace(issue, images=images) if images else issue), found


def _nearest(root: Path, name: str) -> Sentence:
    """What to do about a file that is not there: which one of the folder may be meant."""
    meant = root / name.replace("\\", "/")
    with suppress(OSError, ValueError):
        if not meant.parent.resolve().is_relative_to(root):
            return Sentence("Put the file beside the issue or below it.")
        names = [path.name for path in meant.parent.iterdir() if path.suffix.lower() in _SUFFIXES]
        near = [each for each in names if each.lower() == meant.name.lower()]
        near = near or difflib.get_close_matches(meant.name, names, 1, 0.7)
        if near:
            found = (meant.parent / near[0]).relative_to(root).as_posix()
            return Sentence("Did you mean '%(name)s'?", name=found)
    return Sentence("Put the file beside the issue, or correct its name.")


def read(content: bytes) -> Image | None:
    """The picture in some bytes; None unless they are PNG, JPEG, GIF or WebP with a size."""
    try:
        kind, (width, height) = _measure(content)
    except (struct.error, IndexError, ValueError):
        return None
    if not (0 < width <= 20_000 and 0 < height <= 20_000):
        return None
    return Image(content, kind, width, height, sha256(content).hexdigest()[:32])


def shown(image: Image, base_url: str, domain: str, wish: str = "") -> dict[str, str]:
    """A picture's src and width in the page: as wide as wished or as it is, no wider than the page.

    It has no height: Yahoo makes `height: auto` a least height, and would distort what a phone makes narrower.
    """
    width = min(int(wish) if wish.isascii() and wish.isdigit() and int(wish) else image.width, ROOM)
    return {"src": address(image, base_url, domain), "width": str(width)}


def address(image: Image, base_url: str, domain: str) -> str:
    """Where the mail has a picture from: a part of its own (RFC 2392), or the club's web pages."""
    return f"cid:{content_id(image, domain)}" if image.embedded else f"{base_url}/i/{image.digest}"


def content_id(image: Image, domain: str) -> str:
    """The Content-ID of an embedded picture, without angle brackets."""
    return f"{image.digest}@{domain}"


def hosted(page: str, base_url: str, prefix: str) -> str:
    """A mail's page for the browser: its pictures, embedded or not, come from `prefix` and their digest."""
    pattern = _IN_MAIL.format(digest="[0-9a-f]{32}", base=re.escape(base_url))
    return re.sub(pattern, lambda match: f'src="{prefix}{match[1] or match[2]}"', page)


def _read(folder: Path, name: str) -> Image | tuple[Sentence, Sentence]:
    """The picture, or what is wrong and what to do."""
    root = folder.resolve()
    try:
        path = (folder / name).resolve()
        if not path.is_relative_to(root):
            return Sentence("is outside the issue's folder"), Sentence("Put the file beside the issue or below it.")
        if path.is_file() and path.stat().st_size > LARGEST:
            problem = Sentence("has over %(most)s MB", most=LARGEST // 1_000_000)
            return problem, Sentence("Save it smaller: 1,100 pixels wide is enough.")
        content = path.read_bytes()
    except FileNotFoundError:
        return Sentence("is not there"), _nearest(root, name)
    except (OSError, ValueError) as fault:
        problem = Sentence("cannot be read (%(why)s)", why=getattr(fault, "strerror", None) or fault)
        return problem, Sentence("Correct the name, or let the file be read.")
    image = read(content)
    if image is None:
        problem = Sentence("is no PNG, JPEG, GIF or WebP")
        return problem, Sentence("Save it as PNG or JPEG; mail programs show nothing else.")
    return image


def _oddities(image: Image, name: str, line: int, *, embedded: bool) -> list[Finding]:
    found = []
    if embedded and len(image.content) > LARGEST_EMBEDDED:
        message = "the picture '%(name)s' has %(size)s bytes; embedded ones have at most %(most)s."
        fix = "Leave out 'cid:', so that it is fetched from your pages, or save it smaller."
        size, most = f"{len(image.content):,}", f"{LARGEST_EMBEDDED:,}"
        found.append(error("I20", line, message, fix, name=name, size=size, most=most))
    if image.kind == "image/webp":
        message = "the picture '%(name)s' is WebP, which Outlook on Windows does not show."
        found.append(warning("I21", line, message, "Save it as PNG or JPEG.", name=name))
    return found


def _measure(content: bytes) -> tuple[str, tuple[int, int]]:
    """Media type and size. Raises ValueError, struct.error or IndexError for anything else."""
    if content.startswith(b"\x89PNG\r\n\x1a\n") and content[12:16] == b"IHDR":
        return "image/png", struct.unpack_from(">II", content, 16)
    if content[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif", struct.unpack_from("<HH", content, 6)
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg", _measure_jpeg(content)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp", _measure_webp(content)
    raise ValueError("no picture")


def _measure_jpeg(content: bytes) -> tuple[int, int]:
    position = 2
    while content[position] == 0xFF:
        mark = content[position + 1]
        if mark == 0xFF:
            position += 1
        elif mark in _JPEG_SIZES:
            height, width = struct.unpack_from(">HH", content, position + 5)
            return width, height
        else:
            position += 2 + struct.unpack_from(">H", content, position + 2)[0]
    raise ValueError("no size")


def _measure_webp(content: bytes) -> tuple[int, int]:
    form = content[12:16]
    if form == b"VP8X":
        width, height = (int.from_bytes(content[start : start + 3], "little") + 1 for start in (24, 27))
        return width, height
    if form == b"VP8L":
        bits = int.from_bytes(content[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if form == b"VP8 ":
        width, height = struct.unpack_from("<HH", content, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("no size")
