"""`mailer subscribers`: import, export, list, show, add, remove, tag and erase."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

import click

from mailer.cli import open_club, output
from mailer.errors import ImportFileError, UsageError

if TYPE_CHECKING:
    from mailer.flows.imports import Finding, Summary
    from mailer.model.subscriber import Subscriber
    from mailer.wiring import Club

SHOWN_FINDINGS = 50
KEPT_FINDINGS = 10_000


@click.group()
def subscribers() -> None:
    """Import, export, list, show, add, remove and erase subscribers."""


@subscribers.command("import")
@click.argument("file")
@click.option("--map", "renames", metavar="OLD=NEW", multiple=True, help="Take column OLD as NEW. May be repeated.")
@click.option("--consent", metavar="SOURCE", help="Where readers agreed, for rows without consent_source.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts and findings as JSON.")
@click.pass_context
def import_(
    ctx: click.Context, file: str, renames: tuple[str, ...], consent: str | None, dry_run: bool, as_json: bool
) -> None:
    """Import subscribers from FILE (CSV or .xlsx; - for stdin).

    The first row names the columns; email is required, name, language, tags (;-separated), status, consent_source
    and consent_at are known, every other column is an attribute. Nobody who left, bounced or was erased is brought
    back. Exits with 1 only when not one row could be read.
    """
    from mailer.flows.imports import Import, windows
    from mailer.intake.beside import beside
    from mailer.intake.table import read_table
    from mailer.model.roster import Layout

    club = open_club(ctx)
    now = club.clock()
    with opened(file) as source:
        table = read_table(source, file)

        def layout(agreed: str) -> Layout:
            try:
                return Layout(
                    table.columns,
                    renames=_renames(renames),
                    consent=agreed,
                    zone=club.settings.newsletter.zone,
                    now=now,
                )
            except ImportFileError as error:
                raise ImportFileError(error.message, where=file) from None

        meaning = layout((consent or "").strip())
        if not meaning.names_consent:
            meaning = layout(_ask_for_consent(file))
        if table.guess:
            output.talk(f"{file}: {table.guess}")
        for name in meaning.may_tell_who_left:
            output.talk(f"{file}: column {name} becomes an attribute; if it says who left, give those rows to")
            output.talk("  'mailer suppressions import' first, or let a column named status call them unsubscribed")
        gc.freeze()  # what was loaded stays: the collector need not look at it again,
        gc.set_threshold(10_000, 50, 50)  # nor every few rows at those in memory
        findings = _Findings(club, file, dry_run)
        reading = beside(windows(table.rows, meaning))
        with _progress() as progress:
            journey = Import(
                club.db,
                club.keyring,
                file=Path(file).name,
                clock=club.clock,
                note=findings.note,
                progress=progress,
            )
            summary = journey.run(reading, dry_run=dry_run)
    _print_summary(summary, findings, dry_run=dry_run, as_json=as_json)
    ctx.exit(1 if summary.all_refused else 0)


@contextmanager
def opened(file: str) -> Iterator[BinaryIO]:
    """The file to read, or stdin for `-`. Raises UsageError when it cannot be opened."""
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        source = Path(file).open("rb")  # noqa: SIM115 - closed below, when the rows have been read
    except FileNotFoundError:
        raise UsageError("no such file", where=file) from None
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=file) from None
    with source:
        yield source


def _renames(pairs: tuple[str, ...]) -> dict[str, str]:
    split = [pair.partition("=") for pair in pairs]
    for old, equals, new in split:
        if not (old and equals and new):
            raise UsageError(f"--map takes OLD=NEW, such as --map 'E-mail=email', not {old!r}")
    return {old: new for old, _, new in split}


def _ask_for_consent(file: str) -> str:
    if output.is_terminal() and file != "-":
        answer: str = click.prompt("Where did these readers agree to get the newsletter?", err=True)
        if answer.strip():
            return answer.strip()
    raise UsageError(
        "no consent_source column; say where these readers agreed to get the newsletter, such as"
        " --consent 'sign-up form until 2026'"
    )


class _Findings:
    """What an import has to say about single rows: the first are printed, more are kept for --json."""

    def __init__(self, club: Club, file: str, dry_run: bool) -> None:
        self._file = file
        self._dry_run = dry_run
        self._shown = 0
        self.kept: list[Finding] = []
        self.count = 0

    def note(self, finding: Finding) -> None:
        self.count += 1
        if len(self.kept) < KEPT_FINDINGS:
            self.kept.append(finding)
        if finding.verdict.value == "updated" and not self._dry_run:
            return
        self._shown += 1
        if self._shown <= SHOWN_FINDINGS:
            output.talk(f"{self._file}:{finding.line}: {finding.verdict.value}: {finding.text}")
        elif self._shown == SHOWN_FINDINGS + 1:
            output.talk("... and more; --json lists them")


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """Shows how many rows are done, on a terminal."""
    if not sys.stderr.isatty():
        yield lambda rows: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("importing"), TextColumn("{task.completed:,} rows"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("importing", total=None)
        yield lambda rows: bar.update(task, completed=rows)


def _print_summary(summary: Summary, findings: _Findings, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        output.print_json(
            {
                "dry_run": dry_run,
                **summary.as_data(),
                "findings": [
                    {"line": finding.line, "verdict": finding.verdict.value, "text": finding.text}
                    for finding in findings.kept
                ],
                "findings_left_off": findings.count - len(findings.kept),
            }
        )
        return
    said = [f"{count:,} {name}" for name, count in summary.as_data().items() if count and name != "rows"]
    head = (
        f"dry run, nothing changed; of {output.counted(summary.rows, 'row')}"
        if dry_run
        else (f"of {output.counted(summary.rows, 'row')}")
    )
    click.echo(f"{head}: {', '.join(said) or 'nothing to do'}")


@subscribers.command("export")
@click.option("--segment", metavar="SEGMENT", help="Only readers in this segment: a name or an expression.")
@click.option(
    "-o", "--output", "file", metavar="FILE", type=click.Path(path_type=Path), help="Write to FILE instead of stdout."
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
        output.table(("when", "what", ""), [(output.at(when, zone), name, said) for when, name, said in sorted(lines)])


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
