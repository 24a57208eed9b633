"""Complaint reports in the Abuse Reporting Format (RFC 5965)."""

from __future__ import annotations

from dataclasses import dataclass

from mailer.mail.dsn import address_in
from mailer.mail.mime import split

COMPLAINTS = frozenset({"abuse", "fraud", "virus", "phishing", "miscategorized", "complaint", "other"})


@dataclass(frozen=True, slots=True)
class Report:
    """What a provider reports: `type` in lower case, `recipients` as far as they were not blacked out."""

    type: str
    recipients: tuple[str, ...]

    @property
    def complaint(self) -> bool:
        """Whether a reader complained; `not-spam` and `auth-failure` are no complaints."""
        return self.type in COMPLAINTS

    @property
    def opt_out(self) -> bool:
        """Whether the reader only wants no more mail (RFC 5965 section 7.3, opt-out)."""
        return self.type.startswith("opt-out")


def read(text: str) -> Report | None:
    """The report in a message/feedback-report body, or None when it is not one."""
    fields = split(text.strip("\n") + "\n\n")[0]
    kind = fields.get("feedback-type", ("",))[0].strip().lower()
    if not kind:
        return None
    named = (*fields.get("original-rcpt-to", ()), *fields.get("removal-recipient", ()))
    return Report(kind, tuple(dict.fromkeys(filter(None, map(address_in, named)))))
