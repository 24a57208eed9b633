"""The journal of one claim: a memory-mapped byte per recipient that outlives a killed process.

The committed claim is the durable intent for its whole batch; the journal tells afterwards which of the batch
were really in flight. Its pages survive the death of the process but not of the host, so it is believed
only where it was written and only until the next boot (the claim keeps both); the worker holds a lock on the
file while it lives.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from collections.abc import Sequence
from contextlib import suppress
from enum import IntEnum
from pathlib import Path

_HEADER = struct.Struct(">8sQQ")
_MAGIC = b"mailer-1"


class Mark(IntEnum):
    """How far one recipient of the claim got."""

    UNTOUCHED = 0
    COMPOSING = 1  # being rendered; nothing has left
    HANDED_OVER = 2  # the final dot may have left
    ACCEPTED = 3  # 2yz to the final dot was read
    ANSWERED = 4  # tried, and provably not taken


class Journal:
    """The open journal of a living worker; `marks` are its recipients', to be written at their place in the claim."""

    def __init__(self, folder: Path, claim_id: int, delivery_ids: Sequence[int]) -> None:
        """Create the file with its space allocated. Raises OSError when the disk is full or read-only."""
        self.path = folder / f"{claim_id}.journal"
        count = len(delivery_ids)
        self._start = _HEADER.size + 8 * count
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # another worker's, of another database: it dies of a page that is gone
            os.close(self._file)
            raise
        try:
            os.ftruncate(self._file, 0)
            os.posix_fallocate(self._file, 0, self._start + count)
            self._map = mmap.mmap(self._file, self._start + count)
        except OSError:
            os.close(self._file)
            self.path.unlink(missing_ok=True)
            raise
        self._map[: self._start] = _HEADER.pack(_MAGIC, claim_id, count) + struct.pack(f">{count}Q", *delivery_ids)
        self.marks = memoryview(self._map)[self._start :]

    def close(self) -> None:
        """Give up the lock, as the end of the process would; the file stays."""
        if not self._map.closed:
            self.marks.release()
            self._map.close()
            os.close(self._file)

    def remove(self) -> None:
        """Delete the journal, once every outcome of its claim is committed."""
        delete(self.path)
        self.close()


def delete(path: Path) -> None:
    """Delete the journal of a claim that has ended; where nobody may write any more it stays, and is not looked at."""
    with suppress(OSError):
        path.unlink()


def is_alive(path: Path) -> bool | None:
    """Whether the worker that writes this journal still runs: it holds the file's lock.

    None: nobody lets us look, or the file is gone since it was found: a worker that lives has removed it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def read(path: Path, claim_id: int) -> dict[int, Mark] | None:
    """The marks by delivery id that a dead worker left, or None when the file cannot be believed."""
    try:
        raw = path.read_bytes()
    except OSError:
        return None
    if len(raw) < _HEADER.size:
        return None
    magic, claim, count = _HEADER.unpack_from(raw)
    start = _HEADER.size + 8 * count
    if magic != _MAGIC or claim != claim_id or len(raw) != start + count:
        return None
    ids = struct.unpack_from(f">{count}Q", raw, _HEADER.size)
    try:
        return {delivery: Mark(raw[start + position]) for position, delivery in enumerate(ids)}
    except ValueError:
        return None


def boot_id() -> str:
    """What changes when this host starts anew; "" where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
