"""One finding of `mailer check`: which rule, how grave, where, what is wrong and what to do, in any language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mailer.rendering.translation import SOURCE, translator
from mailer.sentence import Sentence, Translate, how_many

Level = Literal["error", "warning"]

_LAST = {"I": 26, "L": 10, "H": 26, "M": 10, "P": 6}
_NUMBERS = {kind: range(0 if kind == "H" else 1, last + 1) for kind, last in _LAST.items()}
RULES = frozenset(f"{kind}{n:02}" for kind, numbers in _NUMBERS.items() for n in numbers if (kind, n) != ("I", 8))
NOT_SILENCED = frozenset(("I01", "I02", "I20", "P01"))
LANGUAGES = (SOURCE, "zh")  # in which findings are told
ENGLISH = translator(SOURCE)


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """`line` counts from 1 in the issue file; 0 is the issue as a whole. `fix` is one imperative sentence."""

    line: int
    id: str
    level: Level
    message: Sentence
    fix: Sentence

    def as_json(self, translate: Translate = ENGLISH) -> dict[str, str | int]:
        """The object that `mailer check --json` prints, one a finding."""
        message, fix = self.message.said(translate), self.fix.said(translate)
        return {"id": self.id, "level": self.level, "line": self.line, "message": message, "fix": fix}

    def told(self, translate: Translate = ENGLISH) -> str:
        """The finding in one line."""
        pattern = "error %(id)s: %(what)s" if self.level == "error" else "warning %(id)s: %(what)s"
        return Sentence(pattern, id=self.id, what=self.what).said(translate)

    @property
    def what(self) -> Sentence:
        """What is wrong and what to do."""
        return Sentence("%(message)s %(fix)s", message=self.message, fix=self.fix) if self.fix else self.message

    def __str__(self) -> str:
        return self.told()


def error(rule: str, line: int, message: str, fix: str = "", /, **values: object) -> Finding:
    """A finding that stops an issue from being published; `values` stand in both sentences as `%(name)s`."""
    return Finding(line, rule, "error", Sentence(message, **values), Sentence(fix, **values))


def warning(rule: str, line: int, message: str, fix: str = "", /, **values: object) -> Finding:
    """A finding that an editor should see, and may publish with; `values` as for an error."""
    return Finding(line, rule, "warning", Sentence(message, **values), Sentence(fix, **values))


def counted_errors(count: int) -> Sentence:
    """How many errors there are, in words."""
    return how_many(count, "1 error", "%(count)s errors")


def first_of(findings: Sequence[Finding]) -> Sentence:
    """The first of some findings, and how many more there are."""
    if len(findings) == 1:
        return findings[0].what
    more = "%(what)s (%(count)s more; 'mailer check' lists them)"
    return Sentence(more, what=findings[0].what, count=len(findings) - 1)
