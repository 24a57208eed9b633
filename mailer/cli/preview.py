"""`mailer preview`: an issue live in the browser, renewed on every save."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mailer.cli import open_club
from mailer.errors import UsageError
from mailer.sentence import Sentence

if TYPE_CHECKING:
    from mailer.model.issue import Issue
    from mailer.web.preview import Sheet
    from mailer.wiring import Club

PORT = 8030


@click.command()
@click.argument("issue")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help=f"Port on loopback; 0 takes a free one. Default: {PORT}, or a free one where another preview has that.",
)
@click.option("--open", "browse", is_flag=True, help="Open the page in your browser.")
@click.pass_context
def preview(ctx: click.Context, issue: str, port: int | None, browse: bool) -> None:
    """Show an issue live in the browser while you write.

    ISSUE is a file, or the slug or number of one in issues/.

    Desktop, phone, dark, without styles, the text part, the source of the message, and the findings.

    Editions of the same issue in other languages (2026-05-21.zh.md beside 2026-05-21.en.md) are shown too.
    Ctrl-C ends it.
    """
    import uvicorn

    from mailer.cli.output import talk
    from mailer.cli.references import locate, no_such_file
    from mailer.rendering import source
    from mailer.rendering.examine import GLOSSARY, SOURCES
    from mailer.web.preview import Preview, create_app

    club = open_club(ctx)
    file = locate(club, issue)
    if not file.is_file():
        raise no_such_file(issue)
    watched = [*club.templates.folders, file.absolute().parent]

    def changes() -> AsyncIterator[object]:
        from watchfiles import awatch

        saved = awatch(*watched, debounce=40, step=10, recursive=True)
        tables = awatch(
            club.folder,
            watch_filter=lambda _, path: Path(path).name in (SOURCES, GLOSSARY),
            debounce=40,
            recursive=False,
        )
        return either(saved, tables)

    listener = listening(*((PORT, 0) if port is None else (port,)))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    app = create_app(Preview(lambda: [sheet(club, each) for each in (file, *source.sisters(file))]), changes)
    talk(Sentence("Preview of %(file)s at %(address)s (Ctrl-C ends it)", file=file, address=address))
    if browse:
        click.launch(address)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn has stopped, then raises it again
        uvicorn.Server(config).run(sockets=[listener])


def listening(*ports: int) -> socket.socket:
    """A socket of this machine's own at the first of these ports that can be had. Raises UsageError."""
    why = ""
    for port in ports:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen()  # a browser opened now waits for the first rendering
        except OSError as error:
            listener.close()
            why = error.strerror or str(error)
        else:
            return listener
    what = "port %(port)s cannot be used (%(why)s); choose another with --port"
    raise UsageError(Sentence(what, port=ports[-1], why=why))


async def either(*sources: AsyncIterator[object]) -> AsyncIterator[object]:
    """What any of them yields, as it comes; they do not end."""
    waited_for = {asyncio.ensure_future(anext(source)): source for source in sources}
    try:
        while True:
            done, _ = await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                source = waited_for.pop(task)
                waited_for[asyncio.ensure_future(anext(source))] = source
                yield task.result()
    finally:
        for task in waited_for:
            task.cancel()


def sheet(club: Club, file: Path) -> Sheet:
    """A file rendered and checked, or the line that says why it cannot be."""
    from mailer.cli.references import read_text
    from mailer.errors import MailerError, spoken
    from mailer.rendering import merge_tags, theme
    from mailer.rendering.edition import Edition
    from mailer.rendering.examine import examine
    from mailer.sentence import Sentence
    from mailer.web.preview import Sheet

    def rendered(issue: Issue) -> Edition:
        look = theme.load(club.templates)  # read again each time: the theme may be what is being written
        return club.render(issue, theme=look)

    try:
        text, _ = read_text(club, str(file))
        found = examine(text, str(file), folder=club.folder, render=rendered)
    except MailerError as error:
        return Sheet(file.name, error=spoken(error))
    why = Sentence("")
    if found.edition is None and found.errors:
        first = found.errors[0]
        why = Sentence("%(where)s: %(what)s", where=f"{file.name}:{max(first.line, 1)}", what=first.what)
    preheader = merge_tags.for_nobody(found.issue.preheader) if found.issue else ""
    return Sheet(file.name, found.edition, found.findings, why, text, preheader)
