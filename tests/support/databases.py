"""PostgreSQL databases for tests: gone at the end, or emptied for each test; two who meet in one."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from mailer.errors import DeadlockError
from mailer.sentence import Sentence
from mailer.store.engine import Database

_SHAPE = """
SELECT string_agg(what, ' ' ORDER BY what) FROM (
  SELECT concat(relkind, ':', relname) AS what FROM pg_class WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT 't:' || tgname FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL SELECT 'f:' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  UNION ALL SELECT 'v:' || version_num FROM alembic_version) AS everything"""
_ALONE = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""
_EMPTY = """
DO $$ DECLARE name text; used boolean; BEGIN
  FOR name IN SELECT oid::regclass FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
  LOOP
    EXECUTE 'SELECT EXISTS (SELECT FROM ' || name || ')' INTO used;
    IF used THEN EXECUTE 'TRUNCATE ' || name || ' CASCADE'; END IF;
  END LOOP;
  PERFORM setval(oid::regclass, 1, false) FROM pg_class
    WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace;
END $$"""


class Temporary:
    """A database on the server that is gone at the end: its URL; made from a template when one is named."""

    def __init__(self, server: str, template: str = "template1") -> None:
        self.server = make_url(server).set(drivername="postgresql+psycopg")
        self.name = f"mailer_test_{uuid.uuid4().hex[:12]}"
        self.template = template

    def _do(self, sql: str) -> None:
        engine = create_engine(self.server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(sql))
        engine.dispose()

    def __enter__(self) -> str:
        self._do(f"CREATE DATABASE {self.name} TEMPLATE {self.template}")
        return self.server.set(drivername="postgresql", database=self.name).render_as_string(hide_password=False)

    def __exit__(self, *_: object) -> None:
        self._do(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")


class Reused:
    """A copy of a template for one test after the other, as making a copy for each takes several times as long.

    A test that leaves another schema, version, trigger or function than the template's, or nobody a way in, is the
    last of its copy.
    """

    def __init__(self, server: str, template: str) -> None:
        self._server = server
        self._template = template
        self._copy: Temporary | None = None
        self._url = ""
        self._shape: Any = None

    def fresh(self) -> str:
        """The URL of a database as if it had just been made; nobody is connected to it."""
        if self._copy is None or not self._emptied():
            self.close()
            self._copy = Temporary(self._server, self._template)
            self._url = self._copy.__enter__()
            with self._connected() as connection:
                self._shape = connection.exec_driver_sql(_SHAPE).scalar()
        return self._url

    def close(self) -> None:
        """Drop it."""
        if self._copy is not None:
            self._copy.__exit__()
            self._copy = None

    def _emptied(self) -> bool:
        try:
            with self._connected() as connection:
                connection.exec_driver_sql(_ALONE)
                if connection.exec_driver_sql(_SHAPE).scalar() != self._shape:
                    return False
                connection.exec_driver_sql(_EMPTY)
        except OperationalError:
            return False
        return True

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        engine = create_engine(make_url(self._url).set(drivername="postgresql+psycopg"))
        with engine.begin() as connection:
            yield connection
        engine.dispose()


def waits_for_a_lock(db: Database) -> bool:
    """Whether somebody on this PostgreSQL database waits for somebody else to commit."""
    with db.reading() as conn:
        waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return conn.execute(text(waiting)).first() is not None


def meet(db: Database, first: Callable[[Connection], object], second: Callable[[], object]) -> None:
    """Let the second go on while the first has written and not committed, until it is done or waits for the first.

    A first that yields writes the rest of it after that.
    """
    failures: list[Exception] = []

    def work() -> None:
        try:
            second()
        except Exception as error:
            failures.append(error)

    other = threading.Thread(target=work)
    with db.transaction() as conn:
        rest = first(conn)
        if isinstance(rest, Iterator):
            next(rest)
        other.start()
        while other.is_alive() and not waits_for_a_lock(db):
            other.join(0.01)
        if isinstance(rest, Iterator):
            next(rest, None)
    other.join()
    for failure in failures:
        raise failure


def ended_once(step: Callable[..., Any]) -> Callable[..., Any]:
    """The same step, but the first time PostgreSQL ends its transaction for another's sake."""
    ended = False

    def done(*arguments: Any) -> Any:
        nonlocal ended
        found = step(*arguments)
        if not ended:
            ended = True
            raise DeadlockError(Sentence("others write the same"))
        return found

    return done
