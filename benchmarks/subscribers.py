"""Subscribers as data: import of N readers, then list, search and segment counts on them, with time and memory.

python benchmarks/subscribers.py [N] [URL]      default 100,000; SQLite in a temporary folder, else an empty database

Targets for a million: the command imports them in 60 s and 200 MB; a list, a search, a count takes less than 300 ms.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mailer.keys import new_key
from mailer.model.subscriber import State
from mailer.store import migrate, segments, subscribers
from mailer.store.engine import Database

QUERIES = (
    'language = "zh"',
    "tag = tmall",
    'language = "zh" and tag = "tmall" and joined > -30d',
    "domain = mail7.example.com",
    'city = "上海"',
    'city contains "on"',
    "level >= 9",
    "level >= 5 and not tag = vip",
)


def now() -> datetime:
    """The clock of the benchmark."""
    return datetime.now(UTC)


def write_list(file: Path, size: int) -> None:
    """A made-up list: random local parts, 500 domains, two languages, tags for one in five, three attributes."""
    dice = random.Random(1)  # noqa: S311 - made-up readers
    with file.open("w", encoding="utf-8") as out:
        out.write("email,name,language,tags,consent_source,consent_at,city,level\n")
        for number in range(size):
            language, city = ("zh", "上海") if number % 2 else ("en", "London")
            day = (now() - timedelta(days=1 + number % 400)).date()
            tags = ("", "", "", "", "tmall", "tmall;vip")[number % 6]
            local = f"reader.{dice.getrandbits(40):x}.{number}"
            domain = f"mail{number % 500}.example.com"
            out.write(f"{local}@{domain},Reader {number},{language},{tags},fair,{day},{city},{number % 10}\n")


def timed(what: str, work: Callable[[], object]) -> None:
    """Run it three times and print the best."""
    best, result = float("inf"), None
    for _ in range(3):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    print(f"{best * 1000:9.1f} ms  {what}: {result}", flush=True)


def import_list(folder: Path, file: Path, url: str) -> None:
    """Import it by the command, as an operator does; print how long that took and how much memory."""
    command = [sys.executable, "-m", "mailer", "subscribers", "import", str(file)]
    start = time.perf_counter()
    running = subprocess.Popen(
        command, cwd=folder, env=os.environ | {"MAILER_DATABASE__URL": url}, stdout=subprocess.PIPE, text=True
    )
    most = 0.0
    while running.poll() is None:
        most = max(most, memory(running.pid))
        time.sleep(0.1)
    took = time.perf_counter() - start
    said = running.communicate()[0].strip()
    assert running.returncode == 0, said
    print(f"{took:9.1f} s   import: {said}, {most:.0f} MB at most", flush=True)


def memory(pid: int) -> float:
    """What a process and those it started have in memory now, in MB; what they share counts once."""
    total = 0
    try:
        started = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for one in (str(pid), *started):
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text()
            total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    except OSError:  # ended in between
        pass
    return total / 1024


def main() -> None:
    """Run everything once."""
    size = int(sys.argv[1].replace(",", "")) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "list.csv"
        write_list(file, size)
        (folder / "mailer.toml").touch()
        (folder / "mailer.key").write_text(new_key())
        url = sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{folder}/subscribers.db"
        db = Database(url)
        migrate.upgrade(db)
        import_list(folder, file, url)
        import_list(folder, file, url)
        timed("first page", lambda: len(db.read(subscribers.page, limit=50)))
        timed("page by state", lambda: len(db.read(subscribers.page, limit=50, state=State.ACTIVE)))
        timed("search, common", lambda: len(db.read(subscribers.page, limit=50, search="reader.1")))
        timed("search, nowhere", lambda: len(db.read(subscribers.page, limit=50, search="nobody-has-this")))
        timed("search, domain", lambda: len(db.read(subscribers.page, limit=50, search="@mail7.example.com")))
        for query in QUERIES:
            wanted = segments.condition(query, now(), default_language="en")
            timed(f"count {query}", lambda: db.read(subscribers.count, segment=wanted, state=State.ACTIVE))  # noqa: B023
        db.close()


if __name__ == "__main__":
    main()
