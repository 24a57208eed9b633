"""A list of subscribers from elsewhere: which column means what, and what one row says."""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from functools import lru_cache
from sys import intern
from types import MappingProxyType
from typing import NamedTuple

from mailer.errors import AddressError, ImportFileError
from mailer.mail.address import Address, parse
from mailer.model import language_tag
from mailer.model.formula import unguarded
from mailer.model.subscriber import State, attribute_name, fault_in_text, split_tags
from mailer.sentence import Sentence

_KNOWN = ("email", "name", "language", "tags", "status", "consent_source", "consent_at")
_JOINED = "joined_at"  # of our own export: when he agreed to be a reader
_REMEMBERED = 4096  # lists tell few days, again and again
_STATES = {"": State.ACTIVE, **{state.value: state for state in (State.ACTIVE, State.PENDING, State.UNSUBSCRIBED)}}


_YEAR_FIRST = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T ]*(\d{1,2})(:\d\d.*))?", re.ASCII)
_WHO_LEFT = re.compile(r"unsub|subscribed|opt_?(?:ed_)?out|disabled|退订|取消订阅")  # in a heading of another system


class Entry(NamedTuple):
    """What one row says about one reader. `source` and `consented_at` tell where and when he agreed."""

    line: int
    address: Address
    name: str = ""
    language: str = ""
    tags: tuple[str, ...] = ()
    state: State = State.ACTIVE
    source: str = ""
    consented_at: datetime | None = None
    attributes: Mapping[str, str] = MappingProxyType({})


class Verdict(StrEnum):
    """What becomes of an entry."""

    ADDED = "added"  # a new reader
    UPDATED = "updated"  # known; name, language, attributes or tags change
    UNCHANGED = "unchanged"  # known, and nothing new about him
    LEFT = "left"  # known and active; the list says that he unsubscribed
    UNSUBSCRIBED = "unsubscribed"  # kept out: he left
    SUPPRESSED = "suppressed"  # kept out: mail to him bounced, or he complained
    ERASED = "erased"  # kept out: he wanted to be forgotten
    DUPLICATE = "duplicate"  # an earlier row of the same list has the address
    REFUSED = "refused"  # the row cannot be read


KEPT_OUT = (Verdict.UNSUBSCRIBED, Verdict.SUPPRESSED, Verdict.ERASED)


@dataclass(frozen=True, slots=True)
class Known:
    """A subscriber who is there already, as far as an import must know him."""

    id: int
    state: State
    name: str
    language: str
    attributes: Mapping[str, str]
    tags: tuple[str, ...]

    def after(self, entry: Entry) -> tuple[str, str, Mapping[str, str], tuple[str, ...]]:
        """Name, language, attributes and tags once the entry is taken: what it leaves empty stays as it was."""
        tags = tuple(dict.fromkeys((*self.tags, *entry.tags)))
        return entry.name or self.name, entry.language or self.language, {**self.attributes, **entry.attributes}, tags

    def is_changed_by(self, entry: Entry) -> bool:
        """Whether the entry says anything new."""
        return self.after(entry) != (self.name, self.language, self.attributes, self.tags)

    def difference(self, entry: Entry) -> list[Sentence]:
        """What the entry changes, a clause each; empty when nothing does."""
        name, language, attributes, tags = self.after(entry)
        changes: list[tuple[str, str, str]] = [
            (Sentence("name"), self.name, name),
            (Sentence("language"), self.language, language),
        ]
        changes += [(key, self.attributes.get(key, ""), value) for key, value in attributes.items()]
        said = [
            Sentence("%(what)s '%(old)s' -> '%(new)s'", what=what, old=old, new=new)
            for what, old, new in changes
            if old != new
        ]
        return said + [Sentence("tag +%(tag)s", tag=tag) for tag in tags if tag not in self.tags]


