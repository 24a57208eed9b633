"""`mailer serve`: the public pages, until Ctrl-C; with --worker what they cause is sent, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mailer.cli import open_club
from mailer.sentence import Sentence

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    import uvicorn

    from mailer.flows.dispatch import Dispatcher


LOCKED_SECONDS = 30.0  # between two looks whether a restored backup was reconciled


@click.command()
@click.option("--listen", metavar="HOST:PORT", help="Where to listen. Default: [web] listen.")
@click.option("--worker", is_flag=True, help="Also send what becomes due, as 'mailer dispatch --forever' does.")
@click.pass_context
def serve(ctx: click.Context, listen: str | None, worker: bool) -> None:
    """Serve the web pages: signup, application, unsubscribe, archive.

    Put a web server with TLS before it, and name its address in [web] trusted_proxies. Without --worker letters wait
    in the outbox for 'mailer dispatch', or until nobody has sent anything for a quarter of an hour: then they are
    sent from here, with the one that tells the operators so.
    """
    import asyncio
    import contextlib

    from mailer import logs
    from mailer.cli.output import said, talk
    from mailer.cli.sending import Alerting, Journal, reach
    from mailer.web.app import create_app, warm_up
    from mailer.web.server import bind, make_server

    club = open_club(ctx)
    logs.setup()
    club.ping_url  # noqa: B018 - a mistake in it is told now
    journal = Journal() if worker else None
    if journal and not reach(club, journal):
        return
    app = create_app(club, club.write_letter)
    warm_up(app)
    listening = bind(listen or club.settings.web.listen)
    host, port = listening.getsockname()[:2]
    base = club.settings.web.base_url
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    talk(Sentence("Listening on %(address)s (Ctrl-C stops it)", address=address))
    for path, what in (
        ("subscribe", Sentence("signup form")),
        ("apply", Sentence("join the club")),
        ("archive", Sentence("past issues")),
    ):
        click.echo(f"{base}/{path}  {said(what)}")
    server = make_server(app)
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn has stopped, then raises it again
        if journal is None:
            server.run(sockets=[listening])
            return
        observer = Alerting(club, journal)
        asyncio.run(_serve_and_send(server, listening, lambda: club.dispatcher(observer)))


async def _serve_and_send(
    server: uvicorn.Server, listening: socket.socket, new_worker: Callable[[], Dispatcher]
) -> None:
    """Both in one event loop; a signal, or the end of either, ends both in good order. Raises StoreError.

    Where a restored backup keeps the worker from sending the pages stay, for who leaves.
    """
    import asyncio
    import contextlib
    import logging
    import signal

    from mailer.errors import RestoredError

    ended, worker = asyncio.Event(), new_worker()

    def stop() -> None:
        server.should_exit = True
        ended.set()
        worker.stop()

    async def send() -> None:
        nonlocal worker
        while not ended.is_set():
            try:
                await worker.run(forever=True)
            except RestoredError as error:
                logging.getLogger("mailer.serve").error("%s", error)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), LOCKED_SECONDS)
                worker = new_worker()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn takes them over, and raises them again when it is done
        loop.add_signal_handler(number, stop)
    sending = asyncio.create_task(send())
    sending.add_done_callback(lambda _: stop())
    try:
        await server.serve(sockets=[listening])
    finally:
        stop()
        await sending
