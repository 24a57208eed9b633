"""The club's tables of names: sources.yaml and glossary.yaml, one spelling a language for each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import yaml

from mailer.errors import SourceError
from mailer.rendering import language, slips

LIMIT = 500_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A source or term: its name, the name per language (by primary subtag), other spellings, its home page."""

    name: str
    names: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    url: str = ""
    line: int = 0

    def in_language(self, lang: str) -> str:
        """The name to write in an issue of that language."""
        return self.names.get(language.primary(lang), self.name)

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every spelling the table knows."""
        return tuple(dict.fromkeys([self.name, *self.names.values(), *self.aliases]))


@dataclass(frozen=True)
class Registry:
    """A table of entries, looked up by any of their spellings, capitals and blanks aside, or by their site's host."""

    entries: tuple[Entry, ...]

    @cached_property
    def _index(self) -> dict[str, Entry]:
        return {_folded(spelling): entry for entry in self.entries for spelling in entry.spellings}

    @cached_property
    def _hosts(self) -> dict[str, Entry]:
        return {_host(entry.url): entry for entry in self.entries if entry.url}

    def find(self, name: str) -> Entry | None:
        """The entry that knows this spelling, or whose home page is at this host."""
        return self._index.get(_folded(name)) or self._hosts.get(name.lower().removeprefix("www."))

    def misspelt(self, text: str, lang: str) -> Iterable[tuple[str, Entry]]:
        """Aliases in `text` that the table spells otherwise in that language, each once."""
        for entry in self.entries:
            right = entry.in_language(lang)
            for alias in entry.aliases:
                if alias != right and alias not in right and _contains(text, alias):
                    yield alias, entry


def _host(url: str) -> str:
    return re.sub(r"^https?://(?:www\.)?|[/:?#].*$", "", url.lower())


def read(text: str, name: str) -> Registry:
    """A table from YAML: `Name: {zh: ..., en: ..., aliases: [...], url: ...}`; raises SourceError naming the line."""
    if len(text) > LIMIT:
        raise SourceError(f"longer than {LIMIT:,} characters; keep one entry a name", where=name)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as problem:
        if slip := slips.sign(text):
            raise SourceError(slip[1], where=f"{name}:{slip[0]}") from None
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        raise SourceError(
            f"not valid YAML: {problem.problem}; write `Name:` and its keys below", where=f"{name}:{line}"
        ) from None
    except (yaml.YAMLError, RecursionError):
        raise SourceError("not valid YAML; write `Name:` and its keys below", where=name) from None
    if root is None:
        return Registry(())
    if not isinstance(root, yaml.MappingNode):
        raise SourceError("must be made of `Name:` entries", where=f"{name}:1")
    entries = [_entry(key, value, name) for key, value in root.value]
    _refuse_doubles(entries, name)
    return Registry(tuple(entries))


def _entry(key: yaml.Node, value: yaml.Node, name: str) -> Entry:
    line = key.start_mark.line + 1
    where = f"{name}:{line}"
    if isinstance(value, yaml.ScalarNode) and not value.value:
        return Entry(str(key.value), line=line)
    if not isinstance(value, yaml.MappingNode):
        raise SourceError(f"{key.value!r} must have keys such as `url:` and `aliases:` below it", where=where)
    names: dict[str, str] = {}
    aliases: tuple[str, ...] = ()
    url = ""
    for part, node in value.value:
        word = str(part.value)
        if word == "aliases" and isinstance(node, yaml.SequenceNode):
            aliases = tuple(str(alias.value) for alias in node.value)
        elif not isinstance(node, yaml.ScalarNode):
            raise SourceError(f"{word!r} of {key.value!r} must be one text", where=f"{name}:{part.start_mark.line + 1}")
        elif word == "url":
            url = str(node.value)
        elif language.is_tag(word) and len(language.primary(word)) < 4:
            names[language.primary(word)] = str(node.value)
        else:
            fix = "known are url, aliases and language tags such as zh"
            raise SourceError(
                f"unknown key {word!r} of {key.value!r}; {fix}", where=f"{name}:{part.start_mark.line + 1}"
            )
    return Entry(str(key.value), names, aliases, url, line)


def _refuse_doubles(entries: list[Entry], name: str) -> None:
    seen: dict[str, Entry] = {}
    for entry in entries:
        for spelling in entry.spellings:
            other = seen.setdefault(_folded(spelling), entry)
            if other is not entry:
                message = f"{spelling!r} belongs to {other.name!r} (line {other.line}) too; keep it at one"
                raise SourceError(message, where=f"{name}:{entry.line}")


def _folded(text: str) -> str:
    return "".join(text.split()).casefold()


def _contains(text: str, alias: str) -> bool:
    if alias not in text:
        return False
    return not alias.isascii() or re.search(rf"(?<!\w){re.escape(alias)}(?!\w)", text, re.ASCII) is not None
