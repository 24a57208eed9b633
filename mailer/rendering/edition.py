"""From an issue to an edition: rendered once, inlined once, compiled, with the archive's page beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

from mailer.errors import SourceError, TemplateError
from mailer.mail import list_headers
from mailer.model.columns import width
from mailer.model.issue import Image, Issue
from mailer.rendering import images, listing, text
from mailer.rendering.breaks import breakable
from mailer.rendering.facts import ClubFacts
from mailer.rendering.inline import inline
from mailer.rendering.layout import lay_out
from mailer.rendering.message import Attachment, Frame, Personal, Program, compile_program, fill
from mailer.rendering.plain import text_part
from mailer.rendering.slots import Slots
from mailer.rendering.templates import Templates
from mailer.rendering.theme import Theme
from mailer.sentence import Sentence

SUBJECT_COLUMNS = 90
ARCHIVED = "../i/"  # the web page of an issue or a reader's copy is one level below the root
PURPOSES = ("message", "unsubscribe", "preferences", "view", "apply")
SAMPLE = Personal("reader@example.com", tokens=dict.fromkeys(PURPOSES, "a" * 26))

_INLINED = re.compile(r"<style>(?<!\[if mso\]><style>)(.*?)</style>", re.DOTALL)
_ANCHOR = re.compile(r'<(h[23]) id="n\d+"')  # webmail drops anchors; they are for the archive
_PERMALINK = re.compile(r'(<h[23] id="(n\d+)"[^>]*>(?:<span class="n"[^>]*>)?)(\d+\.)')
_RESERVED = re.compile(r"\n<!--(mail|page)-->(\n.*?)\n<!--/\1-->(?=\n)", re.DOTALL)  # on lines of their own


@dataclass(frozen=True)
class Edition:
    """An issue rendered in its language; `program` is what is sent.

    `html` and `text` are both parts as a reader without a name would get them, with sample links; `archive_html` is the
    public page: nothing personal in it, an anchor `n1`, `n2` ... per item. `css` is what was inlined, `images` are
    what the web pages have to have, `template` is the file of the page's template, `sender` the name in From.
    """

    lang: str
    subject: str
    html: str
    text: str
    archive_html: str
    program: Program
    css: str = ""
    images: tuple[Image, ...] = ()
    template: Path | None = None
    sender: str = ""


def render(
    issue: Issue,
    *,
    club: ClubFacts,
    theme: Theme,
    templates: Templates,
    frozen_at: datetime | None = None,
    corrected_on: date | None = None,
) -> Edition:
    """Render and compile. The same arguments give the same bytes; `frozen_at` is the Date (default: the issue's day).
    With `corrected_on` the public page says that the text was corrected then; the mail does not.

    Raises SourceError for a merge tag nobody knows, TemplateError for a mistake in the theme.
    """
    club = club.spoken(issue.lang)
    slots = Slots(issue)
    pictures = [*issue.images.values(), *([theme.logo] if theme.logo else [])]
    subject = subject_of(issue, club.label_prefix)
    context = lay_out(issue, subject, club, theme, slots, corrected_on)
    template = f"{theme.folder}/{issue.template}.html.j2"
    if not templates.exists(template):
        what = Sentence("there is none; write 'template: digest', or make it")
        raise TemplateError(what, where=f"templates/{template}")
    written = templates.render(template, **context)
    file = templates.path(template)
    if "<body" not in written.lower():
        raise TemplateError(Sentence("makes no page: it has no <body>"), where=str(file))
    page = breakable(inline(listing.as_paragraphs(written, context["dir"])), slots.word.pattern)
    plain = text_part(context)
    html_part, plain_part = slots.split_html(_ANCHOR.sub(r"<\1", _kept(page, "mail"))), slots.split_text(plain)
    public = slots.split_html(slots.without_origin(_permalinks(_kept(page, "page"))))
    identifier = club.list_id or list_headers.list_id(club.newsletter, club.domain)
    frame = Frame(
        sender=(club.sender_name or club.newsletter, club.sender_address),
        reply_to=("", club.reply_to),
        subject=subject,
        date=frozen_at or datetime.combine(issue.date, time(), UTC),
        list_name=club.newsletter,
        list_id=identifier,
        base_url=club.base_url,
        message_domain=club.domain,
        lang=issue.lang,
        unsubscribe_address=club.unsubscribe_address,
        feedback_id=f"{issue.identity}:{identifier.partition('.')[0]}:{issue.lang}:mailer",
    )
    try:
        program = compile_program(frame, plain_part, html_part, _attached(pictures, club))
    except ValueError as problem:
        raise SourceError(Sentence("%(why)s; write it in plain letters", why=problem)) from None
    css = "\n".join(_INLINED.findall(written))
    html, plain = program.page(SAMPLE), program.plain(SAMPLE)
    archived = images.hosted(fill(public, SAMPLE), club.base_url, ARCHIVED)
    shown = tuple({image.digest: image for image in pictures}.values())
    return Edition(issue.lang, subject, html, plain, archived, program, css, shown, file, frame.sender[0])


def _attached(pictures: Sequence[Image], club: ClubFacts) -> list[Attachment]:
    embedded = {image.digest: image for image in pictures if image.embedded}
    return [
        Attachment(images.content_id(image, club.domain), image.kind, image.content)
        for _, image in sorted(embedded.items())
    ]


def _kept(page: str, reader: str) -> str:
    """The page without what the template reserves for the other of `mail` and `page`, and without the marks."""
    return _RESERVED.sub(lambda match: match[2] if match[1] == reader else "", page)


def _permalinks(page: str) -> str:
    """The public page with each item's number as the link to that item."""
    return _PERMALINK.sub(r'\1<a href="#\2" style="color:inherit;text-decoration:none">\3</a>', page)


def subject_of(issue: Issue, prefix: str = "") -> str:
    """The Subject: as written, or as many leads as fit 90 columns, with the law's prefix before it."""
    subject = issue.subject
    if not subject:
        subject = issue.digest_title
        if width(subject) > SUBJECT_COLUMNS:
            subject = _cut(subject)
    return f"{prefix} {subject}" if prefix and not subject.startswith(prefix) else subject


def _cut(title: str) -> str:
    """The title up to the last whole headline that fits, or up to a word, with an ellipsis."""
    best = ""
    for match in re.finditer(r"[;；] ?", title):
        if width(title[: match.start()]) > SUBJECT_COLUMNS:
            break
        best = title[: match.start()]
    if best:
        return best
    return text.wrap(title, columns=SUBJECT_COLUMNS - 1).split("\n")[0][: SUBJECT_COLUMNS - 1] + "…"
