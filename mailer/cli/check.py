"""`mailer check`: every rule on an issue, with line numbers and fixes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mailer.errors import SourceError
from mailer.rendering.finding import LANGUAGES

if TYPE_CHECKING:
    from mailer.rendering.examine import Examined
    from mailer.rendering.finding import Finding
    from mailer.sentence import Translate
    from mailer.wiring import Club


@click.command()
@click.argument("issue", nargs=-1, required=True)
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--links", is_flag=True, help="Ask over the network whether every link leads to a page (L09).")
@click.option("--spam", is_flag=True, help="Ask SpamAssassin on this machine, its own rules only (M09).")
@click.option("--dns", is_flag=True, help="Look up the sender's SPF and DMARC records (M10).")
@click.option("--browser", is_flag=True, help="Look at the page in Chromium (H24, H25).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per finding, each on a line.")
@click.option(
    "--language",
    type=click.Choice(LANGUAGES),
    help="Tell findings in Chinese or English. Default: as LC_ALL, LC_MESSAGES or LANG say; English with --json.",
)
@click.pass_context
def check(
    ctx: click.Context,
    issue: tuple[str, ...],
    strict: bool,
    links: bool,
    spam: bool,
    dns: bool,
    browser: bool,
    as_json: bool,
    language: str | None,
) -> None:
    """Check an issue against every rule, with line numbers and fixes.

    ISSUE is a file, - for stdin, or a slug or number of the club's.

    Exit code 0: fine, or warnings only; 1: errors. A rule is silenced in the front matter, with a reason:
    `silence:` and below it `  I03: our own story`. Without a club's folder the rules on page and message are left out.
    """
    from mailer.cli.output import print_json, speak, talk

    _ = speak(ctx, language, as_json=as_json)
    club = _club(ctx)
    if club is None:
        talk(_("no mailer.toml here: the rules on the page and the message are left out"))
    asked = {name for name, wanted in (("links", links), ("spam", spam), ("dns", dns), ("browser", browser)) if wanted}
    errors = warnings = 0
    for reference in issue:
        text, name, examined = _read(club, reference)
        if examined.edition is not None and not as_json:
            talk(_("Subject: %(subject)s", subject=examined.edition.subject) + _cut(examined, _))
        for finding in sorted([*examined.findings, *_outside(examined, text, club, asked)]):
            where = f"{name}:{finding.line}" if finding.line else name
            errors += finding.level == "error"
            warnings += finding.level == "warning"
            if as_json:
                print_json({"file": name, **finding.as_json(_)}, indent=None)
            else:
                click.echo(f"{where}: {finding.told(_)}")
    talk(_sum(errors, warnings, _) if errors or warnings else _("nothing to complain of"))
    if errors or (strict and warnings):
        ctx.exit(1)


def _read(club: Club | None, reference: str) -> tuple[str, str, Examined]:
    """An issue's text, its file's name and all findings; that it is in another encoding is one."""
    from mailer.cli.references import read_text
    from mailer.rendering.examine import Examined, examine
    from mailer.rendering.finding import error
    from mailer.sentence import ended

    try:
        text, name = read_text(club, reference)
    except SourceError as problem:
        name, _, line = problem.where.rpartition(":")
        return "", name, Examined(None, None, (error("I01", int(line), ended(problem.message)),))
    return text, name, examine(text, name) if club is None else club.examine(text, name)


def _sum(errors: int, warnings: int, _: Translate) -> str:
    """How many of each kind there are, in words."""
    from mailer.rendering.finding import counted_errors
    from mailer.sentence import how_many

    other = how_many(warnings, "1 warning", "%(count)s warnings")
    return _("%(errors)s, %(warnings)s", errors=counted_errors(errors).said(_), warnings=other.said(_))


def _cut(examined: Examined, _: Translate) -> str:
    """What the Subject leaves out of the title, in words."""
    issue, edition = examined.issue, examined.edition
    if issue is None or edition is None or issue.subject or edition.subject.endswith(issue.digest_title):
        return ""
    told = sum(lead.lead_text in edition.subject for lead in issue.leads)
    if not issue.leads or issue.title:
        return "  " + _("[cut]")
    return "  " + _("[%(told)s of %(count)s leads fit]", told=told, count=len(issue.leads))


def _outside(examined: Examined, text: str, club: Club | None, asked: set[str]) -> list[Finding]:
    """The findings of the rules that need the network or another program; only those asked for are run."""
    from mailer.rendering import check, check_outside
    from mailer.rendering.check_links import all_links
    from mailer.rendering.edition import SAMPLE
    from mailer.rendering.passages import passages_of

    found: list[Finding] = []
    issue, edition = examined.issue, examined.edition
    if issue is None:
        return found
    if "links" in asked:
        found += check_outside.dead_links(all_links(issue, passages_of(issue, text)))
    if edition is not None and "spam" in asked:
        found += check_outside.spam(edition.program.compose(SAMPLE))
    if edition is not None and "browser" in asked:
        found += check_outside.look(edition.html)
    if club is not None and "dns" in asked:
        found += check_outside.sender_records(club.sender_address.rpartition("@")[2])
    return check.silence(issue, found)


def _club(ctx: click.Context) -> Club | None:
    """The club here; None where there is none and none was named with --config."""
    from mailer.cli import open_club
    from mailer.settings import FILE

    if ctx.find_root().obj is None and not Path(FILE).exists():
        return None
    return open_club(ctx)
