"""`mailer bounces`: take returned mail in, explain it, list what came."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mailer.cli import open_club, output
from mailer.errors import MailerError, NotFound, StoreError, UsageError

if TYPE_CHECKING:
    from mailer.flows.bounce import TakeIn
    from mailer.model.bounce import Diagnosis
    from mailer.model.reading import Reading
    from mailer.wiring import Club

_DIFFERENCE = ("address", "change", "reason", "why")
TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h: a mail server keeps the mail and asks again


@click.group()
def bounces() -> None:
    """Take in, explain and list returned mail."""


@bounces.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--replies", "replies", type=click.File("r", errors="replace"), help="Read one SMTP reply a line.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def explain(files: tuple[str, ...], replies: Any, as_json: bool) -> None:
    """Show what was read in returned mails, and which rule spoke. Changes nothing, needs no club.

    With --replies FILE one SMTP reply stands on a line.
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
        click.echo(json.dumps(value, ensure_ascii=False))
        return
    click.echo(f"{name}: {reading.kind}" + (f", {reading.reason}" if reading.reason else "") + f"; {reading.form}")
    for each in reading.results:
        diagnosis = each.diagnosis
        click.echo(f"  {each.recipient or 'nobody named'}: {diagnosis.kind}, {diagnosis.reason} ({diagnosis.family})")
        click.echo(f"    whose fault: {diagnosis.fault}; status {diagnosis.status or 'none'}; rule {diagnosis.rule}")
        click.echo(f"    alone it would lead to: {_consequence(diagnosis)}")


def _print_reply(line: str, diagnosis: Diagnosis, as_json: bool) -> None:
    if as_json:
        hard = diagnosis.kind == "hard"
        click.echo(json.dumps({"text": line, "hard": hard, **_plain(diagnosis)}, ensure_ascii=False))
    else:
        click.echo(f"{diagnosis.kind}\t{diagnosis.reason}\t{diagnosis.family}\t{diagnosis.rule}\t{line}")


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


@bounces.command()
@click.argument("place", default="-")
@click.option("--to", "envelope_to", default="", help="The envelope recipient, when the mail server tells it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a mail.")
@click.pass_context
def take(ctx: click.Context, place: str, envelope_to: str, as_json: bool) -> None:
    """Take in returned mail from PLACE: a Maildir, an mbox, a mail in a file, or - (a pipe; the default).

    In a pipe the exit code 75 tells the mail server to keep the mail and try again.
    """
    from mailer.intake import mailbox

    try:
        journey = open_club(ctx).returned_mail()
        for incoming in mailbox.read(place):
            taken = journey.take(incoming.raw, incoming.via, envelope_to)
            incoming.done()
            value = {"state": taken.state, "kind": taken.reading.kind, "reason": taken.reading.reason}
            click.echo(
                json.dumps({**value, "what": taken.sentence})
                if as_json
                else f"{taken.state}: {taken.reading.kind}, {taken.reading.reason or '-'}; {taken.sentence}"
            )
        journey.catch_up()
    except OSError as error:
        if place != "-":
            raise UsageError(f"cannot be read: {error.strerror}", where=place) from None
        output.talk(f"mailer: the mail cannot be read: {error.strerror}")
        ctx.exit(TRY_AGAIN)
    except StoreError as error:
        output.talk(f"mailer: {error}")
        ctx.exit(TRY_AGAIN)
    except MailerError as error:
        if place != "-":
            raise
        output.talk(f"mailer: {error}")
        ctx.exit(TRY_AGAIN)


@bounces.command()
@click.option("--lmtp", is_flag=True, help="Speak LMTP instead of SMTP.")
@click.pass_context
def listen(ctx: click.Context, lmtp: bool) -> None:
    """Listen for returned mail at [bounces] listen until Ctrl-C; takes only mail to return paths we signed."""
    import asyncio

    club = open_club(ctx)
    host, _, port = club.settings.bounces.listen.rpartition(":")
    if not port.isdigit():
        raise UsageError("[bounces] listen must be host:port")
    try:
        asyncio.run(_listen(club.returned_mail(), host.strip("[]"), int(port), lmtp))
    except KeyboardInterrupt:
        output.talk("stopped")
    except OSError as error:
        raise UsageError(f"cannot listen at {club.settings.bounces.listen}: {error.strerror}") from None


async def _listen(journey: TakeIn, host: str, port: int, lmtp: bool) -> None:
    """Mails are kept before their 250 and read a moment later; what a crash left unread is read at the start."""
    import asyncio

    from mailer.intake.listener import Door, Listener

    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()

    def keep(mails: Sequence[tuple[bytes, str]]) -> None:
        journey.keep(mails, "lmtp" if lmtp else "smtp-in")
        loop.call_soon_threadsafe(arrived.set)

    async with Listener(Door(journey.welcome, keep), host, port, lmtp=lmtp) as listener:
        output.talk(f"listening for returned mail at {host}:{listener.port}; Ctrl-C stops")
        arrived.set()
        while True:
            await arrived.wait()
            arrived.clear()
            try:
                while await asyncio.to_thread(journey.read_kept):
                    pass
            except StoreError as error:
                output.talk(f"mailer: {error}; trying again")
                await asyncio.sleep(5)
                arrived.set()


