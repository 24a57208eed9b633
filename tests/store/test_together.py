"""Steps that share a transaction answer for themselves alone, and only for what was kept."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, event, func, insert, select, text
from sqlalchemy.exc import IntegrityError

from mailer.errors import StoreError
from mailer.store.engine import Database
from mailer.store.schema import rate_marks

NOW = 1_800_000_000_000


def marked(db: Database) -> list[str]:
    with db.reading() as conn:
        return list(conn.execute(select(rate_marks.c.key).order_by(rate_marks.c.key)).scalars())


def setting(db: Database, key: str, error: Exception | None = None) -> Callable[[], str]:
    """A step that sets a mark, and fails afterwards where it is told to."""

    def step() -> str:
        with db.transaction() as conn:
            set_mark(conn, key)
            if error is not None:
                raise error
        return key

    return step


def set_mark(conn: Connection, key: str) -> None:
    conn.execute(insert(rate_marks).values(key=key, at=text(str(NOW))))


def commits(db: Database) -> list[Connection]:
    seen: list[Connection] = []
    event.listen(db.engine, "commit", seen.append)
    return seen


def test_steps_together_are_kept_by_one_commit_and_answer_in_their_order(db: Database) -> None:
    seen = commits(db)
    assert db.together([setting(db, key) for key in "abc"]) == ["a", "b", "c"]
    assert len(seen) == 1
    assert marked(db) == ["a", "b", "c"]


def test_a_step_that_fails_takes_back_what_it_wrote_and_nothing_of_its_neighbours(db: Database) -> None:
    error = ValueError("no")
    assert db.together([setting(db, "a"), setting(db, "b", error), setting(db, "c")]) == ["a", error, "c"]
    assert marked(db) == ["a", "c"]


def test_a_step_that_fails_and_goes_on_takes_back_what_it_wrote_too(db: Database) -> None:
    def step() -> str:
        with pytest.raises(ValueError, match="no"):
            setting(db, "b", ValueError("no"))()
        return "went on"

    assert db.together([setting(db, "a"), step]) == ["a", "went on"]
    assert marked(db) == ["a"]


def test_a_statement_the_database_refuses_harms_no_neighbour(db: Database) -> None:
    def orphan() -> None:
        with db.transaction() as conn:
            conn.execute(text("INSERT INTO consents (subscriber_id, at, action) VALUES (4711, 0, 'confirmed')"))

    first, second, third = db.together([setting(db, "a"), orphan, setting(db, "c")])
    assert (first, third) == ("a", "c")
    assert isinstance(second, IntegrityError)
    assert marked(db) == ["a", "c"]


def test_where_the_database_ended_the_transaction_nobody_is_told_that_he_was_kept(sqlite_url: str) -> None:
    """SQLite does so when a disk is full, and what is written next it keeps by itself."""
    db = Database(sqlite_url)
    with db.transaction() as conn:
        conn.execute(
            text(
                "CREATE TRIGGER bad BEFORE INSERT ON rate_marks WHEN NEW.key = 'bad' "
                "BEGIN SELECT RAISE(ROLLBACK, 'gone'); END"
            )
        )

    def bad() -> None:
        with db.transaction() as conn:
            set_mark(conn, "bad")

    first, second, third = db.together([setting(db, "a"), bad, setting(db, "c")])
    assert (first, third) == ("a", "c")
    assert isinstance(second, Exception)
    assert marked(db) == ["a", "c"]
    db.close()


def test_a_step_reads_what_the_group_has_written(db: Database) -> None:
    def look() -> int:
        return db.read(lambda conn: conn.execute(select(func.count()).select_from(rate_marks)).scalar_one())

    assert db.together([setting(db, "a"), look, setting(db, "b"), look]) == ["a", 1, "b", 2]


def test_when_the_commit_fails_the_group_fails(db: Database) -> None:
    def no_commit(_: Connection) -> None:
        raise StoreError("the disk is full")

    event.listen(db.engine, "commit", no_commit)
    with pytest.raises(StoreError, match="full"):
        db.together([setting(db, "a"), setting(db, "b")])
    event.remove(db.engine, "commit", no_commit)
    assert marked(db) == []
