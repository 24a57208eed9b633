"""A relay's log -> token -> classify -> append -> judge: what the receiving servers said of our mail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from mailer.model.bounce import Diagnosis, Kind
from mailer.model.diagnosis import classify
from mailer.model.tokens import Keyring, Purpose
from mailer.store import bounces, returned
from mailer.store.bounces import Bounce, Reader
from mailer.store.breaker import Breakers
from mailer.store.engine import Database
from mailer.store.healing import heal
from mailer.store.verdicts import record
from mailer.store.watch import Watch


@dataclass(slots=True)
class LogTally:
    """What a relay's log told: attempts of ours by status, deliveries proved, bounces that were new."""

    seen: dict[str, int] = field(default_factory=dict)
    healed: int = 0
    new: int = 0


class LogLine(Protocol):
    """One attempt in a relay's log."""

    @property
    def message_id(self) -> str: ...
    @property
    def recipient(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def dsn(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def queue_id(self) -> str: ...


def take_log(
    db: Database,
    keyring: Keyring,
    lines: Iterable[LogLine],
    now: datetime,
    max_age: timedelta = timedelta(days=30),
) -> LogTally:
    """Append what the receiving servers said of our deliveries; reading the same log again changes nothing.

    Only a line whose Message-ID carries our token counts. `sent` is recorded too: it is the receiver's own 250.
    """
    tally, breakers, watch = LogTally(), Breakers(), Watch()
    for batch in _batches(lines, 200):
        with db.transaction() as conn:
            rows = [row for line in batch if (row := _take_line(conn, keyring, line, now, max_age, tally))]
            tally.new += len(record(conn, rows, now, breakers, watch))
    return tally


def _take_line(
    conn: Connection, keyring: Keyring, line: LogLine, now: datetime, max_age: timedelta, tally: LogTally
) -> Bounce | None:
    """The bounce to be recorded for a line; None for a mail that is not ours."""
    delivery_id = keyring.read(line.message_id.partition("@")[0], Purpose.MESSAGE)
    delivery = returned.delivery(conn, delivery_id) if delivery_id is not None else None
    if delivery is None:
        return None
    tally.seen[line.status] = tally.seen.get(line.status, 0) + 1
    tally.healed += heal(conn, delivery.id, "the relay's log", now)
    diagnosis = _log_diagnosis(line)
    return Bounce(
        now,
        "log",
        diagnosis,
        f"log:{delivery.id}:{line.queue_id}:{diagnosis.kind}:{diagnosis.reason}",
        Reader.of(delivery),
        line.recipient,
        line.text,
        note=bounces.STALE if now - delivery.changed_at > max_age else "",
    )


def _log_diagnosis(line: LogLine) -> Diagnosis:
    """`sent` and `deferred` say so themselves; only a bounce is classified for good."""
    if line.status == "sent":
        return Diagnosis(Kind.NONE, "delivered", line.dsn, "status=sent (Postfix)")
    found = classify(line.text, status=line.dsn)
    return found if line.status in {"bounced", "expired"} else replace(found, kind=Kind.DELAY)


def _batches(lines: Iterable[LogLine], size: int) -> Iterator[list[LogLine]]:
    batch: list[LogLine] = []
    for line in lines:
        batch.append(line)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
