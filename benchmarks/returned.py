"""How fast the listener for returned mail makes mails durable, and what a big mailbox costs to fetch; on loopback.

python benchmarks/returned.py [--mails N] [--connections N]

The mailbox is on a Dovecot of its own (Debian package dovecot-imapd); without one that part is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.dovecot import dovecot

from mailer.flows.bounce import TakeIn
from mailer.intake import imap
from mailer.intake.listener import Door, Listener
from mailer.model.tokens import Keyring, Purpose
from mailer.store import migrate
from mailer.store.engine import Database
from mailer.wiring import system_clock

RING = Keyring({1: b"k" * 32}, 1)
MAIL = (
    "From: MAILER-DAEMON@example.com\r\nSubject: Undelivered\r\n\r\nDave is unknown here, number {number}.\r\n"
    + ("x" * 70 + "\r\n") * 50
)


async def converse(port: int, numbers: range) -> int:
    """Hand mails over on one connection; returns how many got their 250."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def ask(text: str) -> bytes:
        writer.write(text.encode())
        while (line := await reader.readline())[3:4] == b"-":
            pass
        return line

    await ask("")
    await ask("EHLO bench\r\n")
    taken = 0
    for number in numbers:
        await ask("MAIL FROM:<>\r\n")
        await ask(f"RCPT TO:<b+{RING.sign(number, Purpose.BOUNCE)}@example.com>\r\n")
        await ask("DATA\r\n")
        taken += (await ask(MAIL.format(number=number) + ".\r\n")).startswith(b"250")
    writer.close()
    return taken


async def listen(mails: int, connections: int) -> str:
    """Mails a second, each in the database before its 250."""
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/bench.db")
        migrate.upgrade(db)
        journey = TakeIn(db, RING, system_clock)
        door = Door(journey.welcome, lambda some: journey.keep(some, "lmtp"))
        async with Listener(door, "127.0.0.1", 0) as listener:
            start = time.perf_counter()
            done = await asyncio.gather(
                *(converse(listener.port, range(first, mails, connections)) for first in range(connections))
            )
            seconds = time.perf_counter() - start
        with db.reading() as conn:
            kept = conn.exec_driver_sql("SELECT count(*) FROM returned_mails").scalar_one()
        db.close()
    assert sum(done) == kept == mails
    return f"listener: {mails / seconds:,.0f} mails/s, {connections} connections, the client's work in it"


def fetch(mails: int) -> str:
    """Mails a second out of a mailbox, and how much the process grew."""
    with dovecot() as server:
        for number in range(mails):
            (server.folder / "new" / f"{number}.bench").write_bytes(MAIL.format(number=number).encode())
        server.hand_over()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        done = imap.fetch(imap.parse(server.url), lambda raw: True)
        seconds = time.perf_counter() - start
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert done.taken == mails
    return f"IMAP: {mails:,} mails fetched and moved, {mails / seconds:,.0f} mails/s, {grown:.0f} MB more at its peak"


def main() -> None:
    """Print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--mails", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=20)
    options = parser.parse_args()
    print(asyncio.run(listen(options.mails, options.connections)))
    print(fetch(options.mails))


if __name__ == "__main__":
    main()
