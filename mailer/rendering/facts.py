"""What an edition or a letter says of the club: plain values from the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mailer.mail import list_headers
from mailer.model.application import in_language
from mailer.model.issue import CallToAction


@dataclass(frozen=True)
class ClubFacts:
    """What an edition says of the club: plain values from the settings.

    `base_url` is where the pages are, without a closing slash; `apply_url` "" is the club's own apply page; `calls`
    holds the wording of named calls to action; `label_prefix` is what a law wants at the head of the Subject; `names`
    and `postal_addresses` are what those are in other languages, by tag.
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
    names: Mapping[str, str] = field(default_factory=dict)
    postal_addresses: Mapping[str, str] = field(default_factory=dict)

    @property
    def domain(self) -> str:
        """The right side of Message-ID and Content-ID."""
        return self.message_domain or self.sender_address.rpartition("@")[2]

    def spoken(self, language: str) -> ClubFacts:
        """The facts as they are told in a language; the list's identifier is the same in all."""
        if not self.names and not self.postal_addresses:
            return self
        name = in_language({"": self.newsletter, **self.names}, language)
        return replace(
            self,
            newsletter=name,
            sender_name=name if self.sender_name in ("", self.newsletter) else self.sender_name,
            postal_address=in_language({"": self.postal_address, **self.postal_addresses}, language),
            list_id=self.list_id or list_headers.list_id(self.newsletter, self.domain),
            names={},
            postal_addresses={},
        )
