"""What the events and subtypes of Amazon SES mean where no receiving server is quoted.

Source: SES Developer Guide, "Amazon SNS notification contents" and "Event data that Amazon SES publishes".
"""

from __future__ import annotations

from mailer.model.bounce import Kind

# Events that are no bounce and no delay. "Send" only says that Amazon took the mail; the rest is no matter of delivery.
SES_EVENTS: dict[str, tuple[Kind, str]] = {
    "complaint": (Kind.COMPLAINT, "feedback"),
    "delivery": (Kind.NONE, "delivered"),
    "reject": (Kind.SOFT, "virusdetected"),
}
SES_NO_COMPLAINT = frozenset({"not-spam", "auth-failure"})  # RFC 5965 7.3: nobody complained

# bounceSubType and delayType. "General" and "Undetermined" say nothing, "NoEmail" that the bounce named nobody.
SES_SUBTYPES: dict[str, str] = {
    "suppressed": "suppressed",
    "onaccountsuppressionlist": "suppressed",
    "unsubscribedrecipient": "suppressed",
    "mailboxfull": "mailboxfull",
    "messagetoolarge": "mesgtoobig",
    "contentrejected": "contenterror",
    "attachmentrejected": "contenterror",
    "customtimeoutexceeded": "expired",
    "internalfailure": "systemerror",
    "spamdetected": "spamdetected",
    "recipientservererror": "systemerror",
    "ipfailure": "blocked",
    "transientcommunicationfailure": "networkerror",
    "byoiphostnamelookupunavailable": "requireptr",
    "sendingdeferral": "speeding",
}
