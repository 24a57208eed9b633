"""`mailer report`: what became of an issue."""

from __future__ import annotations

import click

from mailer.cli import open_club
from mailer.sentence import Sentence, word


@click.command()
@click.argument("issue")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_context
def report(ctx: click.Context, issue: str, as_json: bool) -> None:
    """Show what became of an issue.

    States, refusals, bounces, the biggest domains, and who left.
    """
    from mailer.cli.output import at, print_json, readers, show, table, talk
    from mailer.cli.references import published
    from mailer.flows import report as flow
    from mailer.model.causes import told

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
    frozen = audit.issue.frozen
    what = "%(state)s; frozen for %(readers)s at %(time)s"
    show(
        Sentence(what, state=Sentence(audit.issue.state), readers=readers(frozen), time=at(audit.issue.frozen_at, zone))
    )
    if found.first_accepted and found.last_accepted:
        first, last = at(found.first_accepted, zone), at(found.last_accepted, zone)
        show(Sentence("accepted from %(first)s to %(last)s", first=first, last=last))
    click.echo()
    table(
        (Sentence("state"), Sentence("readers"), Sentence("share")),
        (
            (Sentence(state), f"{count:,}", f"{count / max(1, frozen):.1%}")
            for state, count in audit.counts.items()
            if count
        ),
    )
    number, answer, domain = Sentence("readers"), Sentence("answer"), Sentence("domain")
    count, kind, reason = Sentence("count"), Sentence("kind"), Sentence("reason")
    causes = [(Sentence(state), told(cause), count) for state, cause, count in audit.causes]
    for title, header, rows in (
        (Sentence("Left out"), (reason, number), [(Sentence(why), count) for why, count in audit.excluded.items()]),
        (
            Sentence("Not accepted"),
            (Sentence("state"), Sentence("cause"), number),
            causes,
        ),
        (
            Sentence("Bounces"),
            (kind, reason, count),
            [(word("code", kind), word("code", reason), count) for kind, reason, count in found.bounces],
        ),
        (Sentence("Bounces by day"), (Sentence("day"), count), list(found.bounce_days.items())),
        (Sentence("Bounces by domain"), (domain, count), list(found.bounce_domains.items())),
        (Sentence("What the receiving servers told the relay"), (answer, number), list(found.destinations.items())),
        (Sentence("Biggest domains"), (domain, number, Sentence("accepted")), found.domains),
    ):
        if rows:
            click.echo()
            show(title)
            table(header, rows)
            if rows is causes and audit.unexplained:
                show(Sentence("and %(readers)s for other reasons", readers=readers(audit.unexplained)))
    click.echo()
    left = Sentence("%(count)s left the list by a link of this issue", count=found.left)
    show(left if found.left else Sentence("nobody left the list by a link of this issue"))
    if not audit.finished:
        talk(Sentence("not finished yet: 'mailer status' shows what is waited for"))
