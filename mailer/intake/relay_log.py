"""The log of a local Postfix: what the receiving servers said of the mails our relay took.

Lines are read from a file or the journal (`journalctl -o short`, `short-iso`, `json`); a mail is known by its queue
id, and a queue id by the Message-ID that cleanup logged for it. Lines of no interest cost one comparison. A file is
read from where the last run stopped, through a rotation.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

MAX_QUEUED = 200_000  # queue ids remembered at once; a Postfix queue file lives at most five days
MAX_LINE = 8192
MAX_FIRST = 1024  # octets of a file's first line that tell it from another under the same name and number

_PID = r"(?:\[\d+\]:| \d+ \S{1,32} (?:-|\[.{1,400}?\]))"  # RFC 3164 and what rsyslog writes; RFC 5424
_CLEANUP = re.compile(rf"postfix[\w/-]*/cleanup{_PID} (\w{{5,20}}): message-id=<?([^>\s]{{1,300}})>?")
_DELIVERY = re.compile(
    rf"postfix[\w/-]*/(?:smtp|lmtp|local|virtual|pipe|error|qmgr){_PID} (\w{{5,20}}): to=<([^>]{{0,320}})>,"
    r"(?: orig_to=<([^>]{0,320})>,)?.{0,400}? dsn=(\d\.\d{1,3}\.\d{1,3}), status=(\w+) \((.*)\)\s*$"
)
_REMOVED = re.compile(rf"postfix[\w/-]*/qmgr{_PID} (\w{{5,20}}): removed\s*$")


@dataclass(frozen=True, slots=True)
class Line:
    """One delivery attempt of the relay's: `status` is sent, deferred, bounced or expired.

    `original` is the recipient before the relay's own tables rewrote it.
    """

    message_id: str
    recipient: str
    original: str
    status: str
    dsn: str
    text: str
    queue_id: str


@dataclass(frozen=True, slots=True)
class Place:
    """How far a log was read: the file by its inode and the digest of its first line, and the octets of whole lines."""

    inode: int = 0
    read_to: int = 0
    first_line: str = ""


class LogFile:
    """The lines of a log after `place`, which moves on as they are read; what a rotation renamed is read first.

    A line without its end is being written and left for the next time. Iterating raises OSError.
    """

    def __init__(self, path: Path, place: Place | None = None) -> None:
        self.path = path
        self.place = place or Place()

    def __iter__(self) -> Iterator[str]:
        for path in (*self._rotated(), self.path):
            with path.open("rb") as file:
                yield from self._rest(file)

    def _rest(self, file: BinaryIO) -> Iterator[str]:
        found = os.fstat(file.fileno())
        first = sha256(file.readline(MAX_FIRST)).hexdigest()[:32]
        last = self.place
        same = (found.st_ino, first) == (last.inode, last.first_line) and found.st_size >= last.read_to
        read_to = last.read_to if same else 0
        file.seek(read_to)
        self.place = Place(found.st_ino, read_to, first)
        while (line := file.readline(1 << 16)) and (line.endswith(b"\n") or len(line) == 1 << 16):
            read_to += len(line)
            self.place = Place(found.st_ino, read_to, first)
            yield line.decode("utf-8", "replace")

    def _rotated(self) -> list[Path]:
        """The file read last where it was renamed (`mail.log.1`, `mail.log-20260302`), and those that came after it."""
        last = self.place.inode
        if not last or self.path.stat().st_ino == last:
            return []
        named = re.compile(re.escape(self.path.name) + r"[.-]\d+")
        beside = [(path, path.stat()) for path in self.path.parent.iterdir() if named.fullmatch(path.name)]
        until = next((found.st_mtime_ns for _, found in beside if found.st_ino == last), None)
        newer = (
            [] if until is None else [(found.st_mtime_ns, path) for path, found in beside if found.st_mtime_ns >= until]
        )
        return [path for _, path in sorted(newer)]


def read(lines: Iterable[str], queued: dict[str, str] | None = None) -> Iterator[Line]:
    """The attempts in a log whose mail's Message-ID is known; lines cut short by a rotation are passed over.

    `queued` (queue id to Message-ID) is what an earlier reading left in the relay's queue; it is kept up to date.
    """
    queue = {} if queued is None else queued
    for line in lines:
        if "postfix" not in line:
            continue
        line = (_entry(line) if line.startswith("{") else line)[:MAX_LINE]
        if "message-id=" in line:
            found = _CLEANUP.search(line)
            if found:
                queue[found[1]] = found[2]
                if len(queue) > MAX_QUEUED:
                    del queue[next(iter(queue))]
        elif " status=" in line:
            found = _DELIVERY.search(line)
            if found and found[1] in queue:
                yield Line(queue[found[1]], found[2], found[3] or found[2], found[5], found[4], found[6], found[1])
        elif ": removed" in line:
            found = _REMOVED.search(line)
            if found:
                queue.pop(found[1], None)


def _entry(line: str) -> str:
    """An entry of `journalctl -o json` as syslog would write it; a MESSAGE that is not UTF-8 comes as its octets."""
    try:
        entry = json.loads(line)
        said = entry["MESSAGE"]
        said = said if isinstance(said, str) else bytes(said).decode("utf-8", "replace")
        return f"{entry['SYSLOG_IDENTIFIER']}[0]: {said}"
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
