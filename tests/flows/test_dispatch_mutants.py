"""The simulation is worth something: it catches classic mistakes of a dispatcher, planted here."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, false, update
from support import simulation, virtual
from support.simulation import Faults, World

from mailer.model.delivery import Phase, State
from mailer.store import ledger
from mailer.store.journal import Journal, Mark
from mailer.store.ledger import Outcome
from mailer.store.schema import deliveries

MOST_SEEDS = 30
Plant = Callable[[pytest.MonkeyPatch], None]


def _no_intent(patch: pytest.MonkeyPatch) -> None:
    """What is handed over is not noted before."""
    mark = Journal.mark

    def forget(journal: Journal, position: int, value: Mark) -> None:
        if value is not Mark.HANDED_OVER:
            mark(journal, position, value)

    patch.setattr(Journal, "mark", forget)


def _uncertain_retried(patch: pytest.MonkeyPatch) -> None:
    """What may have arrived is sent again."""
    record = ledger.record

    def again(conn: Connection, claim_id: int, outcomes: Sequence[Outcome], now: datetime, **rest: Any) -> None:
        record(conn, claim_id, outcomes, now, **rest)
        conn.execute(
            update(deliveries).where(deliveries.c.state == State.UNCERTAIN).values(state=State.PENDING, due_at=now)
        )

    patch.setattr(ledger, "record", again)


def _no_abort(patch: pytest.MonkeyPatch) -> None:
    """A transaction without an answer after the dot is called certainly not sent."""
    lost = simulation.SimulatedSession._lost

    def called_body(session: simulation.SimulatedSession, phase: Phase) -> Any:
        return lost(session, Phase.BODY if phase is Phase.DOT else phase)

    patch.setattr(simulation.SimulatedSession, "_lost", called_body)


def _no_recheck(patch: pytest.MonkeyPatch) -> None:
    """Whoever was in the audience gets it, gone or not."""
    patch.setattr(ledger, "or_", lambda *conditions: false())


@pytest.mark.parametrize("plant", [_no_intent, _uncertain_retried, _no_abort, _no_recheck])
def test_the_simulation_catches_a_planted_mistake(
    plant: Plant, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    for seed in range(MOST_SEEDS):
        folder = tmp_path / str(seed)
        folder.mkdir()
        shutil.copyfile(sqlite_url.removeprefix("sqlite:///"), folder / "subscribers.db")
        world = World(
            seed, folder, f"sqlite:///{folder / 'subscribers.db'}", faults=Faults(stall=0.05, unsubscribes=10)
        )
        try:
            virtual.run(world.play())
            world.check()
        except AssertionError:
            return
        finally:
            world.db.close()
    pytest.fail(f"{MOST_SEEDS} seeds did not notice: {plant.__doc__}")
