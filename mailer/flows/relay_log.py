"""A relay's log -> token -> classify -> append -> judge: what the receiving servers said of our mail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from mailer.intake import relay_log
from mailer.intake.relay_log import Line
from mailer.model.bounce import Diagnosis, Kind
from mailer.model.diagnosis import classify
from mailer.model.tokens import Keyring, Purpose
from mailer.store import bounces, log_places, returned
from mailer.store.bounces import Bounce, Reader
from mailer.store.breaker import Breakers
from mailer.store.engine import Database
from mailer.store.healing import heal
from mailer.store.log_places import LogPlace
from mailer.store.verdicts import record
from mailer.store.watch import Watch

PIPE = "-"
MAX_AGE = timedelta(days=30)


@dataclass(slots=True)
class LogTally:
    """What a relay's log told: attempts of ours by status, deliveries proved, bounces that were new."""

    seen: dict[str, int] = field(default_factory=dict)
    healed: int = 0
    new: int = 0

    def add(self, other: LogTally) -> None:
        """Count what another tells, too."""
        for status, count in other.seen.items():
            self.seen[status] = self.seen.get(status, 0) + count
        self.healed += other.healed
        self.new += other.new


def take_file(db: Database, keyring: Keyring, path: Path, now: datetime, max_age: timedelta = MAX_AGE) -> LogTally:
    """Take what is new in a log file since it was read last, also when it was rotated meanwhile. Raises OSError."""
    last = db.read(log_places.get, str(path))
    file = relay_log.LogFile(path, relay_log.Place(last.inode, last.read_to, last.first_line))
    queued = dict(last.queued)
    tally = take_log(db, keyring, relay_log.read(file, queued), now, max_age)
    place = LogPlace(file.place.inode, file.place.read_to, file.place.first_line, _ours(keyring, queued))
    db.run(log_places.put, str(path), place, now)
    return tally


def take_stream(
    db: Database, keyring: Keyring, lines: Iterable[str], now: datetime, max_age: timedelta = MAX_AGE
) -> LogTally:
    """Take the lines of a log that comes by a pipe; what was in the relay's queue is known to the next pipe."""
    queued = dict(db.read(log_places.get, PIPE).queued)
    tally = take_log(db, keyring, relay_log.read(lines, queued), now, max_age)
    db.run(log_places.put, PIPE, LogPlace(queued=_ours(keyring, queued)), now)
    return tally


def _ours(keyring: Keyring, queued: Mapping[str, str]) -> dict[str, str]:
    tokens = {queue_id: message_id.partition("@")[0] for queue_id, message_id in queued.items()}
    return {queue_id: token for queue_id, token in tokens.items() if keyring.read(token, Purpose.MESSAGE) is not None}


def take_log(
    db: Database, keyring: Keyring, lines: Iterable[Line], now: datetime, max_age: timedelta = MAX_AGE
) -> LogTally:
    """Append what the receiving servers said of our deliveries; reading the same log again changes nothing.

    Only a line whose Message-ID carries our token counts. `sent` is recorded too: it is the receiver's own 250.
    """
    tally, breakers, watch = LogTally(), Breakers(), Watch()
    for batch in _batches(lines, 200):
        tally.add(db.run(_take_batch, keyring, batch, now, max_age, breakers, watch))
    watch.catch_up(db, now)
    return tally


def _take_batch(
    conn: Connection,
    keyring: Keyring,
    batch: Iterable[Line],
    now: datetime,
    max_age: timedelta,
    breakers: Breakers,
    watch: Watch,
) -> LogTally:
    tally = LogTally()
    rows = [row for line in batch if (row := _take_line(conn, keyring, line, now, max_age, tally))]
    tally.new = len(record(conn, rows, now, breakers, watch))
    return tally


def _take_line(
    conn: Connection, keyring: Keyring, line: Line, now: datetime, max_age: timedelta, tally: LogTally
) -> Bounce | None:
    """The bounce to be recorded for a line; None for a mail that is not ours, or a copy that went to somebody else."""
    delivery_id = keyring.read(line.message_id.partition("@")[0], Purpose.MESSAGE)
    delivery = returned.delivery(conn, delivery_id) if delivery_id is not None else None
    if delivery is None:
        return None
    tally.healed += heal(conn, delivery.id, "the relay's log", now)
    if delivery.address.lower() not in (line.recipient.lower(), line.original.lower()):
        return None  # always_bcc, a reader's forwarding: what became of it is not his fault
    tally.seen[line.status] = tally.seen.get(line.status, 0) + 1
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


def _log_diagnosis(line: Line) -> Diagnosis:
    """`sent` and `deferred` say so themselves; only a bounce is classified for good."""
    if line.status == "sent":
        return Diagnosis(Kind.NONE, "delivered", line.dsn, "status=sent (Postfix)")
    found = classify(line.text, status=line.dsn)
    return found if line.status in {"bounced", "expired"} else replace(found, kind=Kind.DELAY)


def _batches(lines: Iterable[Line], size: int) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for line in lines:
        batch.append(line)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
