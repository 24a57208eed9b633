"""Sending over SMTP against Postfix's smtp-sink: this transport, smtp-source and aiosmtplib in one run.

    python benchmarks/transport.py [--rounds 3] [--messages 10000]

Ten reused connections, messages of 45 KB, lockstep. Prints medians: messages/s, CPU s per 1,000 messages of the
client, and the ratio to smtp-source. The rounds are interleaved, so that a busy machine is unfair to all alike.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from email.message import EmailMessage

import aiosmtplib

from mailer.model.delivery import State, judge
from mailer.transport.base import Envelope, Message
from mailer.transport.smtp import SmtpRelay
from mailer.transport.url import parse

CONNECTIONS = 10
LINE = b"Tariffs, ports and prices in seventy-four columns, one line like another..\r\n"
CONTENT = b"From: news@example.org\r\nSubject: News\r\n\r\n" + LINE * (45_000 // len(LINE))

Way = Callable[[int, int], Awaitable[None]]


async def ours(port: int, count: int) -> None:
    relay = SmtpRelay(parse(f"smtp://127.0.0.1:{port}"))
    message = Message(Envelope("b+token@example.org", "reader@example.com"), CONTENT)

    async def connection() -> None:
        session = await relay.open()
        for _ in range(count // CONNECTIONS):
            result = await session.send(message, _nothing)
            assert judge(result).state is State.ACCEPTED, result
        await session.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))


def _nothing() -> None:
    pass


async def sendmail(port: int, count: int) -> None:
    async def connection() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, local_hostname="localhost") as client:
            for _ in range(count // CONNECTIONS):
                await client.sendmail("b+token@example.org", ["reader@example.com"], CONTENT)

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))


async def email_message(port: int, count: int) -> None:
    text = (LINE * (22_500 // len(LINE))).decode().replace("\r\n", "\n")

    async def connection() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, local_hostname="localhost") as client:
            for _ in range(count // CONNECTIONS):
                message = EmailMessage()
                message["From"], message["To"], message["Subject"] = "news@example.org", "reader@example.com", "News"
                message.set_content(text)
                message.add_alternative(f"<html><body>{text}</body></html>", subtype="html")
                await client.send_message(message)

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))


def measure(way: Way, port: int, count: int) -> tuple[float, float]:
    """Messages/s and CPU seconds per 1,000 messages of a way in Python."""
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    asyncio.run(way(port, count))  # type: ignore[arg-type]
    elapsed, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return count / elapsed, cpu * 1000 / count


def measure_source(port: int, count: int) -> tuple[float, float]:
    """The same for smtp-source with as many connections, kept open."""
    command = ["smtp-source", "-s", str(CONNECTIONS), "-d", "-m", str(count), "-l", str(len(CONTENT))]
    started = time.perf_counter()
    process = subprocess.Popen([*command, "-f", "b@example.org", "-t", "reader@example.com", f"127.0.0.1:{port}"])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return count / (time.perf_counter() - started), (usage.ru_utime + usage.ru_stime) * 1000 / count


def start_sink() -> tuple[subprocess.Popen[bytes], int]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen(["smtp-sink", *user, f"127.0.0.1:{port}", "1000"])
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return process, port
        except OSError:
            time.sleep(0.05)
    raise SystemExit("smtp-sink does not start")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=10_000)
    options = parser.parse_args()
    os.environ["PATH"] += os.pathsep + "/usr/sbin"
    if not shutil.which("smtp-sink"):
        sys.exit("smtp-sink is not installed (Debian package postfix)")
    count = options.messages
    figures: dict[str, list[tuple[float, float]]] = {}
    sink, port = start_sink()
    try:
        for _ in range(options.rounds):
            figures.setdefault("smtp-source -s 10 -d", []).append(measure_source(port, count))
            figures.setdefault("this transport, lockstep", []).append(measure(ours, port, count))
            figures.setdefault("aiosmtplib sendmail(bytes)", []).append(measure(sendmail, port, count // 4))
            figures.setdefault("aiosmtplib + EmailMessage each", []).append(measure(email_message, port, count // 20))
    finally:
        sink.terminate()
        sink.wait()
    base = statistics.median(rate for rate, _ in figures["smtp-source -s 10 -d"])
    print(f"{'':32}{'msg/s':>8}{'CPU s/1000':>12}{'x source':>10}")
    for name, values in figures.items():
        rate, cpu = (statistics.median(column) for column in zip(*values, strict=True))
        print(f"{name:32}{rate:8.0f}{cpu:12.4f}{rate / base:10.2f}")


if __name__ == "__main__":
    main()
