"""`mailer segments`: list, show and count the club's segments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mailer.cli import open_club, output
from mailer.errors import UsageError
from mailer.sentence import Sentence

if TYPE_CHECKING:
    from mailer.wiring import Club


def warn_of_unknown(club: Club, segment: str) -> None:
    """Say which attributes of a segment no reader has: a slip of the pen would find nobody, or everybody."""
    from mailer.flows import segments as flow

    for name in flow.unknown_attributes(club.db, club.folder, segment):
        what = "no reader has an attribute '%(name)s', which '%(segment)s' asks for"
        output.talk(Sentence(what, name=name, segment=segment))


@click.group()
def segments() -> None:
    """List the club's segments and count who is in them.

    A segment is a file segments/NAME.segment in the club's folder, such as:
    language = "zh" and tag = "tmall" and joined > -30d
    """


@segments.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List the segments with their active readers now; exits with 1 when one cannot be read."""
    from mailer.flows import segments as flow

    club = open_club(ctx)
    language, zone, now = club.settings.newsletter.language, club.settings.newsletter.zone, club.clock()
    rows, unreadable = [], 0
    for name in flow.names(club.folder):
        try:
            condition = flow.condition(club.folder, name, language, now, zone)
        except UsageError as error:
            unreadable += 1
            output.talk(error)
            continue
        warn_of_unknown(club, name)
        rows.append((name, flow.count(club.db, condition), " ".join(flow.text_of(club.folder, name).split())))
    if as_json:
        output.print_json([{"name": name, "readers": count, "expression": text} for name, count, text in rows])
    elif rows:
        header = (Sentence("segment"), Sentence("readers"), Sentence("expression"))
        output.table(header, [(name, f"{count:,}", text) for name, count, text in rows])
    elif not unreadable:
        output.talk(Sentence("no segments yet; write one as segments/NAME.segment"))
    ctx.exit(1 if unreadable else 0)


@segments.command()
@click.argument("segment")
@click.pass_context
def show(ctx: click.Context, segment: str) -> None:
    """Print what a segment's file says, after reading it."""
    from mailer.flows import segments as flow

    club = open_club(ctx)
    flow.read(club.folder, segment)
    click.echo(flow.text_of(club.folder, segment).rstrip())


@segments.command()
@click.argument("segment")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def count(ctx: click.Context, segment: str, as_json: bool) -> None:
    """Count the active readers of a segment.

    SEGMENT is a name, or an expression in quotes.
    """
    from mailer.flows import segments as flow

    club = open_club(ctx)
    language, zone, now = club.settings.newsletter.language, club.settings.newsletter.zone, club.clock()
    warn_of_unknown(club, segment)
    number = flow.count(club.db, flow.condition(club.folder, segment, language, now, zone))
    if as_json:
        output.print_json({"segment": segment, "readers": number})
    else:
        click.echo(f"{number:,}")
