"""`mailer subscribers` and `mailer segments` as an operator types them."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.command import mailer

from mailer.cli import main, output
from mailer.store import consents, migrate
from mailer.store.engine import Database

EXAMPLE = Path(__file__).parents[2] / "examples" / "subscribers.csv"


@pytest.fixture
def club(tmp_path: Path) -> Path:
    """A club's folder with an empty database."""
    (tmp_path / "mailer.toml").write_text('[newsletter]\nlanguages = ["en", "zh"]\n', encoding="utf-8")
    (tmp_path / "mailer.key").write_text("1 " + "ab" * 32 + "\n", encoding="ascii")
    db = Database(f"sqlite:///{tmp_path}/subscribers.db")
    migrate.upgrade(db)
    db.close()
    return tmp_path


def run(club: Path, *args: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["--config", str(club / "mailer.toml"), *args], input=stdin)


def test_the_example_list_is_imported_listed_and_exported(club: Path) -> None:
    assert run(club, "subscribers", "import", str(EXAMPLE)).stdout == "of 200 rows: 200 added\n"
    found = run(club, "subscribers", "list", "--search", "gone.", "--json")
    assert json.loads(found.stdout)["total"] == 3
    assert len(run(club, "subscribers", "export").stdout.splitlines()) == 201


def test_a_list_without_consent_is_refused_where_nobody_can_be_asked(club: Path) -> None:
    result = run(club, "subscribers", "import", "-", stdin="email\nalice@example.com\n")
    assert result.exit_code == 2
    assert "--consent" in result.stderr


def test_a_command_whose_standard_streams_are_closed_is_one_with_empty_ones(club: Path) -> None:
    command = [sys.executable, "-m", "mailer", "subscribers", "import", "-", "--consent", "fair"]
    told = subprocess.run(["sh", "-c", 'exec "$@" <&-', "sh", *command], cwd=club, capture_output=True, text=True)
    assert (told.returncode, told.stderr.startswith("mailer: -: the file is empty")) == (2, True), told.stderr
    (club / "list.csv").write_text("email\nalice@example.com\n")
    command[5] = "list.csv"
    silent = subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command], cwd=club)
    assert silent.returncode == 0
    assert json.loads(run(club, "subscribers", "list", "--json").stdout)["total"] == 1


