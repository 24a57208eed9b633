"""`mailer pause | resume | cancel | retry`: the operator's hand on a send."""

from __future__ import annotations

import getpass

import click

from mailer.cli import open_club
from mailer.errors import UsageError


@click.command()
@click.argument("issue")
@click.pass_context
def pause(ctx: click.Context, issue: str) -> None:
    """Stop sending an issue until it is resumed.

    Messages already claimed, about a second's worth, still go out.
    """
    from mailer.cli.output import talk
    from mailer.cli.references import published
    from mailer.flows import control

    club = open_club(ctx)
    slug = published(club, issue)
    if not control.pause(club.db, slug, getpass.getuser(), club.clock()):
        raise UsageError(f"{slug} is not being sent; 'mailer status' shows its state")
    talk(f"{slug} is paused; 'mailer resume {slug}' goes on")


@click.command()
@click.argument("issue")
@click.pass_context
def resume(ctx: click.Context, issue: str) -> None:
    """Go on sending a paused issue."""
    from mailer.cli.output import talk
    from mailer.cli.references import published
    from mailer.flows import control

    club = open_club(ctx)
    slug, now = published(club, issue), club.clock()
    if not control.resume(club.db, slug, getpass.getuser(), now):
        raise UsageError(f"{slug} is not paused; 'mailer status' shows its state")
    if control.is_overdue(club.db, slug, now):
        talk(f"{slug} is not paused any more, but its deadline has passed: who still waits will not get it")
    else:
        talk(f"{slug} goes on; 'mailer dispatch' sends it unless a worker is running")


@click.command()
@click.argument("issue")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def cancel(ctx: click.Context, issue: str, yes: bool) -> None:
    """Give up what is left of an issue.

    Who has it keeps it; who has not been sent it yet will not get it.
    """
    from mailer.cli.output import counted, is_terminal, talk
    from mailer.cli.references import published
    from mailer.flows import control
    from mailer.store.highwater import HighWater

    club = open_club(ctx)
    slug = published(club, issue)
    if not yes:
        if not is_terminal():
            raise UsageError("say --yes to cancel without being asked")
        click.confirm(f"Cancel {slug}? Who has not been sent it yet will not get it.", abort=True, err=True)
    claim = HighWater(club.journal_folder).claim
    count = control.cancel(club.db, slug, getpass.getuser(), club.clock(), claim)
    if count is None:
        raise UsageError(f"{slug} is not being sent; 'mailer status' shows its state")
    talk(f"{slug} is cancelled; {counted(count, 'reader')} will not get it")


@click.command()
@click.argument("issue")
@click.option("--failed", "which", flag_value="failed", help="Those refused for good or given up.")
@click.option("--uncertain", "which", flag_value="uncertain", help="Those whose answer nobody saw: some may get two.")
@click.pass_context
def retry(ctx: click.Context, issue: str, which: str | None) -> None:
    """Send an issue's failed or uncertain deliveries again.

    Puts them back into the outbox. An uncertain reader who has the issue already gets a second copy.
    """
    from mailer.cli.output import counted, talk
    from mailer.cli.references import published
    from mailer.flows import control
    from mailer.model.delivery import State

    if which is None:
        raise UsageError("say which: --failed or --uncertain")
    club = open_club(ctx)
    slug = published(club, issue)
    now = club.clock()
    count = control.retry(club.db, slug, State(which), getpass.getuser(), now)
    if not count:
        talk(f"no reader of {slug} is {which}")
        return
    paused = control.find(club.db, slug).state == "paused"
    to_do = f"the issue is paused: 'mailer resume {slug}' goes on" if paused else "'mailer dispatch' sends them"
    talk(f"{counted(count, 'reader')} back in the outbox; {to_do}")
    if left := control.left_out(club.db, slug, now):
        talk(f"{counted(left, 'reader')} of the waiting left or are suppressed and will not get it")
