"""From an issue to an edition: rendered once, inlined once, compiled, with the archive's page beside it."""

from __future__ import annotations

import html as html_module
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

from markupsafe import Markup

from mailer.errors import SourceError
from mailer.mail import list_headers
from mailer.model.issue import CallToAction, Issue, Item
from mailer.rendering import markdown, merge_tags, text
from mailer.rendering.inline import inline
from mailer.rendering.message import Frame, Part, Personal, Place, Program, Slot, compile_program, fill
from mailer.rendering.templates import Templates
from mailer.rendering.theme import Theme

SUBJECT_COLUMNS = 90
CONTENTS_FROM = 15  # items; shorter issues are read from top to bottom
PURPOSES = ("message", "unsubscribe", "preferences", "view", "apply")
SAMPLE = Personal("reader@example.com", tokens=dict.fromkeys(PURPOSES, "a" * 26))

_HAN_RUN = re.compile(
    r"(<[^>]*>)|([\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff](?:[ ·\u3000-\u303f\uff00-\uffef“”]*"
    r"[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])*)"
)
_MAIL_ONLY = re.compile(r"<!--mail-->.*?<!--/mail-->\n?", re.DOTALL)
_HREF = re.compile(r'(?:href|src)="[^"]*"')
_RIGHT_TO_LEFT = frozenset({"ar", "he", "fa", "ur"})


@dataclass(frozen=True)
class ClubFacts:
    """What an edition says of the club: plain values from the settings.

    `base_url` is where the pages are, without a closing slash; `apply_url` "" is the club's own apply page; `calls`
    holds the wording of named calls to action; `label_prefix` is what a law wants at the head of the Subject.
    """

    newsletter: str
    base_url: str
    sender_address: str
    sender_name: str = ""
    reply_to: str = ""
    unsubscribe_address: str = ""
    postal_address: str = ""
    reason: str = ""
    apply_url: str = ""
    label_prefix: str = ""
    message_domain: str = ""
    list_id: str = ""
    calls: Mapping[str, CallToAction] = field(default_factory=dict)


@dataclass(frozen=True)
class Edition:
    """An issue rendered in its language; `program` is what is sent.

    `html` and `text` are both parts as a reader without a name would get them, with sample links; `archive_html` is the
    public page: nothing personal in it, an anchor `n1`, `n2` ... per item.
    """

    lang: str
    subject: str
    html: str
    text: str
    archive_html: str
    program: Program


def render(
    issue: Issue, *, club: ClubFacts, theme: Theme, templates: Templates, frozen_at: datetime | None = None
) -> Edition:
    """Render and compile. The same arguments give the same bytes; `frozen_at` is the Date (default: the issue's day).

    Raises SourceError for a merge tag nobody knows, TemplateError for a mistake in the theme.
    """
    slots = _Slots(issue)
    subject = subject_of(issue, club.label_prefix)
    context = _context(issue, subject, club, theme, slots)
    page = inline(templates.render(f"{theme.folder}/{issue.template}.html.j2", **context))
    plain = _text_part(context)
    mail = page.replace("<!--mail-->\n", "").replace("<!--/mail-->\n", "")
    html_part, text_part = slots.split_html(mail), slots.split_text(plain)
    public = slots.split_html(slots.without_origin(_MAIL_ONLY.sub("", page)))
    domain = club.message_domain or club.sender_address.rpartition("@")[2]
    identifier = club.list_id or list_headers.list_id(club.newsletter, domain)
    frame = Frame(
        sender=(club.sender_name or club.newsletter, club.sender_address),
        reply_to=("", club.reply_to),
        subject=subject,
        date=frozen_at or datetime.combine(issue.date, time(), UTC),
        list_name=club.newsletter,
        list_id=identifier,
        base_url=club.base_url,
        message_domain=domain,
        lang=issue.lang,
        unsubscribe_address=club.unsubscribe_address,
        feedback_id=f"{issue.identity}:{identifier.partition('.')[0]}:{issue.lang}:mailer",
    )
    program = compile_program(frame, text_part, html_part)
    return Edition(issue.lang, subject, program.page(SAMPLE), program.plain(SAMPLE), fill(public, SAMPLE), program)


