"""`mailer pause | resume | cancel | retry`: the operator's hand on a send."""

from __future__ import annotations

import getpass

import click

from mailer.cli import open_club
from mailer.errors import UsageError
from mailer.sentence import Sentence


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
        raise UsageError(_not_sent(slug))
    talk(Sentence("%(slug)s is paused; 'mailer resume %(slug)s' goes on", slug=slug))


@click.command()
@click.argument("issue")
@click.pass_context
def resume(ctx: click.Context, issue: str) -> None:
    """Go on sending a paused issue."""
    from mailer.cli.output import talk
    from mailer.cli.references import published
    from mailer.flows import control

    club = open_club(ctx)
    slug, now = published(club, issue), club.now()
    if not control.resume(club.db, slug, getpass.getuser(), now):
        raise UsageError(Sentence("%(slug)s is not paused; 'mailer status' shows its state", slug=slug))
    if control.is_overdue(club.db, slug, now):
        late = "%(slug)s is not paused any more, but its deadline has passed: who still waits will not get it"
        talk(Sentence(late, slug=slug))
    else:
        talk(Sentence("%(slug)s goes on; 'mailer dispatch' sends it unless a worker is running", slug=slug))


@click.command()
@click.argument("issue")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def cancel(ctx: click.Context, issue: str, yes: bool) -> None:
    """Give up what is left of an issue.

    Who has it keeps it; who has not been sent it yet will not get it. It cannot be undone; 'mailer pause' can. An issue
    that nobody was sent may be published anew.
    """
    from mailer.cli.output import confirm, is_terminal, readers, talk
    from mailer.cli.references import published
    from mailer.flows import control
    from mailer.store.highwater import HighWater

    club = open_club(ctx)
    slug = published(club, issue)
    if not yes:
        if control.find(club.db, slug).state not in ("sending", "paused"):
            raise UsageError(_not_sent(slug))
        if not is_terminal():
            raise UsageError(Sentence("say --yes to cancel without being asked"))
        what = "Cancel %(slug)s for good? Who has not been sent it yet will not get it; 'mailer pause' can be undone."
        confirm(Sentence(what, slug=slug))
    claim = HighWater(club.journal_folder).claim
    done = control.cancel(club.db, slug, getpass.getuser(), club.clock(), claim)
    if done is None:
        raise UsageError(_not_sent(slug))
    talk(Sentence("%(slug)s is cancelled; %(readers)s will not get it", slug=slug, readers=readers(done.readers)))
    if done.under_way:
        what = "%(readers)s under way: who is not sent it after all does not get it either"
        talk(Sentence(what, readers=readers(done.under_way)))
    if control.may_be_published_again(club.db, slug):
        talk(Sentence("nobody was sent it: 'mailer publish' may send it anew"))


@click.command()
@click.argument("issue")
@click.option("--failed", "which", flag_value="failed", help="Those refused for good or given up.")
@click.option("--uncertain", "which", flag_value="uncertain", help="Those whose answer nobody saw: some may get two.")
@click.pass_context
def retry(ctx: click.Context, issue: str, which: str | None) -> None:
    """Send an issue's failed or uncertain deliveries again.

    Puts them back into the outbox. An uncertain reader who has the issue already gets a second copy.
    """
    from mailer.cli.output import readers, talk
    from mailer.cli.references import published
    from mailer.flows import control
    from mailer.model.delivery import State

    if which is None:
        raise UsageError(Sentence("say which: --failed or --uncertain"))
    club = open_club(ctx)
    slug = published(club, issue)
    now = club.now()  # else who is uncertain might be cut off by a deadline that has passed
    count = control.retry(club.db, slug, State(which), getpass.getuser(), now)
    if not count:
        talk(Sentence("no reader of %(slug)s is %(state)s", slug=slug, state=Sentence(which)))
        return
    paused = control.find(club.db, slug).state == "paused"
    if paused:
        what = "%(readers)s back in the outbox; the issue is paused: 'mailer resume %(slug)s' goes on"
        talk(Sentence(what, readers=readers(count), slug=slug))
    else:
        talk(Sentence("%(readers)s back in the outbox; 'mailer dispatch' sends them", readers=readers(count)))
    if left := control.left_out(club.db, slug, now):
        talk(Sentence("%(readers)s of the waiting left or are suppressed and will not get it", readers=readers(left)))


def _not_sent(slug: str) -> Sentence:
    return Sentence("%(slug)s is not being sent; 'mailer status' shows its state", slug=slug)
