"""What this host has sent so far, kept beside the journals: it tells when the database is older than that.

A database restored from a backup does not know what was sent after it was made, and would send it again. The
number of a claim only ever grows, so a database whose last claim is below the last one seen here gives it away.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

FILE = "high-water.json"
KEPT = 50


class HighWater:
    """The greatest claim and delivery this host has worked on, and the last issues it sent."""

    def __init__(self, folder: Path) -> None:
        """Read the file in `folder`; one that is absent or damaged knows nothing."""
        self._path = folder / FILE
        self.claim, self.delivery = 0, 0
        self.issues: list[str] = []
        self._read()

    def raise_to(self, claim: int, delivery: int = 0, issue: str = "") -> None:
        """Note a committed claim. Raises OSError when the file cannot be written."""
        with open(self._path.with_suffix(".lock"), "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # other workers of this host note theirs in the same file
            self._read()
            self.claim, self.delivery = max(self.claim, claim), max(self.delivery, delivery)
            if issue and issue not in self.issues:
                self.issues = [*self.issues, issue][-KEPT:]
            draft = self._path.with_suffix(".new")
            known = {"claim": self.claim, "delivery": self.delivery, "issues": self.issues}
            draft.write_text(json.dumps(known, ensure_ascii=False), encoding="utf-8")
            os.replace(draft, self._path)

    def _read(self) -> None:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            claim, delivery, issues = int(found["claim"]), int(found["delivery"]), [str(one) for one in found["issues"]]
        except (OSError, ValueError, KeyError, TypeError):
            return
        self.claim, self.delivery = max(self.claim, claim), max(self.delivery, delivery)
        self.issues = [*issues, *(one for one in self.issues if one not in issues)][-KEPT:]
