"""`kill -9` of the pages while hundreds leave at once: who was told that he has left, has left."""

import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
from sqlalchemy import select
from support.command import mailer

from mailer.model.tokens import Purpose
from mailer.store.schema import deliveries, subscribers
from mailer.wiring import Club

EXAMPLES = Path(__file__).parents[3] / "examples"
READERS = 300
ANSWERS = 60


def test_who_was_told_that_he_left_has_left_though_the_program_was_killed(tmp_path: Path) -> None:
    mailer(tmp_path, "init", "club", "--name", "Morning News")
    folder = tmp_path / "club"
    readers = "".join(f"r{number}@example.com\n" for number in range(READERS))
    mailer(folder, "subscribers", "import", "-", "--consent", "paper", stdin="email\n" + readers)
    (folder / "one.md").write_text((EXAMPLES / "issue-en.md").read_text(encoding="utf-8"), encoding="utf-8")
    mailer(folder, "publish", "one.md", "--yes", "--queue-only")
    club = Club.open(folder / "mailer.toml")
    with club.db.reading() as conn:
        numbers = list(conn.execute(select(deliveries.c.id)).scalars())
    server = subprocess.Popen(
        [sys.executable, "-m", "mailer", "serve", "--listen", "127.0.0.1:0"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=dict(os.environ),
    )  # fmt: skip
    told: set[int] = set()
    enough = threading.Event()
    try:
        assert server.stderr is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", server.stderr.readline())
        assert found is not None
        with httpx.Client(base_url=found[0], timeout=30) as client, ThreadPoolExecutor(16) as people:

            def leave(number: int) -> None:
                try:
                    answer = client.post(f"/u/{club.keyring.sign(number, Purpose.UNSUBSCRIBE)}")
                except httpx.HTTPError:
                    return
                assert answer.status_code == 200
                told.add(number)
                if len(told) >= ANSWERS:
                    enough.set()

            leaving = [people.submit(leave, number) for number in numbers]
            assert enough.wait(60)
            server.kill()
        assert all(one.exception() is None for one in leaving)
    finally:
        server.kill()
        server.communicate(timeout=30)
    assert ANSWERS <= len(told) < READERS
    with club.db.reading() as conn:
        joined = deliveries.join(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
        query = select(deliveries.c.id).select_from(joined).where(subscribers.c.state == "unsubscribed")
        left = set(conn.execute(query).scalars())
    club.db.close()
    assert told <= left
