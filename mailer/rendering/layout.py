"""What the digest's template is given: an issue's sections and items as plain data and escaped HTML."""

from __future__ import annotations

import html as html_module
import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from typing import Any
from urllib.parse import unquote

from markupsafe import Markup

from mailer.errors import SourceError
from mailer.model.issue import CallToAction, Image, Issue, Item, Source
from mailer.model.language_tag import primary
from mailer.rendering import images, language, markdown
from mailer.rendering.facts import ClubFacts
from mailer.rendering.slots import Slots
from mailer.rendering.theme import Theme
from mailer.rendering.translation import direction
from mailer.sentence import Sentence

CONTENTS_FROM = 15  # items; shorter issues are read from top to bottom
LONG_FROM = 12  # items; from here on what each of them costs counts
FIGURE_SPACE = "\u2007"  # as wide as a digit
LEADS_FROM = 3  # items; fewer are seen at a glance
INNER = "i"  # the class of a text's heading that has the level of headlines elsewhere, and not their size
_HEADING = re.compile(r"<(/?)h([1-6])>")
_HAN_RUN = re.compile(
    r"(<[^>]*>)|([\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff](?:[ ·\u3000-\u303f\uff00-\uffef“”]*"
    r"[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])*)"
)


def lay_out(
    issue: Issue, subject: str, club: ClubFacts, theme: Theme, slots: Slots, corrected_on: date | None = None
) -> dict[str, Any]:
    """The template's context, in which `slots` stand for what differs per reader. Raises SourceError for a bad tag."""
    words = theme.words(issue.lang)
    place = partial(_place, pictures=issue.images, base_url=club.base_url, domain=club.domain)
    writer = _Writer(issue.lang, slots, place)
    numbered = dict(zip((id(item) for item in issue.items), range(1, 1_000_000), strict=False))
    sections: list[dict[str, Any]] = []
    for section in issue.sections:
        level = 3 if section.title else 2
        sections.append(
            {
                "title": section.title,
                "lang": writer.mark(section.title),
                "heading_tag": f"h{level}",
                "stories": [_item(item, numbered[id(item)], level, writer) for item in section.items],
            }
        )
    total = len(numbered)
    named = [section for section in sections if section["title"] and section["stories"]]
    widest = max((len(str(numbered[id(item)])) for item in issue.leads), default=0)
    newsletter = club.newsletter
    return {
        "folder": theme.folder,
        "lang": issue.lang,
        "dir": direction(issue.lang),
        "subject": subject,
        "preheader": slots.replace(issue.preheader, issue.lines.get("preheader", 1)),
        "heading": issue.title or newsletter,
        "kicker": newsletter if issue.title else "",
        "number": words["number"].format(number=issue.number) if issue.number is not None else "",
        "date": _date(issue.date, words),
        "corrected": words["corrected"].format(date=_date(corrected_on, words)) if corrected_on else "",
        "intro": writer.block(issue.intro, issue.lines.get("intro", 1), below=1),
        "leads": [
            {
                "number": numbered[id(item)],
                "pad": FIGURE_SPACE * (widest - len(str(numbered[id(item)]))),
                "text": writer.inline(_begun(item.lead_text)),
                "plain": _begun(item.lead_text),
                "lang": writer.mark(item.lead_text, item.lang),
            }
            for item in (issue.leads if total >= LEADS_FROM else ())
        ],
        "hang": 9 * (widest + 1),  # pixels: a digit is 9 wide, and so is the gap behind them
        "contents": [
            {"title": s["title"], "first": s["stories"][0]["number"], "last": s["stories"][-1]["number"]} for s in named
        ]
        if total >= CONTENTS_FROM and len(named) > 1
        else [],
        "long": total >= LONG_FROM,
        "sections": sections,
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
        "logo": images.shown(theme.logo, club.base_url, club.domain) if theme.logo else None,
        "light": theme.light,
        "dark": theme.dark,
        "font": theme.font(issue.lang),
        "mso_font": "Microsoft YaHei" if issue.lang.startswith("zh") else "Segoe UI,Arial,sans-serif",
    }


