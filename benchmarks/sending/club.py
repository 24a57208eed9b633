"""A club to measure: a folder with settings, key and database, any number of readers, a digest of 45 KB."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from mailer.settings import Settings
from mailer.store import migrate
from mailer.store.engine import Database
from mailer.store.schema import to_millis
from mailer.wiring import Club, new_key, system_clock

STORIES = 27  # 45 KB as a message with both parts
SENTENCE = "The eleven captains bought the line on Monday; fares stay as they are until autumn, and boats keep names."
READERS = text(
    "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)"
    " INSERT INTO subscribers (address, match_key, domain, name, state, created_at, joined_at)"
    " SELECT 'reader' || n || '@example.com', 'reader' || n || '@example.com', 'example.com', 'Reader ' || n,"
    " 'active', :now, :now FROM numbers"
)


def address(number: int) -> str:
    """The address of the reader with this number; they count from 1."""
    return f"reader{number}@example.com"


def open_club(folder: Path, port: int = 2525, database_url: str = "") -> Club:
    """The club in `folder`, sending to `port` of this machine over ten connections that stay open."""
    relay = {"url": f"smtp://127.0.0.1:{port}", "connections": 10, "messages_per_connection": 1_000_000}
    url = database_url or f"sqlite:///{folder / 'subscribers.db'}"
    return Club(folder, Settings(relay=relay, database={"url": url}, sender={"from": "Quay News <news@example.org>"}))


def make_club(folder: Path, readers: int, database_url: str = "") -> Club:
    """A new club with so many active readers. A database that exists already is emptied."""
    folder.mkdir(parents=True)
    (folder / "mailer.key").write_text(new_key(), encoding="ascii")
    club = open_club(folder, database_url=database_url)
    database = Database(club.database_url)
    migrate.upgrade(database)
    with database.transaction() as conn:
        conn.execute(READERS, {"count": readers, "now": to_millis(system_clock())})
    database.close()
    return club


def write_issue(folder: Path, number: int) -> str:
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
    file.write_text(f'{head}\n\nGood morning{{{{ first_name | ", " }}}}.\n\n## Trade\n\n{stories}', encoding="utf-8")
    return str(file)
