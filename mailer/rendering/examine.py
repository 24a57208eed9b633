"""All findings on an issue file: its form, its text, its sister editions, and rendered, its page and message."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mailer.errors import SourceError, TemplateError, spoken
from mailer.model import language_tag
from mailer.model.issue import Issue
from mailer.rendering import check, check_html, check_message, images, registry, source
from mailer.rendering.check_links import links_of
from mailer.rendering.edition import Edition
from mailer.rendering.finding import Finding, error, first_of, warning
from mailer.rendering.passages import passages_of
from mailer.sentence import Sentence

SOURCES, GLOSSARY = "sources.yaml", "glossary.yaml"
HEAD_BYTES = 4000
_UNRENDERED = frozenset(("I20", "P01"))


@dataclass(frozen=True, slots=True)
class Examined:
    """What came of a file: the issue unless it cannot be read, the edition where one was rendered, all findings."""

    issue: Issue | None
    edition: Edition | None
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> list[Finding]:
        """The findings that stop the issue from being published."""
        return [finding for finding in self.findings if finding.level == "error"]

    def rendered(self, name: str) -> Edition:
        """The edition. Raises SourceError, for the first error in the file `name`, where none could be made."""
        if self.edition is not None:
            return self.edition
        first = self.errors[0]
        raise SourceError(first_of(self.errors), where=f"{name}:{first.line}" if first.line else name)


def examine(
    text: str, name: str, *, folder: Path | None = None, render: Callable[[Issue], Edition] | None = None
) -> Examined:
    """Every finding on the issue in `text`, read from the file `name`, beside which its sister editions are looked for.

    `folder` is the club's, where sources.yaml and glossary.yaml may be; without `render` the rules on page and message
    are left out. Raises SourceError for a broken table, nothing for a broken issue or template.
    """
    issue, found = check.check_text(text)
    readable = not found
    if issue is None:
        return Examined(None, None, tuple(found))
    path = Path(name)
    issue, missing = images.load(issue, links_of(passages_of(issue, text)), path.parent)
    found += check.silence(issue, missing)
    sources, glossary = (table(each, path.parent, folder) for each in (SOURCES, GLOSSARY))
    sisters = _sisters(path, found)
    found += check.silence(issue, [*_same_number(issue, path), *_other_day(issue, path)])
    found += check.check_issue(issue, text, known_sources=sources, glossary=glossary, sisters=sisters)
    edition = None
    if render is not None and readable and not any(finding.id in _UNRENDERED for finding in found):
        edition, rendered = _rendered(issue, render)
        found += check.silence(issue, _new(rendered, found))
    return Examined(issue, edition, tuple(sorted(set(found))))


def _new(rendered: list[Finding], found: list[Finding]) -> list[Finding]:
    """The findings on the page without those on pictures that have been told with their line."""
    told = any(finding.id == "H08" for finding in found)
    return [finding for finding in rendered if not (told and finding.id == "H08")]


def table(name: str, *folders: Path | None) -> registry.Registry | None:
    """The table of that name in the first folder that has it. Raises SourceError where it is broken."""
    for folder in folders:
        path = folder / name if folder is not None else None
        if path is not None and path.is_file():
            try:
                return registry.read(path.read_text(encoding="utf-8-sig"), str(path))
            except (OSError, UnicodeDecodeError) as problem:
                what = Sentence("cannot be read: %(why)s; save it as UTF-8", why=problem)
                raise SourceError(what, where=str(path)) from None
    return None


def _rendered(issue: Issue, render: Callable[[Issue], Edition]) -> tuple[Edition | None, list[Finding]]:
    try:
        edition = render(issue)
    except TemplateError as problem:
        line = issue.lines.get("template", 0)
        message = "the issue cannot be rendered: %(problem)s."
        return None, [error("H00", line, message, "Correct the template.", problem=spoken(problem))]
    except SourceError as problem:
        return None, [error("H00", 0, "the issue cannot be rendered: %(problem)s.", problem=spoken(problem))]
    return edition, [*check_html.check_page(issue, edition), *check_message.check_message(issue, edition)]


def _same_number(issue: Issue, path: Path) -> list[Finding]:
    """Other files beside this one with its number, that are no editions of it."""
    if issue.number is None or not path.is_file():
        return []
    known = {path.name, *(other.name for other in source.sisters(path))}
    number = re.compile(rf"^number:[ \t]*{issue.number}[ \t]*$", re.MULTILINE)
    for other in sorted(path.parent.glob("*.md")):
        if other.name not in known:
            with other.open("rb") as file:
                head = file.read(HEAD_BYTES).decode("utf-8", "replace").partition("\n---")[0]
            if number.search(head.replace("\r", "")) and not _is_translation(issue, head):
                message = "%(name)s is issue %(number)s too; only one of them can be published."
                fix, line = "Give one of them another number.", issue.lines.get("number", 1)
                return [warning("I22", line, message, fix, name=other.name, number=issue.number)]
    return []


def _other_day(issue: Issue, path: Path) -> list[Finding]:
    """A file whose name has another day than the issue: copied from the last one, and the date forgotten."""
    named = re.match(r"\d{4}-\d{2}-\d{2}(?!\d)", path.name)
    if named is None or named[0] == issue.date.isoformat():
        return []
    message = "the file is named %(named)s, and the issue is dated %(day)s."
    fix = "Correct the one that is wrong."
    return [warning("I26", issue.lines.get("date", 1), message, fix, named=named[0], day=issue.date)]


def _is_translation(issue: Issue, head: str) -> bool:
    """Whether a file's front matter is that of the same day's issue in another language."""
    lang = re.search(r"^lang:[ \t]*[\"']?([\w-]+)", head, re.MULTILINE)
    same_day = re.search(rf"^date:[ \t]*[\"']?{issue.date.isoformat()}", head, re.MULTILINE)
    return same_day is not None and lang is not None and not language_tag.same(lang[1], issue.lang)


def _sisters(path: Path, found: list[Finding]) -> dict[str, Issue]:
    sisters = {}
    for other in source.sisters(path):
        try:
            sisters[other.name] = source.read(other.read_text(encoding="utf-8-sig"), other.name)
        except (SourceError, OSError, UnicodeDecodeError) as problem:
            message = "the edition %(name)s cannot be read: %(problem)s."
            fix = "Check that file."
            found.append(warning("I18", 0, message, fix, name=other.name, problem=spoken(problem)))
    return sisters
