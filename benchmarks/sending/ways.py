"""The ways of sending in Python: the product, and what one writes without it; each runs in a process of its own.

python benchmarks/sending/ways.py WAY TASK      the task is a JSON file, see sending/task.py
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import platform
import smtplib
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).parents[1])

from sending.task import SENDER, SUBJECT, Task, address, cpu, letter, measure  # noqa: E402 - found by the path above

SLOW = 80  # who builds an EmailMessage each sends so many times fewer messages


def publish(task: Task) -> Task:
    """Check, render and freeze, as the command that publishes does."""
    from mailer.cli import drafts
    from sending.club import open_club

    club = open_club(Path(task["folder"]), task["relay"], task["database_url"], task["extra"])
    now, started, start_cpu = club.clock(), time.perf_counter(), cpu()
    draft = drafts.prepare(club, task["issue"], now)
    prepared, prepared_cpu = time.perf_counter(), cpu()
    published = drafts.freeze(club, draft, None, "", now, None, "benchmark", now)
    club.db.close()
    assert published.audience.readers == task["count"], published
    return {
        "prepare_s": prepared - started,
        "prepare_cpu": prepared_cpu - start_cpu,
        "freeze_s": time.perf_counter() - prepared,
        "freeze_cpu": cpu() - prepared_cpu,
    }


def product(task: Task) -> Task:
    """The whole product: published by another process; claimed, composed, sent and recorded by this one."""
    from mailer import __version__
    from mailer.model.delivery import State
    from sending.club import open_club

    command = [sys.executable, __file__, "publish", sys.argv[-1]]
    frozen = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    club = open_club(Path(task["folder"]), task["relay"], task["database_url"], task["extra"])
    started, start_cpu = time.perf_counter(), cpu()
    tally = asyncio.run(club.dispatcher().run())
    club.db.close()
    dispatched, dispatch_cpu = time.perf_counter() - started, cpu() - start_cpu
    assert tally[State.ACCEPTED] + tally[State.FAILED] == task["count"], tally
    return {
        **{key: frozen[key] for key in ("prepare_s", "prepare_cpu", "freeze_s", "freeze_cpu")},
        "wall_s": dispatched,
        "cpu_s": dispatch_cpu + frozen["freeze_cpu"],
        "accepted": tally[State.ACCEPTED],
        "version": f"mailer {__version__}, Python {platform.python_version()}",
    }


def built(task: Task, number: int) -> EmailMessage:
    """A message as the standard library makes it."""
    wanted = letter(task, number)
    message = EmailMessage()
    message["From"], message["To"] = SENDER, f'"{wanted.name}" <{wanted.recipient}>'
    message["Subject"] = SUBJECT
    for name, value in wanted.headers.items():
        message[name] = value
    message.set_content(wanted.text)
    message.add_alternative(wanted.html, subtype="html")
    return message


def smtplib_messages(task: Task) -> Task:
    """The standard library: one connection, an EmailMessage for every reader."""
    with smtplib.SMTP("127.0.0.1", task["port"], local_hostname="localhost") as client:
        for number in range(1, task["count"] + 1):
            client.send_message(
                built(task, number), from_addr=letter(task, number).return_path, to_addrs=[address(number)]
            )
    return {"version": f"Python {platform.python_version()}"}


def aiosmtplib_messages(task: Task) -> Task:
    """aiosmtplib: ten connections, an EmailMessage for every reader."""

    async def send(client: Any, number: int) -> None:
        await client.send_message(
            built(task, number), sender=letter(task, number).return_path, recipients=[address(number)]
        )

    return _pooled(task, send)


def aiosmtplib_bytes(task: Task) -> Task:
    """aiosmtplib: ten connections, a finished message of which only the recipient is filled in."""
    finished = built(task, 0).as_bytes()

    async def send(client: Any, number: int) -> None:
        to = address(number)
        await client.sendmail(f"b+{number}@example.org", [to], finished.replace(b"reader0@example.com", to.encode()))

    return _pooled(task, send)


def _pooled(task: Task, send: Callable[[Any, int], Awaitable[None]]) -> Task:
    """Several aiosmtplib connections that take the next reader when they have sent the last."""
    import aiosmtplib

    numbers = iter(range(1, task["count"] + 1))
    options: Any = {"use_tls": True, "cert_bundle": task["ca_file"]} if task["ca_file"] else {"start_tls": False}

    async def connection() -> None:
        async with aiosmtplib.SMTP(
            hostname="127.0.0.1", port=task["port"], local_hostname="localhost", **options
        ) as client:
            for number in numbers:
                await send(client, number)

    async def everybody() -> None:
        await asyncio.gather(*(connection() for _ in range(task["connections"])))

    asyncio.run(everybody())
    return {"version": importlib.metadata.version("aiosmtplib")}


WAYS: dict[str, Callable[[Task], Task]] = {
    "publish": publish,
    "product": product,
    "aiosmtplib pool + EmailMessage": aiosmtplib_messages,
    "aiosmtplib sendmail(bytes)": aiosmtplib_bytes,
    "smtplib + EmailMessage": smtplib_messages,
}


def main() -> None:
    if sys.argv[1] == "product":  # the start is shown apart
        import mailer.flows.compose
        import mailer.flows.dispatch
        import mailer.transport.smtp
    elif sys.argv[1] == "publish":
        import mailer.cli.drafts  # noqa: F401
    elif sys.argv[1].startswith("aiosmtplib"):
        import aiosmtplib  # noqa: F401
    measure(WAYS[sys.argv[1]])


if __name__ == "__main__":
    main()
