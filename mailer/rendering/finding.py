"""One finding of `mailer check`: which rule, how grave, where, what is wrong and what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["error", "warning"]

_LAST = {"I": 26, "L": 10, "H": 26, "M": 10, "P": 6}
_NUMBERS = {kind: range(0 if kind == "H" else 1, last + 1) for kind, last in _LAST.items()}
RULES = frozenset(f"{kind}{n:02}" for kind, numbers in _NUMBERS.items() for n in numbers if (kind, n) != ("I", 8))
NOT_SILENCED = frozenset(("I01", "I02", "I20", "P01"))


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """`line` counts from 1 in the issue file; 0 is the issue as a whole. `fix` is one imperative sentence."""

    line: int
    id: str
    level: Level
    message: str
    fix: str = ""

    def as_json(self) -> dict[str, str | int]:
        """The object that `mailer check --json` prints, one a finding."""
        return {key: asdict(self)[key] for key in ("id", "level", "line", "message", "fix")}

    def __str__(self) -> str:
        text = f"{self.level} {self.id}: {self.message}"
        return f"{text} {self.fix}" if self.fix else text


def error(rule: str, line: int, message: str, fix: str = "") -> Finding:
    """A finding that stops an issue from being published."""
    return Finding(line, rule, "error", _visible(message), _visible(fix))


def warning(rule: str, line: int, message: str, fix: str = "") -> Finding:
    """A finding that an editor should see, and may publish with."""
    return Finding(line, rule, "warning", _visible(message), _visible(fix))


def _visible(text: str) -> str:
    """A sentence that quotes the file without what would turn or break the line it is shown in."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "" for c in text)