@pytest.mark.parametrize(("said", "code"), [("trade fair 2026\n", 0), ("   \n", 2)])
def test_at_a_terminal_the_source_of_consent_is_asked_for_and_progress_is_shown(
    club: Path, said: str, code: int
) -> None:
    (club / "list.csv").write_text("email\nalice@example.com\n")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "mailer", "subscribers", "import", "list.csv"]
    running = subprocess.Popen(command, cwd=club, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
    os.close(theirs)
    os.write(ours, said.encode())
    shown = b""
    with contextlib.suppress(OSError):  # a terminal whose other side is closed
        while chunk := os.read(ours, 4096):
            shown += chunk
    os.close(ours)
    assert running.wait(timeout=60) == code, shown
    assert b"Where did these readers agree to get the newsletter?" in shown
    if code:
        assert b"--consent" in shown
        return
    assert b"importing" in shown
    assert b"1 rows" in shown
    assert b"of 1 row: 1 added" in shown
    kept = json.loads(run(club, "subscribers", "show", "alice@example.com", "--json").stdout)
    assert kept["consents"][0]["source"] == "trade fair 2026"


def test_a_long_list_comes_from_a_redirected_file(club: Path) -> None:
    rows = "".join(f"reader-number-{number}@example.com\n" for number in range(12_000))
    assert mailer(club, "subscribers", "import", "-", "--consent", "x", stdin="email\n" + rows).stdout == (
        "of 12,000 rows: 12,000 added\n"
    )


def test_bad_rows_exit_with_0_unless_all_are_bad(club: Path) -> None:
    some = run(club, "subscribers", "import", "-", "--consent", "x", stdin="email\nbad\nalice@example.com\n")
    assert (some.exit_code, some.stdout) == (0, "of 2 rows: 1 added, 1 refused\n")
    assert "-:2: refused:" in some.stderr
    assert run(club, "subscribers", "import", "-", "--consent", "x", stdin="email\nbad\n").exit_code == 1


def test_an_import_as_json_gives_counts_and_findings(club: Path) -> None:
    result = run(club, "subscribers", "import", "-", "--consent", "x", "--json", stdin="email\nbad\n")
    data = json.loads(result.stdout)
    assert (data["rows"], data["refused"], data["findings"][0]["line"]) == (1, 1, 2)


def test_a_file_that_cannot_be_read_is_one_line_with_its_path(club: Path) -> None:
    for file, says in ((club / "gone.csv", "no such file"), (club, "cannot be read: Is a directory")):
        result = run(club, "subscribers", "import", str(file))
        assert (result.exit_code, result.stderr) == (2, f"mailer: {file}: {says}\n")
    empty = run(club, "subscribers", "import", "/dev/null")
    assert (empty.exit_code, empty.stderr.startswith("mailer: /dev/null: the file is empty")) == (2, True)


def test_a_broken_row_is_refused_with_its_line_and_the_others_come_in_whole(club: Path) -> None:
    mixed = club / "mix.csv"
    mixed.write_bytes(b"email,name\nm2@example.com,\xff\xfe\x80bad\nm3@example.com,Zo\xc3\xab\n")
    result = run(club, "subscribers", "import", str(mixed), "--consent", "x")
    assert result.stdout == "of 2 rows: 1 added, 1 refused\n"
    assert result.stderr == f"{mixed}:2: refused: holds bytes that are no UTF-8\n"
    assert '"Zoë"' in run(club, "subscribers", "export").stdout


def test_an_export_to_a_file_is_for_its_owner_only_and_says_what_stdout_says(club: Path) -> None:
    run(club, "subscribers", "import", str(EXAMPLE))
    file = club / "out.csv"
    file.write_text("an old export", encoding="utf-8")
    file.chmod(0o644)
    assert run(club, "subscribers", "export", "-o", str(file)).exit_code == 0
    assert file.read_text(encoding="utf-8") == run(club, "subscribers", "export").stdout
    assert file.stat().st_mode & 0o777 == 0o600
    assert run(club, "subscribers", "export", "--json", "-o", str(file)).exit_code == 0
    assert file.read_text(encoding="utf-8") == run(club, "subscribers", "export", "--json").stdout
    assert not list(club.glob(".out.csv*"))
    dash = run(club, "subscribers", "export", "-o", "-")
    assert dash.stdout == run(club, "subscribers", "export").stdout
    assert not (club / "-").exists()


def test_an_export_that_breaks_off_leaves_the_old_file_alone(club: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(club, "subscribers", "import", str(EXAMPLE))
    file = club / "out.csv"
    file.write_text("an old export", encoding="utf-8")

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", broken)
    result = run(club, "subscribers", "export", "-o", str(file))
    assert (result.exit_code, result.stderr) == (2, f"mailer: {file}: cannot be written: No space left on device\n")
    assert file.read_text(encoding="utf-8") == "an old export"
    assert not list(club.glob(".out.csv*"))


@pytest.mark.parametrize("file", ["/dev/null", "gone/out.csv"])
def test_an_export_goes_only_where_a_file_can_be(club: Path, file: str) -> None:
    result = run(club, "subscribers", "export", "-o", str(club / file))
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1


def test_a_mistake_in_a_segment_is_shown_with_a_caret(club: Path) -> None:
    result = run(club, "segments", "count", "city = = x")
    assert result.stderr == "mailer: segment, column 8: a value is expected here\n  city = = x\n         ^\n"


def test_an_exported_cell_never_begins_a_formula(club: Path) -> None:
    listed = 'email,name,city\n=cmd|calc@example.com,+1,"@SUM(A1)"\n'
    run(club, "subscribers", "import", "-", "--consent", "x", stdin=listed)
    row = run(club, "subscribers", "export").stdout.splitlines()[1]
    assert row.startswith('"\'=cmd|calc@example.com","\'+1"')
    assert row.endswith('"\'@SUM(A1)"')
    assert all(output.cell(char + "1").startswith("'") for char in "=+-@\t\r\0＝＋－＠")


def test_an_export_is_read_back_as_it_was(club: Path) -> None:
    listed = (
        "email,name,level,note,status\n"
        "+dave@example.com,=cmd,-5,'=x,active\n"
        "erin@example.com,O'Hara,7,'quoted',active\n"
        "gone@example.com,,,,unsubscribed\n"
    )
    run(club, "subscribers", "import", "-", "--consent", "x", stdin=listed)
    first = run(club, "subscribers", "export").stdout
    again = run(club, "subscribers", "import", "-", "--consent", "x", "--json", stdin=first)
    assert {key: value for key, value in json.loads(again.stdout).items() if isinstance(value, int) and value} == {
        "rows": 3,
        "unchanged": 2,
        "unsubscribed": 1,
    }
    assert run(club, "subscribers", "export").stdout == first


def test_a_column_that_may_say_who_left_another_system_is_named_before_its_readers_come_in(club: Path) -> None:
    done = run(club, "subscribers", "import", "-", "--consent", "x", stdin="email,email_disabled\na@example.com,true\n")
    assert "column email_disabled becomes an attribute; if it says who left" in done.stderr


def test_an_export_keeps_the_day_of_joining_in_another_club(club: Path, tmp_path: Path) -> None:
    run(club, "subscribers", "import", "-", "--consent", "x", stdin="email,consent_at\na@example.com,2025-01-31\n")
    first = run(club, "subscribers", "export").stdout
    other = tmp_path / "other"
    run(tmp_path, "init", str(other))
    run(other, "subscribers", "import", "-", "--consent", "moved", stdin=first)
    assert "2025-01-31" in first
    assert run(other, "subscribers", "export").stdout == first


def test_the_history_tells_which_line_of_which_list_and_why_somebody_left(club: Path) -> None:
    (club / "list.csv").write_text("email\nbob@example.com\n")
    run(club, "subscribers", "import", str(club / "list.csv"), "--consent", "fair")
    with Database(f"sqlite:///{club / 'subscribers.db'}").transaction() as conn:
        reader = conn.exec_driver_sql("SELECT id FROM subscribers").scalar_one()
        consents.append(conn, reader, consents.Step("withdrawn", source="page", detail="too-often"), datetime.now(UTC))
    shown = run(club, "subscribers", "show", "bob@example.com").stdout
    assert "imported fair list.csv:2" in shown
    assert "withdrawn page too-often" in shown


def test_the_history_tells_what_happened_at_once_in_its_order(club: Path) -> None:
    run(club, "subscribers", "add", "bob@example.com")
    with Database(f"sqlite:///{club / 'subscribers.db'}").transaction() as conn:
        for action in ("requested", "confirmed"):
            consents.append(conn, 1, consents.Step(action), datetime(2030, 1, 1, tzinfo=UTC))
    shown = run(club, "subscribers", "show", "bob@example.com").stdout
    assert shown.index("requested") < shown.index("confirmed")


def test_one_reader_from_added_to_erased(club: Path) -> None:
    assert run(club, "subscribers", "add", "bob@example.com", "--name", "Bob").stdout == "added\n"
    assert run(club, "subscribers", "tag", "bob@example.com", "--add", "VIP").stdout == "vip\n"
    history = json.loads(run(club, "subscribers", "show", "bob@example.com", "--json").stdout)
    assert (history["subscriber"]["tags"], history["consents"][0]["action"]) == (["vip"], "added")
    assert "added by the operator" in run(club, "subscribers", "show", "bob@example.com").stdout
    assert run(club, "subscribers", "remove", "bob@example.com").stdout == "unsubscribed\n"
    assert run(club, "subscribers", "erase", "bob@example.com").exit_code == 2
    assert run(club, "subscribers", "erase", "bob@example.com", "--yes").stdout == "erased\n"
    assert run(club, "subscribers", "show", "bob@example.com").exit_code == 2
    assert "erased" in run(club, "subscribers", "add", "bob@example.com").stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--consent", " "], "say where this reader agreed"),
        (["--consent", "fair\x1b[2J"], "the source of consent holds"),
        (["--tag", "a;b"], "a tag is a word or some, without ';'"),
        (["--tag", "bell\x07"], "a tag is a word or some"),
    ],
)
def test_one_reader_is_added_with_a_source_of_consent_and_tags_that_can_be_written_down(
    club: Path, options: list[str], says: str
) -> None:
    refused = run(club, "subscribers", "add", "alice@example.com", *options)
    assert (refused.exit_code, says in refused.stderr) == (2, True)
    assert json.loads(run(club, "subscribers", "list", "--json").stdout)["total"] == 0


