"""How mail leaves and comes back, and who is told: [relay], [dkim], [sending], [bounces] and [alerts]."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import AwareDatetime, Field, SecretStr, field_validator, model_validator

from mailer.errors import SettingsError
from mailer.sentence import Sentence
from mailer.settings.table import CENTURY, Section, mailable
from mailer.transport.url import parse as parse_relay


class RelaySettings(Section):
    """A mail submission server and how much it may be asked."""

    url: SecretStr = Field(
        SecretStr("smtp://127.0.0.1:2525"),
        description="`smtp+starttls://user:password@host:587`, `smtps://...:465`, or `smtp://` for loopback.",
    )
    name: str = Field("relay", description="What reports call it.")
    connections: int = Field(10, ge=1, le=500, description="Connections held open at once.")
    per_second: float = Field(0, ge=0, description="Most messages a second; 0: no limit.")
    per_minute: int = Field(0, ge=0, description="Most messages a minute; 0: no limit.")
    per_hour: int = Field(0, ge=0, description="Most messages an hour; 0: no limit.")
    per_day: int = Field(0, ge=0, description="Most messages a day; 0: no limit.")
    return_path: Literal["verp", "fixed"] = Field(
        "verp",
        description="`verp`: a signed return path per delivery; `fixed`: the From address, for relays that insist.",
    )
    plaintext: bool = Field(False, description="Allow `smtp://` to a host that is not loopback.")
    ca_file: str = Field("", description="PEM file with the certificate authority of a relay with its own.")
    weight: int = Field(1, ge=0, description="Share among several relays.")
    domains: tuple[str, ...] = Field((), description="Recipient domains this relay takes first; empty: all.")
    messages_per_connection: int = Field(
        1000, ge=1, description="Messages after which a connection is renewed; fewer where the relay says so."
    )
    pipelining: bool = Field(
        True, description="Send commands in groups where the relay offers it; `false`: one at a time, always."
    )

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        try:
            parse_relay(self.url.get_secret_value(), plaintext=self.plaintext)
        except SettingsError as error:
            raise ValueError(error.message) from None
        return self


class DkimKey(Section):
    """One key; of each kind (RSA, ed25519) the newest that is not newer than a mail signs it."""

    selector: str = Field(description="Name of the public key in DNS: `selector._domainkey.domain`.")
    file: str = Field(description="PEM file with the private key, relative to mailer.toml.")
    since: AwareDatetime | None = Field(
        None, description="Signs mail dated from then on; older mail keeps the signature it had. Empty: all mail."
    )


class DkimSettings(Section):
    """Signing mail ourselves, where the relay does not; without keys nothing is signed."""

    domain: str = Field("", description="The signing domain, d=; empty: the domain of [sender] from.")
    keys: tuple[DkimKey, ...] = Field((), description="The keys; `mailer dkim new` makes one.")


class SendingSettings(Section):
    """How a send goes on when a relay says not now."""

    backoff_minutes: tuple[float, ...] = Field(
        (5, 15, 30, 60, 120, 240, 480),
        min_length=1,
        description="Waits after the first, second ... deferral; then 12 hours.",
    )
    give_up_hours: float = Field(
        48, gt=0, le=24 * CENTURY, description="When a deferred delivery is given up, counted from its first deferral."
    )
    uncertain: Literal["at_most_once", "at_least_once"] = Field(
        "at_most_once", description="Whether an uncertain delivery of an issue is sent again (once)."
    )

    @field_validator("backoff_minutes")
    @classmethod
    def _waits(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < minutes <= 24 * 60 * CENTURY for minutes in value):
            raise ValueError(Sentence("each wait is a number of minutes above 0"))
        return value


class BounceSettings(Section):
    """Where returned mail is fetched and when it matters."""

    listen: str = Field("127.0.0.1:2526", description="`host:port` of `mailer bounces listen`.")
    mailboxes: tuple[SecretStr, ...] = Field((), description="`imaps://user:password@host/folder`, one a mailbox.")
    forward_to: str = Field("", description="Where people's answers to the return path go; empty: reply_to.")
    log: str = Field("", description="The local Postfix's log, such as /var/log/mail.log, for `mailer bounces log`.")
    topic_arns: tuple[str, ...] = Field((), description="SNS topics whose notifications are believed.")
    max_age_days: int = Field(30, ge=1, le=CENTURY, description="Reports older than this are recorded, not acted on.")
    keep_days: int = Field(
        365,
        ge=1,
        le=CENTURY,
        description="Days after which a returned mail's text is dropped; what a suppression rests on stays.",
    )

    _addresses = field_validator("forward_to")(mailable)


class AlertSettings(Section):
    """Who is told when something needs a person."""

    to: tuple[str, ...] = Field((), description="Addresses of the operators.")
    ping_url: str = Field("", description="A dead man's switch: fetched when a send has finished well.")

    _addresses = field_validator("to")(mailable)
