"""Segments: a small safe language over subscribers, from text to a tree.

    language = "zh" and (tag in ("tmall", "taobao") or domain = "example.com") and not joined < -30d

Fields are `language`, `tag`, `domain`, `state`, `joined` and attributes by name (`city`, or `attr.city`); values are
quoted texts, bare words, numbers, dates (2026-01-31) and spans back from now (-30d, -12h, -4w, -1y).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from unicodedata import normalize

from mailer.errors import UsageError
from mailer.model import language_tag
from mailer.model.columns import width
from mailer.model.subscriber import State
from mailer.sentence import Sentence

MAX_LENGTH = 4000
MAX_DEPTH = 20
FIELDS = ("language", "tag", "domain", "state", "joined")
_NO_FIELDS = {"email": "", "name": "", "tags": "tag", "status": "state", "joined_at": "joined"}  # but look like one
_ORDERED = ("<", ">", "<=", ">=")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison. `field` is one of FIELDS or `attr.<name>`; `op` is =, !=, <, >, <=, >=, in or contains."""

    field: str
    op: str
    values: tuple[str | float | date | timedelta, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """All whom its part does not hold for."""

    part: Segment


@dataclass(frozen=True, slots=True)
class All:
    """Whom every part holds for."""

    parts: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """Whom at least one part holds for."""

    parts: tuple[Segment, ...]


Segment = Comparison | Not | All | Some


def attributes(tree: Segment) -> Iterator[str]:
    """The names of the attributes that an expression asks for."""
    match tree:
        case All(parts) | Some(parts):
            for part in parts:
                yield from attributes(part)
        case Not(part):
            yield from attributes(part)
        case Comparison(field) if field.startswith("attr."):
            yield field.removeprefix("attr.")


def parse(text: str, name: str = "segment") -> Segment:
    """The tree of an expression; `#` begins a comment. Raises UsageError with line, column and a caret under it."""
    if len(text) > MAX_LENGTH:
        raise UsageError(Sentence("longer than %(most)s characters", most=MAX_LENGTH), where=name)
    parser = _Parser(text, name)
    tree = parser.either(0)
    parser.end()
    return tree


_TOKEN = re.compile(
    r"""
    (?P<space>\s+|\#[^\n]*)
  | (?P<text>"(?:[^"\\\n]|\\["\\])*")
  | (?P<span>-\d{1,5}[hdwy]\b)
  | (?P<date>\d{4}-\d\d-\d\d\b)
  | (?P<number>-?\d{1,15}(?:\.\d{1,9})?(?:[eE]\d{1,2})?(?![\w.]))
  | (?P<op><=|>=|!=|=|<|>)
  | (?P<mark>[(),])
  | (?P<word>[^\W\d][\w.\-]*)
    """,
    re.VERBOSE,
)
_SHOWN = 50  # characters of an expression shown on each side of a mistake
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1), "y": timedelta(days=365)}


def _unreadable(text: str) -> Sentence:
    """That a text cannot be read, and what may be meant by it."""
    word = text[:12].split()[0]
    plain = '"' if text[0] in "“”„‟‘’'`«»「」『』" else normalize("NFKC", text[0])
    if plain != text[0]:
        return Sentence("cannot read '%(text)s'; write %(plain)s for %(sign)s", text=word, plain=plain, sign=text[0])
    if span := re.match(r"\d{1,5}[hdwy]\b", text):
        return Sentence("cannot read '%(text)s'; a span back from now is -%(span)s", text=word, span=span[0])
    return Sentence("cannot read '%(text)s'", text=word)


def _pointed_at(line: str, column: int) -> tuple[str, str]:
    """Two lines for a terminal: the part of a line around a column (from 1), and a caret under that column."""
    start = max(0, column - 1 - _SHOWN)
    shown = "".join(char if char.isprintable() else " " for char in line[start : column - 1 + _SHOWN])
    before = shown[: column - 1 - start]
    return f"  {shown.rstrip()}", f"  {' ' * width(before)}^"


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


