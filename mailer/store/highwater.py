"""What this host has sent so far, kept beside the journals: it tells when the database is older than that.

A database restored from a backup does not know what was sent after it was made, and would send it again. The
number of a claim only ever grows, so a new claim that is not above the last one seen here gives it away.
"""

from __future__ import annotations

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
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            self.claim, self.delivery = int(found["claim"]), int(found["delivery"])
            self.issues: list[str] = [str(slug) for slug in found["issues"]]
        except (OSError, ValueError, KeyError, TypeError):
            self.claim, self.delivery, self.issues = 0, 0, []

    def raise_to(self, claim: int, delivery: int, issue: str = "") -> None:
        """Note a committed claim. Raises OSError when the file cannot be written."""
        self.claim, self.delivery = max(self.claim, claim), max(self.delivery, delivery)
        if issue and issue not in self.issues:
            self.issues = [*self.issues, issue][-KEPT:]
        draft = self._path.with_suffix(".new")
        text = json.dumps({"claim": self.claim, "delivery": self.delivery, "issues": self.issues}, ensure_ascii=False)
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, self._path)
