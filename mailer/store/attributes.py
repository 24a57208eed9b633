"""Asking a subscriber's attributes, a JSON object of texts: alike on both databases, and fast where SQLite scans.

SQLite reads the JSON again for every mention of it, which for a million readers takes longer than all else. But it is
written in one way only (`store/packing.py`), so that a search in its text decides.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Double,
    Integer,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    or_,
    type_coerce,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from mailer.store.packing import BESIDE, DAY, IS_DAY, IS_NUMBER, NEXT, NUMBER, head, inside, pair, quoted
from mailer.store.schema import subscribers

_DOCUMENT = type_coerce(subscribers.c.attributes, Text)
FEW = 5  # searches for as many values cost less than reading the JSON once

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


class Position(FunctionElement[int]):
    """Where a text first holds another, counted from 1; 0 for nowhere. Case matters on both databases."""

    type = Integer()
    inherit_cache = True


class Either(FunctionElement[Any]):
    """An expression for SQLite, and one for PostgreSQL that means the same."""

    inherit_cache = True

    def __init__(self, sqlite: ColumnElement[Any], postgresql: ColumnElement[Any]) -> None:
        self.type = postgresql.type
        self._ways = sqlite, postgresql
        super().__init__(sqlite, postgresql)

    def __invert__(self) -> Any:
        return Either(*(~way for way in self._ways))

    def self_group(self, against: Any = None) -> Any:
        """Itself: a condition of SQLite's own stops at what decides it, which `= 1` behind it would not."""
        return self


@compiles(Position, "sqlite")
def _position_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return f"instr({compiler.process(element.clauses, **kw)})"


@compiles(Position, "postgresql")
def _position_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **kw)})"


@compiles(Either)
def _either(element: Any, compiler: Any, **kw: Any) -> str:
    sqlite, postgresql = element.clauses
    return f"({compiler.process(sqlite if compiler.dialect.name == 'sqlite' else postgresql, **kw)})"


def is_one_of(name: str, values: Sequence[str]) -> ColumnElement[bool]:
    """Whether an attribute is one of some texts; one that is not there counts as empty."""
    text = func.coalesce(_text(name), "")
    exact = text == values[0] if len(values) == 1 else text.in_(values)
    if len(values) > FEW:
        return exact
    found = [_written(pair(name, value)) for value in values]
    return Either(or_(*found, ~_written(head(name))) if "" in values else or_(*found), exact)


def contains(name: str, value: str) -> ColumnElement[bool]:
    """Whether an attribute holds a text, in the same case.

    SQLite reads no JSON where the text stands behind the attribute's name, none behind the next name, and nothing
    is escaped. But what stands beside a value is no part of it.
    """
    exact = Position(func.coalesce(_text(name), ""), value) > 0
    if value in {"", *BESIDE}:
        return exact
    sure = and_(~_globbed(head(name), NEXT, inside(value)), ~_globbed("\\"))
    return Either(and_(_globbed(head(name), inside(value)), or_(sure, exact)), exact)


def compared(name: str, op: str, value: float | str) -> ColumnElement[bool]:
    """Whether an attribute is less or more: than a number where it is one, than a day where it is one."""
    if isinstance(value, str):
        earlier_or_later = COMPARE[op](func.substr(_after(name, DAY), 1, len(value)), value)
        text = _text(name)
        day = and_(text.regexp_match(IS_DAY), COMPARE[op](func.left(text, len(value)).collate("C"), value))
        return Either(and_(_written(head(name, DAY)), earlier_or_later), func.coalesce(day, false()))
    than = literal(value, Double)
    found = COMPARE[op](cast(_after(name, NUMBER), Double), than)
    text = func.left(_text(name), 200)  # so that PostgreSQL can make a number of every text that looks like one
    number = COMPARE[op](case((text.regexp_match(IS_NUMBER), cast(text, Double))), than)
    return Either(and_(found, _written(head(name, NUMBER))), func.coalesce(number, false()))


def is_there(name: str) -> ColumnElement[bool]:
    """Whether a reader has an attribute at all."""
    return Either(_written(head(name)), _text(name).is_not(None))


def _text(name: str) -> ColumnElement[str]:
    sqlite = func.json_extract(subscribers.c.attributes, f"$.{quoted(name)}", type_=Text)
    return Either(sqlite, subscribers.c.attributes[name].as_string())


def _written(part: str) -> ColumnElement[bool]:
    return Position(_DOCUMENT, part) > 0


def _globbed(*parts: str) -> ColumnElement[bool]:
    """Whether some texts stand in a document in this order (SQLite)."""
    patterns = [re.sub(r"[*?[]", r"[\g<0>]", part) for part in parts]
    return _DOCUMENT.bool_op("GLOB")(f"*{'*'.join(patterns)}*")


def _after(name: str, kind: str) -> ColumnElement[str]:
    """What stands from the beginning of an attribute of a kind on (SQLite); anything, where there is none."""
    begin = head(name, kind)
    return func.substr(_DOCUMENT, Position(_DOCUMENT, begin) + len(begin))
