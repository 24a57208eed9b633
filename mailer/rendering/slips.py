"""What a hand slips into front matter that YAML cannot read: full-width signs, tabs, quotes, each with its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from mailer.rendering.finding import Finding, error
from mailer.sentence import Sentence

_PAIR = re.compile(r"(?P<before>\s*)(?P<key>[\w-]+)(?P<colon>[ \t]*[:：﹕])(?P<gap>\s*)(?P<value>\S.*)?$")
_COLON = re.compile(r"\s*([^\s#:：\"'\[{-][^:：\"'\[{]*)：")
_DASHES = re.compile("[ \t]*[-－—–─﹣‐‑−_=]{2,}\\s*")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"(?:\s+#.*)?|\'(?:[^\']|\'\')*\'(?:\s+#.*)?')
_SIGNS = "@`%&*!|>?,"


def find(text: str, first_line: int, keys: Iterable[str]) -> list[Finding]:
    """What is wrong with the lines of front matter that is no YAML; `keys` are those that it may hold."""
    known = frozenset(keys)
    found: list[Finding] = []
    lines = text.split("\n")
    silenced = False  # what is indented below `silence:` has keys of its own
    for index, line in enumerate(lines):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        pair = _PAIR.match(line.rstrip())
        silenced = silenced and line[0].isspace()
        below = _PAIR.match(lines[index + 1].rstrip()) if index + 1 < len(lines) else None
        ends = index + 1 == len(lines) or (below is not None and (below["key"] in known or not below["before"]))
        found += _line(line, pair, first_line + index, frozenset() if silenced else known, ends=ends)
        silenced = silenced or (pair is not None and pair["key"] == "silence" and not pair["value"])
    return found


def sign(text: str) -> tuple[int, Sentence] | None:
    """The first tab or full-width colon that YAML of any shape cannot be read for: its line and what to do."""
    for number, line in enumerate(text.split("\n"), 1):
        if "\t" in line[: len(line) - len(line.lstrip())]:
            return number, Sentence("a tab stands before the text; write blanks for it")
        key = _COLON.match(line)
        if key:
            return number, Sentence("the colon behind '%(key)s' is full-width; write a plain one", key=key[1].strip())
    return None


def are_dashes(line: str) -> bool:
    """Whether a line is meant to be the three dashes around front matter and is not."""
    return _DASHES.fullmatch(line) is not None and line.rstrip() != "---"


def _line(line: str, pair: re.Match[str] | None, number: int, keys: frozenset[str], *, ends: bool) -> Iterator[Finding]:
    """What is wrong with one line; `ends`: its value does not go on in the next one."""
    if "\t" in (line[: len(line) - len(line.lstrip())] if pair is None else pair["before"] + pair["gap"]):
        yield error("I01", number, "a tab stands in the front matter.", "Write blanks for it.")
    elif pair is None:
        if keys and not line[0].isspace() and line[0] not in "-]}":
            message = "'%(line)s' is no `key: value`."
            fix = "Write a key and a colon before it, or delete it."
            yield error("I01", number, message, fix, line=_short(line))
    elif pair["before"] and pair["key"].lower() in keys:
        yield error("I01", number, "blanks stand before '%(key)s'.", "Begin the line with the key.", key=pair["key"])
    elif pair["before"] and keys:
        return  # the value above goes on
    elif pair["colon"].strip() != ":":
        yield error(
            "I01",
            number,
            "the colon behind '%(key)s' is full-width.",
            "Write: %(pair)s",
            key=pair["key"],
            pair=_written(pair),
        )
    elif pair["value"] and pair["gap"].strip(" "):
        message = "the blank behind '%(key)s:' is not a plain one."
        fix = "Write: %(pair)s"
        yield error("I01", number, message, fix, key=pair["key"], pair=_written(pair))
    elif pair["value"] and not pair["gap"]:
        yield error(
            "I01", number, "no blank stands behind '%(key)s:'.", "Write: %(pair)s", key=pair["key"], pair=_written(pair)
        )
    elif pair["value"]:
        yield from _value(pair["key"], pair["value"], number, ends=ends)


def _value(key: str, value: str, number: int, *, ends: bool) -> Iterator[Finding]:
    first = value[0]
    fix = "Put it in double quotes: %(key)s: %(value)s"
    if first in "\"'":
        if ends and not _QUOTED.fullmatch(value):
            fix = 'Put one pair around it all, and \\" for those inside: %(key)s: %(value)s'
            message = "the quotes of '%(key)s' do not stand around the whole value."
            yield error("I01", number, message, fix, key=key, value=_quoted(value))
    elif first in "[{":
        if ends and value.count("[") + value.count("{") != value.count("]") + value.count("}"):
            yield error(
                "I01", number, "the bracket that '%(key)s' begins with is not closed.", "Close it on its line.", key=key
            )
    elif first in _SIGNS:
        yield error(
            "I01", number, "'%(key)s' begins with '%(first)s'.", fix, key=key, first=first, value=_quoted(value)
        )
    elif ": " in value or value.endswith(":"):
        yield error(
            "I01", number, "'%(key)s' holds a colon with a blank behind it.", fix, key=key, value=_quoted(value)
        )


def _written(pair: re.Match[str]) -> str:
    """The pair as YAML reads it."""
    value = pair["value"] or ""
    plain = ": " not in value and not value.endswith(":") and value[:1] not in (*_SIGNS, "#")
    return f"{pair['key']}: {value if plain else _quoted(value)}".rstrip()


def _quoted(value: str) -> str:
    if value[:1] == "“" and value[-1:] == "”":
        value = value[1:-1]
    elif value[:1] in ('"', "'") and value.count(value[0]) == 1:  # it was not closed
        value = value[1:]
    inner = re.sub(r'(?<!\\)"', r"\"", value)
    return f'"{inner}"'


def _short(line: str) -> str:
    return line if len(line) <= 40 else line[:39] + "…"
