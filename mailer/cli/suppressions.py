"""`mailer suppressions`: the addresses we will not mail, why, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from typing import TYPE_CHECKING

import click

from mailer.cli import open_club, output
from mailer.errors import AddressError, ImportFileError, NotFound, UsageError
from mailer.sentence import Sentence, word

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
        until = Sentence("for good")
        if row.expires_at:
            until = Sentence("until %(day)s", day=f"{row.expires_at:%Y-%m-%d}")
        cells = (row.match_key, word("code", row.reason), word("code", row.state), when, until, _by(row.actor))
        click.echo("\t".join(map(output.said, cells)))


def _by(actor: str) -> Sentence:
    """Who made an entry: somebody, or the policy and why."""
    why = actor.removeprefix("policy: ")
    return word("code", actor) if why == actor else Sentence("policy: %(why)s", why=Sentence(why))


@suppressions.command()
@click.argument("addresses", nargs=-1, required=True)
@click.option("--reason", default="manual", show_default=True, help="Why, for the record.")
@click.pass_context
def add(ctx: click.Context, addresses: tuple[str, ...], reason: str) -> None:
    """Never mail ADDRESSES again, until somebody lifts it."""
    from mailer.store import suppressions as store

    club = open_club(ctx)
    entries = [store.Suppression(_key(address), reason, "added by hand", store.BY_HAND) for address in addresses]
    output.show(Sentence("%(count)s added", count=club.db.run(store.suppress, entries, club.clock())))


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
            output.talk(Sentence("%(where)s: %(what)s", where=file, what=table.guess))
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
                        where, verdict = f"{file}:{row.line}", word("code", "refused")
                        what = "%(where)s: %(verdict)s: %(what)s"
                        output.talk(Sentence(what, where=where, verdict=verdict, what=Sentence(error.message)))
            erased = club.db.read(_erased, club.keyring, [entry.match_key for entry in batch], club.clock())
            kept = [entry for entry in batch if entry.match_key not in erased]
            forgotten += len(batch) - len(kept)
            added += club.db.run(store.suppress, kept, club.clock())
    if forgotten:
        what = "%(count)s had been erased here: they stay out and forgotten"
        output.talk(Sentence(what, count=f"{forgotten:,}"))
    output.show(Sentence("%(added)s added, %(refused)s refused", added=f"{added:,}", refused=f"{refused:,}"))
    ctx.exit(1 if refused else 0)


def _key(text: str) -> str:
    """What an address to be suppressed is known by. Raises AddressError, for a pattern too, which looks like one."""
    from mailer.mail.address import match_key

    if text.startswith("*@"):
        what = "'%(text)s' stands for a whole domain, and only single addresses are suppressed"
        raise AddressError(Sentence(what, text=text))
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
    what = Sentence(
        "no column named %(name)s among: %(names)s; name yours with --column", name=column or "email", names=shown
    )
    raise ImportFileError(what, where=file)


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
        raise UsageError(Sentence("name an ADDRESS, or --domain D --between T1 T2"))
    if domain and between:
        first, last = (_moment(text, zone) for text in between)
        lifted = club.db.run(store.lift_domain, domain, first, last, now, "operator")
    else:
        lifted = club.db.run(store.lift, match_key(address or ""), now, "operator", complaints=complaints)
        if not lifted:
            raise NotFound(Sentence("nothing to lift for %(address)s; a complaint needs --complaints", address=address))
    output.show(Sentence("%(count)s lifted", count=lifted))


@suppressions.command()
@click.argument("domain")
@click.pass_context
def release(ctx: click.Context, domain: str) -> None:
    """Make the held entries of DOMAIN final: somebody has looked, and its readers are truly gone."""
    from mailer.store import suppressions as store

    club = open_club(ctx)
    output.show(Sentence("%(count)s released", count=club.db.run(store.release_domain, domain)))


def _moment(text: str, zone: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(Sentence("not a time: %(text)s; write 2026-03-02T08:00", text=text)) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
