"""What journeys ask of a letter: who writes it, and the signed links that go into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from mailer.model.tokens import LENGTH, Keyring, Purpose

PATHS: Mapping[Purpose, str] = {
    Purpose.UNSUBSCRIBE: "u",
    Purpose.PREFERENCES: "p",
    Purpose.CONFIRM: "confirm",
    Purpose.VIEW: "v",
    Purpose.APPLY: "apply",
    Purpose.REVIEW: "review",
    Purpose.CLICK: "c",
}


class WriteLetter(Protocol):
    """Writes a letter: the finished message, CRLF, no line led by a dot."""

    def __call__(
        self, kind: str, language: str, address: str, name: str, delivery_id: int, values: Mapping[str, object], /
    ) -> bytes:
        """The letter `kind` (a folder under templates/letters) in `language` for one delivery."""


class Link(str):
    """A link that ends in a delivery's token: all of it that is not the same in the next letter of its kind."""

    __slots__ = ()

    @property
    def token(self) -> str:
        """The token."""
        return self[-LENGTH:]

    def with_token(self, token: str) -> str:
        """The same link for another token."""
        return self[:-LENGTH] + token


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the links of one delivery; `base_url` has no slash at its end."""

    base_url: str
    keyring: Keyring

    def to(self, purpose: Purpose, delivery_id: int) -> Link:
        """The absolute link of `delivery_id` for `purpose`."""
        return Link(f"{self.base_url}/{PATHS[purpose]}/{self.keyring.sign(delivery_id, purpose)}")

    def of_reader(self, delivery_id: int) -> dict[str, object]:
        """What every letter to a reader may link to: his own pages, and the club's."""
        return {
            "preferences_url": self.to(Purpose.PREFERENCES, delivery_id),
            "unsubscribe_url": self.to(Purpose.UNSUBSCRIBE, delivery_id),
            "base_url": self.base_url,
        }