def subject_of(issue: Issue, prefix: str = "") -> str:
    """The Subject: as written, or as many leads as fit 90 columns, with the law's prefix before it."""
    subject = issue.subject
    if not subject:
        subject = issue.digest_title
        if text.width(subject) > SUBJECT_COLUMNS:
            subject = _cut(subject)
    return f"{prefix} {subject}" if prefix and not subject.startswith(prefix) else subject


def _cut(title: str) -> str:
    """The title up to the last whole headline that fits, or up to a word, with an ellipsis."""
    best = ""
    for match in re.finditer(r"[;；] ?", title):
        if text.width(title[: match.start()]) > SUBJECT_COLUMNS:
            break
        best = title[: match.start()]
    if best:
        return best
    return text.wrap(title, columns=SUBJECT_COLUMNS - 1).split("\n")[0][: SUBJECT_COLUMNS - 1] + "…"


class _Slots:
    """Stands opaque words for what differs per reader while the text is rendered, and turns them into slots after."""

    def __init__(self, issue: Issue) -> None:
        source = repr(issue)
        self._prefix = "mrg"
        while self._prefix in source:
            self._prefix += "q"
        self._known: list[merge_tags.MergeTag | str] = []
        self._word = re.compile(rf"{self._prefix}(\d+)z")

    def token(self, purpose: str) -> str:
        """The word for a purpose's token."""
        return self._add(purpose)

    def replace(self, source: str, line: int = 1) -> str:
        """`source` with words for its merge tags."""
        if "{{" not in source:
            return source
        return merge_tags.replace(source, self._add, line=line)

    def without_origin(self, page: str) -> str:
        """The page with plain addresses of the apply page: in the archive nobody came from a mail."""
        return re.sub(rf"\?from={self._prefix}\d+z", "", page)

    def split_html(self, page: str) -> Part:
        """The page cut at the words; those inside a link's address are escaped as parts of a URL."""
        inside = [match.span() for match in _HREF.finditer(page) if self._word.search(match[0])]
        return tuple(
            self._slot(piece, Place.URL if any(a <= at < b for a, b in inside) else Place.HTML)
            for at, piece in self._cut(page)
        )

    def split_text(self, plain: str) -> Part:
        """The same for the text part."""
        inside = [match.span() for match in re.finditer(r"(?:https?://|mailto:)[^\s>]+", plain)]
        return tuple(
            self._slot(piece, Place.URL if any(a <= at < b for a, b in inside) else Place.TEXT)
            for at, piece in self._cut(plain)
        )

    def _add(self, what: merge_tags.MergeTag | str) -> str:
        if what not in self._known:
            self._known.append(what)
        return f"{self._prefix}{self._known.index(what)}z"

    def _cut(self, page: str) -> Iterator[tuple[int, str | int]]:
        position = 0
        for match in self._word.finditer(page):
            yield position, page[position : match.start()]
            yield match.start(), int(match[1])
            position = match.end()
        yield position, page[position:]

    def _slot(self, piece: str | int, place: Place) -> str | Slot:
        if isinstance(piece, str):
            return piece
        what = self._known[piece]
        if isinstance(what, str):
            return Slot(what, Place.TOKEN)
        name = what.field.removeprefix(merge_tags.ATTRIBUTE)
        return Slot(name, place, what.joiner or "", what.default or "")


