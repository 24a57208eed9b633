"""The chapter on the check rules against the code: every rule is told, with its levels, and none that is not there."""

import re
from pathlib import Path

import mailer.rendering
from mailer.rendering.finding import RULES

CODE = Path(mailer.rendering.__file__).parent
CHAPTER = Path(__file__).parents[2] / "docs" / "check-rules.md"


def test_every_rule_and_no_other_is_in_the_chapter() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in CODE.glob("*.py"))
    told = re.findall(r"^\| ([HILMP]\d\d) \|", CHAPTER.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(told) == sorted(set(re.findall(r'"([HILMP]\d\d)"', code))) == sorted(RULES)


def test_every_rule_is_told_with_its_levels() -> None:
    levels: dict[str, set[str]] = {}
    for path in CODE.glob("*.py"):
        for level, rule in re.findall(r'\b(error|warning)\(\s*"([A-Z]\d\d)"', path.read_text(encoding="utf-8")):
            levels.setdefault(rule, set()).add(level)
    told = dict(re.findall(r"^\| ([HILMP]\d\d) \| ([a-z, ]+) \|", CHAPTER.read_text(encoding="utf-8"), re.MULTILINE))
    assert {rule: set(told[rule].split(", ")) for rule in levels} == levels
