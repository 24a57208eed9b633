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

    from mailer.cli.output import at, counted, print_json, slowdown, span, table, talk
    from mailer.flows import control, report
    from mailer.model.delivery import State
    from mailer.store.highwater import HighWater
    from mailer.store.journal import boot_id
    from mailer.store.leases import LOCK

    club = open_club(ctx)
    now, zone = club.clock(), club.settings.newsletter.zone
    issues, workers = report.progress(club.db, now)
    locked = control.is_behind(club.db, HighWater(club.journal_folder).claim)
    workers = [worker for worker in workers if worker.name != LOCK]
    slowed = report.slowed(club.db, now)
    lost = report.lost(club.db, socket.gethostname(), boot_id())
    if as_json:
        print_json(
            {
                "issues": [
                    {
                        "issue": entry.issue.slug,
                        "state": entry.issue.state,
                        "cause": entry.issue.state_cause,
                        "frozen": entry.issue.frozen,
                        "counts": entry.counts,
                        "per_second": round(entry.per_second, 2),
                        "finish_at": entry.finish_at,
                        "next_try": entry.next_try,
                    }
                    for entry in issues
                ],
                "workers": [asdict(worker) | {"lost": worker.name in lost} for worker in workers],
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
            due = at(entry.issue.send_at, zone, now)
            talk(f"{entry.issue.slug} is due at {due}; {counted(len(workers) - len(lost), 'worker')} running")
        elif entry.finish_at:
            talk(f"{entry.issue.slug} would be through at {at(entry.finish_at, zone, now)}")
        if entry.next_try:
            deferred = counted(entry.counts[State.DEFERRED], "reader")
            talk(f"{entry.issue.slug} has {deferred} deferred, the next is due at {at(entry.next_try, zone, now)}")
        if cancelled := entry.counts[State.CANCELLED]:
            talk(f"{entry.issue.slug} did not go to {counted(cancelled, 'reader')}: 'mailer audit' says why")
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
    if locked:
        talk("a backup was restored: nothing is sent until 'mailer audit --reconcile'")
    elif len(lost) >= len(workers) and any(entry.issue.state == "sending" for entry in issues):
        talk("nobody is working; run 'mailer dispatch'")
