"""Statements on many rows at once: whole batches in one parameter, and the partial indexes made use of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Text, any_, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from mailer.store.schema import deliveries

# Word for word the conditions of the partial indexes: SQLite takes one for nothing else, least of all for a parameter.
UNFINISHED = text("deliveries.state IN ('pending', 'attempting', 'deferred')")
CLAIMED = text("deliveries.state = 'attempting'")

_PACK = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False).encode


def among(conn: Connection, ids: Sequence[int]) -> ColumnElement[bool]:
    """Whether a delivery is one of `ids`; the statement is the same for any number of them."""
    return _one_of(conn, deliveries.c.id, ids, BigInteger)


def among_texts(conn: Connection, column: ColumnElement[str], texts: Sequence[str]) -> ColumnElement[bool]:
    """Whether a column holds one of `texts`; the statement is the same for any number of them."""
    return _one_of(conn, column, texts, Text)


def _one_of(conn: Connection, column: ColumnElement[Any], values: Sequence[Any], kind: Any) -> ColumnElement[bool]:
    if conn.dialect.name == "sqlite":
        return column.in_(select(func.json_each(json.dumps(values)).table_valued("value").c.value))
    return column == any_(literal(list(values), ARRAY(kind)))


def append(conn: Connection, table: str, rows: Sequence[Mapping[str, Any]], otherwise: str = "") -> int:
    """Add rows to a table, and say how many: all have the same keys, moments in milliseconds, JSON columns `packed`.

    Goes to the driver without SQLAlchemy, which would take longer for a row than both databases do. `otherwise` is
    what to do with a row that is there already; table, keys and that are our own words, never anybody's input.
    """
    columns = ", ".join(rows[0])
    if conn.dialect.name == "sqlite":
        places = ", ".join("?" * len(rows[0]))
        statement = f"INSERT INTO {table} ({columns}) VALUES ({places}) {otherwise}"  # noqa: S608
        return conn.exec_driver_sql(statement, [tuple(row.values()) for row in rows]).rowcount
    lines = f"json_populate_recordset(NULL::{table}, %s)"
    statement = f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {lines} {otherwise}"  # noqa: S608
    return conn.exec_driver_sql(statement, (json.dumps(rows),)).rowcount


def packed(conn: Connection, values: Mapping[str, str]) -> object:
    """A JSON object as `append` takes it."""
    if conn.dialect.name != "sqlite":
        return dict(values)
    return _PACK(values) if values else "{}"


def new_ids(conn: Connection, table: str, count: int) -> Iterable[int]:
    """Row numbers nobody else gets, rising; the transaction has to write already, or SQLite's could be anybody's."""
    if conn.dialect.name == "sqlite":
        last = conn.exec_driver_sql(f"SELECT max(id) FROM {table}").scalar() or 0  # noqa: S608 - our own word
        return range(last + 1, last + 1 + count)
    numbers = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"
    return sorted(conn.exec_driver_sql(numbers, (table, count)).scalars())


def make_room(conn: Connection, megabytes: int = 48) -> None:
    """Let SQLite keep more pages in memory and fold the log in less often: one change to a page costs one write then.

    What is written in the order of its keys comes back to no page, and needs few of them. For as long as the
    connection lives. PostgreSQL has settings of its own.
    """
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql(f"PRAGMA cache_size = -{megabytes * 1024:d}")
        conn.exec_driver_sql("PRAGMA wal_autocheckpoint = 10000")  # pages: 40 MB
