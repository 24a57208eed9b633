"""What sending must not cost, as ratios that hold on a busy machine; benchmarks/dispatch.py measures the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BUSY = 300  # seconds that a run of half a minute may take where other tests keep the machine busy
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

pytestmark = pytest.mark.timeout(BUSY + 30)


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    """One quick run; it fails by itself when a message is lost, doubled or sent to somebody else."""
    found: dict[str, Any] = run("dispatch.py", "--quick", "--rounds", "1", "--messages", "2000")
    return found


def run(program: str, *options: str) -> Any:
    command = [sys.executable, str(BENCHMARKS / program), *options, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUSY)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def target(figures: dict[str, Any], start: str) -> float:
    """The value of the one target whose name begins so."""
    (value,) = [one["value"] for one in figures["targets"] if one["name"].startswith(start)]
    return float(value)


def test_the_product_needs_a_fifth_of_the_cpu_of_a_message_built_for_each_reader(figures: dict[str, Any]) -> None:
    assert target(figures, "CPU efficiency") >= 5


def test_a_message_takes_four_round_trips_in_lockstep_and_one_pipelined(figures: dict[str, Any]) -> None:
    assert target(figures, "own sink, 50 ms: round trips a message, lockstep") == 4
    # A sink that takes half a second for one, as on a machine of many tests, is told of one at a time for a while.
    assert 1 <= target(figures, "own sink, 50 ms: round trips a message, pipelined") <= 1.25


def test_every_message_reads_as_if_rendered_for_its_reader_alone(figures: dict[str, Any]) -> None:
    """The run ends by itself where one does not; here it is only that there were some."""
    assert figures["compared"] >= 60


def test_memory_does_not_grow_with_the_readers(figures: dict[str, Any]) -> None:
    assert target(figures, "peak RSS") < 20


def test_a_killed_send_loses_and_doubles_nobody_and_names_whom_it_does_not_know_of() -> None:
    (left,) = run("killed.py", "--readers", "600", "--kills", "1")
    assert (left["lost"], left["twice"], left["readers"]) == (0, 0, 600)
    assert left["once"] + left["never"] == 600
    assert left["never"] <= left["doubtful"] <= 10
