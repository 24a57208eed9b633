"""`mailer serve`: the public pages, until Ctrl-C."""

from __future__ import annotations

import click

from mailer.cli import open_club


@click.command()
@click.option("--listen", metavar="HOST:PORT", help="Where to listen. Default: [web] listen.")
@click.pass_context
def serve(ctx: click.Context, listen: str | None) -> None:
    """Serve the web pages: signup, application, unsubscribe, archive.

    Put a web server with TLS before it, and name its address in [web] trusted_proxies.
    """
    from mailer.web.app import create_app
    from mailer.web.server import bind, run

    club = open_club(ctx)
    app = create_app(club, club.write_letter)
    socket = bind(listen or club.settings.web.listen)
    host, port = socket.getsockname()[:2]
    base = club.settings.web.base_url
    click.echo(f"Listening on http://{f'[{host}]' if ':' in host else host}:{port} (Ctrl-C stops it)", err=True)
    for path, what in (("subscribe", "signup form"), ("apply", "join the club"), ("archive", "past issues")):
        click.echo(f"{base}/{path}  {what}")
    run(app, socket)
