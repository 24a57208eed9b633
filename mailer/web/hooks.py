"""POST /hooks/sns: bounces and complaints from Amazon SES, through SNS; believed only when Amazon signed them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from mailer.errors import UsageError
from mailer.flows.bounce import TakeIn
from mailer.intake.amazon import Certificates, Fetch, fetch
from mailer.mail import sns
from mailer.web import forms
from mailer.web.parts import parts
from mailer.wiring import Club

log = logging.getLogger(__name__)


class Sns:
    """The hook: `topics` are the ARNs that are believed; without one every message is refused."""

    def __init__(self, journey: TakeIn, topics: Collection[str], fetch: Fetch = fetch) -> None:
        self._journey = journey
        self._topics = frozenset(topics)
        self._fetch = fetch
        self._certificates = Certificates(fetch)

    async def __call__(self, request: Request) -> Response:
        """200 once the notification is in the database; 403 for what is not Amazon's or not our topic's."""
        try:
            async with asyncio.timeout(forms.BODY_SECONDS):
                body = await request.body()
        except (TimeoutError, ClientDisconnect):
            return PlainTextResponse("too slow\n", 408)
        envelope = sns.read(body)
        if envelope is None:
            return PlainTextResponse("not a message of SNS\n", 400)
        if not sns.is_for(envelope, self._topics):
            log.warning("a message of SNS was refused: its topic is not in [bounces] topic_arns")
            return PlainTextResponse("not our topic\n", 403)
        try:
            certificate = await asyncio.to_thread(self._certificates.get, envelope.certificate_url)
        except UsageError as error:
            log.warning("%s", error)
            return PlainTextResponse("try again\n", 503, {"Retry-After": "60"})
        if not sns.signed_by(envelope, certificate, self._journey.clock()):
            log.warning("a message of SNS was refused: its signature is wrong")
            return PlainTextResponse("wrong signature\n", 403)
        if envelope.type == sns.CONFIRMATION:
            return await self._confirm(envelope)
        if envelope.type == sns.NOTIFICATION:
            await parts(request).write(self._journey.take, sns.as_mail(envelope.message), "sns")
        return PlainTextResponse("kept\n")

    async def _confirm(self, envelope: sns.Envelope) -> Response:
        if not sns.may_confirm(envelope):
            return PlainTextResponse("not a confirmation\n", 403)
        try:
            await asyncio.to_thread(self._fetch, envelope.subscribe_url)
        except OSError as error:
            log.warning("the subscription to an SNS topic could not be confirmed: %s", type(error).__name__)
            return PlainTextResponse("try again\n", 503, {"Retry-After": "60"})
        log.info("subscribed to an SNS topic")
        return PlainTextResponse("subscribed\n")


def route(club: Club, fetch: Fetch = fetch) -> Route:
    """The hook's route for a club."""
    hook = Sns(club.returned_mail(), club.settings.bounces.topic_arns, fetch)
    limit = [Middleware(RequestBodyLimitMiddleware, max_body_size=sns.MAX_SIZE)]

    async def endpoint(request: Request) -> Response:
        return await hook(request)

    return Route("/hooks/sns", endpoint, methods=["POST"], middleware=limit)
