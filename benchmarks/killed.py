"""What a kill leaves of a send: the product, and listmonk where it is there, killed in the middle and started again.

    python benchmarks/killed.py [--readers 5000] [--kills 3] [--seed 1] [--peers listmonk] [--json]

Each program sends one issue over ten connections to a sink five milliseconds away. At random moments it is killed
(SIGKILL) and started again, until it says that it is done. Then what it says of its readers is compared with what the
sink has of each of them. docs/performance.md has the figures of a run.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(1, str(Path(__file__).parents[1] / "tests"))  # its PostgreSQL server

from sending import costs, proof
from sending.club import make_club, write_issue
from sending.listmonk import Listmonk, settled
from sending.peers import LISTMONK, Peers
from sending.sinks import OwnSink, kept
from sending.task import CONNECTIONS, MARKED, SENDER, SUBJECT, TOKEN, Task, address
from sending.ways import publish

RTT = 5  # milliseconds
SETTINGS = """[newsletter]
name = "Quay News"
[sender]
from = "{sender}"
[relay]
url = "smtp://127.0.0.1:{port}"
connections = {connections}
"""


@dataclass(frozen=True)
class Left:
    """What was left: how many readers had the message once, twice and not at all, and what was said of them.

    `doubtful` are those the program names itself as not known, `lost` those without a message that it calls sent.
    """

    program: str
    readers: int
    kills: int
    once: int
    twice: int
    never: int
    doubtful: int
    lost: int
    seconds: float


class Watch:
    """How much a sink has taken since it was started."""

    def __init__(self, sink: OwnSink) -> None:
        self._sink = sink
        self._taken = 0

    def until(self, moment: int, over: Callable[[], object]) -> None:
        """Return when so many messages have been taken, or there are no more."""
        while self._taken < moment and not over():
            self._taken += self._sink.report().messages
            time.sleep(0.002)


def product(folder: Path, task: Task, watch: Watch, moments: Sequence[int]) -> dict[str, str]:
    """Send with the product; what it says of each reader."""
    club = make_club(folder / "club", task["count"])
    club.db.close()
    settings = SETTINGS.format(sender=SENDER, port=task["port"], connections=CONNECTIONS)
    (club.folder / "mailer.toml").write_text(settings, encoding="utf-8")
    relay = {"url": f"smtp://127.0.0.1:{task['port']}", "connections": CONNECTIONS}
    issue = {"folder": str(club.folder), "issue": write_issue(club.folder, 1), "relay": relay, "extra": {}}
    publish(task | issue | {"database_url": club.database_url})
    command = [sys.executable, "-m", "mailer", "--config", str(club.folder / "mailer.toml")]
    for moment in (*moments, None):
        process = subprocess.Popen([*command, "dispatch"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if moment is not None:
            watch.until(moment, lambda process=process: process.poll() is not None)  # type: ignore[misc]
            process.kill()
        process.wait(120)
    told = subprocess.run([*command, "audit", "1", "--csv", "-"], capture_output=True, text=True, check=True)
    return {row["address"]: row["state"] for row in csv.DictReader(io.StringIO(told.stdout))}


def listmonk(folder: Path, task: Task, watch: Watch, moments: Sequence[int]) -> dict[str, str]:
    """Send with listmonk, which keeps how many it has sent, and nothing of each reader."""
    with Listmonk(task) as installation:
        installation.begin()
        for moment in moments:
            with installation.running():
                watch.until(moment, installation.finished)
        with installation.running() as process:
            sent = installation.until_finished()["sent"]
            settled(process)
    return {address(number): "sent" for number in range(1, sent + 1)}


def kill(program: str, folder: Path, task: Task, moments: Sequence[int]) -> Left:
    """One send of a program, killed when the sink has taken so many messages."""
    send, file = {LISTMONK: listmonk}.get(program, product), folder / "kept"
    with OwnSink(rtt=RTT, keep=file) as sink:
        started = time.perf_counter()
        said = send(folder, task | {"port": sink.port}, Watch(sink), moments)
        seconds = time.perf_counter() - started
    had = Counter(recipient for _, recipient, _ in kept(file))
    file.unlink()
    everybody = [address(number) for number in range(1, task["count"] + 1)]
    doubtful = sum(said[one] == "uncertain" for one in everybody)
    return Left(
        program=program,
        readers=len(everybody),
        kills=len(moments),
        once=sum(had[one] == 1 for one in everybody),
        twice=sum(had[one] > 1 for one in everybody),
        never=sum(had[one] == 0 for one in everybody),
        doubtful=doubtful,
        lost=sum(not had[one] and said[one] in {"sent", "accepted"} for one in everybody),
        seconds=seconds,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=5_000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--peers", default="", help="fetch and kill this too: listmonk")
    parser.add_argument("--installed", type=Path, metavar="FOLDER", help="where it is kept between runs")
    parser.add_argument("--json", action="store_true", help="a JSON array instead of a table")
    options = parser.parse_args()
    draw = random.Random(options.seed)  # noqa: S311 - moments, not secrets
    moments = sorted(draw.sample(range(1, options.readers), options.kills))
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailer-killed-")))
        url = stack.enter_context(costs.postgres_database()) if options.peers else ""
        peers = Peers(options.installed or folder / "peers", options.peers.split(","), url)
        task: Task = {"count": options.readers, "connections": CONNECTIONS, "names": []}
        club = make_club(folder / "marked", 1)
        task["text"], task["html"] = proof.marked(club, 1)
        club.db.close()
        task |= {"marked": MARKED, "token": TOKEN, "sender": SENDER, "subject": SUBJECT}
        found = [kill("product", folder, task, moments)]
        if LISTMONK in peers.ways:
            found.append(kill(LISTMONK, folder, task | peers.ways[LISTMONK].extra, moments))
    if options.json:
        print(json.dumps([asdict(one) for one in found]))
        return 0
    print(
        f"{'':24}{'readers':>9}{'kills':>7}{'once':>8}{'twice':>7}{'never':>7}{'doubtful':>10}{'lost':>7}{'seconds':>9}"
    )
    for one in found:
        figures = f"{one.readers:9}{one.kills:7}{one.once:8}{one.twice:7}{one.never:7}{one.doubtful:10}{one.lost:7}"
        print(f"{one.program:24}{figures}{one.seconds:9.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
