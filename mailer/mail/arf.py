"""Complaint reports: the Abuse Reporting Format (RFC 5965), and those of Microsoft and SpamCop, which are not in it."""

from __future__ import annotations

from dataclasses import dataclass

from mailer.mail.dsn import address_in
from mailer.mail.mime import Headers, Mail, split

COMPLAINTS = frozenset({"abuse", "fraud", "virus", "phishing", "miscategorized", "complaint", "other"})

# Complaints that are no ARF: whose they are, in which headers, the field that tells and what it has to contain.
_OTHERS = (
    ("Microsoft JMRP", "returned", "x-hmxmroriginalrecipient", "@"),
    ("SpamCop", "report", "from", "@reports.spamcop.net"),
    ("X-ARF", "report", "x-xarf", ""),
)


@dataclass(frozen=True, slots=True)
class Report:
    """What a provider reports: `type` in lower case, `recipients` as far as not blacked out, `source` its format."""

    type: str
    recipients: tuple[str, ...]
    source: str = "RFC 5965"

    @property
    def complaint(self) -> bool:
        """Whether a reader complained; `not-spam` and `auth-failure` are no complaints."""
        return self.type in COMPLAINTS

    @property
    def opt_out(self) -> bool:
        """Whether the reader only wants no more mail (RFC 5965 section 7.3, opt-out)."""
        return self.type.startswith("opt-out")


def find(mail: Mail, returned: Headers) -> Report | None:
    """The report in a mail, or None; `returned` are the header fields of the mail that it returns."""
    as_text = mail.parameters.get("report-type", "").lower() == "feedback-report"  # some gateways make text of it
    for part in mail.parts:
        if part.type == "message/feedback-report" or (as_text and part.text.lstrip()[:13].lower() == "feedback-type"):
            report = read(part.text.lstrip())
            if report:
                return report
    for source, where, name, value in _OTHERS:
        for text in (mail.headers if where == "report" else returned).get(name, ()):
            if value in text.lower():
                named = address_in(text) if where == "returned" else ""
                return Report("abuse", (named,) if named else (), source)
    return None


def read(text: str) -> Report | None:
    """The report in a message/feedback-report body, or None when it is not one."""
    fields = split(text.strip("\n") + "\n\n")[0]
    kind = fields.get("feedback-type", ("",))[0].strip().lower()
    if not kind:
        return None
    named = (*fields.get("original-rcpt-to", ()), *fields.get("removal-recipient", ()))
    return Report(kind, tuple(dict.fromkeys(filter(None, map(address_in, named)))))
