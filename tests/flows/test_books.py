"""The books of a worker: what a claim takes of whom, when several limits meet."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.cast import NOW, later, publish, reader

from mailer.flows.dispatch.books import Books
from mailer.model.pacing import Window
from mailer.model.routing import ANYBODY
from mailer.rendering.outgoing import Outgoing
from mailer.store import budgets
from mailer.store.budgets import PROVIDER, Slowdown
from mailer.store.engine import Database
from mailer.store.leases import Worker
from mailer.transport.lane import Lane

QUOTAS = (Window(12, 3600.0),)


@pytest.fixture
def books(db: Database, tmp_path: Path) -> Books:
    with db.transaction() as conn:
        for number in range(120):
            reader(conn, f"reader{number}@{('qq.com', '163.com', 'example.com')[number % 3]}")
        publish(conn)
    return Books(
        db=db,
        composer=lambda conn, rows: lambda row: Outgoing(row.address, "token", ()),
        record_refusals=lambda conn, refusals, now: None,
        clock=lambda: later(seconds=301),
        worker=Worker("w1", "host", 1, "boot"),
        journal_folder=tmp_path,
        monotonic=lambda: 0.0,
    )


def _claimed(books: Books, limit: int, quotas: tuple[Window, ...] = ()) -> Counter[str]:
    lane = Lane(SimpleNamespace(name="relay"), 10, lambda token: token, quotas=quotas)  # type: ignore[arg-type]
    batch, _ = books.claim(lane, limit, ANYBODY)
    assert batch is not None
    batch.journal.close()
    return Counter(row.domain for row in batch.deliveries)


def _slow(db: Database, *domains: str) -> dict[str, int]:
    """Both providers have asked for less; what each may get after their pause."""
    slowed = [Slowdown(PROVIDER + domain, 60, 300.0, "550 Connection frequency limited") for domain in domains]
    db.run(budgets.settle, {}, slowed, NOW)
    return db.run(budgets.allowance, "relay", (), later(seconds=301)).providers


def test_of_slowed_providers_a_claim_takes_what_each_may_get_and_fills_up_with_others(
    db: Database, books: Books
) -> None:
    may = _slow(db, "qq.com", "163.com")
    assert 1 < may["qq.com"] < 40
    assert _claimed(books, 70) == {**may, "example.com": 70 - sum(may.values())}


@pytest.mark.parametrize("limit", [10, 12, 50])
def test_slowed_providers_together_get_no_more_than_the_claim_is_of(db: Database, books: Books, limit: int) -> None:
    _slow(db, "qq.com", "163.com")
    assert sum(_claimed(books, limit, QUOTAS).values()) == min(limit, 12)


def test_without_limits_a_claim_is_of_whoever_comes_first(books: Books) -> None:
    assert _claimed(books, 30) == dict.fromkeys(("qq.com", "163.com", "example.com"), 10)
