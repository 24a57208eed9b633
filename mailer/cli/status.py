"""`mailer status`: what is being sent, how fast, by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mailer.cli import open_club
from mailer.sentence import Sentence, how_many

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from mailer.flows.report import Progress


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Show what is being sent, how fast and by whom.

    The newest ten issues, all that have not ended, the workers that hold claims, and what is waited for.
    """
    import socket
    from dataclasses import asdict
    from datetime import UTC, datetime

    from mailer.cli.output import at, clock_behind, print_json, readers, slowdown, span, talk
    from mailer.flows import control, report
    from mailer.store.highwater import HighWater
    from mailer.store.journal import boot_id
    from mailer.store.leases import CLERK, LOCK

    club = open_club(ctx)
    now, zone = club.now(), club.settings.newsletter.zone
    accounts = club.accounts()
    issues, workers = report.progress(club.db, now, accounts)
    used_up = {account.name: until for account in accounts if (until := account.used_up_until(now.timestamp()))}
    locked = control.is_behind(club.db, HighWater(club.journal_folder).claim)
    workers = [worker for worker in workers if worker.name != LOCK]
    slowed, letters = report.slowed(club.db, now), report.letters_waiting(club.db)
    host = socket.gethostname()
    lost = report.lost(club.db, host, boot_id())
    there = {one.name: one for one in report.present(club.db, host, now)}
    waiting = [one for one in there.values() if one.name not in {worker.name for worker in workers}]
    able = [worker for worker in workers if worker.name not in lost and worker.leased_until > now]
    at_work = [worker for worker in able if not worker.name.startswith(CLERK)]  # who sends letters sends no issue
    number = len(at_work) + len(waiting)
    if as_json:
        print_json(
            {
                "issues": [
                    {
                        "issue": entry.issue.slug,
                        "state": entry.issue.state,
                        "cause": entry.issue.state_cause,
                        "frozen": entry.issue.frozen,
                        "send_at": entry.issue.send_at,
                        "deadline": entry.issue.deadline,
                        "counts": entry.counts,
                        "per_second": round(entry.per_second, 2),
                        "finish_at": entry.finish_at,
                        "next_try": entry.next_try,
                    }
                    for entry in issues
                ],
                "workers": [
                    *(asdict(worker) | {"lost": worker.name in lost} for worker in workers),
                    *(asdict(one) | {"leased_until": None, "holds": 0, "lost": False} for one in waiting),
                ],
                "letters_waiting": letters,
                "locked": locked,
                "slowed": [asdict(each) for each in slowed],
                "used_up": {name: datetime.fromtimestamp(until, UTC) for name, until in used_up.items()},
            }
        )
        return
    if not issues:
        talk(Sentence("nothing has been published yet; 'mailer publish ISSUE' does"))
    else:
        _table(issues)
    if letters:
        talk(how_many(letters, "1 letter waits to be sent", "%(count)s letters wait to be sent"))
    for entry in issues:
        for line in _of_issue(entry, number, zone, now):
            talk(line)
    for each in slowed:
        talk(slowdown(each, now))
    for name, until in used_up.items():
        what = "%(name)s has used up what its limits allow; the next may leave at %(time)s"
        talk(Sentence(what, name=name, time=at(datetime.fromtimestamp(until, UTC), zone, now)))
    for worker in workers:
        left = (worker.leased_until - now).total_seconds()
        values = {"worker": worker.name, "host": worker.host, "pid": worker.pid, "readers": readers(worker.holds)}
        if worker.name in lost:
            what = (
                "worker %(worker)s on %(host)s (process %(pid)s) died; 'mailer dispatch' settles the"
                " %(readers)s it held"
            )
            talk(Sentence(what, **values))
        elif left <= 0:
            what = (
                "worker %(worker)s on %(host)s (process %(pid)s) let its lease run out; 'mailer dispatch' settles the"
                " %(readers)s it held"
            )
            talk(Sentence(what, **values))
        else:
            what = "worker %(worker)s on %(host)s (process %(pid)s) holds %(readers)s, lease for %(span)s more"
            talk(Sentence(what, **values, span=span(left)))
    for one in there.values():
        if one.trouble:
            talk(Sentence("worker %(worker)s is kept from sending: %(why)s", worker=one.name, why=one.trouble))
        elif one in waiting:
            what = "worker %(worker)s on %(host)s (process %(pid)s) is there and waits"
            talk(Sentence(what, worker=one.name, host=one.host, pid=one.pid))
    due = report.next_due(club.db)
    if due and (last := report.set_back(club.db, now)):
        talk(clock_behind(last, zone, now))
    if locked:
        talk(Sentence("a backup was restored: nothing is sent until 'mailer audit --reconcile'"))
    elif due and not number:
        later = Sentence("nobody is working; a 'mailer dispatch --forever' must be running then")
        talk(later if due > now else Sentence("nobody is working; run 'mailer dispatch'"))


