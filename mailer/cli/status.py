"""`mailer status`: what is being sent, how fast, by whom."""

from __future__ import annotations

import click

from mailer.cli import open_club


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Show what is being sent, how fast and by whom.

    The newest ten issues, the workers that hold claims, and what is waited for.
    """
    import socket
    from dataclasses import asdict

    from mailer.cli.output import at, clock_behind, counted, print_json, slowdown, span, table, talk
    from mailer.flows import control, report
    from mailer.model.delivery import State
    from mailer.store.highwater import HighWater
    from mailer.store.journal import boot_id
    from mailer.store.leases import LOCK

    club = open_club(ctx)
    now, zone = club.db.read(club.db.now) or club.clock(), club.settings.newsletter.zone  # the workers' clock
    issues, workers = report.progress(club.db, now)
    locked = control.is_behind(club.db, HighWater(club.journal_folder).claim)
    workers = [worker for worker in workers if worker.name != LOCK]
    slowed = report.slowed(club.db, now)
    host = socket.gethostname()
    lost = report.lost(club.db, host, boot_id())
    there = {one.name: one for one in report.present(club.db, host, now)}
    waiting = [one for one in there.values() if one.name not in {worker.name for worker in workers}]
    at_work = [worker for worker in workers if worker.name not in lost and worker.leased_until > now]
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
                "locked": locked,
                "slowed": [asdict(each) for each in slowed],
            }
        )
        return
    if not issues:
        talk("nothing has been published yet; 'mailer publish ISSUE' does")
        return
    table(
        ("issue", "state", "readers", "accepted", "waiting", "deferred", "failed", "uncertain", "rate"),
        (
            (
                entry.issue.slug,
                entry.issue.state,
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
    for entry in issues:
        if entry.issue.state_cause:
            talk(f"{entry.issue.slug} is {entry.issue.state}: {entry.issue.state_cause}")
        if entry.issue.state == "sending" and entry.issue.send_at > now:
            start = at(entry.issue.send_at, zone, now)
            talk(f"{entry.issue.slug} is due at {start}; {counted(number, 'worker')} running")
        elif entry.finish_at:
            talk(f"{entry.issue.slug} would be through at {at(entry.finish_at, zone, now)}")
        if entry.issue.deadline and entry.waits:
            verb, stop = "stops" if entry.issue.deadline > now else "stopped", at(entry.issue.deadline, zone, now)
            talk(f"{entry.issue.slug} {verb} at {stop}: who still waits then does not get it")
        if entry.next_try:
            deferred = counted(entry.counts[State.DEFERRED], "reader")
            talk(f"{entry.issue.slug} has {deferred} deferred, the next is due at {at(entry.next_try, zone, now)}")
        if missed := entry.counts[State.CANCELLED] + entry.counts[State.SUPPRESSED]:
            talk(f"{entry.issue.slug} did not go to {counted(missed, 'reader')}: 'mailer audit' says why")
        if uncertain := entry.counts[State.UNCERTAIN]:
            who = counted(uncertain, "reader")
            talk(f"{entry.issue.slug} may or may not have reached {who}: 'mailer audit' names them")
    for each in slowed:
        talk(slowdown(each, now))
    for worker in workers:
        left = (worker.leased_until - now).total_seconds()
        who = f"worker {worker.name} on {worker.host} (process {worker.pid})"
        if worker.name in lost or left <= 0:
            why = "died" if worker.name in lost else "let its lease run out"
            talk(f"{who} {why}; 'mailer dispatch' settles the {counted(worker.holds, 'reader')} it held")
        else:
            talk(f"{who} holds {counted(worker.holds, 'reader')}, lease for {span(left)} more")
    for one in there.values():
        if one.trouble:
            talk(f"worker {one.name} is kept from sending: {one.trouble}")
        elif one in waiting:
            talk(f"worker {one.name} on {one.host} (process {one.pid}) is there and waits")
    due = report.next_due(club.db)
    if due and (last := report.set_back(club.db, now)):
        talk(clock_behind(last, zone, now))
    if locked:
        talk("a backup was restored: nothing is sent until 'mailer audit --reconcile'")
    elif due and not number:
        later, soon = "a 'mailer dispatch --forever' must be running then", "run 'mailer dispatch'"
        to_do = later if due > now else soon
        talk(f"nobody is working; {to_do}")
