"""Sending, the whole product, beside others in one run: correctness, round trips, speed, CPU, memory, the record.

    python benchmarks/dispatch.py [--rounds 2] [--messages 20000] [--peers all] [--full] [--json]

An issue of 45 KB is checked, rendered, frozen, claimed, composed, sent over ten connections and recorded. First every
message of every way is compared with the naive rendering. Rounds are interleaved and the figures are medians:
compare them within one run only. docs/performance.md explains them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(1, str(Path(__file__).parents[1] / "tests"))  # its PostgreSQL server and its certificates

from sending import costs, peers, proof
from sending.club import clear, make_club
from sending.peers import (
    DJANGO,
    EMAIL_MESSAGE,
    FETCHED,
    FINISHED,
    LISTMONK,
    NODEMAILER,
    NODEMAILER_DKIM,
    SMTPPOOL,
    SOURCE,
    Peers,
    Way,
)
from sending.runs import LIMIT, SINK_BOUND, Row, Runner
from sending.sinks import OWN, SMTP_SINK, OtherSink, OwnSink, Server
from support.certificates import Authority

from mailer.wiring import Club

PRODUCT, POSTGRES, LOCKSTEP, SIGNED = "product", "product, PostgreSQL", "product, lockstep", "product, DKIM RSA-2048"
PROGRAM = (sys.executable, str(peers.HERE / "ways.py"), "product")
REFUSED = 100  # one recipient in so many, where some are; at a few in a hundred an issue is paused
MAIN = {
    PRODUCT: Way(PRODUCT, PROGRAM, club=PRODUCT),
    LOCKSTEP: Way(LOCKSTEP, PROGRAM, club=PRODUCT, relay={"pipelining": False}),
}


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
        return f"{self.name:66}{self.value:9.3f}   {sign} {self.bound:<7g}{'' if self.met else 'MISSED'}"


@dataclass(frozen=True)
class Scene:
    """Ways that send to one sink, with how many messages; `once`: in the first round only, as the clock paces it."""

    sink: Server
    ways: Sequence[Way]
    count: int
    once: bool = False


class Stage:
    """The parts of a comparison: clubs, peers, certificates, the scenes."""

    def __init__(self, folder: Path, options: argparse.Namespace, postgres_url: str) -> None:
        self.folder, self.options, self._url = folder, options, postgres_url
        wanted = list(FETCHED) if options.peers == "all" else options.peers.split(",")
        self.peers = Peers(options.installed or folder / "peers", wanted, postgres_url)
        self.ways = dict(MAIN)
        if postgres_url:
            self.ways[POSTGRES] = Way(POSTGRES, PROGRAM, club=POSTGRES)
        authority = folder / "authority"
        authority.mkdir()
        server = Authority(authority)
        server.server()
        self._tls = (server.ca_file, authority / "server-1.pem")
        self.ways[SIGNED] = Way(SIGNED, PROGRAM, club=PRODUCT, dkim=True)
        club = make_club(folder / "marked", 1)
        self._marked = proof.marked(club, 1)
        club.db.close()

    def runner(self, names: Sequence[str] = ()) -> Runner:
        """A runner with clubs whose readers are called so."""

        def new_club(name: str, readers: int) -> Club:
            folder = Path(tempfile.mkdtemp(prefix="club-", dir=self.folder)) / "club"
            return make_club(folder, readers, self._url if name == POSTGRES else "", names)

        return Runner(self.folder, new_club, self._marked)

    def prove(self) -> int:
        """Compare every message of every way with the naive rendering; how many were."""
        runner, compared = self.runner(proof.NAMES), 0
        sinks: list[dict[str, Any]] = [
            {},
            {"pipelining": False},
            {"tls": self._tls},
            {"refuse": 3},
            {"refuse": 3, "pipelining": False},
        ]
        trials = [(way, habits) for way in self.ways.values() for habits in (sinks if way.name == PRODUCT else [{}])]
        if self.options.quick:
            trials = [(self.ways[PRODUCT], {"refuse": 3}), (self.ways[LOCKSTEP], {})]
        known = [EMAIL_MESSAGE] if self.options.quick else [name for name in self.peers.ways if name != SOURCE]
        trials += [(self.peers.ways[name], {}) for name in known]
        for number, (way, habits) in enumerate(trials, 1):
            file = self.folder / f"kept-{number}"
            with OwnSink(keep=file, **habits) as sink:
                compared += proof.prove(runner, way, sink, file, number)
            file.unlink()
        runner.close()
        return compared

    def scenes(self) -> Iterator[Scene]:
        count, quick, every = self.options.messages, self.options.quick, {**self.ways, **self.peers.ways}
        if quick:
            yield Scene(OwnSink(), pick(every, PRODUCT, EMAIL_MESSAGE), count)
            yield Scene(OwnSink(rtt=50), pick(every, PRODUCT, LOCKSTEP), count, once=True)
            return
        yield Scene(OwnSink(), list(every.values()), count)
        if shutil.which(SMTP_SINK):
            yield Scene(OtherSink(), [way for way in every.values() if not way.dkim], count)
        if self.options.fast:
            names = (LIMIT,) * bool(self.options.limit)
            ways = [Way(LIMIT, (self.options.limit,)) for _ in names]
            ways += pick(every, SOURCE, PRODUCT, NODEMAILER, SMTPPOOL, LISTMONK)
            yield Scene(OtherSink(self.options.fast), ways, count)
        yield Scene(OwnSink(tls=self._tls), pick(every, PRODUCT, FINISHED), count)
        yield Scene(OwnSink(refuse=REFUSED), pick(every, PRODUCT, LOCKSTEP), count, once=True)
        far = pick(every, PRODUCT, LOCKSTEP, SOURCE)
        others = pick(every, NODEMAILER, SMTPPOOL)
        yield Scene(OwnSink(rtt=20), [*far, *others, every[FINISHED]], count, once=True)
        yield Scene(OwnSink(rtt=100), [*far, *others], count, once=True)


def pick(ways: dict[str, Way], *names: str) -> list[Way]:
    """Those that there are."""
    return [ways[name] for name in names if name in ways]


def share(way: Way, scene: Scene, seconds: float) -> int:
    """How many messages a way sends; to a far sink, what takes it so many seconds."""
    if not scene.sink.rtt:
        return max(100, scene.count // way.share)
    trips = 1 if way.name == PRODUCT else 2 if way.name == NODEMAILER else 4
    return int(seconds * 1000 / scene.sink.rtt / trips) * way.connections


def compare(stage: Stage) -> Runner:
    """Every scene so often, the scenes' rounds one after the other."""
    runner = stage.runner()
    with contextlib.ExitStack() as stack:
        wanted = [scene for scene in stage.scenes() if stage.options.only in scene.sink.name]
        scenes = [(scene, stack.enter_context(scene.sink)) for scene in wanted]
        for number in range(stage.options.rounds):
            for scene, sink in scenes:
                for way in () if number and scene.once else scene.ways:
                    runner.send(way, sink, share(way, scene, stage.options.far))
    runner.close()
    return runner


