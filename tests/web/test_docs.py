"""docs/security.md and docs/joining.md name tests, routes and settings that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from starlette.routing import Mount

from mailer.settings import JoinSettings

ROOT = Path(__file__).parent.parent.parent


def test_every_test_the_threat_table_names_exists() -> None:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    named = set(re.findall(r"\btest_\w+\b(?!\.py)", text))
    assert len(named) > 20
    assert not [name for name in named if f"def {name}" not in tests]
    assert not [path for path in re.findall(r"tests/[\w/]+\.py", text) if not (ROOT / path).is_file()]


def test_every_route_is_in_the_chapter_on_joining(town: Any) -> None:
    text = (ROOT / "docs" / "joining.md").read_text(encoding="utf-8")
    for route in town.app.routes:
        if not isinstance(route, Mount) and route.path not in {"/", "/robots.txt"}:
            assert f"`{re.sub('{(.*?)}', lambda found: found[1].upper(), route.path)}" in text, route.path


def test_every_limit_is_in_the_chapter_on_joining() -> None:
    text = (ROOT / "docs" / "joining.md").read_text(encoding="utf-8")
    assert not [name for name in JoinSettings.model_fields if name not in text]
