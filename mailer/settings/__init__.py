"""What an operator may set: mailer.toml, and MAILER_SECTION__KEY in the environment above it."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from mailer.errors import SettingsError, spoken
from mailer.sentence import Sentence
from mailer.settings.joining import JoinSettings, WebSettings
from mailer.settings.mistakes import ENV_PREFIX, explain, unreadable
from mailer.settings.newsletter import PLACEHOLDER, LegalSettings, NewsletterSettings, SenderSettings
from mailer.settings.sending import AlertSettings, BounceSettings, DkimSettings, RelaySettings, SendingSettings
from mailer.settings.table import Section

__all__ = ["FILE", "PLACEHOLDER", "JoinSettings", "RelaySettings", "Settings", "load"]

FILE = "mailer.toml"


class DatabaseSettings(Section):
    """Where everything is remembered."""

    url: SecretStr = Field(
        SecretStr("sqlite:///subscribers.db"),
        description="`sqlite:///file` (relative to mailer.toml) or `postgresql://user@host/name`.",
    )


class Settings(BaseSettings):
    """All settings. Build with `load`, which turns every mistake into one line for people."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix=ENV_PREFIX, env_nested_delimiter="__", case_sensitive=False
    )

    newsletter: NewsletterSettings = NewsletterSettings()
    sender: SenderSettings = SenderSettings()
    relay: RelaySettings = RelaySettings()
    relays: tuple[RelaySettings, ...] = ()
    sending: SendingSettings = SendingSettings()
    dkim: DkimSettings = DkimSettings()
    database: DatabaseSettings = DatabaseSettings()
    web: WebSettings = WebSettings()
    join: JoinSettings = JoinSettings()
    bounces: BounceSettings = BounceSettings()
    legal: LegalSettings = LegalSettings()
    alerts: AlertSettings = AlertSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings


def load(path: Path) -> Settings:
    """Read the settings in `path` with the environment above them. Raises SettingsError naming file, line and key."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        what = "no such file; 'mailer init' makes a club's folder, or name one with --config"
        raise SettingsError(Sentence(what), where=str(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(Sentence("cannot be read: %(why)s", why=spoken(error)), where=str(path)) from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise unreadable(str(error), path) from None
    try:
        return Settings(**values)
    except ValidationError as error:
        raise explain(error, Settings, path, text) from None
