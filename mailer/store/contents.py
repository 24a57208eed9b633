"""What messages are made from: the programs of editions, the finished bytes of letters."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from mailer.store.schema import editions, letters


def programs(conn: Connection, edition_ids: Collection[int]) -> list[tuple[int, bytes, int]]:
    """(edition id, program, key id) of each edition asked for."""
    if not edition_ids:
        return []
    e = editions.c
    return [tuple(row) for row in conn.execute(select(e.id, e.program, e.key_id).where(e.id.in_(edition_ids)))]


def letters_by_id(conn: Connection, letter_ids: Collection[int]) -> dict[int, bytes]:
    """The finished messages of letters by id."""
    if not letter_ids:
        return {}
    rows = conn.execute(select(letters.c.id, letters.c.content).where(letters.c.id.in_(letter_ids)))
    return {row.id: row.content for row in rows}
