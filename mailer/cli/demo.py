"""`mailer demo`: the whole journey on this machine, told step by step through the real commands."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mailer.cli.output import readers as counted
from mailer.cli.output import said, show, talk
from mailer.errors import UsageError
from mailer.sentence import Sentence

if TYPE_CHECKING:
    from uvicorn import Server

    from mailer.flows.dispatch import Dispatcher
    from mailer.intake.inbox import Inbox
    from mailer.wiring import Club

FOLDER = Path("demo-club")
MARK = ".made-by-mailer-demo"
READERS = 200
BACK_OFF_MINUTES = 0.02
PATIENCE_SECONDS = 30


@click.command()
@click.option("--once", is_flag=True, help="Do it all once and end; the default when input is not a terminal.")
@click.option(
    "--readers", type=click.IntRange(1, 100_000), default=READERS, show_default=True, help="How many readers."
)
@click.pass_context
def demo(ctx: click.Context, once: bool, readers: int) -> None:
    """Run the whole journey on this machine, with an inbox to look into.

    Makes a club in demo-club, imports a pasted digest and readers, publishes to a real SMTP server on loopback that
    refuses some readers for good and some for a while, lets one reader leave, and shows report and audit. Then it
    serves the inbox, the signup form and the archive until Ctrl-C. Nothing leaves this machine.
    """
    once = once or not sys.stdin.isatty()
    started = time.monotonic()
    sockets = [_free() for _ in range(3)]
    config = _make_club(*(made.getsockname()[1] for made in sockets))
    digest = _examples() / "pasted-digest.txt"
    issue = FOLDER / "issues" / "today.md"
    _say(Sentence("An editor pastes a digest; every repair is reported."))
    _run(config, "issue", "import", str(digest), "--date", _today(config), "-o", str(issue))
    _run(config, "check", str(issue))
    _say(Sentence("%(readers)s from a CSV file.", readers=counted(readers)))
    _run(config, "subscribers", "import", str(_readers(readers)))
    with _servers(config, sockets) as stage:
        _say(Sentence("The issue is frozen for its audience and sent over SMTP; some readers are refused."))
        _run(config, "publish", str(issue), "--yes")
        _finish(config, stage.club)
        _say(Sentence("One reader presses unsubscribe in his mail (RFC 8058, one click)."))
        _leave(stage.inbox)
        _say(Sentence("What became of it, and the proof."))
        _run(config, "report", str(issue))
        _run(config, "audit", str(issue))
        _say(Sentence("Done in %(seconds)s s.", seconds=f"{time.monotonic() - started:.1f}"))
        stage.show()
        if not once:
            stage.wait()


def _today(config: Path) -> str:
    from mailer.wiring import Club

    club = Club.open(config)
    return club.clock().astimezone(club.settings.newsletter.zone).date().isoformat()


def _say(text: str) -> None:
    click.echo(click.style(f"\n{said(text)}", bold=True))


def _run(config: Path, *arguments: str) -> None:
    """Call a command as if typed; a command that fails ends the demo with its exit code."""
    from mailer.cli import main

    click.echo(click.style(f"$ mailer {' '.join(arguments)}", fg="cyan"))
    code = main.main(args=["--config", str(config), *arguments], prog_name="mailer", standalone_mode=False)
    if code:
        click.get_current_context().exit(code)


def _free() -> socket.socket:
    """A socket that listens on a free port of loopback."""
    return socket.create_server(("127.0.0.1", 0), backlog=512)


def _examples() -> Path:
    """The example files: inside the wheel, or beside the package in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "_examples"
    return inside if inside.is_dir() else package.parent / "examples"


def _make_club(mail_port: int, inbox_port: int, web_port: int) -> Path:
    """A fresh club in demo-club, which replaces an earlier demo's and nothing else. Raises UsageError."""
    import tomlkit

    from mailer.cli.init import make_club

    if FOLDER.exists() and not (FOLDER / MARK).exists():
        what = "is there already and not made by a demo; run it in another folder"
        raise UsageError(Sentence(what), where=str(FOLDER))
    shutil.rmtree(FOLDER, ignore_errors=True)
    config = make_club(
        FOLDER,
        name="榕渡电商简报",
        sender="榕渡电商简报 <news@rongdu.example>",
        timezone="Asia/Shanghai",
        languages=("zh", "en"),
    )
    (FOLDER / MARK).touch()
    settings = tomlkit.parse(config.read_text(encoding="utf-8"))
    settings["newsletter"]["postal_address"] = "榕渡电商俱乐部，榕渡路 1 号"
    settings["relay"] = {"url": f"smtp://127.0.0.1:{mail_port}", "name": "inbox"}
    settings["sending"] = {"backoff_minutes": [BACK_OFF_MINUTES]}
    settings["web"] = {"base_url": f"http://127.0.0.1:{web_port}", "listen": f"127.0.0.1:{web_port}"}
    config.write_text(tomlkit.dumps(settings), encoding="utf-8")
    address = f"smtp://127.0.0.1:{mail_port}"
    talk(Sentence("a club in %(folder)s, its inbox on %(address)s", folder=FOLDER, address=address))
    return config