def test_segments_are_files_that_are_listed_with_their_readers(club: Path) -> None:
    run(club, "subscribers", "import", str(EXAMPLE))
    (club / "segments").mkdir()
    (club / "segments" / "tmall.segment").write_text("tag = tmall # merchants\n", encoding="utf-8")
    (club / "segments" / "old.segment").mkdir()
    listed = json.loads(run(club, "segments", "list", "--json").stdout)
    assert run(club, "segments", "count", "tag = tmall").stdout == f"{listed[0]['readers']}\n"
    assert run(club, "segments", "show", "tmall").stdout == "tag = tmall # merchants\n"
    missing = run(club, "segments", "count", "nobody")
    assert (missing.exit_code, "there is: tmall" in missing.stderr) == (2, True)
    (club / "segments" / "tmall.segment").write_text("tag < 3\n", encoding="utf-8")
    assert "segments/tmall.segment, column 7" in run(club, "segments", "list").stderr


def test_a_segment_that_cannot_be_read_keeps_none_of_the_others_off_the_list(club: Path) -> None:
    (club / "segments").mkdir()
    (club / "segments" / "broken.segment").write_text("tag = vip and (\n", encoding="utf-8")
    (club / "segments" / "vips.segment").write_text("tag = vip\n", encoding="utf-8")
    listed = run(club, "segments", "list", "--json")
    assert [row["name"] for row in json.loads(listed.stdout)] == ["vips"]
    assert (listed.exit_code, "segments/broken.segment" in listed.stderr) == (1, True)
