"""The dispatcher under seeded faults: every promise of the contract, in some hundred small worlds.

Any number more, of any seeds: MAILER_SEEDS=1000:3000 pytest tests/flows/test_dispatch_simulation.py
A seed that fails goes into tests/flows/seeds.txt, which is always played.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support import virtual
from support.simulated_relay import Moods
from support.simulation import Weather, World, weather_of

FIRST, _, LAST = os.environ.get("MAILER_SEEDS", "0:100").partition(":")
CHUNK = 10
KEPT = [
    int(line.split()[0])
    for line in Path(__file__).with_name("seeds.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]

Play = Callable[[int, Weather], World]


@pytest.fixture
def play(sqlite_url: str, tmp_path: Path) -> Play:
    """Plays one world to its end and checks it."""

    def play(seed: int, weather: Weather) -> World:
        folder = tmp_path / str(seed)
        folder.mkdir()
        file = folder / "subscribers.db"
        shutil.copyfile(sqlite_url.removeprefix("sqlite:///"), file)
        world = World(seed, folder, f"sqlite:///{file}", weather)
        try:
            virtual.run(world.play())
            world.check()
        except AssertionError as error:
            again = f"MAILER_SEEDS={seed}:{seed + 1} python -m pytest {Path(__file__).name}"
            raise AssertionError(f"seed {seed}: {error}\nagain: {again}; keep it in seeds.txt\n{weather}") from error
        finally:
            world.db.close()
            shutil.rmtree(folder)
        return world

    return play


@pytest.mark.parametrize("start", [*range(int(FIRST), int(LAST), CHUNK)])
def test_no_reader_is_lost_or_mailed_twice_whatever_goes_wrong(start: int, play: Play) -> None:
    for seed in range(start, min(start + CHUNK, int(LAST))):
        play(seed, weather_of(seed))


@pytest.mark.parametrize("seed", KEPT)
def test_what_went_wrong_once_does_not_again(seed: int, play: Play) -> None:
    play(seed, weather_of(seed))


def test_a_storm_of_deferrals_finishes_nothing_too_early(play: Play) -> None:
    for seed in range(3):
        play(seed, Weather(moods=Moods(soft=0.5), kills=1))


def test_without_faults_everybody_is_accepted_once(play: Play) -> None:
    world = play(1, Weather(workers=2, pipelining=True, letters=3))
    assert set(world.witness.taken.values()) == {1}
    assert len(world.witness.taken) == world.readers + 3


def test_the_same_seed_plays_the_same_play(play: Play) -> None:
    first, second = (play(4, weather_of(4)).witness for _ in range(2))
    assert (first.edges, first.taken, first.commits) == (second.edges, second.taken, second.commits)
