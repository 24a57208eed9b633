"""Running ways of sending against sinks, checking that every message arrived, and keeping what each run came to."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mailer.wiring import Club
from sending import signing
from sending.club import clear, write_issue
from sending.peers import SOURCE, Way
from sending.sink import Counts, checksum, refuses
from sending.sinks import UNCOUNTED, Server
from sending.task import MARKED, SENDER, SUBJECT, TOKEN, address
from sending.ways import built

SINK_BOUND = 0.85  # of a core
LIMIT = "C, one fixed message, pipelined"
Row = dict[str, float]


class Runner:
    """Runs ways of sending in `folder` and keeps what each came to, by sink and way.

    `new_club` makes the product's club of a name with so many readers; `marked` is the text and the HTML of a message
    with the marks of sending/task.py, for the peers.
    """

    def __init__(self, folder: Path, new_club: Callable[[str, int], Club], marked: tuple[str, str]) -> None:
        self._folder = folder
        self._new_club = new_club
        self._clubs: dict[tuple[str, int, str], Club] = {}
        self.marked = marked
        self._issue = 100
        self.signing = signing.new_key(folder)
        self.rows: dict[tuple[str, str], list[Row]] = {}
        self.versions: dict[str, str] = {}

    def send(self, way: Way, sink: Server, count: int) -> None:
        """One round of a way, in a process of its own. Raises SystemExit when mail was lost, doubled or swapped."""
        sink.report()
        special = {SOURCE: self._source, LIMIT: self._limit}.get(way.name)
        row = special(way, sink.port, count) if special else self.child(way, sink, count)
        counts = sink.report()
        row["sink_share"] = counts.cpu / row["wall_s"]
        if not special:
            verify(way.name, sink, counts, count)
        if sink.rtt and counts.messages != UNCOUNTED:
            row |= {"trips": counts.trips / count, "connections": counts.connections}
        row |= {"rate": count / row["wall_s"], "cpu_1000": row["cpu_s"] * 1000 / count, "messages": count}
        self.rows.setdefault((sink.name, way.name), []).append(row)

    def child(self, way: Way, sink: Server, count: int, names: Sequence[str] = (), issue: str = "") -> Row:
        """Run a program that sends; what it tells of itself."""
        task: dict[str, Any] = {"port": sink.port, "count": count, "connections": way.connections, "names": list(names)}
        task |= {"text": self.marked[0], "html": self.marked[1], "marked": MARKED, "token": TOKEN}
        task |= {"sender": SENDER, "subject": SUBJECT, "dkim": asdict(self.signing) if way.dkim else None}
        task |= way.extra
        task["ca_file"] = str(sink.certificates or "")
        if way.club:
            club = self.club(way, sink, count)
            self._issue += 1
            task |= {"folder": str(club.folder), "database_url": club.database_url}
            task["issue"] = issue or write_issue(club.folder, self._issue)
            task["extra"] = {"dkim": self.signing.settings} if way.dkim else {}
            task["relay"] = {
                "url": f"{'smtps' if sink.certificates else 'smtp'}://127.0.0.1:{sink.port}",
                "connections": way.connections,
                "messages_per_connection": 1_000_000,
                "ca_file": task["ca_file"],
            } | way.relay
        file = self._folder / "task.json"
        file.write_text(json.dumps(task), encoding="utf-8")
        done = subprocess.run([*way.command, str(file)], stdout=subprocess.PIPE, check=False)
        if done.returncode:
            sys.exit(f"{way.name} to {sink.name} has failed")
        row: dict[str, Any] = json.loads(done.stdout)
        self.versions[way.name] = row.pop("version")
        return row

    def club(self, way: Way, sink: Server, count: int) -> Club:
        """The product's club with so many readers; one of its own where some are refused, who leave it by that."""
        key = (way.club, count, f"{way.name} to {sink.name}" if sink.refuse else "")
        if key not in self._clubs:
            self._clubs[key] = self._new_club(way.club, count)
        return self._clubs[key]

    def close(self) -> None:
        """Take the clubs away."""
        for club in self._clubs.values():
            clear(club)

    def _source(self, way: Way, port: int, count: int) -> Row:
        options = ["-s", str(way.connections), "-d", "-m", str(count), "-l", "45000", "-f", "b@example.org"]
        started = time.perf_counter()
        process = subprocess.Popen([*way.command, *options, "-t", "reader@example.com", f"127.0.0.1:{port}"])
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit("smtp-source has failed")
        used = usage.ru_utime + usage.ru_stime
        return {"wall_s": time.perf_counter() - started, "cpu_s": used}

    def _limit(self, way: Way, port: int, count: int) -> Row:
        """A program started as `PROGRAM COUNT CONNECTIONS PORT` where the message is in msg.eml."""
        task: dict[str, Any] = {"text": self.marked[0], "html": self.marked[1], "names": []}
        (self._folder / "msg.eml").write_bytes(built(task, 1).as_bytes())
        command = [*way.command, str(count), str(way.connections), str(port)]
        done = subprocess.run(command, cwd=self._folder, stdout=subprocess.PIPE, check=True)
        told = json.loads(done.stdout)
        return {"wall_s": count / told["msgs_s"], "cpu_s": told["cpu_s_per_1000"] * count / 1000}

    def medians(self) -> dict[str, dict[str, Row]]:
        """By sink and way, the median of each figure, and with `_min` and `_max` between what the rate was."""
        found: dict[str, dict[str, Row]] = {}
        for (sink, way), rows in self.rows.items():
            row = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
            rates = [one["rate"] for one in rows]
            found.setdefault(sink, {})[way] = row | {"rate_min": min(rates), "rate_max": max(rates)}
        return found

    def ratio(self, sink: str, first: str, second: str, figure: str = "rate") -> float | None:
        """The median of the ratios of each round, or None where one of the two was not run."""
        pairs = list(zip(self.rows.get((sink, first), []), self.rows.get((sink, second), []), strict=False))
        return statistics.median(one[figure] / other[figure] for one, other in pairs) if pairs else None


def verify(way: str, sink: Server, counts: Counts, count: int) -> None:
    """Every reader got one message, and his own, but those the sink refused."""
    if counts.messages == UNCOUNTED:
        return
    everybody = [address(number) for number in range(1, count + 1)]
    taken = [one for one in everybody if not refuses(one.encode(), sink.refuse)]
    found = (counts.messages, counts.recipients, counts.misdirected, counts.refused)
    if found != (len(taken), checksum(taken), 0, count - len(taken)):
        sys.exit(f"{way} to {sink.name}: {count} messages sent, but the sink has {counts}")
