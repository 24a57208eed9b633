"""Statements on many rows at once: whole batches in one parameter, and the partial indexes made use of."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Connection, Select, Table, Text, any_, cast, func, literal, select, text

from mailer.store.schema import deliveries

# Word for word the condition of the partial index: SQLite takes it for nothing else, least of all for a parameter.
WAITS = text("deliveries.waits")

_ROWS = 80  # to a statement of SQLite: few enough for the 999 values that its older versions take


def among(conn: Connection, ids: Sequence[int]) -> ColumnElement[bool]:
    """Whether a delivery is one of `ids`; the statement is the same for any number of them."""
    return one_of(conn.dialect.name, deliveries.c.id, literal(batch(conn, ids), Text))


def among_texts(conn: Connection, column: ColumnElement[str], texts: Sequence[str]) -> ColumnElement[bool]:
    """Whether a column holds one of `texts`; the statement is the same for any number of them."""
    return one_of(conn.dialect.name, column, literal(batch(conn, texts), Text))


def one_of(database: str, column: ColumnElement[Any], values: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a column holds one of the values of a `batch`."""
    if database == "sqlite":
        return column.in_(select(func.json_each(values).table_valued("value").c.value))
    return column == any_(cast(values, ARRAY(column.type)))


def batch(conn: Connection, values: Sequence[Any]) -> str:
    """Numbers or texts as one parameter: a JSON list for SQLite, an array's text for PostgreSQL."""
    return json.dumps(values) if conn.dialect.name == "sqlite" else _array(values)


def _array(values: Iterable[Any]) -> str:
    """An array as PostgreSQL reads one; the driver would take longer to write it than the server to read it."""
    return "{" + ",".join([_quoted(one) if isinstance(one, str) else _bare(one) for one in values]) + "}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _bare(value: int | None) -> str:
    return "NULL" if value is None else str(value)


def in_one(database: str, rows: Select[Any]) -> Select[Any]:
    """The same rows for `unpacked`, on SQLite all in one: for each that it looks for it lets the interpreter go, and
    waits until the connections give it back."""
    if database != "sqlite":
        return rows
    every = rows.subquery()
    return select(func.json_group_array(func.json_array(*every.c)))


def unpacked(conn: Connection, rows: Sequence[Any]) -> Sequence[Any]:
    """The rows that a statement made with `in_one` found; JSON has no values but numbers, texts and NULL."""
    if conn.dialect.name != "sqlite":
        return rows
    ((text,),) = rows
    found: list[Any] = json.loads(text)
    return found


def append(
    conn: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]], otherwise: str = ""
) -> int:
    """Add rows to a table, and say how many: moments in milliseconds, attributes `packing.packed`.

    Goes to the driver without SQLAlchemy, which would take longer for a row than both databases do. `otherwise` is
    what to do with a row that is there already; table, columns and that are our own words, never anybody's input.
    """
    if not rows:
        return 0
    into = f"INSERT INTO {table.name} ({', '.join(columns)})"
    if conn.dialect.name == "sqlite":
        places, added, start = f"({', '.join('?' * len(columns))})", 0, 0
        most = _most_values(conn) // len(columns)
        while some := rows[start : start + (most if len(rows) - start >= most else _ROWS)]:
            start += len(some)
            statement = f"{into} VALUES {', '.join([places] * len(some))} {otherwise}"
            added += conn.exec_driver_sql(statement, tuple(chain.from_iterable(some))).rowcount
        return added
    arrays = ", ".join(f"CAST(%s AS {table.c[name].type.compile(conn.dialect)}[])" for name in columns)
    statement = f"{into} SELECT * FROM unnest({arrays}) {otherwise}"  # noqa: S608
    return conn.exec_driver_sql(statement, tuple(map(_array, zip(*rows, strict=True)))).rowcount


def _most_values(conn: Connection) -> int:
    """How many values SQLite takes at once. While it works on a statement, other threads have the interpreter."""
    most: int = conn.connection.driver_connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)  # type: ignore[union-attr]
    return most


def add(conn: Connection, table: Table, **values: Any) -> int:
    """Add one row, and say which number it got; values as `append` takes them."""
    number: int = conn.exec_driver_sql(
        _addition(conn.dialect.name, table.name, *values), tuple(values.values())
    ).scalar_one()
    return number


@cache
def _addition(database: str, table: str, *columns: str) -> str:
    places = ", ".join(("?" if database == "sqlite" else "%s",) * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places}) RETURNING id"  # noqa: S608 - our own words


def new_ids(conn: Connection, table: str, count: int) -> Iterable[int]:
    """Row numbers nobody else gets, rising; the transaction has to write already, or SQLite's could be anybody's."""
    if conn.dialect.name == "sqlite":
        last = conn.exec_driver_sql(f"SELECT max(id) FROM {table}").scalar() or 0  # noqa: S608 - our own word
        return range(last + 1, last + 1 + count)
    numbers = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"
    return sorted(conn.exec_driver_sql(numbers, (table, count)).scalars())


def make_room(conn: Connection, megabytes: int) -> None:
    """Let SQLite keep more pages in memory and fold the log in less often: one change to a page costs one write then.

    What is written in the order of its keys comes back to no page, and needs few of them. For as long as the
    connection lives. PostgreSQL has settings of its own.
    """
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql(f"PRAGMA cache_size = -{megabytes * 1024:d}")
        conn.exec_driver_sql("PRAGMA wal_autocheckpoint = 25000")  # pages: 100 MB
