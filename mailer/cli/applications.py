"""`mailer applications list | show | approve | decline | ask`: the review at a terminal."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any

import click

from mailer.cli import ROW, open_club
from mailer.errors import UsageError
from mailer.sentence import Sentence, word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo

    from mailer.flows.apply import Apply
    from mailer.model.application import Kind, Question
    from mailer.wiring import Club


@click.group()
def applications() -> None:
    """Review applications to join the club."""


def _journey(ctx: click.Context) -> tuple[Club, Apply]:
    from mailer.web.parts import apply_journey

    club = open_club(ctx)
    return club, apply_journey(club, club.write_letter)


@applications.command("list")
@click.option("--state", "states", multiple=True, help="Only these: waiting, asked, approved, declined, expired.")
@click.option("--json", "as_json", is_flag=True, help="One JSON list on stdout.")
@click.pass_context
def list_(ctx: click.Context, states: tuple[str, ...], as_json: bool) -> None:
    """List applications, longest waiting first; without --state those that wait for somebody."""
    from mailer.cli.output import print_json, said, talk
    from mailer.model.application import OPEN, Standing

    unknown = [state for state in states if state not in set(Standing)]
    if unknown:
        what = "no state '%(state)s'; states are %(known)s"
        raise UsageError(Sentence(what, state=unknown[0], known=", ".join(Standing)))
    wanted = [Standing(state) for state in states] or sorted(OPEN)
    club, journey = _journey(ctx)
    rows = journey.cases(wanted)
    if as_json:
        print_json([_data(row) for row in rows])
        return
    for row in rows:
        since = row["confirmed_at"] or row["created_at"]
        day = since.astimezone(club.settings.newsletter.zone).strftime("%Y-%m-%d")
        state = said(word("application", row["state"]))
        click.echo(f"{row['id']}\t{state}\t{day}\t{row['kind']}\t{row['name']}\t{row['address']}")
    if not rows:
        talk(Sentence("no application waits; --state shows others"))


@applications.command()
@click.argument("number", type=ROW)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.pass_context
def show(ctx: click.Context, number: int, as_json: bool) -> None:
    """Show one application with its answers and history."""
    from mailer.cli.output import print_json, said
    from mailer.cli.output import show as line

    club, journey = _journey(ctx)
    case = journey.case(number)
    if as_json:
        earlier = [_data(row) for row in case.earlier]
        print_json(_data(case.application) | {"history": [dict(row) for row in case.history], "earlier": earlier})
        return
    zone = club.settings.newsletter.zone
    application = case.application
    facts: list[tuple[str, str]] = [
        (word("application", "id"), str(application["id"])),
        (Sentence("state"), word("application", application["state"])),
        (word("application", "kind"), _called(journey.kinds.get(application["kind"]), application["kind"])),
        (Sentence("name"), application["name"]),
        (Sentence("address"), application["address"]),
        (word("application", "source"), word("code", application["source"])),
        *_answers(application, journey.kinds.get(application["kind"])),
        (Sentence("newsletter"), Sentence("asked for" if application["wants_newsletter"] else "not asked for")),
    ]
    for name, value in facts:
        click.echo(said(Sentence("%(name)s: %(value)s", name=name, value=value)))
    _tell(case.history, zone)
    for row in case.earlier:
        what = "earlier: %(number)s %(state)s %(kind)s"
        line(Sentence(what, number=row["id"], state=word("application", row["state"]), kind=row["kind"]))
        _tell(row["history"], zone, indent="  ")


def _answers(application: Mapping[str, Any], kind: Kind | None) -> list[tuple[str, str]]:
    """What an applicant answered, each answer with its question as the form calls it."""
    asked = {question.key: question for question in kind.questions} if kind else {}
    return [(_called(asked.get(key), key), text) for key, text in application["answers"].items()]


def _called(one: Kind | Question | None, key: str) -> str:
    """What a form calls a kind of merchant or a question, in the language of the terminal."""
    from mailer.cli.output import language
    from mailer.model.application import in_language

    return in_language(one.label, language()) if one else key


def _tell(history: Sequence[Mapping[str, Any]], zone: tzinfo, indent: str = "") -> None:
    from mailer.cli.output import said

    for row in history:
        step: Sentence = word("application", row["action"])
        if row["note"]:
            step = Sentence("%(name)s: %(value)s", name=step, value=row["note"])
        if row["reviewer"]:
            step = Sentence("%(step)s (%(who)s)", step=step, who=row["reviewer"])
        click.echo(f"{indent}{row['at'].astimezone(zone):%Y-%m-%d %H:%M} {said(step)}")


def _data(row: Any) -> dict[str, Any]:
    return {key: row[key] for key in row if key not in {"match_key", "client", "wording"}}


@applications.command()
@click.argument("number", type=ROW)
@click.option("--note", default="", help="Words for the applicant, in the letter.")
@click.pass_context
def approve(ctx: click.Context, number: int, note: str) -> None:
    """Make the applicant a member, and write to tell."""
    _decide(ctx, number, "approve", note)


@applications.command()
@click.argument("number", type=ROW)
@click.option("--note", default="", help="The reason, for the letter.")
@click.pass_context
def decline(ctx: click.Context, number: int, note: str) -> None:
    """Decline, and write to tell."""
    _decide(ctx, number, "decline", note)


@applications.command()
@click.argument("number", type=ROW)
@click.argument("question")
@click.pass_context
def ask(ctx: click.Context, number: int, question: str) -> None:
    """Ask the applicant QUESTION, and wait for the answer."""
    _decide(ctx, number, "ask", question)


def _decide(ctx: click.Context, number: int, decision: str, note: str) -> None:
    from mailer.cli.output import talk
    from mailer.model.application import LEADS_TO, Decision, check

    chosen = Decision(decision)
    if check(note, "textarea", required=False):
        raise UsageError(Sentence("the words for the applicant are too long or hold control characters"))
    _, journey = _journey(ctx)
    if not journey.decide(number, chosen, getpass.getuser(), note):
        state = journey.case(number).application["state"]
        what = "application %(number)s is %(state)s; nothing was changed"
        raise UsageError(Sentence(what, number=number, state=word("application", state)))
    what = "application %(number)s: %(state)s; the letter is in the outbox, 'mailer dispatch' sends it"
    talk(Sentence(what, number=number, state=word("application", LEADS_TO[chosen])))
