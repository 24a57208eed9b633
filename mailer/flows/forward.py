"""A person's answer to a return path -> a letter to the club's people, in the transaction that took it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from mailer.mail import mime
from mailer.mail.forward import forwarded, writer
from mailer.model.carriers import in_envelope
from mailer.model.tokens import Keyring, Purpose
from mailer.store import outbox
from mailer.store.bounces import Delivery

KIND = "answer"
HOUR = timedelta(hours=1)
MOST_AN_HOUR = 60  # what a stranger with one genuine token can make us send; the rest is kept


@dataclass(frozen=True, slots=True)
class Forwarder:
    """Hands answers on to `to`; `sender` is the club's (name, address), `domain` that of our Message-IDs."""

    keyring: Keyring
    to: str
    sender: tuple[str, str]
    domain: str

    def __call__(self, conn: Connection, raw: bytes, answered: Delivery, now: datetime) -> bool:
        """Put the letter into the outbox; False for what a machine wrote, what would loop, and for a flood."""
        mail = mime.read(raw)
        person = writer(mail)
        if not person or person.lower() == self.to.lower() or in_envelope(self.keyring, self.to):
            return False
        if outbox.posted_since(conn, KIND, now - HOUR, MOST_AN_HOUR) >= MOST_AN_HOUR:
            return False

        def compose(delivery_id: int) -> bytes:
            message_id = f"{self.keyring.sign(delivery_id, Purpose.MESSAGE)}@{self.domain}"
            about = answered.address
            return forwarded(raw, mail, to=self.to, sender=self.sender, message_id=message_id, about=about, at=now)

        outbox.post_letter(
            conn, kind=KIND, address=self.to, now=now, compose=compose, about_subscriber_id=answered.subscriber_id
        )
        return True
