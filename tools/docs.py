"""Writes docs/settings.md and docs/cli.md from the program itself; with --check says whether they are current."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any, get_args

import click
from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from mailer.cli import COMMANDS, main
from mailer.settings import Settings

DOCS = Path(__file__).resolve().parent.parent / "docs"

SETTINGS_HEAD = """# Settings

<!-- made by `make docs` from mailer/settings; do not edit -->

A club's settings are in `mailer.toml` (`--config FILE`, or `MAILER_CONFIG`, names another file). Everything has a
default, so an empty file is valid; a key nobody knows is an error that names the nearest one. `mailer doctor` says
what is still to be done.

The environment is above the file: `MAILER_SECTION__KEY`, with two underscores between table and key, such as
`MAILER_RELAY__URL` or `MAILER_DATABASE__URL`; lists and tables are written as JSON. `MAILER_SECRET_KEY` is above
`mailer.key`. Passwords belong into the environment or into a file that the mailer's user alone can read.
"""

CLI_HEAD = """# Commands

<!-- made by `make docs` from the commands' own --help; do not edit -->

Data goes to stdout, talk and progress to stderr. Exit codes: 0 fine; 1 the answer is bad news (a check found errors, a
send did not finish, an audit does not add up); 2 wrong use or wrong settings, with one line that says what to do.
"""


def settings_page() -> str:
    """Every setting with its type, default and meaning, a section a table of mailer.toml."""
    parts = [SETTINGS_HEAD]
    for name, field in Settings.model_fields.items():
        model, many = _model(field.annotation)
        if model is None:
            raise TypeError(f"[{name}] is not a table")
        parts.append(f"\n## {'[[' if many else '['}{name}{']]' if many else ']'}\n\n{_intro(model)}\n")
        if many and name == "relays":
            parts.append("\nSeveral relays instead of one, each with the keys of `[relay]`.\n")
            continue
        parts.append(_table(model))
        parts.extend(_nested(name, model))
    return "".join(parts)


def _nested(prefix: str, model: type[BaseModel]) -> list[str]:
    parts = []
    for name, field in model.model_fields.items():
        inner, many = _model(field.annotation)
        if inner is not None and many:
            parts.append(f"\n### [[{prefix}.{name}]]\n\n{_intro(inner)}\n{_table(inner)}")
            parts.extend(_nested(f"{prefix}.{name}", inner))
    return parts


def _intro(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().partition("\n\n")[0]


def _table(model: type[BaseModel]) -> str:
    rows = ["\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n"]
    for name, field in model.model_fields.items():
        cells = (f"`{field.alias or name}`", _type(field.annotation), _default(field), field.description or "")
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return "".join(rows)


def _model(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The model behind an annotation, and whether there may be several."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    inner = next((one for one in get_args(annotation) if isinstance(one, type) and issubclass(one, BaseModel)), None)
    return inner, inner is not None


def _type(annotation: Any) -> str:
    simple = {str: "text", int: "whole number", float: "number", bool: "true or false", SecretStr: "text (secret)"}
    if annotation in simple:
        return simple[annotation]
    arguments = get_args(annotation)
    origin = getattr(annotation, "__origin__", None)
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"table: {_type(arguments[0])} to {_type(arguments[1])}"
    if arguments and all(isinstance(one, str) for one in arguments):
        return " or ".join(f"`{one}`" for one in arguments)
    return "table"


def _default(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, tuple) and any(isinstance(one, BaseModel) for one in value):
        return ", ".join(f"`{getattr(one, 'key', one)}`" for one in value)
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def cli_page() -> str:
    """The --help of every command."""
    parts = [CLI_HEAD, _help("mailer", main)]
    for name, (module, _) in COMMANDS.items():
        command = getattr(importlib.import_module(f"mailer.cli.{module}"), name.replace("-", "_"))
        parts.extend(_helps(f"mailer {name}", command))
    return "".join(parts)


def _helps(path: str, command: click.Command) -> list[str]:
    parts = [_help(path, command)]
    for name, inner in getattr(command, "commands", {}).items():
        parts.extend(_helps(f"{path} {name}", inner))
    return parts


def _help(path: str, command: click.Command) -> str:
    context = click.Context(command, info_name=path, max_content_width=100, terminal_width=100)
    for name, value in main.context_settings.items():
        setattr(context, name, value)
    return f"\n## {path}\n\n```text\n{command.get_help(context)}\n```\n"


def run(check: bool) -> int:
    """Write both pages, or say which is out of date: the exit code."""
    stale = []
    for name, page in (("settings.md", settings_page()), ("cli.md", cli_page())):
        file = DOCS / name
        if check and (not file.exists() or file.read_text(encoding="utf-8") != page):
            stale.append(name)
        elif not check:
            file.write_text(page, encoding="utf-8")
    for name in stale:
        print(f"docs/{name} is out of date; run 'make docs'")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(run("--check" in sys.argv))
