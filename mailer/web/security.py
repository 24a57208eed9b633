"""What every response carries: a strict content policy, no framing, no referrer, no storing, no guessing of types."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
SCRIPT_POLICY = PAGE_POLICY + "; script-src 'self'"  # only the page that asks for a proof of work
MAIL_POLICY = (  # a rendered mail lives on style attributes, and may do nothing else
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' https: data:; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",  # links carry tokens
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "X-Permitted-Cross-Domain-Policies": "none",
    "Content-Security-Policy": PAGE_POLICY,
    "Cache-Control": "no-store",
}


class SecurityHeaders:
    """ASGI middleware that adds the headers; those a response sets itself stay, a picture's for other sites, say."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self.app = app
        headers = _ALWAYS | ({"Strict-Transport-Security": "max-age=31536000"} if https else {})
        self.headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = message.get("headers", [])
                set_already = {name.lower() for name, _ in own}
                message["headers"] = [*own, *(pair for pair in self.headers if pair[0] not in set_already)]
            await send(message)

        await self.app(scope, receive, guarded)
