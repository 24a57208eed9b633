"""The scripted relay as a process of its own, for tests that kill processes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path


class RelayProcess:
    """A running `python -m support.relay`; `port` to send to, `accepted()` its ledger so far."""

    def __init__(self, port: int, ledger: Path) -> None:
        self.port = port
        self.ledger = ledger

    def accepted(self) -> Counter[str]:
        """How many messages the relay has taken, per recipient."""
        return Counter(line.split("\t")[0] for line in self._lines())

    def message_ids(self) -> Counter[str]:
        """How many messages the relay has taken, per Message-ID."""
        return Counter(line.split("\t")[1] for line in self._lines())

    def _lines(self) -> list[str]:
        return self.ledger.read_text().splitlines() if self.ledger.exists() else []


@contextlib.contextmanager
def relay_process(folder: Path, *options: str) -> Iterator[RelayProcess]:
    """Start a relay with the command-line `options` of support.relay; it ends with the block."""
    ledger = folder / "relay-ledger.txt"
    process = subprocess.Popen(
        [sys.executable, "-m", "support.relay", "--ledger", str(ledger), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield RelayProcess(int(process.stdout.readline()), ledger)
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
