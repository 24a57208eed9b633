"""Returned mail lying on this machine: Maildir, mbox, single files, a pipe; nothing is removed before it was taken."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAX_SIZE = 2 << 20  # a longer mail is cut: what we look for stands at its beginning
_MARK = b"\xef\xbb\xbf"
_DATED = re.compile(rb"From (?=.{0,400}\b\d{4}\b)(?=.{0,400}\b\d?\d:\d\d\b)")  # RFC 4155 appendix A, in any order


@dataclass(frozen=True, slots=True)
class Incoming:
    """One mail as it lies there. `done()` says that it was taken: a Maildir's file then moves from new to cur."""

    raw: bytes
    via: str
    done: Callable[[], None]


def read(path: str) -> Iterator[Incoming]:
    """The mails at a path: a Maildir, an mbox file, one mail in a file, or - for standard input. Raises OSError."""
    if path == "-":
        raw = sys.stdin.buffer.read(MAX_SIZE)
        while sys.stdin.buffer.read(1 << 16):  # a mail server takes a pipe that is not read to its end for a failure
            pass
        yield Incoming(raw, "pipe", _nothing)
        return
    place = Path(path)
    if (place / "new").is_dir():
        yield from _maildir(place)
    elif place.is_dir():
        for file in sorted(entry for entry in place.iterdir() if entry.is_file()):
            yield Incoming(_head(file), "file", _nothing)
    else:
        with place.open("rb") as stream:
            bare = (line.removeprefix(_MARK) for line in _lines(stream))
            first = next((line for line in bare if line.strip()), b"")
            if first.startswith(b"From "):
                yield from _mbox(first, stream)
                return
        yield Incoming(_head(place), "file", _nothing)


def _nothing() -> None:
    """A file or a pipe stays as it is."""


def _head(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(MAX_SIZE)


def _maildir(place: Path) -> Iterator[Incoming]:
    """Mails in new; those in cur were taken before. Names beginning with a dot are not mails (maildir(5))."""
    for file in sorted((place / "new").iterdir()):
        if not file.is_file() or file.name.startswith("."):
            continue
        target = place / "cur" / f"{file.name}:2,S"

        def seen(file: Path = file, target: Path = target) -> None:
            target.parent.mkdir(exist_ok=True)
            file.rename(target)

        yield Incoming(_head(file), "maildir", seen)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.readline(1 << 16), b"")


def _mbox(first: bytes, file: BinaryIO) -> Iterator[Incoming]:
    """Mails apart at lines `From ` (mboxrd), each cut at the size cap; constant memory.

    Where the first such line has a date, only those with one part mails, after an empty line or not.
    """
    dated = _DATED.match(first) is not None
    lines, size, empty = [first], len(first), False
    for line in _lines(file):
        if line.startswith(b"From ") and (_DATED.match(line) if dated else empty):
            yield Incoming(b"".join(lines), "mbox", _nothing)
            lines, size = [], 0
        if size < MAX_SIZE:
            lines.append(line)
            size += len(line)
        empty = not line.strip()
    yield Incoming(b"".join(lines), "mbox", _nothing)