def targets(runner: Runner, options: argparse.Namespace) -> Iterator[Target]:
    """What the comparison should have come to, as far as it was made."""
    fast, far, secure = Path(options.fast or "-").name, f"{OWN}, 20 ms", f"{OWN}, TLS"
    rows = runner.medians()
    for sink, first, second, bound in (
        (SMTP_SINK, PRODUCT, SOURCE, 1.0),
        (SMTP_SINK, LOCKSTEP, SOURCE, 0.7),
        (SMTP_SINK, PRODUCT, SMTPPOOL, 2.5),
        (SMTP_SINK, PRODUCT, NODEMAILER, 8),
        (SMTP_SINK, PRODUCT, DJANGO, 10),
        (SMTP_SINK, PRODUCT, EMAIL_MESSAGE, 20),
        (fast, PRODUCT, LIMIT, 0.4),
        (fast, PRODUCT, NODEMAILER, 30),
        (far, PRODUCT, SOURCE, 3.5),
        (far, PRODUCT, NODEMAILER, 1.9),
        (SMTP_SINK, POSTGRES, PRODUCT, 0.8),
        (OWN, SIGNED, NODEMAILER_DKIM, 3),
    ):
        ratio = runner.ratio(sink, first, second)
        if ratio is not None:
            yield Target(f"{sink}: speed of {first}, x {second}", ratio, bound, at_least=True)
    efficiency = runner.ratio(OWN, EMAIL_MESSAGE, PRODUCT, "cpu_1000")
    if efficiency is not None:
        yield Target(f"CPU efficiency, x {EMAIL_MESSAGE}", efficiency, 5.0, at_least=True)
    bounds = ((SMTP_SINK, PRODUCT, 0.06), (SMTP_SINK, LOCKSTEP, 0.08), (OWN, PRODUCT, 0.06), (secure, PRODUCT, 0.15))
    for sink, way, bound in bounds:
        if row := rows.get(sink, {}).get(way):
            yield Target(f"{sink}: {way}, CPU s a 1,000", row["cpu_1000"], bound)
    for sink, ways in rows.items():
        if "trips" in ways.get(PRODUCT, {}):
            yield Target(f"{sink}: round trips a message, lockstep", ways[LOCKSTEP]["trips"], 4.0)
            yield Target(f"{sink}: round trips a message, pipelined", ways[PRODUCT]["trips"], 1.1)


def growth(stage: Stage, few: int, many: int, bound: float) -> Target:
    """How much more memory the product takes for many readers than for few, in MB."""
    peaks = []
    for count in (few, many):
        runner = stage.runner()
        with OwnSink() as sink:
            runner.send(stage.ways[PRODUCT], sink, count)
        peaks.append(runner.rows[sink.name, PRODUCT][0]["rss_mb"])
        runner.close()
    name = f"peak RSS, MB more for {many:,} readers ({peaks[1]:.0f} MB) than {few:,} ({peaks[0]:.0f})"
    return Target(name, peaks[1] - peaks[0], bound)


