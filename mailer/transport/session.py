"""One mail transaction after the other on a connection: MAIL, RCPT, DATA, content, dot (RFC 5321 section 3.3).

Where the relay offers PIPELINING (RFC 2920) the commands of a message leave in one group, and those of the message that
follows leave behind the content of this one: one round trip a message instead of four. Lockstep is the same with a
window of one command: what the window has no room for waits until the relay has answered.

                 MAIL refused    RCPT refused     DATA refused
                      |               |                |          result at once; `_clear_up` reads what the
       +---> MAIL --2yz--> RCPT --2yz--> DATA --354-->-+          group still gets, and the next begins with RSET,
       |                                               |          or with a lone dot where DATA was taken all the same
       |   announced                           `following` names the next,
       |   behind it                           `handing_over` says that this one leaves
       |                                               |
       +----------- any reply to the dot <--- content, dot [MAIL, RCPT, DATA of the next]

Only the content whose 354 was read is ever sent, and only after the dot before it was answered; so at most one message
a connection is uncertain. Whatever does not add up ends the connection.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from mailer.mail.reply import Reply
from mailer.model.delivery import Phase, Result
from mailer.transport.base import Message, nothing_follows
from mailer.transport.pipelining import LOCKSTEP, Pipelining
from mailer.transport.protocol import DOT, GO_AHEAD, USUAL, Broken, Timeouts, Wire

_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f<>\u2028\u2029\ud800-\udfff]")
_NO_SUCH_PATH = Reply(553, ("5.1.3 Not sent: the address cannot stand in an SMTP command",))
_NO_UTF8 = Reply(553, ("5.6.7 Not sent: the address needs SMTPUTF8, which the relay does not offer",))
_NO_8BIT = Reply(554, ("5.6.3 Not sent: the message needs 8BITMIME, which the relay does not offer",))


class _Command(NamedTuple):
    line: bytes
    answer: bytes = USUAL  # how its reply may begin


_RSET, _QUIT, _DOT = _Command(b"RSET\r\n"), _Command(b"QUIT\r\n"), _Command(DOT)
_DATA = _Command(b"DATA\r\n", GO_AHEAD)


class SmtpSession:
    """A connection ready for MAIL (mailer.transport.base.Session).

    `extensions` are the relay's EHLO keywords in lower case with their parameters; `pipelining` is what all sessions
    with the relay know together.
    """

    def __init__(
        self,
        wire: Wire,
        extensions: Mapping[str, str],
        timeouts: Timeouts,
        pipelining: Pipelining | None = None,
    ) -> None:
        self._wire = wire
        self._timeouts = timeouts
        self._pipelining = pipelining or Pipelining()
        size = extensions.get("size", "")
        self._announces_size = "size" in extensions
        self._limit = int(size) if size.isascii() and size.isdigit() and len(size) < 20 else 0
        self._utf8 = "smtputf8" in extensions
        self._eight_bit = "8bitmime" in extensions
        self._pipelines = "pipelining" in extensions
        self._steps = ((Phase.MAIL, timeouts.command), (Phase.RCPT, timeouts.command), (Phase.DATA, timeouts.data))
        self._waiting: list[_Command] = []  # the window had no room for them yet
        self._said: deque[_Command] = deque()  # their replies have not been looked at
        self._announced: Message | None = None
        self._phase = Phase.MAIL  # of the message under way
        self._open: Phase | None = None  # the last step the relay has taken of a transaction that is not over

    @property
    def usable(self) -> bool:
        """Whether another message may be sent on this connection, or an announced one has been answered."""
        return self._wire.quiet or (self._announced is not None and self._wire.heard)

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
        self._phase = Phase.MAIL
        if message is not self._announced:
            if self._announced is not None:
                self._wire.abort("another message had been announced")
            elif refusal := self._refuse(message):
                return refusal
        try:
            return await self._transact(message, handing_over, following)
        except Broken as broken:
            return Result(self._where(), broken.reply, broken.cause)
        except BaseException:
            self._wire.abort()
            raise

    async def close(self) -> None:
        """Say QUIT when that is possible and close; never raises, takes `quit` seconds twice at most.

        Where a message was announced the relay waits for its content, and there is nothing but to hang up.
        """
        limit = self._timeouts.quit
        try:
            if self._announced is None:
                async with asyncio.timeout(limit):
                    self._waiting = [*(command for command in await self._clear_up() if command is _DOT), _QUIT]
                    while self._waiting or self._said:
                        await self._answer(limit)
                await self._wire.finish(limit)
        except (Broken, TimeoutError):
            pass
        finally:
            self._wire.abort()
            self._pipelining.leave(self, self._wire.broken)

    def _refuse(self, message: Message) -> Result | None:
        """What is wrong with a message that cannot be said over this connection."""
        envelope, content = message.envelope, message.content
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
        return None

    # --- one transaction -------------------------------------------------------------------------------------

    async def _transact(
        self, message: Message, handing_over: Callable[[], None], following: Callable[[], Message | None]
    ) -> Result:
        announced, self._announced = message is self._announced, None
        if not announced:
            await self._begin(message)
        grouped = announced or self._window > LOCKSTEP
        for phase, seconds in self._steps:
            self._phase = phase
            reply = await self._answer(seconds)
            if reply.code == 503 and grouped:  # a relay that has lost a command of the group
                self._wire.abort(str(reply))
                self._pipelining.ends(str(reply))
                return Result(phase, None, str(reply))
            if reply.code >= 400:
                return Result(phase, reply)
            self._open = phase
        if announced:
            self._pipelining.works()
        self._wire.require_quiet()
        if self._window > LOCKSTEP:
            self._announce(following())
        handing_over()
        self._hand_over(message)
        return self._answered(await self._answer(self._timeouts.dot))

    async def _begin(self, message: Message) -> None:
        """Say as much of a message's commands as the window allows, once nothing is left of the one before."""
        before = await self._clear_up()
        self._waiting = [*before, *self._commands(message)]
        for command in before:
            reply = await self._answer(self._timeouts.command)
            if command is _RSET and reply.code >= 400:
                self._wire.abort(f"RSET: {reply}")
                self._wire.require_quiet()
            elif command is _DOT and reply.code < 400:
                self._pipelining.ends("it took a message for nobody")
        self._open = None

    async def _clear_up(self) -> list[_Command]:
        """Hear what the group of a refused message still gets; returns what must be said to end its transaction.

        A relay may take DATA with no recipient, and wants a lone dot then (RFC 2920 section 3.1); but where it took
        a recipient after it had refused MAIL, that dot would send somebody an empty message.
        """
        self._waiting = []
        while self._said:
            command = self._said[0]
            reply = await self._answer(self._timeouts.data)
            if reply.code >= 400:
                continue
            if command is not _DATA:
                self._open = Phase.RCPT
            elif self._open is Phase.RCPT:
                self._wire.abort("the relay takes a message it has refused")
            else:
                return [_DOT]
        self._wire.require_quiet()
        return [_RSET] if self._open else []

    def _announce(self, message: Message | None) -> None:
        """Have the commands of the message that follows leave behind the content of this one."""
        if message is not None and self._refuse(message) is None:
            self._announced, self._waiting = message, self._commands(message)

    def _hand_over(self, message: Message) -> None:
        behind, self._waiting = self._waiting, []
        self._phase = Phase.DOT
        self._said += (_DOT, *behind)
        self._wire.hand_over(message.content, *_joined(behind))

    def _answered(self, reply: Reply) -> Result:
        """The result of an answer to the content: only a 2yz after the dot has left is an acceptance."""
        if self._wire.dot_held:
            early = f"the relay answered {reply.code} before it had the whole message"
            self._wire.abort(early)
            return Result(Phase.BODY, reply if reply.code >= 400 else None, early)
        self._open = None
        return Result(Phase.DOT, reply)

    # --- commands and their replies --------------------------------------------------------------------------

    def _commands(self, message: Message) -> list[_Command]:
        envelope, content = message.envelope, message.content
        line = b"MAIL FROM:<%b>" % envelope.return_path.encode()
        if self._announces_size:
            line += b" SIZE=%d" % len(content)
        if self._eight_bit and not content.isascii():
            line += b" BODY=8BITMIME"
        if self._utf8 and not (envelope.return_path.isascii() and envelope.recipient.isascii()):
            line += b" SMTPUTF8"
        return [_Command(line + b"\r\n"), _Command(b"RCPT TO:<%b>\r\n" % envelope.recipient.encode()), _DATA]

    async def _answer(self, seconds: float) -> Reply:
        """Say what the window has room for, and return the reply to the oldest command that has none yet."""
        if self._waiting and (room := self._window - len(self._said)) > 0:
            now, self._waiting = self._waiting[:room], self._waiting[room:]
            self._said += now
            self._wire.say(*_joined(now))
        reply = await self._wire.answer(seconds)
        self._said.popleft()
        if reply.code == 421:  # RFC 5321 3.8: the relay closes the channel
            self._wire.abort(str(reply), reply)
        return reply

    @property
    def _window(self) -> int:
        return self._pipelining.window(self) if self._pipelines else LOCKSTEP

    def _where(self) -> Phase:
        return Phase.BODY if self._phase is Phase.DOT and self._wire.dot_held else self._phase


def _joined(commands: Sequence[_Command]) -> tuple[bytes, ...]:
    """The lines of commands in one, and how the reply to each may begin."""
    return b"".join([command.line for command in commands]), *[command.answer for command in commands]
