"""Taking many subscribers at once: what a chunk of an imported list meets, and the rows it becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, insert, select, update

from mailer.model.roster import Entry, Known
from mailer.model.subscriber import TOMBSTONE, State, tombstones
from mailer.model.tokens import Keyring
from mailer.store import bulk
from mailer.store.packing import packed
from mailer.store.schema import consents, events, subscribers, suppressions, to_lines, to_millis
from mailer.store.subscribers import get
from mailer.store.suppressions import in_force


def known(conn: Connection, keys: Sequence[str]) -> dict[str, Known]:
    """The subscribers among these match keys, as far as an import must know them."""
    rows = conn.execute(
        select(
            subscribers.c.match_key,
            subscribers.c.id,
            subscribers.c.state,
            subscribers.c.name,
            subscribers.c.language,
            subscribers.c.attributes,
            subscribers.c.tags,
        ).where(bulk.among_texts(conn, subscribers.c.match_key, keys))
    ).all()
    return {row.match_key: _known(row) for row in rows}


def _known(row: Any) -> Known:  # a row or a Subscriber, who tell the same
    return Known(row.id, State(row.state), row.name, row.language, row.attributes, row.tags)


def suppressed(conn: Connection, keys: Sequence[str], now: datetime) -> dict[str, str]:
    """Which of these match keys (or tombstones) are suppressed now, and why."""
    rows = conn.execute(
        select(suppressions.c.match_key, suppressions.c.reason).where(
            bulk.among_texts(conn, suppressions.c.match_key, keys), in_force(now)
        )
    )
    return {row.match_key: row.reason for row in rows}


def erased(conn: Connection, keyring: Keyring, keys: Sequence[str], now: datetime) -> set[str]:
    """Which of these match keys, of nobody who is there, were erased."""
    if not keys or not _has_tombstones(conn):
        return set()
    by_tombstone = {stone: key for key in keys for stone in tombstones(key, keyring)}
    return {by_tombstone[stone] for stone in suppressed(conn, list(by_tombstone), now)}


def _has_tombstones(conn: Connection) -> bool:
    found = select(suppressions.c.id).where(suppressions.c.match_key.between(TOMBSTONE, TOMBSTONE + "\x7f")).limit(1)
    return conn.execute(found).first() is not None


def add_all(conn: Connection, entries: Sequence[Entry], *, file: str, now: datetime) -> None:
    """Add new subscribers, and a row each in the record of consents."""
    bulk.make_room(conn, megabytes=16)
    moment = to_millis(now)
    numbered = list(zip(bulk.new_ids(conn, "subscribers", len(entries)), entries, strict=True))
    bulk.append(conn, subscribers, _COLUMNS, [_row(number, entry, moment) for number, entry in numbered])
    bulk.append(conn, consents, _CONSENT, [_consent(number, entry, file, moment) for number, entry in numbered])


_COLUMNS = (
    "id",
    "address",
    "match_key",
    "domain",
    "name",
    "language",
    "state",
    "tags",
    "attributes",
    "created_at",
    "joined_at",
    "left_at",
)
_CONSENT = ("subscriber_id", "at", "action", "language", "source", "detail")


def _row(number: int, entry: Entry, now: int) -> tuple[object, ...]:
    agreed = _agreed(entry.consented_at, entry.consented_at.tzinfo)[0] if entry.consented_at else now
    return (
        number,
        entry.address.address,
        entry.address.match_key,
        entry.address.domain,
        entry.name,
        entry.language,
        entry.state.value,
        to_lines(entry.tags),
        packed(entry.attributes),
        now,
        agreed if entry.state is State.ACTIVE else None,
        now if entry.state is State.UNSUBSCRIBED else None,
    )


def _consent(number: int, entry: Entry, file: str, now: int) -> tuple[object, ...]:
    agreed = _agreed(entry.consented_at, entry.consented_at.tzinfo)[1] if entry.consented_at else ""
    return (number, now, "imported", entry.language, entry.source, f"{file}:{entry.line}{agreed}")


@lru_cache(4096)
def _agreed(moment: datetime, zone: tzinfo | None) -> tuple[int, str]:
    """When somebody agreed: in milliseconds, and as the record of consents says it, in the list's own zone."""
    return to_millis(moment), f"; agreed {moment.isoformat()}"


def change(conn: Connection, found: Known, entry: Entry) -> None:
    """Write what an entry changes about a subscriber who is there already (Known.after says what), as he is by now."""
    now = get(conn, found.id, hold=True)
    if now is None or now.state is not found.state:
        return
    name, language, attributes, tags = _known(now).after(entry)
    values = {"name": name, "language": language, "attributes": dict(attributes), "tags": tuple(sorted(tags))}
    conn.execute(update(subscribers).where(subscribers.c.id == found.id).values(values))


def record(conn: Connection, kind: str, detail: Mapping[str, object], *, actor: str, now: datetime) -> None:
    """Append to the events that a list was imported."""
    conn.execute(insert(events).values(at=now, kind=kind, actor=actor, detail=dict(detail)))
