"""Cells that a spreadsheet would run as a formula: made harmless on the way out, and as they were on the way in."""

from __future__ import annotations

import re

_RISKY = re.compile("'*[=+\\-@\t\r\0＝＋－＠]")


def guarded(text: str) -> str:
    """A text that no spreadsheet runs: an apostrophe stands before it where one might (OWASP, "CSV Injection")."""
    return f"'{text}" if _RISKY.match(text) else text


def unguarded(text: str) -> str:
    """The text that `guarded` was given."""
    return text[1:] if text.startswith("'") and _RISKY.match(text) else text
