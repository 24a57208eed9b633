"""Sending over SMTP against Postfix's smtp-sink: this transport, smtp-source and aiosmtplib in one run.

    python benchmarks/transport.py [--rounds 3] [--messages 10000] [--fast PROGRAM] [--rtt MS]

Ten reused connections, messages of 45 KB, pipelined and in lockstep. Prints medians: messages/s, CPU s per 1,000
messages of the client and of the sink, and the median of the ratios to smtp-source in the same round. The rounds are
interleaved, so that a busy machine is unfair to all alike. PROGRAM is a sink started as `PROGRAM PORT` that is faster
than smtp-sink, which is the limit otherwise; with `--rtt` it is told `-r MS` too, to answer so much later, and
how many round trips' time a message took is printed.
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
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import NamedTuple

import aiosmtplib

from mailer.mail.wire import wire_form
from mailer.model.delivery import State, judge
from mailer.transport.base import Envelope, Message
from mailer.transport.smtp import SmtpRelay
from mailer.transport.url import parse

CONNECTIONS = 10
LINE = b"Tariffs, ports and prices in seventy-four columns, one line like another..\r\n"
CONTENT = wire_form(b"From: news@example.org\r\nSubject: News\r\n\r\n" + LINE * (45_000 // len(LINE)))

Way = Callable[[int, int], Awaitable[None]]


class Figures(NamedTuple):
    """Of one way in one round."""

    rate: float
    cpu: float
    sink_cpu: float


async def pipelined(port: int, count: int) -> None:
    await ours(port, count, pipelining=True)


async def lockstep(port: int, count: int) -> None:
    await ours(port, count, pipelining=False)


async def ours(port: int, count: int, *, pipelining: bool) -> None:
    relay = SmtpRelay(parse(f"smtp://127.0.0.1:{port}"), pipelining=pipelining)

    async def connection() -> None:
        session = await relay.open()
        message: Message | None = _message()
        for left in reversed(range(count // CONNECTIONS)):
            following = _message() if left else None
            result = await session.send(message, _nothing, lambda following=following: following)
            assert judge(result).state is State.ACCEPTED, result
            message = following
        await session.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))


def _message() -> Message:
    return Message(Envelope("b+token@example.org", "reader@example.com"), CONTENT)


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
    """Messages/s and CPU seconds of a way in Python."""
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    asyncio.run(way(port, count))  # type: ignore[arg-type]
    elapsed, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return count / elapsed, cpu


def measure_source(port: int, count: int) -> tuple[float, float]:
    """The same for smtp-source with as many connections, kept open."""
    command = ["smtp-source", "-s", str(CONNECTIONS), "-d", "-m", str(count), "-l", str(len(CONTENT))]
    started = time.perf_counter()
    process = subprocess.Popen([*command, "-f", "b@example.org", "-t", "reader@example.com", f"127.0.0.1:{port}"])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return count / (time.perf_counter() - started), usage.ru_utime + usage.ru_stime


@contextmanager
def sink(program: str, *options: str) -> Iterator[tuple[int, int]]:
    """A sink as a process of its own: its port and process id."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    if program == "smtp-sink":
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        command = [program, *user, f"127.0.0.1:{port}", "1000"]
    else:
        command = [program, str(port), *options]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise SystemExit(f"{program} does not start")
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def cpu_of(process: int) -> float:
    """CPU seconds a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def compare(program: str, rtt: int, rounds: int, count: int) -> None:
    """Run every way so often against one sink, and print what it came to."""
    ways: dict[str, tuple[Callable[[int, int], tuple[float, float]], int]] = {
        "smtp-source -s 10 -d": (measure_source, count),
        "this transport, pipelined": (partial(measure, pipelined), count),
        "this transport, lockstep": (partial(measure, lockstep), count),
        "aiosmtplib sendmail(bytes)": (partial(measure, sendmail), count // 4),
        "aiosmtplib + EmailMessage each": (partial(measure, email_message), count // 20),
    }
    figures: dict[str, list[Figures]] = {name: [] for name in ways}
    with sink(program, *(("-r", str(rtt)) if rtt else ())) as (port, process):
        for _ in range(rounds):
            for name, (way, messages) in ways.items():
                before = cpu_of(process)
                rate, cpu = way(port, messages)
                sinks = cpu_of(process) - before
                figures[name].append(Figures(rate, cpu * 1000 / messages, sinks * 1000 / messages))
    bases = [one.rate for one in figures["smtp-source -s 10 -d"]]
    title = f"{Path(program).name}{f', {rtt} ms' if rtt else ''}"
    print(f"{title:32}{'msg/s':>8}{'CPU s/1000':>12}{'sink s/1000':>13}{'x source':>10}{'trips' if rtt else '':>8}")
    for name, values in figures.items():
        rate, cpu, sinks = (statistics.median(column) for column in zip(*values, strict=True))
        ratio = statistics.median(one.rate / base for one, base in zip(values, bases, strict=True))
        trips = f"{CONNECTIONS / (rate * rtt / 1000):8.2f}" if rtt else ""
        print(f"{name:32}{rate:8.0f}{cpu:12.4f}{sinks:13.4f}{ratio:10.2f}{trips}")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--fast", metavar="PROGRAM", help="another sink, started as PROGRAM PORT [-r MS]")
    parser.add_argument("--rtt", type=int, default=0, metavar="MS", help="with --fast: how late it answers")
    options = parser.parse_args()
    os.environ["PATH"] += os.pathsep + "/usr/sbin"
    if not shutil.which("smtp-sink"):
        sys.exit("smtp-sink is not installed (Debian package postfix)")
    if not options.rtt:
        compare("smtp-sink", 0, options.rounds, options.messages)
    if options.fast:
        compare(options.fast, options.rtt, options.rounds, options.messages)


if __name__ == "__main__":
    main()
