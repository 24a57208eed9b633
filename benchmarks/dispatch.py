"""Sending, the whole product, beside others in one run: CPU and speed, the ledger's cost, the freeze, the memory.

    python benchmarks/dispatch.py [--rounds 3] [--messages 5000] [--full] [--json]

An issue of 45 KB is checked, rendered, frozen, claimed, composed, sent over ten connections and recorded. Rounds are
interleaved and the figures are medians: compare them within one run only. benchmarks/README.md explains them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(1, str(Path(__file__).parents[1] / "tests"))  # the PostgreSQL server of the tests

from sending import costs
from sending.club import address, make_club, write_issue
from sending.sink import Counts, OwnSink, SmtpSink, checksum
from sending.ways import CONNECTIONS, MARKED, TOKEN, WAYS
from sqlalchemy import text

from mailer.rendering import source
from mailer.rendering.edition import SAMPLE
from mailer.rendering.message import Personal
from mailer.store.schema import metadata
from mailer.wiring import Club

SOURCE = f"smtp-source -s {CONNECTIONS} -d"
PRODUCT, POSTGRES, PEER = "product", "product, PostgreSQL", "aiosmtplib + EmailMessage"
SLOW = 20  # the Python peers send so many times fewer messages
SINK_BOUND = 0.85  # of a core
PARTS = ("start_cpu_s", "prepare_s", "freeze_s", "dispatch_s", "freeze_cpu", "dispatch_cpu")
Row = dict[str, float]


@dataclass(frozen=True)
class Target:
    """A figure, what it should be at most or at least, and whether it is."""

    name: str
    value: float
    bound: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        return f"{self.name:58}{self.value:10.3f}   {sign} {self.bound:<8g}{'' if self.met else 'MISSED'}"


class Sender:
    """Runs ways of sending and keeps what each came to."""

    def __init__(self, clubs: dict[str, tuple[Club, int]]) -> None:
        self._clubs = clubs
        self._issue = 0
        self.rows: dict[tuple[str, str], list[Row]] = {}

    def send(self, way: str, sink: OwnSink | SmtpSink, count: int) -> None:
        """One round of a way, in a process of its own. Raises SystemExit when mail was lost, doubled or swapped."""
        sink.report()
        started = time.perf_counter()
        row = self._source(sink.port, count) if way == SOURCE else self._child(way, sink.port, count)
        counts = sink.report()
        row["sink_share"] = counts.cpu / (time.perf_counter() - started)
        if way != SOURCE:
            verify(way, counts, count)
        row |= {"rate": count / row["wall_s"], "cpu_1000": row["cpu_s"] * 1000 / count, "messages": count}
        self.rows.setdefault((sink.name, way), []).append(row)

    def _child(self, way: str, port: int, count: int) -> Row:
        club, _ = self._clubs[way if way in self._clubs else PRODUCT]
        self._issue += 1
        task = {"folder": str(club.folder), "port": port, "count": count, "database_url": club.database_url}
        if way in self._clubs:
            task["issue"] = write_issue(club.folder, self._issue)
        name = PRODUCT if way in self._clubs else way
        program = str(Path(__file__).with_name("sending") / "ways.py")
        done = subprocess.run([sys.executable, program, name, json.dumps(task)], stdout=subprocess.PIPE, check=True)
        row: Row = json.loads(done.stdout)
        return row

    def _source(self, port: int, count: int) -> Row:
        command = ["smtp-source", "-s", str(CONNECTIONS), "-d", "-m", str(count), "-l", "45000"]
        started = time.perf_counter()
        process = subprocess.Popen([*command, "-f", "b@example.org", "-t", "reader@example.com", f"127.0.0.1:{port}"])
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        used = usage.ru_utime + usage.ru_stime
        return {"wall_s": time.perf_counter() - started, "cpu_s": used}

    def medians(self) -> dict[str, dict[str, Row]]:
        """By sink and way, the median of each figure."""
        found: dict[str, dict[str, Row]] = {}
        for (sink, way), rows in self.rows.items():
            found.setdefault(sink, {})[way] = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
        return found

    def ratio(self, sink: str, first: str, second: str, figure: str, over: str = "") -> float:
        """The median of the ratios of each round, of `figure` and, where the second has another, `over`."""
        pairs = zip(self.rows[sink, first], self.rows[sink, second], strict=True)
        return statistics.median(one[figure] / other[over or figure] for one, other in pairs)


def verify(way: str, counts: Counts, count: int) -> None:
    """Every reader got one message, and his own."""
    if counts.messages < 0:  # smtp-sink does not count
        return
    wanted = checksum(address(number) for number in range(1, count + 1))
    if (counts.messages, counts.recipients, counts.misdirected) != (count, wanted, 0):
        sys.exit(f"{way}: {count} messages sent, but the sink has {counts}")


def write_marked(club: Club) -> None:
    """The issue's two parts with marks for what is personal, for the peers."""
    issue = source.read(Path(write_issue(club.folder, 0)).read_text(encoding="utf-8"), "issue-0.md")
    program = club.render(issue).program
    tokens = dict.fromkeys(SAMPLE.tokens, TOKEN)
    reader = Personal("reader0@example.com", MARKED, {"first_name": MARKED}, tokens)
    (club.folder / "marked.text").write_text(program.plain(reader), encoding="utf-8")
    (club.folder / "marked.html").write_text(program.page(reader), encoding="utf-8")


