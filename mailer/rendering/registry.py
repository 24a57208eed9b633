"""The club's tables of names: sources.yaml and glossary.yaml, one spelling a language for each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import yaml

from mailer.errors import SourceError
from mailer.model import language_tag
from mailer.rendering import slips
from mailer.sentence import Sentence

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
        return self.names.get(language_tag.primary(lang), self.name)

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
        raise SourceError(
            Sentence("longer than %(limit)s characters; keep one entry a name", limit=f"{LIMIT:,}"), where=name
        )
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as problem:
        if slip := slips.sign(text):
            raise SourceError(slip[1], where=f"{name}:{slip[0]}") from None
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        what = Sentence("not valid YAML: %(why)s; write `Name:` and its keys below", why=problem.problem)
        raise SourceError(what, where=f"{name}:{line}") from None
    except (yaml.YAMLError, RecursionError):
        raise SourceError(Sentence("not valid YAML; write `Name:` and its keys below"), where=name) from None
    if root is None:
        return Registry(())
    if not isinstance(root, yaml.MappingNode):
        raise SourceError(Sentence("must be made of `Name:` entries"), where=f"{name}:1")
    entries = [_entry(key, value, name) for key, value in root.value]
    _refuse_doubles(entries, name)
    return Registry(tuple(entries))


def _entry(key: yaml.Node, value: yaml.Node, name: str) -> Entry:
    line = key.start_mark.line + 1
    where = f"{name}:{line}"
    if isinstance(value, yaml.ScalarNode) and not value.value:
        return Entry(str(key.value), line=line)
    if not isinstance(value, yaml.MappingNode):
        what = Sentence("'%(name)s' must have keys such as `url:` and `aliases:` below it", name=key.value)
        raise SourceError(what, where=where)
    names: dict[str, str] = {}
    aliases: tuple[str, ...] = ()
    url = ""
    for part, node in value.value:
        word = str(part.value)
        if word == "aliases" and isinstance(node, yaml.SequenceNode):
            aliases = tuple(str(alias.value) for alias in node.value)
        elif not isinstance(node, yaml.ScalarNode):
            what = Sentence("'%(key)s' of '%(name)s' must be one text", key=word, name=key.value)
            raise SourceError(what, where=f"{name}:{part.start_mark.line + 1}")
        elif word == "url":
            url = str(node.value)
        elif language_tag.is_tag(word) and len(language_tag.primary(word)) < 4:
            names[language_tag.primary(word)] = str(node.value)
        else:
            unknown = "unknown key '%(key)s' of '%(name)s'; known are url, aliases and language tags such as zh"
            what = Sentence(unknown, key=word, name=key.value)
            raise SourceError(what, where=f"{name}:{part.start_mark.line + 1}")
    return Entry(str(key.value), names, aliases, url, line)


def _refuse_doubles(entries: list[Entry], name: str) -> None:
    seen: dict[str, Entry] = {}
    for entry in entries:
        for spelling in entry.spellings:
            other = seen.setdefault(_folded(spelling), entry)
            if other is not entry:
                belongs = "'%(spelling)s' belongs to '%(name)s' (line %(line)s) too; keep it at one"
                what = Sentence(belongs, spelling=spelling, name=other.name, line=other.line)
                raise SourceError(what, where=f"{name}:{entry.line}")


def _folded(text: str) -> str:
    return "".join(text.split()).casefold()


def _contains(text: str, alias: str) -> bool:
    if alias not in text:
        return False
    return not alias.isascii() or re.search(rf"(?<!\w){re.escape(alias)}(?!\w)", text, re.ASCII) is not None
