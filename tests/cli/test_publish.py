"""Who would get an issue: segments taken in and left out, counted before anything is frozen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailer.cli import main

ISSUE = Path(__file__).parents[2] / "examples" / "issue-en.md"
READERS = """email,language,tags,city
alice@example.com,en,vip,Rome
bob@example.com,en,vip,Paris
dora@example.com,zh,,Rome
emil@example.com,,,
"""


@pytest.fixture
def club(tmp_path: Path) -> Path:
    """A club of four readers, with a segment of its own."""
    CliRunner().invoke(main, ["init", str(tmp_path)])
    file = tmp_path / "readers.csv"
    file.write_text(READERS, encoding="utf-8")
    done = CliRunner().invoke(
        main, ["--config", str(tmp_path / "mailer.toml"), "subscribers", "import", str(file), "--consent", "fair"]
    )
    assert done.exit_code == 0, done.output
    (tmp_path / "segments").mkdir()
    (tmp_path / "segments" / "vip.segment").write_text("tag = vip\n", encoding="utf-8")
    return tmp_path


def publish(club: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(club / "mailer.toml"), "publish", str(ISSUE), *options])


@pytest.mark.parametrize(
    ("options", "readers"),
    [
        ([], 4),
        (["--to", "vip"], 2),
        (["--not-to", "vip"], 2),
        (["--to", "city = Rome", "--not-to", "vip"], 1),
        (["--to", "language = en"], 3),
        (["--to", "tag = nobody"], 0),
    ],
)
def test_the_readers_of_segments_are_counted_before_anything_is_frozen(
    club: Path, options: list[str], readers: int
) -> None:
    shown = publish(club, *options, "--dry-run", "--json")
    assert json.loads(shown.stdout)["readers"] == readers


@pytest.mark.parametrize("option", ["--to", "--not-to", "--at", "--deadline", "--test"])
def test_an_empty_word_such_as_a_variable_nobody_set_is_refused_and_never_means_everybody_now(
    club: Path, option: str
) -> None:
    refused = publish(club, option, "", "--yes")
    assert refused.exit_code == 2, refused.output
    assert isinstance(refused.exception, SystemExit)


def test_an_attribute_nobody_has_is_named(club: Path) -> None:
    shown = publish(club, "--not-to", "citty = Rome", "--dry-run")
    assert "no reader has an attribute 'citty'" in shown.stderr
    assert "4 readers would get it" in shown.output


def test_a_dry_run_tells_how_many_readers_each_edition_goes_to(club: Path) -> None:
    for language in ("en", "zh"):
        text = ISSUE.with_name(f"issue-{language}.md").read_text(encoding="utf-8")
        (club / f"today.{language}.md").write_text(text, encoding="utf-8")
    wanted = ["--config", str(club / "mailer.toml"), "publish", str(club / "today.en.md"), "--dry-run"]
    told = CliRunner().invoke(main, wanted)
    assert "4 readers would get it: 3 in en, 1 in zh-Hans" in told.output
    shown = json.loads(CliRunner().invoke(main, [*wanted, "--json"]).stdout)
    assert shown["readers_by_language"] == {"en": 3, "zh-Hans": 1}
    alone = publish(club, "--dry-run").output
    assert "4 readers would get it\n" in alone
