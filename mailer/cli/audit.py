"""`mailer audit`: the proof that every reader is accounted for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mailer.cli import open_club
from mailer.errors import UsageError
from mailer.sentence import Sentence

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mailer.wiring import Club

PROOF = (
    *("delivery", "address", "state", "language", "edition_sha256", "tries", "changed_at", "cause"),
    *("attempt_at", "relay", "phase", "code", "status", "reply"),
)


@click.command()
@click.argument("issue", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Write the proof per reader, one row each; - is stdout.",
)
@click.option("--reconcile", is_flag=True, help="After a backup was restored: name what may have gone out since.")
@click.pass_context
def audit(ctx: click.Context, issue: str | None, as_json: bool, csv_file: Path | None, reconcile: bool) -> None:
    """Prove that every reader of an issue is accounted for.

    Every reader frozen stands in exactly one state. Exits 1 when the counts do not add up. Uncertain deliveries are
    named: handed over, answer never seen.
    """
    from mailer.cli.output import print_json, readers, said, show, table, talk, to_the_second
    from mailer.cli.references import published
    from mailer.flows import report as flow
    from mailer.model.causes import told

    club = open_club(ctx)
    if reconcile:
        _reconcile(club)
        return
    if issue is None:
        raise UsageError(Sentence("say which issue; 'mailer status' lists them"))
    reference = published(club, issue)
    found = flow.audit(club.db, reference)
    if csv_file is not None:
        _write_proof(flow.proof(club.db, reference), csv_file, club.settings.newsletter.zone)
    elif as_json:
        print_json(
            {
                "issue": found.issue.slug,
                "state": found.issue.state,
                "frozen": found.issue.frozen,
                "counts": found.counts,
                "excluded": found.excluded,
                "balanced": found.balanced,
                "finished": found.finished,
                "causes": [dict(zip(("state", "cause", "count"), row, strict=True)) for row in found.causes],
                "uncertain": [
                    {
                        "address": one.address,
                        "at": one.at,
                        "worker": one.worker,
                        "relay": one.relay,
                        "cause": one.cause,
                    }
                    for one in found.uncertain
                ],
            }
        )
    else:
        zone = club.settings.newsletter.zone
        click.echo(f"{found.issue.slug}  {found.issue.title}")
        terms = " + ".join(f"{count:,} {said(Sentence(state))}" for state, count in found.counts.items() if count)
        sign = "=" if found.balanced else "≠"
        what = "%(count)s frozen %(sign)s %(terms)s"
        show(Sentence(what, count=f"{found.issue.frozen:,}", sign=sign, terms=terms or 0))
        for reason, count in found.excluded.items():
            show(Sentence("%(count)s left out: %(reason)s", count=f"{count:,}", reason=Sentence(reason)))
        if found.causes:
            click.echo()
            show(Sentence("Not accepted"))
            causes = [(Sentence(state), told(cause), count) for state, cause, count in found.causes]
            table((Sentence("state"), Sentence("cause"), Sentence("readers")), causes)
            if found.unexplained:
                show(Sentence("and %(readers)s for other reasons", readers=readers(found.unexplained)))
        if found.uncertain:
            click.echo()
            show(Sentence("Uncertain: handed over, answer never seen"))
            table(
                (Sentence("reader"), Sentence("at"), Sentence("worker"), Sentence("relay"), Sentence("cause")),
                (
                    (one.address, to_the_second(one.at, zone), one.worker, one.relay, told(one.cause))
                    for one in found.uncertain
                ),
            )
    if not found.balanced:
        what = "the counts do not add up: stop sending, keep the database as it is, and report this as a bug"
        talk(Sentence(what))
    elif found.uncertain and not found.issue.is_overdue(club.now()):
        what = "%(readers)s uncertain: 'mailer retry %(slug)s --uncertain' may give them a second copy"
        talk(Sentence(what, readers=readers(len(found.uncertain)), slug=found.issue.slug))
    elif not found.finished:
        talk(Sentence("not finished yet: 'mailer status' shows what is waited for"))
    ctx.exit(0 if found.balanced else 1)


def _write_proof(rows: Iterable[Iterable[Any]], path: Path, zone: ZoneInfo) -> None:
    import csv
    from datetime import datetime

    from mailer.cli.output import cell

    with click.open_file(str(path), "w", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(PROOF)
        for row in rows:
            writer.writerow([cell(v.astimezone(zone) if isinstance(v, datetime) else v) for v in row])


def _reconcile(club: Club) -> None:
    from mailer.cli.output import readers, talk
    from mailer.flows import control
    from mailer.store.highwater import HighWater

    mark = HighWater(club.journal_folder)
    if mark.claim and not control.is_behind(club.db, mark.claim):
        talk(Sentence("nothing to reconcile: the database knows all that was sent from this host"))
        return
    missing = [slug for slug in mark.issues if not control.knows(club.db, slug, mark.rows[slug])]
    found = control.reconcile(
        club.db, mark.claim, mark.delivery, club.clock(), sent=mark.issues, missing=missing, place=club.place
    )
    for slug, count in found.items():
        what = "%(slug)s: %(readers)s uncertain, because the backup does not tell whether they were sent it"
        talk(Sentence(what, slug=slug, readers=readers(count)))
    for slug in missing:
        what = "%(slug)s was sent from here and is not in the database; publishing it again is refused"
        talk(Sentence(what, slug=slug))
    what = "the database may send again; 'mailer bounces log' and 'mailer retry ISSUE --uncertain' settle the uncertain"
    talk(Sentence(what))