def _readers(count: int) -> Path:
    """The example readers, cut to `count` or filled up with made-up ones."""
    file = _examples() / "subscribers.csv"
    lines = file.read_text(encoding="utf-8").splitlines()
    if count == len(lines) - 1:
        return file
    width = lines[0].count(",")
    more = (
        f"reader{number}@example.org,Reader {number},en,,demo" + "," * (width - 4)
        for number in range(len(lines), count + 1)
    )
    made = FOLDER / "readers.csv"
    made.write_text("\n".join([*lines[: count + 1], *more]) + "\n", encoding="utf-8")
    return made


class Stage:
    """The servers of a demo, running in a thread of their own."""

    def __init__(self, club: Club, sockets: list[socket.socket]) -> None:
        from mailer.intake.inbox import Inbox

        self.club = club
        self.inbox = Inbox(FOLDER / "inbox")
        self._sockets = sockets
        self._pages: list[Server] = []
        self._worker: Dispatcher | None = None
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="demo servers")

    async def _serve(self) -> None:
        from mailer.intake.inbox import InboxServer, Manners
        from mailer.web import app, inbox
        from mailer.web.server import make_server

        mail, inbox_page, web_page = self._sockets
        applications = (inbox.create_app(self.inbox), app.create_app(self.club, self.club.write_letter))
        self._pages = [make_server(application) for application in applications]
        manners = Manners(refuse=("gone.*",), defer=("later.*",))
        async with InboxServer(self.inbox, manners).running(mail):
            serving = [
                page.serve(sockets=[listening])
                for page, listening in zip(self._pages, (inbox_page, web_page), strict=True)
            ]
            self._loop = asyncio.get_running_loop()
            self._ready.set()
            await asyncio.gather(*serving)
            if self._worker is not None:
                self._worker.stop()
                await self._sending

    async def _send(self) -> None:
        self._worker = self.club.dispatcher()
        self._sending = asyncio.create_task(self._worker.run(forever=True))

    def start(self) -> None:
        """Start the thread and wait until mail is taken."""
        self.thread.start()
        if not self._ready.wait(PATIENCE_SECONDS):
            raise UsageError(Sentence("the demo's servers did not start"))

    def show(self) -> None:
        """Say where the pages are."""
        base = self.club.settings.web.base_url
        inbox = f"http://127.0.0.1:{self._sockets[1].getsockname()[1]}"
        for address, what in (
            (f"{inbox}/", Sentence("the inbox: what readers got")),
            (f"{base}/subscribe", Sentence("signup form")),
            (f"{base}/apply", Sentence("join the club")),
            (f"{base}/archive", Sentence("past issues")),
        ):
            click.echo(f"{address}  {said(what)}")

    def wait(self) -> None:
        """Serve, and send the letters that the forms cause, until Ctrl-C."""
        assert self._loop is not None  # noqa: S101 - started
        asyncio.run_coroutine_threadsafe(self._send(), self._loop)
        talk(Sentence("Ctrl-C ends it; the club stays in demo-club"))
        with contextlib.suppress(KeyboardInterrupt):
            self.thread.join()

    def stop(self) -> None:
        """End all servers."""
        for page in self._pages:
            page.should_exit = True
        self.thread.join(PATIENCE_SECONDS)


@contextlib.contextmanager
def _servers(config: Path, sockets: list[socket.socket]) -> Iterator[Stage]:
    """The inbox, its page and the public pages, while the block runs."""
    from mailer.wiring import Club

    stage = Stage(Club.open(config), sockets)
    stage.start()
    try:
        yield stage
    finally:
        stage.stop()


def _finish(config: Path, club: Club) -> None:
    """Dispatch again when the deferred readers are due, until the issue is finished."""
    from mailer.store import running

    give_up = time.monotonic() + PATIENCE_SECONDS
    while (due := club.db.read(running.next_due)) is not None and time.monotonic() < give_up:
        time.sleep(max(0.0, (due - club.clock()).total_seconds()))
        _run(config, "dispatch")


def _leave(inbox: Inbox) -> None:
    """Do what a mail program does when a reader presses unsubscribe."""
    path = inbox.find(inbox.names()[0])
    if path is None:
        return
    header = message_from_bytes(path.read_bytes())["List-Unsubscribe"]
    url = header.partition("<")[2].partition(">")[0]
    request = urllib.request.Request(url, data=b"List-Unsubscribe=One-Click", method="POST")  # noqa: S310 - our own page
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
        what = "POST %(address)s/... answered %(status)s: the reader has left"
        show(Sentence(what, address=url.rpartition("/")[0], status=answer.status))
