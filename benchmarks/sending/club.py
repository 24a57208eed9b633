"""A club to measure: a folder with settings, key and database, any number of readers, a digest of 45 KB."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import text

from mailer.keys import new_key
from mailer.settings import Settings
from mailer.store import migrate
from mailer.store.engine import Database
from mailer.store.schema import metadata, to_millis
from mailer.wiring import Club, system_clock
from sending.task import address, name_of

STORIES = 27  # 45 KB as a message with both parts
SENTENCE = "The eleven captains bought the line on Monday; fares stay as they are until autumn, and boats keep names."
READERS = text(
    "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)"
    " INSERT INTO subscribers (address, match_key, domain, name, state, created_at, joined_at)"
    " SELECT 'reader' || n || '@example.com', 'reader' || n || '@example.com', 'example.com', 'Reader ' || n,"
    " 'active', :now, :now FROM numbers"
)


def open_club(
    folder: Path,
    relay: Mapping[str, Any] | None = None,
    database_url: str = "",
    extra: Mapping[str, Any] | None = None,
) -> Club:
    """The club in `folder`; `relay` and `extra` are settings, by default of a relay on this machine and none."""
    url = database_url or f"sqlite:///{folder / 'subscribers.db'}"
    sender = {"from": "Quay News <news@example.org>"}
    return Club(folder, Settings(relay=dict(relay or {}), database={"url": url}, sender=sender, **(extra or {})))


def make_club(folder: Path, readers: int, database_url: str = "", names: Sequence[str] = ()) -> Club:
    """A new club with so many active readers, called "Reader 7" or by `names` in turn."""
    folder.mkdir(parents=True)
    (folder / "mailer.key").write_text(new_key(), encoding="ascii")
    club = open_club(folder, database_url=database_url)
    database = Database(club.database_url)
    migrate.upgrade(database)
    with database.transaction() as conn:
        conn.execute(READERS, {"count": readers, "now": to_millis(system_clock())})
        for number in range(1, readers + 1) if names else ():
            named = {"name": name_of(number, names), "address": address(number)}
            conn.execute(text("UPDATE subscribers SET name = :name WHERE address = :address"), named)
    database.close()
    return club


def write_issue(folder: Path, number: int, greeting: str = '{{ first_name | ", " }}') -> str:
    """Write issue `number`, stories under one heading that greet the reader; returns the file's name."""
    stories = "\n".join(
        f"### {SENTENCE[:40]} {story} {{lead}}\n\n{' '.join([SENTENCE] * 4)}\n\n"
        f"Source: [Dock Post](https://dock.example/{story})\n"
        for story in range(1, STORIES + 1)
    )
    head = (
        f"---\nnewsletter: quay-news\nnumber: {number}\ndate: 2026-06-02\nlang: en\ntitle: Captains buy Blue Gull\n---"
    )
    file = folder / f"issue-{number}.md"
    file.write_text(f"{head}\n\nGood morning{greeting}.\n\n## Trade\n\n{stories}", encoding="utf-8")
    return str(file)


def clear(club: Club) -> None:
    """Take a club away: the next may use the same PostgreSQL database."""
    with club.db.transaction() as conn:
        for table in reversed(metadata.sorted_tables):
            conn.execute(
                table.delete() if club.db.is_sqlite else text(f"TRUNCATE {table.name} RESTART IDENTITY CASCADE")
            )
    club.db.close()
    shutil.rmtree(club.folder)
