"""`mailer receipt`: all that happened to one reader's copy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from mailer.cli import open_club
from mailer.errors import UsageError, spoken
from mailer.sentence import Sentence, word

_LABELS = {
    "issue": Sentence("issue"),
    "address": Sentence("address"),
    "state": Sentence("state"),
    "cause": Sentence("cause"),
    "destination": Sentence("destination"),
    "tries": Sentence("tries"),
    "changed_at": Sentence("changed at"),
    "language": Sentence("language"),
    "subject": Sentence("subject"),
    "edition_version": Sentence("edition version"),
    "edition_sha256": Sentence("edition sha256"),
    "message_sha256": Sentence("message sha256"),
    "message_bytes": Sentence("message bytes"),
}


@click.command()
@click.argument("issue")
@click.argument("address")
@click.option(
    "--eml",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Write the message, byte for byte, to FILE; - is stdout, and nothing else is printed then.",
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_context
def receipt(ctx: click.Context, issue: str, address: str, eml: Path | None, as_json: bool) -> None:
    """Show all that happened to one reader's copy of an issue.

    Which bytes were sent, on whose consent, every attempt and reply, and what came back.
    """
    from hashlib import sha256

    from mailer.cli.output import print_json, show, table, to_the_second
    from mailer.cli.references import published
    from mailer.flows import report as flow
    from mailer.mail.address import match_key
    from mailer.model.causes import told

    club = open_club(ctx)
    zone = club.settings.newsletter.zone
    found = flow.receipt(club.db, club.keyring, published(club, issue), match_key(address), club.signer)
    row, message = found.delivery, found.message
    if eml == Path("-"):
        click.echo(message.content, nl=False)
        return
    if eml is not None:
        try:
            eml.write_bytes(message.content)
        except OSError as error:
            raise UsageError(Sentence("cannot be written: %(why)s", why=spoken(error)), where=str(eml)) from None
    facts = {
        "issue": found.issue.slug,
        "address": row.address,
        "state": row.state,
        "cause": row.cause,
        "destination": _destination(found.bounces),
        "tries": row.tries,
        "changed_at": row.changed_at,
        "language": row.language,
        "subject": row.subject,
        "edition_version": row.version,
        "edition_sha256": row.digest,
        "message_sha256": sha256(message.content).hexdigest(),
        "message_bytes": len(message.content),
    }
    if as_json:
        lists = {"consents": found.consents, "attempts": found.attempts, "bounces": found.bounces}
        print_json(facts | {name: [dict(entry._mapping) for entry in rows] for name, rows in lists.items()})
        return
    shown = facts | {"state": Sentence(row.state), "cause": told(row.cause)}
    shown["changed_at"] = to_the_second(row.changed_at, zone)
    table(("", ""), [(_LABELS[name], value) for name, value in shown.items()])
    at, kind = Sentence("at"), Sentence("kind")
    for title, header, rows in (
        (
            Sentence("Consents"),
            (at, Sentence("what"), Sentence("from"), Sentence("language"), Sentence("wording")),
            [(r.at, word("code", r.action), word("code", r.source), r.language, r.wording) for r in found.consents],
        ),
        (
            Sentence("Attempts"),
            (at, Sentence("worker"), Sentence("relay"), Sentence("phase"), Sentence("state"), Sentence("reply")),
            [
                (r.at, r.worker, r.relay, word("phase", r.phase), Sentence(r.state), f"{r.code or ''} {r.text}".strip())
                for r in found.attempts
            ],
        ),
        (
            Sentence("Bounces"),
            (at, Sentence("by"), kind, Sentence("reason"), Sentence("text")),
            [(r.at, word("via", r.via), word("code", r.kind), word("code", r.reason), r.text) for r in found.bounces],
        ),
    ):
        if rows:
            click.echo()
            show(title)
            table(header, ((to_the_second(r[0], zone), *(value or "" for value in r[1:])) for r in rows))


def _destination(bounces: Sequence[Any]) -> Sentence:
    """What the receiving server told the relay last, by the relay's log; "" where no log was read."""
    from mailer.cli.output import one_line

    said = next((one for one in reversed(bounces) if one.via == "log"), None)
    if said is None:
        return Sentence("")
    answer = {"none": "sent", "delay": "deferred"}.get(said.kind, "bounced")
    return Sentence("%(name)s: %(value)s", name=word("log", answer), value=one_line(said.text))
