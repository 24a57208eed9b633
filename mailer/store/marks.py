"""Rate marks: what strangers caused lately, counted under names that tell nothing about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zlib import crc32

from sqlalchemy import CompoundSelect, Connection, delete, func, literal_column, select, union_all

from mailer.store import bulk
from mailer.store.rendered import given, rendered
from mailer.store.schema import Instant, rate_marks, to_millis


def lock(conn: Connection, *keys: str) -> None:
    """Let no other transaction count under `keys` until this one ends (SQLite's write lock does that already)."""
    if conn.dialect.name == "postgresql":
        numbers = sorted({crc32(key.encode()) for key in keys if key})  # in one order, so that nobody waits in a ring
        conn.execute(select(*(func.pg_advisory_xact_lock(number) for number in numbers)))


def counts(conn: Connection, wanted: Sequence[tuple[str, datetime]]) -> list[int]:
    """How many marks each key has got after its moment, in one question; an empty key has none."""
    asked = [number for number, (key, _) in enumerate(wanted) if key]
    if not asked:
        return [0] * len(wanted)
    values: dict[str, object] = {}
    for place, number in enumerate(asked):
        key, since = wanted[number]
        values |= {f"key{place}": key, f"since{place}": to_millis(since)}
    found = {asked[place]: marks for place, marks in _question(conn, len(asked)).rows(conn, **values)}
    return [found.get(number, 0) for number in range(len(wanted))]


@rendered
def _question(database: str, size: int) -> CompoundSelect[Any]:
    """The statement that counts under `size` keys."""
    return union_all(
        *(
            select(literal_column(str(place)), func.count())
            .select_from(rate_marks)
            .where(rate_marks.c.key == given(f"key{place}"), rate_marks.c.at > given(f"since{place}", Instant))
            for place in range(size)
        )
    )


def add(conn: Connection, keys: Iterable[str], now: datetime) -> None:
    """Set one mark for each key."""
    bulk.append(conn, rate_marks, ("key", "at"), [(key, to_millis(now)) for key in keys])


def take_back(conn: Connection, key: str, since: datetime) -> None:
    """Forget the marks a key has got after a moment."""
    conn.execute(delete(rate_marks).where(rate_marks.c.key == key, rate_marks.c.at > since))


def purge(conn: Connection, before: datetime) -> int:
    """Forget the marks set before a moment; returns how many."""
    return conn.execute(delete(rate_marks).where(rate_marks.c.at < before)).rowcount
