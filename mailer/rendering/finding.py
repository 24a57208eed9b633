"""One finding of `mailer check`: which rule, how grave, where, what is wrong and what to do, in any language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mailer.errors import MailerError
from mailer.rendering.translation import SOURCE, Translate, translator

Level = Literal["error", "warning"]

_LAST = {"I": 26, "L": 10, "H": 26, "M": 10, "P": 6}
_NUMBERS = {kind: range(0 if kind == "H" else 1, last + 1) for kind, last in _LAST.items()}
RULES = frozenset(f"{kind}{n:02}" for kind, numbers in _NUMBERS.items() for n in numbers if (kind, n) != ("I", 8))
NOT_SILENCED = frozenset(("I01", "I02", "I20", "P01"))
LANGUAGES = (SOURCE, "zh")  # in which findings are told
ENGLISH = translator(SOURCE)


class Sentence(str):
    """A sentence in English that remembers its pattern and values, so that it can be said in another language too.

    A value may be a Sentence itself; any other is kept as the text it is said with. What is quoted from a file does not
    turn or break the line it is shown in.
    """

    __slots__ = ("_pattern", "_values")
    _pattern: str
    _values: Mapping[str, str]

    def __new__(cls, pattern: str, /, **values: object) -> Sentence:
        """The sentence; a pattern without values stands as it is, one that is a Sentence already too."""
        if isinstance(pattern, Sentence):
            return pattern
        texts = {name: value if isinstance(value, Sentence) else str(value) for name, value in values.items()}
        made = super().__new__(cls, _visible(pattern % texts if texts else pattern))
        made._pattern, made._values = pattern, texts
        return made

    def said(self, translate: Translate) -> str:
        """The sentence as a catalogue has it; in English where it has it not."""
        values = {
            name: value.said(translate) if isinstance(value, Sentence) else value
            for name, value in self._values.items()
        }
        return _visible(translate(self._pattern, **values)) if self._pattern else ""


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


def ended(what: Sentence | str) -> Sentence:
    """A clause as a sentence; a question stays one."""
    return Sentence(what) if what.endswith("?") else Sentence("%(what)s.", what=what)


def how_many(number: int, one: str, several: str) -> Sentence:
    """A number of things in words: the sentence for one of them, or for so many, with `%(count)s` in it."""
    return Sentence(one) if number == 1 else Sentence(several, count=f"{number:,}")


def counted_errors(count: int) -> Sentence:
    """How many errors there are, in words."""
    return how_many(count, "1 error", "%(count)s errors")


def first_of(findings: Sequence[Finding]) -> Sentence:
    """The first of some findings, and how many more there are."""
    if len(findings) == 1:
        return findings[0].what
    more = "%(what)s (%(count)s more; 'mailer check' lists them)"
    return Sentence(more, what=findings[0].what, count=len(findings) - 1)


def spoken(problem: Exception) -> Sentence:
    """What an error says, to be said in another language where it can be."""
    if isinstance(problem, MailerError) and problem.where:
        return Sentence("%(where)s: %(what)s", where=problem.where, what=Sentence(problem.message))
    return Sentence(problem.message if isinstance(problem, MailerError) else str(problem))


def _visible(text: str) -> str:
    """A sentence that quotes the file without what would turn or break the line it is shown in."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "" for c in text)
