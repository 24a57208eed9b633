"""Plays seeds of the simulation until one shows a mistake: python -m support.play FIRST:LAST (in the folder tests)."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from mailer.store import migrate
from mailer.store.engine import Database
from support import virtual
from support.simulation import World, weather_of


def main(seeds: str) -> int:
    """0 when all seeds of `FIRST:LAST` hold; 1 and a line for the first that does not."""
    first, _, last = seeds.partition(":")
    with tempfile.TemporaryDirectory() as name:
        template = Path(name) / "template.db"
        database = Database(f"sqlite:///{template}")
        migrate.upgrade(database)
        database.close()
        for seed in range(int(first), int(last or int(first) + 1)):
            folder = Path(name) / str(seed)
            folder.mkdir()
            shutil.copyfile(template, folder / "subscribers.db")
            world = World(seed, folder, f"sqlite:///{folder / 'subscribers.db'}", weather_of(seed))
            try:
                virtual.run(world.play())
                world.check()
            except Exception as error:
                print(f"seed {seed}: {type(error).__name__}: {error}")
                return 1
            finally:
                world.db.close()
                shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
