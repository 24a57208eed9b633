"""What an operator may set: mailer.toml, and MAILER_SECTION__KEY in the environment above it."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from mailer.errors import AddressError, SettingsError
from mailer.mail import address
from mailer.model.application import in_language
from mailer.model.subscriber import fault_in_text, language_tag
from mailer.transport.url import parse as parse_relay

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

FILE = "mailer.toml"
ENV_PREFIX = "MAILER_"


class Section(BaseModel):
    """A table of mailer.toml; a key nobody knows is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _mailable(value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    """One address or several, as they stand in an envelope; "" where there is none."""
    for text in filter(None, [value] if isinstance(value, str) else value):
        try:
            address.parse(text)
        except AddressError:
            raise ValueError(f"{text!r} is no address such as olga@example.com") from None
    return value


def _one_line(value: str) -> str:
    """A text that stands in a header of every mail."""
    if fault := fault_in_text(value):
        raise ValueError(f"it {fault}")
    return value


def _worded(value: dict[str, str]) -> dict[str, str]:
    for language, text in value.items():
        if not text.strip():
            raise ValueError(f"the text for {language!r} is empty")
    return value


def _primary(tag: str) -> str:
    return tag.partition("-")[0].lower()


def _once(keys: Iterable[str]) -> None:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            raise ValueError(f"{key!r} is there twice")
        seen.add(key)


PLACEHOLDER = "My Newsletter"
CENTURY = 36_500  # days; no calendar goes on for as long as a number can say


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
            raise ValueError(f"{value!r} is not an IANA time zone such as Asia/Shanghai") from None
        return value

    _header = field_validator("name")(_one_line)
    _words = field_validator("names", "postal_addresses")(_worded)

    @field_validator("names")
    @classmethod
    def _named_in_one_line(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value.values():
            _one_line(name)
        return value

    @field_validator("languages")
    @classmethod
    def _tags(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        _once(value)
        for tag in value:
            if not language_tag(tag) or "_" in tag or tag != tag.strip():
                raise ValueError(f"{tag!r} is no language tag such as en or zh-CN")
        return value

    @model_validator(mode="after")
    def _default_is_published(self) -> NewsletterSettings:
        if self.default_language and self.default_language not in self.languages:
            raise ValueError("default_language is not among languages")
        for key in ("names", "postal_addresses"):
            for tag in getattr(self, key):
                if not any(_primary(tag) == _primary(language) for language in self.languages):
                    raise ValueError(f"{key} has a text for {tag!r}, which is not among languages")
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

    _addresses = field_validator("reply_to")(_mailable)


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
    messages_per_connection: int = Field(100, ge=1, description="Messages after which a connection is renewed.")
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


class DatabaseSettings(Section):
    """Where everything is remembered."""

    url: SecretStr = Field(
        SecretStr("sqlite:///subscribers.db"),
        description="`sqlite:///file` (relative to mailer.toml) or `postgresql://user@host/name`.",
    )


class WebSettings(Section):
    """The public pages."""

    base_url: str = Field(
        "http://127.0.0.1:8080", description="Where readers reach the pages: a host name of their own, no path."
    )
    listen: str = Field("127.0.0.1:8080", description="`host:port` that `mailer serve` listens on.")
    trusted_proxies: tuple[str, ...] = Field((), description="Addresses or networks of reverse proxies to believe.")

    @field_validator("base_url")
    @classmethod
    def _absolute(cls, value: str) -> str:
        if not re.match(r"https?://[^/\s]+", value):
            raise ValueError("base_url starts with https:// (or http:// on loopback)")
        if not re.fullmatch(r"https?://[^/?#@\s]+/*", value):
            raise ValueError("base_url is https://host and no more: the pages need a host name of their own")
        return value.rstrip("/")

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        from mailer.model.signup import networks  # only who has a proxy needs it

        networks(value)  # says itself what is none
        return value


class MerchantKind(Section):
    """A kind of merchant who may apply; labels and questions by language tag."""

    key: str = Field(pattern=r"^[a-z][a-z0-9-]*$", description="Name in the data, also the member's tag.")
    label: dict[str, str] = Field(min_length=1, description="What the form calls it, by language.")
    fields: tuple[MerchantField, ...] = Field((), max_length=40, description="What this kind is asked: 40 at most.")

    _labels = field_validator("label")(_worded)

    @field_validator("fields")
    @classmethod
    def _asked_once(cls, value: tuple[MerchantField, ...]) -> tuple[MerchantField, ...]:
        _once(question.key for question in value)
        return value


class MerchantField(Section):
    """One question of the application form."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="Name in the data.")
    label: dict[str, str] = Field(min_length=1, description="What the form calls it, by language.")
    type: Literal["text", "url", "number", "textarea"] = Field("text", description="How it is asked and checked.")
    required: bool = Field(True, description="Whether an answer is needed.")
    evidence: bool = Field(False, description="Whether reviewers should look at it as proof.")

    _labels = field_validator("label")(_worded)


MerchantKind.model_rebuild()


def _question(key: str, en: str, zh: str, **more: Any) -> MerchantField:
    return MerchantField(key=key, label={"en": en, "zh": zh}, **more)


def _kind(key: str, en: str, zh: str, *fields: MerchantField) -> MerchantKind:
    return MerchantKind(key=key, label={"en": en, "zh": zh}, fields=fields)


_COMPANY = _question("company", "Company", "公司名称")
_SHOP = _question("shop_name", "Shop name", "店铺名称")
_SHOP_URL = _question("shop_url", "Shop address", "店铺网址", type="url", evidence=True)
DEFAULT_KINDS = (
    _kind(
        "own-business",
        "Own business",
        "自营商家",
        _COMPANY,
        _question("licence", "Business licence number", "营业执照号", evidence=True),
    ),
    _kind("tmall", "Tmall merchant", "天猫商家", _COMPANY, _SHOP, _SHOP_URL),
    _kind("taobao-crown", "Taobao crown shop", "淘宝皇冠店", _SHOP, _SHOP_URL),
    _kind("taobao-golden-crown", "Taobao golden-crown shop", "淘宝金冠店", _SHOP, _SHOP_URL),
    _kind(
        "other-platform", "Other platform", "其他平台商家", _question("platform", "Platform", "平台"), _SHOP, _SHOP_URL
    ),
)


class JoinSettings(Section):
    """The signup form and the club's door."""

    wording: dict[str, str] = Field(
        {
            "en": "I would like to receive this newsletter by email. I can leave at any time.",
            "zh": "我愿意通过电子邮件接收本资讯，并可随时退订。",
        },
        description="The consent's exact wording, by language; kept with every consent.",
    )
    confirm_hours: int = Field(72, ge=1, le=24 * CENTURY, description="Hours a confirmation link works.")
    purge_days: int = Field(
        7, ge=1, le=CENTURY, description="Days after which unconfirmed subscribers and applications go."
    )
    per_address_day: int = Field(1, ge=1, description="Confirm letters to one address in 24 hours.")
    per_address_month: int = Field(3, ge=1, description="Confirm letters to one address in 30 days.")
    per_client_hour: int = Field(5, ge=0, description="Submissions of one client address in an hour; 0: no limit.")
    per_domain_hour: int = Field(30, ge=0, description="Submissions for one mail domain in an hour; 0: no limit.")
    total_hour: int = Field(200, ge=0, description="Submissions in an hour before proof of work and an alert; 0: off.")
    unlimited_domains: tuple[str, ...] = Field(
        ("qq.com", "163.com", "126.com", "gmail.com", "outlook.com", "foxmail.com"),
        description="Mail domains without a domain limit.",
    )
    min_fill_seconds: float = Field(
        3, ge=0, le=3600, description="A form sent faster than this was not filled in by a person."
    )
    reviewers: tuple[str, ...] = Field((), description="Addresses told of applications to review.")
    review_days: int = Field(2, ge=1, le=CENTURY, description="Days after which reviewers are reminded.")
    answer_days: int = Field(30, ge=1, le=CENTURY, description="Days an applicant has to answer a question.")
    kinds: tuple[MerchantKind, ...] = Field(DEFAULT_KINDS, min_length=1, description="Kinds of merchant.")

    _addresses = field_validator("reviewers")(_mailable)

    @field_validator("unlimited_domains")
    @classmethod
    def _as_counted(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(domain.strip().lower() for domain in value)

    @field_validator("kinds")
    @classmethod
    def _named_once(cls, value: tuple[MerchantKind, ...]) -> tuple[MerchantKind, ...]:
        _once(kind.key for kind in value)
        return value

    @model_validator(mode="after")
    def _kept_while_links_work(self) -> Self:
        if self.confirm_hours > 24 * self.purge_days:
            raise ValueError("[join] confirm_hours is longer than purge_days: who has not confirmed by then is gone")
        return self


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

    _addresses = field_validator("forward_to")(_mailable)


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

    _addresses = field_validator("refusal_address")(_mailable)
    _header = field_validator("label")(_one_line)


class AlertSettings(Section):
    """Who is told when something needs a person."""

    to: tuple[str, ...] = Field((), description="Addresses of the operators.")
    ping_url: str = Field("", description="A dead man's switch: fetched when a send has finished well.")

    _addresses = field_validator("to")(_mailable)


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
            raise ValueError("each wait is a number of minutes above 0")
        return value


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
        raise SettingsError(
            "no such file; 'mailer init' makes a club's folder, or name one with --config", where=str(path)
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot be read: {error}", where=str(path)) from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"not valid TOML: {error}", where=str(path)) from None
    try:
        return Settings(**values)
    except ValidationError as error:
        raise _explain(error, path, text) from None


def _explain(error: ValidationError, path: Path, text: str) -> SettingsError:
    """All that is wrong, a line each, one below the other behind `mailer: `; not what only follows from another."""
    places = [one["loc"] for one in error.errors()]
    causes = [
        one
        for one in error.errors()
        if one["type"] != "too_short" or not any(place[: len(one["loc"])] == one["loc"] != place for place in places)
    ]
    return SettingsError("\n        ".join(dict.fromkeys(_mistake(one, path, text) for one in causes)))


def _mistake(error: ErrorDetails, path: Path, text: str) -> str:
    keys = [str(part) for part in error["loc"]]
    message = error["msg"].removeprefix("Value error, ")
    if named := re.match(r"\[\w+\] (\w+) ", message):  # a rule on several settings says itself which is wrong
        keys.append(named[1])
        message = message[named.end() :]
    line = _line_of(text, keys)
    where = _variable_of(keys) or (f"{path}:{line}" if line else str(path))
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown setting {_display(keys)}{_suggestion(keys)}"
    return f"{where}: {_display(keys)}: {message[:1].lower()}{message[1:]}"


def _display(keys: list[str]) -> str:
    return f"[{keys[0]}]" + (f" {'.'.join(keys[1:])}" if keys[1:] else "")


def _variable_of(keys: list[str]) -> str | None:
    wanted = ENV_PREFIX + "__".join(keys)
    return next((name for name in os.environ if name.upper() == wanted.upper()), None)


def _suggestion(keys: list[str]) -> str:
    model: type[BaseModel] = Settings
    for key in keys[:-1]:
        field = model.model_fields.get(key)
        for annotation in (field.annotation, *get_args(field.annotation)) if field else ():
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                model = annotation
    known = [field.alias or name for name, field in model.model_fields.items()]
    close = difflib.get_close_matches(keys[-1], known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known here: {', '.join(known)}"


def _line_of(text: str, keys: list[str]) -> int:
    """The line of a key, or of its table, the third `[[join.kinds]]` for `join.kinds.2`; 0 when there is none."""
    table, passed = "", 0
    place = next((place for place, key in enumerate(keys) if key.isdigit()), 0)
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[+\s*([\w.\-]+)", line)
        if header:
            table = header[1]
            if table == keys[0] and len(keys) == 1:
                return number
            if place and table == ".".join(keys[:place]):
                if passed == int(keys[place]):
                    return number
                passed += 1
        else:
            key = re.match(r"""\s*["']?([\w\-]+)["']?\s*=""", line)
            if key and ([table, key[1]] == keys[:2] or (not table and key[1] == keys[0])):
                return number
    return 0
