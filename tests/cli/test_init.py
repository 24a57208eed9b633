from __future__ import annotations

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from mailer.cli import main
from mailer.store import migrate
from mailer.wiring import Club


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(arguments))
    return result.exit_code, result.output


def test_init_without_a_terminal_asks_nothing_and_leaves_a_club_that_opens(tmp_path: Path) -> None:
    code, output = run("init", str(tmp_path / "club"))
    assert code == 0, output
    club = Club.open(tmp_path / "club" / "mailer.toml")
    migrate.require_current(club.db)
    assert club.settings.newsletter.name == "My Newsletter"
    assert club.keyring is not None
    assert (tmp_path / "club" / "issues").is_dir()
    club.db.close()


def test_the_key_is_readable_by_its_owner_alone_and_never_committed(tmp_path: Path) -> None:
    assert run("init", str(tmp_path))[0] == 0
    assert stat.S_IMODE((tmp_path / "mailer.key").stat().st_mode) == 0o600
    ignored = (tmp_path / ".gitignore").read_text().splitlines()
    assert {"mailer.key", "subscribers.db*"} <= set(ignored)


@pytest.mark.parametrize("name", ["mailer.toml", "mailer.key", "subscribers.db"])
def test_nothing_that_is_there_is_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    code, output = run("init", str(tmp_path))
    assert code == 2
    assert name in output
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_name_with_quotes_and_backslashes_arrives_as_it_is(tmp_path: Path) -> None:
    name = 'The "Club"\\nof \\ 商家'
    assert run("init", str(tmp_path), "--name", name, "--from", "x@example.com", "--language", "zh")[0] == 0
    settings = Club.open(tmp_path / "mailer.toml").settings
    assert settings.newsletter.name == name
    assert settings.newsletter.languages == ("zh",)


@pytest.mark.parametrize(
    "wrong", [("--timezone", "Mars/Olympus"), ("--from", "nobody"), ("--name", "The Club\nBcc: eve@example.com")]
)
def test_a_wrong_value_leaves_nothing_half_made(tmp_path: Path, wrong: tuple[str, str]) -> None:
    code, output = run("init", str(tmp_path), *wrong)
    assert code == 2
    assert "Traceback" not in output
    assert not (tmp_path / "mailer.toml").exists()
    assert not (tmp_path / "mailer.key").exists()


def test_a_gitignore_that_is_there_keeps_its_lines(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n/journal/")
    run("init", str(tmp_path))
    lines = (tmp_path / ".gitignore").read_text().splitlines()
    assert lines[:2] == ["mine", "/journal/"]
    assert lines.count("/journal/") == 1
