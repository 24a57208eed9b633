"""What is wrong with the settings, for people: file and line or variable, key, and what would be right."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from pydantic import BaseModel, ValidationError

from mailer.errors import SettingsError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

ENV_PREFIX = "MAILER_"


def explain(error: ValidationError, settings: type[BaseModel], path: Path, text: str) -> SettingsError:
    """All that is wrong, a line each, one below the other behind `mailer: `; not what only follows from another."""
    places = [one["loc"] for one in error.errors()]
    causes = [
        one
        for one in error.errors()
        if one["type"] != "too_short" or not any(place[: len(one["loc"])] == one["loc"] != place for place in places)
    ]
    return SettingsError("\n        ".join(dict.fromkeys(_mistake(one, settings, path, text) for one in causes)))


def _mistake(error: ErrorDetails, settings: type[BaseModel], path: Path, text: str) -> str:
    keys = [str(part) for part in error["loc"]]
    message = error["msg"].removeprefix("Value error, ")
    if named := re.match(r"\[\w+\] (\w+) ", message):  # a rule on several settings says itself which is wrong
        keys.append(named[1])
        message = message[named.end() :]
    line = _line_of(text, keys)
    where = _variable_of(keys) or (f"{path}:{line}" if line else str(path))
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown setting {_display(keys)}{_suggestion(settings, keys)}"
    return f"{where}: {_display(keys)}: {message[:1].lower()}{message[1:]}"


def _display(keys: list[str]) -> str:
    return f"[{keys[0]}]" + (f" {'.'.join(keys[1:])}" if keys[1:] else "")


def _variable_of(keys: list[str]) -> str | None:
    wanted = ENV_PREFIX + "__".join(keys)
    return next((name for name in os.environ if name.upper() == wanted.upper()), None)


def _suggestion(settings: type[BaseModel], keys: list[str]) -> str:
    model = settings
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
