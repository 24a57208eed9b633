"""A club's folder on which the real command line is run, and the relay's ledger compared with the club's."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mailer.cli.init import make_club
from mailer.flows import report
from mailer.store.engine import Database
from support.cast import reader
from support.command import Running

NUMBER = "86"
ISSUE = Path(__file__).parent.parent.parent / "examples" / "issue-en.md"


class ClubFolder:
    """A club with readers r0@example.com, r1 and so on, and the issue today.md; settings go by the environment."""

    def __init__(self, folder: Path, relay_url: str, *, database: str = "", readers: int = 40, **settings: str) -> None:
        self.folder = folder
        make_club(folder)
        shutil.copyfile(ISSUE, folder / "today.md")
        url = database or f"sqlite:///{folder / 'subscribers.db'}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MAILER_")},
            "MAILER_RELAY__URL": relay_url,
            "MAILER_RELAY__CONNECTIONS": "4",
            "MAILER_DATABASE__URL": url,
            "NO_COLOR": "1",
            **settings,
        }
        self.readers = readers
        self.db = Database(url)
        with self.db.transaction() as conn:
            for number in range(readers):
                reader(conn, f"r{number}@example.com")

    def start(self, *arguments: str) -> Running:
        """`mailer ARGUMENTS`, running."""
        return Running(self.folder, arguments, self.environment)

    def run(self, *arguments: str, seconds: float = 60) -> tuple[int, str, str]:
        """`mailer ARGUMENTS` to its end: exit code, stdout, stderr. Never a traceback."""
        with self.start(*arguments) as process:
            done = process.communicate(seconds)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def agree(self, taken: Counter[str], at_most_uncertain: int) -> dict[str, int]:
        """Everybody is accounted for: accepted got it once, uncertain and named at most once, others never."""
        found = report.audit(self.db, NUMBER)
        uncertain = {one.address for one in found.uncertain}
        with self.db.reading() as conn:
            rows = conn.exec_driver_sql("SELECT address, state FROM deliveries WHERE issue_id IS NOT NULL").all()
        assert found.balanced
        assert len(rows) == self.readers
        for address, state in rows:
            wanted = {"accepted": {1}, "uncertain": {0, 1}}.get(state, {0})
            assert taken[address] in wanted, f"{address} is {state}, the relay took it {taken[address]} times"
            assert (address in uncertain) == (state == "uncertain")
        assert all(one.cause and one.at and one.worker for one in found.uncertain)
        assert len(uncertain) <= at_most_uncertain
        return {state: count for state, count in found.counts.items() if count}

    def audit(self) -> dict[str, Any]:
        """What `mailer audit --json` says."""
        code, out, err = self.run("audit", NUMBER, "--json")
        assert code == 0, err
        found: dict[str, Any] = json.loads(out)
        return found


def wait_until(condition: Callable[[], bool], process: Running | None = None) -> None:
    """Look again and again, for what tells nobody by itself; 30 s at most, or until the process ends."""
    give_up_at = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up_at
        assert process is None or process.poll() is None, process.communicate() if process else ""
        time.sleep(0.005)
