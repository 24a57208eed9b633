"""`mailer init`: make a club's folder that can publish at once."""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path

import click

from mailer.errors import UsageError, spoken
from mailer.sentence import Sentence

NAME = "My Newsletter"
SENDER = "My Newsletter <news@example.com>"
_OURS = ("mailer.toml", "mailer.key", "subscribers.db")
_IGNORED = ("subscribers.db*", "mailer.key", "dkim-*.pem", "/journal/", "/inbox/")


@click.command()
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option("--name", help=f"The newsletter's name. Default: {NAME}.")
@click.option("--from", "sender", metavar="'NAME <ADDRESS>'", help="Whom readers see as the sender.")
@click.option("--timezone", metavar="ZONE", help="IANA time zone, such as Asia/Shanghai. Default: this machine's.")
@click.option("--language", "languages", multiple=True, help="A language published in, such as zh; may be repeated.")
@click.option("--yes", is_flag=True, help="Do not ask; take the defaults.")
def init(
    folder: Path, name: str | None, sender: str | None, timezone: str | None, languages: tuple[str, ...], yes: bool
) -> None:
    """Make a club's folder that can publish at once.

    Writes mailer.toml, a secret key (mailer.key, readable by you alone), issues/, subscribers.db and .gitignore
    into DIR (default: this folder). Nothing that is there already is overwritten.
    """
    from mailer.cli.output import ask, is_terminal, language, talk

    refuse_a_club_in(folder)
    if is_terminal() and not yes:
        name = name or ask(Sentence("Name of the newsletter"), NAME)
        sender = sender or ask(Sentence("Sender"), f"{name} <news@example.com>")
        timezone = timezone or ask(Sentence("Time zone"), local_zone())
        languages = languages or tuple(filter(None, re.split(r"[,，、\s]+", ask(Sentence("Languages"), language()))))
    name = name or NAME
    make_club(
        folder,
        name=name,
        sender=sender or f"{name} <news@example.com>",
        timezone=timezone or local_zone(),
        languages=languages or ("en",),
    )
    here = "" if folder.resolve() == Path.cwd() else f"cd {folder} && "
    made = "made %(file)s, mailer.key, subscribers.db, issues/ and .gitignore"
    talk(Sentence(made, file=folder / "mailer.toml"))
    talk(Sentence("keep a copy of mailer.key: without it links in mails already sent stop working"))
    talk(Sentence("next: %(command)s", command=f"{here}mailer doctor"))


def refuse_a_club_in(folder: Path) -> None:
    """Raises UsageError naming what of a club's is in the folder already."""
    there = [name for name in _OURS if (folder / name).exists()]
    if there:
        what = Sentence("there is a %(file)s already; nothing was changed", file=there[0])
        raise UsageError(what, where=str(folder))


def make_club(
    folder: Path,
    *,
    name: str = NAME,
    sender: str = SENDER,
    timezone: str = "UTC",
    languages: tuple[str, ...] = ("en",),
) -> Path:
    """Make a club in the folder and return the path of its mailer.toml; on any error what was made is removed.

    Raises UsageError when there is one or the folder cannot be written, SettingsError when a value means nothing.
    """
    from mailer import settings
    from mailer.cli.output import tongue
    from mailer.keys import KEY_FILE, new_key
    from mailer.rendering.templates import Templates
    from mailer.store import migrate
    from mailer.store.engine import Database
    from mailer.wiring import Club

    refuse_a_club_in(folder)
    config = folder / settings.FILE
    text = Templates().render(
        "club/mailer.toml.j2",
        _=tongue(),
        name=_quoted(name),
        sender=_quoted(sender),
        timezone=_quoted(timezone),
        languages=json.dumps(list(languages), ensure_ascii=False),
    )
    try:
        (folder / "issues").mkdir(parents=True, exist_ok=True)
        config.write_text(text, encoding="utf-8")
        club = Club(folder.absolute(), settings.load(config))
        _ = club.sender_address  # raises when it is none
        with open(
            os.open(folder / KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii"
        ) as key:
            key.write(new_key())
        ignore(folder / ".gitignore")
        database = Database(club.database_url)
        migrate.upgrade(database)
        database.close()
    except BaseException as error:
        for made in _OURS:
            with contextlib.suppress(OSError):
                (folder / made).unlink(missing_ok=True)
        if isinstance(error, OSError):
            what = Sentence("cannot be made into a club: %(why)s", why=spoken(error))
            raise UsageError(what, where=str(folder)) from None
        raise
    return config


def ignore(file: Path) -> None:
    """Add what must never be committed to a .gitignore, without touching what is there."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    missing = [line for line in _IGNORED if line not in text.splitlines()]
    if missing:
        separator = "" if not text or text.endswith("\n") else "\n"
        file.write_text(text + separator + "\n".join(missing) + "\n", encoding="utf-8")


def local_zone() -> str:
    """This machine's IANA time zone; UTC where it cannot be told."""
    from zoneinfo import ZoneInfo

    name = os.environ.get("TZ", "").lstrip(":") or str(Path("/etc/localtime").resolve()).rpartition("zoneinfo/")[2]
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):
        return "UTC"


def _quoted(text: str) -> str:
    """A TOML basic string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
