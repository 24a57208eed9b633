"""The journey of a list from elsewhere: rows -> entries -> verdicts -> subscribers, a few thousand to a transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from sqlalchemy import Connection

from mailer.intake.table import Row
from mailer.model.roster import KEPT_OUT, Entry, Fault, FirstLines, Known, Layout, Verdict, judge
from mailer.model.subscriber import tombstones
from mailer.model.tokens import Keyring
from mailer.store import consents, roster, signups
from mailer.store.engine import Database

CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Finding:
    """What there is to say about one row."""

    line: int
    verdict: Verdict
    text: str


@dataclass(slots=True)
class Summary:
    """What an import did, or in a dry run would do: how many rows met which verdict."""

    counts: Counter[Verdict] = field(default_factory=Counter)

    @property
    def rows(self) -> int:
        """All rows read."""
        return self.counts.total()

    @property
    def kept_out(self) -> int:
        """Rows of readers who are never brought back."""
        return sum(self.counts[verdict] for verdict in KEPT_OUT)

    @property
    def all_refused(self) -> bool:
        """Whether there were rows and not one could be read."""
        return 0 < self.rows == self.counts[Verdict.REFUSED]

    def as_data(self) -> dict[str, int]:
        """The counts by the verdicts' names, all of them."""
        return {"rows": self.rows, **{verdict.value: self.counts[verdict] for verdict in Verdict}}


class Import:
    """One list being imported.

    `layout` says what its columns mean, `file` is how the record of consents calls it, `note` is told what there is
    to say about single rows (in the order of the chunks), `progress` the number of rows done. Every chunk is one
    transaction, and repeating an import that broke off changes nothing twice.
    """

    def __init__(
        self,
        db: Database,
        layout: Layout,
        keyring: Keyring,
        *,
        file: str,
        clock: Callable[[], datetime],
        note: Callable[[Finding], None] = lambda finding: None,
        progress: Callable[[int], None] = lambda rows: None,
        actor: str = "import",
    ) -> None:
        self._db = db
        self._layout = layout
        self._keyring = keyring
        self._file = file
        self._clock = clock
        self._note = note
        self._progress = progress
        self._actor = actor
        self._seen = FirstLines()
        self._summary = Summary()

    def run(self, rows: Iterable[Row], *, dry_run: bool = False) -> Summary:
        """Import the rows; with `dry_run` only say what would happen. Raises StoreError, with earlier chunks kept."""
        reading = iter(rows)
        while chunk := list(islice(reading, CHUNK)):
            entries = self._read(chunk)
            if entries:
                judged = self._db.read(self._judge, entries) if dry_run else self._db.run(self._take, entries)
                for entry, verdict, text in judged:
                    self._tell(entry.line, verdict, text)
            self._progress(self._summary.rows)
        if not dry_run:
            with self._db.transaction() as conn:
                detail = {"file": self._file, **self._summary.as_data()}
                roster.record(conn, "imported", detail, actor=self._actor, now=self._clock())
        return self._summary

    def _read(self, rows: Sequence[Row]) -> list[Entry]:
        """The entries of a chunk; rows that cannot be read and repeated addresses are noted."""
        entries = []
        for row in rows:
            try:
                if row.fault:
                    raise Fault(row.fault)
                entry = self._layout.read(row.line, row.cells)
            except Fault as fault:
                self._tell(row.line, Verdict.REFUSED, str(fault))
                continue
            first = self._seen.note(entry.address.match_key, row.line)
            if first:
                self._tell(row.line, Verdict.DUPLICATE, f"the same address as on line {first}; the first one counts")
            else:
                entries.append(entry)
        return entries

    def _tell(self, line: int, verdict: Verdict, text: str) -> None:
        self._summary.counts[verdict] += 1
        if text:
            self._note(Finding(line, verdict, text))

    def _judge(self, conn: Connection, entries: Sequence[Entry]) -> list[tuple[Entry, Verdict, str]]:
        return [(entry, verdict, text) for entry, _, verdict, text in self._weigh(conn, entries)]

    def _weigh(self, conn: Connection, entries: Sequence[Entry]) -> list[tuple[Entry, Known | None, Verdict, str]]:
        """Each entry with the subscriber it meets, what becomes of it, and what there is to say."""
        now = self._clock()
        keys = [entry.address.match_key for entry in entries]
        known = roster.known(conn, keys)
        suppressed = roster.suppressed(conn, keys, now)
        erased = self._erased(conn, [key for key in keys if key not in known], now)
        weighed = []
        for entry, key in zip(entries, keys, strict=True):
            found = known.get(key)
            verdict = judge(entry, found, suppressed=key in suppressed, erased=key in erased)
            weighed.append((entry, found, verdict, _said(entry, found, verdict, suppressed.get(key, ""))))
        return weighed

    def _erased(self, conn: Connection, keys: Sequence[str], now: datetime) -> set[str]:
        if not keys or not roster.has_tombstones(conn):
            return set()
        by_tombstone = {stone: key for key in keys for stone in tombstones(key, self._keyring)}
        return {by_tombstone[stone] for stone in roster.suppressed(conn, list(by_tombstone), now)}

    def _take(self, conn: Connection, entries: Sequence[Entry]) -> list[tuple[Entry, Verdict, str]]:
        """Judge a chunk and write what follows, in one transaction."""
        now = self._clock()
        weighed = self._weigh(conn, entries)
        new = [entry for entry, _, verdict, _ in weighed if verdict is Verdict.ADDED]
        if new:
            roster.add_all(conn, new, file=self._file, now=now)
        for entry, found, verdict, _ in weighed:
            if found is None:
                continue
            if verdict is Verdict.UPDATED:
                roster.change(conn, found, entry)
            elif verdict is Verdict.LEFT and signups.depart(conn, found.id, now):
                step = consents.Step("withdrawn", source=entry.source or "import", detail=f"{self._file}:{entry.line}")
                consents.append(conn, found.id, step, now)
        return [(entry, verdict, text) for entry, _, verdict, text in weighed]


def _said(entry: Entry, found: Known | None, verdict: Verdict, reason: str) -> str:
    """What there is to say about an entry, as a clause; "" for the plain cases."""
    match verdict:
        case Verdict.UNSUBSCRIBED:
            return "kept out: this reader unsubscribed"
        case Verdict.SUPPRESSED:
            return f"kept out: this address is suppressed ({reason})"
        case Verdict.ERASED:
            return "kept out: this reader was erased"
        case Verdict.LEFT:
            return "unsubscribed, as the list says"
        case Verdict.UPDATED if found is not None:
            return "; ".join(found.difference(entry))
    return ""
