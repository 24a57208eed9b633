"""What this host has sent so far, kept beside the journals: it tells when the database is older than that.

A database restored from a backup does not know what was sent after it was made, and would send it again. The
number of a claim only ever grows, so a database whose last claim is below the last one seen here gives it away.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

FILES = "high-water*.json"
KEPT = 50


class HighWater:
    """The greatest claim and delivery this host has worked on, and the last issues it sent.

    The workers of a host keep it together without waiting for each other, since one that is stopped would stop them
    all: each note is a new file that holds what the files before it held, and only those are removed.
    """

    def __init__(self, folder: Path) -> None:
        """Read what is noted in `folder`; a file that is damaged knows nothing."""
        self._folder = folder
        self.claim, self.delivery = 0, 0
        self.issues: list[str] = []
        self.rows: dict[str, int] = {}  # of the issues: one that was given up and published anew has its slug, too
        self.look()

    def raise_to(self, claim: int, delivery: int = 0, issue: str = "", row: int = 0) -> None:
        """Note a committed claim. Raises OSError when the file cannot be written."""
        older = self.look()
        self._know(claim, delivery, [issue] if issue else [], {issue: row})
        known = {"claim": self.claim, "delivery": self.delivery, "issues": self.issues, "rows": self.rows}
        note = self._folder / f"high-water-{secrets.token_hex(8)}.json"
        draft = note.with_suffix(".new")
        try:
            draft.write_text(json.dumps(known, ensure_ascii=False), encoding="utf-8")
            os.replace(draft, note)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        for path in older:
            path.unlink(missing_ok=True)

    def look(self) -> list[Path]:
        """Learn from every note; one that vanishes meanwhile stands in a newer one. Returns the files."""
        while True:
            paths = sorted(self._folder.glob(FILES))
            try:
                texts = [path.read_bytes() for path in paths]
            except FileNotFoundError:
                continue
            except OSError:
                return []
            for text in texts:
                try:
                    found = json.loads(text)
                    rows = {str(slug): int(row) for slug, row in found.get("rows", {}).items()}
                    self._know(int(found["claim"]), int(found["delivery"]), [str(one) for one in found["issues"]], rows)
                except (ValueError, KeyError, TypeError, AttributeError):
                    continue
            return paths

    def _know(self, claim: int, delivery: int, issues: list[str], rows: dict[str, int]) -> None:
        self.claim, self.delivery = max(self.claim, claim), max(self.delivery, delivery)
        self.issues = [*self.issues, *(one for one in issues if one not in self.issues)][-KEPT:]
        self.rows = {slug: max(self.rows.get(slug, 0), rows.get(slug, 0)) for slug in self.issues}
