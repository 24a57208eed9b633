"""What an edition or a letter says of the club: plain values from the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailer.model.issue import CallToAction


@dataclass(frozen=True)
class ClubFacts:
    """What an edition says of the club: plain values from the settings.

    `base_url` is where the pages are, without a closing slash; `apply_url` "" is the club's own apply page; `calls`
    holds the wording of named calls to action; `label_prefix` is what a law wants at the head of the Subject.
    """

    newsletter: str
    base_url: str
    sender_address: str
    sender_name: str = ""
    reply_to: str = ""
    unsubscribe_address: str = ""
    postal_address: str = ""
    reason: str = ""
    apply_url: str = ""
    label_prefix: str = ""
    message_domain: str = ""
    list_id: str = ""
    calls: Mapping[str, CallToAction] = field(default_factory=dict)

    @property
    def domain(self) -> str:
        """The right side of Message-ID and Content-ID."""
        return self.message_domain or self.sender_address.rpartition("@")[2]
