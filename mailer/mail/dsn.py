"""Delivery status notifications: what happened to each recipient (RFC 3464)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailer.mail.mime import split

MAX_RECIPIENTS = 200
_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:]{1,128}@[^\s<>()\[\]\"',;:]{1,255}")
_START = re.compile(r"^[ \t>]*(original-recipient|final-recipient|x-actual-recipient|action)[ \t]*:", re.I | re.M)
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")

# What sendmail's milters and gateways write where others write Diagnostic-Code: <host #5.0.0 smtp; 550 ...>
_FURTHER = re.compile(r"\s*<\S{0,255} #[245]\.\d{1,3}\.\d{1,3} (.{1,2000})>\s*$", re.S)


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    """The fields about one recipient: `recipients` in the order of trust, `action` in lower case."""

    recipients: tuple[str, ...]
    action: str
    status: str
    diagnostic: str
    remote: str = ""


def read(text: str) -> list[RecipientStatus]:
    """The recipients of a message/delivery-status body, or of a text that quotes one; [] when there are none."""
    found: list[RecipientStatus] = []
    pending: dict[str, tuple[str, ...]] = {}
    for block in re.split(r"\n[ \t]*\n", text):
        if len(found) >= MAX_RECIPIENTS:
            break
        start = _START.search(block)
        if not start:
            continue
        lines = block[start.start() :] if not re.match(r"[\w-]+[ \t]*:", block) else block
        fields = split(lines.strip(" \t\n") + "\n\n")[0]
        if pending and not _is_new(pending, fields):
            fields = {**pending, **fields}
            found.pop()
        pending = fields
        found.append(_status(fields))
    return found


def _is_new(before: dict[str, tuple[str, ...]], now: dict[str, tuple[str, ...]]) -> bool:
    """A blank line inside a recipient's fields does not begin another recipient."""
    return any(name in before for name in now if name in {"final-recipient", "action", "status"})


def address_in(value: str) -> str:
    """The address in a field such as `rfc822; <user@host>`, or ""."""
    found = _ADDRESS.search(value.rpartition(";")[2] if ";" in value else value)
    return found[0].strip(".") if found else ""


def _status(fields: dict[str, tuple[str, ...]]) -> RecipientStatus:
    def value(name: str) -> str:
        return fields.get(name, ("",))[0]

    names = ("original-recipient", "x-actual-recipient", "final-recipient")
    recipients = tuple(dict.fromkeys(filter(None, (address_in(value(name)) for name in names))))
    status = _STATUS.search(value("status"))
    further = _FURTHER.match(value("x-supplementary-info"))
    said = value("diagnostic-code") or (further[1] if further else "")
    diagnostic = re.sub(r"^\s*[\w-]{1,20}\s*;\s*", "", said)
    action = re.match(r"[a-z]+", value("action").lower())
    return RecipientStatus(
        recipients, action[0] if action else "", status[1] if status else "", diagnostic, value("remote-mta")
    )
