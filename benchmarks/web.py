"""How many people one process lets in and out a second: real HTTP over loopback, every answer after its commit.

    python benchmarks/web.py [--readers 3000] [--signups 1000] [--connections 20]

Targets: 500 unsubscribe POSTs/s, 200 signups/s, p99 under 200 ms, on SQLite with synchronous=FULL.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import socket
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, insert, select

from mailer.keys import new_key
from mailer.model.signup import stamp
from mailer.model.tokens import Purpose
from mailer.settings import Settings
from mailer.store import migrate
from mailer.store.engine import Database
from mailer.store.schema import deliveries, issues, letters, subscribers
from mailer.web.app import create_app, warm_up
from mailer.web.server import bind, make_server
from mailer.wiring import Club, system_clock

NO_LIMITS = {
    "per_client_hour": 0,
    "per_domain_hour": 0,
    "total_hour": 0,
    "min_fill_seconds": 0,
}


def make_club(folder: Path) -> Club:
    """A club in `folder` without limits."""
    (folder / "mailer.key").write_text(new_key())
    settings = settings_for(folder)
    database = Database(settings.database.url.get_secret_value())
    migrate.upgrade(database)
    database.close()
    return Club(folder, settings)


def settings_for(folder: Path) -> Settings:
    """The club's settings: SQLite in its folder, no limits."""
    return Settings(database={"url": f"sqlite:///{folder / 'subscribers.db'}"}, join=NO_LIMITS)


def fill(club: Club, readers: int) -> list[int]:
    """An issue being sent to `readers`; the numbers of its deliveries."""
    now = system_clock()
    with club.db.transaction() as conn:
        issue = {
            "newsletter": "N",
            "identity": "1",
            "date": now.date(),
            "slug": "1",
            "title": "T",
            "state": "sending",
            "policy": "at_most_once",
            "frozen_at": now,
            "send_at": now,
        }
        conn.execute(insert(issues).values(issue))
        people = [
            {
                "address": f"r{number}@example.com",
                "match_key": f"r{number}@example.com",
                "domain": "example.com",
                "state": "active",
                "created_at": now,
                "joined_at": now,
            }
            for number in range(readers)
        ]
        conn.execute(insert(subscribers), people)
        rows = [
            {
                "issue_id": 1,
                "subscriber_id": number + 1,
                "address": f"r{number}@example.com",
                "domain": "example.com",
                "state": "pending",
                "due_at": now,
                "changed_at": now,
            }
            for number in range(readers)
        ]
        conn.execute(insert(deliveries), rows)
        return list(conn.execute(select(deliveries.c.id)).scalars())


async def post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, body: bytes) -> tuple[int, bytes]:
    """One POST on an open connection; status and body."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    status = int((await reader.readline()).split()[1])
    length = 0
    while (line := await reader.readline()) != b"\r\n":
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return status, await reader.readexactly(length)


async def healthy(port: int) -> None:
    """Wait until the pages are there."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"200" in await reader.readline()
    await reader.read()
    writer.close()


async def rush(port: int, requests: list[tuple[str, bytes]], connections: int) -> tuple[float, list[float]]:
    """Send all requests over some connections; seconds altogether and each request's seconds."""
    todo = iter(requests)
    took: list[float] = []

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for path, body in todo:
            started = time.perf_counter()
            status, _ = await post(reader, writer, path, body)
            took.append(time.perf_counter() - started)
            assert status == 200, status
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return time.perf_counter() - started, took


def show(name: str, seconds: float, took: list[float], target: int) -> None:
    """Print one line of figures."""
    took.sort()
    p50, p99 = (took[int(len(took) * share)] * 1000 for share in (0.5, 0.99))
    print(f"{name}: {len(took) / seconds:,.0f}/s (target {target}), p50 {p50:.0f} ms, p99 {p99:.0f} ms")


def serve(folder: Path, listening: socket.socket) -> None:
    """The pages, in a process of their own."""
    club = Club(folder, settings_for(folder))
    app = create_app(club, club.write_letter, answer_after=timedelta(0))
    warm_up(app)
    make_server(app).run(sockets=[listening])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=3000)
    parser.add_argument("--signups", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=20)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        club = make_club(Path(name))
        numbers = fill(club, args.readers)
        listening = bind("127.0.0.1:0")
        port = listening.getsockname()[1]
        form_stamp = stamp(club.keyring.keys[club.keyring.current], system_clock(), club.settings.join.wording["en"])
        club.db.close()
        server = multiprocessing.Process(target=serve, args=(club.folder, listening))
        server.start()
        try:
            asyncio.run(healthy(port))
            links = [f"/u/{club.keyring.sign(number, Purpose.UNSUBSCRIBE)}" for number in numbers]
            leaving = [(link, b"List-Unsubscribe=One-Click") for link in links]
            seconds, took = asyncio.run(rush(port, leaving, args.connections))
            show("unsubscribe", seconds, took, 500)
            forms = [f"email=new{n}%40example.org&agree=yes&stamp={form_stamp}".encode() for n in range(args.signups)]
            seconds, took = asyncio.run(rush(port, [("/subscribe", form) for form in forms], args.connections))
            show("signup", seconds, took, 200)
        finally:
            server.terminate()
            server.join(30)
        with club.db.reading() as conn:
            gone = conn.execute(select(func.count()).where(subscribers.c.state == "unsubscribed")).scalar()
            written = conn.execute(select(func.count()).select_from(letters)).scalar()
        assert (gone, written) == (args.readers, args.signups), (gone, written)
        club.db.close()


if __name__ == "__main__":
    main()