@bounces.command()
@click.argument("file", default="")
@click.pass_context
def log(ctx: click.Context, file: str) -> None:
    """Read the local Postfix's log: what the receiving servers answered.

    FILE is a log file ([bounces] log when none is named), read from where the last run stopped, or - for
    `journalctl -o short -t postfix/...`.
    """
    from datetime import timedelta

    from mailer.flows import relay_log

    club = open_club(ctx)
    name = file or club.settings.bounces.log
    if not name:
        raise UsageError("name the relay's log, or put it into [bounces] log")
    age = timedelta(days=club.settings.bounces.max_age_days)
    if name == "-":
        with click.open_file("-", encoding="utf-8", errors="replace") as lines:
            tally = relay_log.take_stream(club.db, club.keyring, lines, club.clock(), age)
    else:
        path = club.folder / name if not file else Path(file).absolute()
        try:
            tally = relay_log.take_file(club.db, club.keyring, path, club.clock(), age)
        except OSError as error:
            raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from None
    seen = ", ".join(f"{count} {status}" for status, count in sorted(tally.seen.items())) or "nothing of ours"
    click.echo(f"{seen}; {tally.new} new, {tally.healed} uncertain deliveries proved")
    _look_up(club)


@bounces.command("list")
@click.argument("needle", default="")
@click.option("--unverified", is_flag=True, help="Only reports without a token of ours.")
@click.option("--limit", default=50, show_default=True, help="Most rows printed.")
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
        who = row.address or f"{row.recipient or 'nobody named'} (unverified)"
        when = output.at(row.at, club.settings.newsletter.zone)
        click.echo(f"{row.id}\t{when}\t{row.kind}\t{row.reason}\t{who}\t{row.via}")


@bounces.command()
@click.argument("bounce_id", type=int)
@click.option("--raw", is_flag=True, help="Print the mail as it came.")
@click.pass_context
def show(ctx: click.Context, bounce_id: int, raw: bool) -> None:
    """Show one bounce with its evidence."""
    from mailer.store import bounces as store
    from mailer.store import returned

    club = open_club(ctx)
    row = club.db.read(store.by_id, bounce_id)
    if row is None:
        raise NotFound(f"no bounce {bounce_id}; 'mailer bounces list' shows them")
    if raw:
        mail = club.db.read(returned.by_id, row.raw_id) if row.raw_id else None
        if mail is None:
            raise NotFound(f"bounce {bounce_id} came in the SMTP dialogue; there is no mail")
        sys.stdout.buffer.write(mail.content)
        return
    for name, value in row._mapping.items():
        if value not in (None, ""):
            click.echo(f"{name}: {value}")


@bounces.command()
@click.option("--replay", is_flag=True, help="Judge every reader with bounces again; without --apply only show.")
@click.option("--apply", "apply_", is_flag=True, help="Make the suppressions that are missing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a reader.")
@click.pass_context
def judge(ctx: click.Context, replay: bool, apply_: bool, as_json: bool) -> None:
    """Judge all histories by today's policy, and show what would differ from the suppression list."""
    if not replay:
        raise UsageError("say --replay")
    from mailer.flows.rejudge import replay as run

    club = open_club(ctx)
    found = 0
    for difference in run(club.db, club.clock(), apply=apply_):
        found += 1
        values = (difference.address, difference.change, difference.verdict.reason, difference.verdict.why)
        line = (
            json.dumps(dict(zip(_DIFFERENCE, values, strict=True)), ensure_ascii=False)
            if as_json
            else "\t".join(values)
        )
        click.echo(line)
    output.talk(f"{found} differ" + ("; applied" if apply_ and found else ""))


@bounces.command()
@click.pass_context
def fetch(ctx: click.Context) -> None:
    """Fetch returned mail from the IMAP mailboxes in [bounces] mailboxes; kept first, then moved to Processed.

    A mailbox that cannot be read does not keep the others waiting; the exit code is 1 then.
    """
    from mailer.intake import imap
    from mailer.store import returned

    club = open_club(ctx)
    if not club.settings.bounces.mailboxes:
        raise UsageError("[bounces] mailboxes names no mailbox; write imaps://user:password@host/INBOX")
    journey = club.returned_mail()
    failed = False
    for place in [imap.parse(secret.get_secret_value()) for secret in club.settings.bounces.mailboxes]:
        try:
            done = imap.fetch(place, lambda raw: journey.take(raw, "imap").state != returned.UNVERIFIED)
        except UsageError as error:
            output.talk(f"mailer: {error}")
            failed = True
            continue
        click.echo(f"{place.host}/{place.folder}: {done.taken} taken, {done.unknown} without a token of ours")
        if done.stuck:
            output.talk(f"{done.stuck} may not be moved there and will be read again by every run")
    journey.catch_up()
    _look_up(club)
    ctx.exit(1 if failed else 0)


def _look_up(club: Club) -> None:
    for domain, gone in club.look_up_domains().items():
        output.talk(
            f"{domain}: {'gone; its readers are suppressed' if gone else 'takes mail; its readers were let go'}"
        )
