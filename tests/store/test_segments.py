"""Segments mean the same on both databases."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from mailer.mail.address import parse
from mailer.model.segment import Comparison
from mailer.model.segment import parse as parse_segment
from mailer.model.subscriber import State
from mailer.store import migrate, segments, subscribers
from mailer.store.engine import Database
from mailer.store.schema import subscribers as readers

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
    ("search", "names"),
    [
        ("ALICE@", "alice"), ("example.com", "alice carol"), ("@example.com", "alice carol"), ("big 100%", "bob"),
        ("100_", ""), ("%", "bob"), ("_", ""), ("/", ""), ("'", ""), ("\\", ""),
    ],
)  # fmt: skip
def test_a_search_takes_every_character_for_itself(cast: Database, search: str, names: str) -> None:
    with cast.transaction() as conn:
        bob = subscribers.find(conn, "bob@example.org")
        assert bob is not None
        subscribers.change(conn, bob.id, name="Big 100% Bob")
    found = cast.read(subscribers.page, search=search)
    assert " ".join(reader.address.split("@")[0] for reader in found) == names


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7), ("007", 7), ("-7.5", -7.5), ("0.50", 0.5), ("9" * 30, 1e30), ("9" * 31, 1e31),
        ("9" * 250, 1e199), ("+7", 7),
        (" 7", 7), ("7 \t", 7), ("7\n", 7), ("7.", 7), (".7", 0.7), ("7e2", 700), ("7E-2", 0.07), ("7e99", 7e99),
        ("6.999999", 6.999999), ("7.000001", 7.000001),
        ("", None), (" ", None), ("-", None), (".", None), ("--7", None), ("7-", None), ("1.2.3", None), ("e2", None),
        ("7e", None), ("7\n8", None), ("7 8", None), ("٧", None), ("７", None), ("0x7", None), ("inf", None),
        ("nan", None), ("7_0", None), ("7,5", None), ("\xa07", None),
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
        ("level > 7", number is not None and number > 7),
        ("level <= 7", number is not None and number <= 7),
        ("not level >= 7", number is None or number < 7),
        ("not level < 7", number is None or number >= 7),
    ):
        wanted = segments.condition(expression, NOW)
        assert db.read(subscribers.count, segment=wanted, state=State.ACTIVE) == holds, expression


@pytest.mark.parametrize(
    ("text", "is_day"),
    [
        ("2026-01-31", True), ("2026-01-31 10:00", True), ("2026-01-31T10:00:00Z", True),
        ("", False), ("2026", False), ("2026-01-3", False), ("2026-01-311", False), ("x2026-01-31", False),
        ("2026/01/31", False), ("Shanghai", False), ("2026-01-31\n", False), ("\u4e0a\u6d77", False),
    ],
)  # fmt: skip
def test_the_same_texts_are_days_on_both_databases(db: Database, text: str, is_day: bool) -> None:
    with db.transaction() as conn:
        attributes = {"since": text, "until": "2020-01-01", "z": "9"}
        subscribers.add(conn, parse("alice@example.com"), state=State.ACTIVE, attributes=attributes, now=NOW)
    for expression, holds in (
        ("since > 2026-01-30", is_day), ("since > 2026-01-31", False), ("since >= 2026-01-31", is_day),
        ("since < 2026-02-01", is_day), ("since < 2026-01-31", False), ("since <= 2026-01-31", is_day),
        ("not since > 2026-01-30", not is_day), ("not since < 2026-01-31", True), ("nothing < 2026-01-31", False),
        ("nothing >= 0001-01-01", False),
    ):  # fmt: skip
        wanted = segments.condition(expression, NOW)
        assert db.read(subscribers.count, segment=wanted, state=State.ACTIVE) == holds, expression


def test_a_domain_is_found_in_its_own_letters(db: Database) -> None:
    with db.transaction() as conn:
        subscribers.add(conn, parse("alice@例子.测试"), state=State.ACTIVE, now=NOW)
    for expression in ("domain = 例子.测试", 'domain in ("例子.测试", "a b")', "domain = xn--fsqu00a.xn--0zwm56d"):
        assert db.read(subscribers.count, segment=segments.condition(expression, NOW), state=State.ACTIVE) == 1


def test_attributes_that_no_reader_has_are_named(cast: Database) -> None:
    tree = parse_segment("city = 上海 and not (citty = x or attr.LEVEL > 3 or tag = citty)")
    assert cast.read(segments.unknown, tree) == ["citty"]


def test_attribute_names_in_use_are_listed(cast: Database) -> None:
    assert cast.read(segments.attribute_names) == ["city", "level", "since"]
    wanted = segments.condition("domain = example.com", NOW)
    assert cast.read(segments.attribute_names, wanted) == ["city", "level"]


TAGS = st.sampled_from(["vip", "ip", "v", "a, b", '"', "\\", "%", "中", "vip club", ";", "[]"])


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tags=st.lists(st.lists(TAGS, max_size=4), min_size=1, max_size=6), value=st.one_of(TAGS, st.just("")), other=TAGS
)
def test_a_search_in_the_text_of_the_tags_finds_what_reading_them_finds(
    db: Database, tags: list[list[str]], value: str, other: str
) -> None:
    with db.transaction() as conn:
        conn.execute(delete(readers))
        for place, his in enumerate(tags):
            subscribers.add(conn, parse(f"r{place}@example.com"), state=State.ACTIVE, tags=his, now=NOW)
    assert [reader.tags for reader in db.read(subscribers.page)] == [tuple(sorted(set(his))) for his in tags]
    for op, values, holds in (
        ("=", (value,), lambda his: value in his),
        ("!=", (value,), lambda his: value not in his),
        ("in", (value, other), lambda his: value in his or other in his),
        ("contains", (value,), lambda his: any(value in tag for tag in his)),
    ):
        wanted = segments.condition(Comparison("tag", op, values), NOW)
        found = {reader.address for reader in db.read(subscribers.page, segment=wanted)}
        assert found == {f"r{place}@example.com" for place, his in enumerate(tags) if holds(his)}, op
        assert len(db.read(subscribers.page, segment=~wanted)) == len(tags) - len(found)


@pytest.mark.parametrize("expression", ["tag = a and domain = b", "level > 1 or joined > -1d", "language = en"])
def test_a_count_on_sqlite_reads_nothing_but_the_index_made_for_it(tmp_path: Path, expression: str) -> None:
    db = Database(f"sqlite:///{tmp_path}/club.db")
    migrate.upgrade(db)
    wanted = segments.condition(expression, NOW)
    query = select(func.count()).select_from(readers).where(readers.c.state == "active", wanted)
    with db.reading() as conn:
        text = query.compile(conn, compile_kwargs={"literal_binds": True})
        plan = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all()
    assert [row.detail for row in plan] == ["SEARCH subscribers USING COVERING INDEX ix_subscribers_segments (state=?)"]
    db.close()


def test_two_who_give_tags_at_the_same_time_lose_none(cast: Database) -> None:
    with ThreadPoolExecutor(1) as pool:
        with cast.transaction() as conn:
            subscribers.retag(conn, 2, add=["a"])
            other = pool.submit(cast.run, subscribers.retag, 2, add=["b"])
            wait([other], timeout=0.2)  # long enough to look at the row, which it must not do yet
        assert other.result() == ("a", "b", "tmall", "vip")


def test_tags_given_and_taken_at_once_are_in_order_and_each_once(cast: Database) -> None:
    with cast.transaction() as conn:
        bob = subscribers.find(conn, "bob@example.org")
        assert bob is not None
        assert subscribers.retag(conn, bob.id, add=["a", "vip", "b"], remove=["b", "nobody"]) == ("a", "tmall", "vip")
    with cast.reading() as conn:
        found = subscribers.get(conn, bob.id)
        assert found is not None
        assert found.tags == ("a", "tmall", "vip")


HARD = st.one_of(
    st.text(st.sampled_from('a",:{}\\\\[]*?city上5. '), max_size=12),
    st.sampled_from(
        ['a","city":"b', '"city":"b"', "city", '":"', "\\", "5", "-5.5", "05", "5e3", " 5", "5\\", "6" * 31,
         "5 a", "5e", "5-5", "+5", "5.0.0", "2026-05-05", "2026-05-05 5", "2026-05-055"]
    ),
)  # fmt: skip


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(documents=[{"city": "a", "名": "b"}, {"a": "a,b"}, {}], value=",", number=0.0)
@example(documents=[{"a": "a", "city": "5"}, {"city": "a b"}], value=" ", number=0.0)
@example(documents=[{"a": "a", "city": "a"}, {"city": "}"}], value="}", number=0.0)
@example(documents=[{"a": "*", "city": "[*]"}, {"city": "**"}, {"city": "a*a"}], value="a*", number=0.0)
@given(
    documents=st.lists(st.dictionaries(st.sampled_from(["city", "ity", "a", "名"]), HARD), min_size=1, max_size=6),
    value=HARD,
    number=st.sampled_from([0.0, 5.0, -5.5, 5000.0]),
)
def test_a_search_in_the_text_of_the_attributes_finds_what_reading_them_finds(
    db: Database, documents: list[dict[str, str]], value: str, number: float
) -> None:
    with db.transaction() as conn:
        conn.execute(delete(readers))
        for place, document in enumerate(documents):
            subscribers.add(conn, parse(f"r{place}@example.com"), state=State.ACTIVE, attributes=document, now=NOW)

    def as_number(text: str) -> float | None:
        plain = re.fullmatch(r"\s*[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)(e[0-9]+)?\s*", text, re.ASCII)
        return float(text) if plain else None

    def found(field: str, op: str, *values: str | float) -> list[bool]:
        wanted = segments.condition(Comparison(f"attr.{field}", op, values), NOW)
        inside = {reader.address for reader in db.read(subscribers.page, segment=wanted)}
        outside = {reader.address for reader in db.read(subscribers.page, segment=~wanted)}
        assert len(inside) + len(outside) == len(documents)
        return [f"r{place}@example.com" in inside for place in range(len(documents))]

    for field in ("city", "a", "名"):
        texts = [document.get(field, "") for document in documents]
        assert found(field, "=", value) == [text == value for text in texts]
        assert found(field, "in", value, "5") == [text in (value, "5") for text in texts]
        assert found(field, "in", value, *"123456") == [text in (value, *"123456") for text in texts]
        assert found(field, "contains", value) == [value in text for text in texts]
        days = [text[:10] if re.match(r"\d{4}-\d\d-\d\d(\Z|[ T])", text, re.ASCII) else None for text in texts]
        assert found(field, "<=", "2026-05-05") == [day is not None and day <= "2026-05-05" for day in days]
        assert found(field, ">", "2026-05-04") == [day is not None and day > "2026-05-04" for day in days]
        numbers = [as_number(text) for text in texts]
        assert found(field, ">=", number) == [one is not None and one >= number for one in numbers]
        assert found(field, "<", number) == [one is not None and one < number for one in numbers]
