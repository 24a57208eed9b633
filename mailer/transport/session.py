"""One mail transaction after the other on a connection: MAIL, RCPT, DATA, content, dot (RFC 5321 section 3.3).

Where the relay offers PIPELINING (RFC 2920) the commands of a message leave in one group, and those of the message that
follows leave behind the content of this one: one round trip a message instead of four. Lockstep is the same with a
window of one command: what the window has no room for waits until the relay has taken what was said before.

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
from collections.abc import Callable, Mapping

from mailer.mail.reply import Reply
from mailer.model.delivery import Phase, Result
from mailer.transport.base import Message, nothing_follows
from mailer.transport.pipelining import LOCKSTEP, Pipelining
from mailer.transport.protocol import GO_AHEAD, USUAL, Broken, Command, Timeouts, Wire

_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f<>\u2028\u2029\ud800-\udfff]")
_NO_SUCH_PATH = Reply(553, ("5.1.3 Not sent: the address cannot stand in an SMTP command",))
_NO_UTF8 = Reply(553, ("5.6.7 Not sent: the address needs SMTPUTF8, which the relay does not offer",))
_NO_8BIT = Reply(554, ("5.6.3 Not sent: the message needs 8BITMIME, which the relay does not offer",))
_MAIL_MAX = re.compile(r"(?<![^ ])MAILMAX=([1-9][0-9]{0,5})(?![^ ])", re.IGNORECASE)
_STEPS = (Phase.MAIL, Phase.RCPT, Phase.DATA)


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
        limit = _MAIL_MAX.search(extensions.get("limits", ""))
        self.most = int(limit[1]) if limit else 0
        self._utf8 = "smtputf8" in extensions
        self._eight_bit = "8bitmime" in extensions
        self._pipelines = "pipelining" in extensions
        self._data = Command(b"DATA\r\n", GO_AHEAD, timeouts.data)
        self._dot = Command(b".\r\n", USUAL, timeouts.dot)
        self._lone_dot = self._usual(".\r\n")
        self._rset = self._usual("RSET\r\n")
        self._quit = self._usual("QUIT\r\n")
        self._announced: Message | None = None
        self._phase = Phase.MAIL  # of the message under way
        self._open: Phase | None = None  # the last step the relay has taken of a transaction that is not over

    @property
    def usable(self) -> bool:
        """Whether another message may be sent on this connection, or an announced one has been answered."""
        return (self._announced is not None and self._wire.heard) or self._wire.quiet

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
                    if self._lone_dot in await self._clear_up():
                        await self._exchange(self._lone_dot)
                    await self._exchange(self._quit)
                await self._wire.finish(limit)
        except (Broken, TimeoutError):
            pass
        finally:
            self._wire.abort()
            self._pipelining.leave(self, self._wire.broken)

    def _refuse(self, message: Message) -> Result | None:
        """What is wrong with a message that cannot be said over this connection."""
        return_path, recipient = message.envelope
        if _UNSAFE.search(return_path):
            return Result(Phase.MAIL, _NO_SUCH_PATH)
        if _UNSAFE.search(recipient) or not recipient:
            return Result(Phase.RCPT, _NO_SUCH_PATH)
        if not self._utf8:
            if not return_path.isascii():
                return Result(Phase.MAIL, _NO_UTF8)
            if not recipient.isascii():
                return Result(Phase.RCPT, _NO_UTF8)
        if not self._eight_bit and message.is_eight_bit:
            return Result(Phase.MAIL, _NO_8BIT)
        if self._limit and message.size > self._limit:
            text = f"5.3.4 Not sent: {message.size} octets, the relay takes {self._limit}"
            return Result(Phase.MAIL, Reply(552, (text,)))
        return None

    # --- one transaction -------------------------------------------------------------------------------------

    async def _transact(
        self, message: Message, handing_over: Callable[[], None], following: Callable[[], Message | None]
    ) -> Result:
        announced, self._announced = message is self._announced, None
        grouped = announced or await self._begin(message)
        if await self._wire.agreed():
            self._phase = self._open = Phase.DATA
        elif refusal := await self._refusal(grouped):
            return refusal
        if announced:
            self._pipelining.works()
        self._wire.require_quiet()
        if self._ask_window() > LOCKSTEP:
            self._announce(following())
        handing_over()
        self._phase = Phase.DOT
        self._wire.hand_over(message.pieces, self._dot, self._commands(self._announced) if self._announced else ())
        return self._answered(await self._answer())

    async def _refusal(self, grouped: bool) -> Result | None:
        """Hear what becomes of MAIL, RCPT and DATA; the result where one of them is refused."""
        for phase in _STEPS:
            self._phase = phase
            reply = await self._answer()
            if reply.code == 503 and grouped:  # a relay that has lost a command of the group
                self._wire.abort(str(reply))
                self._pipelining.ends(str(reply))
                return Result(phase, None, str(reply))
            if reply.code >= 400:
                return Result(phase, reply)
            self._open = phase
        return None

    async def _begin(self, message: Message) -> bool:
        """Say as much of a message's commands as the window allows, once nothing is left of the one before.

        Whether they went in a group: another session may change the window meanwhile.
        """
        before, commands, window = await self._clear_up(), self._commands(message), self._ask_window()
        grouped = window > LOCKSTEP
        self._wire.say([*before, *commands] if grouped else before, window)
        for command in before:
            reply = await self._answer()
            if command is self._rset and reply.code >= 400:
                self._wire.abort(f"RSET: {reply}")
                self._wire.require_quiet()
            elif command is self._lone_dot and reply.code < 400:
                self._pipelining.ends("it took a message for nobody")
        if not grouped:
            self._wire.say(commands, window)
        self._open = None
        return grouped

    async def _clear_up(self) -> list[Command]:
        """Hear what the group of a refused message still gets; returns what must be said to end its transaction.

        A relay may take DATA with no recipient, and wants a lone dot then (RFC 2920 section 3.1); but where it took
        a recipient after it had refused MAIL, that dot would send somebody an empty message.
        """
        while self._wire.pending:
            command, reply = await self._wire.answer()
            self._obey(reply)
            if reply.code >= 400:
                continue
            if command is not self._data:
                self._open = Phase.RCPT
            elif self._open is Phase.RCPT:
                self._wire.abort("the relay takes a message it has refused")
            else:
                return [self._lone_dot]
        self._wire.require_quiet()
        return [self._rset] if self._open else []

    def _announce(self, message: Message | None) -> None:
        """Have the commands of the message that follows leave behind the content of this one."""
        if message is not None and self._refuse(message) is None:
            self._announced = message

    def _answered(self, reply: Reply) -> Result:
        """The result of an answer to the content: only a 2yz after the dot has left is an acceptance."""
        if self._wire.dot_held:
            early = f"the relay answered {reply.code} before it had the whole message"
            self._wire.abort(early)
            return Result(Phase.BODY, reply if reply.code >= 400 else None, early)
        self._open = None
        return Result(Phase.DOT, reply)

    # --- commands and their replies --------------------------------------------------------------------------

    def _usual(self, line: str) -> Command:
        return Command(line.encode(), USUAL, self._timeouts.command)

    def _commands(self, message: Message) -> list[Command]:
        return_path, recipient = message.envelope
        size = f" SIZE={message.size}" if self._announces_size else ""
        body = " BODY=8BITMIME" if self._eight_bit and message.is_eight_bit else ""
        utf8 = "" if return_path.isascii() and recipient.isascii() else " SMTPUTF8"  # `_refuse` lets no other pass
        mail = f"MAIL FROM:<{return_path}>{size}{body}{utf8}\r\n"
        return [self._usual(mail), self._usual(f"RCPT TO:<{recipient}>\r\n"), self._data]

    async def _exchange(self, command: Command) -> Reply:
        """Say one command and hear its reply."""
        self._wire.say([command], LOCKSTEP)
        return await self._answer()

    async def _answer(self) -> Reply:
        """The reply to the oldest command that has none yet."""
        _, reply = await self._wire.answer()
        self._obey(reply)
        return reply

    def _obey(self, reply: Reply) -> None:
        """Hang up where the relay closes the channel (RFC 5321 section 3.8)."""
        if reply.code == 421:
            self._wire.abort(str(reply), reply)

    def _ask_window(self) -> int:
        """How many commands may be unanswered now; asking may make this the session that tries pipelining."""
        return self._pipelining.ask_window(self) if self._pipelines else LOCKSTEP

    def _where(self) -> Phase:
        return Phase.BODY if self._phase is Phase.DOT and self._wire.dot_held else self._phase
