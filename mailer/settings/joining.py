"""The public pages, the form to sign up and the kinds of merchant: [web] and [join]."""

from __future__ import annotations

import re
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from mailer.sentence import Sentence
from mailer.settings.table import CENTURY, Section, mailable, once, worded


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
            raise ValueError(Sentence("base_url starts with https:// (or http:// on loopback)"))
        if not re.fullmatch(r"https?://[^/?#@\s]+/*", value):
            what = "base_url is https://host and no more: the pages need a host name of their own"
            raise ValueError(Sentence(what))
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

    _labels = field_validator("label")(worded)

    @field_validator("fields")
    @classmethod
    def _asked_once(cls, value: tuple[MerchantField, ...]) -> tuple[MerchantField, ...]:
        once(question.key for question in value)
        return value


class MerchantField(Section):
    """One question of the application form."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="Name in the data.")
    label: dict[str, str] = Field(min_length=1, description="What the form calls it, by language.")
    type: Literal["text", "url", "number", "textarea"] = Field("text", description="How it is asked and checked.")
    required: bool = Field(True, description="Whether an answer is needed.")
    evidence: bool = Field(False, description="Whether reviewers should look at it as proof.")

    _labels = field_validator("label")(worded)


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

    _addresses = field_validator("reviewers")(mailable)

    @field_validator("unlimited_domains")
    @classmethod
    def _as_counted(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(domain.strip().lower() for domain in value)

    @field_validator("kinds")
    @classmethod
    def _named_once(cls, value: tuple[MerchantKind, ...]) -> tuple[MerchantKind, ...]:
        once(kind.key for kind in value)
        return value

    @model_validator(mode="after")
    def _kept_while_links_work(self) -> Self:
        if self.confirm_hours > 24 * self.purge_days:
            what = "[join] confirm_hours is longer than purge_days: who has not confirmed by then is gone"
            raise ValueError(Sentence(what))
        return self
