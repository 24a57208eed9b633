from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, inspect, text

from mailer.errors import SchemaError
from mailer.store import migrate, schema, segments, subscribers
from mailer.store.engine import Database


def shape(database: Database) -> dict[str, Any]:
    """All that the database says about its tables, in an order of our own."""
    inspector = inspect(database.engine)

    def plain(value: Any) -> str:
        inner = sorted((key, plain(one)) for key, one in value.items()) if isinstance(value, dict) else value
        return str(inner)

    def tidy(rows: Any) -> list[str]:
        return sorted(plain(row) for row in rows)

    return {
        table: {
            "columns": tidy(inspector.get_columns(table)),
            "primary": str(inspector.get_pk_constraint(table)["constrained_columns"]),
            "foreign": tidy(inspector.get_foreign_keys(table)),
            "unique": tidy(inspector.get_unique_constraints(table)),
            "indexes": tidy(inspector.get_indexes(table)),
        }
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def set_version(database: Database, version: str) -> None:
    with database.transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})


def upgrade_to(version: str, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set up a database as an older program did."""
    with monkeypatch.context() as patch:
        patch.setattr(command, "upgrade", lambda config, _, upgrade=command.upgrade: upgrade(config, version))
        migrate.upgrade(database)


def add_reader(connection: Connection, address: str, attributes: str) -> None:
    """An active reader, in the columns that every version has."""
    connection.execute(
        text(
            "INSERT INTO subscribers (address, match_key, domain, state, created_at, attributes) "
            "VALUES (:address, :address, 'example.com', 'active', 0, :attributes)"
        ),
        {"address": address, "attributes": attributes},
    )


def test_the_migrations_make_the_tables_of_the_schema(empty_db: Database) -> None:
    migrate.upgrade(empty_db)
    migrated = shape(empty_db)
    with empty_db.transaction() as connection:
        tables = schema.complete(connection.dialect.name)
        tables.drop_all(connection)
        tables.create_all(connection)
    assert migrated == shape(empty_db), "schema.py and the migrations differ; make migration NAME='what changed'"


def test_head_is_the_newest_migration() -> None:
    folder = Path(migrate.__file__).parent / "migrations" / "versions"
    numbers = sorted(file.name[:4] for file in folder.glob("[0-9]*.py"))
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
    assert numbers[-1] == migrate.HEAD


def test_an_upgrade_says_from_where_to_where_and_the_second_does_nothing(empty_db: Database) -> None:
    assert migrate.current(empty_db) == ""
    assert migrate.upgrade(empty_db) == ("", migrate.HEAD)
    assert migrate.upgrade(empty_db) == (migrate.HEAD, migrate.HEAD)
    assert migrate.current(empty_db) == migrate.HEAD


def test_a_database_nobody_set_up_is_refused_with_the_command_to_run(empty_db: Database) -> None:
    with pytest.raises(SchemaError, match="not been set up; run 'mailer db upgrade'"):
        migrate.require_current(empty_db)


def test_looking_at_a_missing_sqlite_file_does_not_make_it(tmp_path: Path) -> None:
    file = tmp_path / "nobody.db"
    with pytest.raises(SchemaError):
        migrate.require_current(Database(f"sqlite:///{file}"))
    assert not file.exists()


def test_an_older_database_is_refused_with_the_command_to_run(db: Database) -> None:
    set_version(db, "0000")
    with pytest.raises(SchemaError, match=r"version 0000.*run 'mailer db upgrade'"):
        migrate.require_current(db)


def test_a_newer_database_is_refused_and_never_touched(db: Database) -> None:
    set_version(db, "9999")
    with pytest.raises(SchemaError, match="newer than this program"):
        migrate.require_current(db)
    with pytest.raises(SchemaError, match="newer than this program"):
        migrate.upgrade(db)
    assert migrate.current(db) == "9999"


def test_tags_kept_in_a_table_of_their_own_are_in_the_rows_after_the_upgrade(
    empty_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade_to("0001", empty_db, monkeypatch)
    with empty_db.transaction() as connection:
        for name in ("alice", "bob", "carol"):
            add_reader(connection, f"{name}@example.com", "{}")
        for number, tag in ((1, "vip"), (1, "tmall"), (1, "\u00e9t\u00e9"), (1, "Z"), (3, "a, b")):
            row = {"number": number, "tag": tag}
            connection.execute(text("INSERT INTO subscriber_tags VALUES (:number, :tag)"), row)
    assert migrate.upgrade(empty_db) == ("0001", migrate.HEAD)
    readers = empty_db.read(subscribers.page)
    assert [reader.tags for reader in readers] == [("Z", "tmall", "vip", "\u00e9t\u00e9"), (), ("a, b",)]
    assert empty_db.read(subscribers.count, segment=segments.condition("tag = vip", datetime.now(UTC))) == 1


def test_numbers_and_days_written_by_an_older_program_are_found_after_the_upgrade(
    empty_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade_to("0002", empty_db, monkeypatch)
    written = [
        {"level": "9", "city": "\u4e0a\u6d77"},
        {"city": 'a":"9', "since": "2026-01-31 10:00"},
        {"level": "9 or 10"},
        {},
    ]
    with empty_db.transaction() as connection:
        for number, attributes in enumerate(written):
            as_written = json.dumps(attributes, ensure_ascii=False, separators=(",", ":"))
            add_reader(connection, f"{number}@example.com", as_written)
    assert migrate.upgrade(empty_db) == ("0002", migrate.HEAD)
    assert [dict(reader.attributes) for reader in empty_db.read(subscribers.page)] == written
    for expression, address in (
        ("level > 8", "0@example.com"),
        ('since = "2026-01-31 10:00"', "1@example.com"),
        ("since < 2026-02-01", "1@example.com"),
        ('level = "9 or 10"', "2@example.com"),
    ):
        wanted = segments.condition(expression, datetime.now(UTC))
        assert [reader.address for reader in empty_db.read(subscribers.page, segment=wanted)] == [address], expression


def test_whose_an_older_returned_mail_is_told_by_its_bounce(
    empty_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade_to("0003", empty_db, monkeypatch)
    sent = (
        "INSERT INTO deliveries (id, address, domain, state, due_at, changed_at) VALUES (7, '', '', 'accepted', 0, 0)"
    )
    mail = (
        "INSERT INTO returned_mails (id, at, via, digest, state, content) VALUES (:id, 0, 'pipe', :name, 'read', :mail)"
    )
    bounce = (
        "INSERT INTO bounces (at, via, kind, reason, family, fingerprint, raw_id, delivery_id) "
        "VALUES (0, 'pipe', 'hard', 'userunknown', 'f', :mark, :raw, :delivery)"
    )
    with empty_db.transaction() as connection:
        connection.execute(text(sent))
        for number in (1, 2, 3):
            connection.execute(text(mail), {"id": number, "name": f"mail {number}", "mail": b"m"})
        connection.execute(text(bounce), {"mark": "a", "raw": 1, "delivery": 7})
        connection.execute(text(bounce), {"mark": "b", "raw": 2, "delivery": None})
    migrate.upgrade(empty_db)
    with empty_db.reading() as connection:
        told = connection.execute(text("SELECT id, delivery_id FROM returned_mails ORDER BY id")).all()
    assert told == [(1, 7), (2, None), (3, None)]


def test_two_upgrades_at_once_wait_for_each_other(empty_db: Database) -> None:
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: migrate.upgrade(empty_db), range(2)))
    assert [after for _, after in results] == [migrate.HEAD] * 2
    migrate.require_current(empty_db)


def test_an_upgrade_that_fails_half_way_changes_nothing(empty_db: Database) -> None:
    with empty_db.transaction() as connection:
        connection.execute(text("CREATE TABLE deliveries (id INTEGER)"))  # in the way of a later step
    with pytest.raises(SchemaError, match="already"):
        migrate.upgrade(empty_db)
    assert inspect(empty_db.engine).get_table_names() == ["deliveries"]
    assert migrate.current(empty_db) == ""


def test_the_check_at_start_up_does_not_import_alembic(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "alembic", None)
    migrate.require_current(db)


def test_a_new_database_file_is_its_owners_alone(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/club.db")
    migrate.upgrade(database)
    with database.transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
        assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == dict.fromkeys(
            ("club.db", "club.db-wal", "club.db-shm"), 0o600
        )
    database.close()
