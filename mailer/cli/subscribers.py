"""`mailer subscribers`: export, list, show, add, remove, tag and erase; the import has a file of its own."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from mailer.cli import open_club, output
from mailer.cli.imports import import_
from mailer.errors import UsageError

if TYPE_CHECKING:
    from mailer.model.subscriber import Subscriber
    from mailer.wiring import Club


@click.group()
def subscribers() -> None:
    """Import, export, list, show, add, remove and erase subscribers."""


subscribers.add_command(import_)


@subscribers.command("export")
@click.option("--segment", metavar="SEGMENT", help="Only readers in this segment: a name or an expression.")
@click.option(
    "-o",
    "--output",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path, allow_dash=True),
    callback=output.stdout_for_dash,
    help="Write to FILE instead of stdout.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of CSV.")
@click.pass_context
def export(ctx: click.Context, segment: str | None, file: Path | None, as_json: bool) -> None:
    """Write subscribers as CSV or JSON lines.

    No cell of the CSV is one that a spreadsheet runs as a formula. FILE can be read by its owner only (mode 600),
    and takes its name when it is complete.
    """
    import csv
    import json

    from mailer.flows import segments
    from mailer.flows import subscribers as flow

    club = open_club(ctx)
    condition = _condition(club, segment)
    with _written(file) as out:
        if as_json:
            for reader in flow.each(club.db, condition):
                out.write(json.dumps(_as_data(reader), ensure_ascii=False, default=str) + "\n")
            return
        fixed = ["email", "name", "language", "tags", "status", "joined_at"]
        names = [name for name in segments.attribute_names(club.db, condition) if name not in fixed]
        writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow([*fixed, *map(output.cell, names)])
        for reader in flow.each(club.db, condition):
            cells = [reader.address, reader.name, reader.language, ";".join(reader.tags), reader.state]
            attributes = (reader.attributes.get(name) for name in names)
            writer.writerow([output.cell(value) for value in (*cells, reader.joined_at, *attributes)])


@contextmanager
def _written(file: Path | None) -> Iterator[TextIO]:
    """Stdout, or a draft that becomes `file` (mode 600) when all was written. Raises UsageError."""
    if file is None:
        yield sys.stdout
        return
    if file.exists() and not file.is_file():
        raise UsageError("is no file to write to", where=str(file))
    draft = None
    try:
        number, name = tempfile.mkstemp(prefix=f".{file.name[:100]}.", suffix=".part", dir=file.parent)
        draft = Path(name)
        with os.fdopen(number, "w", encoding="utf-8", newline="") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(file)) from None
    finally:
        if draft:
            draft.unlink(missing_ok=True)


def _condition(club: Club, segment: str | None) -> Any:
    from mailer.flows import segments

    if segment is None:
        return None
    return segments.condition(
        club.folder, segment, club.settings.newsletter.language, club.clock(), club.settings.newsletter.zone
    )


def _as_data(reader: Subscriber) -> dict[str, Any]:
    return {
        "email": reader.address,
        "name": reader.name,
        "language": reader.language,
        "tags": list(reader.tags),
        "status": reader.state.value,
        "attributes": dict(reader.attributes),
        "created_at": reader.created_at.isoformat(),
        "joined_at": reader.joined_at and reader.joined_at.isoformat(),
        "left_at": reader.left_at and reader.left_at.isoformat(),
        "paused_until": reader.paused_until and reader.paused_until.isoformat(),
    }


@subscribers.command("list")
@click.option("--search", metavar="TEXT", default="", help="Part of an address or name; @example.com for a domain.")
@click.option("--segment", metavar="SEGMENT", help="Only readers in this segment: a name or an expression.")
@click.option("--state", type=click.Choice(["pending", "active", "unsubscribed"]), help="Only this state.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Most rows printed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def list_(ctx: click.Context, search: str, segment: str | None, state: str | None, limit: int, as_json: bool) -> None:
    """List subscribers, and how many there are."""
    from mailer.model.subscriber import State
    from mailer.store import subscribers as store

    club = open_club(ctx)
    wanted: dict[str, Any] = {
        "segment": _condition(club, segment),
        "state": State(state) if state else None,
        "search": search,
    }
    found = club.db.read(store.page, limit=limit, **wanted)
    total = len(found) if len(found) < limit else club.db.read(store.count, **wanted)
    if as_json:
        output.print_json({"total": total, "subscribers": [_as_data(reader) for reader in found]})
        return
    rows = [(r.address, r.name, r.language, r.state.value, ";".join(r.tags)) for r in found]
    output.table(("email", "name", "language", "state", "tags"), rows)
    output.talk(f"{len(found):,} of {output.counted(total, 'subscriber')}")


@subscribers.command()
@click.argument("address")
@click.option("--json", "as_json", is_flag=True, help="Everything kept about this person, as JSON.")
@click.pass_context
def show(ctx: click.Context, address: str, as_json: bool) -> None:
    """Show one person's whole history, a reader's or an applicant's.

    With --json it is the answer to a request for one's own data (GDPR 15).
    """
    from mailer.flows import subscribers as flow

    club = open_club(ctx)
    zone = club.settings.newsletter.zone
    reader, history = flow.show(club.db, address)
    if as_json:
        output.print_json({"subscriber": _as_data(reader) if reader else None, **history})
        return
    for key, value in (_as_data(reader) if reader else {"email": address, "status": "no subscriber"}).items():
        if value:
            click.echo(f"{key:13} {', '.join(value) if isinstance(value, list) else value}")
    lines = []
    for name, rows in history.items():
        for row in rows:
            moment = row.get("at") or row.get("changed_at") or row.get("created_at")
            what = (
                *("action", "source", "detail", "issue", "letter", "kind"),
                *("state", "reason", "code", "status", "cause", "text"),
            )
            begins = str(row.get("text") or row.get("cause") or "").split(" ", 2)[:2]  # a reply says its own codes
            words = [row[key] for key in what if row.get(key) and not isinstance(row[key], dict)]
            said = " ".join(str(word) for word in words if str(word) not in begins)
            if moment:
                lines.append((moment, name, said))
    if lines:
        click.echo()
        lines.sort(key=itemgetter(0))  # what happened at once, in the order in which it was written
        output.table(("when", "what", ""), [(output.at(when, zone), name, said) for when, name, said in lines])


@subscribers.command()
@click.argument("address")
@click.option("--name", default="", help="The reader's name.")
@click.option("--language", default="", help="Language tag; default: the newsletter's.")
@click.option("--tag", "tags", multiple=True, help="A tag. May be repeated.")
@click.option(
    "--consent", metavar="SOURCE", default="added by the operator", show_default=True, help="Where he agreed."
)
@click.pass_context
def add(ctx: click.Context, address: str, name: str, language: str, tags: tuple[str, ...], consent: str) -> None:
    """Add one reader as active."""
    from mailer.flows import subscribers as flow

    club = open_club(ctx)
    added = flow.add(
        club.db,
        club.keyring,
        address,
        name=name,
        language=language,
        tags=tags,
        source=consent,
        actor=_actor(),
        now=club.clock(),
    )
    click.echo("added" if added.is_new else "already here; nothing changed")


@subscribers.command()
@click.argument("address")
@click.pass_context
def remove(ctx: click.Context, address: str) -> None:
    """Unsubscribe one reader; the history stays (see erase)."""
    from mailer.flows import subscribers as flow

    club = open_club(ctx)
    moved = flow.remove(club.db, address, actor=_actor(), now=club.clock())
    click.echo("unsubscribed" if moved else "had unsubscribed before; nothing changed")


@subscribers.command()
@click.argument("address")
@click.option("--add", "new", multiple=True, metavar="TAG", help="Give this tag. May be repeated.")
@click.option("--remove", "old", multiple=True, metavar="TAG", help="Take this tag. May be repeated.")
@click.pass_context
def tag(ctx: click.Context, address: str, new: tuple[str, ...], old: tuple[str, ...]) -> None:
    """Give one reader tags, or take some.

    Prints those he has then.
    """
    from mailer.flows import subscribers as flow

    click.echo(";".join(flow.tag(open_club(ctx).db, address, add=new, remove=old)))


@subscribers.command()
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def erase(ctx: click.Context, address: str, yes: bool) -> None:
    """Forget one person for good.

    A tombstone keeps the address out of later imports.
    """
    from mailer.flows import subscribers as flow

    club = open_club(ctx)
    if not yes:
        if not output.is_terminal():
            raise UsageError("erasing cannot be undone; say --yes")
        click.confirm("Erase everything about this person? This cannot be undone.", abort=True, err=True)
    found = flow.erase(club.db, club.keyring, address, actor=_actor(), now=club.clock())
    click.echo("erased" if found else "was not here; a later import will not bring this address in")


def _actor() -> str:
    import getpass

    return getpass.getuser()
