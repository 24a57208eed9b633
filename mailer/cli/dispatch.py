"""`mailer dispatch`: send what is due."""

from __future__ import annotations

import click

from mailer.cli import open_club
from mailer.errors import UsageError
from mailer.sentence import Sentence


@click.command()
@click.option("--forever", is_flag=True, help="Stay, and send whatever becomes due.")
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="Workers to run here.")
@click.option("--metrics", metavar="HOST:PORT", help="With --forever: counters for Prometheus, such as 127.0.0.1:9464.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
@click.pass_context
def dispatch(ctx: click.Context, forever: bool, processes: int, metrics: str | None, as_json: bool) -> None:
    """Send what is due; a worker on this or any other machine.

    Ends when nothing is due, saying when the next retry is. Claims that a killed worker of this host held are
    settled first, those of other hosts when their lease has run out.
    """
    from mailer.cli.output import print_json
    from mailer.cli.sending import exit_code, say, send, send_in_processes

    if metrics and (processes > 1 or not forever):
        what = "--metrics is for one worker that stays: dispatch --forever --metrics HOST:PORT"
        raise UsageError(Sentence(what))
    club = open_club(ctx)
    if processes > 1:
        ctx.exit(send_in_processes(ctx.find_root().obj, processes, forever))
    tally = send(club, forever=forever, metrics=metrics)
    say(club, tally)
    if as_json:
        print_json({"counts": tally.states, "next_due": tally.next_due})
    ctx.exit(exit_code(tally))
