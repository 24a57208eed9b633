"""Segments as conditions over the subscribers table: from the tree to SQL expressions, never to SQL text."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Connection, Double, Integer, and_, false, func, not_, or_, select, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from mailer.model import segment as model
from mailer.model.segment import Segment
from mailer.model.subscriber import language_tag, tag_name
from mailer.store.schema import subscriber_tags, subscribers

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


class _Position(FunctionElement[int]):
    """Where a text first holds another, counted from 1; 0 for nowhere. Case matters on both databases."""

    type = Integer()
    inherit_cache = True


class _Number(FunctionElement[float]):
    """The number a text begins with; on PostgreSQL NULL when the text is none."""

    type = Double()
    inherit_cache = True


class _IfNumber(FunctionElement[bool]):
    """A comparison of `_Number(text)`, and that text: false for a text that is no number, alike on both databases."""

    type = Boolean()
    inherit_cache = True


@compiles(_Position, "sqlite")
def _position_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return f"instr({compiler.process(element.clauses, **kw)})"


@compiles(_Position, "postgresql")
def _position_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **kw)})"


@compiles(_Number, "sqlite")
def _number_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **kw)} AS REAL)"


@compiles(_IfNumber, "sqlite")
def _if_number_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    """The comparison first: every mention of the text reads the JSON again, and most rows need only three.

    Only a WHEN skips what need not be known any more.
    """
    compared, text = (compiler.process(clause, **kw) for clause in element.clauses)
    decimal = (
        f"({text} GLOB '[0-9]*' OR {text} GLOB '-[0-9]*') AND {text} GLOB '*[0-9]' AND {text} NOT GLOB '*[^-.0-9]*'"
        f" AND {text} NOT GLOB '?*-*' AND {text} NOT GLOB '*.*.*'"
    )
    number = f"length({text}) BETWEEN 1 AND 30 AND ({text} NOT GLOB '*[^0-9]*' OR {decimal})"
    return f"(CASE WHEN {compared} AND {number} THEN 1 ELSE 0 END)"


@compiles(_Number, "postgresql")
def _number_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    text = compiler.process(element.clauses, **kw)
    return f"CAST(substring({text} from '^(?=.{{1,30}}$)-?[0-9]+(?:[.][0-9]+)?$') AS double precision)"


@compiles(_IfNumber, "postgresql")
def _if_number_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    compared, _ = element.clauses
    return f"coalesce({compiler.process(compared, **kw)}, false)"


def condition(
    expression: str | Segment, now: datetime, *, default_language: str = "", zone: tzinfo = UTC
) -> ColumnElement[bool]:
    """The readers of a segment, as a condition over the `subscribers` table that is never NULL.

    `default_language` is what readers who chose none read; dates are days in `zone`. Raises UsageError for an
    expression that cannot be read.
    """
    tree = model.parse(expression) if isinstance(expression, str) else expression
    return _Translation(now, default_language, zone).of(tree)


def attribute_names(conn: Connection, segment: ColumnElement[bool] | None = None) -> list[str]:
    """Every attribute name in use (in a segment), sorted."""
    keys = func.json_each(subscribers.c.attributes).table_valued("key")
    query = select(keys.c.key).select_from(subscribers).join(keys, onclause=~false()).distinct()
    return sorted(conn.execute(query if segment is None else query.where(segment)).scalars())


class _Translation:
    def __init__(self, now: datetime, default_language: str, zone: tzinfo) -> None:
        self._now = now
        self._default_language = default_language
        self._zone = zone

    def of(self, tree: Segment) -> ColumnElement[bool]:
        match tree:
            case model.All(parts):
                return and_(*(self.of(part) for part in sorted(parts, key=_cost)))
            case model.Some(parts):
                return or_(*(self.of(part) for part in sorted(parts, key=_cost)))
            case model.Not(part):
                return not_(self.of(part))
            case model.Comparison(field, "!=", values):
                return not_(self._test(field, "=", values))
            case model.Comparison(field, op, values):
                return self._test(field, op, values)

    def _test(self, field: str, op: str, values: tuple[Any, ...]) -> ColumnElement[bool]:
        if field == "joined":
            return self._joined(op, values[0])
        if field == "tag":
            return self._tag(op, [tag_name(str(value)) for value in values])
        if field == "language":
            return or_(*(self._language(op, str(value)) for value in values))
        if field in {"domain", "state"}:
            return _text(subscribers.c[field], op, [str(value).lower() for value in values])
        text = subscribers.c.attributes[field.removeprefix("attr.")].as_string()
        if op in _COMPARE:
            return _ordered(text, op, values[0])
        return _text(func.coalesce(text, ""), op, [str(value) for value in values])

    def _joined(self, op: str, value: date | timedelta) -> ColumnElement[bool]:
        if isinstance(value, timedelta):
            edge = max(self._now + value, datetime(1970, 1, 1, tzinfo=UTC)) if -value < timedelta(days=20_000) else None
            edge = edge or datetime(1970, 1, 1, tzinfo=UTC)
        else:  # a day is everything from its midnight to the next
            day = value + timedelta(days=1) if op in {">", "<="} and value < date.max else value
            edge = datetime.combine(day, time(), self._zone)
            op = {">": ">=", "<=": "<"}.get(op, op)
        return and_(subscribers.c.joined_at.is_not(None), _COMPARE[op](subscribers.c.joined_at, edge))

    @staticmethod
    def _tag(op: str, values: list[str]) -> ColumnElement[bool]:
        his = subscriber_tags.c.subscriber_id == subscribers.c.id
        return select(true()).where(his, _text(subscriber_tags.c.tag, op, values)).exists()

    def _language(self, op: str, value: str) -> ColumnElement[bool]:
        """RFC 4647 3.3.1: a range matches a tag that is it, or begins with it and a hyphen."""
        column = subscribers.c.language
        if op == "contains":
            return _text(column, op, [value])
        wanted = language_tag(value) or value
        found = or_(column == wanted, column.startswith(wanted + "-", autoescape=True))
        default = self._default_language
        return or_(found, column == "") if default == wanted or default.startswith(wanted + "-") else found


def _cost(tree: Segment) -> int:
    """What to ask first: a column of the row, then its tags, at last its attributes, which are JSON."""
    match tree:
        case model.All(parts) | model.Some(parts):
            return max(map(_cost, parts))
        case model.Not(part):
            return _cost(part)
        case model.Comparison(field):
            return 2 if field.startswith("attr.") else int(field == "tag")


def _text(column: ColumnElement[str], op: str, values: list[str]) -> ColumnElement[bool]:
    if op == "contains":
        return _Position(column, values[0]) > 0
    return column == values[0] if len(values) == 1 else column.in_(values)


def _ordered(text: ColumnElement[str], op: str, value: float | str) -> ColumnElement[bool]:
    if isinstance(value, str):
        return func.coalesce(and_(text != "", _COMPARE[op](text, value)), false())
    return _IfNumber(_COMPARE[op](_Number(text), value), text)
