"""SMTP replies and enhanced status codes: RFC 5321 section 4.2 and RFC 3463."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply of a server: `code` is three digits, `lines` the text of each line without code and separator."""

    code: int
    lines: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The reply's lines joined by one blank."""
        return " ".join(self.lines)

    @property
    def status(self) -> str:
        """The enhanced status code that opens the text ("5.1.1"), or "" (RFC 2034 section 4)."""
        found = _ENHANCED.match(self.lines[0]) if self.lines else None
        return found[1] if found else ""

    @property
    def positive(self) -> bool:
        """2yz or 3yz: the command was taken."""
        return 200 <= self.code < 400

    @property
    def transient(self) -> bool:
        """4yz: try again later (RFC 5321 section 4.2.1)."""
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        """5yz: the same command will not succeed (RFC 5321 section 4.2.1)."""
        return 500 <= self.code < 600

    def __str__(self) -> str:
        return f"{self.code} {self.text}".rstrip()
