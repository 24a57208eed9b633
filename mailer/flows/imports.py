"""The journey of a list from elsewhere: rows -> entries -> verdicts -> subscribers, some thousand to a transaction."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from operator import attrgetter
from threading import Event
from typing import NamedTuple

from sqlalchemy import Connection

from mailer.intake.table import Row
from mailer.model.roster import KEPT_OUT, Entry, Fault, FirstLines, Known, Layout, Verdict, judge
from mailer.model.subscriber import State
from mailer.model.tokens import Keyring
from mailer.sentence import Sentence, clauses, word
from mailer.store import applications, consents, roster, signups
from mailer.store.engine import Database

WINDOW = 15_000  # rows sorted at a time; one is being read while another is written
CHUNK = 2500  # rows to a transaction
OTHERS_SECONDS = 0.015  # long enough for who waits to ask whether SQLite is free


class Finding(NamedTuple):
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


class Window(NamedTuple):
    """Some thousand rows as they are read: the entries, sorted by match key, and what to say about rows without one."""

    entries: list[Entry]
    refused: list[Finding]


def windows(rows: Iterable[Row], layout: Layout) -> Iterator[Window]:
    """The rows of a list, read; `layout` says what its columns mean. Knows no database."""
    reading, seen = iter(rows), FirstLines()
    while any(window := _read(islice(reading, WINDOW), layout, seen)):
        yield window


def _read(rows: Iterable[Row], layout: Layout, seen: FirstLines) -> Window:
    entries, refused, left = [], [], []
    for row in rows:
        try:
            if row.fault:
                raise Fault(row.fault)
            entry = layout.read(row.line, row.cells)
        except Fault as fault:
            refused.append(Finding(row.line, Verdict.REFUSED, fault.clause))
            continue
        first = seen.note(entry.address.match_key, row.line)
        if first and entry.state is State.UNSUBSCRIBED:
            left.append((first, entry))
        elif first:
            same = Sentence("the same address as on line %(line)s; the first one counts", line=first)
            refused.append(Finding(row.line, Verdict.DUPLICATE, same))
        else:
            entries.append(entry)
    refused += _let_out(entries, left)
    entries.sort(key=attrgetter("address.match_key"))
    return Window(entries, refused)


def _let_out(entries: list[Entry], left: Sequence[tuple[int, Entry]]) -> list[Finding]:
    """Let go who left by any line of a list, whatever an earlier one says of him, in this window or written before."""
    findings = []
    places = {entry.address.match_key: place for place, entry in enumerate(entries)} if left else {}
    for first, entry in left:
        place = places.setdefault(entry.address.match_key, len(entries))
        if place == len(entries):
            entries.append(entry)
            continue
        entries[place] = entries[place]._replace(state=State.UNSUBSCRIBED)
        same = Sentence("the same address as on line %(line)s; that he unsubscribed counts", line=first)
        findings.append(Finding(entry.line, Verdict.DUPLICATE, same))
    return findings


class Import:
    """One list being imported.

    `file` is how the record of consents calls it, `note` is told what there is to say about single rows, in their
    order, `progress` the number of rows done. Every chunk of a window is one transaction, and sorted it writes few
    pages of the index. Repeating an import that broke off changes nothing twice.
    """

    def __init__(
        self,
        db: Database,
        keyring: Keyring,
        *,
        file: str,
        clock: Callable[[], datetime],
        note: Callable[[Finding], None] = lambda finding: None,
        progress: Callable[[int], None] = lambda rows: None,
        actor: str = "import",
    ) -> None:
        self._db = db
        self._keyring = keyring
        self._file = file
        self._clock = clock
        self._note = note
        self._progress = progress
        self._actor = actor
        self._summary = Summary()
        self._broken_off = Event()

    def run(self, windows: Iterable[Window], *, dry_run: bool = False) -> Summary:
        """Import what was read; with `dry_run` only say what would happen. Raises StoreError (earlier chunks stay)."""
        with ThreadPoolExecutor(1, thread_name_prefix="import") as writer:
            try:
                before: tuple[list[Finding], Future[list[Finding]]] | None = None
                for entries, refused in windows:
                    self._tell(before)
                    before = refused, writer.submit(self._judge if dry_run else self._take, entries)
                self._tell(before)
            except BaseException:  # Ctrl-C, too: nobody wants to wait for the rest of a window
                self._broken_off.set()
                raise
        if not dry_run:
            with self._db.transaction() as conn:
                detail = {"file": self._file, **self._summary.as_data()}
                roster.record(conn, "imported", detail, actor=self._actor, now=self._clock())
        return self._summary

    def _tell(self, window: tuple[list[Finding], Future[list[Finding]]] | None) -> None:
        """Count a window once it is written, and say what there is to say."""
        if window is None:
            return
        refused, judged = window
        for finding in sorted(refused + judged.result()):
            self._summary.counts[finding.verdict] += 1
            if finding.text:
                self._note(finding)
        self._progress(self._summary.rows)

    def _judge(self, entries: Sequence[Entry]) -> list[Finding]:
        with self._db.reading() as conn:
            return [finding for _, _, finding in self._weigh(conn, entries)]

    def _take(self, entries: Sequence[Entry]) -> list[Finding]:
        findings: list[Finding] = []
        for start in range(0, len(entries), CHUNK):
            if self._broken_off.is_set():
                break
            chunk = entries[start : start + CHUNK]
            findings += self._db.insist(self._write, chunk)
            if self._db.is_sqlite and len(chunk) > CHUNK // 2:
                time.sleep(OTHERS_SECONDS)  # whoever leaves meanwhile, or sends, gets his turn before the next chunk
        return findings

    def _weigh(self, conn: Connection, entries: Sequence[Entry]) -> list[tuple[Entry, Known | None, Finding]]:
        """Each entry with the subscriber it meets, what becomes of it, and what there is to say."""
        now = self._clock()
        keys = [entry.address.match_key for entry in entries]
        known = roster.known(conn, keys)
        suppressed = roster.suppressed(conn, keys, now)
        erased = roster.erased(conn, self._keyring, [key for key in keys if key not in known], now)
        weighed = []
        for entry, key in zip(entries, keys, strict=True):
            found = known.get(key)
            verdict = judge(entry, found, suppressed=key in suppressed, erased=key in erased)
            said = "" if verdict in _PLAIN else _said(entry, found, verdict, suppressed.get(key, ""))
            weighed.append((entry, found, Finding(entry.line, verdict, said)))
        return weighed

    def _write(self, entries: Sequence[Entry]) -> list[Finding]:
        """Judge a chunk and write what follows, in one transaction."""
        now = self._clock()
        with self._db.transaction() as conn:
            weighed = self._weigh(conn, entries)
            new = [entry for entry, _, finding in weighed if finding.verdict is Verdict.ADDED]
            if new:
                members = applications.tags_of_members(conn, [entry.address.match_key for entry in new], hold=True)
                if members:
                    new = [_as_member(entry, members) for entry in new]
                roster.add_all(conn, new, file=self._file, now=now)
            for entry, found, finding in weighed:
                if found is None:
                    continue
                if finding.verdict is Verdict.UPDATED:
                    roster.change(conn, found, entry)
                elif finding.verdict is Verdict.LEFT and signups.depart(conn, found.id, now):
                    detail = f"{self._file}:{entry.line}"
                    step = consents.Step("withdrawn", source="import", detail=detail)
                    consents.append(conn, found.id, step, now)
        return [finding for _, _, finding in weighed]


def _as_member(entry: Entry, members: Mapping[str, Iterable[str]]) -> Entry:
    return entry._replace(tags=(*entry.tags, *members.get(entry.address.match_key, ())))


_PLAIN = (Verdict.ADDED, Verdict.UNCHANGED)


def _said(entry: Entry, found: Known | None, verdict: Verdict, reason: str) -> str:
    """What there is to say about an entry, as a clause; "" for no more than the verdict."""
    match verdict:
        case Verdict.UNSUBSCRIBED:
            return Sentence("kept out: this reader unsubscribed")
        case Verdict.SUPPRESSED:
            return Sentence("kept out: this address is suppressed (%(reason)s)", reason=word("code", reason))
        case Verdict.ERASED:
            return Sentence("kept out: this reader was erased")
        case Verdict.LEFT:
            return Sentence("unsubscribed, as the list says")
        case Verdict.UPDATED if found is not None:
            return clauses(found.difference(entry))
    return ""