def _context(issue: Issue, subject: str, club: ClubFacts, theme: Theme, slots: _Slots) -> dict[str, Any]:
    words = theme.words(issue.lang)
    writer = _Writer(issue.lang, slots)
    numbered = dict(zip((id(item) for item in issue.items), range(1, 1_000_000), strict=False))
    sections = [
        {
            "title": section.title,
            "lang": writer.mark(section.title),
            "stories": [_item(item, numbered[id(item)], writer) for item in section.items],
        }
        for section in issue.sections
    ]
    total = len(numbered)
    named = [section for section in sections if section["title"] and section["stories"]]
    newsletter = club.newsletter
    return {
        "folder": theme.folder,
        "lang": issue.lang,
        "dir": "rtl" if issue.lang.split("-")[0] in _RIGHT_TO_LEFT else "ltr",
        "subject": subject,
        "preheader": issue.preheader,
        "heading": issue.title or newsletter,
        "kicker": newsletter if issue.title else "",
        "number": words["number"].format(number=issue.number) if issue.number is not None else "",
        "date": _date(issue.date, words),
        "intro": writer.block(issue.intro, issue.lines.get("intro", 1)),
        "leads": [
            {
                "number": numbered[id(item)],
                "text": writer.inline(item.lead_text),
                "plain": item.lead_text,
                "lang": writer.mark(item.lead_text, item.lang),
            }
            for item in issue.leads
        ],
        "contents": [
            {"title": s["title"], "first": s["stories"][0]["number"], "last": s["stories"][-1]["number"]} for s in named
        ]
        if total >= CONTENTS_FROM and len(named) > 1
        else [],
        "sections": sections,
        "heading_tag": "h3" if named else "h2",
        "cta": _call(issue, club, words, writer, slots),
        "newsletter": newsletter,
        "postal_address": club.postal_address,
        "reason": club.reason or words["reason"].format(newsletter=newsletter),
        "links": {
            "unsubscribe": f"{club.base_url}/u/{slots.token('unsubscribe')}",
            "preferences": f"{club.base_url}/p/{slots.token('preferences')}",
            "view": f"{club.base_url}/v/{slots.token('view')}",
        },
        "words": words,
        "light": theme.light,
        "dark": theme.dark,
        "font": theme.font(issue.lang),
        "mso_font": "Microsoft YaHei" if issue.lang.startswith("zh") else "Segoe UI,Arial,sans-serif",
    }


def _item(item: Item, number: int, writer: _Writer) -> dict[str, Any]:
    return {
        "number": number,
        "headline": writer.inline(item.headline),
        "plain": item.headline,
        "lang": writer.mark(item.headline, item.lang),
        "body": writer.block(item.body, item.line + 1),
        "source": {"name": writer.inline(item.source.name), "plain": item.source.name, "url": item.source.url}
        if item.source
        else None,
    }


def _call(
    issue: Issue, club: ClubFacts, words: Mapping[str, Any], writer: _Writer, slots: _Slots
) -> dict[str, Any] | None:
    if issue.cta is None:
        return None
    usual = club.calls.get(issue.cta.name, CallToAction())
    own_page = f"{club.base_url}/apply"
    url = issue.cta.url or usual.url or club.apply_url or own_page
    if url == own_page:
        url += f"?from={slots.token('apply')}"
    label = issue.cta.label or usual.label or words["apply"]
    return {
        "title": markdown.plain_text(slots.replace(issue.cta.title or usual.title or words["apply_title"])),
        "text": writer.block(issue.cta.text or usual.text or words["apply_text"], issue.cta.line + 1),
        "label": markdown.plain_text(slots.replace(label, issue.cta.line)),
        "url": slots.replace(url, issue.cta.line),
    }


