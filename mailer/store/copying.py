"""Copies of a whole database: a backup file while it is in use, and the move from SQLite to PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, insert, select

from mailer.errors import RestoredError, StoreError, spoken
from mailer.sentence import Sentence
from mailer.store import leases, migrate
from mailer.store.engine import Database
from mailer.store.schema import home, metadata

_BATCH = 1000


def backup(database: Database, file: Path, now: datetime) -> None:
    """Write a consistent copy of the database to a new file (mode 600), while others go on using it.

    SQLite: a database file, locked as a backup that was restored; PostgreSQL, where a dump that was restored is locked
    by itself: pg_dump's custom format, for pg_restore. Raises StoreError.
    """
    if file.exists():
        raise _is_there(file)
    unfinished = None
    try:
        number, name = tempfile.mkstemp(prefix=f"{file.name[:100]}.", suffix=".part", dir=file.parent)
        os.close(number)
        unfinished = Path(name)
        if database.is_sqlite:
            _backup_sqlite(str(database.engine.url.database), unfinished, now)
        else:
            _dump_postgres(database, unfinished)
        _give_name(unfinished, file)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(Sentence("the backup failed: %(why)s", why=spoken(error)), where=str(file)) from None
    finally:
        if unfinished:
            unfinished.unlink(missing_ok=True)


def _is_there(file: Path) -> StoreError:
    return StoreError(Sentence("is there already; name a new file"), where=str(file))


def _give_name(unfinished: Path, file: Path) -> None:
    """Let it be `file`, lastingly, and not in place of another that came to be there meanwhile."""
    _sync(unfinished)
    try:
        os.link(unfinished, file)
    except FileExistsError:
        raise _is_there(file) from None
    except OSError:  # a disk that knows no links
        unfinished.rename(file)
    with contextlib.suppress(OSError):  # nor to wait for a folder
        _sync(file.parent)


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _backup_sqlite(source: str, file: Path, now: datetime) -> None:
    uri = f"{Path(source).absolute().as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as live, contextlib.closing(sqlite3.connect(file)) as copy:
        live.backup(copy)
    with contextlib.closing(Database(f"sqlite:///{file}")) as locked:
        locked.run(leases.lock, now)


def _dump_postgres(database: Database, file: Path) -> None:
    program = shutil.which("pg_dump")
    if program is None:
        raise StoreError(Sentence("backing up PostgreSQL needs pg_dump (Debian package postgresql-client)"))
    url = database.engine.url.set(drivername="postgresql")
    environment = dict(os.environ)
    if url.password:  # never on a command line, where every user of the machine sees it
        environment["PGPASSWORD"] = str(url.password)
    target = url.set(password=None).render_as_string()
    done = subprocess.run(  # noqa: S603 - the program is pg_dump, the arguments are the operator's own URL and file
        [program, "--format=custom", "--no-owner", f"--dbname={target}", f"--file={file}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = done.stderr.strip().partition("\n")[0] or f"exit code {done.returncode}"
        raise StoreError(reason, where="pg_dump")


def copy(source: Database, target: Database) -> dict[str, int]:
    """Copy every row of every table into a target without rows, and return the rows copied by table.

    The target is set up first; its rows are one transaction, so that a copy is whole or not there, and every
    count is compared before it is committed. Raises StoreError, and RestoredError for a source that is locked.
    """
    migrate.require_current(source)
    migrate.upgrade(target)
    copied: dict[str, int] = {}
    tables = [table for table in metadata.sorted_tables if table is not home]
    with source.reading() as here, target.transaction() as there:
        if leases.is_locked(here):
            raise RestoredError
        for table in tables:
            if there.execute(select(func.count()).select_from(table)).scalar_one():
                what = "the target has rows in %(table)s already; copy into an empty database"
                raise StoreError(Sentence(what, table=table.name))
        for table in tables:
            copied[table.name] = 0
            columns = [column for column in table.columns if column.computed is None]
            rows = here.execute(select(*columns).execution_options(yield_per=_BATCH)).mappings()
            for batch in rows.partitions():
                there.execute(insert(table), [dict(row) for row in batch])
                copied[table.name] += len(batch)
        for table in tables:
            wanted = here.execute(select(func.count()).select_from(table)).scalar_one()
            arrived = there.execute(select(func.count()).select_from(table)).scalar_one()
            if not wanted == arrived == copied[table.name]:
                what = "%(table)s: %(wanted)s rows here, %(arrived)s arrived; nothing was copied"
                raise StoreError(Sentence(what, table=table.name, wanted=wanted, arrived=arrived))
            if not target.is_sqlite and "id" in table.columns:
                sequence = func.pg_get_serial_sequence(table.name, "id")
                last = func.greatest(func.max(table.c.id), 1)
                there.execute(select(func.setval(sequence, last, func.count() > 0)).select_from(table))
    return copied
