"""Pictures that editions show, kept once by their digest."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select
from sqlalchemy.exc import IntegrityError

from mailer.model.issue import Image
from mailer.store.schema import images


def keep(conn: Connection, shown: Sequence[Image], now: datetime) -> None:
    """Keep pictures that are not there yet."""
    by_digest = {image.digest: image for image in shown}
    known = set(conn.scalars(select(images.c.digest).where(images.c.digest.in_(by_digest)))) if by_digest else set()
    for digest in sorted(by_digest.keys() - known):
        image = by_digest[digest]
        with suppress(IntegrityError), conn.begin_nested():  # somebody else may be keeping it at this moment
            conn.execute(insert(images).values(digest=digest, kind=image.kind, content=image.content, created_at=now))


def find(conn: Connection, digest: str) -> Row[Any] | None:
    """The kind and content of a picture; None where there is none."""
    query: Any = select(images.c.kind, images.c.content).where(images.c.digest == digest)
    found: Row[Any] | None = conn.execute(query).first()
    return found
