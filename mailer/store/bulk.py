"""Statements on many deliveries at once: whole batches in one parameter, and the partial indexes made use of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, any_, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from mailer.store.schema import deliveries

# Word for word the conditions of the partial indexes: SQLite takes one for nothing else, least of all for a parameter.
UNFINISHED = text("deliveries.state IN ('pending', 'attempting', 'deferred')")
CLAIMED = text("deliveries.state = 'attempting'")


def among(conn: Connection, ids: Sequence[int]) -> ColumnElement[bool]:
    """Whether a delivery is one of `ids`; the statement is the same for any number of them."""
    if conn.dialect.name == "sqlite":
        return deliveries.c.id.in_(select(func.json_each(json.dumps(ids)).table_valued("value").c.value))
    return deliveries.c.id == any_(literal(list(ids), ARRAY(BigInteger)))


def append_attempts(conn: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Add lines to the attempts log, passing over those it has; all have the same keys, moments in milliseconds.

    Goes to the driver without SQLAlchemy, which would take longer for a line than both databases do.
    """
    columns = ", ".join(rows[0])
    known = "ON CONFLICT (delivery_id, claim_id, state) DO NOTHING"
    if conn.dialect.name == "sqlite":
        places = ", ".join("?" * len(rows[0]))
        statement = f"INSERT INTO attempts ({columns}) VALUES ({places}) {known}"  # noqa: S608 - our own names
        conn.exec_driver_sql(statement, [tuple(row.values()) for row in rows])
    else:
        lines = "json_populate_recordset(NULL::attempts, %s)"
        statement = f"INSERT INTO attempts ({columns}) SELECT {columns} FROM {lines} {known}"  # noqa: S608
        conn.exec_driver_sql(statement, (json.dumps(rows),))
