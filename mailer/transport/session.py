"""One mail transaction after the other on a connection: MAIL, RCPT, DATA, content, dot (RFC 5321 section 3.3)."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping

from mailer.mail.reply import Reply
from mailer.model.delivery import Phase, Result
from mailer.transport.base import Envelope, Message, nothing_follows
from mailer.transport.protocol import Broken, Timeouts, Wire

_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f<>\u2028\u2029\ud800-\udfff]")
_UNDOTTED_LINES = re.compile(rb"(?:(?!\.).*+\n)*+")
_NO_SUCH_PATH = Reply(553, ("5.1.3 Not sent: the address cannot stand in an SMTP command",))
_NO_UTF8 = Reply(553, ("5.6.7 Not sent: the address needs SMTPUTF8, which the relay does not offer",))
_NO_8BIT = Reply(554, ("5.6.3 Not sent: the message needs 8BITMIME, which the relay does not offer",))
_NOT_WIRE = Reply(554, ("5.6.0 Not sent: the message has a bare CR or LF or a line that starts with a dot",))


class SmtpSession:
    """A connection ready for MAIL (mailer.transport.base.Session).

    `extensions` are the relay's EHLO keywords in lower case with their parameters.
    """

    def __init__(self, wire: Wire, extensions: Mapping[str, str], timeouts: Timeouts) -> None:
        self._wire = wire
        self._timeouts = timeouts
        size = extensions.get("size", "")
        self._announces_size = "size" in extensions
        self._limit = int(size) if size.isascii() and size.isdigit() and len(size) < 20 else 0
        self._utf8 = "smtputf8" in extensions
        self._eight_bit = "8bitmime" in extensions
        self._phase = Phase.MAIL
        self._dirty = False  # a refused transaction is still open

    @property
    def usable(self) -> bool:
        """Whether another message may be sent on this connection."""
        return self._wire.quiet

    async def send(
        self,
        message: Message,
        handing_over: Callable[[], None],
        following: Callable[[], Message | None] = nothing_follows,
    ) -> Result:
        """One transaction, as mailer.transport.base.Session says.

        What this session cannot send is answered before a word of it is said: the recipient's fault for an address,
        the sender's for a message above the relay's size (RFC 1870 section 6.1).
        """
        envelope, content = message.envelope, message.content
        self._phase = Phase.MAIL
        refusal = self._refuse(envelope, content)
        if refusal is not None:
            return refusal
        try:
            return await self._transact(envelope, content, handing_over)
        except Broken as broken:
            return Result(self._where(), broken.reply, broken.cause)
        except BaseException:
            self._wire.abort()
            raise

    async def close(self) -> None:
        """Say QUIT when that is possible and close; never raises, takes `quit` seconds twice at most."""
        try:
            if self._wire.quiet:
                await self._wire.ask(b"QUIT\r\n", self._timeouts.quit)
            await self._wire.finish(self._timeouts.quit)
        except Broken:
            pass
        finally:
            self._wire.abort()

    def _refuse(self, envelope: Envelope, content: bytes) -> Result | None:
        if _UNSAFE.search(envelope.return_path):
            return Result(Phase.MAIL, _NO_SUCH_PATH)
        if _UNSAFE.search(envelope.recipient) or not envelope.recipient:
            return Result(Phase.RCPT, _NO_SUCH_PATH)
        if not self._utf8:
            if not envelope.return_path.isascii():
                return Result(Phase.MAIL, _NO_UTF8)
            if not envelope.recipient.isascii():
                return Result(Phase.RCPT, _NO_UTF8)
        if not self._eight_bit and not content.isascii():
            return Result(Phase.MAIL, _NO_8BIT)
        if self._limit and len(content) > self._limit:
            text = f"5.3.4 Not sent: {len(content)} octets, the relay takes {self._limit}"
            return Result(Phase.MAIL, Reply(552, (text,)))
        return None if is_wire_form(content) else Result(Phase.DATA, _NOT_WIRE)

    async def _transact(self, envelope: Envelope, content: bytes, handing_over: Callable[[], None]) -> Result:
        wire, limits = self._wire, self._timeouts
        if self._dirty:
            reply = await wire.ask(b"RSET\r\n", limits.command)
            if not 200 <= reply.code < 300:
                return self._end(reply, Result(Phase.MAIL, reply if reply.code == 421 else None, f"RSET: {reply}"))
            self._dirty = False
        reply = await wire.ask(self._mail(envelope, content), limits.command)
        if reply.code // 100 != 2:
            return self._refused(reply)
        self._phase, self._dirty = Phase.RCPT, True
        reply = await wire.ask(b"RCPT TO:<%b>\r\n" % envelope.recipient.encode(), limits.command)
        if reply.code // 100 != 2:
            return self._refused(reply)
        self._phase = Phase.DATA
        reply = await wire.ask(b"DATA\r\n", limits.data)
        if reply.code // 100 != 3:
            return self._refused(reply)
        if not wire.quiet:
            wire.abort()
            return Result(Phase.DATA, None, "the relay spoke out of turn")
        handing_over()
        self._phase = Phase.DOT
        reply = await wire.hand_over(content, limits.dot)
        return self._answered(reply)

    def _mail(self, envelope: Envelope, content: bytes) -> bytes:
        line = b"MAIL FROM:<%b>" % envelope.return_path.encode()
        if self._announces_size:
            line += b" SIZE=%d" % len(content)
        if self._eight_bit and not content.isascii():
            line += b" BODY=8BITMIME"
        if self._utf8 and not (envelope.return_path.isascii() and envelope.recipient.isascii()):
            line += b" SMTPUTF8"
        return line + b"\r\n"

    def _refused(self, reply: Reply) -> Result:
        """The result of an answer that ends the transaction before the content."""
        if reply.code >= 400:
            return self._end(reply, Result(self._phase, reply))
        self._wire.abort()
        return Result(self._phase, None, f"the relay answered {reply.code}, which means nothing here")

    def _answered(self, reply: Reply) -> Result:
        """The result of an answer to the content: only a 2yz after the dot has left is an acceptance."""
        if self._wire.dot_held:
            self._wire.abort()
            early = f"the relay answered {reply.code} before it had the whole message"
            return Result(Phase.BODY, reply if reply.code >= 400 else None, early)
        self._dirty = False
        if reply.code // 100 == 3:
            self._wire.abort()
            return Result(Phase.DOT, None, f"the relay answered {reply.code}, which means nothing here")
        return self._end(reply, Result(Phase.DOT, reply))

    def _end(self, reply: Reply, result: Result) -> Result:
        if reply.code == 421 or result.reply is None:  # RFC 5321 4.2.3: the relay closes the channel
            self._wire.abort()
        return result

    def _where(self) -> Phase:
        return Phase.BODY if self._phase is Phase.DOT and self._wire.dot_held else self._phase


def is_wire_form(content: bytes) -> bool:
    """Whether content may go between DATA and the final dot as it is: CRLF lines, the last one ended, none dot-led.

    Anything else could end the message early at some server and smuggle a second one in (RFC 5321 section 4.1.1.4).
    """
    breaks = io.IncrementalNewlineDecoder(None, translate=False)  # the quickest way to see each kind: 13 us for 45 KB
    breaks.decode(content.decode("latin-1"), final=True)
    return breaks.newlines == "\r\n" and _UNDOTTED_LINES.fullmatch(content) is not None
