"""The witness of a simulation: sees every commit, every hand-over and what the relays took, and holds them together.

It believes only two ledgers: the changes that the database itself notes in each transaction, and the relays' own.
Whatever contradicts a promise of docs/architecture.md is an AssertionError that names it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, event, text

from mailer.model.delivery import EDGES, Phase, Result, State
from mailer.store.engine import Database
from support.virtual import CURRENT

SCHEMA = """
CREATE TABLE seen (id INTEGER PRIMARY KEY, delivery INTEGER, old TEXT, new TEXT, claim INTEGER, was_claim INTEGER,
 edition INTEGER, issue INTEGER, repeats INTEGER, cause TEXT);
CREATE TRIGGER seen_new AFTER INSERT ON deliveries BEGIN INSERT INTO seen VALUES (NULL, NEW.id, '', NEW.state,
 NEW.claim_id, NULL, NEW.edition_id, NEW.issue_id, NEW.repeats, NEW.cause); END;
CREATE TRIGGER seen_change AFTER UPDATE ON deliveries WHEN OLD.state <> NEW.state OR OLD.claim_id IS NOT NEW.claim_id
 OR OLD.edition_id IS NOT NEW.edition_id BEGIN INSERT INTO seen VALUES (NULL, NEW.id, OLD.state, NEW.state,
 NEW.claim_id, OLD.claim_id, NEW.edition_id, NEW.issue_id, NEW.repeats, NEW.cause); END;
