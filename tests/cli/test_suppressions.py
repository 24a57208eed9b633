"""`mailer suppressions` as an operator types it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailer.cli import main
from mailer.mail.address import parse
from mailer.model.subscriber import State
from mailer.store import migrate, subscribers
from mailer.store.engine import Database


@pytest.fixture
def club(tmp_path: Path) -> Path:
    """A club's folder with an empty database."""
    (tmp_path / "mailer.toml").touch()
    (tmp_path / "mailer.key").write_text("1 " + "ab" * 32 + "\n", encoding="ascii")
    db = Database(f"sqlite:///{tmp_path}/subscribers.db")
    migrate.upgrade(db)
    db.close()
    return tmp_path


def run(club: Path, *args: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["--config", str(club / "mailer.toml"), "suppressions", *args], input=stdin)


def suppressed(club: Path) -> list[str]:
    return sorted(line.split("\t")[0] for line in run(club, "list").stdout.splitlines())


@pytest.mark.parametrize(
    "text",
    [
        "carol@example.com\ndave@example.com\n",
        "\ufeffemail\r\ncarol@example.com\r\nDave@Example.com\r\n",
        'name;E-Mail;left\n"Carol; or so";carol@example.com;2024\nDave;dave@example.com;2025\n',
        "dave@example.com\t2024\ncarol@example.com\t2025\n",
        "姓名,邮箱\n李雷,carol@example.com\n韩梅梅,dave@example.com\n",
    ],
)
def test_who_left_an_older_system_is_found_in_whatever_it_exports(club: Path, text: str) -> None:
    again = text.removeprefix("\ufeff").encode("gb18030" if "姓" in text else "utf-16")
    for content in (text.encode(), again):
        done = run(club, "import", "-", "--reason", "left before 2026", stdin=content)
        assert done.exit_code == 0, done.stderr
        assert suppressed(club) == ["carol@example.com", "dave@example.com"]
    assert done.stdout == "0 added, 0 refused\n"


def test_the_address_of_who_was_erased_is_not_kept_again_unless_he_came_back(club: Path) -> None:
    def do(*args: str) -> None:
        done = CliRunner().invoke(main, ["--config", str(club / "mailer.toml"), *args])
        assert done.exit_code == 0, done.output

    for who in ("carol", "dave"):
        do("subscribers", "add", f"{who}@example.com")
        do("subscribers", "erase", f"{who}@example.com", "--yes")
    db = Database(f"sqlite:///{club}/subscribers.db")
    with db.transaction() as conn:
        subscribers.add(conn, parse("dave@example.com"), state=State.ACTIVE, now=datetime(2026, 6, 1, tzinfo=UTC))
    done = run(club, "import", "-", stdin=b"carol@example.com\ndave@example.com\n")
    assert (done.exit_code, done.stdout) == (0, "1 added, 0 refused\n")
    assert "1 had been erased here" in done.stderr
    listed = run(club, "list").stdout
    assert "carol@example.com" not in listed
    assert "dave@example.com" in listed


def test_a_line_that_is_no_address_is_named_and_the_answer_is_bad_news(club: Path) -> None:
    file = club / "left.csv"
    file.write_text("email,why\ncarol@example.com,moved\nDave Doe,moved\n=x,y,z\n", encoding="utf-8")
    done = run(club, "import", str(file))
    assert done.exit_code == 1
    assert done.stdout == "1 added, 2 refused\n"
    assert f"{file}:3: refused: " in done.stderr
    assert f"{file}:4: refused: has 3 cells" in done.stderr


def test_a_pattern_is_not_taken_for_an_address(club: Path) -> None:
    done = run(club, "import", "-", stdin=b"carol@example.com\n*@example.org\n")
    assert (done.exit_code, done.stdout) == (1, "1 added, 1 refused\n")
    assert "-:2: refused: '*@example.org' stands for a whole domain" in done.stderr
    assert run(club, "add", "*@example.org").exit_code == 2
    assert suppressed(club) == ["carol@example.com"]


def test_a_column_of_another_name_is_asked_for(club: Path) -> None:
    file = club / "left.csv"
    file.write_text("who,day\ncarol@example.com,2024-01-01\n", encoding="utf-8")
    done = run(club, "import", str(file))
    assert done.exit_code == 2
    assert "no column named email among: who, day; name yours with --column" in done.stderr
    assert run(club, "import", str(file), "--column", "Who").stdout == "1 added, 0 refused\n"
