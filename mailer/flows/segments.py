"""The club's segments: files beside the issues, looked up by name, counted and turned into conditions."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from sqlalchemy import ColumnElement

from mailer.errors import NotFound, UsageError
from mailer.model.segment import Segment, parse
from mailer.model.subscriber import State
from mailer.sentence import Sentence
from mailer.store import segments, subscribers
from mailer.store.engine import Database

FOLDER = "segments"
SUFFIX = ".segment"
_NAME = re.compile(r"[^\W_][\w-]{0,63}")


def names(folder: Path) -> list[str]:
    """The segments of the club in `folder`, sorted: the files segments/NAME.segment."""
    files = (path for path in (folder / FOLDER).glob(f"*{SUFFIX}") if path.is_file())
    return sorted(path.stem for path in files if _NAME.fullmatch(path.stem))


def text_of(folder: Path, name: str) -> str:
    """What a segment's file says. Raises NotFound, naming the segments there are; UsageError when it is unreadable."""
    path = folder / FOLDER / f"{name}{SUFFIX}"
    if not _NAME.fullmatch(name) or not path.is_file():
        if there := names(folder):
            raise NotFound(
                Sentence("no segment named %(name)s; there is: %(names)s", name=name, names=", ".join(there))
            )
        what = "no segment named %(name)s, and no other; write %(file)s"
        raise NotFound(Sentence(what, name=name, file=f"{FOLDER}/{name}{SUFFIX}"))
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(Sentence("cannot be read: %(why)s", why=error), where=str(path)) from None


def read(folder: Path, text: str) -> Segment:
    """The segment that `text` names, or that it spells out. Raises NotFound, UsageError with the place."""
    name = text.strip()
    if _NAME.fullmatch(name):
        return parse(text_of(folder, name), f"{FOLDER}/{name}{SUFFIX}")
    return parse(text)


def condition(folder: Path, text: str, default_language: str, now: datetime, zone: tzinfo = UTC) -> ColumnElement[bool]:
    """The condition over the subscribers table for a segment's name or expression. Raises NotFound, UsageError."""
    return segments.condition(read(folder, text), now, default_language=default_language, zone=zone)


def count(db: Database, segment: ColumnElement[bool]) -> int:
    """How many active readers a segment has now."""
    return db.read(subscribers.count, segment=segment, state=State.ACTIVE)


def unknown_attributes(db: Database, folder: Path, text: str) -> list[str]:
    """The attributes a segment asks for that no reader has: misspelt, or not there yet. Raises NotFound, UsageError."""
    return db.read(segments.unknown, read(folder, text))


def attribute_names(db: Database, segment: ColumnElement[bool] | None = None) -> list[str]:
    """Every attribute name that readers (of a segment) have."""
    return db.read(segments.attribute_names, segment)