def judge(entry: Entry, found: Known | None, *, suppressed: bool, erased: bool) -> Verdict:
    """What becomes of an entry: an import adds and completes, and never brings anybody back or raises a state."""
    if found is not None and found.state is State.UNSUBSCRIBED:
        return Verdict.UNSUBSCRIBED
    if suppressed and entry.state is not State.UNSUBSCRIBED:  # that somebody left is kept all the same
        return Verdict.SUPPRESSED
    if found is None:
        return Verdict.ERASED if erased else Verdict.ADDED
    if entry.state is State.UNSUBSCRIBED:
        return Verdict.LEFT
    return Verdict.UPDATED if found.is_changed_by(entry) else Verdict.UNCHANGED


class FirstLines:
    """The line on which each key came first: an open-addressed table of hashes, some 20 octets a key.

    A dictionary of a million addresses would take more memory than the whole import may.
    """

    def __init__(self) -> None:
        self._mask = 4095
        self._count = 0
        self._hashes = array("q", bytes(8 * 4096))
        self._lines = array("I", bytes(array("I").itemsize * 4096))

    def note(self, key: str, line: int) -> int:
        """The line of an earlier note of `key`; 0 when there was none, and then `line` (at least 1) is kept."""
        number = hash(key)
        place = self._place(number)
        if self._lines[place]:
            return self._lines[place]
        self._hashes[place], self._lines[place] = number, line
        self._count += 1
        if self._count * 3 > self._mask * 2:
            self._grow()
        return 0

    def _place(self, number: int) -> int:
        place = number & self._mask
        while self._lines[place] and self._hashes[place] != number:
            place = (place + 1) & self._mask
        return place

    def _grow(self) -> None:
        hashes, lines = self._hashes, self._lines
        self._mask = self._mask * 2 + 1
        self._hashes = array("q", bytes(8 * (self._mask + 1)))
        self._lines = array("I", bytes(lines.itemsize * (self._mask + 1)))
        for number, line in zip(hashes, lines, strict=True):
            if line:
                place = self._place(number)
                self._hashes[place], self._lines[place] = number, line


class Fault(Exception):
    """Why a row is refused: a clause that goes on after `line 7: `."""

    def __init__(self, clause: str) -> None:
        super().__init__(clause)
        self.clause = clause


