"""The texts of an issue with the lines they begin on, as the check rules look at them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mailer.model.issue import Issue


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of text of the issue with the line it begins on.

    `markdown` tells prose from plain fields, `filled` whether merge tags are filled in there.
    """

    text: str
    line: int
    markdown: bool = True
    filled: bool = True


def passages_of(issue: Issue, text: str) -> list[Passage]:
    """The issue's runs of text with their lines in the file it was read from."""
    return list(_passages(issue, text.replace("\r\n", "\n").replace("\r", "\n").split("\n")))


def _passages(issue: Issue, lines: list[str]) -> Iterator[Passage]:
    def after(line: int) -> int:
        return next((n for n in range(line + 1, len(lines) + 1) if lines[n - 1].strip()), line)

    for key in ("title", "subject", "preheader"):
        if value := getattr(issue, key):
            yield Passage(value, issue.lines.get(key, 1), markdown=False, filled=key == "preheader")
    if issue.intro:
        yield Passage(issue.intro, issue.lines.get("intro", 1))
    for item in issue.items:
        if item.body:
            yield Passage(item.body, after(item.line))
    if issue.cta and (issue.cta.title or issue.cta.text):
        first = after(issue.cta.line)
        if issue.cta.title:
            yield Passage(issue.cta.title, first)
        if issue.cta.text:
            yield Passage(issue.cta.text, after(first) if issue.cta.title else first)
