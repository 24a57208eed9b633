"""`mailer db`: upgrade, copy and back up the database."""

from __future__ import annotations

from pathlib import Path

import click

from mailer.cli import open_club
from mailer.sentence import Sentence


@click.group()
def db() -> None:
    """Upgrade, copy and back up the database."""


@db.command()
@click.pass_context
def upgrade(ctx: click.Context) -> None:
    """Set the database up, or bring it to this program's version.

    Safe to repeat. Back it up first: 'mailer db backup FILE'. A database of a newer version is refused.
    """
    from mailer.cli.output import talk
    from mailer.store import migrate
    from mailer.store.engine import Database

    database = Database(open_club(ctx).database_url)
    before, after = migrate.upgrade(database)
    database.close()
    if before == after:
        talk(Sentence("the database is of version %(version)s already; nothing to do", version=after))
    elif before:
        talk(Sentence("upgraded the database from version %(before)s to version %(after)s", before=before, after=after))
    else:
        talk(Sentence("set the database up, in version %(version)s", version=after))


@db.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_context
def backup(ctx: click.Context, file: Path) -> None:
    """Write a copy of the database to FILE while it is in use.

    FILE must be new. Of SQLite it is a database to put in place of the old one; of PostgreSQL a dump for
    pg_restore. Once restored, nothing is sent from it until 'mailer audit --reconcile'. Keep mailer.toml and
    mailer.key with it: without the key, links in mails already sent stop working.
    """
    from mailer.cli.output import talk
    from mailer.store import copying
    from mailer.store.engine import Database

    club = open_club(ctx)
    database = Database(club.database_url)
    copying.backup(database, file, club.clock())
    database.close()
    talk(Sentence("wrote %(file)s (%(count)s bytes)", file=file, count=f"{file.stat().st_size:,}"))


@db.command()
@click.argument("url")
@click.pass_context
def copy(ctx: click.Context, url: str) -> None:
    """Copy everything into the empty database at URL, such as postgresql://mailer@localhost/mailer.

    Stop every worker and 'mailer serve' first: while a worker is there it is refused. All rows are counted on both
    sides; afterwards put URL into mailer.toml. A password belongs into the file that PGPASSFILE names, not into URL.
    """
    import socket

    from mailer.cli.output import rows, talk
    from mailer.errors import UsageError
    from mailer.flows import report
    from mailer.store import copying
    from mailer.store.engine import Database
    from mailer.store.journal import boot_id

    club = open_club(ctx)
    if workers := report.at_work(club.db, socket.gethostname(), boot_id(), club.now()):
        what = "stop every worker first, or what they send is missing in the copy: %(workers)s"
        raise UsageError(Sentence(what, workers=", ".join(workers)))
    target = Database(url)
    copied = copying.copy(club.db, target)
    target.close()
    what = "copied %(rows)s in %(tables)s tables; every count agrees"
    talk(Sentence(what, rows=rows(sum(copied.values())), tables=len(copied)))
    talk(Sentence("now set [database] url in mailer.toml"))