def store_targets(folder: Path, options: argparse.Namespace, postgres_url: str) -> Iterator[Target]:
    """What the freeze and the ledger cost in each database."""
    for name, url, bound in (("SQLite", "", 10.0), ("PostgreSQL", postgres_url, 25.0)):
        if name == "SQLite" or url:
            club = make_club(folder / f"ledger-{name}", 5_000 if options.quick else 20_000, url)
            measured = []
            for number in range(1, options.rounds + 1):
                costs.freeze_seconds(club, number)
                measured.append(costs.ledger_microseconds(club))
            clear(club)
            yield Target(f"ledger on {name}, us a message, best of {len(measured)}", min(measured), bound)
    if not options.quick:
        club = make_club(folder / "freeze", 1_000_000)
        yield Target("freeze of 1,000,000 readers on SQLite, s", costs.freeze_seconds(club, 1), 2.0)
        clear(club)


def show(runner: Runner) -> None:
    """One table a sink."""
    for sink, rows in runner.medians().items():
        far = any("trips" in row for row in rows.values())
        head = f"{'msg/s':>8}{'(min-max)':>15}{'CPU s/1000':>12}{'RSS MB':>8}{'x source':>10}{'sink CPU':>10}"
        print(f"\n{sink:32}{head}{'trips' if far else '':>8}")
        for way, row in rows.items():
            ratio = runner.ratio(sink, way, SOURCE)
            print(f"{way:32}{line(row, ratio)}")
    print("\nproduct, besides: start of Python, check and render, freeze (in CPU s/1000 above); seconds")
    for sink, rows in runner.medians().items():
        for way, row in rows.items():
            if "freeze_s" in row:
                parts = ("start_cpu_s", "prepare_s", "prepare_cpu", "freeze_s", "freeze_cpu")
                print(f"{sink:24}{way:24}" + "  ".join(f"{key} {row[key]:.3f}" for key in parts))


def line(row: Row, ratio: float | None) -> str:
    """The figures of one way at one sink."""
    memory = f"{row['rss_mb']:.0f}" if "rss_mb" in row else "-"
    spread = f"({row['rate_min']:.0f}-{row['rate_max']:.0f})"
    times = f"{ratio:.3f}" if ratio is not None else "-"
    figures = f"{row['rate']:8.0f}{spread:>15}{row['cpu_1000']:12.4f}{memory:>8}{times:>10}{row['sink_share']:10.0%}"
    trips = f"{row['trips']:8.2f}" if "trips" in row else ""
    return figures + trips + ("  sink-bound" if row["sink_share"] > SINK_BOUND else "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--messages", type=int, default=20_000, help="readers (slow peers get an eightieth)")
    parser.add_argument("--peers", default="", help=f"fetch and measure these too: all, or some of {','.join(FETCHED)}")
    parser.add_argument("--installed", type=Path, metavar="FOLDER", help="where fetched peers are kept between runs")
    parser.add_argument("--far", type=float, default=3, metavar="SECONDS", help="how long to send to a far sink")
    parser.add_argument("--only", default="", metavar="WORD", help="only the sinks that have it in their name")
    parser.add_argument("--fast", metavar="PROGRAM", help="one more sink, started as PROGRAM PORT")
    parser.add_argument("--limit", metavar="PROGRAM", help="a sender for it, started as PROGRAM COUNT CONNECTIONS PORT")
    parser.add_argument("--full", action="store_true", help="memory from 10,000 to 1,000,000 readers too (ten minutes)")
    parser.add_argument("--quick", action="store_true", help="only what is exact, or a ratio that holds anywhere")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    options = parser.parse_args()
    os.environ["PATH"] += os.pathsep + "/usr/sbin"
    server = contextlib.nullcontext("") if options.quick else costs.postgres_database()
    with tempfile.TemporaryDirectory(prefix="mailer-bench-") as name, server as postgres_url:
        folder = Path(name)
        found = [] if options.only else list(store_targets(folder, options, postgres_url))
        stage = Stage(folder, options, postgres_url)
        compared = stage.prove()
        runner = compare(stage)
        found += targets(runner, options)
        if not options.only:
            found.append(growth(stage, 1_000, 5_000 if options.quick else 20_000, 20.0))
        if options.full:
            found.append(growth(stage, 10_000, 1_000_000, 10.0))
    told = {"machine": machine(), "load": os.getloadavg()[0], "compared": compared, "versions": runner.versions}
    told["absent"] = stage.peers.absent
    if options.json:
        verdicts = [asdict(one) | {"met": one.met} for one in found]
        print(json.dumps(told | {"sending": runner.medians(), "targets": verdicts}))
        return 0
    print("\n".join(f"{key}: {value}" for key, value in told.items()))
    show(runner)
    print("\n" + "\n".join(map(str, found)))
    return 0


def machine() -> str:
    """What the figures were taken on."""
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


if __name__ == "__main__":
    sys.exit(main())
