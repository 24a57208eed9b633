"""What may come back instead of silence: kinds, reasons, families and whose fault each is.

The names of reasons are those of Sisimai, the field's best bounce analyser, so that operators can look them up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a returned mail or a refusal says in one word."""

    HARD = "hard"  # the address is dead
    SOFT = "soft"  # not taken, for a reason that may pass or that is not about the address
    COMPLAINT = "complaint"  # the reader pressed "this is spam"
    DELAY = "delay"  # still being tried by somebody else
    AUTO_REPLY = "auto-reply"  # a machine of the reader's answered
    NONE = "none"  # says nothing about a delivery that failed


BOUNCED = (Kind.HARD, Kind.SOFT, Kind.COMPLAINT)  # the others say nothing about a delivery that failed


class Family(StrEnum):
    """Reasons that lead to the same action."""

    NO_SUCH_ADDRESS = "no-such-address"
    NO_SUCH_DOMAIN = "no-such-domain"
    INACTIVE = "inactive"
    MAILBOX_FULL = "mailbox-full"
    REJECTED_AFTER_DATA = "rejected-after-data"
    POLICY = "policy"
    SIZE = "size"
    RATE = "rate"
    TRANSPORT = "transport"
    UNCLEAR = "unclear"
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto-reply"
    DELIVERED = "delivered"
    SUPPRESSED = "suppressed"


class Fault(StrEnum):
    """Whose fault it is, and so who has to do something."""

    PERSON = "person"
    DOMAIN = "domain"
    SENDER = "sender"
    MESSAGE = "message"
    NETWORK = "network"
    UNCLEAR = "unclear"
    NOBODY = "nobody"


FAMILY: Mapping[str, Family] = {
    reason: family
    for family, reasons in (
        (Family.NO_SUCH_ADDRESS, "userunknown hasmoved"),
        (Family.NO_SUCH_DOMAIN, "hostunknown notaccept"),
        (Family.MAILBOX_FULL, "mailboxfull"),
        (Family.INACTIVE, "suspend"),
        (Family.REJECTED_AFTER_DATA, "filtered"),
        (Family.POLICY, "blocked badreputation policyviolation rejected requireptr authfailure norelaying"),
        (Family.POLICY, "securityerror spamdetected virusdetected notcompliantrfc contenterror syntaxerror"),
        (Family.POLICY, "failedstarttls"),
        (Family.SIZE, "mesgtoobig exceedlimit"),
        (Family.RATE, "speeding toomanyconn"),
        (Family.TRANSPORT, "expired networkerror systemerror systemfull mailererror"),
        (Family.UNCLEAR, "undefined onhold"),
        (Family.COMPLAINT, "feedback"),
        (Family.AUTO_REPLY, "vacation"),
        (Family.DELIVERED, "delivered"),
        (Family.SUPPRESSED, "suppressed"),
    )
    for reason in reasons.split()
}

FAULT: Mapping[Family, Fault] = {
    Family.NO_SUCH_ADDRESS: Fault.PERSON,
    Family.INACTIVE: Fault.PERSON,
    Family.MAILBOX_FULL: Fault.PERSON,
    Family.COMPLAINT: Fault.PERSON,
    Family.SUPPRESSED: Fault.PERSON,
    Family.NO_SUCH_DOMAIN: Fault.DOMAIN,
    Family.POLICY: Fault.SENDER,
    Family.SIZE: Fault.MESSAGE,
    Family.RATE: Fault.NETWORK,
    Family.TRANSPORT: Fault.NETWORK,
    Family.REJECTED_AFTER_DATA: Fault.UNCLEAR,
    Family.UNCLEAR: Fault.UNCLEAR,
    Family.AUTO_REPLY: Fault.NOBODY,
    Family.DELIVERED: Fault.NOBODY,
}

DEAD = frozenset({Family.NO_SUCH_ADDRESS, Family.NO_SUCH_DOMAIN})


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What one refusal means. `rule` names the rule that spoke; `status` is the enhanced status code or ""."""

    kind: Kind
    reason: str
    status: str = ""
    rule: str = ""

    @property
    def family(self) -> Family:
        """The family of the reason."""
        return FAMILY.get(self.reason, Family.UNCLEAR)

    @property
    def by_words(self) -> bool:
        """Whether the server's words spoke, not merely its codes."""
        return self.reason != "undefined" and not self.rule.startswith(("status ", "code "))

    @property
    def fault(self) -> Fault:
        """Whose fault it is."""
        return FAULT[self.family]


def kind_of(reason: str, *, delayed: bool = False) -> Kind:
    """The kind that a reason means for a delivery; `delayed` when the report says that it is still being tried."""
    family = FAMILY.get(reason, Family.UNCLEAR)
    if family is Family.COMPLAINT:
        return Kind.COMPLAINT
    if family is Family.AUTO_REPLY:
        return Kind.AUTO_REPLY
    if family is Family.DELIVERED:
        return Kind.NONE
    if delayed:
        return Kind.DELAY
    return Kind.HARD if family in DEAD else Kind.SOFT
