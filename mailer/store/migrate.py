"""Which version a database is of, and how it becomes the one this program works with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import exc, inspect, text

from mailer.errors import SchemaError
from mailer.sentence import Sentence

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mailer.store.engine import Database

HEAD = "0006"  # the newest file in migrations/versions; a constant, so that starting up need not import alembic

_TABLE = "alembic_version"
_LOCK = 0x6D61696C  # "mail": the advisory lock of a PostgreSQL database being upgraded


def current(database: Database) -> str:
    """The version a database is of, such as "0001"; "" when it has never been set up. Raises StoreError."""
    file = _file(database)
    if file and not file.exists():
        return ""  # connecting would make the file
    with database.reading() as connection:
        return _version(connection)


def require_current(database: Database) -> None:
    """Return when the database is of this program's version. Raises SchemaError saying what to do."""
    version = current(database)
    if version == HEAD:
        return
    if not version:
        raise SchemaError(Sentence("the database has not been set up; run 'mailer db upgrade'"))
    if version < HEAD:
        what = "the database is of version %(version)s, this program's is %(own)s; run 'mailer db upgrade'"
        raise SchemaError(Sentence(what, version=version, own=HEAD))
    raise SchemaError(_newer(version))


def upgrade(database: Database) -> tuple[str, str]:
    """Bring a database to this program's version: the versions before ("" for none) and after.

    All steps are one transaction, and two upgrades at once wait for each other. Raises SchemaError when the
    database is of a newer version, or when a step fails; StoreError when the database is away.
    """
    file = _file(database)
    if file and file.parent.is_dir():
        file.touch(mode=0o600)  # the readers' addresses are nobody else's business on this machine
    with database.transaction() as connection:  # tells apart what cannot be reached from what cannot be upgraded
        before = _version(connection)
    if before > HEAD:
        raise SchemaError(_newer(before))
    if before != HEAD:
        try:
            _migrate(database)
        except exc.DBAPIError as error:
            reason = str(error.orig).strip().partition("\n")[0]
            raise SchemaError(Sentence("the upgrade failed and changed nothing: %(why)s", why=reason)) from error
    return before, HEAD


def _file(database: Database) -> Path | None:
    name = database.engine.url.database
    return Path(name) if database.is_sqlite and name and name != ":memory:" else None


def _newer(version: str) -> Sentence:
    what = "the database is of version %(version)s, newer than this program's %(own)s; install the newer mailer"
    return Sentence(what, version=version, own=HEAD)


def _version(connection: Connection) -> str:
    if not inspect(connection).has_table(_TABLE):
        return ""
    version: str | None = connection.execute(text(f"SELECT version_num FROM {_TABLE}")).scalar()  # noqa: S608 - a constant
    return version or ""


def _migrate(database: Database) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with database.engine.connect() as connection:
        if database.is_sqlite:  # rebuilding a table must not cascade; only outside a transaction can this be said
            connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                if not database.is_sqlite:
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                if database.is_sqlite and connection.execute(text("PRAGMA foreign_key_check")).first():
                    what = "after the upgrade rows would point to nothing; nothing was changed"
                    raise SchemaError(Sentence(what))
        finally:
            if database.is_sqlite:
                connection.connection.cursor().execute("PRAGMA foreign_keys=ON")
