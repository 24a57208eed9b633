"""Who publishes: the tables [newsletter], [sender] and [legal]."""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from mailer.model import language_tag
from mailer.model.application import in_language
from mailer.sentence import Sentence
from mailer.settings.table import CENTURY, Section, mailable, once, one_line, worded

PLACEHOLDER = "My Newsletter"


class NewsletterSettings(Section):
    """Who publishes, in which languages, on which clock."""

    name: str = Field(PLACEHOLDER, min_length=1, description="The newsletter's name, as readers know it.")
    timezone: str = Field("UTC", description="IANA time zone in which times are read and printed.")
    languages: tuple[str, ...] = Field(("en",), min_length=1, description="BCP 47 tags of the languages published in.")
    default_language: str = Field(
        "", description="Language of readers who chose none; empty: the first of `languages`."
    )
    names: dict[str, str] = Field(
        default_factory=dict,
        description='Its name in other languages, by tag, for mails, letters and pages: `{ en = "Harbour Morning" }`.',
    )
    postal_address: str = Field("", description="Postal address in every footer; several laws demand one.")
    postal_addresses: dict[str, str] = Field(
        default_factory=dict, description="The address as it is written in other languages, by tag."
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            what = "'%(name)s' is not an IANA time zone such as Asia/Shanghai"
            raise ValueError(Sentence(what, name=value)) from None
        return value

    _header = field_validator("name")(one_line)
    _words = field_validator("names", "postal_addresses")(worded)

    @field_validator("names")
    @classmethod
    def _named_in_one_line(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value.values():
            one_line(name)
        return value

    @field_validator("languages")
    @classmethod
    def _tags(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        once(value)
        for tag in value:
            if not language_tag.read(tag) or "_" in tag or tag != tag.strip():
                raise ValueError(Sentence("'%(tag)s' is no language tag such as en or zh-CN", tag=tag))
        return value

    @model_validator(mode="after")
    def _default_is_published(self) -> NewsletterSettings:
        if self.default_language and self.default_language not in self.languages:
            raise ValueError(Sentence("default_language is not among languages"))
        for key in ("names", "postal_addresses"):
            for tag in getattr(self, key):
                if not any(language_tag.same(tag, language) for language in self.languages):
                    what = "%(key)s has a text for '%(tag)s', which is not among languages"
                    raise ValueError(Sentence(what, key=key, tag=tag))
        return self

    @property
    def unnamed(self) -> bool:
        """Whether `name` is still the placeholder."""
        return self.name == PLACEHOLDER

    @property
    def zone(self) -> ZoneInfo:
        """The time zone as an object."""
        return ZoneInfo(self.timezone)

    def name_in(self, language: str) -> str:
        """What the newsletter is called in a language."""
        return in_language({"": self.name, **self.names}, language)

    def postal_address_in(self, language: str) -> str:
        """The postal address as it is written in a language."""
        return in_language({"": self.postal_address, **self.postal_addresses}, language)

    @property
    def language(self) -> str:
        """The language of readers who chose none."""
        return self.default_language or self.languages[0]


class SenderSettings(Section):
    """Whose name mail goes out under."""

    from_: str = Field(
        "Newsletter <news@example.com>", alias="from", description="The From: of every mail: `Name <address>`."
    )
    reply_to: str = Field("", description="Where readers' answers go; empty: the From address.")
    bounce_domain: str = Field("", description="Domain of the signed return paths; empty: the From address's domain.")

    _addresses = field_validator("reply_to")(mailable)


class LegalSettings(Section):
    """What the law of the readers' country demands."""

    profile: Literal["none", "china", "eu", "us"] = Field("none", description="Which law's items are demanded.")
    label: str = Field("", description="Prefix of the Subject that the law demands, such as AD or 广告.")
    refusal_address: str = Field("", description="Address that takes refusals; empty: reply_to.")
    retention_days: int = Field(
        14,
        ge=1,
        le=CENTURY,
        description="Days after which client addresses in consents and applications are dropped.",
    )

    _addresses = field_validator("refusal_address")(mailable)
    _header = field_validator("label")(one_line)
