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
from mailer.sentence import Sentence
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
        yield Finding(Sentence("key"), "wrong", error.sentence)
        return
    if KEY_VARIABLE in os.environ:
        yield Finding(Sentence("key"), "right", Sentence("from %(name)s", name=KEY_VARIABLE))
        return
    mode = stat.S_IMODE((club.folder / KEY_FILE).stat().st_mode)
    if mode & 0o077:
        what = Sentence("%(file)s can be read by others (mode %(mode)s)", file=KEY_FILE, mode=f"{mode:03o}")
        yield Finding(Sentence("key"), "wrong", what, Sentence("chmod 600 %(file)s", file=KEY_FILE))
    else:
        yield Finding(Sentence("key"), "right", Sentence("%(file)s, readable by its owner alone", file=KEY_FILE))


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
        yield Finding(Sentence("database"), "wrong", error.sentence)
        return
    what = Sentence(
        "%(kind)s %(release)s, version %(version)s, can be written", kind=kind, release=version, version=migrate.HEAD
    )
    yield Finding(Sentence("database"), "right", what)
    if older:
        yield Finding(
            Sentence("database"),
            "wrong",
            Sentence("a backup was restored: it may not know all that was sent"),
            Sentence("run 'mailer audit --reconcile'"),
        )
    if mode != "wal":
        yield Finding(
            Sentence("database"),
            "advice",
            Sentence("journal mode %(mode)s: readers wait for writers", mode=mode),
            Sentence("keep the file on a local disk"),
        )


def journal(club: Club) -> Iterator[Finding]:
    """Whether claims can be noted on this host: nothing is sent where they cannot."""
    folder = club.journal_folder
    if not os.access(folder if folder.exists() else club.folder, os.W_OK | os.X_OK):
        todo = Sentence("nothing is sent without: give that folder to the user who sends")
        yield Finding(Sentence("journal"), "wrong", Sentence("%(folder)s cannot be written", folder=folder), todo)


def relays(club: Club) -> Iterator[Finding]:
    """Whether each answers and lets us in; nothing is sent."""
    relays = club.settings.relays or (club.settings.relay,)
    try:
        lanes = club.lanes()
    except MailerError as error:
        yield Finding(Sentence("relay"), "wrong", error.sentence)
        return

    async def greet(lane: Lane) -> None:
        async with asyncio.timeout(_RELAY_SECONDS):
            session = await lane.relay.open()
            await session.close()

    for lane, relay in zip(lanes, relays, strict=True):
        about, url = Sentence("relay %(name)s", name=relay.name), urlsplit(relay.url.get_secret_value())
        try:
            asyncio.run(greet(lane))
        except RelayError as error:
            hint = "start 'mailer inbox', or put your relay into [relay] url"
            unmade = error.phase == "connect" and on_trial(club)
            yield Finding(about, "wrong", error.sentence, Sentence(hint if unmade else ""))
        except TimeoutError:
            what = "no greeting within %(seconds)s s"
            todo = Sentence("check host, port and firewall")
            yield Finding(about, "wrong", Sentence(what, seconds=_RELAY_SECONDS), todo)
        else:
            how = {"smtps": "TLS", "smtp+starttls": "STARTTLS"}.get(url.scheme, Sentence("no TLS"))
            who = Sentence("logged in") if url.username else Sentence("no login")
            what = "answers at %(host)s (%(how)s, %(who)s); nothing was sent"
            yield Finding(about, "right", Sentence(what, host=url.hostname, how=how, who=who))
    if on_trial(club):
        todo = Sentence("put your relay into [relay] url to go live")
        yield Finding(Sentence("relay"), "advice", Sentence("all mail stays on this machine"), todo)
