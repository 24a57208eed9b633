"""What every way of sending is told and tells: its task, a reader's message in parts, CPU and memory used.

Imports nothing but Python's own, so that a peer in another environment can use it. A task is a dictionary: `port`,
`count`, `connections`, `text` and `html` (a rendered message with marks for what is personal), `names` (what readers
are called, in turn; empty: "Reader 7"), and for some ways more.
"""

from __future__ import annotations

import html
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

CONNECTIONS = 10
TOKEN = "a" * 26
MARKED = "Xqznm"
SENDER, SUBJECT = "Quay News <news@example.org>", "Captains buy Blue Gull"
Task = dict[str, Any]


class Letter(NamedTuple):
    """One reader's message, before it is mail."""

    return_path: str
    recipient: str
    name: str
    headers: dict[str, str]
    text: str
    html: str


def address(number: int) -> str:
    """The address of the reader with this number; they count from 1."""
    return f"reader{number}@example.com"


def name_of(number: int, names: Sequence[str]) -> str:
    """What the reader with this number is called."""
    return names[number % len(names)] if names else f"Reader {number}"


def letter(task: Task, number: int) -> Letter:
    """What a program without compiled editions fills in for every reader."""
    token, name, to = f"{number:026d}", name_of(number, task["names"]), address(number)
    first = name.split()[0]
    headers = {
        "Message-ID": f"<{token}@example.org>",
        "List-Unsubscribe": f"<http://127.0.0.1:8080/u/{token}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    text = task["text"].replace(MARKED, first).replace(TOKEN, token)
    page = task["html"].replace(MARKED, html.escape(first)).replace(TOKEN, token)
    return Letter(f"b+{token}@example.org", to, name, headers, text, page)


def cpu() -> float:
    """CPU seconds of this process, its threads and the children it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)


def cpu_of(pid: int) -> float:
    """CPU seconds that another process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_rss(pid: int | str = "self") -> float:
    """MB this process, or another, has held at most. Its rusage would tell the starter's, if that was larger."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(way: Callable[[Task], Task]) -> None:
    """Do the task named by the last argument, a JSON file, and print what it took as a JSON object.

    Wall-clock and CPU seconds without the start of Python before; peak RSS in MB, and what the way itself tells, which
    counts more.
    """
    task = json.loads(Path(sys.argv[-1]).read_text(encoding="utf-8"))
    start_cpu, started = cpu(), time.perf_counter()
    found = way(task)
    took = {"wall_s": time.perf_counter() - started, "cpu_s": cpu() - start_cpu, "start_cpu_s": start_cpu}
    print(json.dumps(took | {"rss_mb": peak_rss()} | found))
