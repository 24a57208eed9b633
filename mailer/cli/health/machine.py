"""What a worker needs: the key, the database, the journal, the relays."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy import text

from mailer.cli.health.finding import Finding, on_trial
from mailer.errors import MailerError, RelayError
from mailer.keys import KEY_FILE, KEY_VARIABLE
from mailer.store import migrate, restored
from mailer.store.highwater import HighWater

if TYPE_CHECKING:
    from mailer.transport.lane import Lane
    from mailer.wiring import Club

_RELAY_SECONDS = 20


def key(club: Club) -> Iterator[Finding]:
    """Whether links and return paths can be signed, and nobody else can read the key."""
    try:
        _ = club.keyring
    except MailerError as error:
        yield Finding("key", "wrong", str(error))
        return
    if KEY_VARIABLE in os.environ:
        yield Finding("key", "right", f"from {KEY_VARIABLE}")
        return
    mode = stat.S_IMODE((club.folder / KEY_FILE).stat().st_mode)
    if mode & 0o077:
        yield Finding("key", "wrong", f"{KEY_FILE} can be read by others (mode {mode:03o})", f"chmod 600 {KEY_FILE}")
    else:
        yield Finding("key", "right", f"{KEY_FILE}, readable by its owner alone")


def database(club: Club) -> Iterator[Finding]:
    """Whether it is of this version, can be written, and is not older than what was sent."""
    try:
        db = club.db
        with db.transaction() as connection:
            kind = "SQLite" if db.is_sqlite else "PostgreSQL"
            ask = "SELECT sqlite_version()" if db.is_sqlite else "SHOW server_version"
            version = connection.execute(text(ask)).scalar_one()
            # a change that is undone: the only proof that a database takes any
            with connection.begin_nested() as undone:
                connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
                undone.rollback()
            mode = connection.execute(text("PRAGMA journal_mode")).scalar_one() if db.is_sqlite else "wal"
            older = restored.is_behind(connection, HighWater(club.journal_folder).claim)
    except MailerError as error:
        yield Finding("database", "wrong", str(error))
        return
    yield Finding("database", "right", f"{kind} {version}, version {migrate.HEAD}, can be written")
    if older:
        yield Finding(
            "database", "wrong", "it is older than what was sent: a backup was restored", "mailer audit --reconcile"
        )
    if mode != "wal":
        yield Finding(
            "database", "advice", f"journal mode {mode}: readers wait for writers", "keep the file on a local disk"
        )


def journal(club: Club) -> Iterator[Finding]:
    """Whether claims can be noted on this host: nothing is sent where they cannot."""
    folder = club.journal_folder
    if not os.access(folder if folder.exists() else club.folder, os.W_OK | os.X_OK):
        todo = "nothing is sent without: give that folder to the user who sends"
        yield Finding("journal", "wrong", f"{folder} cannot be written", todo)


def relays(club: Club) -> Iterator[Finding]:
    """Whether each answers and lets us in; nothing is sent."""
    relays = club.settings.relays or (club.settings.relay,)
    try:
        lanes = club.lanes()
    except MailerError as error:
        yield Finding("relay", "wrong", str(error))
        return

    async def greet(lane: Lane) -> None:
        async with asyncio.timeout(_RELAY_SECONDS):
            session = await lane.relay.open()
            await session.close()

    for lane, relay in zip(lanes, relays, strict=True):
        about, url = f"relay {relay.name}", urlsplit(relay.url.get_secret_value())
        try:
            asyncio.run(greet(lane))
        except RelayError as error:
            hint = "start 'mailer inbox', or put your relay into [relay] url" if on_trial(club) else ""
            yield Finding(about, "wrong", str(error), hint if error.phase == "connect" else "")
        except TimeoutError:
            yield Finding(about, "wrong", f"no greeting within {_RELAY_SECONDS} s", "check host, port and firewall")
        else:
            how = {"smtps": "TLS", "smtp+starttls": "STARTTLS"}.get(url.scheme, "no TLS")
            who = "logged in" if url.username else "no login"
            yield Finding(about, "right", f"answers at {url.hostname} ({how}, {who}); nothing was sent")
    if on_trial(club):
        yield Finding("relay", "advice", "all mail stays on this machine", "put your relay into [relay] url to go live")
