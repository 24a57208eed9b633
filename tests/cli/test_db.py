from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from click.testing import CliRunner
from sqlalchemy import text

from mailer.cli import main
from mailer.store import leases, migrate, roll
from mailer.store.engine import Database
from mailer.store.leases import Worker
from mailer.store.outbox import post_letter


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


def test_a_copy_is_refused_while_a_worker_is_there_and_made_when_it_has_gone(tmp_path: Path) -> None:
    club = club_in(tmp_path)
    run(club, "db", "upgrade")
    database = Database(f"sqlite:///{tmp_path / 'subscribers.db'}")
    now = datetime.now(UTC)
    there, sends = Worker("waits", "elsewhere", 1, "boot"), Worker("sends", "elsewhere", 2, "boot")
    database.run(roll.sign_in, there, "", now)
    claim = database.run(leases.open_claim, sends, "", now, timedelta(minutes=2))
    code, output = run(club, "db", "copy", f"sqlite:///{tmp_path / 'copy.db'}")
    assert (code, "missing in the copy: sends, waits" in output) == (2, True)
    assert not (tmp_path / "copy.db").exists()
    database.run(roll.sign_out, "waits")
    database.run(leases.end_claims, [claim], now)
    database.close()
    assert run(club, "db", "copy", f"sqlite:///{tmp_path / 'copy.db'}")[0] == 0


def test_letters_that_wait_are_told_of_before_anything_was_published(tmp_path: Path) -> None:
    club = club_in(tmp_path)
    run(club, "db", "upgrade")
    assert "nobody is working" not in run(club, "status")[1]
    database = Database(f"sqlite:///{tmp_path / 'subscribers.db'}")
    with database.transaction() as conn:
        post_letter(conn, kind="confirm", address="a@example.com", now=datetime.now(UTC), compose=lambda _: b"")
    database.close()
    told = run(club, "status")[1]
    assert "nothing has been published yet" in told
    assert "1 letter waits to be sent" in told
    assert "nobody is working; run 'mailer dispatch'" in told
    assert json.loads(run(club, "status", "--json")[1])["letters_waiting"] == 1
