from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from typing import Any

import click
import pytest
from click.testing import CliRunner

from mailer.cli import COMMANDS, main
from mailer.cli.help import paragraphs_of
from mailer.model.columns import width
from mailer.rendering.translation import translations

HEAVY = (
    "sqlalchemy",
    "alembic",
    "pydantic",
    "starlette",
    "uvicorn",
    "premailer",
    "lxml",
    "jinja2",
    "aiosmtplib",
    "rich",
    "asyncio",
    "structlog",
    "email.message",
)

MEASURE = """
import json, resource, sys
import mailer.cli
try:
    mailer.cli.main(["--help"], standalone_mode=False)
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"seconds": used.ru_utime + used.ru_stime, "modules": sorted(sys.modules)}), file=sys.stderr)
"""


# what is English in any language: calls, files, sections of the settings, samples, placeholders, choices
_IN_ENGLISH_ANYWHERE = re.compile(
    r"mailer [a-z]+( --[a-z]+)?( [a-z]+)?|journalctl .*|[-\w]+\.(?:md|html|txt|eml)|[A-Z]+[A-Z0-9_-]+"
    r"|\[[\w|]+\](?: [a-z_]+)?|\w+ = .*|added by the operator|My Newsletter|https?://\S+"
)


def command(name: str) -> click.Command:
    module = importlib.import_module(f"mailer.cli.{COMMANDS[name][0]}")
    found: Any = getattr(module, name.replace("-", "_"))
    assert isinstance(found, click.Command)
    return found


def with_its_own(path: str, one: click.Command) -> list[tuple[str, click.Command]]:
    """A command and all commands below it, each with how it is called."""
    found = [(path, one)]
    for name, inner in getattr(one, "commands", {}).items():
        found += with_its_own(f"{path} {name}", inner)
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_the_command_says_of_itself(name: str) -> None:
    help_text = command(name).help or ""
    assert help_text.strip().partition("\n\n")[0].replace("\n", " ") == COMMANDS[name][1]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_its_options(name: str) -> None:
    for path, one in with_its_own(name, command(name)):
        assert one.help, f"mailer {path} has no help"
        for parameter in one.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.help, f"mailer {path} {parameter.opts[0]} has no help"


def measured_help() -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True, timeout=60)
    result: dict[str, Any] = json.loads(done.stderr.splitlines()[-1])
    return result


def test_help_imports_no_heavy_library() -> None:
    modules = set(measured_help()["modules"])
    assert not modules.intersection(HEAVY)


def test_help_takes_less_than_300_ms_of_cpu() -> None:
    assert min(measured_help()["seconds"] for _ in range(5)) < 0.3


def test_a_mistyped_command_is_answered_with_the_nearest_one() -> None:
    from click.testing import CliRunner

    result = CliRunner().invoke(main, ["publihs"])
    assert result.exit_code == 2
    assert "Did you mean 'publish'?" in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_in_chinese(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    for path, one in with_its_own(name, command(name)):
        shown = CliRunner().invoke(main, [*path.split(), "--help"], prog_name="mailer").output
        assert shown.startswith("用法：mailer")
        assert max(map(width, shown.splitlines())) <= 90
        plain = _IN_ENGLISH_ANYWHERE.sub("", shown)
        assert not re.search(r"[a-z]{2,} [a-z]{2,} ", plain), shown
        texts = [
            *paragraphs_of(one.help or ""),
            *(" ".join(o.help.split()) for o in one.params if getattr(o, "help", "")),
        ]
        assert [text for text in texts if translations("zh").gettext(text) == text] == []


def test_the_list_of_commands_is_in_the_terminal_s_language(monkeypatch: pytest.MonkeyPatch) -> None:
    english = CliRunner().invoke(main, ["--help"]).output
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    shown = CliRunner().invoke(main, ["--help"]).output
    assert all(translations("zh").gettext(text) in "".join(shown.split("\n")) for _, text in COMMANDS.values())
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert CliRunner().invoke(main, ["--help"]).output == english


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("publish", "缺少 ISSUE。"),
        ("publish x --dryrun", "没有 --dryrun 这个选项。是不是“--dry-run”？"),
        ("publish a b", "b 是多余的。"),
        ("publish x --at", "--at 后面要有一个值。"),
        ("pubish", "没有 pubish 这个命令。是不是“publish”？"),
        ("issue ne", "没有 ne 这个命令。是不是“new”？"),
        ("preview x --port a", "--port 不能是 'a'。"),
        ("check x --language fr", "--language 不能是 'fr'；可用的是 'en', 'zh'。"),
        ("issue import x --number -3", "--number 不能是 -3；可用的是 x>=0。"),
    ],
)
def test_a_wrong_call_is_explained_in_the_terminal_s_language(
    call: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    english = CliRunner().invoke(main, call.split(), prog_name="mailer")
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    done = CliRunner().invoke(main, call.split(), prog_name="mailer")
    assert (done.exit_code, english.exit_code) == (2, 2)
    assert done.output.splitlines()[-1].startswith(f"mailer: {told}用法说明：mailer")
    assert "Error: " in english.output
    assert CliRunner().invoke(main, ["issue"], prog_name="mailer").output.startswith("用法：")
