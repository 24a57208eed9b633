"""`mailer bounces`: list what came back and judge it; the ways in and `explain` have files of their own."""

from __future__ import annotations

import sys

import click

from mailer.cli import ROW, open_club, output
from mailer.cli.explain import explain
from mailer.cli.returned import fetch, listen, log, take
from mailer.errors import NotFound, UsageError
from mailer.sentence import Sentence, word

_DIFFERENCE = ("address", "change", "reason", "why")


@click.group()
def bounces() -> None:
    """Take in, explain and list returned mail."""


for command in (explain, fetch, listen, log, take):
    bounces.add_command(command)


@bounces.command("list")
@click.argument("needle", default="")
@click.option("--unverified", is_flag=True, help="Only reports without a token of ours.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=50, show_default=True, help="Most rows printed.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_context
def list_(ctx: click.Context, needle: str, unverified: bool, limit: int, as_json: bool) -> None:
    """List bounces, the newest first; NEEDLE is a kind, a reason, a family or part of an address."""
    from mailer.store import bounces as store

    club = open_club(ctx)
    rows = club.db.read(store.recent, needle=needle, unverified=unverified, limit=limit)
    if as_json:
        output.print_json([dict(row._mapping) for row in rows])
        return
    for row in rows:
        nobody = Sentence("%(who)s (unverified)", who=row.recipient or Sentence("nobody named"))
        when = output.at(row.at, club.settings.newsletter.zone)
        kind, reason, via = word("code", row.kind), word("code", row.reason), word("via", row.via)
        click.echo("\t".join(map(output.said, (str(row.id), when, kind, reason, row.address or nobody, via))))


@bounces.command()
@click.argument("bounce_id", type=ROW)
@click.option("--raw", is_flag=True, help="Print the mail as it came.")
@click.pass_context
def show(ctx: click.Context, bounce_id: int, raw: bool) -> None:
    """Show one bounce with its evidence."""
    from mailer.store import bounces as store
    from mailer.store import returned

    club = open_club(ctx)
    row = club.db.read(store.by_id, bounce_id)
    if row is None:
        raise NotFound(Sentence("no bounce %(number)s; 'mailer bounces list' shows them", number=bounce_id))
    if raw:
        mail = club.db.read(returned.by_id, row.raw_id) if row.raw_id else None
        if mail is None:
            what = "bounce %(number)s came in the SMTP dialogue; there is no mail"
            raise NotFound(Sentence(what, number=bounce_id))
        if not mail.content:
            what = "the mail of bounce %(number)s was dropped: erased, or older than [bounces] keep_days"
            raise NotFound(Sentence(what, number=bounce_id))
        sys.stdout.buffer.write(mail.content)
        return
    facts = {
        **row._mapping,
        "at": output.at(row.at, club.settings.newsletter.zone),
        "via": word("via", row.via),
        **{name: word("code", row._mapping[name]) for name in ("kind", "reason", "family")},
    }
    for name, value in facts.items():
        if value not in (None, ""):
            told = value if isinstance(value, Sentence) else output.one_line(value)
            output.show(Sentence("%(name)s: %(value)s", name=word("bounce", name), value=told))


@bounces.command()
@click.option("--replay", is_flag=True, help="Judge every reader with bounces again; without --apply only show.")
@click.option("--apply", "apply_", is_flag=True, help="Make the suppressions that are missing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a reader.")
@click.pass_context
def judge(ctx: click.Context, replay: bool, apply_: bool, as_json: bool) -> None:
    """Judge all histories by today's policy, and show what would differ from the suppression list."""
    if not replay:
        raise UsageError(Sentence("say --replay"))
    from mailer.flows.rejudge import replay as run

    club = open_club(ctx)
    found = 0
    for difference in run(club.db, club.clock(), apply=apply_):
        found += 1
        values = (difference.address, difference.change, difference.verdict.reason, difference.verdict.why)
        if as_json:
            output.print_json(dict(zip(_DIFFERENCE, values, strict=True)), indent=None)
        else:
            reader, change, reason, why = values
            told = (reader, word("code", change), word("code", reason), why)
            click.echo("\t".join(map(output.said, told)))
    if not found:
        output.talk(Sentence("no reader would stand otherwise by today's policy"))
    elif apply_:
        what = "%(readers)s would stand otherwise by today's policy; what was missing is made, nothing is lifted"
        output.talk(Sentence(what, readers=output.readers(found)))
    else:
        output.talk(Sentence("%(readers)s would stand otherwise by today's policy", readers=output.readers(found)))
