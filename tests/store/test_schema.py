"""The tables: moments are whole milliseconds, never after the moment itself; SQLite's are all that is loaded."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from mailer.store.schema import from_millis, to_millis

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-9, minutes=-30))])


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=ZONES))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_what_is_stored_is_the_same_millisecond_and_never_later(moment: datetime) -> None:
    stored = from_millis(to_millis(moment))
    assert timedelta(0) <= moment - stored < timedelta(milliseconds=1)
    assert to_millis(stored) == to_millis(moment)


def test_a_fact_stored_now_is_not_in_the_future() -> None:
    now = datetime(2026, 11, 23, 21, 50, 44, 529_700, tzinfo=UTC)
    assert from_millis(to_millis(now)) <= now


def test_who_uses_sqlite_does_not_wait_for_the_dialect_of_postgresql() -> None:
    loaded = "import sys, mailer.wiring, mailer.store.ledger; print('sqlalchemy.dialects.postgresql' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
