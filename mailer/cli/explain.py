"""`mailer bounces explain`: what was read in a returned mail or a reply, and which rule spoke."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mailer.cli.output import one_line, print_json
from mailer.errors import UsageError

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
        raise UsageError("name a file with a returned mail, or --replies FILE")
    for name in files:
        from mailer.intake.mailbox import MAX_SIZE
        from mailer.model.reading import read_mail

        try:
            with click.open_file(name, "rb") as stream:
                raw = stream.read(MAX_SIZE)
        except OSError as error:
            raise UsageError(f"cannot be read: {error.strerror}", where=name) from None
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
    click.echo(f"{name}: {reading.kind}" + (f", {reading.reason}" if reading.reason else "") + f"; {reading.form}")
    for each in reading.results:
        diagnosis = each.diagnosis
        click.echo(f"  {each.recipient or 'nobody named'}: {diagnosis.kind}, {diagnosis.reason} ({diagnosis.family})")
        if each.text:
            click.echo(f"    said: {_shortened(each.text)}")
        click.echo(f"    whose fault: {diagnosis.fault}; status: {diagnosis.status or 'none'}; rule: {diagnosis.rule}")
        click.echo(f"    alone it would lead to: {_consequence(diagnosis)}")


def _shortened(text: str) -> str:
    """What a server said, as much as is seen at a glance."""
    line = one_line(text[:1000])
    return line if len(line) <= MAX_SHOWN else f"{line[:MAX_SHOWN]} ..."


def _print_reply(line: str, diagnosis: Diagnosis, as_json: bool) -> None:
    if as_json:
        hard = diagnosis.kind == "hard"
        print_json({"text": line, "hard": hard, **_plain(diagnosis)}, indent=None)
    else:
        click.echo(f"{diagnosis.kind}\t{diagnosis.reason}\t{diagnosis.family}\t{diagnosis.rule}\t{one_line(line)}")


def _plain(diagnosis: Diagnosis) -> dict[str, str]:
    return {
        "kind": diagnosis.kind.value,
        "reason": diagnosis.reason,
        "family": diagnosis.family.value,
        "fault": diagnosis.fault.value,
        "status": diagnosis.status,
        "rule": diagnosis.rule,
    }


def _consequence(diagnosis: Diagnosis) -> str:
    """What a first bounce of this kind would lead to."""
    from datetime import UTC, datetime

    from mailer.model.suppression import Fact, History, judge

    now = datetime(2000, 1, 1, tzinfo=UTC)  # any moment: a history of one fact
    verdict = judge(History((Fact(now, diagnosis.kind, diagnosis.reason),)), now)
    return f"{verdict.action} ({verdict.why})"
