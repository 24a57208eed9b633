"""What the tests of the dispatcher stand on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pacing_world import MakeWorld, PacedWorld
from support.stage import Stage

from mailer.flows.dispatch import dispatcher
from mailer.store.engine import Database
from mailer.transport import lane as lanes


@pytest.fixture
def short_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay that failed is asked again soon, and so is who had nothing to send; answers are not gathered for long."""
    monkeypatch.setattr(lanes, "BREAKER_SECONDS", (0.02, 0.05, 0.1, 0.5))
    for name, seconds in {"FLUSH_SECONDS": 0.03, "POLL_SECONDS": 0.05, "LIMIT_SECONDS": 0.2}.items():
        monkeypatch.setattr(dispatcher, name, seconds)


@pytest.fixture
def stage(db: Database, tmp_path: Path) -> Stage:
    """An issue for twelve readers: once on SQLite, once on PostgreSQL."""
    return Stage(db, tmp_path)


@pytest.fixture
def make_world(sqlite_url: str, tmp_path: Path) -> Iterator[MakeWorld]:
    """Makes a world of relays with limits, for so many readers by domain."""
    worlds = []

    def make(readers: dict[str, int], seed: int = 1) -> PacedWorld:
        worlds.append(PacedWorld(tmp_path, sqlite_url, readers, seed))
        return worlds[-1]

    yield make
    for world in worlds:
        world.db.close()
