"""The small grammar of merge tags: known fields with a joiner or a default, nothing that runs.

    {{ email }}                         the value; only a field that every reader has may stand alone
    {{ first_name | ", " }}             the value with the joiner in front of it, or nothing
    {{ first_name ?? "reader" }}        the value, or the default
    {{ first_name | ", " ?? "reader" }} the joiner, then the value or the default

Fields are `email`, `name`, `first_name` and `attributes.COLUMN` for any other column of the subscribers' list.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mailer.errors import SourceError
from mailer.sentence import Sentence

FIELDS = ("email", "name", "first_name")
ALWAYS_THERE = frozenset({"email"})
ATTRIBUTE = "attributes."

_OPEN = re.compile(r"\{\{")
_STRING = r'"((?:[^"\\\n]|\\["\\])*)"'
_TAG = re.compile(rf"\{{\{{[ \t]*([\w.\-]+)[ \t]*(?:\|[ \t]*{_STRING}[ \t]*)?(?:\?\?[ \t]*{_STRING}[ \t]*)?\}}\}}")
_END = re.compile(r"\}\}|\n")


@dataclass(frozen=True, slots=True)
class MergeTag:
    """A place filled for each reader: `joiner` stands before a value, `default` for a missing one; None: not given."""

    field: str
    joiner: str | None = None
    default: str | None = None
    line: int = 0

    def value(self, value: str | None) -> str:
        """What stands in the mail of a reader whose field is `value` (None or "": he has none)."""
        text = value or self.default or ""
        return f"{self.joiner}{text}" if text and self.joiner else text

    @property
    def may_vanish(self) -> bool:
        """Whether the tag neither always has a value nor says what happens without one."""
        return self.field not in ALWAYS_THERE and self.joiner is None and self.default is None

    def __str__(self) -> str:
        joiner = f" | {_quote(self.joiner)}" if self.joiner is not None else ""
        default = f" ?? {_quote(self.default)}" if self.default is not None else ""
        return f"{{{{ {self.field}{joiner}{default} }}}}"


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something between double braces that is no merge tag: the text as written, and why in one sentence."""

    text: str
    message: Sentence
    line: int = 0


def scan(text: str, *, line: int = 1) -> Iterator[str | MergeTag | Mistake]:
    """Cut `text`, whose first line is number `line`, into literals, tags and mistakes; joined they are the text."""
    position = 0
    while opening := _OPEN.search(text, position):
        start = opening.start()
        if start > position:
            yield text[position:start]
            line += text.count("\n", position, start)
        piece, position = _tag_at(text, start, line)
        yield piece
    if position < len(text):
        yield text[position:]


def parse(text: str, *, line: int = 1) -> tuple[str | MergeTag, ...]:
    """The literals and merge tags of `text`, in order.

    Raises SourceError at the first thing between double braces that is no merge tag; `where` is `line N`.
    """
    return tuple(_no_mistake(piece) for piece in scan(text, line=line))


def replace(text: str, place: Callable[[MergeTag], str], *, line: int = 1) -> str:
    """`text` with `place(tag)` for each tag: opaque ASCII words, say, that pass Markdown and a CSS inliner unharmed.

    Raises SourceError as `parse` does.
    """
    return "".join(piece if isinstance(piece, str) else place(piece) for piece in parse(text, line=line))


def for_nobody(text: str) -> str:
    """`text` as a reader sees it of whom nothing is known."""
    seen = (piece.value(None) if isinstance(piece, MergeTag) else piece for piece in scan(text))
    return "".join(piece.text if isinstance(piece, Mistake) else piece for piece in seen)


def as_words(text: str) -> str:
    """`text` with each tag as one word, `{{name}}`, which Markdown takes for part of an address."""
    pieces = (f"{{{{{piece.field}}}}}" if isinstance(piece, MergeTag) else piece for piece in scan(text))
    return "".join(piece.text if isinstance(piece, Mistake) else piece for piece in pieces)


def is_known(field: str) -> bool:
    """Whether a field may stand in a merge tag."""
    return field in FIELDS or (field.startswith(ATTRIBUTE) and len(field) > len(ATTRIBUTE))


def _tag_at(text: str, start: int, line: int) -> tuple[MergeTag | Mistake, int]:
    match = _TAG.match(text, start)
    if match is None:
        end = _END.search(text, start)
        stop = len(text) if end is None else end.end() if end[0] == "}}" else end.start()
        written = text[start:stop]
        return Mistake(written, _why(written), line), stop
    field, joiner, default = match.groups()
    if not is_known(field):
        return Mistake(match[0], _unknown(field), line), match.end()
    return MergeTag(field, _unquote(joiner), _unquote(default), line), match.end()


def _why(written: str) -> Sentence:
    shown = written if len(written) <= 60 else written[:57] + "..."
    if not written.endswith("}}"):
        return Sentence("merge tag '%(shown)s' is not closed with }} on its line", shown=shown)
    if any(mark in written for mark in "“”‘’'＂"):
        return Sentence('merge tag %(shown)s needs straight double quotes: {{ first_name | ", " }}', shown=shown)
    fix = '%(shown)s is not a merge tag; write {{ first_name | ", " }} or {{ first_name ?? "reader" }}'
    return Sentence(fix, shown=shown)


def _unknown(field: str) -> Sentence:
    close = difflib.get_close_matches(field.lower(), FIELDS, n=1)
    if close:
        return Sentence(
            "merge tag of an unknown field '%(field)s'; did you mean '%(close)s'?", field=field, close=close[0]
        )
    known = "merge tag of an unknown field '%(field)s'; known are %(known)s and attributes.COLUMN"
    return Sentence(known, field=field, known=", ".join(FIELDS))


def _no_mistake(piece: str | MergeTag | Mistake) -> str | MergeTag:
    if isinstance(piece, Mistake):
        raise SourceError(piece.message, where=f"line {piece.line}")
    return piece


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _unquote(text: str | None) -> str | None:
    return None if text is None else re.sub(r"\\(.)", r"\1", text)