"""
OBEYED_WITHIN = 2.1  # seconds from a claim to a message's beginning, so that leaving is obeyed in time
STATES = tuple(State)
ENDED = {State.ACCEPTED, State.FAILED, State.DEFERRED, State.UNCERTAIN}


@dataclass
class Attempt:
    """One delivery under one claim, in the hands of one process."""

    process: str
    claimed_at: float
    edition: int | None
    waited: float = 0.0  # until it was begun
    handed_over: bool = False
    answered: bool = False


@dataclass
class Row:
    """A delivery as the last commit left it."""

    state: str
    claim: int | None = None
    edition: int | None = None
    issue: int | None = None
    attempted: bool = False
    sent: int | None = None  # the edition that a relay was given whole
    again: int = 0  # how often it went from uncertain back to pending
    attempts: dict[int, Attempt] = field(default_factory=dict)
    ended: list[tuple[int, str]] = field(default_factory=list)  # (claim, state) that an attempt came to


class Witness:
    """Watches one database: `now` is the moment by the clock that counts, `elapsed` the seconds that pass, and
    `lease` how many of them a lease lasts. `steady` says that the two never part."""

    def __init__(
        self, db: Database, now: Callable[[], float], elapsed: Callable[[], float], lease: float, steady: bool
    ) -> None:
        self.rows: dict[int, Row] = {}
        self.taken: Counter[int] = Counter()
        self.editions: Counter[tuple[int, int]] = Counter()
        self.left: set[int] = set()  # the deliveries whose readers have left by now
        self.open_issues: dict[int, str] = {}
        self.deadlines: dict[int, float] = {}
        self.at_least_once: set[int] = set()
        self.newest: int | None = None
        self.leases: dict[int, tuple[int, float]] = {}  # until when: as it is stored, and in seconds that pass
        self.hosts: dict[str, tuple[str, str]] = {}  # of the processes: host and boot
        self.in_flight: defaultdict[str, int] = defaultdict(int)
        self.most_in_flight = 0
        self.commits = 0
        self.edges: Counter[tuple[str, str]] = Counter()
        self.restored_at = -1.0
        self._db = db
        self._now = now
        self._elapsed = elapsed
        self._steady = steady
        self._lease = lease
        self._last = 0
        self.violations: list[str] = []

    def _demand(self, holds: object, otherwise: str) -> None:
        if not holds:  # what raises inside a process may be caught there
            self.violations.append(otherwise)
            raise AssertionError(self.violations[-1])

    def watch(self) -> None:
        """Begin: the database notes each change of a delivery from here on."""
        raw: Any = self._db.engine.raw_connection()
        raw.driver_connection.executescript(SCHEMA)
        raw.close()
        event.listen(self._db.engine, "commit", self._committing)

    # --- the database

    def _committing(self, conn: Connection) -> None:
        if conn.get_execution_options().get("mailer_read_only"):
            return
        raw: Any = conn.connection.driver_connection
        self.commits += 1
        issues = raw.execute(
            "SELECT i.id, i.state, i.frozen, count(d.id),"
            " sum(d.state IN ('pending', 'attempting', 'deferred')), sum(d.state IN (?, ?, ?, ?, ?, ?, ?, ?))"
            " FROM issues i LEFT JOIN deliveries d ON d.issue_id = i.id GROUP BY i.id",
            STATES,
        ).fetchall()
        for issue, state, frozen, rows, waiting, known in issues:
            if frozen:
                self._demand(
                    frozen == rows == known, f"C1: issue {issue} froze {frozen}, has {rows}, {known} in known states"
                )
            self._demand(state != "finished" or not waiting, f"issue {issue} is finished and {waiting} wait")
            self.open_issues[issue] = state
        for claim, until in raw.execute("SELECT id, leased_until FROM claims WHERE ended_at IS NULL").fetchall():
            if self.leases.get(claim, (0, 0.0))[0] != until:
                self.leases[claim] = (until, self._elapsed() + self._lease)
        for change in raw.execute("SELECT * FROM seen WHERE id > ?", (self._last,)).fetchall():
            self._last = change[0]
            self._change(raw, *change[1:])

    def _change(
        self,
        raw: Any,
        delivery: int,
        old: str,
        new: str,
        claim: int | None,
        was_claim: int | None,
        edition: int | None,
        issue: int | None,
        repeats: int,
        cause: str,
    ) -> None:
        row = self.rows.setdefault(delivery, Row(new, None, edition, issue))
        self.edges[old, new] += 1
        if old and old != new:
            self._demand(State(new) in EDGES[State(old)], f"forbidden edge {old} -> {new} of {delivery}")
        elif old and CURRENT.get() is not None:
            self._demand(claim == was_claim, f"{delivery}: claim {was_claim} became {claim} and the state stayed {old}")
        row.state, row.edition, row.issue = new, edition, issue
        if new == State.ATTEMPTING and old != State.ATTEMPTING:
            self._claimed(raw, delivery, row, claim)
        elif old == State.ATTEMPTING and new in ENDED and "quarantined: 3 workers" not in cause:
            row.ended.append((claim or 0, new))
        if new == State.ACCEPTED and "proved by" not in cause:
            self._demand(self.taken[delivery] > 0, f"{delivery} is accepted, and no relay took it")
            if old == State.UNCERTAIN:
                row.ended.append((claim or 0, new))
        if new == State.UNCERTAIN and old == State.ATTEMPTING:
            self._uncertain(raw, delivery, row, claim or 0, cause)
        if (old, new) == (State.UNCERTAIN, State.PENDING) and not self._knows_better(row, was_claim):
            row.again += 1
            if CURRENT.get() is not None:  # not the operator
                may = issue is None or issue in self.at_least_once
                self._demand(may and repeats == 1, f"{delivery} was uncertain and is sent again: {repeats} repeats")

    @staticmethod
    def _knows_better(row: Row, claim: int | None) -> bool:
        """Whether a process tells of what it held itself until another took it over: unsent, or answered."""
        process, attempt = CURRENT.get(), row.attempts.get(claim or 0)
        if process is None or attempt is None:
            return False
        return attempt.process == process.name and (not attempt.handed_over or attempt.answered)

    def _claimed(self, raw: Any, delivery: int, row: Row, claim: int | None) -> None:
        process = CURRENT.get()
        if process is None:  # reconcile names what may have gone out
            return
        assert claim is not None
        if self._knows_better(row, claim):
            row.claim = claim  # it was uncertain or to be sent again, and who held it knows better after all
            return
        latest = max(row.attempts, default=0)
        unheard = self.restored_at >= 0 and latest > 0 and not row.attempts[latest].handed_over  # its commit's answer
        self._demand(claim > latest or unheard, f"{delivery}: claim {claim} is no greater than an earlier one")
        (worker,) = raw.execute("SELECT worker FROM claims WHERE id = ?", (claim,)).fetchone()
        self._demand(worker == process.name, f"{delivery} was claimed by {process.name} for {worker}")
        if row.issue is not None:
            state = self.open_issues[row.issue]
            self._demand(state == "sending", f"{delivery} was claimed though its issue is {state}")
            self._demand(delivery not in self.left, f"{delivery} was claimed after its reader had left")
            deadline = self.deadlines.get(row.issue)
            self._demand(deadline is None or self._now() < deadline, f"{delivery} was claimed after the deadline")
            if not row.attempted and self.newest is not None and self.restored_at < 0:
                self._demand(
                    row.edition == self.newest, f"{delivery} was claimed with edition {row.edition} after a correction"
                )
        row.claim = claim
        row.attempts[claim] = Attempt(worker, self._elapsed(), row.edition)

    def _uncertain(self, raw: Any, delivery: int, row: Row, claim: int, cause: str) -> None:
        if self.restored_at >= 0 or "restored from a backup" in cause:
            return
        attempt, row.attempted = row.attempts[claim], True
        if "was lost with its claim" in cause:
            where = raw.execute("SELECT host, boot FROM claims WHERE id = ?", (claim,)).fetchone()
            taker = CURRENT.get()
            assert taker is not None
            self._demand(
                where != self.hosts[taker.name], f"{delivery}: claim {claim} was called lost beside its journal"
            )
            held = self.leases[claim][1] - self._elapsed()
            self._demand(
                held <= 0.001 or not self._steady, f"{delivery}: claim {claim} was taken over {held} s too early"
            )
        else:
            self._demand(attempt.handed_over, f"{delivery} is uncertain, and was never handed over: {cause}")
            self._demand(not attempt.answered, f"{delivery} is uncertain, and its answer was seen: {cause}")

    # --- the relays

    def begun(self, process: str, delivery: int, frozen_until: float) -> None:
        """A process begins a transaction for a delivery; it stood still until some moment."""
        row = self.rows[delivery]
        row.attempted = True
        attempt = row.attempts.get(row.claim or 0)
        if attempt is not None and frozen_until < attempt.claimed_at:
            attempt.waited = self._elapsed() - attempt.claimed_at

    def handed(self, process: str, delivery: int, edition: int | None) -> None:
        """A process is about to let the final dot go."""
        row = self.rows.get(delivery)
        self.in_flight[process] += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight[process])
        if row is None or row.claim is None or row.claim not in row.attempts:
            self._demand(self.restored_at >= 0, f"{process} handed over {delivery}, which it never claimed")
            return
        attempt = row.attempts[row.claim]
        attempt.handed_over = True
        if self.restored_at < 0:
            again = f"{delivery} was sent with edition {row.sent}, and now with {edition}"
            self._demand(row.sent in {None, edition}, again)
            row.sent = edition
            owner = attempt.process
            seen = row.state == State.ACCEPTED and row.again > 0  # its first answer, after it was claimed again
            known = f"{process} handed over {delivery}, which is {row.state}"
            self._demand(row.state == State.ATTEMPTING or seen, known)
            self._demand(owner == process, f"{process} handed over {delivery}, which {owner} holds")
            waited = f"{process} handed over {delivery}, which waited {attempt.waited:.1f} s"
            self._demand(attempt.waited <= OBEYED_WITHIN, waited)
            late = self._elapsed() - self.leases[row.claim][1]
            self._demand(late < 0, f"{process} handed over {delivery} {late:.1f} s after its lease had run out")
            deadline = self.deadlines.get(row.issue or 0)
            self._demand(deadline is None or self._now() < deadline, f"{delivery} was handed over after the deadline")
            self._demand(
                edition == attempt.edition, f"{delivery} was claimed with edition {attempt.edition}, sent {edition}"
            )

    def answered(self, process: str, delivery: int, result: Result | None, handed: bool) -> None:
        """A transaction ended for the process: with a result, or with an exception."""
        self.in_flight[process] -= handed
        row = self.rows.get(delivery)
        own = [attempt for attempt in row.attempts.values() if attempt.process == process] if row is not None else []
        if own and result is not None:  # others may hold it by now
            own[-1].answered = result.reply is not None or result.phase is not Phase.DOT

    def took(self, delivery: int, edition: int | None) -> None:
        """A relay took a message for good."""
        self.taken[delivery] += 1
        if edition is not None:
            self.editions[delivery, edition] += 1

    def left_in_order(self, process: str) -> None:
        """A process has ended as it should."""
        with self._db.reading() as conn:
            held = "SELECT count(*) FROM claims WHERE ended_at IS NULL AND worker = :name"
            count = conn.execute(text(held), {"name": process}).scalar_one()
        self._demand(not count or self.restored_at >= 0, f"{process} ended in order and left {count} claims open")

    # --- the verdict

    def restored(self) -> None:
        """The database is an older one now; what was seen of it since is to be forgotten."""
        self.restored_at = self._elapsed()
        self.left.clear()
        with self._db.reading() as conn:
            found = conn.execute(text("SELECT id, state, claim_id, edition_id, issue_id FROM deliveries")).all()
            self._last = conn.execute(text("SELECT coalesce(max(id), 0) FROM seen")).scalar_one()
        for delivery, state, _, edition, issue in found:
            row = self.rows[delivery]
            row.state, row.edition, row.issue = state, edition, issue

    def judge(self) -> None:
        """What the relays took, and what we say of it."""
        with self._db.reading() as conn:
            rows = conn.execute(text("SELECT id, state FROM deliveries WHERE address <> ''")).all()
            lines = conn.execute(text("SELECT delivery_id, claim_id, state FROM attempts")).all()
        logged: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
        for delivery, claim, state in lines:
            logged[delivery].append((claim, state))
        for delivery, state in rows:
            row, got = self.rows[delivery], self.taken[delivery]
            least, most = {State.ACCEPTED: (1, 1), State.UNCERTAIN: (0, 1)}.get(State(state), (0, 0))
            again = row.again + (self.restored_at >= 0 and row.issue is None)
            self._demand(least <= got <= most + again, f"{delivery} is {state}, and relays took it {got} times")
            if self.restored_at < 0:
                missing = Counter(row.ended) - Counter(logged[delivery])
                self._demand(not missing, f"{delivery}: attempts without a line: {missing}")
                double = [line for line, count in Counter(logged[delivery]).items() if count > 1]
                self._demand(not double, f"{delivery}: more than one line for {double}")
                extra = {line for line in logged[delivery] if line not in row.ended and line[1] != State.PENDING}
                explained = all(state == State.ACCEPTED or claim in row.attempts for claim, state in extra)
                self._demand(explained, f"{delivery}: lines without an attempt: {extra}")
            elif state not in {State.ACCEPTED, State.UNCERTAIN} and not row.again and row.issue is not None:
                self._demand(not got, f"{delivery} is {state} after a restore, and a relay took it")
