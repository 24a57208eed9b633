"""What every table of settings is: known keys only, frozen; and the checks that several of them share."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from mailer.errors import AddressError
from mailer.mail import address
from mailer.model.subscriber import fault_in_text
from mailer.sentence import Sentence

CENTURY = 36_500  # days; no calendar goes on for as long as a number can say


class Section(BaseModel):
    """A table of mailer.toml; a key nobody knows is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def mailable(value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    """One address or several, as they stand in an envelope; "" where there is none."""
    for text in filter(None, [value] if isinstance(value, str) else value):
        try:
            address.parse(text)
        except AddressError:
            raise ValueError(Sentence("'%(text)s' is no address such as olga@example.com", text=text)) from None
    return value


def one_line(value: str) -> str:
    """A text that stands in a header of every mail."""
    if fault := fault_in_text(value):
        raise ValueError(Sentence("it %(fault)s", fault=fault))
    return value


def worded(value: dict[str, str]) -> dict[str, str]:
    """Texts by language, none of them blank."""
    for language, text in value.items():
        if not text.strip():
            raise ValueError(Sentence("the text for '%(language)s' is empty", language=language))
    return value


def once(keys: Iterable[str]) -> None:
    """Raises ValueError for a key that is there twice."""
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            raise ValueError(Sentence("'%(key)s' is there twice", key=key))
        seen.add(key)
