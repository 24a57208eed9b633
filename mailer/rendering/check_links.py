"""The check rules on links and pictures as written (L, H08, I21)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from mailer.model.issue import Issue
from mailer.rendering import images, markdown, merge_tags
from mailer.rendering.finding import Finding, error, warning
from mailer.rendering.markdown import Link
from mailer.rendering.passages import Passage
from mailer.sentence import Sentence

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
            for url, line in markdown.bare_addresses(merge_tags.as_words(passage.text), line=passage.line):
                fix = "Put it between angle brackets: <https://...>."
                yield warning("L10", line, "the address '%(url)s' is no link that readers can open.", fix, url=url[:60])


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
            yield from markdown.links(merge_tags.as_words(passage.text), line=passage.line)


def _picture(link: Link) -> Iterator[Finding]:
    if not link.text.strip():
        fix = "Say between the brackets what it shows: ![A crane at dawn](...)."
        if link.linked:
            yield error("H08", link.line, "a picture that is a link has no words to be read out.", fix)
        else:
            yield warning("H08", link.line, "the picture has no words; who does not see it gets nothing.", fix)
    if link.width and not link.width.isdigit():
        message = "the picture's width '%(width)s' is no number of pixels."
        yield warning("H08", link.line, message, "Write, for example: {width=400}.", width=link.width)
    if images.is_file(link.url):
        return
    if not link.width.isdigit() and link.url.startswith(("http://", "https://")):
        yield warning(
            "H08", link.line, "the picture has no width; Outlook may show it far too big.", "Add {width=536}."
        )
    if host := _host(link.url):
        message = "the picture is fetched from %(host)s, which learns who reads it; many programs do not show it."
        yield warning("I21", link.line, message, "Put the file beside the issue: ![...](picture.png).", host=host)


def _link(link: Link) -> Iterator[Finding]:
    if link.image:
        yield from _picture(link)
        if images.is_file(link.url):
            return
    what = Sentence("picture") if link.image else Sentence("link")
    if link.url.startswith("#") and len(link.url) > 1:
        message = "the link '%(url)s' to a place in the page fails in many inboxes."
        fix = "Drop it."
        yield warning("L07", link.line, message, fix, url=link.url)
        return
    scheme = link.url.partition(":")[0].lower() if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", link.url) else ""
    allowed = ("http", "https") if link.image else ("http", "https", "mailto", "tel")
    if scheme not in allowed:
        message = "the %(what)s '%(text)s' has an address that no mail can open: '%(url)s'."
        if link.url in ("", "#"):
            message = "the %(what)s '%(text)s' is empty."
        fix = "Write the whole https: address."
        name = re.split(r"[/\\]", link.url)[-1][:40]
        if link.image and link.url and not link.url.startswith(("data:", "javascript:", "#")):
            fix = "Put the file beside the issue: ![...](%(name)s)."
        yield error("L01", link.line, message, fix, what=what, text=link.text[:40], url=link.url[:60], name=name)
        return
    if scheme not in ("http", "https"):
        return
    host = _host(link.url)
    if not host:
        message = "the %(what)s's address '%(url)s' has no host."
        fix = "Write the whole address."
        yield error("L01", link.line, message, fix, what=what, url=link.url[:60])
        return
    if scheme == "http":
        message = "the %(what)s to %(host)s is not encrypted (http:)."
        fix = "Write https: if the site has it."
        yield warning("L02", link.line, message, fix, what=what, host=host)
    if not host.isascii():
        message = "the host %(host)s is not in ASCII; it is sent as punycode."
        fix = "Write it as xn--...."
        yield warning("L03", link.line, message, fix, host=host)
    if host.removeprefix("www.") in SHORTENERS:
        message = "%(host)s hides where the link leads; filters distrust it."
        fix = "Write the real address."
        yield warning("L06", link.line, message, fix, host=host)
    shown = _DOMAIN.fullmatch(link.text.strip())
    if shown and shown[1].lower().removeprefix("www.") != host.removeprefix("www."):
        message = "the text says %(shown)s, the link leads to %(host)s."
        fix = "Make them agree."
        yield warning("L05", link.line, message, fix, shown=shown[1], host=host)


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""
