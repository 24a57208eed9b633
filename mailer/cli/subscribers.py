"""`mailer subscribers`: export, list, show, add, remove, tag and erase; the import has a file of its own."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from mailer.cli import open_club, output
from mailer.cli.imports import import_
from mailer.errors import UsageError, spoken
from mailer.sentence import Sentence, word

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

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
        raise UsageError(Sentence("is no file to write to"), where=str(file))
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
        raise UsageError(Sentence("cannot be written: %(why)s", why=spoken(error)), where=str(file)) from None
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
    rows = [(r.address, r.name, r.language, word("subscriber", r.state), ";".join(r.tags)) for r in found]
    header = (Sentence("email"), Sentence("name"), Sentence("language"), Sentence("state"), Sentence("tags"))
    output.table(header, rows)
    output.talk(Sentence("%(count)s of %(all)s", count=f"{len(found):,}", all=output.subscribers(total)))


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
    facts = (
        [*_facts(reader, zone)]
        if reader
        else [(Sentence("email"), address), (Sentence("state"), Sentence("no subscriber"))]
    )
    output.table(("", ""), [(label, value) for label, value in facts if value])
    lines = []
    for name, entries in history.items():
        for entry in entries:
            moment = entry.get("at") or entry.get("changed_at") or entry.get("created_at")
            if moment:
                lines.append((moment, word("history", name), _told(name, entry)))
    if lines:
        click.echo()
        lines.sort(key=itemgetter(0))  # what happened at once, in the order in which it was written
        header = (Sentence("when"), Sentence("what"), "")
        output.table(header, [(output.at(when, zone), name, told) for when, name, told in lines])


def _facts(reader: Subscriber, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    """What is kept in a subscriber's own row, each with what it is called."""
    yield Sentence("email"), reader.address
    yield Sentence("name"), reader.name
    yield Sentence("language"), reader.language
    yield Sentence("tags"), ", ".join(reader.tags)
    yield Sentence("state"), word("subscriber", reader.state)
    yield from reader.attributes.items()
    moments = (
        (Sentence("came at"), reader.created_at),
        (Sentence("joined at"), reader.joined_at),
        (Sentence("left at"), reader.left_at),
        (Sentence("paused until"), reader.paused_until),
    )
    for label, moment in moments:
        if moment:
            yield label, output.at(moment, zone)


def _told(table: str, entry: Mapping[str, Any]) -> str:
    """What a row of the history says, in a line: its words in the language of the terminal, what was said as it was."""
    from mailer.model.causes import told

    codes = ("action", "source", "detail", "issue", "letter", "kind", "state", "reason", "code", "status")
    cause, text = str(entry.get("cause") or ""), str(entry.get("text") or "")
    begins = (text or cause).split(" ", 2)[:2]  # a reply says its own codes
    values = [(key, str(entry[key])) for key in codes if entry.get(key) and not isinstance(entry[key], dict)]
    words = [_word(table, key, value) for key, value in values if value not in begins]
    return " ".join(filter(None, (*map(output.said, [*words, told(cause)]), text)))


def _word(table: str, key: str, code: str) -> Sentence:
    if key == "letter" or (table, key) == ("letters", "kind"):
        return word("letter", code)
    if table in {"applications", "reviews"} and key in {"state", "action"}:
        return word("application", code)
    hand = code.removeprefix("by ")
    return word("code", code) if hand == code else Sentence("by %(who)s", who=hand)


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
    output.show(Sentence("added") if added.is_new else Sentence("already here; nothing changed"))


@subscribers.command()
@click.argument("address")
@click.pass_context
def remove(ctx: click.Context, address: str) -> None:
    """Unsubscribe one reader; the history stays (see erase)."""
    from mailer.flows import subscribers as flow

    club = open_club(ctx)
    moved = flow.remove(club.db, address, actor=_actor(), now=club.clock())
    output.show(Sentence("unsubscribed") if moved else Sentence("had unsubscribed before; nothing changed"))


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
            raise UsageError(Sentence("erasing cannot be undone; say --yes"))
        output.confirm(Sentence("Erase everything about this person? This cannot be undone."))
    found = flow.erase(club.db, club.keyring, address, actor=_actor(), now=club.clock())
    unknown = "was not here; a later import will not bring this address in"
    output.show(Sentence("erased") if found else Sentence(unknown))


def _actor() -> str:
    import getpass

    return getpass.getuser()
