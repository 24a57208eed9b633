from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

from mailer.cli import COMMANDS, main
from mailer.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
REGISTRIES = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "crates" + ".io")
MACHINE = ("/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/")


def tracked() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).exists()]


def docs_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_tool", ROOT / "tools" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_something_that_exists(page: Path) -> None:
    text = re.sub(r"(?s)```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"))
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        other = (page.parent / file).resolve() if file else page
        assert other.exists(), f"{page.name}: {target}"
        if anchor and other.suffix == ".md":
            assert anchor in anchors(other), f"{page.name}: {target}"


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"(?m)^#+ (.+)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_the_docs_exist_with_their_options(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    code = "\n".join([*re.findall(r"(?s)```(?:sh|text|ini)?\n(.*?)```", text), *re.findall(r"`([^`\n]+)`", text)])
    for words in re.findall(r"(?m)(?:^|[\s/'\"|])mailer ((?:[a-z][\w-]*)(?: [^\n`;|&#']*)?)", code):
        command, *rest = words.split()
        if command not in COMMANDS:
            continue  # prose or a package's name, not a call; the ones in COMMANDS are checked in full
        module = importlib.import_module(f"mailer.cli.{COMMANDS[command][0]}")
        found: click.Command = getattr(module, command)
        for word in rest:
            found = getattr(found, "commands", {}).get(word, found)
        known = {option for parameter in [*found.params, *main.params] for option in parameter.opts} | {"--help"}
        for option in (word for word in rest if word.startswith("--")):
            assert option.rstrip(".,]").lstrip("[") in known, f"{page.name}: mailer {words}"


@pytest.mark.parametrize("page", ["issue-format.md", "editors.zh.md"])
def test_the_issue_that_a_page_shows_has_no_error(page: str, tmp_path: Path) -> None:
    (shown,) = re.findall(r"(?s)```markdown\n(---\n.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"))
    (tmp_path / "issue.md").write_text(shown, encoding="utf-8")
    checked = CliRunner().invoke(main, ["check", str(tmp_path / "issue.md")])
    assert checked.exit_code == 0, checked.output


def test_make_targets_in_the_docs_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"(?m)^([a-z-]+):", makefile))
    for page in PAGES:
        for target in re.findall(r"`make ([a-z-]+)", page.read_text(encoding="utf-8")):
            assert target in targets, f"{page.name}: make {target}"


def test_every_setting_is_in_the_docs_with_its_default() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for name in Settings.model_fields:
        assert f"[{name}]" in page
    assert page == docs_tool().settings_page(), "docs/settings.md is out of date; run 'make docs'"


def test_every_command_is_in_the_docs_as_it_explains_itself() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert page == docs_tool().cli_page(), "docs/cli.md is out of date; run 'make docs'"


def test_no_file_names_a_path_of_somebodys_machine_or_a_registry() -> None:
    for file in tracked():
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for word in (*MACHINE, *REGISTRIES):
            assert word not in text, f"{file.relative_to(ROOT)} has {word}"


def test_no_database_key_or_settings_file_is_tracked() -> None:
    for file in tracked():
        assert not re.search(r"\.(db|db-wal|db-shm|key|pem)$|^(mailer\.toml|uv\.lock|pylock\.toml)$", file.name), file


def test_no_lock_has_an_address() -> None:
    for file in (ROOT / "requirements").glob("*.txt"):
        assert "://" not in file.read_text()


def test_the_wheel_has_templates_translations_and_migrations(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=100)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for file in tracked():
        path = file.relative_to(ROOT).as_posix()
        if path.startswith("templates/"):
            assert f"mailer/_{path}" in names
        elif path.startswith("mailer/"):
            assert path in names
    assert not any(name.startswith(("tests/", "tools/", "docs/")) for name in names)
