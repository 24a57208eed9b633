"""`mailer check`: every rule on an issue, with line numbers and fixes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mailer.model.issue import Issue
    from mailer.rendering.finding import Finding
    from mailer.rendering.registry import Registry
    from mailer.wiring import Club


@click.command()
@click.argument("issue", nargs=-1, required=True)
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per finding, each on a line.")
@click.pass_context
def check(ctx: click.Context, issue: tuple[str, ...], strict: bool, as_json: bool) -> None:
    """Check an issue against every rule, with line numbers and fixes.

    ISSUE is a file, - for stdin, or a slug or number of the club's.

    Exit code 0: fine, or warnings only; 1: errors. A rule is silenced in the front matter, with a reason:
    `silence:` and below it `  I03: our own story`. Without a club's folder the rules on page and message are left out.
    """
    import json

    from mailer.cli.output import counted, talk
    from mailer.cli.references import read_text

    club = _club(ctx)
    if club is None:
        talk("no mailer.toml here: the rules on the page and the message are left out")
    errors = warnings = 0
    for reference in issue:
        text, name = read_text(club, reference)
        for finding in findings(club, text, name):
            errors += finding.level == "error"
            warnings += finding.level == "warning"
            if as_json:
                click.echo(json.dumps({"file": name, **finding.as_json()}, ensure_ascii=False))
            else:
                click.echo(f"{name}:{finding.line}: {finding}" if finding.line else f"{name}: {finding}")
    talk(
        f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"
        if errors or warnings
        else "nothing to complain of"
    )
    if errors or (strict and warnings):
        ctx.exit(1)


def findings(club: Club | None, text: str, name: str) -> list[Finding]:
    """All findings on an issue file: its form, its text, its sisters, and with a club its page and message."""
    from mailer.errors import SourceError
    from mailer.rendering import check as rules
    from mailer.rendering.finding import error

    issue, found = rules.check_text(text)
    if issue is None:
        return found
    folder = Path(name).parent
    sources, glossary = (_registry(table, folder, club) for table in ("sources.yaml", "glossary.yaml"))
    sisters = _sisters(Path(name), found)
    found += rules.check_issue(issue, text, known_sources=sources, glossary=glossary, sisters=sisters)
    if club is not None and not any(finding.level == "error" for finding in found):
        try:
            found += rules.silence(issue, club.check(issue, text))
        except SourceError as problem:
            found.append(error("H00", 0, f"the issue cannot be rendered: {problem}."))
    return sorted(set(found))


def _club(ctx: click.Context) -> Club | None:
    """The club here; None where there is none and none was named with --config."""
    from mailer.cli import open_club
    from mailer.settings import FILE

    if ctx.find_root().obj is None and not Path(FILE).exists():
        return None
    return open_club(ctx)


def _registry(table: str, folder: Path, club: Club | None) -> Registry | None:
    """A table beside the issue, or in the club's folder."""
    from mailer.errors import SourceError
    from mailer.rendering import registry

    for place in (folder, *([club.folder] if club else [])):
        path = place / table
        if path.is_file():
            try:
                return registry.read(path.read_text(encoding="utf-8-sig"), str(path))
            except (OSError, UnicodeDecodeError) as problem:
                raise SourceError(f"cannot be read: {problem}; save it as UTF-8", where=str(path)) from None
    return None


def _sisters(path: Path, found: list[Finding]) -> dict[str, Issue]:
    from mailer.errors import SourceError
    from mailer.rendering import source
    from mailer.rendering.finding import warning

    sisters = {}
    for other in source.sisters(path):
        try:
            sisters[other.name] = source.read(other.read_text(encoding="utf-8-sig"), other.name)
        except (SourceError, OSError, UnicodeDecodeError) as problem:
            found.append(warning("I18", 0, f"the edition {other.name} cannot be read: {problem}.", "Check that file."))
    return sisters
