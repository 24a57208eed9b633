"""The simulation is worth something: it catches the classic mistakes of a dispatcher, planted here one at a time.

Each is a change of the source text, made in a copy of the program that a process of its own plays seeds with. A
text that is no longer there fails the test: the mistake has to be planted anew.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import mailer

PROGRAM = Path(mailer.__file__).parent
TESTS = Path(__file__).parents[1]
MOST_SEEDS = 60


class Mutant(NamedTuple):
    """Somewhere under `where`, `text` (in one place only) becomes `instead`; `seed` is one that noticed."""

    where: str
    text: str
    instead: str
    seed: int = 0


MUTANTS = {
    "no intent recorded": Mutant("flows/dispatch/*.py", "work.mark(Mark.HANDED_OVER)", "pass", 19),
    "no fence at the hand-over": Mutant("flows/dispatch/*.py", "batch.lost or now >= batch.lease_ends or ", "", 153),
    "no fence in the ledger": Mutant(
        "store/ledger.py",
        ".where(d.id == outcome.delivery.id, d.claim_id == claim_id, d.state == State.ATTEMPTING)",
        ".where(d.id == outcome.delivery.id)",
        55,
    ),
    "uncertain retried": Mutant("store/ledger.py", "or_(d.letter_id.is_not(None), d.issue_id.in_(chosen)), ", "", 1),
    "time-out without abort": Mutant(
        "transport/protocol.py",
        "        self._transport.abort()\n        if self._timer",
        "        if self._timer",
        46,
    ),
    "no unsubscribe re-check": Mutant(
        "store/picking.py",
        'or_(d.address == "", s.state != "active", is_suppressed(s.match_key, now))',
        'd.address == ""',
        3,
    ),
    # Mistakes there have been; the simulation found them.
    "a lease counted from the answer to its commit": Mutant(
        "flows/dispatch/dispatcher.py",
        "        for batch in list(self._batches.values()):\n            if batch.open == 0:",
        "        lease_ends = self._monotonic() + LEASE.total_seconds()\n"
        "        for batch in list(self._batches.values()):\n            if batch.open == 0:",
        717,
    ),
    "a message sent after the deadline because the relay was slow": Mutant(
        "flows/dispatch/connection.py", "self._desk.now() >= batch.deadline", "False", 117
    ),
    "a message sent long after its claim": Mutant(
        "flows/dispatch/connection.py", "call_later(left, self._take_back)", "call_later(left, bool)", 49
    ),
    "a restored backup that forgets what was due": Mutant(
        "store/restored.py", ", issues.c.send_at <= now, issues.c.slug.in_(sent))", ")", 193
    ),
    "a restored backup that believes a clock set back": Mutant(
        "store/restored.py", ", issues.c.slug.in_(sent))", ")", 268
    ),
    "a correction that passes over who was claimed": Mutant(
        "store/ledger.py", '{"edition_id": edition_now()}', "{}", 28
    ),
}


def _plant(mutant: Mutant, folder: Path) -> None:
    shutil.copytree(PROGRAM, folder / "mailer", ignore=shutil.ignore_patterns("__pycache__"))
    files = [file for file in (folder / "mailer").glob(mutant.where) if mutant.text in file.read_text(encoding="utf-8")]
    assert len(files) == 1, f"{mutant.text!r} stands in {len(files)} files of {mutant.where}: plant the mistake anew"
    text = files[0].read_text(encoding="utf-8")
    assert text.count(mutant.text) == 1, f"{mutant.text!r} is not the only one in {files[0].name}"
    files[0].write_text(text.replace(mutant.text, mutant.instead), encoding="utf-8")


@pytest.mark.parametrize("name", MUTANTS)
def test_the_simulation_catches_a_planted_mistake(name: str, tmp_path: Path) -> None:
    _plant(MUTANTS[name], tmp_path)
    played = subprocess.run(
        [sys.executable, "-m", "support.play", f"{MUTANTS[name].seed}:{MUTANTS[name].seed + MOST_SEEDS}"],
        cwd=TESTS,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{TESTS}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert played.returncode == 1, f"{MOST_SEEDS} seeds did not notice: {name}\n{played.stderr}"
    print(f"{name}: caught by {played.stdout.strip()}")  # pytest -rP shows it
    assert played.stdout.startswith("seed "), played.stdout + played.stderr
