"""`mailer subscribers import`: a list is read, what it would change or has changed is told row by row."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from mailer.cli import open_club, output
from mailer.errors import ImportFileError, UsageError, spoken
from mailer.model.roster import Verdict
from mailer.sentence import Sentence, listed, word

if TYPE_CHECKING:
    from mailer.flows.imports import Finding, Summary
    from mailer.wiring import Club

SHOWN_FINDINGS = 50
KEPT_FINDINGS = 10_000


@click.command("import")
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
            output.talk(Sentence("%(where)s: %(what)s", where=file, what=table.guess))
        for name in meaning.may_tell_who_left:
            what = (
                "%(file)s: column %(name)s becomes an attribute; if it says who left, give those rows to"
                " 'mailer suppressions import' first, or let a column named status call them unsubscribed"
            )
            output.talk(Sentence(what, file=file, name=name))
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
        raise UsageError(Sentence("no such file"), where=file) from None
    except OSError as error:
        raise UsageError(Sentence("cannot be read: %(why)s", why=spoken(error)), where=file) from None
    with source:
        yield source


def _renames(pairs: tuple[str, ...]) -> dict[str, str]:
    split = [pair.partition("=") for pair in pairs]
    for old, equals, new in split:
        if not (old and equals and new):
            raise UsageError(Sentence("--map takes OLD=NEW, such as --map 'E-mail=email', not '%(text)s'", text=old))
    return {old: new for old, _, new in split}


def _ask_for_consent(file: str) -> str:
    question = Sentence("Where did these readers agree to get the newsletter?")
    if output.is_terminal() and file != "-" and (answer := output.ask(question)):
        return answer
    what = (
        "no consent_source column; say where these readers agreed to get the newsletter, such as"
        " --consent 'sign-up form until 2026'"
    )
    raise UsageError(Sentence(what))


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
            where, verdict = f"{self._file}:{finding.line}", word("code", finding.verdict)
            output.talk(Sentence("%(where)s: %(verdict)s: %(what)s", where=where, verdict=verdict, what=finding.text))
        elif self._shown == SHOWN_FINDINGS + 1:
            output.talk(Sentence("... and more; --json lists them"))


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """Shows how many rows are done, on a terminal."""
    if not sys.stderr.isatty():
        yield lambda rows: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    done = TextColumn(output.said(Sentence("%(count)s rows", count="{task.completed:,}")))
    columns = (SpinnerColumn(), TextColumn(output.said(Sentence("importing"))), done, TimeElapsedColumn())
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
    done = listed(
        Sentence("%(count)s %(state)s", count=f"{count:,}", state=word("code", verdict))
        for verdict in Verdict
        if (count := summary.counts[verdict])
    )
    what = "dry run, nothing changed; of %(rows)s: %(done)s" if dry_run else "of %(rows)s: %(done)s"
    output.show(Sentence(what, rows=output.rows(summary.rows), done=done or Sentence("nothing to do")))
