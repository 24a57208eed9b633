"""What the tests of the dispatcher stand on."""

from pathlib import Path

import pytest
from support.stage import Stage

from mailer.store.engine import Database
from mailer.transport import lane as lanes


@pytest.fixture
def short_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay that failed is asked again soon."""
    monkeypatch.setattr(lanes, "BREAKER_SECONDS", (0.02, 0.05, 0.1))


@pytest.fixture
def stage(db: Database, tmp_path: Path) -> Stage:
    """An issue for twelve readers: once on SQLite, once on PostgreSQL."""
    return Stage(db, tmp_path)
