"""The transport against Postfix's smtp-sink, which we did not write."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.groups import states
from support.ways import QUICK, in_turn, to

from mailer.model.delivery import Phase, State, judge
from mailer.transport.session import SmtpSession
from mailer.transport.smtp import SmtpRelay
from mailer.transport.url import parse

SINK = shutil.which("smtp-sink", path=os.environ["PATH"] + os.pathsep + "/usr/sbin")
pytestmark = pytest.mark.skipif(SINK is None, reason="needs smtp-sink (Debian package postfix)")


@contextmanager
def sink(*options: str) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([str(SINK), *user, *options, f"127.0.0.1:{port}", "100"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(10)


async def session(port: int, *, pipelining: bool = True) -> SmtpSession:
    return await SmtpRelay(parse(f"smtp://127.0.0.1:{port}"), timeouts=QUICK, pipelining=pipelining).open()


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "lockstep"])
async def test_ten_connections_send_five_hundred_messages(pipelining: bool) -> None:
    with sink() as port:
        relay = SmtpRelay(parse(f"smtp://127.0.0.1:{port}"), timeouts=QUICK, pipelining=pipelining)

        async def send() -> list[State]:
            connection = await relay.open()
            sent = states(await in_turn(connection, *(to() for _ in range(50))))
            await connection.close()
            return sent

        sent = await asyncio.gather(*(send() for _ in range(10)))
    assert sent == [[State.ACCEPTED] * 50] * 10


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "lockstep"])
@pytest.mark.parametrize(
    ("options", "phase", "state"),
    [
        (["-r", "mail"], Phase.MAIL, State.DEFERRED),
        (["-r", "rcpt"], Phase.RCPT, State.DEFERRED),
        (["-f", "rcpt"], Phase.RCPT, State.FAILED),
        (["-f", "data"], Phase.DATA, State.FAILED),
        (["-r", "."], Phase.DOT, State.DEFERRED),
        (["-f", "."], Phase.DOT, State.FAILED),
        (["-q", "rcpt"], Phase.RCPT, State.DEFERRED),
        (["-q", "."], Phase.DOT, State.UNCERTAIN),
    ],
    ids=lambda value: "-".join(value).replace("--", "") if isinstance(value, list) else "",
)
async def test_its_ways_to_misbehave_are_understood(
    options: list[str], phase: Phase, state: State, pipelining: bool
) -> None:
    with sink(*options) as port:
        connection = await session(port, pipelining=pipelining)
        results = await in_turn(connection, to(), to(), to())
        await connection.close()
    assert {(result.phase, judge(result).state) for result in results} == {(phase, state)}
    assert len(results) == (1 if "-q" in options else 3)
