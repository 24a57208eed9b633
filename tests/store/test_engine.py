"""A database that cannot do what it should is told about in one line."""

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.exc import OperationalError
from support.cast import reader

from mailer.errors import DeadlockError, SettingsError, StoreError
from mailer.store.engine import TRIES, Database
from mailer.store.schema import subscribers

ON_POSTGRES = pytest.mark.parametrize("db_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
CHANGE = update(subscribers).values(name="changed")


def _change(conn: Connection) -> None:
    conn.execute(CHANGE)


def _status(url: str) -> None:
    database = Database(url, busy_seconds=0.1)
    try:
        with database.transaction() as conn:
            conn.execute(
                insert(subscribers).values(address="a", match_key="a", domain="d", state="active", created_at=None)
            )
    finally:
        database.close()


@pytest.mark.parametrize("content", [b"garbage " * 100, None], ids=["no database", "cut off"])
def test_a_file_that_is_no_database_is_named_as_such(sqlite_url: str, content: bytes | None) -> None:
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    if content is None:
        os.truncate(file, 20_000)
    else:
        file.write_bytes(content)
    with pytest.raises(StoreError, match=r"cannot do this now: .*(not a database|malformed)"):
        _status(sqlite_url)


def test_a_database_nobody_set_up_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="mailer db upgrade"):
        _status(f"sqlite:///{tmp_path / 'new.db'}")


def test_a_locked_database_is_waited_for_and_then_named(sqlite_url: str) -> None:
    holder = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        _status(sqlite_url)
    holder.close()


def test_a_thread_in_a_hurry_waits_less_for_a_lock_and_the_others_as_long_as_ever(sqlite_url: str) -> None:
    database = Database(sqlite_url, busy_seconds=600)
    holder = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    hurried = ThreadPoolExecutor(1, initializer=database.hurry, initargs=(0.05,))
    with ThreadPoolExecutor(1) as threads, hurried:
        with pytest.raises(StoreError, match="locked"):
            hurried.submit(database.run, _change).result()
        patient = threads.submit(database.run, _change)
        holder.close()
        assert patient.result() is None
    database.close()


@pytest.mark.parametrize("put_back", [True, False])
def test_a_file_that_was_replaced_or_removed_meanwhile_takes_nothing_more(sqlite_url: str, put_back: bool) -> None:
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    database = Database(sqlite_url)
    database.run(_change)
    copy = file.with_name("backup.db")
    copy.write_bytes(file.read_bytes())
    file.unlink()
    if put_back:
        copy.rename(file)
    with pytest.raises(StoreError, match="replaced while it was open"):
        database.run(_change)
    database.close()


def test_a_database_that_may_only_be_read_is_named(sqlite_url: str) -> None:
    with pytest.raises(StoreError, match="readonly"):
        _status(f"sqlite:///file:{sqlite_url.removeprefix('sqlite:///')}?mode=ro&uri=true")


@ON_POSTGRES
def test_a_transaction_that_stands_still_is_ended_by_the_server_and_its_locks_are_free(db_url: str) -> None:
    stopped, other = Database(db_url, still_seconds=0.5), Database(db_url)
    other.run(reader, "a@club.example")

    def stand_still(conn: Connection) -> None:
        conn.execute(CHANGE)
        other.run(_change)
        conn.execute(CHANGE)

    with pytest.raises(StoreError, match="idle-in-transaction"):
        stopped.run(stand_still)
    stopped.run(_change)  # by a new connection
    stopped.close()
    other.close()


@ON_POSTGRES
def test_a_lock_that_stays_taken_is_named(db_url: str) -> None:
    waiting, other = Database(db_url, still_seconds=0.2), Database(db_url)
    other.run(reader, "a@club.example")
    with other.transaction() as held:
        held.execute(CHANGE)
        with pytest.raises(StoreError, match="pg_stat_activity"):
            waiting.run(_change)
    waiting.close()
    other.close()


def test_all_that_is_read_in_one_transaction_is_of_one_moment(db: Database) -> None:
    def names(conn: Connection) -> list[str]:
        return list(conn.execute(select(subscribers.c.name)).scalars())

    db.run(reader, "alice@example.com")
    with db.reading() as conn:
        assert names(conn) == [""]
        db.run(_change)
        assert names(conn) == [""]
    assert db.read(names) == ["changed"]
    if not db.is_sqlite:  # who writes is told what others have written
        with db.transaction() as conn:
            assert names(conn) == ["changed"]
            db.run(reader, "bob@example.com")
            assert names(conn) == ["changed", ""]


@ON_POSTGRES
def test_reading_may_stand_still(db_url: str) -> None:
    database = Database(db_url, still_seconds=0.2)
    with database.reading() as conn:
        assert conn.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one() == "0"
    database.close()


