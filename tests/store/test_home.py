"""Where a PostgreSQL database is at home: what tending it does, and what writing it anew row by row does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import make_url, select
from support.cast import NOW
from support.databases import Temporary

from mailer.store import copying, home, leases, migrate, restored
from mailer.store.engine import Database
from mailer.store.schema import home as table


@pytest.fixture
def db(postgres_url: str) -> Iterator[Database]:
    with Temporary(postgres_url) as url:
        database = Database(url)
        migrate.upgrade(database)
        yield database
        database.close()


def _outside_of_transactions(db: Database, statement: str) -> None:
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.exec_driver_sql(statement)


@pytest.mark.postgres
@pytest.mark.parametrize(
    "what", ["VACUUM FREEZE", "VACUUM FULL FREEZE", "CLUSTER home USING pk_home", "REINDEX TABLE home"]
)
def test_a_database_stays_at_home_whoever_tends_it(db: Database, what: str) -> None:
    _outside_of_transactions(db, what)
    db.run(home.settle)
    assert not db.read(leases.is_locked)


@pytest.mark.postgres
def test_a_copy_of_the_servers_files_is_at_home_as_a_standby_is(db: Database, postgres_url: str) -> None:
    db.close()
    with Temporary(postgres_url, str(make_url(db.engine.url).database)) as url:
        copy = Database(url)
        assert not copy.read(leases.is_locked)
        copy.close()


@pytest.mark.postgres
def test_a_row_that_was_written_anew_is_not_at_home_until_that_is_reconciled(db: Database) -> None:
    with db.transaction() as conn:
        (row,) = conn.execute(select(table)).all()
        conn.execute(table.delete())
        conn.execute(table.insert().values(row._asdict()))
    assert db.read(leases.is_locked)
    db.run(home.settle)  # whoever upgrades it does not make it so
    assert db.read(leases.is_locked)
    db.run(restored.reconcile, 0, 0, NOW)
    assert not db.read(leases.is_locked)


@pytest.mark.postgres
def test_a_database_that_was_copied_is_at_home_where_it_was_copied_to(db: Database, postgres_url: str) -> None:
    with Temporary(postgres_url) as url:
        target = Database(url)
        copying.copy(db, target)
        assert not target.read(leases.is_locked)
        assert target.read(lambda conn: conn.execute(select(table)).all())
        target.close()
