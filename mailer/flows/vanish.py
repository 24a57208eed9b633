"""Domains said to be gone -> our own look-up -> their readers suppressed, or let go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from mailer.store import vanished
from mailer.store.engine import Database

MOST = 100  # domains looked up in one go
SILENT = 3  # so many without an answer, and the rest waits for the next time


def look_up(db: Database, takes_mail: Callable[[str], bool | None], clock: Callable[[], datetime]) -> dict[str, bool]:
    """Settle the domains that wait; returns those that were, and whether each is gone. No answer: they wait on."""
    settled: dict[str, bool] = {}
    silent = 0
    for domain in db.read(vanished.waiting)[:MOST]:
        found = takes_mail(domain)
        silent += found is None
        if silent >= SILENT:
            break
        if found is not None and db.run(vanished.settle, domain, not found, clock()):
            settled[domain] = not found
    return settled
