"""An issue as written: sections of numbered items with their sources, leads and a call to action."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class Source:
    """Where an item's news comes from; `url` is "" when only the name is known."""

    name: str
    url: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """One story. `headline` is plain text, `body` CommonMark with merge tags, `lang` a BCP 47 tag.

    `lead` is None for a story that is not among the issue's leads, "" for one whose headline is the lead,
    else the shorter wording that stands in the title. `own` says that it has no source because it is the club's own.
    """

    headline: str
    body: str = ""
    source: Source | None = None
    lead: str | None = None
    lang: str = ""
    line: int = 0
    own: bool = field(default=False, compare=False)

    @property
    def lead_text(self) -> str:
        """What this item adds to the issue's title: its lead wording or its headline."""
        return self.lead or self.headline


@dataclass(frozen=True, slots=True)
class Section:
    """A run of items under one title; `title` is "" where a digest has no sections."""

    title: str
    items: tuple[Item, ...]
    line: int = 0


@dataclass(frozen=True, slots=True)
class CallToAction:
    """The closing request: `title` and `text` in CommonMark, one link `label` -> `url`.

    `name` is the word after `:::cta`, by which the settings may supply the rest; `url` "" means
    the club's own apply page.
    """

    name: str = "club"
    title: str = ""
    text: str = ""
    label: str = ""
    url: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Silence:
    """A check rule switched off in the file, with the editor's reason."""

    rule: str
    reason: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that an issue shows: its bytes, their media type, its size in pixels and how it is called.

    `digest` is the beginning of the bytes' SHA-256; `embedded` pictures travel in the mail, others are fetched.
    """

    content: bytes = field(repr=False)
    kind: str
    width: int
    height: int
    digest: str
    embedded: bool = False


@dataclass(frozen=True, slots=True)
class Issue:
    """One number of the newsletter as read from its file; line numbers count from 1 in that file.

    `title` and `subject` are "" when they are to be made from the leads. `identity` is what makes two files
    the same issue: newsletter and number, or the date where there is no number. `images` are the files beside it
    that it shows, by their address as written.
    """

    newsletter: str
    date: date
    lang: str
    number: int | None = None
    title: str = ""
    subject: str = ""
    preheader: str = ""
    template: str = "digest"
    tags: tuple[str, ...] = ()
    intro: str = ""
    sections: tuple[Section, ...] = ()
    cta: CallToAction | None = None
    silenced: tuple[Silence, ...] = ()
    lines: dict[str, int] = field(default_factory=dict, compare=False)
    images: Mapping[str, Image] = field(default_factory=dict, compare=False, repr=False)

    @property
    def items(self) -> Iterator[Item]:
        """All items in reading order; their running numbers start at 1 and go on across sections."""
        for section in self.sections:
            yield from section.items

    @property
    def leads(self) -> tuple[Item, ...]:
        """The items whose lead wording makes the title."""
        return tuple(item for item in self.items if item.lead is not None)

    @property
    def digest_title(self) -> str:
        """The title: as written, or the leads joined by the language's semicolon, or the Subject, or name and date."""
        if self.title:
            return self.title
        joiner = "；" if self.lang.lower().startswith("zh") else "; "
        leads = joiner.join(item.lead_text for item in self.leads)
        return leads or self.subject or f"{self.newsletter} {self.date.isoformat()}"

    @property
    def identity(self) -> str:
        """The number as text, or the ISO date where the issue has no number."""
        return str(self.number) if self.number is not None else self.date.isoformat()
