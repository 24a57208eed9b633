"""What a host knows it has sent: kept by all its workers together, none of whom waits for another."""

import errno
import json
import multiprocessing
from pathlib import Path

import pytest

from mailer.store import highwater
from mailer.store.highwater import FILES, KEPT, HighWater


def test_what_one_worker_notes_every_other_knows(tmp_path: Path) -> None:
    one, other = HighWater(tmp_path), HighWater(tmp_path)
    one.raise_to(7, 900, "2026-05-21-1")
    other.raise_to(5, 950, "2026-05-22-2")
    known = HighWater(tmp_path)
    assert (known.claim, known.delivery) == (7, 950)
    assert known.issues == ["2026-05-21-1", "2026-05-22-2"]
    assert len(list(tmp_path.iterdir())) == 1


def test_it_never_goes_down_and_forgets_the_oldest_issues(tmp_path: Path) -> None:
    mark = HighWater(tmp_path)
    for number in range(KEPT + 3):
        mark.raise_to(100 - number, number, f"issue-{number}")
    known = HighWater(tmp_path)
    assert (known.claim, known.delivery) == (100, KEPT + 2)
    assert known.issues == [f"issue-{number}" for number in range(3, KEPT + 3)]


def test_of_an_issue_that_was_published_anew_the_later_row_counts(tmp_path: Path) -> None:
    (tmp_path / FILES.replace("*", "")).write_text('{"claim": 1, "delivery": 2, "issues": ["old"]}', encoding="utf-8")
    HighWater(tmp_path).raise_to(7, 900, "anew", 8)
    HighWater(tmp_path).raise_to(8, 900, "anew", 7)
    assert HighWater(tmp_path).rows == {"old": 0, "anew": 8}


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"claim": "x"}', b"\xff\xfe", b"null"])
def test_a_damaged_note_knows_nothing_and_does_not_hide_the_others(tmp_path: Path, damage: bytes) -> None:
    HighWater(tmp_path).raise_to(7)
    (tmp_path / FILES.replace("*", "-damaged")).write_bytes(damage)
    assert HighWater(tmp_path).claim == 7
    HighWater(tmp_path).raise_to(8)
    assert [json.loads(path.read_bytes())["claim"] for path in tmp_path.iterdir()] == [8]


def test_a_note_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    HighWater(tmp_path).raise_to(7)
    with monkeypatch.context() as patch:
        patch.setattr(highwater.os, "replace", full)
        with pytest.raises(OSError, match="No space"):
            HighWater(tmp_path).raise_to(8)
    assert len(list(tmp_path.iterdir())) == 1
    assert HighWater(tmp_path).claim == 7


def _note(folder: Path, first: int) -> None:
    mark = HighWater(folder)
    for number in range(first, first + 60):
        mark.raise_to(number, number, f"issue-{number % 3}-{first}")


def test_workers_that_note_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    starts = (1, 1001, 2001, 3001)
    with multiprocessing.get_context("spawn").Pool(len(starts)) as pool:
        pool.starmap(_note, [(tmp_path, first) for first in starts])
    known = HighWater(tmp_path)
    assert (known.claim, known.delivery) == (3060, 3060)
    assert sorted(known.issues) == sorted(f"issue-{kind}-{first}" for first in starts for kind in range(3))
