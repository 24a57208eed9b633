"""The issue files in a folder, and what the next issue begins with."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mailer.model import language_tag
from mailer.model.issue import CallToAction, Issue
from mailer.rendering import canonical, source
from mailer.rendering.translation import translator

if TYPE_CHECKING:
    from mailer.wiring import Club

SATURDAY = 5


def issues(folder: Path) -> list[tuple[Path, Issue | None]]:
    """The issue files of a folder by name, None for what cannot be read."""
    return [
        (path, source.examine(path.read_text(encoding="utf-8-sig", errors="replace"))[0])
        for path in sorted(folder.glob("*.md"))
    ]


def skeleton(lang: str) -> str:
    """What an issue in that language begins with, to be filled in."""
    _ = translator(lang)
    section, headline, text = _("TODO section"), _("TODO headline"), _("TODO text")
    return f"\n\n## {section}\n\n### {headline} {{lead}}\n\n{text}\n\n{canonical.source_word(lang)}TODO\n"


def last_number(folder: Path, before: date) -> int | None:
    """The number of the last issue before a day; None where there is none, or it has no number."""
    earlier = [made for _, made in issues(folder) if made is not None and made.date < before]
    last = max(earlier, key=lambda made: (made.date, made.number or 0), default=None)
    return last.number if last is not None else None


def following(folder: Path, today: date, club: Club | None, lang: str, *, alone: bool) -> list[tuple[Issue, str]]:
    """The issue after the last one, empty, with the name of its file: one for each edition that the last one had.

    `lang` picks the edition in that language, or makes one of the club's own; `alone` asks for a single one.
    """
    found = [(path, made) for path, made in issues(folder) if made is not None]
    if not found:
        first = _first(today, club, lang)
        return [(first, f"{first.date.isoformat()}.md")]
    home = lang or (club.settings.newsletter.language if club else "")
    path, last = max(found, key=lambda pair: (pair[1].date, pair[1].number or 0, language_tag.same(pair[1].lang, home)))
    sisters = source.sisters(path)
    named = bool(sisters) or source.edition_tag(path) != ""
    editions = [(path, last), *(pair for pair in found if pair[0] in sisters)]
    if lang:
        editions = [pair for pair in editions if language_tag.same(pair[1].lang, lang)]
    if not editions:
        made = _after(last, lang, club.settings.newsletter.name_in(lang) if club else last.newsletter)
        return [(made, _file(made, language_tag.primary(lang) if named else ""))]
    return [
        (made, _file(made, source.edition_tag(beside) if named else ""))
        for beside, before in editions[: 1 if alone else None]
        for made in (_after(before, lang or before.lang, before.newsletter),)
    ]


def _file(issue: Issue, tag: str) -> str:
    return f"{issue.date.isoformat()}.{tag}.md" if tag else f"{issue.date.isoformat()}.md"


def _first(today: date, club: Club | None, lang: str) -> Issue:
    spoken = lang or (club.settings.newsletter.language if club else "en")
    name = club.settings.newsletter.name_in(spoken) if club else "My Newsletter"
    return Issue(newsletter=name, date=_working_day(today), lang=spoken, number=1, cta=CallToAction())


def _after(last: Issue, lang: str, newsletter: str) -> Issue:
    number = last.number + 1 if last.number is not None else None
    day = _working_day(last.date + timedelta(days=1))
    cta = CallToAction(last.cta.name) if last.cta else None
    return Issue(newsletter, day, lang, number, template=last.template, tags=last.tags, cta=cta)


def _working_day(day: date) -> date:
    while day.weekday() >= SATURDAY:
        day += timedelta(days=1)
    return day