class _Parser:
    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name
        self._tokens = self._scan()
        self._next = 0

    def _scan(self) -> list[_Token]:
        tokens, at = [], 0
        while at < len(self._text):
            found = _TOKEN.match(self._text, at)
            if found is None:
                if self._text[at] == '"':
                    raise self._error(Sentence("this quote is never closed"), at)
                raise self._error(_unreadable(self._text[at:]), at)
            if found.lastgroup != "space":
                tokens.append(_Token(str(found.lastgroup), found[0], at))
            at = found.end()
        return [*tokens, _Token("end", "", len(self._text))]

    def _error(self, message: Sentence, at: int) -> UsageError:
        line = self._text.count("\n", 0, at) + 1
        column = at - (self._text.rfind("\n", 0, at) + 1) + 1
        name, below = Sentence(self._name), _pointed_at(self._text.split("\n")[line - 1], column)
        if line > 1:
            where = Sentence("%(name)s, line %(line)s, column %(column)s", name=name, line=line, column=column)
        else:
            where = Sentence("%(name)s, column %(column)s", name=name, column=column)
        return UsageError(message, where=where, below=below)

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._token
        self._next += token.kind != "end"
        return token

    def _word(self, *words: str) -> str:
        """Take the next token if it is one of these words; "" when it is not."""
        if self._token.kind == "word" and self._token.text.lower() in words:
            return self._take().text.lower()
        return ""

    def _mark(self, mark: str) -> bool:
        if self._token.kind == "mark" and self._token.text == mark:
            self._take()
            return True
        return False

    def end(self) -> None:
        if self._token.kind != "end":
            what = "'and' or 'or' is missing before '%(text)s'"
            raise self._error(Sentence(what, text=self._token.text), self._token.at)

    def either(self, depth: int) -> Segment:
        parts = self._chain("or", lambda: self._every(depth))
        return parts[0] if len(parts) == 1 else Some(parts)

    def _every(self, depth: int) -> Segment:
        parts = self._chain("and", lambda: self._single(depth))
        return parts[0] if len(parts) == 1 else All(parts)

    def _chain(self, word: str, part: Callable[[], Segment]) -> tuple[Segment, ...]:
        parts = [part()]
        while self._word(word):
            parts.append(part())
        return tuple(parts)

    def _single(self, depth: int) -> Segment:
        if depth > MAX_DEPTH:
            raise self._error(Sentence("nested deeper than %(most)s", most=MAX_DEPTH), self._token.at)
        if self._word("not"):
            return Not(self._single(depth + 1))
        at = self._token.at
        if self._mark("("):
            inside = self.either(depth + 1)
            if not self._mark(")"):
                raise self._error(Sentence("this parenthesis is never closed"), at)
            return inside
        return self._test()

    def _test(self) -> Segment:
        token = self._take()
        if token.kind != "word":
            what = Sentence("'%(text)s'", text=token.text) if token.text else Sentence("the end")
            expected = "a field is expected, not %(what)s; one of %(fields)s or attr.NAME"
            raise self._error(Sentence(expected, what=what, fields=", ".join(FIELDS)), token.at)
        field = self._field(token)
        negated = bool(self._word("not"))
        op = self._word("in", "contains")
        if not op:
            sign = self._take()
            if sign.kind != "op" or negated:
                what = Sentence("after %(field)s comes =, !=, <, >, <=, >=, in or contains", field=token.text)
                raise self._error(what, sign.at)
            op = sign.text
        values = self._list(field) if op == "in" else (self._value(field, op),)
        test = Comparison(field, op, values)
        return Not(test) if negated else test

    def _field(self, token: _Token) -> str:
        """One of FIELDS, or an attribute; what looks like one of FIELDS and is none has to be spelt attr.NAME."""
        name = token.text.casefold()
        if name in FIELDS or name.startswith("attr."):
            return name
        close = get_close_matches(name, FIELDS, 1, 0.85)
        if name in _NO_FIELDS or close:
            meant = _NO_FIELDS.get(name) or "".join(close)
            field = meant or Sentence("one of %(fields)s", fields=", ".join(FIELDS))
            what = "there is no field '%(name)s'; %(field)s is meant, or attr.%(name)s"
            raise self._error(Sentence(what, name=token.text, field=field), token.at)
        return f"attr.{name}"

    def _list(self, field: str) -> tuple[str | float | date | timedelta, ...]:
        at = self._token.at
        if not self._mark("("):
            raise self._error(Sentence('after \'in\' comes a list such as ("a", "b")'), at)
        values = [self._value(field, "in")]
        while self._mark(","):
            values.append(self._value(field, "in"))
        if not self._mark(")"):
            raise self._error(Sentence("this list is never closed"), at)
        return tuple(values)

    def _value(self, field: str, op: str) -> str | float | date | timedelta:
        token = self._take()
        if token.kind not in {"text", "word", "number", "date", "span"}:
            raise self._error(Sentence("a value is expected here"), token.at)
        if field == "joined":
            return self._moment(token, op)
        if field in FIELDS and op in _ORDERED:
            what = Sentence("%(field)s has no order; use =, !=, in or contains", field=field)
            raise self._error(what, token.at)
        if op in _ORDERED:
            return self._comparable(token)
        text = re.sub(r"\\(.)", r"\1", token.text[1:-1]) if token.kind == "text" else token.text
        if field == "state" and op != "contains" and text.lower() not in set(State):
            known = ", ".join(State)
            what = Sentence("there is no state '%(state)s'; states are %(known)s", state=text, known=known)
            raise self._error(what, token.at)
        if field == "language" and op != "contains" and language_tag.read(text) is None:
            what = Sentence("'%(tag)s' is no language tag such as en or zh-CN", tag=text)
            raise self._error(what, token.at)
        return text

    def _moment(self, token: _Token, op: str) -> date | timedelta:
        if op not in _ORDERED:
            raise self._error(Sentence("joined is compared with <, >, <= or >="), token.at)
        text = token.text.strip('"')
        if re.fullmatch(r"-\d{1,5}[hdwy]", text):
            return -int(text[1:-1]) * _UNITS[text[-1]]
        try:
            return date.fromisoformat(text)
        except ValueError:
            what = Sentence("joined is compared with a date (2026-01-31) or a span (-30d)")
            raise self._error(what, token.at) from None

    def _comparable(self, token: _Token) -> float | str:
        text = token.text.strip('"')
        if token.kind == "number":
            return float(text)
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            what = Sentence("attributes are ordered by a number or a date (2026-01-31)")
            raise self._error(what, token.at) from None
