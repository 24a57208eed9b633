"""The ways of sending that are compared, each in a process of its own that measures itself.

    python benchmarks/sending/ways.py WAY '{"folder": ..., "port": ..., "count": ...}'

Prints one JSON object: wall-clock and CPU seconds from the first thing done for the issue to the last reply,
CPU seconds of the start before that, peak RSS in MB, and what only some ways have.
"""

from __future__ import annotations

import asyncio
import json
import resource
import smtplib
import sys
import time
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).parents[1])

from sending.club import address  # noqa: E402 - found by the path above

CONNECTIONS = 10
TOKEN = "a" * 26
MARKED = "Reader 0"
Task = dict[str, Any]


def product(task: Task) -> Task:
    """The whole product: check, render, freeze, claim, compose, send, record."""
    from mailer.cli import drafts
    from mailer.model.delivery import State
    from sending.club import open_club

    club = open_club(Path(task["folder"]), task["port"], task["database_url"])
    now, started = club.clock(), time.perf_counter()
    draft = drafts.prepare(club, task["issue"], now)
    prepared, prepared_cpu = time.perf_counter(), cpu()
    published = drafts.freeze(club, draft, None, "", now, None, "benchmark", now)
    frozen, before = time.perf_counter(), cpu()
    tally = asyncio.run(club.dispatcher().run())
    club.db.close()
    assert tally[State.ACCEPTED] == published.audience.readers == task["count"], tally
    dispatched = time.perf_counter() - frozen
    return {
        "prepare_s": prepared - started,
        "freeze_s": frozen - prepared,
        "dispatch_s": dispatched,
        "dispatch_rate": task["count"] / dispatched,
        "freeze_cpu": before - prepared_cpu,
        "dispatch_cpu": cpu() - before,
    }


def message(task: Task, number: int) -> EmailMessage:
    """What a program without a compiled edition builds for every reader."""
    token, name, to = f"{number:026d}", f"Reader {number}", address(number)
    built = EmailMessage()
    built["From"], built["To"], built["Subject"] = "Quay News <news@example.org>", f"{name} <{to}>", "Captains buy"
    built["Message-ID"] = f"<{token}@example.org>"
    built["List-Unsubscribe"] = f"<http://127.0.0.1:8080/u/{token}>"
    built["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    built.set_content(task["text"].replace(MARKED, name).replace(TOKEN, token))
    built.add_alternative(task["html"].replace(MARKED, name).replace(TOKEN, token), subtype="html")
    return built


def smtplib_messages(task: Task) -> Task:
    """The standard library: one connection, an EmailMessage for every reader."""
    with smtplib.SMTP("127.0.0.1", task["port"], local_hostname="localhost") as client:
        for number in range(1, task["count"] + 1):
            client.send_message(message(task, number), from_addr=f"b+{number}@example.org", to_addrs=[address(number)])
    return {}


def aiosmtplib_messages(task: Task) -> Task:
    """aiosmtplib: ten connections, an EmailMessage for every reader."""

    async def send(client: Any, number: int) -> None:
        await client.send_message(message(task, number), sender=f"b+{number}@example.org", recipients=[address(number)])

    asyncio.run(pool(task, send))
    return {}


def aiosmtplib_bytes(task: Task) -> Task:
    """aiosmtplib: ten connections, a finished message of which only the recipient is filled in."""
    finished = message(task, 0).as_bytes()

    async def send(client: Any, number: int) -> None:
        to = address(number)
        await client.sendmail(f"b+{number}@example.org", [to], finished.replace(b"reader0@example.com", to.encode()))

    asyncio.run(pool(task, send))
    return {}


async def pool(task: Task, send: Callable[[Any, int], Awaitable[None]]) -> None:
    """Ten aiosmtplib connections that take the next reader when they have sent the last."""
    import aiosmtplib

    numbers = iter(range(1, task["count"] + 1))

    async def connection() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=task["port"], local_hostname="localhost") as client:
            for number in numbers:
                await send(client, number)

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))


WAYS: dict[str, Callable[[Task], Task]] = {
    "product": product,
    "aiosmtplib + EmailMessage": aiosmtplib_messages,
    "aiosmtplib sendmail(bytes)": aiosmtplib_bytes,
    "smtplib + EmailMessage": smtplib_messages,
}


def cpu() -> float:
    """CPU seconds of this process, its threads and the children it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)


def peak_rss() -> float:
    """MB this process has held at most. Its rusage would tell the starter's, if that was larger."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    way, task = WAYS[sys.argv[1]], json.loads(sys.argv[2])
    import aiosmtplib  # noqa: F401 - the start is shown apart

    import mailer.cli.drafts
    import mailer.flows.compose
    import mailer.flows.dispatch
    import mailer.transport.smtp  # noqa: F401

    for key in ("text", "html"):
        task[key] = Path(task["folder"], f"marked.{key}").read_text(encoding="utf-8")
    start_cpu, started = cpu(), time.perf_counter()
    found = way(task)
    found |= {"wall_s": time.perf_counter() - started, "cpu_s": cpu() - start_cpu, "start_cpu_s": start_cpu}
    found["rss_mb"] = peak_rss()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
