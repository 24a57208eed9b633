"""`mailer publish`: freeze an issue and its audience, and send it."""

from __future__ import annotations

import getpass
from collections import Counter
from typing import TYPE_CHECKING

import click

from mailer.cli import open_club

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from mailer.cli.drafts import Draft
    from mailer.flows.publish import Published
    from mailer.store.audiences import Audience
    from mailer.wiring import Club

    Times = tuple[datetime, datetime | None]  # when it starts, and when it stops


@click.command()
@click.argument("issue")
@click.option("--dry-run", is_flag=True, help="Say who would get it, who not and why, and when; change nothing.")
@click.option("--test", "test_address", metavar="ADDRESS", help="Send one copy, marked [TEST], to ADDRESS only.")
@click.option(
    "--at", "at_text", metavar="TIME", help="Start then: 08:00, or 2026-05-22 08:00, in the newsletter's zone."
)
@click.option("--deadline", metavar="TIME", help="Send nothing after. Default with --at: the end of that day.")
@click.option("--to", "include", metavar="SEGMENT", help="Only readers in this segment: a name or an expression.")
@click.option("--not-to", "exclude", metavar="SEGMENT", help="Not to readers in this segment.")
@click.option("--queue-only", is_flag=True, help="Put it into the outbox and leave sending to 'mailer dispatch'.")
@click.option("--correct", is_flag=True, help="Replace the text of a published issue for readers not yet attempted.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@click.pass_context
def publish(
    ctx: click.Context,
    issue: str,
    dry_run: bool,
    test_address: str | None,
    at_text: str | None,
    deadline: str | None,
    include: str | None,
    exclude: str | None,
    queue_only: bool,
    correct: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Freeze an issue and its audience, and send it.

    ISSUE is a file, - for stdin, or the slug or number of a file in issues/. Errors of 'mailer check' refuse it.
    Stopped or killed, 'mailer dispatch' goes on where it was: nobody gets a second copy.
    """
    from mailer.cli import drafts

    club = open_club(ctx)
    _ = club.signer  # a key that cannot be used is to be known before anything is frozen
    now = club.clock()
    draft = drafts.prepare(club, issue, now, corrected=correct)
    if correct:
        ctx.exit(_correct(club, draft, queue_only, now))
    send_at, stop_at = drafts.times(club, at_text, deadline, now)
    drafts.tell_doubts(club, draft, send_at)
    if test_address is not None:
        ctx.exit(_test(club, draft, test_address, now))
    segment = drafts.audience(club, include, exclude, now)
    if dry_run:
        _dry_run(club, draft, segment, (send_at, stop_at), as_json, now)
        return
    if not yes:
        _ask(club, draft, segment, now)
    wanted = " and not ".join(text for text in (include or "", exclude or "") if text)
    published = drafts.freeze(club, draft, segment, wanted, send_at, stop_at, getpass.getuser(), now)
    ctx.exit(_send(club, published, (send_at, stop_at), queue_only, as_json))


def _dry_run(
    club: Club, draft: Draft, segment: ColumnElement[bool] | None, times: Times, as_json: bool, now: datetime
) -> None:
    from datetime import timedelta

    from mailer.cli import drafts
    from mailer.cli.output import at, counted, print_json, span
    from mailer.flows import publish as flow

    audience = flow.preview(club.db, segment, now)
    languages = [edition.language for edition in draft.editions]
    readers = flow.spread(club.db, languages, club.settings.newsletter.language, segment, now)
    untranslated = drafts.without_edition(club, languages, segment, now)
    pace = club.pace
    send_at, stop_at = times
    seconds = audience.readers / pace if pace else None
    end = send_at + timedelta(seconds=seconds) if seconds is not None else None
    if as_json:
        print_json(
            {
                "issue": draft.issue.identity,
                "subject": draft.editions[0].subject,
                "languages": languages,
                "readers": audience.readers,
                "readers_by_language": readers,
                "readers_without_edition": untranslated,
                "excluded": audience.excluded,
                "send_at": send_at,
                "deadline": stop_at,
                "finish_at": end,
            }
        )
        return
    zone = club.settings.newsletter.zone
    click.echo(f"{draft.issue.identity}  {draft.editions[0].subject}")
    click.echo(f"from {draft.sender}")
    shares = ", ".join(f"{count:,} in {language}" for language, count in readers.items()) if len(languages) > 1 else ""
    click.echo(f"{counted(audience.readers, 'reader')} would get it" + (f": {shares}" if shares else ""))
    for language, count in untranslated.items():
        click.echo(f"{count:,} of them read {language}, and there is no edition in it")
    for reason, count in audience.excluded.items():
        click.echo(f"{count:,} left out: {reason}")
    click.echo(f"it would start at {at(send_at, zone, now)}" if send_at > now else "it would start now")
    if end is None or seconds is None:
        click.echo("it would go as fast as the relay answers ([relay] sets no limit)")
    else:
        click.echo(f"it would be finished at {at(end, zone, now)}, after {span(seconds)} at the relay's pace")
    for line in _until(club, times, audience.readers, now):
        click.echo(line)


def _until(club: Club, times: Times, readers: int, now: datetime) -> Iterator[str]:
    """Until when it may leave, and how many cannot get it by then at the relay's pace."""
    from mailer.cli.output import at, counted

    start, stop = times
    if stop is None:
        return
    yield f"nothing of it leaves after {at(stop, club.settings.newsletter.zone, now)}"
    late = readers - int((stop - start).total_seconds() * club.pace)
    if club.pace and late > 0:
        yield f"at the relay's pace {counted(late, 'reader')} would not get it by then; give a later --deadline"


def _ask(club: Club, draft: Draft, segment: ColumnElement[bool] | None, now: datetime) -> None:
    from mailer.cli import drafts
    from mailer.cli.output import counted, is_terminal, talk
    from mailer.errors import UsageError
    from mailer.flows import publish as flow

    if not is_terminal():
        raise UsageError("say --yes to publish without being asked, or --dry-run to see who would get it")
    audience: Audience = flow.preview(club.db, segment, now)
    talk(f"{draft.sender}: {draft.editions[0].subject}")
    languages = [edition.language for edition in draft.editions]
    for language, count in drafts.without_edition(club, languages, segment, now).items():
        talk(f"{count:,} of them read {language}, and there is no edition in it")
    for reason, count in audience.excluded.items():
        talk(f"{count:,} left out: {reason}")
    click.confirm(f"Send it to {counted(audience.readers, 'reader')}?", abort=True, err=True)


def _send(club: Club, published: Published, times: Times, queue_only: bool, as_json: bool) -> int:
    from mailer.cli.output import at, counted, print_json, talk
    from mailer.cli.sending import exit_code, say, send
    from mailer.flows import report

    readers = published.audience.readers
    talk(f"{published.slug} is frozen for {counted(readers, 'reader')}")
    code, (send_at, _) = 0, times
    for line in _until(club, times, readers, club.clock()):
        talk(line)
    if send_at > club.clock():
        when = at(send_at, club.settings.newsletter.zone, club.clock())
        talk(f"due at {when}; a 'mailer dispatch --forever' must be running then")
    elif queue_only:
        talk("in the outbox; 'mailer dispatch' sends it")
    else:
        tally = send(club, total=readers)
        say(club, tally)
        code = exit_code(tally)
    if as_json:
        audit = report.audit(club.db, published.slug)
        print_json(
            {
                "issue": published.slug,
                "frozen": readers,
                "counts": audit.counts,
                "excluded": published.audience.excluded,
            }
        )
    return code


def _test(club: Club, draft: Draft, address: str, now: datetime) -> int:
    from mailer.cli import drafts
    from mailer.cli.output import talk
    from mailer.cli.sending import exit_code, say, send
    from mailer.model.delivery import UNFINISHED, State
    from mailer.store import outbox

    copies = drafts.post_test(club, draft, address, now)
    tally = send(club)
    say(club, tally)
    became = Counter(club.db.read(outbox.became, copies))
    for (state, cause), count in became.items():
        what = "sent" if state is State.ACCEPTED else f"{state.value}: {cause}" if cause else state.value
        later = "; 'mailer dispatch' sends it" if state in UNFINISHED else ""
        talk(f"{count} test cop{'y' if count == 1 else 'ies'} {what}{later}")
    return max(exit_code(tally), int(any(state is not State.ACCEPTED for state, _ in became)))


def _correct(club: Club, draft: Draft, queue_only: bool, now: datetime) -> int:
    from mailer.cli.output import at, counted, talk
    from mailer.cli.sending import exit_code, say, send
    from mailer.flows import control
    from mailer.flows import publish as flow
    from mailer.store.highwater import HighWater

    claim = HighWater(club.journal_folder).claim
    done = flow.correct(club.db, draft.issue.identity, draft.editions, getpass.getuser(), now, claim)
    talk(f"{done.slug} is corrected in {' and '.join(done.languages)}; the archive says so")
    talk(f"{counted(done.readers, 'reader')} not yet attempted will get the corrected text; the others keep theirs")
    if done.under_way:
        who = counted(done.under_way, "reader")
        talk(f"{who} under way: if the old text does not leave after all, they get the corrected one")
    known = control.find(club.db, done.slug)
    if known.state == "paused":
        talk(f"{done.slug} is paused; 'mailer resume {done.slug}' goes on")
    elif known.send_at > now:
        talk(f"{done.slug} is due at {at(known.send_at, club.settings.newsletter.zone, now)}")
    if queue_only or not done.readers or known.state == "paused" or known.send_at > now:
        return 0
    tally = send(club, total=done.readers)
    say(club, tally)
    return exit_code(tally)
