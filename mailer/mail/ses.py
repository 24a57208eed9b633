"""Amazon SES notifications in JSON, by mail or through SNS (SES Developer Guide, notification contents)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_SIZE = 1 << 18
_SUBTYPES = ("bounceSubType", "complaintSubType", "complaintFeedbackType", "delayType", "bounceType")


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient of a notification with the receiving server's words."""

    address: str
    action: str = ""
    status: str = ""
    diagnostic: str = ""


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification or event: `type` is bounce, complaint, deliverydelay, delivery, reject ... in lower case.

    `subtypes` are Amazon's own words for it, the narrow before the wide; `headers` those of our mail.
    """

    type: str
    subtypes: tuple[str, ...]
    recipients: tuple[Recipient, ...]
    headers: Mapping[str, tuple[str, ...]]


def read(text: str) -> Notification | None:
    """The notification in a text, whether bare or inside SNS's envelope; None when it is not one."""
    if text.lstrip()[:1] != "{" or len(text) > MAX_SIZE:
        return None
    outer = _object(text)
    inner = _object(outer["Message"]) if isinstance(outer.get("Message"), str) else outer
    kind = inner.get("notificationType") or inner.get("eventType")
    if not isinstance(kind, str):
        return None
    body, mail = _dict(inner.get(kind[:1].lower() + kind[1:])), _dict(inner.get("mail"))
    names = ("bouncedRecipients", "complainedRecipients", "delayedRecipients", "recipients")
    listed = next((body[name] for name in names if body.get(name)), mail.get("destination"))
    recipients = [found for each in _list(listed)[:100] if (found := _recipient(each))]
    subtypes = tuple(body[name].lower() for name in _SUBTYPES if isinstance(body.get(name), str))
    return Notification(kind.lower(), subtypes, tuple(recipients), _headers(mail))


def _object(text: str) -> dict[str, Any]:
    try:
        found, _ = json.JSONDecoder(strict=False).raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _recipient(each: object) -> Recipient | None:
    if isinstance(each, str):
        return Recipient(each)
    if not isinstance(each, dict) or not isinstance(each.get("emailAddress"), str):
        return None
    words = {name: str(each.get(name) or "") for name in ("action", "status", "diagnosticCode")}
    return Recipient(each["emailAddress"], words["action"], words["status"], words["diagnosticCode"])


def _headers(mail: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for each in _list(mail.get("headers"))[:200]:
        if isinstance(each, dict) and isinstance(each.get("name"), str) and isinstance(each.get("value"), str):
            name = each["name"].lower()
            found[name] = (*found.get(name, ()), each["value"])
    return found