def compare(folder: Path, options: argparse.Namespace, postgres_url: str) -> tuple[Sender, list[Target]]:
    """The product and its peers against each sink."""
    count, few = options.messages, max(100, options.messages // SLOW)
    clubs = {PRODUCT: (make_club(folder / "sqlite", count), count)}
    if postgres_url:
        clubs[POSTGRES] = (make_club(folder / "postgres", count, postgres_url), count)
    for club, _ in clubs.values():
        write_marked(club)
    sender = Sender(clubs)
    with contextlib.ExitStack() as stack:
        sinks: list[OwnSink | SmtpSink] = [stack.enter_context(OwnSink())]
        if shutil.which("smtp-sink") and not options.quick:
            sinks.append(stack.enter_context(SmtpSink()))
        for _ in range(options.rounds):
            for sink in sinks:
                if shutil.which("smtp-source"):
                    sender.send(SOURCE, sink, count)
                for way in clubs:
                    sender.send(way, sink, count)
                for way in [PEER] if options.quick else [way for way in WAYS if way != PRODUCT]:
                    sender.send(way, sink, few)
    targets = [
        Target(f"CPU efficiency, x {PEER}", sender.ratio(OwnSink.name, PEER, PRODUCT, "cpu_1000"), 5.0, at_least=True),
    ]
    medians = sender.medians()
    for sink_name, rows in medians.items():
        for way in clubs:
            name = f"{way} to {sink_name}"
            sending = (rows[way]["freeze_cpu"] + rows[way]["dispatch_cpu"]) * 1000 / count
            targets.append(Target(f"{name}: CPU s a 1,000", sending, 0.08))
            if sink_name == SmtpSink.name and SOURCE in rows:
                ratio = sender.ratio(sink_name, way, SOURCE, "dispatch_rate", "rate")
                targets.append(Target(f"{name}: speed x {SOURCE}", ratio, 0.7, at_least=True))
    return sender, targets


def growth(folder: Path, few: int, many: int, bound: float) -> Target:
    """How much more memory the product takes for many readers than for few, in MB."""
    peaks = []
    for count in (few, many):
        club = make_club(folder / str(count), count)
        write_marked(club)
        with OwnSink() as sink:
            sender = Sender({PRODUCT: (club, count)})
            sender.send(PRODUCT, sink, count)
            peaks.append(sender.rows[sink.name, PRODUCT][0]["rss_mb"])
        shutil.rmtree(club.folder)
    return Target(
        f"peak RSS, MB more for {many:,} readers ({peaks[1]:.0f} MB) than {few:,}", peaks[1] - peaks[0], bound
    )


def store_targets(folder: Path, options: argparse.Namespace, postgres_url: str) -> list[Target]:
    """What the freeze and the ledger cost in each database."""
    found = []
    for name, url, bound in (("SQLite", "", 10.0), ("PostgreSQL", postgres_url, 25.0)):
        if name == "SQLite" or url:
            club = make_club(folder / f"ledger-{name}", 5_000 if options.quick else 20_000, url)
            measured = []
            for number in range(1, options.rounds + 1):
                costs.freeze_seconds(club, number)
                measured.append(costs.ledger_microseconds(club))
            clear(club)
            found.append(Target(f"ledger on {name}, us a message, best of {len(measured)}", min(measured), bound))
    if not options.quick:
        club = make_club(folder / "freeze", 1_000_000)
        found.append(Target("freeze of 1,000,000 readers on SQLite, s", costs.freeze_seconds(club, 1), 2.0))
        clear(club)
    return found


def clear(club: Club) -> None:
    """Make room: the next club may use the same PostgreSQL database."""
    with club.db.transaction() as conn:
        for table in reversed(metadata.sorted_tables):
            conn.execute(
                table.delete() if club.db.is_sqlite else text(f"TRUNCATE {table.name} RESTART IDENTITY CASCADE")
            )
    club.db.close()
    shutil.rmtree(club.folder)


def show(sender: Sender) -> None:
    """One table a sink."""
    for sink, rows in sender.medians().items():
        print(f"\n{sink:30}{'msg/s':>9}{'CPU s/1000':>12}{'RSS MB':>8}{'x source':>10}{'sink CPU':>10}")
        for way, row in rows.items():
            times = f"{sender.ratio(sink, way, SOURCE, 'rate'):.2f}" if SOURCE in rows else "-"
            memory = f"{row['rss_mb']:.0f}" if "rss_mb" in row else "-"
            bound = "  sink-bound" if row["sink_share"] > SINK_BOUND else ""
            figures = f"{row['rate']:9.0f}{row['cpu_1000']:12.4f}{memory:>8}{times:>10}{row['sink_share']:10.0%}"
            print(f"{way:30}{figures}{bound}")
            if "freeze_s" in row:
                parts = "  ".join(f"{key} {row[key]:.3f}" for key in PARTS)
                print(f"    {parts}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=5000, help="readers of the issue (peers get a twentieth)")
    parser.add_argument(
        "--full", action="store_true", help="memory from 10,000 to 1,000,000 readers, too (ten minutes)"
    )
    parser.add_argument("--quick", action="store_true", help="only the own sink, SQLite and aiosmtplib, few readers")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    options = parser.parse_args()
    os.environ["PATH"] += os.pathsep + "/usr/sbin"
    server = contextlib.nullcontext("") if options.quick else costs.postgres_database()
    with tempfile.TemporaryDirectory(prefix="mailer-bench-") as name, server as postgres_url:
        folder = Path(name)
        targets = store_targets(folder, options, postgres_url)
        sender, found = compare(folder, options, postgres_url)
        targets += found
        few, many = (1_000, 5_000) if options.quick else (1_000, 100_000)
        targets.append(growth(folder, few, many, 20.0))
        if options.full:
            targets.append(growth(folder, 10_000, 1_000_000, 10.0))
    if options.json:
        print(
            json.dumps(
                {
                    "machine": machine(),
                    "sending": sender.medians(),
                    "targets": [asdict(one) | {"met": one.met} for one in targets],
                }
            )
        )
        return 0
    print(machine())
    show(sender)
    print("\n" + "\n".join(map(str, targets)))
    return 0


def machine() -> str:
    """What the figures were taken on."""
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


if __name__ == "__main__":
    sys.exit(main())
