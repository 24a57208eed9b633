"""`mailer bounces explain`: what was read in a returned mail or a reply, and which rule spoke."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mailer.cli.output import one_line, print_json, said, show
from mailer.errors import UsageError, spoken
from mailer.sentence import Sentence, listed, word

if TYPE_CHECKING:
    from mailer.model.bounce import Diagnosis
    from mailer.model.reading import Reading


MAX_SHOWN = 200


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--replies", "replies", type=click.File("r", errors="replace"), help="Read one SMTP reply a line.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def explain(files: tuple[str, ...], replies: Any, as_json: bool) -> None:
    """Show what was read in returned mails, and which rule spoke.

    Changes nothing, needs no club. With --replies FILE one SMTP reply stands on a line.
    """
    if not files and replies is None:
        raise UsageError(Sentence("name a file with a returned mail, or --replies FILE"))
    for name in files:
        from mailer.intake.mailbox import MAX_SIZE
        from mailer.model.reading import read_mail

        try:
            with click.open_file(name, "rb") as stream:
                raw = stream.read(MAX_SIZE)
        except OSError as error:
            raise UsageError(Sentence("cannot be read: %(why)s", why=spoken(error)), where=name) from None
        _print_reading(name, read_mail(raw), as_json)
    for line in replies or ():
        from mailer.model.diagnosis import classify_line

        _print_reply(line.rstrip("\r\n"), classify_line(line), as_json)


def _print_reading(name: str, reading: Reading, as_json: bool) -> None:
    if as_json:
        results = [{"recipient": each.recipient, **_plain(each.diagnosis)} for each in reading.results]
        value = {
            "file": name,
            "recipients": list(reading.recipients),
            "kind": reading.kind,
            "reason": reading.reason,
            "family": reading.family,
            "form": reading.form,
            "results": results,
        }
        print_json(value, indent=None)
        return
    read = listed(word("code", code) for code in (reading.kind, reading.reason) if code)
    what = "%(file)s: %(read)s; %(form)s"
    show(Sentence(what, file=name, read=read, form=word("form", reading.form)))
    for each in reading.results:
        diagnosis = each.diagnosis
        what = "  %(who)s: %(kind)s, %(reason)s (%(family)s)"
        kind, reason, family = (word("code", code) for code in (diagnosis.kind, diagnosis.reason, diagnosis.family))
        who = each.recipient or Sentence("nobody named")
        show(Sentence(what, who=who, kind=kind, reason=reason, family=family))
        if each.text:
            show(Sentence("    said: %(text)s", text=_shortened(each.text)))
        what = "    whose fault: %(fault)s; status: %(status)s; rule: %(rule)s"
        status = diagnosis.status or Sentence("none")
        show(Sentence(what, fault=word("code", diagnosis.fault), status=status, rule=diagnosis.rule))
        show(Sentence("    alone it would lead to: %(what)s", what=_consequence(diagnosis)))


def _shortened(text: str) -> str:
    """What a server said, as much as is seen at a glance."""
    line = one_line(text[:1000])
    return line if len(line) <= MAX_SHOWN else f"{line[:MAX_SHOWN]} ..."


def _print_reply(line: str, diagnosis: Diagnosis, as_json: bool) -> None:
    if as_json:
        hard = diagnosis.kind == "hard"
        print_json({"text": line, "hard": hard, **_plain(diagnosis)}, indent=None)
    else:
        codes = (word("code", code) for code in (diagnosis.kind, diagnosis.reason, diagnosis.family))
        click.echo("\t".join((*map(said, codes), diagnosis.rule, one_line(line))))


def _plain(diagnosis: Diagnosis) -> dict[str, str]:
    return {
        "kind": diagnosis.kind.value,
        "reason": diagnosis.reason,
        "family": diagnosis.family.value,
        "fault": diagnosis.fault.value,
        "status": diagnosis.status,
        "rule": diagnosis.rule,
    }


def _consequence(diagnosis: Diagnosis) -> Sentence:
    """What a first bounce of this kind would lead to."""
    from datetime import UTC, datetime

    from mailer.model.suppression import Fact, History, judge

    now = datetime(2000, 1, 1, tzinfo=UTC)  # any moment: a history of one fact
    verdict = judge(History((Fact(now, diagnosis.kind, diagnosis.reason),)), now)
    return Sentence("%(step)s (%(why)s)", step=word("code", verdict.action), why=verdict.why)