@ON_POSTGRES
def test_tables_that_somebody_else_restored_and_owns_are_told_with_what_to_do(db_url: str) -> None:
    with pytest.raises(StoreError, match=r"permission denied .*must own the tables"):
        _status(f"{db_url}{'&' if '?' in db_url else '?'}options=-crole%3Dpg_monitor")


@ON_POSTGRES
@pytest.mark.parametrize(
    "lacks", ["ALTER COLUMN name DROP DEFAULT, DROP COLUMN name", "DROP CONSTRAINT uq_subscribers_match_key"]
)
def test_tables_that_a_restore_has_only_begun_are_told_in_a_line(db_url: str, lacks: str) -> None:
    database = Database(db_url)
    with database.transaction() as conn:
        conn.execute(text(f"ALTER TABLE subscribers {lacks}"))
    with pytest.raises(StoreError, match="wait until that is done"), database.transaction() as conn:
        conn.execute(
            text("INSERT INTO subscribers (name) SELECT name FROM subscribers ON CONFLICT (match_key) DO NOTHING")
        )
    database.close()


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(StoreError, match="cannot do this now"):
        _status("postgresql://localhost:1/none")


@pytest.mark.parametrize("url", ["nonsense", "mongodb://x"])
def test_a_url_that_means_nothing_is_a_mistake_in_the_settings(url: str) -> None:
    with pytest.raises(SettingsError, match="database"):
        Database(url)


@ON_POSTGRES
@pytest.mark.parametrize("code", ["40P01", "40001"])
@pytest.mark.parametrize("times", [1, TRIES])
def test_what_was_ended_for_anothers_sake_is_done_again_but_not_for_ever(db: Database, code: str, times: int) -> None:
    tried: list[str] = []

    def step(conn: Connection) -> str:
        _change(conn)
        tried.append("once more")
        if len(tried) <= times:
            conn.execute(text(f"DO $$ BEGIN RAISE 'deadlock detected' USING ERRCODE = '{code}'; END $$"))
        return "done"

    if times < TRIES:
        assert db.run(step) == "done"
    else:
        with pytest.raises(DeadlockError, match="others write the same at this moment: try again"):
            db.run(step)
    assert len(tried) == min(times + 1, TRIES)


def test_what_fails_half_way_leaves_nothing_behind(db: Database) -> None:
    def step(conn: Connection) -> float:
        return reader(conn, "alice@example.com") / 0

    with pytest.raises(ZeroDivisionError):
        db.run(step)
    with db.reading() as conn:
        assert conn.execute(select(subscribers.c.id)).all() == []


@ON_POSTGRES
def test_a_server_that_vanishes_is_noticed_within_a_minute_unless_the_url_says_otherwise(db_url: str) -> None:
    for more, expected in (("", "60000"), ("tcp_user_timeout=5000", "5000")):
        database = Database(f"{db_url}{'&' if '?' in db_url else '?'}{more}")
        with database.reading() as conn:
            parameters = conn.connection.driver_connection.info.get_parameters()  # type: ignore[union-attr]
        database.close()
        assert (parameters["connect_timeout"], parameters["tcp_user_timeout"]) == ("10", expected)


def test_the_server_has_a_clock_and_a_file_has_none(db: Database) -> None:
    with db.reading() as conn:
        moment = db.now(conn)
        if db.is_sqlite:
            assert moment is None
        else:
            assert moment is not None
            offset = moment - conn.execute(text("SELECT clock_timestamp()")).scalar_one()
            assert abs(offset.total_seconds()) < 5


@pytest.mark.parametrize(
    ("said", "to_do"),
    [
        ("disk I/O error", "is the disk full, or failing?"),
        ("database or disk is full", "make room on the disk"),
        ("attempt to write a readonly database", "this user may not write it"),
        ("database disk image is malformed", "restore a backup"),
    ],
)
def test_what_the_database_complains_of_comes_with_what_to_do(tmp_path: Path, said: str, to_do: str) -> None:
    def complain(conn: Connection) -> None:
        raise OperationalError("INSERT", {}, sqlite3.OperationalError(said))

    db = Database(f"sqlite:///{tmp_path / 'club.db'}")
    with pytest.raises(StoreError) as told:
        db.run(complain)
    db.close()
    assert said in str(told.value)
    assert to_do in str(told.value)


SORT = """
import sys
from pathlib import Path
from sqlalchemy import text
from mailer.store.engine import Database

def most():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])

numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
sort = numbers + "SELECT i % 7, count(DISTINCT i * 7919 % 1000003) FROM n GROUP BY 1"
with Database(sys.argv[1]).reading() as conn:
    conn.execute(text(sort.format(1000))).all()
    before = most()
    conn.execute(text(sort.format(400_000))).all()
    print(most() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells how much memory it was at most")
def test_sorting_many_rows_takes_little_memory(sqlite_url: str) -> None:
    ran = subprocess.run([sys.executable, "-c", SORT, sqlite_url], check=True, capture_output=True, text=True)
    assert int(ran.stdout) < 12_000, "KB"
