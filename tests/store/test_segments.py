"""Segments mean the same on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mailer.mail.address import parse
from mailer.model.subscriber import State
from mailer.store import segments, subscribers
from mailer.store.engine import Database

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.fixture
def cast(db: Database) -> Database:
    """Alice (Chinese, tmall, here for 10 days), Bob (English, level 10), Carol (language not chosen, left)."""
    with db.transaction() as conn:
        alice = parse("alice@example.com")
        subscribers.add(
            conn, alice, language="zh-CN", state=State.ACTIVE, tags=["tmall"],
            attributes={"city": "上海", "level": "9"}, now=NOW - timedelta(days=10),
        )  # fmt: skip
        subscribers.add(
            conn, parse("bob@example.org"), language="en", state=State.ACTIVE, tags=["tmall", "vip"],
            attributes={"level": "10", "since": "2024-05-01", "city": "x%_"}, now=NOW - timedelta(days=100),
        )  # fmt: skip
        subscribers.add(
            conn, parse("carol@example.com"), state=State.UNSUBSCRIBED, attributes={"level": "1-2"}, now=NOW
        )
    return db


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("language = zh", "alice"),
        ("language = en", "bob carol"),
        ("language != zh", "bob carol"),
        ("language in (zh-cn, fr)", "alice"),
        ("tag = TMALL", "alice bob"),
        ("tag = tmall and tag = vip", "bob"),
        ("tag != vip", "alice carol"),
        ("tag not in (vip, x)", "alice carol"),
        ("tag contains ma", "alice bob"),
        ("domain = EXAMPLE.com", "alice carol"),
        ("state = unsubscribed or tag = vip", "bob carol"),
        ("joined > -30d", "alice"),
        ("not joined > -30d", "bob carol"),
        ("joined >= 2026-06-05", "alice"),
        ("joined > 2026-06-05", ""),
        ("joined <= 2026-06-05", "alice bob"),
        ("joined < 2026-06-05", "bob"),
        ("joined > -99999y", "alice bob"),
        ('city = "上海"', "alice"),
        ('city = ""', "carol"),
        ('city contains "%_"', "bob"),
        ('city contains "X"', ""),
        ("level > 9", "bob"),
        ("level >= 9", "alice bob"),
        ("not level >= 9", "carol"),
        ("level < 99999", "alice bob"),
        ("level > -1", "alice bob"),
        ("not (level > 9 or tag = tmall)", "carol"),
        ("city <= 0 or since > 0", ""),
        ("since < 2025-01-01", "bob"),
        ('city = "\' OR 1=1 --"', ""),
    ],
)
def test_a_segment_finds_the_readers_it_describes(cast: Database, expression: str, names: str) -> None:
    wanted = segments.condition(expression, NOW, default_language="en")
    found = cast.read(subscribers.page, segment=wanted)
    assert " ".join(reader.address.split("@")[0] for reader in found) == names
    assert cast.read(subscribers.count, segment=wanted) == len(found)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7), ("007", 7), ("-7.5", -7.5), ("0.50", 0.5), ("9" * 30, 1e30),
        ("", None), (" 7", None), ("7 ", None), ("7.", None), (".7", None), ("-", None), ("--7", None), ("7-", None),
        ("1.2.3", None), ("7e2", None), ("+7", None), ("7\n", None), ("7\n8", None), ("٧", None), ("9" * 31, None),
    ],
)  # fmt: skip
def test_the_same_texts_are_numbers_on_both_databases(db: Database, text: str, number: float | None) -> None:
    with db.transaction() as conn:
        subscribers.add(
            conn, parse("alice@example.com"), state=State.ACTIVE, attributes={"level": text, "other": "5"}, now=NOW
        )
    for expression, holds in (
        ("level >= 7", number is not None and number >= 7),
        ("level < 7", number is not None and number < 7),
        ("not level >= 7", number is None or number < 7),
        ("not level < 7", number is None or number >= 7),
    ):
        wanted = segments.condition(expression, NOW)
        assert db.read(subscribers.count, segment=wanted, state=State.ACTIVE) == holds, expression


def test_attribute_names_in_use_are_listed(cast: Database) -> None:
    assert cast.read(segments.attribute_names) == ["city", "level", "since"]
    wanted = segments.condition("domain = example.com", NOW)
    assert cast.read(segments.attribute_names, wanted) == ["city", "level"]
