"""The journal of a claim: what a dead worker leaves behind."""

import errno
import os
import stat
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
journal.marks[0] = Mark.ACCEPTED
journal.marks[1] = Mark.HANDED_OVER
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


def test_of_a_removed_journal_nobody_knows_whether_its_worker_lives(tmp_path: Path) -> None:
    """The one who lives removes it, between the moment another finds it and the moment he looks."""
    journal = Journal(tmp_path, 7, [1])
    journal.remove()
    assert is_alive(journal.path) is None
    assert read(journal.path, 7) is None
    journal.remove()  # nothing that is gone already is missed


def test_a_journal_that_cannot_be_laid_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r".*"):
        Journal(tmp_path / "absent", 7, [1])
    first = Journal(tmp_path, 7, [1])
    assert os.listdir(tmp_path) == ["7.journal"]
    first.remove()
    assert os.listdir(tmp_path) == []


def test_a_journal_that_cannot_be_deleted_any_more_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is read-only since ends no worker with dots that wait for their answers."""

    def read_only(path: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    journal = Journal(tmp_path, 7, [1])
    monkeypatch.setattr(Path, "unlink", read_only)
    journal.remove()
    assert is_alive(journal.path) is False


def test_the_journal_of_a_worker_that_lives_is_not_laid_anew(tmp_path: Path) -> None:
    """Two databases may number alike: a folder that was copied, a worker that goes on with the database of before."""
    journal = Journal(tmp_path, 7, [1, 2])
    journal.marks[1] = Mark.HANDED_OVER
    with pytest.raises(BlockingIOError):
        Journal(tmp_path, 7, [3])
    journal.marks[0] = Mark.ACCEPTED
    assert read(journal.path, 7) == {1: Mark.ACCEPTED, 2: Mark.HANDED_OVER}
    journal.close()
    Journal(tmp_path, 7, [3]).close()
    assert read(journal.path, 7) == {3: Mark.UNTOUCHED}


def test_a_full_disk_leaves_neither_a_file_nor_a_descriptor_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="No space left"):
        Journal(tmp_path, 7, [1])
    assert os.listdir(tmp_path) == []
    assert os.listdir("/proc/self/fd") == before


def test_a_closed_journal_stays_and_is_nobodys(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    journal = Journal(tmp_path, 7, [5, 9])
    journal.marks[1] = Mark.HANDED_OVER
    assert is_alive(journal.path) is True
    journal.close()
    journal.close()
    assert is_alive(journal.path) is False
    assert os.listdir("/proc/self/fd") == before
    assert read(journal.path, 7) == {5: Mark.UNTOUCHED, 9: Mark.HANDED_OVER}


def test_only_its_owner_reads_a_journal_and_its_marks_mean_the_same_to_every_version(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 7, [5])
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    assert [(mark.name, mark.value) for mark in Mark] == [
        ("UNTOUCHED", 0),
        ("COMPOSING", 1),
        ("HANDED_OVER", 2),
        ("ACCEPTED", 3),
        ("ANSWERED", 4),
    ]
    journal.close()
    written = journal.path.read_bytes()
    for damaged in (b"mailer-2" + written[8:], written + b"\0", written[:-1], written[:-1] + b"\5"):
        journal.path.write_bytes(damaged)
        assert read(journal.path, 7) is None


def test_a_system_that_does_not_tell_its_boot_has_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: open("/nowhere/boot_id").read())  # noqa: SIM115
    assert boot_id() == ""
