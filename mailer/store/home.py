"""Where a PostgreSQL database is at home: a dump of it that was restored, by whatever program, tells itself by that.

A row holds the number of the transaction that wrote it, and of its table. In what was restored another transaction
wrote it, into another table or that one, so that every host sees it, whatever it knows. Copies of the server's files,
as a standby or a newer version of PostgreSQL is made from, stay at home. SQLite needs none: see `copying.backup`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, Text, literal_column, select, update

from mailer.store.engine import insert_new
from mailer.store.schema import home

_WRITTEN = literal_column("concat_ws('/', home.xmin, home.tableoid)", Text)
_HERE = literal_column("concat_ws('/', txid_current() % 4294967296, CAST(CAST('home' AS regclass) AS oid))", Text)


def elsewhere() -> Select[Any]:
    """The row of a PostgreSQL database that was restored from a dump, and of no other."""
    return select(home.c.id).where(home.c.place != _WRITTEN)


def settle(conn: Connection, *, anew: bool = False) -> None:
    """Have the database be at home where it is, unless it was at home before; `anew`: all the same."""
    if conn.dialect.name == "postgresql":
        conn.execute(insert_new(conn, home, "id").values(id=1, place=_HERE))
        if anew:
            conn.execute(update(home).values(place=_HERE))
