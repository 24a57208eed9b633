"""What commands print: data that a program reads back, and that no terminal obeys."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.cli.output import print_json

TEXT = st.text(st.characters(exclude_categories=()), max_size=30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(TEXT, st.sampled_from([2, None]))
def test_json_holds_any_text_and_nothing_a_terminal_obeys(
    capsys: pytest.CaptureFixture[str], text: str, indent: int | None
) -> None:
    print_json({"said": f"\x9b31m \u202e{text}"}, indent=indent)
    shown = capsys.readouterr().out
    assert shown.count("\n") == (3 if indent else 1)
    assert json.loads(shown) == {"said": f"\x9b31m \u202e{text}"}
    assert not {chr(code) for code in (*range(10), *range(11, 32), *range(127, 160), 0x202E)} & set(shown)
    assert shown.encode("utf-8")


def test_json_shows_letters_of_any_language_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": "王小明"})
    assert "王小明" in capsys.readouterr().out
