"""The pages on a socket: uvicorn without its access log (links carry tokens), its trust in proxies, its patience."""

from __future__ import annotations

import asyncio
import re
import socket
from typing import TYPE_CHECKING, Any, cast

from mailer.errors import SettingsError, spoken
from mailer.sentence import Sentence

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.types import ASGIApp, Receive, Scope, Send

STOP_SECONDS = 10
HEAD_SECONDS = 10.0
_ORIGIN = re.compile(r"https?://[^/]*", re.IGNORECASE)


def bind(listen: str) -> socket.socket:
    """A socket listening on `host:port` (`[::1]:8080` for IPv6; port 0 takes a free one). Raises SettingsError."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        what = Sentence("'%(text)s' is not host:port, such as 127.0.0.1:8080", text=listen)
        raise SettingsError(what, where="[web] listen")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named asyncio sets TCP_NODELAY; without it every answer waits 40 ms for Nagle's algorithm.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, int(port)))
        made.listen(2048)
    except OSError as error:
        made.close()
        what = Sentence("cannot listen on %(place)s: %(why)s", place=listen, why=spoken(error))
        raise SettingsError(what, where="[web] listen") from None
    return made


def make_server(app: Starlette) -> uvicorn.Server:
    """A server to `await server.serve(sockets=[...])` in one's own event loop; `server.should_exit` stops it."""
    import uvicorn

    config = uvicorn.Config(
        _by_path(app),
        http=_prompt(),
        ws="none",
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


def _by_path(app: ASGIApp) -> ASGIApp:
    """The application, for those too who ask with the whole address, as of a proxy (RFC 9112 3.2.2: to be accepted).

    Whose pages were meant does not matter: there is one club here, and the Host field is not looked at either.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (origin := _ORIGIN.match(scope["path"])):
            scope = {**scope, "path": scope["path"][origin.end() :] or "/"}
        await app(scope, receive, send)

    return answer


def _prompt() -> type[asyncio.Protocol]:
    """uvicorn's side of a connection, which hangs up on who does not say within ten seconds what he wants.

    uvicorn itself waits for ever: a thousand silent connections, which cost nobody anything, would lock everybody out.
    """
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Prompt(H11Protocol):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._patience: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(cast("asyncio.Transport", transport))
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._calm()

        def _watch(self) -> None:
            """Run the time while no answer is under way: from the first byte, or before it, to the end of a head."""
            if self.cycle is not None and not self.cycle.response_complete:
                self._calm()
            elif self._patience is None:
                self._patience = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

        def _calm(self) -> None:
            if self._patience is not None:
                self._patience.cancel()
                self._patience = None

    return Prompt
