"""Where a delivery's token may come back: return path, Message-ID, unsubscribe link.

A relay may rewrite any of them (QQ insists on its own return path, SES on its own Message-ID), so all are looked
for, in the envelope, in the report's headers and in whatever it returns of our mail. Only a signature counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mailer.mail.mime import Headers, Mail
from mailer.model.tokens import MAX_DELIVERY, Keyring, Purpose

MAX_TRIED = 200
PROBES = MAX_DELIVERY >> 1  # from here on a handle is no delivery's: `mailer doctor --probe` draws them at random
# Mail systems put [EXTERNAL] before a Subject, and some clients leave the link's %20 as it was.
_WISH = re.compile(r"\s*(?:[\[【][^\[\]【】]{1,40}[\]】]\s*){0,3}unsubscribe(?:\s|\+|%20)+([a-z2-7]{26})\s*", re.I)

_CARRIERS: tuple[tuple[str, Purpose, re.Pattern[str]], ...] = (
    ("return path", Purpose.BOUNCE, re.compile(r"(?<![a-z0-9])b[+-]([a-z2-7]{26})(?![a-z0-9])", re.I)),
    ("Message-ID", Purpose.MESSAGE, re.compile(r"(?<![a-z0-9+-])([a-z2-7]{26})@", re.I)),
    ("List-Unsubscribe", Purpose.UNSUBSCRIBE, re.compile(r"/u/([a-z2-7]{26})(?![a-z0-9])", re.I)),
)


CARRIERS = tuple(name for name, _, _ in _CARRIERS)


@dataclass(frozen=True, slots=True)
class Found:
    """A genuine token: the delivery it was signed for and what carried it."""

    delivery_id: int
    carrier: str

    @property
    def is_probe(self) -> bool:
        """Whether it is a probe's, which is about no reader."""
        return self.delivery_id >= PROBES


def in_envelope(keyring: Keyring, recipient: str) -> Found | None:
    """The delivery a return path (`b+TOKEN@domain`) was signed for, or None."""
    return next(_read(keyring, [recipient[:320]], "return path"), None)


def in_mail(keyring: Keyring, mail: Mail) -> tuple[Found, ...]:
    """Every delivery whose genuine token stands in a mail, the surest carrier first, each once."""
    return _found(keyring, _texts(mail))


def in_complaint(keyring: Keyring, mail: Mail, original: Headers) -> tuple[Found, ...]:
    """The same for a complaint (RFC 5965), whose subject may be a mail that only quotes or answers ours.

    Counted are the report's own fields and those of the mail complained about that we wrote; not its text.
    """
    ours = [value for name in ("return-path", "message-id", "list-unsubscribe") for value in original.get(name, ())]
    report = [part.text for part in mail.parts if part.type == "message/feedback-report"]
    to = [value for name in ("to", "delivered-to", "x-original-to") for value in mail.headers.get(name, ())]
    return _found(keyring, [*ours, *report, *to])


def carried(keyring: Keyring, mail: Mail, envelope_to: str, delivery_id: int) -> tuple[str, ...]:
    """Everything that brought the token of one delivery (or probe) back, of CARRIERS, in their order."""
    texts = [envelope_to[:320], *_texts(mail)]
    return tuple(
        name for name in CARRIERS if any(each.delivery_id == delivery_id for each in _read(keyring, texts, name))
    )


def asks_to_leave(keyring: Keyring, mail: Mail) -> Found | None:
    """The delivery whose reader sent the mail List-Unsubscribe asks for (RFC 2369): Subject `unsubscribe TOKEN`."""
    wish = _WISH.fullmatch(mail.header("subject"))
    delivery_id = keyring.read(wish[1].lower(), Purpose.UNSUBSCRIBE) if wish else None
    return None if delivery_id is None else Found(delivery_id, "Subject")


def _found(keyring: Keyring, texts: Sequence[str]) -> tuple[Found, ...]:
    found: dict[int, Found] = {}
    for carrier in CARRIERS:
        for each in _read(keyring, texts, carrier):
            found.setdefault(each.delivery_id, each)
    return tuple(found.values())


def _texts(mail: Mail) -> list[str]:
    return [*(value for values in mail.headers.values() for value in values[:20]), *(part.text for part in mail.parts)]


def _read(keyring: Keyring, texts: Iterable[str], carrier: str) -> Iterator[Found]:
    purpose, pattern = next((purpose, pattern) for name, purpose, pattern in _CARRIERS if name == carrier)
    tried: set[str] = set()
    for text in texts:
        for match in pattern.finditer(text):
            token = match[1].lower()
            if token in tried:
                continue
            if len(tried) >= MAX_TRIED:
                return
            tried.add(token)
            delivery_id = keyring.read(token, purpose)
            if delivery_id is not None:
                yield Found(delivery_id, carrier)
