"""How far a relay's log was read, and which of our mails were still in the relay's queue then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, select

from mailer.store.engine import insert
from mailer.store.schema import log_places


@dataclass(frozen=True, slots=True)
class LogPlace:
    """A place in a log: the file's inode, the octets read, the digest of its first line; queue ids with tokens."""

    inode: int = 0
    read_to: int = 0
    first_line: str = ""
    queued: Mapping[str, str] = field(default_factory=dict)


def get(conn: Connection, path: str) -> LogPlace:
    """Where the last reading of a log stopped; its beginning when it was never read."""
    p = log_places.c
    row = conn.execute(select(p.inode, p.read_to, p.first_line, p.queued).where(p.path == path)).first()
    return LogPlace(*row) if row else LogPlace()


def put(conn: Connection, path: str, place: LogPlace, now: datetime) -> None:
    """Remember where a reading stopped."""
    values = {
        "inode": place.inode,
        "read_to": place.read_to,
        "first_line": place.first_line,
        "queued": dict(place.queued),
        "at": now,
    }
    statement = insert(conn, log_places).values(path=path, **values)
    conn.execute(statement.on_conflict_do_update(index_elements=["path"], set_=values))
