"""`mailer report`: what became of an issue."""

from __future__ import annotations

import click

from mailer.cli import open_club


@click.command()
@click.argument("issue")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_context
def report(ctx: click.Context, issue: str, as_json: bool) -> None:
    """Show what became of an issue.

    States, refusals, bounces, the biggest domains, and who left.
    """
    from mailer.cli.output import at, print_json, table, talk
    from mailer.cli.references import published
    from mailer.flows import report as flow

    club = open_club(ctx)
    zone = club.settings.newsletter.zone
    found = flow.report(club.db, published(club, issue), zone)
    audit = found.audit
    if as_json:
        print_json(
            {
                "issue": audit.issue.slug,
                "title": audit.issue.title,
                "state": audit.issue.state,
                "frozen": audit.issue.frozen,
                "counts": audit.counts,
                "excluded": audit.excluded,
                "first_accepted": found.first_accepted,
                "last_accepted": found.last_accepted,
                "failures": [dict(zip(("state", "cause", "count"), row, strict=True)) for row in audit.causes],
                "domains": [dict(zip(("domain", "readers", "accepted"), row, strict=True)) for row in found.domains],
                "bounces": [dict(zip(("kind", "reason", "count"), row, strict=True)) for row in found.bounces],
                "bounces_by_day": found.bounce_days,
                "bounces_by_domain": found.bounce_domains,
                "destinations": found.destinations,
                "left": found.left,
            }
        )
        return
    click.echo(f"{audit.issue.slug}  {audit.issue.title}")
    click.echo(f"{audit.issue.state}; frozen for {audit.issue.frozen:,} readers at {at(audit.issue.frozen_at, zone)}")
    if found.first_accepted and found.last_accepted:
        click.echo(f"accepted from {at(found.first_accepted, zone)} to {at(found.last_accepted, zone)}")
    click.echo()
    table(
        ("state", "readers", "share"),
        (
            (state, f"{count:,}", f"{count / max(1, audit.issue.frozen):.1%}")
            for state, count in audit.counts.items()
            if count
        ),
    )
    for title, header, rows in (
        ("Left out", ("reason", "readers"), list(audit.excluded.items())),
        ("Not accepted", ("state", "cause", "readers"), audit.causes),
        ("Bounces", ("kind", "reason", "count"), found.bounces),
        ("Bounces by day", ("day", "count"), list(found.bounce_days.items())),
        ("Bounces by domain", ("domain", "count"), list(found.bounce_domains.items())),
        ("What the receiving servers told the relay", ("answer", "readers"), list(found.destinations.items())),
        ("Biggest domains", ("domain", "readers", "accepted"), found.domains),
    ):
        if rows:
            click.echo(f"\n{title}")
            table(header, rows)
    click.echo(f"\n{found.left} left the list by a link of this issue" if found.left else "\nnobody left the list")
    if not audit.finished:
        talk("not finished yet: 'mailer status' shows what is waited for")
