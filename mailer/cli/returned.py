"""The ways in of `mailer bounces`: a file or a pipe, a listener, mailboxes, the relay's log."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mailer.cli import open_club, output
from mailer.errors import MailerError, StoreError, UsageError, spoken
from mailer.sentence import Sentence, clauses, listed, word

if TYPE_CHECKING:
    from mailer.flows.bounce import TakeIn
    from mailer.intake.listener import Door
    from mailer.wiring import Club

TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h: a mail server keeps the mail and asks again
LINE_SECONDS = 60.0


@click.command()
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
            what = taken.sentence
            if taken.reading.cut:
                what = clauses([what, Sentence("read in part: beyond our bounds")])
            kind, reason = taken.reading.kind, taken.reading.reason
            if as_json:
                click.echo(json.dumps({"state": taken.state, "kind": kind, "reason": reason, "what": what}))
            else:
                read = Sentence("%(one)s, %(next)s", one=word("code", kind), next=word("code", reason or "-"))
                told = Sentence("%(name)s: %(value)s", name=word("code", taken.state), value=read)
                output.show(clauses([told, what]))
        journey.catch_up()
    except OSError as error:
        if place != "-":
            raise UsageError(Sentence("cannot be read: %(why)s", why=spoken(error)), where=place) from None
        output.complain(UsageError(Sentence("the mail cannot be read: %(why)s", why=spoken(error))))
        ctx.exit(TRY_AGAIN)
    except StoreError as error:
        output.complain(error)
        ctx.exit(TRY_AGAIN)
    except MailerError as error:
        if place != "-":
            raise
        output.complain(error)
        ctx.exit(TRY_AGAIN)


@click.command()
@click.option("--lmtp", is_flag=True, help="Speak LMTP instead of SMTP.")
@click.pass_context
def listen(ctx: click.Context, lmtp: bool) -> None:
    """Listen for returned mail at [bounces] listen until Ctrl-C; takes only mail to return paths we signed."""
    import asyncio

    club = open_club(ctx)
    host, _, port = club.settings.bounces.listen.rpartition(":")
    if not port.isdigit():
        raise UsageError(Sentence("[bounces] listen must be host:port"))
    try:
        asyncio.run(_listen(club.returned_mail(), host.strip("[]"), int(port), lmtp))
    except KeyboardInterrupt:
        output.talk(Sentence("stopped"))
    except OSError as error:
        what = "cannot listen on %(place)s: %(why)s"
        raise UsageError(Sentence(what, place=club.settings.bounces.listen, why=spoken(error))) from None


async def _listen(journey: TakeIn, host: str, port: int, lmtp: bool) -> None:
    """Mails are kept before their 250 and read a moment later; what a crash left unread is read at the start."""
    import asyncio

    from mailer.intake.listener import Door, Listener

    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()

    def keep(mails: Sequence[tuple[bytes, str]]) -> None:
        journey.keep(mails, "lmtp" if lmtp else "smtp-in")
        loop.call_soon_threadsafe(arrived.set)

    door = Door(journey.welcome, keep)
    diary = Diary(door)
    async with Listener(door, host, port, lmtp=lmtp) as listener:
        what = "listening for returned mail at %(place)s; Ctrl-C stops"
        output.talk(Sentence(what, place=f"{host}:{listener.port}"))
        arrived.set()
        try:
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(arrived.wait(), LINE_SECONDS)
                arrived.clear()
                try:
                    while some := await asyncio.to_thread(journey.read_kept):
                        diary.add(some)
                        diary.tell(loop.time())
                except StoreError as error:
                    output.complain(StoreError(Sentence("%(what)s; trying again", what=error.sentence)))
                    await asyncio.sleep(5)
                    arrived.set()
                diary.tell(loop.time())
        finally:
            diary.tell(loop.time(), last=True)


class Diary:
    """What came to the listener: a line at once after a quiet minute, else one a minute, however much comes."""

    def __init__(self, door: Door) -> None:
        import structlog

        from mailer import logs

        logs.setup()
        self._log = structlog.get_logger()
        self._door = door
        self._counts: Counter[str] = Counter()
        self._before: Counter[str] = Counter()
        self._told = -LINE_SECONDS

    def add(self, read: Counter[str]) -> None:
        """Count mails that were read, by what became of them."""
        self._counts.update(read)

    def tell(self, now: float, *, last: bool = False) -> None:
        """Write the line when there is something to say and the last one is a minute old, or this is the last."""
        turned = Counter(self._door.turned_away)
        counts = self._counts + (turned - self._before)
        if counts and (last or now - self._told >= LINE_SECONDS):
            self._log.info("bounces.taken", **counts)
            self._counts, self._before, self._told = Counter(), turned, now


@click.command()
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
        raise UsageError(Sentence("name the relay's log, or put it into [bounces] log"))
    age = timedelta(days=club.settings.bounces.max_age_days)
    if name == "-":
        with click.open_file("-", encoding="utf-8", errors="replace") as lines:
            tally = relay_log.take_stream(club.db, club.keyring, lines, club.clock(), age)
    else:
        path = club.folder / name if not file else Path(file).absolute()
        try:
            tally = relay_log.take_file(club.db, club.keyring, path, club.clock(), age)
        except OSError as error:
            raise UsageError(Sentence("cannot be read: %(why)s", why=spoken(error)), where=str(path)) from None
    seen = listed(
        Sentence("%(count)s %(state)s", count=count, state=word("log", status))
        for status, count in sorted(tally.seen.items())
    )
    what = "%(seen)s; %(new)s new, %(healed)s uncertain deliveries proved"
    output.show(Sentence(what, seen=seen or Sentence("nothing of ours"), new=tally.new, healed=tally.healed))
    _look_up(club)


@click.command()
@click.pass_context
def fetch(ctx: click.Context) -> None:
    """Fetch returned mail from the IMAP mailboxes in [bounces] mailboxes; kept first, then moved to Processed.

    A mailbox that cannot be read does not keep the others waiting; the exit code is 1 then.
    """
    from mailer.intake import imap

    club = open_club(ctx)
    if not club.settings.bounces.mailboxes:
        what = "[bounces] mailboxes names no mailbox; write imaps://user:password@host/INBOX"
        raise UsageError(Sentence(what))
    journey = club.returned_mail()
    failed = False
    for place in [imap.parse(secret.get_secret_value()) for secret in club.settings.bounces.mailboxes]:
        try:
            done = imap.fetch(place, lambda raw: journey.take(raw, "imap").found is not None)
        except UsageError as error:
            output.complain(error)
            failed = True
            continue
        what = "%(place)s: %(taken)s taken, %(unknown)s without a token of ours"
        where = f"{place.host}/{place.folder}"
        output.show(Sentence(what, place=where, taken=done.taken, unknown=done.unknown))
        if done.stuck:
            what = "%(count)s may not be moved there and will be read again by every run"
            output.talk(Sentence(what, count=done.stuck))
    journey.catch_up()
    _look_up(club)
    ctx.exit(1 if failed else 0)


def _look_up(club: Club) -> None:
    for domain, gone in club.look_up_domains().items():
        what = "%(domain)s: gone; its readers are suppressed"
        if not gone:
            what = "%(domain)s: takes mail; its readers were let go"
        output.talk(Sentence(what, domain=domain))
