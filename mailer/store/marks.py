"""Rate marks: what strangers caused lately, counted under names that tell nothing about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from zlib import crc32

from sqlalchemy import CompoundSelect, Connection, bindparam, delete, func, insert, literal, select, union_all

from mailer.store.schema import rate_marks


def lock(conn: Connection, key: str) -> None:
    """Let no other transaction count under `key` until this one ends (SQLite's write lock does that already)."""
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock(crc32(key.encode()))))


def counts(conn: Connection, wanted: Sequence[tuple[str, datetime]]) -> list[int]:
    """How many marks each key has got after its moment, in one question; an empty key has none."""
    asked = [number for number, (key, _) in enumerate(wanted) if key]
    if not asked:
        return [0] * len(wanted)
    values: dict[str, object] = {}
    for place, number in enumerate(asked):
        values[f"key{place}"], values[f"since{place}"] = wanted[number]
    found = {asked[row.place]: row.marks for row in conn.execute(_question(len(asked)), values)}
    return [found.get(number, 0) for number in range(len(wanted))]


@cache
def _question(size: int) -> CompoundSelect[Any]:
    """The statement that counts under `size` keys: building it takes longer than asking it."""
    return union_all(
        *(
            select(literal(place).label("place"), func.count().label("marks"))
            .select_from(rate_marks)
            .where(rate_marks.c.key == bindparam(f"key{place}"), rate_marks.c.at > bindparam(f"since{place}"))
            for place in range(size)
        )
    )


def add(conn: Connection, keys: Iterable[str], now: datetime) -> None:
    """Set one mark for each key."""
    rows = [{"key": key, "at": now} for key in keys]
    if rows:
        conn.execute(insert(rate_marks), rows)


def purge(conn: Connection, before: datetime) -> int:
    """Forget the marks set before a moment; returns how many."""
    return conn.execute(delete(rate_marks).where(rate_marks.c.at < before)).rowcount
