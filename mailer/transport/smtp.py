"""A relay reached over SMTP: opens connections up to where MAIL may be said."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import cast

import aiosmtplib

from mailer.errors import RelayError, SettingsError, spoken
from mailer.mail.reply import Reply
from mailer.model.delivery import Phase
from mailer.sentence import Sentence
from mailer.transport.pipelining import Pipelining
from mailer.transport.protocol import Timeouts, Wire
from mailer.transport.replies import clean
from mailer.transport.session import SmtpSession
from mailer.transport.url import RelayUrl, Security

_FAILED = {
    Phase.CONNECT: Sentence("%(name)s (%(url)s) cannot be reached: %(reason)s"),
    Phase.GREETING: Sentence("%(name)s (%(url)s) does not greet: %(reason)s"),
    Phase.TLS: Sentence("%(name)s (%(url)s) offers no trustworthy TLS: %(reason)s"),
    Phase.AUTH: Sentence("%(name)s (%(url)s) does not let us log in: %(reason)s"),
}
_UNKNOWN_COMMAND = (500, 502)


class SmtpRelay:
    """A mail submission server (mailer.transport.base.Relay).

    Certificates are always checked, against the system's authorities or those in the PEM file `ca_file` alone; a
    self-signed certificate given there is pinned by it. `ehlo` is how we call ourselves.
    `pipelining` False means lockstep even where the relay offers more; when a relay turns out not to do what it
    offers, its sessions fall back to that by themselves, and `tell` is told why in one clause.
    Raises SettingsError when `ca_file` cannot be read.
    """

    def __init__(
        self,
        url: RelayUrl,
        *,
        name: str = "relay",
        ca_file: Path | None = None,
        timeouts: Timeouts | None = None,
        ehlo: str = "",
        pipelining: bool = True,
        tell: Callable[[str], None] = lambda cause: None,
    ) -> None:
        self._url = url
        self._name = name
        self._timeouts = timeouts or Timeouts()
        self._ehlo = ehlo or _own_name()
        self._pipelining = Pipelining(tell, allowed=pipelining)
        self._context = _tls_context(ca_file) if url.security is not Security.PLAIN else None

    def __repr__(self) -> str:
        return f"<SmtpRelay {self._name}: {self._url}>"

    @property
    def name(self) -> str:
        """How people call it; no credentials in it."""
        return self._name

    async def open(self) -> SmtpSession:
        """Connect, greet, start TLS, authenticate. Raises RelayError, and then nothing stays open."""
        opening = _Opening(self._url, self._timeouts, self._context, self._ehlo)
        try:
            return await opening.run(self._pipelining)
        except BaseException as error:
            opening.abort()
            if isinstance(error, (aiosmtplib.SMTPException, OSError, ValueError)):
                raise self._explain(opening.phase, error) from None
            raise

    def _explain(self, phase: Phase, error: Exception) -> RelayError:
        cause = error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error
        reply: Reply | None = None
        reason: str
        permanent = isinstance(cause, ssl.SSLCertVerificationError)
        if isinstance(error, aiosmtplib.SMTPResponseException):
            if 200 <= error.code < 600:
                reply = Reply(error.code, tuple(clean(line) for line in error.message.split("\n")))
            reason = str(reply) if reply else Sentence("its answer is not SMTP")
            permanent = phase is Phase.AUTH and error.code in {530, 534, 535, 538, 550, 554}
        elif isinstance(cause, ssl.SSLCertVerificationError):
            reason = Sentence("its certificate is not good: %(why)s", why=cause.verify_message)
        elif isinstance(cause, ssl.SSLError):
            reason = Sentence("TLS failed: %(why)s", why=cause.reason or Sentence("no TLS there"))
        elif isinstance(cause, TimeoutError):
            reason = Sentence("no answer in time")
        elif isinstance(error, _NotOffered):
            reason, permanent = error.why, True
        elif isinstance(error, aiosmtplib.SMTPServerDisconnected):
            reason = Sentence("it hung up")
        else:
            reason = clean(str(spoken(error.__cause__ or error)))
        where = Phase.TLS if isinstance(cause, ssl.SSLError) else phase
        what = Sentence(str(_FAILED[where]), name=self._name, url=self._url, reason=Sentence(reason))
        return RelayError(what, phase=where, reply=reply, permanent=permanent)


class _NotOffered(aiosmtplib.SMTPException):
    """The relay lacks what the settings demand."""

    def __init__(self, why: Sentence) -> None:
        super().__init__(why)
        self.why = why


class _Opening:
    """The way from nothing to a session; `phase` is how far it got."""

    def __init__(self, url: RelayUrl, timeouts: Timeouts, context: ssl.SSLContext | None, ehlo: str) -> None:
        self.phase = Phase.CONNECT
        self._url = url
        self._timeouts = timeouts
        self._client = aiosmtplib.SMTP(
            hostname=url.host,
            port=url.port,
            use_tls=url.security is Security.TLS,
            start_tls=False,
            tls_context=context,
            local_hostname=ehlo,
            timeout=timeouts.command,
        )
        self._transport: asyncio.BaseTransport | None = None

    async def run(self, pipelining: Pipelining) -> SmtpSession:
        client = self._client
        try:
            await client.connect(timeout=self._timeouts.connect)
        except aiosmtplib.SMTPException as error:
            if isinstance(error, aiosmtplib.SMTPResponseException) or isinstance(
                error.__cause__, aiosmtplib.SMTPException
            ):
                self.phase = Phase.GREETING
            raise
        self._transport = client.transport
        self.phase = Phase.GREETING
        await self._greet()
        if self._url.security is Security.STARTTLS:
            self.phase = Phase.TLS
            if not client.supports_extension("starttls"):
                raise _NotOffered(Sentence("it does not offer STARTTLS; nothing was sent"))
            await client.starttls(timeout=self._timeouts.connect)
            self.phase = Phase.GREETING
            await client.ehlo()
        if self._url.user:
            self.phase = Phase.AUTH
            await self._log_in()
        if client.transport is None or client.transport.is_closing():
            raise aiosmtplib.SMTPServerDisconnected("connection lost")
        wire = Wire(cast(asyncio.Transport, client.transport))
        return SmtpSession(wire, client.esmtp_extensions, self._timeouts, pipelining)

    async def _greet(self) -> None:
        """EHLO, or HELO where the relay does not know that (RFC 5321 section 3.2); then it offers nothing."""
        try:
            await self._client.ehlo()
        except aiosmtplib.SMTPHeloError as error:
            if error.code not in _UNKNOWN_COMMAND:
                raise
            await self._client.helo()

    async def _log_in(self) -> None:
        """Try one mechanism once: a wrong password tried three ways locks accounts."""
        client, url = self._client, self._url
        offered = client.server_auth_methods
        if "plain" in offered:
            await client.auth_plain(url.user, url.password)
        elif "login" in offered:
            await client.auth_login(url.user, url.password)
        elif "cram-md5" in offered:
            await client.auth_crammd5(url.user, url.password)
        else:
            what = "it offers none of AUTH PLAIN, LOGIN and CRAM-MD5; the password was not sent"
            raise _NotOffered(Sentence(what))

    def abort(self) -> None:
        for transport in (self._client.transport, self._transport):
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
        self._client.close()


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        what = Sentence("[relay] ca_file holds no PEM certificate (%(why)s)", why=type(error).__name__)
        raise SettingsError(what, where=str(ca_file)) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _own_name() -> str:
    """Our host name if it is a full one, else a literal (RFC 5321 section 4.1.3); never asks the network."""
    name = socket.gethostname()
    return name if name.isascii() and "." in name and not name.endswith(".local") else "[127.0.0.1]"