class Layout:
    """The meaning of a table's columns.

    `renames` maps headings (or the attribute names made from them) to what they mean here; `consent` is the source
    of consent for rows that name none; naive times are in `zone`. Raises ImportFileError for headings that cannot
    be read, for two columns of one meaning, and for a table without `email`.
    """

    def __init__(
        self, headings: Sequence[str], *, renames: Mapping[str, str], consent: str, zone: tzinfo, now: datetime
    ) -> None:
        self.consent = consent
        self._zone = zone
        self._now = now
        self._moment = lru_cache(_REMEMBERED)(self._moment_of)
        names = _meanings(headings, renames)
        self._places = {name: place for place, name in enumerate(names) if name in _KNOWN}
        self._email, self._name, self._language, self._tags, self._status, self._source, self._at = (
            self._places.get(name, len(names)) for name in _KNOWN
        )
        self._attributes = [(name, place) for place, name in enumerate(names) if name and name not in _KNOWN]
        if "email" not in self._places:
            if any("@" in heading for heading in headings):
                what = "no row of headings; the first row must name the columns, one of them email"
                raise ImportFileError(Sentence(what))
            named = [heading for heading in headings if heading]
            what = "no column named email among: %(names)s; name yours with --map OLD=email"
            if len(named) == 1:  # a title, or cells that nothing we know separates
                what = (
                    "no column named email among: %(names)s; the first row must name the columns, separated by commas,"
                    " semicolons or tabs"
                )
            raise ImportFileError(Sentence(what, names=", ".join(named[:8])))

    @property
    def attributes(self) -> tuple[str, ...]:
        """The names of the columns that become attributes."""
        return tuple(name for name, _ in self._attributes)

    @property
    def may_tell_who_left(self) -> tuple[str, ...]:
        """Attributes that by their names may say who left another system, and keep nobody out; none beside a status."""
        if "status" in self._places:
            return ()
        return tuple(name for name in self.attributes if _WHO_LEFT.search(name))

    @property
    def names_consent(self) -> bool:
        """Whether every row can tell where its consent comes from: by a column, or by the source given for all."""
        return bool(self.consent) or "consent_source" in self._places

    def read(self, line: int, cells: Sequence[str]) -> Entry:
        """What a row says. Raises Fault with the reason why it is refused."""
        whole = "".join(cells)
        if "'" in whole:
            cells = [unguarded(cell) for cell in cells]
        if fault_in_text(whole):  # once for the whole row: nearly every row passes
            for place, cell in enumerate(cells):
                if fault := fault_in_text(cell):
                    raise Fault(Sentence("%(what)s %(fault)s", what=self._heading(place), fault=fault))
        cells = [*cells, ""]  # what no column tells
        try:
            address = parse(cells[self._email])
        except AddressError as error:
            raise Fault(error.message) from None
        language = language_tag.read(cells[self._language])
        if language is None:
            what = "language '%(tag)s' is no language tag such as en or zh-CN"
            raise Fault(Sentence(what, tag=cells[self._language]))
        status = cells[self._status].lower()
        state = _STATES.get(status)
        if state is None:
            what = "status '%(status)s' is unknown; use active, pending or unsubscribed"
            raise Fault(Sentence(what, status=status))
        source = cells[self._source] or self.consent
        if not source and state is not State.UNSUBSCRIBED:
            raise Fault(Sentence("no consent_source, and no --consent given for such rows"))
        return Entry(
            line,
            address,
            cells[self._name],
            language,
            split_tags(cells[self._tags]),
            state,
            intern(source),
            self._moment(cells[self._at]),
            {name: intern(cells[place]) for name, place in self._attributes if cells[place]},
        )

    def _heading(self, place: int) -> str:
        for name, at in (*self._places.items(), *self._attributes):
            if at == place:
                return name
        return Sentence("cell %(number)s", number=place + 1)

    def _moment_of(self, text: str) -> datetime | None:
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(_as_iso(text))
        except ValueError:
            what = "consent_at '%(text)s' is no date such as 2026-01-31 or 2026-01-31T08:00Z"
            raise Fault(Sentence(what, text=text)) from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=self._zone)
        try:
            late = moment > self._now
        except OverflowError:
            late = True
        if late:
            raise Fault(Sentence("consent_at '%(text)s' lies in the future", text=text))
        if moment.year < 1971:
            raise Fault(Sentence("consent_at '%(text)s' is too long ago", text=text))
        return moment


def _as_iso(text: str) -> str:
    """A moment that begins with the year, as spreadsheets write it (`2026/1/5 8:05`, `2026年1月5日`), by ISO 8601."""
    if found := _YEAR_FIRST.fullmatch(text):
        year, month, day, hour, rest = found.groups("")
        clock = f"T{hour:0>2}{rest.removesuffix(' UTC')}" + ("Z" if rest.endswith(" UTC") else "")
        return f"{year}-{month:0>2}-{day:0>2}" + (clock if hour else "")
    return text


def _meanings(headings: Sequence[str], renames: Mapping[str, str]) -> list[str]:
    """What each column means: a known name, an attribute's name, or "" for a column without a heading."""
    wanted = {attribute_name(old): new for old, new in renames.items()}
    names: list[str] = []
    for heading in headings:
        if fault := fault_in_text(heading):
            raise ImportFileError(Sentence("the heading '%(name)s' %(fault)s", name=heading[:40], fault=fault))
        name = attribute_name(heading)
        if heading and not name:
            what = "the heading '%(name)s' cannot name an attribute; rename it with --map"
            raise ImportFileError(Sentence(what, name=heading[:40]))
        name = attribute_name(wanted.pop(name, name)) if name else ""
        if name and name in names:
            raise ImportFileError(Sentence("two columns are named %(name)s", name=name))
        names.append(name)
    if wanted:
        what = "no column named %(names)s, which --map wants to rename"
        raise ImportFileError(Sentence(what, names=", ".join(wanted)))
    if _JOINED in names:
        names[names.index(_JOINED)] = "" if "consent_at" in names else "consent_at"
    return names
