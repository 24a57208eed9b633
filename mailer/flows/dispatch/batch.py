"""What goes between a dispatcher's connections and its books: claimed work, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from mailer.mail.reply import Reply
from mailer.model.delivery import Phase
from mailer.rendering.outgoing import Outgoing
from mailer.store.budgets import Slowdown
from mailer.store.journal import Journal, Mark
from mailer.store.ledger import Outcome
from mailer.store.picking import Claimed


@dataclass(slots=True, eq=False)
class Batch:
    """One claim in the hands of this process; times are seconds of the monotonic clock, `deadline` is its issue's."""

    id: int
    deliveries: list[Claimed]
    compose: Callable[[Claimed], Outgoing]
    journal: Journal
    claimed_at: float
    lease_ends: float
    open: int
    deadline: datetime | None = None
    lost: bool = False


class Work(NamedTuple):
    """One delivery of a batch, as it was claimed."""

    batch: Batch
    position: int
    row: Claimed

    def mark(self, mark: Mark) -> None:
        """Note in the claim's journal how far it got."""
        self.batch.journal.marks[self.position] = mark


@dataclass(frozen=True, slots=True)
class Refusal:
    """A delivery the relay refused for good or deferred, for the bounce journey to judge."""

    delivery: Claimed
    reply: Reply
    phase: Phase


class Entry(NamedTuple):
    """An outcome to be recorded, with the refusal to be judged if it was one."""

    batch: Batch
    outcome: Outcome
    refusal: Refusal | None


@dataclass(slots=True)
class Page:
    """What is known and not yet committed."""

    entries: list[Entry] = field(default_factory=list)
    released: list[Work] = field(default_factory=list)
    pauses: dict[int, str] = field(default_factory=dict)  # issue: cause
    slowdowns: dict[str, Slowdown] = field(default_factory=dict)  # by budget
    too_fast: dict[str, str] = field(default_factory=dict)  # relay: what it said of a limit by the second

    def __bool__(self) -> bool:
        return bool(self.entries or self.released)  # who is to pause or to slow down, is so by an entry

    def copy(self) -> Page:
        """The page as it stands: more may be written on this one meanwhile."""
        told = dict(self.pauses), dict(self.slowdowns), dict(self.too_fast)
        return Page(list(self.entries), list(self.released), *told)

    def strike(self, done: Page) -> None:
        """Take off what was committed from an earlier `copy`."""
        del self.entries[: len(done.entries)], self.released[: len(done.released)]
        for issue_id in done.pauses:
            del self.pauses[issue_id]
        for key in done.slowdowns:
            del self.slowdowns[key]
        for relay in done.too_fast:
            del self.too_fast[relay]
