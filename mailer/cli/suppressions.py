"""`mailer suppressions`: the addresses we will not mail, why, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from typing import TYPE_CHECKING

import click

from mailer.cli import open_club, output
from mailer.errors import AddressError, ImportFileError, NotFound, UsageError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from sqlalchemy import Connection

    from mailer.intake.table import Row, Table
    from mailer.model.tokens import Keyring

BATCH = 1000
SHOWN = 20
HEADINGS = ("email", "email address", "emailaddress", "address", "邮箱", "邮箱地址", "电子邮箱", "电子邮件")


@click.group()
def suppressions() -> None:
    """List, add, import and lift suppressed addresses."""


@suppressions.command("list")
@click.argument("needle", default="")
@click.option("--state", type=click.Choice(["active", "held", "lifted"]), default=None, help="Only this state.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=1000, show_default=True, help="Most rows printed.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_context
def list_(ctx: click.Context, needle: str, state: str | None, limit: int, as_json: bool) -> None:
    """List entries, the newest first; NEEDLE is part of an address, or a reason."""
    from mailer.store import suppressions as store

    club = open_club(ctx)
    rows = club.db.read(store.entries, needle=needle, state=state or "", limit=limit)
    if as_json:
        output.print_json([dict(row._mapping) for row in rows])
        return
    for row in rows:
        when = output.at(row.at, club.settings.newsletter.zone)
        until = f"until {row.expires_at:%Y-%m-%d}" if row.expires_at else "for good"
        click.echo(f"{row.match_key}\t{row.reason}\t{row.state}\t{when}\t{until}\t{row.actor}")


@suppressions.command()
@click.argument("addresses", nargs=-1, required=True)
@click.option("--reason", default="manual", show_default=True, help="Why, for the record.")
@click.pass_context
def add(ctx: click.Context, addresses: tuple[str, ...], reason: str) -> None:
    """Never mail ADDRESSES again, until somebody lifts it."""
    from mailer.store import suppressions as store

    club = open_club(ctx)
    entries = [store.Suppression(_key(address), reason, "added by hand", store.BY_HAND) for address in addresses]
    click.echo(f"{club.db.run(store.suppress, entries, club.clock())} added")


@suppressions.command("import")
@click.argument("file")
@click.option("--column", metavar="NAME", help="The column of addresses, where it is not called email.")
@click.option("--reason", default="imported", show_default=True, help="Why, for the record.")
@click.pass_context
def import_(ctx: click.Context, file: str, column: str | None, reason: str) -> None:
    """Import who left an older system from FILE (- for stdin).

    FILE is an address a line, or CSV or .xlsx with a column email. Exits with 1 when a line was refused: whom it was
    about may get mail.
    """
    from mailer.cli.imports import opened
    from mailer.intake.table import read_table
    from mailer.model.formula import unguarded
    from mailer.store import suppressions as store

    club, added, refused, forgotten = open_club(ctx), 0, 0, 0
    with opened(file) as source:
        table = read_table(source, file)
        if table.guess:
            output.talk(f"{file}: {table.guess}")
        place, rows = _addresses(table, column, file)
        while chunk := list(islice(rows, BATCH)):
            batch = []
            for row in chunk:
                try:
                    if row.fault:
                        raise AddressError(row.fault)
                    key = _key(unguarded(row.cells[place].strip()))
                    batch.append(store.Suppression(key, reason, f"imported, line {row.line}", "import"))
                except AddressError as error:
                    refused += 1
                    if refused <= SHOWN:
                        output.talk(f"{file}:{row.line}: refused: {error.message}")
            erased = club.db.read(_erased, club.keyring, [entry.match_key for entry in batch], club.clock())
            kept = [entry for entry in batch if entry.match_key not in erased]
            forgotten += len(batch) - len(kept)
            added += club.db.run(store.suppress, kept, club.clock())
    if forgotten:
        output.talk(f"{forgotten:,} had been erased here: they stay out and forgotten")
    click.echo(f"{added:,} added, {refused:,} refused")
    ctx.exit(1 if refused else 0)


def _key(text: str) -> str:
    """What an address to be suppressed is known by. Raises AddressError, for a pattern too, which looks like one."""
    from mailer.mail.address import match_key

    if text.startswith("*@"):
        raise AddressError(f"{text!r} stands for a whole domain, and only single addresses are suppressed")
    return match_key(text)


def _erased(conn: Connection, keyring: Keyring, keys: list[str], now: datetime) -> set[str]:
    """Who was erased and has not come back: his tombstone keeps him out, and his address is not to be kept again."""
    from mailer.store import roster

    known = roster.known(conn, keys)
    return roster.erased(conn, keyring, [key for key in keys if key not in known], now)


def _addresses(table: Table, column: str | None, file: str) -> tuple[int, Iterator[Row]]:
    """Which column holds the addresses, and the rows, the first one too where it names no columns."""
    from mailer.intake.table import Row

    names = [heading.strip().lower().replace("-", "") for heading in table.columns]
    if column is None and not any(name in HEADINGS for name in names):
        for place, heading in enumerate(table.columns):
            if "@" in heading:
                return place, chain([Row(1, table.columns)], table.rows)
    wanted = (column.strip().lower().replace("-", ""),) if column else HEADINGS
    for place, name in enumerate(names):
        if name in wanted:
            return place, table.rows
    shown = ", ".join(heading for heading in table.columns[:8] if heading)
    raise ImportFileError(f"no column named {column or 'email'} among: {shown}; name yours with --column", where=file)


@suppressions.command()
@click.argument("address", required=False)
@click.option("--domain", help="Lift the unknown-address entries of a whole domain.")
@click.option("--between", nargs=2, metavar="T1 T2", help="With --domain: entries made between two times.")
@click.option("--complaints", is_flag=True, help="Lift complaints too: only when the reader asked for it.")
@click.pass_context
def lift(
    ctx: click.Context, address: str | None, domain: str | None, between: tuple[str, str] | None, complaints: bool
) -> None:
    """Let ADDRESS, or a whole domain's falsely unknown readers, get mail again."""
    from mailer.mail.address import match_key
    from mailer.store import suppressions as store

    club = open_club(ctx)
    now, zone = club.clock(), club.settings.newsletter.zone
    if bool(address) == bool(domain) or bool(domain) != bool(between):
        raise UsageError("name an ADDRESS, or --domain D --between T1 T2")
    if domain and between:
        first, last = (_moment(text, zone) for text in between)
        lifted = club.db.run(store.lift_domain, domain, first, last, now, "operator")
    else:
        lifted = club.db.run(store.lift, match_key(address or ""), now, "operator", complaints=complaints)
        if not lifted:
            raise NotFound(f"nothing to lift for {address}; a complaint needs --complaints")
    click.echo(f"{lifted} lifted")


@suppressions.command()
@click.argument("domain")
@click.pass_context
def release(ctx: click.Context, domain: str) -> None:
    """Make the held entries of DOMAIN final: somebody has looked, and its readers are truly gone."""
    from mailer.store import suppressions as store

    club = open_club(ctx)
    click.echo(f"{club.db.run(store.release_domain, domain)} released")


def _moment(text: str, zone: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"not a time: {text}; write 2026-03-02T08:00") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
