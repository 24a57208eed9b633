"""What is wrong with the settings, for people: file and line or variable, key, and what would be right."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from pydantic import BaseModel, ValidationError

from mailer.errors import SettingsError, spoken
from mailer.sentence import Sentence

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

ENV_PREFIX = "MAILER_"
_OF_PYDANTIC = {  # its words for what settings get wrong, by its names for them
    "missing": Sentence("field required"),
    "bool_parsing": Sentence("input should be a valid boolean, unable to interpret input"),
    "bool_type": Sentence("input should be a valid boolean"),
    "dict_type": Sentence("input should be a valid dictionary"),
    "datetime_from_date_parsing": Sentence("input should be a valid datetime or date"),
    "datetime_parsing": Sentence("input should be a valid datetime"),
    "datetime_type": Sentence("input should be a valid datetime"),
    "float_parsing": Sentence("input should be a valid number, unable to parse string as a number"),
    "float_type": Sentence("input should be a valid number"),
    "greater_than": Sentence("input should be greater than %(gt)s"),
    "greater_than_equal": Sentence("input should be greater than or equal to %(ge)s"),
    "int_from_float": Sentence("input should be a valid integer, got a number with a fractional part"),
    "int_parsing": Sentence("input should be a valid integer, unable to parse string as an integer"),
    "int_type": Sentence("input should be a valid integer"),
    "less_than_equal": Sentence("input should be less than or equal to %(le)s"),
    "literal_error": Sentence("input should be one of %(expected)s"),
    "model_type": Sentence("this is a table of settings, such as [newsletter]"),
    "string_pattern_mismatch": Sentence("string should match pattern '%(pattern)s'"),
    "string_too_short": Sentence("string should have at least %(min_length)s character"),
    "string_type": Sentence("input should be a valid string"),
    "too_short": Sentence("there should be at least %(min_length)s"),
    "tuple_type": Sentence("input should be a valid tuple"),
}


def unreadable(said: str, path: Path) -> SettingsError:
    """What the reader of TOML said of a file, with the place where it stopped."""
    words, _, place = said.removesuffix(")").rpartition(" (at ")
    found = re.fullmatch(r"line (\d+), column (\d+)", place)
    if found is None:
        return SettingsError(Sentence("not valid TOML: %(why)s", why=Sentence(words or said)), where=str(path))
    what = Sentence("not valid TOML: %(why)s (column %(column)s)", why=Sentence(words), column=found[2])
    return SettingsError(what, where=f"{path}:{found[1]}")


def explain(error: ValidationError, settings: type[BaseModel], path: Path, text: str) -> SettingsError:
    """All that is wrong, a line each, one below the other behind `mailer: `; not what only follows from another."""
    places = [one["loc"] for one in error.errors()]
    causes = [
        one
        for one in error.errors()
        if one["type"] != "too_short" or not any(place[: len(one["loc"])] == one["loc"] != place for place in places)
    ]
    first, *others = dict.fromkeys(_mistake(one, settings, path, text) for one in causes)
    return SettingsError(first, below=[Sentence("        %(what)s", what=what) for what in others])


def _mistake(error: ErrorDetails, settings: type[BaseModel], path: Path, text: str) -> Sentence:
    keys = [str(part) for part in error["loc"]]
    what = _what(error)
    if named := re.match(r"\[\w+\] (\w+) ", what):  # a rule on several settings says itself which is wrong
        keys.append(named[1])
    line = _line_of(text, keys)
    where = _variable_of(keys) or (f"{path}:{line}" if line else str(path))
    if error["type"] == "extra_forbidden":
        return Sentence("%(where)s: %(what)s", where=where, what=_unknown(settings, keys))
    if named:
        return Sentence("%(where)s: %(what)s", where=where, what=what)
    return Sentence("%(where)s: %(key)s: %(what)s", where=where, key=_display(keys), what=what)


def _what(error: ErrorDetails) -> Sentence:
    """What is wrong with a value: what one of our rules says, else pydantic's words as a clause."""
    values = error.get("ctx", {})
    if isinstance(fault := values.get("error"), Exception):
        return spoken(fault)
    said = _OF_PYDANTIC.get(error["type"])
    if said is not None and all(name in values for name in re.findall(r"%\((\w+)\)s", said)):
        shown = {name: str(value).replace(" or ", ", ") for name, value in values.items()}
        return Sentence(str(said), **shown)
    return Sentence("".join((error["msg"][:1].lower(), error["msg"][1:])))


def _display(keys: list[str]) -> str:
    return f"[{keys[0]}]" + (f" {'.'.join(keys[1:])}" if keys[1:] else "")


def _variable_of(keys: list[str]) -> str | None:
    wanted = ENV_PREFIX + "__".join(keys)
    return next((name for name in os.environ if name.upper() == wanted.upper()), None)


def _unknown(settings: type[BaseModel], keys: list[str]) -> Sentence:
    """That nobody knows a setting, and which may be meant."""
    model = settings
    for key in keys[:-1]:
        field = model.model_fields.get(key)
        for annotation in (field.annotation, *get_args(field.annotation)) if field else ():
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                model = annotation
    known = [field.alias or name for name, field in model.model_fields.items()]
    if close := difflib.get_close_matches(keys[-1], known, n=1):
        return Sentence("unknown setting %(key)s; did you mean '%(name)s'?", key=_display(keys), name=close[0])
    return Sentence("unknown setting %(key)s; known here: %(names)s", key=_display(keys), names=", ".join(known))


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
