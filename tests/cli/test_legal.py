"""Where a law's profile demands what the settings lack, nothing is published, and the missing item is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailer.cli import main

EXAMPLES = Path(__file__).parents[2] / "examples"
FULL = {
    "[newsletter]": {"postal_address": '"1 Example Road"'},
    "[sender]": {"from": '"News <news@example.com>"'},
    "[legal]": {"label": '"AD"', "refusal_address": '"refuse@example.com"'},
    "[join]": {"wording": '{ en = "I want it" }'},
}


def publish(tmp_path: Path, profile: str, lacking: str) -> Result:
    """Publish an issue by a club whose settings have all that laws demand but one item."""
    CliRunner().invoke(main, ["init", str(tmp_path / "club")])
    lines = []
    for section, values in FULL.items():
        lines.append(section)
        kept = {key: value for key, value in values.items() if f"{section} {key}" != lacking}
        lines += [f"{key} = {value}" for key, value in kept.items()]
        if f"{section} wording" == lacking:
            lines.append("wording = { }")
        lines += [f'profile = "{profile}"'] if section == "[legal]" else []
    config = tmp_path / "club" / "mailer.toml"
    config.write_text("\n".join(lines), encoding="utf-8")
    issue = str(EXAMPLES / "issue-en.md")
    return CliRunner().invoke(main, ["--config", str(config), "publish", issue, "--dry-run"])


@pytest.mark.parametrize(
    ("profile", "lacking"),
    [
        ("china", "[legal] label"),
        ("china", "[legal] refusal_address"),
        ("china", "[join] wording"),
        ("eu", "[newsletter] postal_address"),
        ("eu", "[join] wording"),
        ("us", "[newsletter] postal_address"),
    ],
)
def test_publishing_is_refused_and_names_the_item_that_is_missing(tmp_path: Path, profile: str, lacking: str) -> None:
    refused = publish(tmp_path, profile, lacking)
    assert refused.exit_code in {1, 2}
    assert lacking in refused.stderr
    assert refused.exception is None or isinstance(refused.exception, SystemExit)


@pytest.mark.parametrize("profile", ["none", "china", "eu", "us"])
def test_publishing_is_not_held_up_where_all_is_there(tmp_path: Path, profile: str) -> None:
    done = publish(tmp_path, profile, "nothing")
    assert done.exit_code == 0, done.stderr


def test_a_wording_that_is_blank_in_one_language_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILER_NEWSLETTER__LANGUAGES", '["en", "zh"]')
    monkeypatch.setenv("MAILER_JOIN__WORDING", '{"en": "I want it", "zh": " "}')
    assert "[join] wording" in publish(tmp_path, "eu", "nothing").stderr
    monkeypatch.setenv("MAILER_JOIN__WORDING", '{"en": "I want it"}')  # which is what the Chinese page shows, too
    assert publish(tmp_path, "eu", "nothing").exit_code == 0
