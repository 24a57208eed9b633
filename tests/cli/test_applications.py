"""`mailer applications`: the review at a terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert, select

from mailer.cli import main
from mailer.store import applications
from mailer.store.engine import Database
from mailer.store.schema import applications as table
from mailer.store.schema import letters

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.fixture
def db(tmp_path: Path, sqlite_url: str) -> Database:
    """The database of a club in `tmp_path`, with one application that waits."""
    (tmp_path / "mailer.key").write_text("1 " + "ab" * 32 + "\n")
    (tmp_path / "mailer.toml").write_text('[newsletter]\nname = "N"\nlanguages = ["en", "zh"]\n')
    database = Database(sqlite_url)
    with database.transaction() as conn:
        for address in ("bob@example.com", "dora@example.com"):
            row = applications.add(
                conn,
                address=address,
                match_key=address,
                name="Bob",
                language="zh",
                kind="tmall",
                answers={"company": "公司"},
                wording="",
                source="apply",
                client="",
                now=NOW,
            )
            if address.startswith("bob"):
                applications.move(conn, row.id, applications.Standing.WAITING, NOW)
    return database


def run(tmp_path: Path, *args: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(tmp_path / "mailer.toml"), "applications", *args])


def test_only_confirmed_applications_are_listed(db: Database, tmp_path: Path) -> None:
    listed = run(tmp_path, "list", "--json")
    assert listed.exit_code == 0, listed.output
    assert [(row["id"], row["state"]) for row in json.loads(listed.stdout)] == [(1, "waiting")]
    assert "bob@example.com" in run(tmp_path, "list").stdout
    assert run(tmp_path, "list", "--state", "nonsense").exit_code == 2


@pytest.mark.parametrize("number", ["0", str(2**63), "9" * 30, "seven"])
def test_a_number_that_no_application_can_have_is_a_mistake_in_one_line(
    db: Database, tmp_path: Path, number: str
) -> None:
    for args in (["show"], ["approve"], ["decline"], ["ask"]):
        done = run(tmp_path, *args, number, *(["Why?"] if args == ["ask"] else []))
        assert (done.exit_code, "Invalid value for 'NUMBER'" in done.stderr) == (2, True)


def test_a_long_queue_is_listed_to_its_end(db: Database, tmp_path: Path) -> None:
    with db.transaction() as conn:
        row = applications.get(conn, 1)
        assert row is not None
        conn.execute(insert(table), [row._asdict() | {"id": number} for number in range(10, 260)])
    assert len(run(tmp_path, "list").stdout.splitlines()) == 251


def test_a_decision_writes_a_letter_and_stands(db: Database, tmp_path: Path) -> None:
    assert run(tmp_path, "ask", "1", "Which shop?").exit_code == 0
    assert run(tmp_path, "approve", "1", "--note", "Welcome").exit_code == 0
    again = run(tmp_path, "decline", "1")
    assert again.exit_code == 2
    assert "approved" in again.output
    with db.reading() as conn:
        assert list(conn.execute(select(letters.c.kind).order_by(letters.c.id)).scalars()) == ["asked", "approved"]
    shown = run(tmp_path, "show", "1").stdout
    assert "Company: 公司" in shown
    assert "asked: Which shop?" in shown


def test_erasing_an_applicant_who_never_subscribed_says_what_was_done(db: Database, tmp_path: Path) -> None:
    erase = ["--config", str(tmp_path / "mailer.toml"), "subscribers", "erase", "bob@example.com", "--yes"]
    assert CliRunner().invoke(main, erase).stdout == "erased\n"
    assert json.loads(run(tmp_path, "show", "1", "--json").stdout)["state"] == "expired"
    assert "was not here" in CliRunner().invoke(main, erase).stdout


def test_the_same_persons_earlier_applications_are_shown_with_what_was_said(db: Database, tmp_path: Path) -> None:
    assert run(tmp_path, "decline", "1", "--note", "No shop there.").exit_code == 0
    with db.transaction() as conn:
        bob = applications.get(conn, 1)
        assert bob is not None
        kept = {key: getattr(bob, key) for key in ("address", "match_key", "name", "language", "kind", "answers")}
        later = applications.add(conn, **kept, wording="", source="apply", client="", now=NOW)
        applications.move(conn, later.id, applications.Standing.WAITING, NOW)
    assert "declined: No shop there." in run(tmp_path, "show", str(later.id)).stdout
    (earlier,) = json.loads(run(tmp_path, "show", str(later.id), "--json").stdout)["earlier"]
    assert [step["note"] for step in earlier["history"]] == ["No shop there."]


def test_no_such_application_is_said_in_a_line(db: Database, tmp_path: Path) -> None:
    for args in (("show", "99"), ("approve", "99")):
        result = run(tmp_path, *args)
        assert result.exit_code == 2
        assert "no application 99" in result.output
