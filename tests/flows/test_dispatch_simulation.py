"""The dispatcher under seeded faults: every promise of the contract, in some hundred small worlds.

Any number more: MAILER_SEEDS=1000:3000 pytest tests/flows/test_dispatch_simulation.py
"""

import os
import shutil
from pathlib import Path

import pytest
from support import virtual
from support.simulation import Faults, World

FIRST, _, LAST = os.environ.get("MAILER_SEEDS", "0:100").partition(":")
CHUNK = 10


def _play(seed: int, sqlite_url: str, tmp_path: Path, faults: Faults) -> None:
    folder = tmp_path / str(seed)
    folder.mkdir()
    file = folder / "subscribers.db"
    shutil.copyfile(sqlite_url.removeprefix("sqlite:///"), file)
    world = World(seed, folder, f"sqlite:///{file}", faults=faults)
    try:
        virtual.run(world.play())
        world.check()
    finally:
        world.db.close()


@pytest.mark.parametrize("start", [*range(int(FIRST), int(LAST), CHUNK)])
def test_no_reader_is_lost_or_mailed_twice_whatever_goes_wrong(start: int, sqlite_url: str, tmp_path: Path) -> None:
    for seed in range(start, min(start + CHUNK, int(LAST))):
        _play(seed, sqlite_url, tmp_path, Faults())


def test_a_storm_of_deferrals_finishes_nothing_too_early(sqlite_url: str, tmp_path: Path) -> None:
    for seed in range(3):
        _play(seed, sqlite_url, tmp_path, Faults(refuse_soft=0.7, kills=1))


def test_without_faults_everybody_is_accepted_once(sqlite_url: str, tmp_path: Path) -> None:
    calm = Faults(0, 0, 0, 0, 0, 0, 0, kills=0, freezes=0, unsubscribes=0, operator=False)
    world = World(1, tmp_path, sqlite_url, faults=calm)
    virtual.run(world.play())
    world.check()
    assert world.counts()["accepted"] == world.readers
    world.db.close()
