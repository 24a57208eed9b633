"""Rate marks: what strangers caused lately, counted under names that tell nothing about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from zlib import crc32

from sqlalchemy import Connection, delete, func, insert, literal, select, union_all

from mailer.store.schema import rate_marks


def lock(conn: Connection, key: str) -> None:
    """Let no other transaction count under `key` until this one ends (SQLite's write lock does that already)."""
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock(crc32(key.encode()))))


def counts(conn: Connection, wanted: Sequence[tuple[str, datetime]]) -> list[int]:
    """How many marks each key has got after its moment, in one question; an empty key has none."""
    asked = [
        select(literal(number).label("number"), func.count().label("marks"))
        .select_from(rate_marks)
        .where(rate_marks.c.key == key, rate_marks.c.at > since)
        for number, (key, since) in enumerate(wanted)
        if key
    ]
    found = {row.number: row.marks for row in conn.execute(union_all(*asked))} if asked else {}
    return [found.get(number, 0) for number in range(len(wanted))]


def add(conn: Connection, keys: Iterable[str], now: datetime) -> None:
    """Set one mark for each key."""
    rows = [{"key": key, "at": now} for key in keys]
    if rows:
        conn.execute(insert(rate_marks), rows)


def purge(conn: Connection, before: datetime) -> int:
    """Forget the marks set before a moment; returns how many."""
    return conn.execute(delete(rate_marks).where(rate_marks.c.at < before)).rowcount
