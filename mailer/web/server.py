"""The pages on a socket: uvicorn, without its access log (links carry tokens) and its trust in proxies."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from mailer.errors import SettingsError

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette

STOP_SECONDS = 10


def bind(listen: str) -> socket.socket:
    """A socket listening on `host:port` (`[::1]:8080` for IPv6; port 0 takes a free one). Raises SettingsError."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise SettingsError(f"{listen!r} is not host:port, such as 127.0.0.1:8080", where="[web] listen")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named asyncio sets TCP_NODELAY; without it every answer waits 40 ms for Nagle's algorithm.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, int(port)))
        made.listen(2048)
    except OSError as error:
        made.close()
        raise SettingsError(f"cannot listen on {listen}: {error.strerror or error}", where="[web] listen") from None
    return made


def make_server(app: Starlette) -> uvicorn.Server:
    """A server to `await server.serve(sockets=[...])` in one's own event loop; `server.should_exit` stops it."""
    import uvicorn

    config = uvicorn.Config(
        app,
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_level="warning",
        log_config=None,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=32 * 1024,
        limit_concurrency=1000,
    )
    return uvicorn.Server(config)
