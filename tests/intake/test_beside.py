"""Reading in a process of its own: the same items, the same errors, and nothing left behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.club import wait_until

from mailer.errors import ImportFileError
from mailer.intake.beside import beside


def process_numbers() -> Iterator[int]:
    while True:
        yield os.getpid()


def test_the_items_come_in_their_order_from_another_process() -> None:
    assert list(beside(iter(range(1000)))) == list(range(1000))
    assert next(beside(process_numbers())) != os.getpid()


def test_what_goes_wrong_in_making_the_items_is_raised_where_they_are_taken() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ImportFileError("its cells lie too far apart", where="list.xlsx")

    items = beside(broken())
    assert next(items) == 1
    with pytest.raises(ImportFileError, match=r"^list\.xlsx: its cells lie too far apart$"):
        next(items)


def test_a_killed_process_is_an_error_and_not_the_end_of_the_list() -> None:
    items = beside(process_numbers())
    os.kill(next(items), signal.SIGKILL)
    with pytest.raises(ImportFileError, match="was killed; import the list again"):
        list(items)


def test_the_process_ends_when_nobody_takes_its_items_any_more() -> None:
    items = beside(process_numbers())
    child = next(items)
    items.close()  # type: ignore[attr-defined]
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_the_process_ends_when_who_takes_its_items_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "told"
    taking = os.fork()
    if taking == 0:
        for child in beside(process_numbers()):
            if not told.exists():
                told.write_text(str(child))
    wait_until(lambda: told.exists() and told.read_text() != "")
    os.kill(taking, signal.SIGKILL)
    os.waitpid(taking, 0)
    child = int(told.read_text())
    wait_until(lambda: not _lives(child))


def _lives(process: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{process}/stat").read_text()  # nobody may be there to bury it
    except OSError:
        return False


def test_an_interrupt_is_left_to_who_takes_the_items() -> None:
    items = beside(process_numbers())
    os.kill(next(items), signal.SIGINT)
    assert len([number for number, _ in zip(items, range(1000), strict=False)]) == 1000
