"""Asking a subscriber's attributes, a JSON object of texts: alike on both databases, and fast where SQLite scans.

SQLite reads the JSON again for every mention of it, which for a million readers takes longer than all else. But what
stands there was written by `bulk.packed` and `engine` in one way only - no spaces, nothing escaped but quotes,
backslashes and controls, names without any of them - so `"city":"London"` stands in the text exactly where the
attribute has that value, and a search for it decides.
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Double, Integer, Text, and_, cast, false, func, literal, or_, type_coerce
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from mailer.store.schema import subscribers

_DOCUMENT = type_coerce(subscribers.c.attributes, Text)
MOST = 1e300  # no reader's number is above it
# What SQLite takes for a number. No look-ahead and no group: they take PostgreSQL ten times as long.
_NUMBER = r"^[ \t-\r]*[+-]?(?:[0-9]+[.]?[0-9]*|[.][0-9]+)(?:[eE][+-]?[0-9]{1,2})?[ \t-\r]*$"
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
        super().__init__(sqlite, postgresql)


class _When(FunctionElement[bool]):
    """Both of two conditions, the second not looked at where the first fails; false rather than NULL (SQLite)."""

    type = Boolean()
    inherit_cache = True


class _Between(FunctionElement[bool]):
    """Whether a text is a number from a least one to a greatest; NULL or false for any other text."""

    type = Boolean()
    inherit_cache = True


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


@compiles(_When)
def _when(element: Any, compiler: Any, **kw: Any) -> str:
    first, second = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"(CASE WHEN ({first}) AND ({second}) THEN 1 ELSE 0 END)"


@compiles(_Between, "sqlite")
def _between_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    """Beside a number SQLite takes a text for the number it is as a whole; any other text comes after all numbers."""
    text, least, greatest = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{text} BETWEEN CAST({least} AS NUMERIC) AND CAST({greatest} AS NUMERIC)"


@compiles(_Between, "postgresql")
def _between_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    text, least, greatest = (compiler.process(clause, **kw) for clause in element.clauses)
    text = f"left({text}, 200)"  # so that PostgreSQL can make a number of every text that looks like one
    return f"CASE WHEN {text} ~ '{_NUMBER}' THEN CAST({text} AS double precision) END BETWEEN {least} AND {greatest}"


def is_one_of(name: str, values: Sequence[str]) -> ColumnElement[bool]:
    """Whether an attribute is one of some texts; one that is not there counts as empty."""
    text = func.coalesce(_text(name), "")
    exact = text == values[0] if len(values) == 1 else text.in_(values)
    if len(values) > FEW:
        return exact
    found = [_written(_pair(name, value)) for value in values]
    return Either(or_(*found, ~_is_there(name)) if "" in values else or_(*found), exact)


def contains(name: str, value: str) -> ColumnElement[bool]:
    """Whether an attribute holds a text, in the same case."""
    exact = Position(func.coalesce(_text(name), ""), value) > 0
    return Either(_When(_written(_packed(value)[1:-1]), exact), exact)


def compared(name: str, op: str, value: float | str) -> ColumnElement[bool]:
    """Whether an attribute is less or more: than a number where it is one, than a text in the order of characters."""
    text = _text(name)
    if isinstance(value, str):
        exact = func.coalesce(and_(text != "", COMPARE[op](text, value)), false())
        return Either(_When(_is_there(name), exact), exact)
    least = literal({">": math.nextafter(value, math.inf), ">=": value}.get(op, -MOST), Double)
    greatest = literal({"<": math.nextafter(value, -math.inf), "<=": value}.get(op, MOST), Double)
    exact = func.coalesce(_Between(text, least, greatest), false())
    return Either(_When(_begins(name).between(least, greatest), exact), exact)


def _text(name: str) -> ColumnElement[str]:
    sqlite = func.json_extract(subscribers.c.attributes, f"$.{_packed(name)}", type_=Text)
    return Either(sqlite, subscribers.c.attributes[name].as_string())


def _written(part: Any) -> ColumnElement[bool]:
    return Position(_DOCUMENT, part) > 0


def is_there(name: str) -> ColumnElement[bool]:
    """Whether a reader has an attribute at all."""
    return Either(_is_there(name), _text(name).is_not(None))


def _is_there(name: str) -> ColumnElement[bool]:
    return _written(_head(name))


def _begins(name: str) -> ColumnElement[float]:
    """The number that an attribute begins with (SQLite): its own, if it is one; any, where it is not there."""
    head = _head(name)
    return cast(func.substr(_DOCUMENT, Position(_DOCUMENT, head) + len(head)), Double)


def _head(name: str) -> str:
    return f'{_packed(name)}:"'


def _pair(name: str, value: str) -> str:
    return f"{_packed(name)}:{_packed(value)}"


def _packed(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