def _place(attrs: dict[str, str | int | float], pictures: Mapping[str, Image], base_url: str, domain: str) -> None:
    """Give a Markdown picture's attributes the address readers see, and its size where the file is known.

    Raises SourceError for a file that was not loaded.
    """
    written = str(attrs["src"])
    if not images.is_file(written):
        return
    image = next((image for url, image in pictures.items() if markdown.address(url) == written), None)
    if image is None:
        raise SourceError(Sentence("the picture '%(name)s' is not beside the issue", name=unquote(written)))
    attrs |= images.shown(image, base_url, domain, wish=str(attrs.get("width", "")))


def _begun(lead: str) -> str:
    """A lead, which may go on in small letters within the title, as a line of its own begins."""
    return lead[:1].upper() + lead[1:] if re.match(r"[a-z]+(?![^\s,:'’-])", lead) else lead


def _item(item: Item, number: int, level: int, writer: _Writer) -> dict[str, Any]:
    return {
        "number": number,
        "headline": writer.inline(item.headline),
        "plain": item.headline,
        "lang": writer.mark(item.headline, item.lang),
        "body": writer.block(item.body, item.line + 1, below=level),
        "source": _source(item.source, writer) if item.source else None,
    }


def _source(source: Source, writer: _Writer) -> dict[str, Any]:
    return {"name": writer.inline(source.name), "plain": source.name, "url": markdown.address(source.url)}


def _call(
    issue: Issue, club: ClubFacts, words: Mapping[str, Any], writer: _Writer, slots: Slots
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
        "text": writer.block(issue.cta.text or usual.text or words["apply_text"], issue.cta.line + 1, below=2),
        "label": markdown.plain_text(slots.replace(label, issue.cta.line)),
        "url": markdown.address(slots.replace(url, issue.cta.line)),
    }


class _Writer:
    """Turns the issue's texts into HTML with `lang` on what is in the other language."""

    def __init__(self, lang: str, slots: Slots, place: Callable[[markdown.Attributes], None]) -> None:
        self._lang = lang
        self._chinese = primary(lang) in {"zh", "ja", "ko"}
        self._slots = slots
        self._place = place

    def block(self, source: str, line: int, *, below: int) -> Markup:
        """CommonMark with merge tags as HTML, for a place below a heading of that level."""
        if not source.strip():
            return Markup("")
        lang = self._other(source)
        made = _lowered(markdown.to_html(self._slots.replace(source, line), self._place), below)
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
        if not lang and (" " not in source.strip() if self._chinese else source.isascii()):
            return ""
        share = markdown.cjk_share(source)
        if lang and lang != self._lang and lang.startswith("zh") == (share * 3 > 1):
            return lang
        if self._chinese:
            latin = not share and " " in source.strip() and sum(map(str.isalpha, source)) > 15
            return "en" if latin else ""
        return language.han_tag(source) if share * 3 > 1 else ""

    def _runs(self, made: str) -> str:
        if self._chinese or made.isascii():
            return made
        return _HAN_RUN.sub(
            lambda match: match[1] or f'<span lang="{language.han_tag(match[2])}">{match[2]}</span>', made
        )


def _lowered(made: str, below: int) -> str:
    """A text whose headings begin one level below the one it stands under, and skip none among themselves."""
    above: list[int] = []

    def lower(heading: re.Match[str]) -> str:
        if not heading[1]:
            written = int(heading[2])
            while above and above[-1] >= written:
                above.pop()
            above.append(written)
        level = min(below + len(above), 6)
        named = f' class="{INNER}"' if level < 4 and not heading[1] else ""
        return f"<{heading[1]}h{level}{named}>"

    return _HEADING.sub(lower, made)


def _date(day: date, words: Mapping[str, Any]) -> str:
    made: str = words["date"].format(
        weekday=words["weekdays"][day.weekday()], day=day.day, month=words["months"][day.month - 1], year=day.year
    )
    return made
