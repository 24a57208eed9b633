"""`mailer check`: every rule on an issue, with line numbers and fixes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
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
    from mailer.rendering.examine import examine

    club = _club(ctx)
    if club is None:
        talk("no mailer.toml here: the rules on the page and the message are left out")
    errors = warnings = 0
    for reference in issue:
        text, name = read_text(club, reference)
        for finding in (examine(text, name) if club is None else club.examine(text, name)).findings:
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


def _club(ctx: click.Context) -> Club | None:
    """The club here; None where there is none and none was named with --config."""
    from mailer.cli import open_club
    from mailer.settings import FILE

    if ctx.find_root().obj is None and not Path(FILE).exists():
        return None
    return open_club(ctx)
