"""`mailer doctor`: what is right, what is not, and what to do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from mailer.cli import open_club
from mailer.errors import MailerError
from mailer.sentence import Sentence, clauses, word

if TYPE_CHECKING:
    from mailer.cli.probe import Trial
    from mailer.wiring import Club


@click.command()
@click.option("--probe", is_flag=True, help="Send a mail to nobody over each relay, and see what of it comes back.")
@click.option("--to", default="", metavar="DOMAIN", help="With --probe: nobody's domain, or address. Default: our own.")
@click.option("--wait", default=60.0, show_default=True, metavar="SECONDS", help="With --probe: how long, at most.")
@click.option("--dns", is_flag=True, help="Look up the DKIM records, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def doctor(ctx: click.Context, probe: bool, to: str, wait: float, dns: bool, as_json: bool) -> None:
    """Say what is right, what is not, and what to do.

    Looks at the settings, the key, the database, the relay (connection, TLS, login; nothing is sent) and what
    readers and the law need. Exit code 1 when something is wrong.

    --probe sends a mail to an address that does not exist and tells which carriers of the signed token (return path,
    Message-ID, List-Unsubscribe) come back with the report about it. No reader's state changes.
    """
    from mailer.cli.health import examine
    from mailer.cli.health.finding import Finding
    from mailer.cli.output import print_json, table, talk

    club = open_club(ctx)
    findings = list(examine(club, dns))
    trials: list[Trial] = []
    if probe:
        from mailer.cli.probe import findings as shown

        try:
            trials = _probe(club, to, wait)
        except MailerError as error:
            findings.append(Finding(Sentence("probe"), "wrong", error.sentence))
        findings += shown(trials, wait)
    wrong = sum(finding.state == "wrong" for finding in findings)
    if as_json:
        value: dict[str, Any] = {"right": not wrong, "findings": [asdict(finding) for finding in findings]}
        print_json(value | ({"probes": [trial.plain() for trial in trials]} if probe else {}))
    else:
        marks = {"right": Sentence("ok"), "advice": Sentence("advice"), "wrong": Sentence("WRONG")}
        table(
            ("", Sentence("about"), word("doctor", "what")),
            ((marks[one.state], one.about, clauses(filter(None, (one.text, one.todo)))) for one in findings),
        )
        talk(Sentence("%(count)s wrong", count=wrong) if wrong else Sentence("nothing is wrong"))
    ctx.exit(1 if wrong else 0)


def _probe(club: Club, to: str, wait: float) -> list[Trial]:
    from mailer.cli import probe
    from mailer.store import returned

    after = club.db.read(returned.last_id)
    trials = probe.send(club, to)
    probe.watch(club, trials, wait, after)
    return trials
