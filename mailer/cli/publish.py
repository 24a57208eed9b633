"""`mailer publish`: freeze an issue and its audience, and send it."""

from __future__ import annotations

import getpass
from collections import Counter
from typing import TYPE_CHECKING

import click

from mailer.cli import open_club
from mailer.sentence import Sentence, how_many

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from mailer.cli.drafts import Draft
    from mailer.flows.publish import Published
    from mailer.model.pacing import Account
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
    from mailer.cli.output import at, print_json, readers, said, show, span
    from mailer.flows import publish as flow
    from mailer.model.pacing import seconds_for

    audience = flow.preview(club.db, segment, now)
    languages = [edition.language for edition in draft.editions]
    spread = flow.spread(club.db, languages, club.settings.newsletter.language, segment, now)
    untranslated = drafts.without_edition(club, languages, segment, now)
    send_at, stop_at = times
    accounts = club.accounts()
    limited = all(account.windows for account in accounts)
    number = audience.readers + _ahead(club, accounts, times, 0, now)
    seconds = seconds_for(number, accounts, send_at.timestamp()) if limited else None
    end = send_at + timedelta(seconds=seconds) if seconds is not None else None
    if as_json:
        print_json(
            {
                "issue": draft.issue.identity,
                "subject": draft.editions[0].subject,
                "languages": languages,
                "readers": audience.readers,
                "readers_by_language": spread,
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
    show(Sentence("from %(sender)s", sender=draft.sender))
    if len(languages) > 1:
        shares = [Sentence("%(count)s in %(language)s", count=f"{n:,}", language=tag) for tag, n in spread.items()]
        listed = ", ".join(map(said, shares))
        show(Sentence("%(readers)s would get it: %(shares)s", readers=readers(audience.readers), shares=listed))
    else:
        show(Sentence("%(readers)s would get it", readers=readers(audience.readers)))
    for line in _left_out(audience, untranslated):
        show(line)
    starts = Sentence("it would start at %(time)s", time=at(send_at, zone, now))
    show(starts if send_at > now else Sentence("it would start now"))
    if end is None or seconds is None:
        show(Sentence("it would go as fast as the relay answers ([relay] sets no limit)"))
    else:
        what = "it would be finished at %(time)s, after %(span)s at the relay's pace"
        show(Sentence(what, time=at(end, zone, now), span=span(seconds)))
    for line in _until(club, times, audience.readers, 0, now):
        show(line)


def _left_out(audience: Audience, untranslated: Mapping[str, int]) -> Iterator[Sentence]:
    """Who reads a language without an edition, and who gets none and why."""
    for language, count in untranslated.items():
        what = "%(count)s of them read %(language)s, and there is no edition in it"
        yield Sentence(what, count=f"{count:,}", language=language)
    for reason, count in audience.excluded.items():
        yield Sentence("%(count)s left out: %(reason)s", count=f"{count:,}", reason=Sentence(reason))


def _until(club: Club, times: Times, number: int, issue_id: int, now: datetime) -> Iterator[Sentence]:
    """Until when it may leave, and how many cannot get it by then at the relay's pace."""
    from mailer.cli.output import at, readers

    start, stop = times
    if stop is None:
        return
    yield Sentence("nothing of it leaves after %(time)s", time=at(stop, club.settings.newsletter.zone, now))
    accounts = club.accounts()
    room = sum(account.room(start.timestamp(), (stop - start).total_seconds()) for account in accounts)
    if (late := min(number, number + _ahead(club, accounts, times, issue_id, now) - room)) > 0:
        what = "at the relay's pace %(readers)s would not get it by then; give a later --deadline"
        yield Sentence(what, readers=readers(int(late)))


def _ahead(club: Club, accounts: Sequence[Account], times: Times, issue_id: int, now: datetime) -> int:
    """How many readers of other issues still go before this one when it starts, at the relays' pace."""
    from mailer.store import running

    start, stop = times
    by_then = sum(account.room(now.timestamp(), max(0.0, (start - now).total_seconds())) for account in accounts)
    waiting = club.db.read(running.ahead, issue_id, start, stop)
    return int(max(0.0, waiting - (by_then if start > now else 0.0)))


def _ask(club: Club, draft: Draft, segment: ColumnElement[bool] | None, now: datetime) -> None:
    from mailer.cli import drafts
    from mailer.cli.output import confirm, is_terminal, readers, talk
    from mailer.errors import UsageError
    from mailer.flows import publish as flow

    if not is_terminal():
        raise UsageError(Sentence("say --yes to publish without being asked, or --dry-run to see who would get it"))
    audience: Audience = flow.preview(club.db, segment, now)
    talk(f"{draft.sender}: {draft.editions[0].subject}")
    languages = [edition.language for edition in draft.editions]
    for line in _left_out(audience, drafts.without_edition(club, languages, segment, now)):
        talk(line)
    confirm(Sentence("Send it to %(readers)s?", readers=readers(audience.readers)))


def _send(club: Club, published: Published, times: Times, queue_only: bool, as_json: bool) -> int:
    from mailer.cli.output import at, print_json, readers, talk
    from mailer.cli.sending import exit_code, say, send
    from mailer.flows import report

    number = published.audience.readers
    talk(Sentence("%(slug)s is frozen for %(readers)s", slug=published.slug, readers=readers(number)))
    code, (send_at, _) = 0, times
    for line in _until(club, times, number, published.issue_id, club.clock()):
        talk(line)
    if send_at > club.clock():
        when = at(send_at, club.settings.newsletter.zone, club.clock())
        talk(Sentence("due at %(time)s; a 'mailer dispatch --forever' must be running then", time=when))
    elif queue_only:
        talk(Sentence("in the outbox; 'mailer dispatch' sends it"))
    else:
        tally = send(club, total=number)
        say(club, tally)
        code = exit_code(tally)
    if as_json:
        audit = report.audit(club.db, published.slug)
        print_json(
            {
                "issue": published.slug,
                "frozen": number,
                "counts": audit.counts,
                "excluded": published.audience.excluded,
            }
        )
    return code


def _test(club: Club, draft: Draft, address: str, now: datetime) -> int:
    from mailer.cli import drafts
    from mailer.cli.output import talk
    from mailer.cli.sending import exit_code, say, send
    from mailer.model.causes import told
    from mailer.model.delivery import UNFINISHED, State
    from mailer.store import outbox

    copies = drafts.post_test(club, draft, address, now)
    tally = send(club)
    say(club, tally)
    became = Counter(club.db.read(outbox.became, copies))
    for (state, cause), count in became.items():
        number = how_many(count, "1 test copy", "%(count)s test copies")
        if state is State.ACCEPTED:
            talk(Sentence("%(copies)s sent", copies=number))
        elif state in UNFINISHED:
            what = "%(copies)s not sent yet: %(why)s; 'mailer dispatch' sends it"
            talk(Sentence(what, copies=number, why=told(cause) or Sentence(state)))
        else:
            talk(Sentence("%(copies)s not sent: %(why)s", copies=number, why=told(cause) or Sentence(state)))
    return max(exit_code(tally), int(any(state is not State.ACCEPTED for state, _ in became)))


def _correct(club: Club, draft: Draft, queue_only: bool, now: datetime) -> int:
    from mailer.cli.output import at, readers, talk
    from mailer.cli.sending import exit_code, say, send
    from mailer.flows import control
    from mailer.flows import publish as flow
    from mailer.store.highwater import HighWater

    claim = HighWater(club.journal_folder).claim
    done = flow.correct(club.db, draft.issue.identity, draft.editions, getpass.getuser(), now, claim)
    tags = ", ".join(done.languages)
    talk(Sentence("%(slug)s is corrected in %(languages)s; the archive says so", slug=done.slug, languages=tags))
    what = "%(readers)s not yet attempted will get the corrected text; the others keep theirs"
    talk(Sentence(what, readers=readers(done.readers)))
    if done.under_way:
        what = "%(readers)s under way: if the old text does not leave after all, they get the corrected one"
        talk(Sentence(what, readers=readers(done.under_way)))
    known = control.find(club.db, done.slug)
    if known.state == "paused":
        talk(Sentence("%(slug)s is paused; 'mailer resume %(slug)s' goes on", slug=done.slug))
    elif known.state == "sending" and known.send_at > now:
        when = at(known.send_at, club.settings.newsletter.zone, now)
        talk(Sentence("%(slug)s is due at %(time)s", slug=done.slug, time=when))
    if queue_only or not done.readers or known.state == "paused" or known.send_at > now:
        return 0
    tally = send(club, total=done.readers)
    say(club, tally)
    return exit_code(tally)
