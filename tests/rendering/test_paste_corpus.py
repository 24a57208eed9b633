"""Digests in a folder of pasted texts with their expected readings, scored field by field."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from mailer.errors import SourceError, spoken
from mailer.model import language_tag
from mailer.rendering import canonical, markdown, paste, source
from mailer.rendering.translation import translator

OWN = Path(__file__).parent.parent / "samples" / "pasted"
FOLDERS = [OWN, *([Path(os.environ["MAILER_PASTE_CORPUS"])] if os.environ.get("MAILER_PASTE_CORPUS") else [])]
CASES = [path for folder in FOLDERS for path in sorted(folder.glob("*.json"))]
TODAY = date(2026, 5, 25)
ZH = translator("zh")


def accepts(expected: dict[str, Any], key: str, value: object) -> bool:
    return value == expected.get(key) or value in expected.get("alt", {}).get(key, [])


def paragraphs(body: str) -> int:
    return sum(token.type == "inline" for token in markdown.tokens(body))


def differences(expected: dict[str, Any], reading: paste.Reading) -> list[str]:
    issue = reading.issue
    found = []

    def compare(what: str, wanted: dict[str, Any], key: str, value: object) -> None:
        if key in wanted and not accepts(wanted, key, value):
            found.append(f"{what} {key}: {value!r}, expected {wanted[key]!r}")

    if not (issue.newsletter == "Newsletter" and accepts(expected, "newsletter", None)):
        compare("issue", expected, "newsletter", issue.newsletter)
    if not issue.date.isoformat().endswith(expected["date"] or ""):
        found.append(f"date: {issue.date}, expected {expected['date']}")
    if not language_tag.same(issue.lang, expected["lang"]):
        found.append(f"lang: {issue.lang}, expected {expected['lang']}")
    leads = [number for number, item in enumerate(issue.items, 1) if item.lead is not None]
    compare("issue", expected, "title_leads", leads)
    compare("issue", expected, "cta", bool(issue.cta and (issue.cta.title or issue.cta.text)))
    shape = [(section.title, len(section.items)) for section in issue.sections]
    wanted_shape = [(section["title"], len(section["items"])) for section in expected["sections"]]
    if [count for _, count in shape] != [count for _, count in wanted_shape]:
        found.append(f"sections: {shape}, expected {wanted_shape}")
    for section, wanted in zip(issue.sections, expected["sections"], strict=False):
        compare("section", wanted, "title", section.title or None)
    wanted_items = [item for section in expected["sections"] for item in section["items"]]
    for number, (item, wanted) in enumerate(zip(issue.items, wanted_items, strict=False), 1):
        compare(f"item {number}", wanted, "headline", item.headline)
        compare(f"item {number}", wanted, "paragraphs", paragraphs(item.body))
        compare(f"item {number}", wanted, "source", item.source.name if item.source else None)
        compare(f"item {number}", wanted, "source_url", (item.source.url or None) if item.source else None)
        if not language_tag.same(item.lang, wanted["lang"]):
            found.append(f"item {number} lang: {item.lang}")
    return found


def the_paste(case: Path) -> Path:
    return next(path for ending in (".txt", ".html") if (path := case.with_suffix(ending)).exists())


@dataclass(frozen=True)
class Sample:
    """One paste, what is expected of it, and its reading, which all tests of it share."""

    expected: dict[str, Any]
    reading: paste.Reading


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case.parent.name}-{case.stem}")
def sample(request: pytest.FixtureRequest) -> Sample:
    case: Path = request.param
    expected = json.loads(case.read_text(encoding="utf-8"))
    return Sample(expected, paste.read(the_paste(case).read_bytes(), today=TODAY))


def test_a_pasted_digest_is_read_as_expected(sample: Sample) -> None:
    assert differences(sample.expected, sample.reading) == []


def test_what_was_read_is_written_and_imported_again_the_same(sample: Sample) -> None:
    issue = sample.reading.issue
    text = canonical.write(issue)
    assert canonical.unnumbered(source.read(text)) == canonical.unnumbered(issue)
    assert canonical.unnumbered(paste.read(text, today=TODAY).issue) == canonical.unnumbered(issue)


def test_only_lines_that_may_go_are_dropped(sample: Sample) -> None:
    allowed = "".join("".join(sample.expected.get("dropped_ok", [])).split())
    parts = [part for line in sample.reading.unplaced for part in re.split(r"[|]|(?<=March[.]) ", line.text)]
    lost = [text for text in parts if "".join(text.split()).strip(">-—=_─") not in allowed]
    assert [text for text in lost if any(character.isalnum() for character in text)] == []


def test_every_repair_is_told_in_chinese_too(sample: Sample) -> None:
    for repair in sample.reading.repairs:
        assert re.match("[\u4e00-\u9fff“%\\d]", repair.message.said(ZH)), repair.message


@pytest.mark.skipif(not os.environ.get("MAILER_SEED"), reason="MAILER_SEED names no pasted digest")
def test_the_seed_is_read_whole() -> None:
    reading = paste.read(Path(os.environ["MAILER_SEED"]).read_bytes(), today=date(2020, 5, 22))
    issue = reading.issue
    assert [len(section.items) for section in issue.sections] == [5, 4, 1]
    assert [item.lead is not None for item in issue.items].count(True) == 5
    assert all(item.source for item in issue.items)
    assert (issue.date, issue.lang) == (date(2020, 5, 21), "en")
    assert issue.cta is not None
    assert issue.cta.text
    assert [line.text for line in reading.unplaced] == [","]


@pytest.mark.parametrize("text", sorted((OWN.parent / "not-a-digest").glob("*.txt")), ids=lambda path: path.stem)
def test_what_is_no_digest_is_refused_in_one_sentence(text: Path) -> None:
    with pytest.raises(SourceError, match=r"this is no digest") as refused:
        paste.read(text.read_bytes(), today=TODAY, name=text.name)
    assert re.fullmatch(f"{re.escape(text.name)}: 这不是简报[^a-z]+", spoken(refused.value).said(ZH))