def _table(issues: Iterable[Progress]) -> None:
    from mailer.cli.output import table
    from mailer.model.delivery import State

    table(
        (
            Sentence("issue"),
            Sentence("state"),
            Sentence("readers"),
            Sentence("accepted"),
            Sentence("waiting"),
            Sentence("deferred"),
            Sentence("failed"),
            Sentence("uncertain"),
            Sentence("rate"),
        ),
        (
            (
                entry.issue.slug,
                Sentence(entry.issue.state),
                f"{entry.issue.frozen:,}",
                f"{entry.counts[State.ACCEPTED]:,}",
                f"{entry.counts[State.PENDING] + entry.counts[State.ATTEMPTING]:,}",
                f"{entry.counts[State.DEFERRED]:,}",
                f"{entry.counts[State.FAILED]:,}",
                f"{entry.counts[State.UNCERTAIN]:,}",
                f"{entry.per_second:.1f}/s" if entry.per_second else "",
            )
            for entry in issues
        ),
    )


def _of_issue(entry: Progress, workers: int, zone: ZoneInfo, now: datetime) -> Iterator[Sentence]:
    """What is to be said of an issue beside its figures."""
    from mailer.cli.output import at, readers
    from mailer.model.causes import told
    from mailer.model.delivery import State

    issue, counts = entry.issue, entry.counts
    if issue.state_cause:
        state, cause = Sentence(issue.state), told(issue.state_cause)
        yield Sentence("%(slug)s is %(state)s: %(cause)s", slug=issue.slug, state=state, cause=cause)
    if issue.state == "sending" and issue.send_at > now:
        running = how_many(workers, "1 worker running", "%(count)s workers running")
        what = "%(slug)s is due at %(time)s; %(running)s"
        yield Sentence(what, slug=issue.slug, time=at(issue.send_at, zone, now), running=running)
    elif entry.finish_at:
        yield Sentence("%(slug)s would be through at %(time)s", slug=issue.slug, time=at(entry.finish_at, zone, now))
    if issue.deadline and entry.waits:
        stop = at(issue.deadline, zone, now)
        if issue.deadline > now:
            yield Sentence(
                "%(slug)s stops at %(time)s: who still waits then does not get it", slug=issue.slug, time=stop
            )
        else:
            yield Sentence(
                "%(slug)s stopped at %(time)s: who still waits then does not get it", slug=issue.slug, time=stop
            )
    if entry.next_try:
        what = "%(slug)s has %(readers)s deferred, the next is due at %(time)s"
        due = at(entry.next_try, zone, now)
        yield Sentence(what, slug=issue.slug, readers=readers(counts[State.DEFERRED]), time=due)
    if missed := counts[State.CANCELLED] + counts[State.SUPPRESSED]:
        what = "%(slug)s did not go to %(readers)s: 'mailer audit' says why"
        yield Sentence(what, slug=issue.slug, readers=readers(missed))
    if uncertain := counts[State.UNCERTAIN]:
        what = "%(slug)s may or may not have reached %(readers)s: 'mailer audit' names them"
        yield Sentence(what, slug=issue.slug, readers=readers(uncertain))