class _Writer:
    """Turns the issue's texts into HTML with `lang` on what is in the other language."""

    def __init__(self, lang: str, slots: _Slots) -> None:
        self._lang = lang
        self._chinese = lang.split("-")[0] in {"zh", "ja", "ko"}
        self._slots = slots

    def block(self, source: str, line: int) -> Markup:
        """CommonMark with merge tags as HTML."""
        if not source.strip():
            return Markup("")
        try:
            words = self._slots.replace(source, line)
        except SourceError as error:
            raise SourceError(error.message, where=error.where) from None
        lang = self._other(source)
        made = markdown.to_html(words)
        return Markup(f'<div lang="{lang}">{made}</div>') if lang else Markup(self._runs(made))  # noqa: S704 - nh3 cleaned

    def inline(self, source: str) -> Markup:
        """One line of plain text, escaped."""
        escaped = html_module.escape(source)
        return Markup(escaped if self._other(source) else self._runs(escaped))  # noqa: S704 - escaped right here

    def mark(self, source: str, lang: str = "") -> Markup:
        """The lang attribute a text needs, or nothing."""
        found = self._other(source, lang)
        return Markup(f' lang="{html_module.escape(found)}"') if found else Markup("")  # noqa: S704 - escaped

    def _other(self, source: str, lang: str = "") -> str:
        """The language of a text that is not in the issue's, else ""."""
        letters = [character for character in source if character.isalpha()]
        han = sum(map(markdown.is_cjk, letters))
        if lang and lang != self._lang and lang.startswith("zh") == (han * 3 > len(letters)):
            return lang
        if self._chinese:
            return "en" if not han and len(letters) > 15 and " " in source.strip() else ""
        return "zh-Hans" if han * 3 > len(letters) else ""

    def _runs(self, made: str) -> str:
        if self._chinese:
            return made
        return _HAN_RUN.sub(lambda match: match[1] or f'<span lang="zh-Hans">{match[2]}</span>', made)


def _date(day: date, words: Mapping[str, Any]) -> str:
    made: str = words["date"].format(
        weekday=words["weekdays"][day.weekday()], day=day.day, month=words["months"][day.month - 1], year=day.year
    )
    return made


def _text_part(context: Mapping[str, Any]) -> str:
    """The plain-text part from what the template was given; every item, link and the footer are in it."""
    words, links = context["words"], text.Links()
    blocks = [text.underline(context["heading"], "=")]
    dateline = " · ".join(piece for piece in (context["kicker"], context["number"], context["date"]) if piece)
    blocks += [text.wrap(dateline), text.from_html(context["intro"], links)]
    if context["leads"]:
        lines = [text.wrap(lead["plain"], f"{lead['number']:>3}  ", "     ") for lead in context["leads"]]
        blocks.append(f"{words['leads']}\n" + "\n".join(lines))
    if context["contents"]:
        lines = [text.wrap(f"{entry['title']} {entry['first']}-{entry['last']}", "  ") for entry in context["contents"]]
        blocks.append(f"{words['contents']}\n" + "\n".join(lines))
    for section in context["sections"]:
        if section["title"]:
            blocks.append("\n" + text.underline(section["title"], "-"))
        for item in section["stories"]:
            blocks += _text_item(item, words, links)
    if context["cta"]:
        cta = context["cta"]
        url = f"{cta['label']}:\n{cta['url']}" if links.first(cta["url"]) else cta["label"]
        blocks += ["\n" + text.underline(cta["title"], "-"), text.from_html(cta["text"], links), url]
    footer = [text.wrap(context["reason"])]
    for name in ("unsubscribe", "preferences", "view"):
        footer.append(f"{words[name]}:\n{context['links'][name]}")
    footer += [text.wrap(context["newsletter"]), text.wrap(context["postal_address"])]
    return text.join(blocks) + "\n-- \n" + "\n".join(line for line in footer if line) + "\n"


def _text_item(item: Mapping[str, Any], words: Mapping[str, Any], links: text.Links) -> list[str]:
    number = f"{item['number']}. "
    blocks = [text.wrap(item["plain"], number, " " * len(number)), text.from_html(item["body"], links)]
    source = item["source"]
    if source:
        line = text.wrap(f"{words['source']}{source['plain']}")
        blocks.append(f"{line}\n{source['url']}" if source["url"] and links.first(source["url"]) else line)
    return blocks
