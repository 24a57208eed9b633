"""A real SMTP server for tests that follows a script: it refuses, stalls, drips, lies and hangs up on demand.

    async with Relay(refuse("rcpt", "550 5.1.1 No such user", recipient="dave@*")) as relay:
        ...                            # send to 127.0.0.1, relay.port
        assert relay.accepted == {"alice@example.com": 1}

`relay.accepted` is the relay's own ledger: it counts a recipient once the relay has decided on a 2yz to the final
dot, whether or not the client gets to read it. From synchronous code use `with Relay(...).in_thread() as relay`;
as a process of its own, `python -m support.relay --help`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import re
import socket
import ssl
import struct
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

PHASES = ("connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "body", "dot", "rset", "noop", "quit")
LINE_LIMIT = 8192


@dataclass(eq=False)
class Rule:
    """What to do instead of the usual when a client gets to `at`; made by `refuse`, `hang_up`, `stall` and so on.

    Applies to transactions whose recipient matches `recipient` (known from RCPT on), after letting the first `skip`
    matches pass, `times` times (None: always).
    """

    at: str
    reply: bytes | None = None  # said instead of the usual reply; None: the usual one
    silent: bool = False  # no reply at all
    close: bool = False  # hang up afterwards
    reset: bool = False  # hang up with RST instead of FIN
    accepting: bool | None = None  # whether the message counts as taken; None: if the reply is 2yz
    dripping: bool = False  # a byte at a time
    flood: bytes = b""  # said again and again until the client goes
    waiting: bool = False  # wait for `let_go` first
    delay: float = 0.0  # seconds to wait before answering
    after: int = 0  # at="body": how many bytes of content to read first
    recipient: str = "*"
    times: int | None = None
    skip: int = 0
    hits: int = 0

    def __post_init__(self) -> None:
        assert self.at in PHASES, self.at
        self._reached = asyncio.Event()
        self._released = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def applies(self, recipient: str) -> bool:
        """Whether the rule is to be followed now; counts the match."""
        if not fnmatchcase(recipient.lower(), self.recipient):
            return False
        self.hits += 1
        return self.hits > self.skip and (self.times is None or self.hits <= self.skip + self.times)

    async def reached(self) -> None:
        """Wait until a client has got there."""
        await self._reached.wait()

    def let_go(self) -> None:
        """End the stall, for this and all later clients; may be called from any thread."""
        if self._loop is None:
            self._released.set()
        else:
            self._loop.call_soon_threadsafe(self._released.set)

    async def pause(self) -> None:
        """Tell who waits that a client is here, then wait as the rule says."""
        self._loop = asyncio.get_running_loop()
        self._reached.set()
        if self.waiting:
            await self._released.wait()
        if self.delay:
            await asyncio.sleep(self.delay)


def _wire(reply: str | bytes) -> bytes:
    return reply if isinstance(reply, bytes) else reply.encode() + b"\r\n"


def refuse(at: str, reply: str = "550 5.1.1 No such user", **when: object) -> Rule:
    """Answer `reply` instead of the usual one and go on."""
    return Rule(at, reply=_wire(reply), **when)  # type: ignore[arg-type]


def say(at: str, reply: str | bytes, *, close: bool = False, **when: object) -> Rule:
    """Answer with exactly these bytes (a str gets its CRLF): stray lines, two replies in one packet, nonsense."""
    return Rule(at, reply=_wire(reply), close=close, **when)  # type: ignore[arg-type]


def closing(at: str, reply: str = "421 4.3.2 Service shutting down", **when: object) -> Rule:
    """Answer 421 and hang up."""
    return Rule(at, reply=_wire(reply), close=True, **when)  # type: ignore[arg-type]


def hang_up(at: str, *, after_reply: bool = False, accepting: bool | None = None, **when: object) -> Rule:
    """Drop the connection instead of answering, or right after the usual answer.

    At "dot" without an answer the message counts as taken only if `accepting`.
    """
    taken = accepting if after_reply else bool(accepting)
    return Rule(at, silent=not after_reply, close=True, accepting=taken, **when)  # type: ignore[arg-type]


def stall(at: str, **when: object) -> Rule:
    """Say nothing until `let_go()` is called, then go on as usual; at "body" do not even read."""
    return Rule(at, waiting=True, **when)  # type: ignore[arg-type]


def late(at: str, seconds: float, **when: object) -> Rule:
    """Answer as usual, `seconds` later."""
    return Rule(at, delay=seconds, **when)  # type: ignore[arg-type]


def drip(at: str, **when: object) -> Rule:
    """Give the usual answer one byte at a time."""
    return Rule(at, dripping=True, **when)  # type: ignore[arg-type]


def flood(at: str, chunk: bytes, **when: object) -> Rule:
    """Say `chunk` again and again until the client hangs up."""
    return Rule(at, flood=chunk, **when)  # type: ignore[arg-type]


@dataclass
class Transaction:
    """One MAIL and what followed; `phase` is how far it got, `taken` whether the relay kept the message."""

    return_path: str
    parameters: str = ""
    recipients: list[str] = field(default_factory=list)
    content: bytes = b""  # as sent, dots unstuffed, without the final dot
    phase: str = "mail"
    taken: bool = False


@dataclass
class Visit:
    """One connection: the commands heard and how it ended."""

    commands: list[str] = field(default_factory=list)
    secured: bool = False
    user: str = ""
    octets: int = 0  # of content read, finished or not
    turns: int = 0  # times it had answered and had to wait for more: a client's round trips
    closed: asyncio.Event = field(default_factory=asyncio.Event)


class HangUp(Exception):
    """The relay ends the connection."""


class Relay:
    """The server; `rules` are tried in order at each step, the first that applies wins.

    `tls` is "", "starttls" or "implicit" (then `context` is the server's, see support.certificates);
    `users` are names and passwords for AUTH, which is then required; `extensions` are EHLO lines besides those.
    `lenient`: 354 to DATA for nobody, as smtp-sink has it, and a refusal of what comes; `careless`: takes a recipient
    although it has refused MAIL.
    """

    def __init__(
        self,
        *rules: Rule,
        extensions: Sequence[str] = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"),
        tls: str = "",
        context: ssl.SSLContext | None = None,
        users: dict[str, str] | None = None,
        mechanisms: str = "PLAIN LOGIN",
        max_connections: int = 1_000_000,
        max_messages: int = 1_000_000,
        enough: str = "421 4.7.0 Enough for now",
        lenient: bool = False,
        careless: bool = False,
        receive_buffer: int = 0,
        keep_content: bool = True,
        on_accept: Callable[[Transaction], None] = lambda transaction: None,
        port: int = 0,
    ) -> None:
        self.rules = list(rules)
        self.extensions = list(extensions)
        self.tls = tls
        self.context = context
        self.users = users or {}
        self.mechanisms = mechanisms
        self.max_connections = max_connections
        self.max_messages = max_messages
        self.enough = enough
        self.lenient = lenient
        self.careless = careless
        self.receive_buffer = receive_buffer
        self.keep_content = keep_content
        self.on_accept = on_accept
        self.port = port
        self.transactions: list[Transaction] = []
        self.visits: list[Visit] = []
        self.accepted: Counter[str] = Counter()
        self.open_now = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._conversations: set[_Conversation] = set()
        self._changed = asyncio.Event()

    @property
    def url(self) -> str:
        """`smtp://127.0.0.1:port`, with the scheme that fits."""
        scheme = {"": "smtp", "starttls": "smtp+starttls", "implicit": "smtps"}[self.tls]
        return f"{scheme}://127.0.0.1:{self.port}"

    @property
    def commands(self) -> list[str]:
        """Every command heard, all connections together."""
        return [command for visit in self.visits for command in visit.commands]

    async def __aenter__(self) -> Relay:
        sock = socket.create_server(("127.0.0.1", self.port), backlog=512)
        if self.receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        self._server = await asyncio.start_server(
            self._welcome, sock=sock, limit=65536, ssl=self.context if self.tls == "implicit" else None
        )
        self.port = sock.getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @contextlib.contextmanager
    def in_thread(self) -> Iterator[Relay]:
        """Run the relay on an event loop in a thread of its own, for synchronous tests."""
        ready = threading.Event()
        loop = asyncio.new_event_loop()

        async def serve() -> None:
            async with self:
                loop.call_soon(ready.set)
                await stopping.wait()

        stopping = asyncio.Event()
        thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
        thread.start()
        assert ready.wait(10)
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(stopping.set)
            thread.join(10)
            loop.close()

    async def say(self, data: bytes) -> None:
        """Say something nobody asked for, on every open connection."""
        for conversation in self._conversations:
            await conversation._write(data)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition()` holds; looked at whenever something happens here."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        visit = Visit(secured=self.tls == "implicit")
        self.visits.append(visit)
        self.open_now += 1
        conversation = _Conversation(self, visit, reader, writer)
        self._conversations.add(conversation)
        try:
            await conversation.run()
        except (HangUp, ConnectionError, ssl.SSLError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self.open_now -= 1
            self._conversations.discard(conversation)
            visit.closed.set()
            self._changed.set()
            self._tasks.discard(task)
            conversation.writer.close()
            if not conversation.upgrading:  # a failed handshake never tells the writer of its end
                with contextlib.suppress(ConnectionError, ssl.SSLError):
                    await conversation.writer.wait_closed()


class _Conversation:
    """One connection: reads a command, follows a rule or the standard, answers."""

    def __init__(self, relay: Relay, visit: Visit, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.relay = relay
        self.visit = visit
        self.reader = reader
        self.writer = writer
        self.transaction: Transaction | None = None
        self.messages = 0
        self.upgrading = False
        self.ahead = bytearray()  # read, not yet understood: a client may pipeline
        self.has_spoken = False

    async def _line(self) -> bytes:
        while (end := self.ahead.find(b"\r\n")) < 0:
            data = await self._read()
            if not data or len(self.ahead) > LINE_LIMIT:
                raise HangUp
            self.ahead += data
        line = bytes(self.ahead[:end])
        del self.ahead[: end + 2]
        return line

    async def _read(self, most: int = 65536) -> bytes:
        self.visit.turns += self.has_spoken
        self.has_spoken = False
        return await self.reader.read(most)

    async def run(self) -> None:
        if self.relay.open_now > self.relay.max_connections:
            await self._write(b"421 4.7.0 Too many connections\r\n")
            return
        await self._answer("connect", "220 relay.test ESMTP")
        while True:
            line = await self._line()
            self.visit.commands.append(line.decode("utf-8", "backslashreplace"))
            self.relay._changed.set()
            verb = line.split(b" ", 1)[0].upper().decode("ascii", "replace")
            handler = getattr(self, f"_do_{verb.lower()}", None)
            if handler is None:
                await self._write(b"500 5.5.2 What?\r\n")
            else:
                await handler(line.decode("utf-8", "surrogateescape"))

    async def _answer(self, at: str, usual: str) -> bytes:
        """Answer as a rule for `at` says, else `usual`. Returns what was said. Raises HangUp."""
        recipient = self.transaction.recipients[-1] if self.transaction and self.transaction.recipients else ""
        rule = next((rule for rule in self.relay.rules if rule.at == at and rule.applies(recipient)), None)
        said = _wire(usual)
        if rule is None:
            if at == "dot":
                self._settle(said)
            await self._write(said)
            return said
        await rule.pause()
        said = b"" if rule.silent else said if rule.reply is None else rule.reply
        if at == "dot":
            self._settle(said, rule.accepting)
        await self._speak(rule, said)
        if rule.close:
            self._drop(rule.reset)
        return said

    async def _speak(self, rule: Rule, said: bytes) -> None:
        if rule.flood:
            while True:
                await self._write(rule.flood)
        if not rule.dripping:
            await self._write(said)
            return
        for octet in said:
            await self._write(bytes([octet]))
            await asyncio.sleep(0)

    def _drop(self, reset: bool) -> None:
        if reset:
            sock = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.writer.transport.abort()
        raise HangUp

    async def _write(self, data: bytes) -> None:
        self.has_spoken = True
        self.writer.write(data)
        await self.writer.drain()

    def _settle(self, said: bytes, accepting: bool | None = None) -> None:
        """Enter the message into the ledger, before a word of it is said."""
        assert self.transaction is not None
        self.transaction.taken = said[:1] == b"2" if accepting is None else accepting
        if self.transaction.taken:
            self.relay.accepted.update(self.transaction.recipients)
            self.relay.on_accept(self.transaction)
        self.relay._changed.set()

    async def _do_ehlo(self, line: str) -> None:
        lines = ["relay.test", *self.relay.extensions]
        if self.relay.tls == "starttls" and not self.visit.secured:
            lines.append("STARTTLS")
        elif self.relay.users and self.relay.mechanisms:
            lines.append(f"AUTH {self.relay.mechanisms}")
        last = len(lines) - 1
        await self._answer("ehlo", "\r\n".join(f"250{' ' if n == last else '-'}{text}" for n, text in enumerate(lines)))

    async def _do_helo(self, line: str) -> None:
        await self._write(b"250 relay.test\r\n")

    async def _do_starttls(self, line: str) -> None:
        if self.relay.tls != "starttls" or self.visit.secured:
            await self._write(b"502 5.5.1 Not here\r\n")
            return
        said = await self._answer("starttls", "220 2.0.0 Go ahead")
        if not said.startswith(b"220"):
            return
        assert self.relay.context is not None
        self.ahead.clear()
        self.upgrading = True
        await self.writer.start_tls(self.relay.context)
        self.upgrading = False
        self.visit.secured = True

    async def _do_auth(self, line: str) -> None:
        _, mechanism, *initial = line.split(" ")
        if mechanism.upper() == "PLAIN":
            token = initial[0] if initial else await self._ask("")
            _, user, password = _decoded(token).split("\0")
        else:
            user = _decoded(initial[0] if initial else await self._ask("VXNlcm5hbWU6"))
            password = _decoded(await self._ask("UGFzc3dvcmQ6"))
        good = self.relay.users.get(user) == password
        said = await self._answer("auth", "235 2.7.0 Welcome" if good else "535 5.7.8 Wrong name or password")
        if said.startswith(b"235"):
            self.visit.user = user

    async def _ask(self, prompt: str) -> str:
        await self._write(f"334 {prompt}\r\n".encode())
        return (await self._line()).decode()

    async def _do_mail(self, line: str) -> None:
        found = re.fullmatch(r"MAIL FROM:<([^<>]*)>(.*)", line, re.IGNORECASE)
        if self.relay.users and not self.visit.user:
            await self._write(b"530 5.7.0 Authentication required\r\n")
        elif self.messages >= self.relay.max_messages:
            await self._write(_wire(self.relay.enough))
            raise HangUp
        elif found is None or self.transaction is not None:
            await self._write(b"503 5.5.1 Bad sequence\r\n" if found else b"501 5.5.4 Syntax\r\n")
        else:
            transaction = Transaction(found[1], found[2].strip())
            self.relay.transactions.append(transaction)
            said = await self._answer("mail", "552 5.3.4 Too big" if self._too_big(found[2]) else "250 2.1.0 Ok")
            if said.startswith(b"2") or self.relay.careless:
                self.transaction = transaction

    def _too_big(self, parameters: str) -> bool:
        limit = next((int(text[5:]) for text in self.relay.extensions if re.fullmatch(r"SIZE \d+", text)), 0)
        size = re.search(r"\bSIZE=(\d+)", parameters, re.IGNORECASE)
        return bool(limit and size and int(size[1]) > limit)

    async def _do_rcpt(self, line: str) -> None:
        found = re.fullmatch(r"RCPT TO:<([^<>]+)>(.*)", line, re.IGNORECASE)
        if found is None or self.transaction is None:
            await self._write(b"503 5.5.1 Bad sequence\r\n")
            return
        self.transaction.phase = "rcpt"
        self.transaction.recipients.append(found[1])
        said = await self._answer("rcpt", "250 2.1.5 Ok")
        if not said.startswith(b"2"):
            self.transaction.recipients.pop()

    async def _do_data(self, line: str) -> None:
        for_somebody = self.transaction is not None and bool(self.transaction.recipients)
        if not for_somebody and not self.relay.lenient:
            await self._write(b"503 5.5.1 Bad sequence\r\n")
            return
        self.transaction = self.transaction or Transaction("")
        self.transaction.phase = "data"
        said = await self._answer("data", "354 Go ahead")
        if said.startswith(b"354"):
            await self._take_content(self.transaction)
            self.messages += 1
            await self._answer("dot", "250 2.0.0 Queued" if for_somebody else "554 5.5.1 No valid recipients")
            self.transaction = None

    async def _take_content(self, transaction: Transaction) -> None:
        """Read up to CRLF.CRLF and nothing else (RFC 5321 section 4.1.1.4)."""
        transaction.phase = "body"
        recipient = transaction.recipients[-1] if transaction.recipients else ""
        rule = next((rule for rule in self.relay.rules if rule.at == "body" and rule.applies(recipient)), None)
        content = bytearray(b"\r\n" + self.ahead)  # a dot at once is a line of its own
        while (end := content.find(b"\r\n.\r\n", max(0, len(content) - 65536 - 5))) < 0:
            if rule is not None and self.visit.octets >= rule.after:
                await rule.pause()
                if rule.reply:
                    await self._write(rule.reply)
                if rule.close:
                    self._drop(rule.reset)
                rule = None
            data = await self._read(1024 if rule is not None else 65536)
            if not data:
                raise HangUp
            self.visit.octets += len(data)
            content += data
        self.ahead = content[end + 5 :]
        transaction.phase = "dot"
        if self.relay.keep_content:
            transaction.content = bytes(content[2 : end + 2]).replace(b"\r\n..", b"\r\n.")

    async def _do_rset(self, line: str) -> None:
        self.transaction = None
        await self._answer("rset", "250 2.0.0 Ok")

    async def _do_noop(self, line: str) -> None:
        await self._answer("noop", "250 2.0.0 Ok")

    async def _do_quit(self, line: str) -> None:
        await self._answer("quit", "221 2.0.0 Bye")
        raise HangUp


def _decoded(token: str) -> str:
    return base64.b64decode(token).decode()


def _message_id(content: bytes) -> str:
    found = re.search(rb"(?im)^message-id:\s*(\S+)", content)
    return found[1].decode() if found else ""


async def serve(relay: Relay) -> None:
    """Serve until the standard input ends (so that no relay outlives its test); prints the port first."""
    async with relay:
        print(relay.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    """`python -m support.relay`: one line `recipient<TAB>message-id` per taken message in FILE, before its 250."""
    parser = argparse.ArgumentParser(prog="support.relay", description=main.__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--refuse", action="append", default=[], metavar="RECIPIENT=REPLY", help="at RCPT")
    parser.add_argument("--defer", action="append", default=[], metavar="RECIPIENT=N", help="451 the first N times")
    parser.add_argument("--late", type=float, default=0.0, metavar="SECONDS", help="delay of every answer to a dot")
    parser.add_argument("--connections", type=int, default=1_000_000)
    options = parser.parse_args()
    rules = [refuse("rcpt", reply, recipient=who) for who, reply in (text.split("=", 1) for text in options.refuse)]
    for who, count in (text.split("=", 1) for text in options.defer):
        rules.append(refuse("rcpt", "451 4.7.1 Come back later", recipient=who, times=int(count)))
    if options.late:
        rules.append(late("dot", options.late))
    with options.ledger.open("a", buffering=1) as ledger:

        def enter(transaction: Transaction) -> None:
            ledger.writelines(f"{who}\t{_message_id(transaction.content)}\n" for who in transaction.recipients)
            ledger.flush()
            transaction.content = b""

        asyncio.run(serve(Relay(*rules, port=options.port, max_connections=options.connections, on_accept=enter)))


if __name__ == "__main__":
    main()
