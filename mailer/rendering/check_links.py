"""The check rules on links and pictures as written (L, H08, I21)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from mailer.model.issue import Issue
from mailer.rendering import images, markdown
from mailer.rendering.finding import Finding, error, warning
from mailer.rendering.markdown import Link
from mailer.rendering.passages import Passage

SHORTENERS = frozenset(
    ("bit.ly", "t.cn", "t.co", "tinyurl.com", "goo.gl", "ow.ly", "dwz.cn", "url.cn", "is.gd", "suo.im")
)
_DOMAIN = re.compile(r"(?:https?://)?((?:[a-z0-9-]+\.)+[a-z]{2,})(?:[/?#]\S*)?", re.IGNORECASE)


def check_links(issue: Issue, passages: list[Passage]) -> Iterator[Finding]:
    """Every finding on the issue's links and pictures."""
    for link in all_links(issue, passages):
        yield from _link(link)
    for passage in passages:
        if passage.markdown:
            for url, line in markdown.bare_addresses(passage.text, line=passage.line):
                fix = "Put it between angle brackets: <https://...>."
                yield warning("L10", line, f"the address {url[:60]!r} is no link that readers can open.", fix)


def all_links(issue: Issue, passages: list[Passage]) -> list[Link]:
    """Every link and picture of an issue: in its texts, its sources and its call to action."""
    found = [*links_of(passages)]
    found += [
        Link(item.source.url, item.source.name, item.source.line)
        for item in issue.items
        if item.source and item.source.url
    ]
    if issue.cta and issue.cta.url.startswith(("http:", "https:")):
        found.append(Link(issue.cta.url, issue.cta.label, issue.cta.line))
    return found


def links_of(passages: list[Passage]) -> Iterator[Link]:
    """Every link and picture in the text, with its line."""
    for passage in passages:
        if passage.markdown:
            yield from markdown.links(passage.text, line=passage.line)


def _picture(link: Link) -> Iterator[Finding]:
    if not link.text.strip():
        fix = "Say between the brackets what it shows: ![A crane at dawn](...)."
        if link.linked:
            yield error("H08", link.line, "a picture that is a link has no words to be read out.", fix)
        else:
            yield warning("H08", link.line, "the picture has no words; who does not see it gets nothing.", fix)
    if link.width and not link.width.isdigit():
        message = f"the picture's width {link.width!r} is no number of pixels."
        yield warning("H08", link.line, message, "Write, for example: {width=400}.")
    if images.is_file(link.url):
        return
    if not link.width.isdigit() and link.url.startswith(("http://", "https://")):
        yield warning(
            "H08", link.line, "the picture has no width; Outlook may show it far too big.", "Add {width=536}."
        )
    if host := _host(link.url):
        message = f"the picture is fetched from {host}, which learns who reads it; many programs do not show it."
        yield warning("I21", link.line, message, "Put the file beside the issue: ![...](picture.png).")


def _link(link: Link) -> Iterator[Finding]:
    if link.image:
        yield from _picture(link)
        if images.is_file(link.url):
            return
    what = "picture" if link.image else "link"
    if link.url.startswith("#") and len(link.url) > 1:
        yield warning(
            "L07", link.line, f"the link {link.url!r} to a place in the page fails in many inboxes.", "Drop it."
        )
        return
    scheme = link.url.partition(":")[0].lower() if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", link.url) else ""
    allowed = ("http", "https") if link.image else ("http", "https", "mailto", "tel")
    if scheme not in allowed:
        problem = "is empty" if link.url in ("", "#") else f"has an address that no mail can open: {link.url[:60]!r}"
        fix = "Write the whole https: address."
        if link.image and link.url and not link.url.startswith(("data:", "javascript:", "#")):
            name = re.split(r"[/\\]", link.url)[-1][:40]
            fix = f"Put the file beside the issue: ![...]({name})."
        yield error("L01", link.line, f"the {what} {link.text[:40]!r} {problem}.", fix)
        return
    if scheme not in ("http", "https"):
        return
    host = _host(link.url)
    if not host:
        yield error(
            "L01", link.line, f"the {what}'s address {link.url[:60]!r} has no host.", "Write the whole address."
        )
        return
    if scheme == "http":
        yield warning(
            "L02", link.line, f"the {what} to {host} is not encrypted (http:).", "Write https: if the site has it."
        )
    if not host.isascii():
        yield warning(
            "L03", link.line, f"the host {host} is not in ASCII; it is sent as punycode.", "Write it as xn--...."
        )
    if host.removeprefix("www.") in SHORTENERS:
        yield warning(
            "L06", link.line, f"{host} hides where the link leads; filters distrust it.", "Write the real address."
        )
    shown = _DOMAIN.fullmatch(link.text.strip())
    if shown and shown[1].lower().removeprefix("www.") != host.removeprefix("www."):
        yield warning("L05", link.line, f"the text says {shown[1]}, the link leads to {host}.", "Make them agree.")


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""
