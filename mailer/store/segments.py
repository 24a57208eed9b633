"""Segments as conditions over the subscribers table: from the tree to SQL expressions, never to SQL text."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, and_, false, func, not_, or_, select, type_coerce

from mailer.errors import AddressError
from mailer.mail.address import parse
from mailer.model import language_tag
from mailer.model import segment as model
from mailer.model.segment import Segment
from mailer.model.subscriber import tag_name
from mailer.store import attributes
from mailer.store.attributes import Position
from mailer.store.schema import subscribers, to_lines

_TAGS = type_coerce(subscribers.c.tags, Text)


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


def unknown(conn: Connection, tree: Segment) -> list[str]:
    """The attributes an expression asks for that no reader has, sorted."""
    names = sorted(set(model.attributes(tree)))
    return [name for name in names if conn.execute(select(1).where(attributes.is_there(name)).limit(1)).first() is None]


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
        if field == "domain" and op != "contains":
            values = tuple(_in_ascii(str(value)) for value in values)
        if field in {"domain", "state"}:
            return _text(subscribers.c[field], op, [str(value).lower() for value in values])
        name = field.removeprefix("attr.")
        if op in attributes.COMPARE:
            return attributes.compared(name, op, values[0])
        if op == "contains":
            return attributes.contains(name, str(values[0]))
        return attributes.is_one_of(name, [str(value) for value in values])

    def _joined(self, op: str, value: date | timedelta) -> ColumnElement[bool]:
        if isinstance(value, timedelta):
            edge = max(self._now + value, datetime(1970, 1, 1, tzinfo=UTC)) if -value < timedelta(days=20_000) else None
            edge = edge or datetime(1970, 1, 1, tzinfo=UTC)
        else:  # a day is everything from its midnight to the next
            day = value + timedelta(days=1) if op in {">", "<="} and value < date.max else value
            edge = datetime.combine(day, time(), self._zone)
            op = {">": ">=", "<=": "<"}.get(op, op)
        return and_(subscribers.c.joined_at.is_not(None), attributes.COMPARE[op](subscribers.c.joined_at, edge))

    @staticmethod
    def _tag(op: str, values: list[str]) -> ColumnElement[bool]:
        if op == "contains":
            return Position(_TAGS, values[0]) > 0 if values[0] else _TAGS != ""
        return and_(_TAGS != "", or_(*(Position(_TAGS, to_lines([value])) > 0 for value in values)))  # most have none

    def _language(self, op: str, value: str) -> ColumnElement[bool]:
        """RFC 4647 3.3.1: a range matches a tag that is it, or begins with it and a hyphen."""
        column = subscribers.c.language
        if op == "contains":
            return _text(column, op, [value])
        wanted = language_tag.read(value) or value
        found = or_(column == wanted, Position(column, wanted + "-") == 1)
        default = self._default_language
        return or_(found, column == "") if default == wanted or default.startswith(wanted + "-") else found


def _in_ascii(domain: str) -> str:
    """A domain as DNS and our rows have it; what is none stays as it is, and is nobody's."""
    try:
        return domain if domain.isascii() else parse(f"a@{domain}").domain
    except AddressError:
        return domain


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
        return Position(column, values[0]) > 0
    return column == values[0] if len(values) == 1 else column.in_(values)
