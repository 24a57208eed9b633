"""Rate marks: what strangers caused lately, counted under names that tell nothing about them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zlib import crc32

from sqlalchemy import Connection, delete, func, insert, select

from mailer.store.schema import rate_marks


def lock(conn: Connection, key: str) -> None:
    """Let no other transaction count under `key` until this one ends (SQLite's write lock does that already)."""
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock(crc32(key.encode()))))


def count(conn: Connection, key: str, since: datetime) -> int:
    """How many marks `key` has got after `since`."""
    query = select(func.count()).where(rate_marks.c.key == key, rate_marks.c.at > since)
    return int(conn.execute(query).scalar_one())


def add(conn: Connection, keys: Iterable[str], now: datetime) -> None:
    """Set one mark for each key."""
    conn.execute(insert(rate_marks), [{"key": key, "at": now} for key in keys])


def purge(conn: Connection, before: datetime) -> int:
    """Forget the marks set before a moment; returns how many."""
    return conn.execute(delete(rate_marks).where(rate_marks.c.at < before)).rowcount
