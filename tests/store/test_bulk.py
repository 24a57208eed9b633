"""Many rows at once, and values as the databases take them."""

from mailer.store import bulk
from mailer.store.engine import Database
from mailer.store.marks import counts
from mailer.store.schema import from_millis, rate_marks, to_millis


def test_any_number_of_rows_is_added_and_counted(db: Database) -> None:
    rows = [("a" if number % 3 else "b", number) for number in range(1, 40_001)]  # more values than a statement takes
    with db.transaction() as conn:
        assert bulk.append(conn, rate_marks, ("key", "at"), rows) == len(rows)
        assert counts(conn, [("a", from_millis(0)), ("b", from_millis(0))]) == [26_667, 13_333]


def test_one_row_is_added_and_its_number_told(db: Database) -> None:
    with db.transaction() as conn:
        numbers = [bulk.add(conn, rate_marks, key="a", at=to_millis(from_millis(at))) for at in (1, 2)]
        assert numbers[1] > numbers[0]
        assert counts(conn, [("a", from_millis(1))]) == [1]


def test_no_rows_at_all_are_no_mistake(db: Database) -> None:
    with db.transaction() as conn:
        assert bulk.append(conn, rate_marks, ("key", "at"), []) == 0
