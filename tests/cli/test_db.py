from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner
from sqlalchemy import text

from mailer.cli import main
from mailer.store import migrate
from mailer.store.engine import Database


def run(club: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["--config", str(club / "mailer.toml"), *arguments])
    assert "Traceback" not in result.output
    return result.exit_code, result.output


def club_in(folder: Path) -> Path:
    (folder / "mailer.toml").write_text("")
    return folder


def test_upgrade_says_from_where_to_where(tmp_path: Path) -> None:
    club = club_in(tmp_path)
    assert run(club, "db", "upgrade") == (0, f"set the database up, in version {migrate.HEAD}\n")
    assert "nothing to do" in run(club, "db", "upgrade")[1]


def test_a_newer_database_is_refused_by_every_command(tmp_path: Path) -> None:
    club = club_in(tmp_path)
    run(club, "db", "upgrade")
    database = Database(f"sqlite:///{tmp_path / 'subscribers.db'}")
    with database.transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    for command in (("db", "upgrade"), ("status",)):
        code, output = run(club, *command)
        assert code == 2
        assert "newer than this program" in output


def test_backup_writes_a_new_file_and_says_how_big_it_is(tmp_path: Path) -> None:
    club = club_in(tmp_path)
    run(club, "db", "upgrade")
    code, output = run(club, "db", "backup", str(tmp_path / "copy.db"))
    assert code == 0
    assert "bytes" in output
    assert run(club, "db", "backup", str(tmp_path / "copy.db"))[0] == 2
