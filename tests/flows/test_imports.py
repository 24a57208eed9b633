"""Lists from elsewhere: the good rows come in, nobody is brought back, a repeat changes nothing."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Event
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from mailer.errors import ImportFileError, StoreError, UsageError
from mailer.flows import imports
from mailer.flows import subscribers as flow
from mailer.flows.imports import Finding, Import, Summary
from mailer.intake.table import read_table
from mailer.model.roster import Fault, Layout, Verdict
from mailer.model.subscriber import State
from mailer.model.tokens import Keyring
from mailer.store import roster, subscribers, suppressions
from mailer.store.engine import Database
from mailer.store.schema import consents, deliveries, events
from mailer.store.schema import subscribers as table_of_subscribers
from mailer.store.schema import suppressions as table_of_suppressions

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
RING = Keyring({1: b"k" * 32}, 1)


def bring(
    db: Database, text: str, *, dry_run: bool = False, consent: str = "fair", **renames: str
) -> tuple[Summary, list[Finding]]:
    table = read_table(io.BytesIO(text.encode()), "list.csv")
    layout = Layout(table.columns, renames=renames, consent=consent, zone=UTC, now=NOW)
    findings: list[Finding] = []
    journey = Import(db, RING, file="list.csv", clock=lambda: NOW, note=findings.append)
    return journey.run(imports.windows(table.rows, layout), dry_run=dry_run), findings


def find(db: Database, address: str) -> Any:
    found = db.read(subscribers.find, address)
    assert found is not None
    return found


def counts(summary: Summary) -> dict[str, int]:
    return {name: count for name, count in summary.as_data().items() if count and name != "rows"}


def test_a_new_reader_comes_in_with_consent_tags_and_attributes(db: Database) -> None:
    summary, findings = bring(
        db,
        "Email,name,language,tags,consent_source,consent_at,City\n"
        "Alice@Example.com,张小明,zh-cn,Tmall;VIP,form,2026-01-31,上海\n",
    )
    assert counts(summary) == {"added": 1}
    assert findings == []
    alice = find(db, "alice@example.com")
    assert (alice.address, alice.name, alice.language) == ("Alice@Example.com", "张小明", "zh-CN")
    assert (alice.state, alice.tags, alice.attributes) == (State.ACTIVE, ("tmall", "vip"), {"city": "上海"})
    assert alice.joined_at == datetime(2026, 1, 31, tzinfo=UTC)
    with db.reading() as conn:
        row = conn.execute(select(consents)).one()
    assert (row.action, row.source, row.at) == ("imported", "form", NOW)
    assert row.detail == "list.csv:2; agreed 2026-01-31T00:00:00+00:00"


@pytest.mark.parametrize("window", [1, 2, 15_000])
def test_who_left_by_any_line_of_a_list_has_left(db: Database, monkeypatch: pytest.MonkeyPatch, window: int) -> None:
    monkeypatch.setattr(imports, "WINDOW", window)
    listed = ("alice,active", "bob,unsubscribed", "ALICE,unsubscribed", "bob,active", "alice,unsubscribed")
    text = "email,status\n" + "".join(f"{row.replace(',', '@example.com,')}\n" for row in listed)
    summary, _ = bring(db, text)
    assert {find(db, f"{name}@example.com").state for name in ("alice", "bob")} == {State.UNSUBSCRIBED}
    assert summary.rows == 5
    assert summary.counts[Verdict.ADDED] == 2


def test_bad_rows_are_named_and_the_good_ones_imported(db: Database) -> None:
    text = (
        "email,name,language,status,consent_at\n"
        "alice@example.com,Alice,,,\n"
        "bad,B,,,\n"
        'bob@example.com,"Bob\nBcc: eve@example.com",,,\n'
        "ALICE@example.com,Again,,,\n"
        "a@example.com,A,english?,,\n"
        "b@example.com,B,,cleaned,\n"
        "c@example.com,C,,,2030-01-01\n"
        "d@example.com,D,,,soon\n"
        "e@example.com,E\n"
        "f@example.com,F,,pending,\n"
    )
    summary, findings = bring(db, text)
    assert counts(summary) == {"added": 2, "duplicate": 1, "refused": 7}
    assert sorted(finding.line for finding in findings) == [3, 4, 6, 7, 8, 9, 10, 11]
    assert find(db, "f@example.com").state is State.PENDING
    assert find(db, "alice@example.com").name == "Alice"
    assert not summary.all_refused


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026/1/5", datetime(2026, 1, 5, tzinfo=UTC)),
        ("2026/1/5 8:05", datetime(2026, 1, 5, 8, 5, tzinfo=UTC)),
        ("2026-1-5 18:05:30", datetime(2026, 1, 5, 18, 5, 30, tzinfo=UTC)),
        ("2026.01.05", datetime(2026, 1, 5, tzinfo=UTC)),
        ("2026年1月5日", datetime(2026, 1, 5, tzinfo=UTC)),
        ("2026年01月05日 8:05", datetime(2026, 1, 5, 8, 5, tzinfo=UTC)),
        ("2026-01-05 08:05:00 UTC", datetime(2026, 1, 5, 8, 5, tzinfo=UTC)),
        ("2026-01-05T08:05:00+08:00", datetime(2026, 1, 5, 0, 5, tzinfo=UTC)),
    ],
)
def test_a_day_with_the_year_first_is_read_as_spreadsheets_write_it(text: str, moment: datetime) -> None:
    layout = Layout(("email", "consent_at"), renames={}, consent="fair", zone=UTC, now=NOW)
    assert layout.read(2, ["alice@example.com", text]).consented_at == moment


@pytest.mark.parametrize("text", ["1/5/2026", "2026/13/5", "2026年2月30日", "46053", "2026/1/5 25:00", "2026/1/5 8"])
def test_a_day_that_could_be_another_is_refused(text: str) -> None:
    layout = Layout(("email", "consent_at"), renames={}, consent="fair", zone=UTC, now=NOW)
    with pytest.raises(Fault, match="is no date such as"):
        layout.read(2, ["alice@example.com", text])


def test_columns_of_another_system_that_may_say_who_left_are_known() -> None:
    headings = ("email", "email_disabled", "subscribed_to_emails", "Unsubscribed at", "退订时间", "city")
    layout = Layout(headings, renames={}, consent="fair", zone=UTC, now=NOW)
    assert layout.may_tell_who_left == ("email_disabled", "subscribed_to_emails", "unsubscribed_at", "退订时间")
    assert Layout((*headings, "status"), renames={}, consent="", zone=UTC, now=NOW).may_tell_who_left == ()


@pytest.mark.parametrize("head", ["Readers of the club, 2026,,", "email|name", "Title of a sheet"])
def test_a_title_above_the_headings_is_not_taken_for_a_column_to_rename(head: str) -> None:
    headings = (head, "", "")
    with pytest.raises(ImportFileError, match="the first row must name the columns, separated by"):
        Layout(headings, renames={}, consent="fair", zone=UTC, now=NOW)


def test_importing_twice_changes_nothing(db: Database) -> None:
    text = "email,name,tags\n" + "".join(f"r{n}@example.com,Reader {n},a;b\n" for n in range(30))
    bring(db, text)
    summary, _ = bring(db, text)
    assert counts(summary) == {"unchanged": 30}
    with db.reading() as conn:
        assert conn.execute(select(func.count()).select_from(consents)).scalar_one() == 30


def test_an_import_that_broke_off_is_finished_by_repeating_it(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "WINDOW", 10)
    monkeypatch.setattr(imports, "CHUNK", 4)
    text = "email\n" + "".join(f"r{n}@example.com\n" for n in range(30))
    table = read_table(io.BytesIO(text.encode()), "list.csv")
    layout = Layout(table.columns, renames={}, consent="x", zone=UTC, now=NOW)

    def stop(rows: int) -> None:
        if rows == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Import(db, RING, file="list.csv", clock=lambda: NOW, progress=stop).run(imports.windows(table.rows, layout))
    summary, _ = bring(db, text)
    assert counts(summary) == {"unchanged": 20, "added": 10}


def test_an_import_that_is_interrupted_ends_with_the_chunk_it_is_at(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "CHUNK", 1)
    table = read_table(io.BytesIO(b"email\n" + b"".join(b"r%d@example.com\n" % n for n in range(200))), "list.csv")
    window = next(imports.windows(table.rows, Layout(table.columns, renames={}, consent="fair", zone=UTC, now=NOW)))
    at_work, interrupted = Event(), Event()

    def clock() -> datetime:
        at_work.set()
        interrupted.wait(30)
        return NOW

    def one_window() -> Iterator[imports.Window]:
        yield window
        at_work.wait(30)
        interrupted.set()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Import(db, RING, file="list.csv", clock=clock).run(one_window())
    assert 1 <= db.read(subscribers.count) < 200


def test_where_the_database_fails_the_chunks_before_are_kept(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "CHUNK", 4)
    text = "email\n" + "".join(f"r{n}@example.com\n" for n in reversed(range(10)))
    whole, calls = roster.add_all, count(1)

    def fail_at_last(*args: Any, **more: Any) -> None:
        whole(*args, **more)
        if next(calls) == 3:
            raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(roster, "add_all", fail_at_last)
        with pytest.raises(StoreError, match="full"):
            bring(db, text)
    assert [reader.address for reader in db.read(subscribers.page)] == [f"r{n}@example.com" for n in range(8)]
    summary, _ = bring(db, text)
    assert counts(summary) == {"unchanged": 8, "added": 2}


def test_a_dry_run_says_the_difference_and_changes_nothing(db: Database) -> None:
    bring(db, "email,name\nalice@example.com,Alice\n")
    text = "email,name,tags,city\nalice@example.com,Alicia,vip,Rome\nbob@example.com,Bob,,\n"
    summary, findings = bring(db, text, dry_run=True)
    assert counts(summary) == {"added": 1, "updated": 1}
    assert findings == [Finding(2, Verdict.UPDATED, "name 'Alice' -> 'Alicia'; city '' -> 'Rome'; tag +vip")]
    assert db.read(subscribers.count) == 1
    assert find(db, "alice@example.com").name == "Alice"
    bring(db, text)
    alice = find(db, "alice@example.com")
    assert (alice.name, alice.tags, alice.attributes) == ("Alicia", ("vip",), {"city": "Rome"})


def test_who_left_or_was_suppressed_is_never_brought_back(db: Database) -> None:
    bring(db, "email,name\ncarol@example.com,Carol\ndave@example.com,Dave\n")
    flow.remove(db, "carol@example.com", actor="op", now=NOW)
    entries = [
        suppressions.Suppression("dave@example.com", "userunknown"),
        suppressions.Suppression("new@example.com", "complaint"),
    ]
    db.run(suppressions.suppress, entries, NOW)
    text = "email,name\nCarol@example.com,X\ndave@example.com,Y\nnew@example.com,Z\n"
    summary, findings = bring(db, text)
    assert counts(summary) == {"unsubscribed": 1, "suppressed": 2}
    assert [finding.line for finding in findings] == [2, 3, 4]
    assert find(db, "carol@example.com").state is State.UNSUBSCRIBED
    assert (find(db, "carol@example.com").name, find(db, "dave@example.com").name) == ("Carol", "Dave")
    assert db.read(subscribers.find, "new@example.com") is None


def test_a_list_lowers_a_state_and_never_raises_one(db: Database) -> None:
    bring(db, "email,status\nalice@example.com,active\nbob@example.com,pending\n")
    listed = "email,status\nalice@example.com,unsubscribed\nbob@example.com,active\n"
    summary, _ = bring(db, listed, consent="page")  # where they agreed is not how they left
    assert counts(summary) == {"left": 1, "unchanged": 1}
    with db.reading() as conn:
        assert conn.execute(select(consents.c.source).where(consents.c.action == "withdrawn")).scalar() == "import"
    assert find(db, "alice@example.com").state is State.UNSUBSCRIBED
    assert find(db, "bob@example.com").state is State.PENDING


def test_the_original_consent_and_day_of_joining_are_kept(db: Database) -> None:
    bring(db, "email,consent_source,consent_at\nalice@example.com,form,2026-01-31\n")
    bring(db, "email,consent_source,consent_at\nalice@example.com,other,2026-05-01\n")
    with db.reading() as conn:
        assert conn.execute(select(consents.c.source)).scalars().all() == ["form"]
    assert find(db, "alice@example.com").joined_at == datetime(2026, 1, 31, tzinfo=UTC)


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("import"), st.sets(st.sampled_from("abcd"), min_size=1), st.sampled_from(["", "unsubscribed"])
        ),
        st.tuples(st.sampled_from(["remove", "erase", "suppress"]), st.sets(st.sampled_from("abcd"), min_size=1)),
    ),
    max_size=8,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_happened_before_an_import_brings_nobody_back_and_keeps_the_first_consent(
    db: Database, steps: list[tuple[Any, ...]]
) -> None:
    with db.transaction() as conn:
        for table in (consents, table_of_suppressions, table_of_subscribers):
            conn.execute(delete(table))
    gone: set[str] = set()
    erased: set[str] = set()
    suppressed: set[str] = set()
    first: dict[str, str] = {}
    for number, (what, letters, *status) in enumerate(steps):
        for letter in sorted(letters):
            address = f"{letter}@example.com"
            here = db.read(subscribers.find, address)
            if what == "import":
                bring(db, f"email,status\n{address.upper()},{status[0]}\n", consent=f"list {number}")
                if here is None and letter not in erased and (status[0] or letter not in suppressed):
                    first[letter] = f"list {number}"
                gone |= {letter} if status[0] else set()
            elif what == "remove" and here is not None:
                flow.remove(db, address, actor="op", now=NOW)
                gone.add(letter)
            elif what == "erase":
                flow.erase(db, RING, address, actor="op", now=NOW)
                gone.add(letter)
                erased.add(letter)
                first.pop(letter, None)
            elif what == "suppress":
                db.run(suppressions.suppress, [suppressions.Suppression(address, "userunknown")], NOW)
                suppressed.add(letter)
                gone |= {letter} if here is None else set()
    for letter in "abcd":
        found = db.read(subscribers.find, f"{letter}@example.com")
        assert letter not in gone or found is None or found.state is not State.ACTIVE
        if found is not None:
            with db.reading() as conn:
                rows = conn.execute(
                    select(consents.c.source, consents.c.action)
                    .where(consents.c.subscriber_id == found.id)
                    .order_by(consents.c.id)
                ).all()
            assert [row.source for row in rows if row.action == "imported"] == [first[letter]]


def test_a_row_needs_a_source_of_consent(db: Database) -> None:
    summary, findings = bring(db, "email,consent_source\nalice@example.com,\nbob@example.com,fair\n", consent="")
    assert counts(summary) == {"added": 1, "refused": 1}
    assert "consent_source" in findings[0].text


@pytest.mark.parametrize(
    ("text", "renames", "says"),
    [
        ("mail,name\na@example.com,A\n", {}, "no column named email among: mail, name"),
        ("alice@example.com,Alice\n", {}, "no row of headings"),
        ("email,Email\n", {}, "two columns are named email"),
        ("email,x\n", {"y": "name"}, "no column named y"),
        ("email,1\n", {}, "cannot name an attribute"),
    ],
)
def test_headings_that_mean_nothing_refuse_the_list(
    db: Database, text: str, renames: dict[str, str], says: str
) -> None:
    with pytest.raises(ImportFileError, match=says):
        bring(db, text, **renames)


def test_a_renamed_column_is_taken_as_what_it_is(db: Database) -> None:
    bring(db, "E-Mail Address,Full Name\nalice@example.com,Alice\n", **{"E-Mail Address": "email", "full name": "name"})
    assert find(db, "alice@example.com").name == "Alice"


def test_an_erased_address_stays_erased_and_leaves_no_trace(db: Database) -> None:
    bring(db, "email,name,tags,city\ndave@example.com,Dave Potter,vip,Rome\n")
    dave = find(db, "dave@example.com")
    with db.transaction() as conn:
        conn.execute(
            deliveries.insert().values(
                subscriber_id=dave.id, address=dave.address, domain=dave.domain, name=dave.name, state="deferred",
                due_at=NOW, changed_at=NOW, cause="450 <dave@example.com> busy",
            )
        )  # fmt: skip
    db.run(
        suppressions.suppress, [suppressions.Suppression("dave@example.com", "userunknown", "<dave@example.com>")], NOW
    )
    assert flow.erase(db, RING, "Dave@example.com", actor="op", now=NOW) is True
    with db.reading() as conn:
        for name in ("subscribers", "deliveries", "consents", "suppressions", "attempts"):
            table = table_of_subscribers.metadata.tables[name]
            assert "dave" not in str(conn.execute(select(table)).all()).lower()
        assert conn.execute(select(deliveries.c.state)).scalar_one() == "suppressed"
        assert "dave" not in str(conn.execute(select(events)).all()).lower()
    summary, _ = bring(db, "email\ndave@example.com\n")
    assert counts(summary) == {"erased": 1}
    assert flow.erase(db, RING, "dave@example.com", actor="op", now=NOW) is False
    with pytest.raises(UsageError, match="erased"):
        flow.add(db, RING, "dave@example.com", name="", language="", tags=(), source="x", actor="op", now=NOW)


def test_one_reader_is_added_tagged_shown_and_removed(db: Database) -> None:
    added = flow.add(
        db, RING, "bob@example.com", name="Bob", language="en", tags=("VIP",), source="fair", actor="op", now=NOW
    )
    assert added.is_new
    again = flow.add(db, RING, "BOB@example.com", name="", language="", tags=(), source="x", actor="op", now=NOW)
    assert again == flow.Added(added.id, False)
    assert flow.tag(db, "bob@example.com", add=["a"], remove=["vip"]) == ("a",)
    assert flow.remove(db, "bob@example.com", actor="op", now=NOW + timedelta(days=1))
    assert not flow.remove(db, "bob@example.com", actor="op", now=NOW + timedelta(days=2))
    bob, history = flow.show(db, "bob@example.com")
    assert (bob.state, bob.left_at) == (State.UNSUBSCRIBED, NOW + timedelta(days=1))
    assert [row["action"] for row in history["consents"]] == ["added", "withdrawn"]
    with pytest.raises(UsageError, match="unsubscribed"):
        flow.add(db, RING, "bob@example.com", name="", language="", tags=(), source="x", actor="op", now=NOW)


def test_what_there_is_to_say_comes_in_the_order_of_the_rows(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "WINDOW", 4)
    monkeypatch.setattr(imports, "CHUNK", 1)
    bring(db, "email\na@example.com\nb@example.com\n")
    summary, findings = bring(
        db, "email,name\nbad,\na@example.com,Ann\nb@example.com,Bob\nB@example.com,\nc@example.com,\nworse,\n"
    )
    assert [(finding.line, finding.verdict) for finding in findings] == [
        (2, Verdict.REFUSED),
        (3, Verdict.UPDATED),
        (4, Verdict.UPDATED),
        (5, Verdict.DUPLICATE),
        (7, Verdict.REFUSED),
    ]
    assert counts(summary) == {"updated": 2, "added": 1, "duplicate": 1, "refused": 2}
