"""The journal of a claim: what a dead worker leaves behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mailer.store.journal import Journal, Mark, boot_id, is_alive, read

KILLED = """
import os, signal, sys
from pathlib import Path
from mailer.store.journal import Journal, Mark
journal = Journal(Path(sys.argv[1]), 7, [101, 102, 103])
journal.mark(0, Mark.ACCEPTED)
journal.mark(1, Mark.HANDED_OVER)
print("marked", flush=True)
sys.stdin.read()
"""


def test_marks_survive_a_killed_process(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None
    with process, process.stdout, process.stdin:
        assert process.stdout.readline() == b"marked\n"
        path = tmp_path / "7.journal"
        assert is_alive(path)
        process.kill()
        process.wait()
        assert not is_alive(path)
        assert read(path, 7) == {101: Mark.ACCEPTED, 102: Mark.HANDED_OVER, 103: Mark.UNTOUCHED}


def test_a_journal_of_another_claim_is_not_believed(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 7, [1])
    assert read(journal.path, 8) is None
    journal.remove()


@pytest.mark.parametrize("damage", [b"", b"mailer-1", b"x" * 33], ids=["empty", "cut", "not ours"])
def test_a_damaged_journal_is_not_believed(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "7.journal"
    path.write_bytes(damage)
    assert read(path, 7) is None


def test_a_removed_journal_is_neither_alive_nor_readable(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 7, [1])
    journal.remove()
    assert not is_alive(journal.path)
    assert read(journal.path, 7) is None


def test_a_journal_that_cannot_be_laid_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r".*"):
        Journal(tmp_path / "absent", 7, [1])
    first = Journal(tmp_path, 7, [1])
    assert os.listdir(tmp_path) == ["7.journal"]
    first.remove()
    assert os.listdir(tmp_path) == []


def test_a_system_that_does_not_tell_its_boot_has_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: open("/nowhere/boot_id").read())  # noqa: SIM115
    assert boot_id() == ""
