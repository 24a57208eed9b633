"""`mailer inbox`: a development mail server with a page that shows what arrived."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

import click

from mailer.sentence import Sentence


@click.command()
@click.option("--listen", default="127.0.0.1:2525", show_default=True, metavar="HOST:PORT", help="Where mail is taken.")
@click.option("--web", default="127.0.0.1:8025", show_default=True, metavar="HOST:PORT", help="Where the page is.")
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), help="Where mails are kept. Default: inbox."
)
@click.option("--refuse", multiple=True, metavar="PATTERN", help="Refuse these recipients for good, such as dave@*.")
@click.option("--defer", multiple=True, metavar="PATTERN", help="Refuse these recipients the first time only.")
@click.pass_context
def inbox(
    ctx: click.Context, listen: str, web: str, folder: Path | None, refuse: tuple[str, ...], defer: tuple[str, ...]
) -> None:
    """Run a development mail server with a page that shows what arrived.

    It is the relay a new club starts with. Nothing leaves this machine. Ctrl-C ends it; the mails stay in the folder.
    """
    from mailer.cli.output import said, talk
    from mailer.intake.inbox import Inbox, InboxServer, Manners
    from mailer.web.inbox import HOSTS, create_app
    from mailer.web.server import make_server

    config: Path | None = ctx.find_root().obj
    kept = Inbox(folder or (config.absolute().parent if config else Path.cwd()) / "inbox")
    mail_socket, page_socket = _bind(listen, "--listen"), _bind(web, "--web")
    host, port = page_socket.getsockname()[:2]
    pages = make_server(create_app(kept, (*HOSTS, host)))

    async def serve() -> None:
        async with InboxServer(kept, Manners(refuse, defer)).running(mail_socket):
            await pages.serve(sockets=[page_socket])

    mail_host, mail_port = mail_socket.getsockname()[:2]
    what = "Taking mail on %(address)s, keeping it in %(folder)s (Ctrl-C ends it)"
    talk(Sentence(what, address=f"smtp://{mail_host}:{mail_port}", folder=kept.folder))
    click.echo(f"http://{host}:{port}/  {said(Sentence('what arrived'))}")
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn has stopped, then raises it again
        asyncio.run(serve())


def _bind(listen: str, option: str) -> socket.socket:
    from mailer.errors import SettingsError, UsageError
    from mailer.web.server import bind

    try:
        return bind(listen)
    except SettingsError as error:
        raise UsageError(error.message, where=option) from None
