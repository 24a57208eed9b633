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
from support.ways import QUICK, nothing, to

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


async def session(port: int) -> SmtpSession:
    return await SmtpRelay(parse(f"smtp://127.0.0.1:{port}"), timeouts=QUICK).open()


async def test_ten_connections_send_five_hundred_messages() -> None:
    with sink() as port:

        async def send() -> list[State]:
            connection = await session(port)
            states = [judge(await connection.send(to(), nothing)).state for _ in range(50)]
            await connection.close()
            return states

        sent = await asyncio.gather(*(send() for _ in range(10)))
    assert [set(states) for states in sent] == [{State.ACCEPTED}] * 10


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
async def test_its_ways_to_misbehave_are_understood(options: list[str], phase: Phase, state: State) -> None:
    with sink(*options) as port:
        connection = await session(port)
        result = await connection.send(to(), nothing)
        await connection.close()
    assert (result.phase, judge(result).state) == (phase, state)
