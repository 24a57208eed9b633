"""Opening a database and running transactions on it: SQLite or PostgreSQL, the same statements."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, exc, func, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import make_url

from mailer.errors import AwayError, DeadlockError, ReplacedError, SettingsError, StoreError
from mailer.sentence import Sentence, clauses
from mailer.store.packing import packed

P = ParamSpec("P")
T = TypeVar("T")

READ_ONLY = "mailer_read_only"
SNAPSHOT = {"isolation_level": "REPEATABLE READ"}  # of PostgreSQL: else each statement has a moment of its own
ASK_SECONDS = 0.005  # between two questions whether SQLite is free
TRIES = 5


def _to_json(value: Any) -> str:
    if isinstance(value, dict) and all(isinstance(one, str) for one in value.values()):
        return packed(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _from_json(text: str) -> Any:
    return {} if text == "{}" else json.loads(text)  # most readers have no attributes


def undeterred(step: Callable[P, T]) -> Callable[P, T]:
    """Have a step that writes be done again, a few times, when PostgreSQL ended its transaction for another's sake.

    Two who wait for each other may meet wherever both write several rows, in an order that people decide.
    """

    @wraps(step)
    def done(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(TRIES - 1):
            with suppress(DeadlockError):
                return step(*args, **kwargs)
        return step(*args, **kwargs)

    return done


class Database:
    """One database by its URL (`sqlite:///path` or `postgresql://...`).

    SQLite runs in WAL mode with full synchronisation, foreign keys on, and takes its write lock at BEGIN, so
    that a transaction never fails half-way for want of it. On PostgreSQL a writing transaction whose process stands
    still (stopped, its machine frozen or gone) is ended by the server after `still_seconds`, and a lock that stays
    taken twice as long all the same is an error, so that nobody waits for ever. Raises SettingsError for a URL that
    means nothing.
    """

    def __init__(self, url: str, *, busy_seconds: float = 10.0, still_seconds: float = 15.0) -> None:
        try:
            parsed = make_url(url)
        except exc.ArgumentError:
            raise SettingsError(
                Sentence("[database] url is not a database URL; try sqlite:///subscribers.db")
            ) from None
        if parsed.get_backend_name() == "postgresql" and parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        # Of this thread: .group, the one whose steps it is calling; .busy_seconds, where it must not wait as long.
        self._here = threading.local()
        try:
            if self.is_sqlite:
                self.engine = _open_sqlite(parsed, busy_seconds, self._here)
            else:
                self.engine = _open_postgres(parsed, still_seconds)
        except (exc.NoSuchModuleError, ModuleNotFoundError):
            raise SettingsError(_no_driver(parsed.get_backend_name())) from None

    def hurry(self, busy_seconds: float) -> None:
        """In this thread, wait only so long for others to let go of SQLite: somebody waits for what it does."""
        self._here.busy_seconds = busy_seconds

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction that writes; commits at the end, rolls back on any exception. Raises StoreError.

        In a step of `together` it is a part of the group's transaction.
        """
        with _translated(), self._part_of_group() or self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads: one snapshot, no write lock. Raises StoreError.

        In a step of `together` it sees what the group has written.
        """
        with _translated(), self._part_of_group() or self._snapshot() as connection:
            yield connection

    @contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        with self.engine.connect() as plain:
            connection = plain.execution_options(**{READ_ONLY: True} | ({} if self.is_sqlite else SNAPSHOT))
            with connection.begin():
                yield connection

    @undeterred
    def run(self, step: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `step(connection, ...)` in one writing transaction; made for `asyncio.to_thread`."""
        with self.transaction() as connection:
            return step(connection, *args, **kwargs)

    def read(self, step: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `step(connection, ...)` in one reading transaction."""
        with self.reading() as connection:
            return step(connection, *args, **kwargs)

    @undeterred
    def insist(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a step that writes; once more where somebody else has just added the row it adds, and is found then."""
        try:
            return step(*args, **kwargs)
        except exc.IntegrityError:
            return step(*args, **kwargs)

    def together(self, steps: Sequence[Callable[[], T]]) -> list[T | Exception]:
        """Call steps that write in one transaction, and return after its commit what each returned or raised.

        Where one fails, nothing of the group is kept and each is called again in transactions of its own, so that no
        step suffers from another. Raises StoreError when the group could not begin or commit: nothing was kept then.
        """
        if len(steps) > 1:
            with suppress(_GroupFailed), self.transaction() as connection:
                return self._as_group(connection, steps)
        return [_outcome(partial(self.insist, step)) for step in steps]

    def _as_group(self, connection: Connection, steps: Sequence[Callable[[], T]]) -> list[T | Exception]:
        group = self._here.group = _Group(connection)
        outcomes = []
        try:
            for step in steps:
                outcomes.append(_outcome(step))
                if group.failed:  # the database may have ended the transaction, and would keep what follows by itself
                    raise _GroupFailed
        finally:
            del self._here.group
        return outcomes

    def _part_of_group(self) -> _Group | None:
        group: _Group | None = getattr(self._here, "group", None)
        return group

    def now(self, conn: Connection) -> datetime | None:
        """The moment by the server's clock, which all hosts share; None where there is no server (SQLite)."""
        if self.is_sqlite:
            return None
        moment: datetime = conn.execute(select(func.clock_timestamp())).scalar_one()
        return moment.astimezone(UTC)

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


@dataclass
class _Group:
    """The connection of steps that share a transaction, and whether one of them has failed with it."""

    connection: Connection
    failed: bool = False

    def __enter__(self) -> Connection:
        return self.connection

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.failed = self.failed or kind is not None


class _GroupFailed(Exception):
    """Nothing of a group may be kept."""


def _outcome(step: Callable[[], T]) -> T | Exception:
    try:
        return step()
    except Exception as error:
        return error


def _open_sqlite(url: URL, busy_seconds: float, here: threading.local) -> Engine:
    engine = create_engine(
        url, json_serializer=_to_json, json_deserializer=_from_json, connect_args={"timeout": busy_seconds}
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
        record.info["file"] = file = connection.execute("PRAGMA database_list").fetchone()[2]
        record.info["same"] = _identity(file)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if _identity(connection.info["file"]) != connection.info["same"]:  # what is written would be in no file
            raise ReplacedError
        if _only_reads(connection):
            connection.exec_driver_sql("BEGIN")
            return
        raw: Any = connection.connection.driver_connection
        raw.execute("PRAGMA busy_timeout = 0")
        try:
            _take_turn(raw, getattr(here, "busy_seconds", busy_seconds))
            if not raw.in_transaction:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
        finally:
            raw.execute(f"PRAGMA busy_timeout = {round(busy_seconds * 1000)}")

    return engine


def _identity(file: str) -> tuple[int, int]:
    """What tells a file from another under the same name; zeros for none."""
    try:
        found = os.stat(file)
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


def _take_turn(raw: sqlite3.Connection, seconds: float) -> None:
    """Begin to write as soon as nobody else does, unless that takes too long.

    SQLite itself asks ten times a second, and would ask in vain while somebody writes again and again.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(sqlite3.OperationalError):
            raw.execute("BEGIN IMMEDIATE")
            return
        time.sleep(ASK_SECONDS)


# Of libpq, in seconds but for the last, in milliseconds: a host that is gone is noticed within a minute, not in hours.
_VANISHED = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3,
             "tcp_user_timeout": 60_000}  # fmt: skip


def _open_postgres(url: URL, still_seconds: float) -> Engine:
    arguments = {name: value for name, value in _VANISHED.items() if name not in url.query}
    engine = create_engine(url, pool_pre_ping=True, json_serializer=_to_json, connect_args=arguments)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        millis = round(still_seconds * 1000)
        connection.execute(f"SET idle_in_transaction_session_timeout = {millis}")
        connection.execute(f"SET lock_timeout = {2 * millis}")
        connection.commit()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if _only_reads(connection):  # holds no locks, and may hand its rows to a pager that somebody reads
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")

    return engine


def _only_reads(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get(READ_ONLY, False))


def _no_driver(backend: str) -> Sentence:
    if backend == "postgresql":
        what = "[database] url: the driver for PostgreSQL is missing; pip install 'mailer-newsletter[postgres]'"
        return Sentence(what)
    what = "[database] url: %(name)s is not supported; use sqlite:///subscribers.db or postgresql://user@host/name"
    return Sentence(what, name=backend)


def insert(conn: Connection, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT, which each database has in a form of its own."""
    if conn.dialect.name == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # an eighth of a command's start, which SQLite has no use for

    return postgresql.insert(table)


def insert_new(conn: Connection, table: Table, *key: str) -> Any:
    """An INSERT that passes over rows whose `key` columns exist already."""
    return insert(conn, table).on_conflict_do_nothing(index_elements=key)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exc.ProgrammingError as error:
        state = getattr(error.orig, "sqlstate", "")  # of PostgreSQL
        if "no such table" in str(error.orig) or state == "42P01":
            raise StoreError(Sentence("the database has not been set up; run 'mailer db upgrade'")) from error
        if advice := UNFIT.get(state):
            raise StoreError(_not_now(clauses([_first_line(error.orig), advice]))) from error
        raise
    except (exc.IntegrityError, exc.DataError, exc.NotSupportedError):
        raise  # mistakes of ours, not the database's
    except exc.DatabaseError as error:
        if "no such table" in str(error.orig):
            raise StoreError(Sentence("the database has not been set up; run 'mailer db upgrade'")) from error
        if getattr(error.orig, "sqlstate", "") in _FOR_ANOTHER:
            raise DeadlockError(_not_now(Sentence("others write the same at this moment: try again"))) from error
        kind = AwayError if _may_pass(error) else StoreError
        raise kind(_not_now(_first_line(error.orig))) from error
    except exc.InterfaceError as error:
        raise StoreError(_not_now(_first_line(error.orig))) from error


_FOR_ANOTHER = ("40P01", "40001")  # a deadlock, two who cannot come one after the other
_SETTINGS = ("authentication failed", "no password supplied", "does not exist", "no pg_hba.conf entry")


def _may_pass(error: exc.DatabaseError) -> bool:
    """Whether the database may do by itself later what it cannot do now: nobody has to change the settings first."""
    said = str(error.orig)
    if isinstance(error.orig, sqlite3.Error):
        return "locked" in said
    return isinstance(error, exc.OperationalError) and not any(sign in said for sign in _SETTINGS)


ADVICE = (
    ("authentication failed", Sentence("are the user and the password in [database] url right?")),
    ("no password supplied", Sentence("put the password into [database] url, or the environment")),
    ("FATAL:  role", Sentence("is the user in [database] url right?")),
    ("FATAL:  database", Sentence("is the name in [database] url right?")),
    ("no pg_hba.conf entry", Sentence("the server lets nobody in from here: see its pg_hba.conf")),
    ("lock timeout", Sentence("another session holds it: see who in pg_stat_activity")),
    ("locked", Sentence("another process holds it: wait for it to end, or see who it is with 'fuser'")),
    ("readonly", Sentence("this user may not write it, or its folder")),
    ("unable to open", Sentence("is the path in [database] url right, and its folder there?")),
    ("not a database", Sentence("is [database] url the right file? Restore a backup if it is")),
    ("malformed", Sentence("it is damaged: restore a backup")),
    ("full", Sentence("make room on the disk")),
    ("disk I/O error", Sentence("is the disk full, or failing?")),
)

_HALF_THERE = Sentence("while a backup is being restored, wait until that is done; else restore one that is whole")
UNFIT = {  # what PostgreSQL says where the tables are not ours, or not yet: by SQLSTATE
    "42501": Sentence("the user in [database] url must own the tables: restore as that user, or make it their owner"),
    "42703": _HALF_THERE,
    "42883": _HALF_THERE,
    "42P10": _HALF_THERE,
}


def _not_now(why: Sentence) -> Sentence:
    return Sentence("the database cannot do this now: %(why)s", why=why)


def _first_line(error: BaseException | None) -> Sentence:
    text = str(error).strip().splitlines()[0] if error and str(error).strip() else Sentence("no answer")
    return clauses([text, *[advice for sign, advice in ADVICE if sign in text][:1]])
