"""`kill -9` of real workers, at named points and at random ones: the relay's ledger against ours, on both databases."""

from __future__ import annotations

import json
import random
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from support.club import ClubFolder, wait_until
from support.command import Running
from support.relay import Relay, Rule, stall
from support.relay_process import relay_process
from support.ways import CONTENT

from mailer.store.outbox import post_letter

CONNECTIONS = 4


@pytest.fixture
def make(db_url: str, tmp_path: Path) -> Iterator[Callable[..., ClubFolder]]:
    """Makes a club for a relay, on SQLite and on PostgreSQL."""
    made: list[ClubFolder] = []

    def club(relay_url: str, **options: int) -> ClubFolder:
        database = db_url if db_url.startswith("postgresql") else ""
        made.append(ClubFolder(tmp_path / "club", relay_url, database=database, **options))  # type: ignore[arg-type]
        return made[-1]

    yield club
    for one in made:
        one.db.close()


def _kill(process: Running) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def _claimed(club: ClubFolder) -> int:
    with club.db.reading() as conn:
        return int(conn.execute(text("SELECT count(*) FROM deliveries WHERE state = 'attempting'")).scalar_one())


def _finish(club: ClubFolder, relay: Relay, at_most_uncertain: int = CONNECTIONS) -> dict[str, int]:
    for rule in relay.rules:
        rule.let_go()
    relay.rules.clear()
    _, _, err = club.run("dispatch")
    counts = club.agree(relay.accepted, at_most_uncertain)
    assert set(counts) <= {"accepted", "uncertain"}, err
    return counts


@pytest.mark.parametrize(
    ("at", "uncertain"),
    [("connect", 0), ("data", 0), ("dot", CONNECTIONS)],
    ids=["after the claim", "before handing over", "after handing over"],
)
def test_a_worker_killed_at_a_named_point_loses_and_doubles_nobody(
    make: Callable[..., ClubFolder], at: str, uncertain: int
) -> None:
    gate = stall(at)
    with Relay(gate).in_thread() as relay:
        club = make(relay.url)
        worker = club.start("publish", "today.md", "--yes")
        wait_until(lambda: gate.hits >= CONNECTIONS, worker)
        _kill(worker)
        (lost,) = json.loads(club.run("status", "--json")[1])["workers"]
        assert lost["lost"]
        counts = _finish(club, relay, uncertain)
        assert counts.get("uncertain", 0) == uncertain


@pytest.mark.parametrize(("at", "twice"), [("connect", 0), ("data", 0), ("dot", CONNECTIONS)])
def test_letters_of_a_killed_worker_go_out_and_only_those_handed_over_go_out_again(
    make: Callable[..., ClubFolder], at: str, twice: int
) -> None:
    gate = stall(at)
    addresses = [f"letter{number}@example.com" for number in range(20)]
    with Relay(gate).in_thread() as relay:
        club = make(relay.url)
        with club.db.transaction() as conn:
            for address in addresses:
                post_letter(conn, kind="confirm", address=address, now=datetime.now(UTC), compose=lambda _: CONTENT)
        worker = club.start("dispatch")
        wait_until(lambda: gate.hits >= CONNECTIONS, worker)
        _kill(worker)
        gate.let_go()
        relay.rules.clear()
        club.run("dispatch")
        with club.db.reading() as conn:
            rows = conn.execute(text("SELECT address, state, repeats FROM deliveries ORDER BY id")).all()
        assert [row.address for row in rows] == addresses
        assert {row.state for row in rows} == {"accepted"}
        assert sum(row.repeats for row in rows) == twice
        for address, _, repeats in rows:
            assert 1 <= relay.accepted[address] <= 1 + repeats


def test_a_worker_killed_before_its_first_claim_leaves_the_whole_audience(make: Callable[..., ClubFolder]) -> None:
    with Relay().in_thread() as relay:
        club = make(relay.url)
        assert club.run("publish", "today.md", "--yes", "--queue-only")[0] == 0
        with club.db.transaction() as conn:
            if not club.db.is_sqlite:
                conn.execute(text("LOCK TABLE claims IN ACCESS EXCLUSIVE MODE"))
            worker = club.start("dispatch")
            wait_until(lambda: _has_open(worker, "subscribers.db") if club.db.is_sqlite else _waiting(club), worker)
            _kill(worker)
        assert relay.visits == []
        assert _finish(club, relay) == {"accepted": club.readers}


def test_a_publish_killed_while_it_freezes_has_published_nothing(make: Callable[..., ClubFolder]) -> None:
    with Relay().in_thread() as relay:
        club = make(relay.url)
        with club.db.transaction() as conn:
            if not club.db.is_sqlite:
                conn.execute(text("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE"))
                worker = club.start("publish", "today.md", "--yes", "--queue-only")
                wait_until(lambda: _waiting(club), worker)
            else:
                worker = club.start("publish", "today.md", "--yes", "--queue-only")
                wait_until(lambda: _has_open(worker, "subscribers.db"), worker)
            _kill(worker)
        with club.db.reading() as conn:
            assert conn.execute(text("SELECT count(*) FROM issues")).scalar_one() == 0
        code, _, err = club.run("publish", "today.md", "--yes")
        assert code == 0, err
        assert club.agree(relay.accepted, 0) == {"accepted": club.readers}


def test_answers_read_and_not_yet_committed_are_not_lost_with_the_worker(make: Callable[..., ClubFolder]) -> None:
    gate = stall("dot")
    with Relay(gate).in_thread() as relay:
        club = make(relay.url)
        worker = club.start("publish", "today.md", "--yes")
        wait_until(lambda: gate.hits >= CONNECTIONS, worker)
        with club.db.transaction() as conn:  # from here on nothing can be recorded
            if not club.db.is_sqlite:
                conn.execute(text("LOCK TABLE attempts, deliveries IN ACCESS EXCLUSIVE MODE"))
            gate.let_go()
            wait_until(lambda: sum(relay.accepted.values()) >= CONNECTIONS, worker)
            _kill(worker)
        before = sum(relay.accepted.values())
        counts = _finish(club, relay)
        assert counts["accepted"] >= before - CONNECTIONS


@pytest.mark.parametrize("seed", range(2))
def test_a_worker_killed_at_any_moment_loses_and_doubles_nobody(
    make: Callable[..., ClubFolder], tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311
    with relay_process(tmp_path, "--late", "0.01") as relay:
        club = make(f"smtp://127.0.0.1:{relay.port}", readers=120)
        worker = club.start("publish", "today.md", "--yes")
        moment = chance.randrange(1, 100)
        wait_until(lambda: sum(relay.accepted().values()) >= moment, worker)
        _kill(worker)
        assert sum(relay.accepted().values()) < club.readers
        club.run("dispatch")
        counts = club.agree(relay.accepted(), CONNECTIONS)
        assert set(counts) <= {"accepted", "uncertain"}
        audit = club.audit()
        assert audit["balanced"]
        assert audit["finished"]
        assert len(audit["uncertain"]) == counts.get("uncertain", 0)


@pytest.mark.parametrize("db_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_of_several_workers_one_is_killed_and_one_stands_still_and_nobody_is_lost(
    make: Callable[..., ClubFolder], tmp_path: Path
) -> None:
    with relay_process(tmp_path, "--late", "0.02") as relay:
        club = make(f"smtp://127.0.0.1:{relay.port}", readers=300)
        assert club.run("publish", "today.md", "--yes", "--queue-only")[0] == 0
        workers = [club.start("dispatch") for _ in range(3)]
        wait_until(lambda: sum(relay.accepted().values()) >= 30)
        _kill(workers[0])
        workers[1].send_signal(signal.SIGSTOP)
        workers[2].communicate(timeout=60)
        assert sum(relay.accepted().values()) > 150
        workers[1].send_signal(signal.SIGCONT)
        workers[1].communicate(timeout=60)
        club.run("dispatch")
        counts = club.agree(relay.accepted(), CONNECTIONS)
        assert set(counts) <= {"accepted", "uncertain"}


def test_several_processes_of_one_command_send_to_everybody_once(
    make: Callable[..., ClubFolder], tmp_path: Path
) -> None:
    with relay_process(tmp_path, "--late", "0.02") as relay:
        club = make(f"smtp://127.0.0.1:{relay.port}", readers=100)
        assert club.run("publish", "today.md", "--yes", "--queue-only")[0] == 0
        assert club.run("dispatch", "--processes", "3")[0] == 0
        assert club.agree(relay.accepted(), 0) == {"accepted": club.readers}


def test_sigterm_waits_for_the_dots_and_leaves_nothing_uncertain(make: Callable[..., ClubFolder]) -> None:
    gate: Rule = stall("dot")
    with Relay(gate).in_thread() as relay:
        club = make(relay.url)
        worker = club.start("publish", "today.md", "--yes")
        wait_until(lambda: gate.hits >= CONNECTIONS, worker)
        worker.send_signal(signal.SIGTERM)
        wait_until(lambda: _claimed(club) == CONNECTIONS, worker)  # what had not been begun is given back
        gate.let_go()
        ended = worker.communicate(timeout=30)
        assert ended.returncode == 0, ended.stderr
        assert sum(relay.accepted.values()) == CONNECTIONS
        assert club.agree(relay.accepted, 0) == {"accepted": CONNECTIONS, "pending": club.readers - CONNECTIONS}


def _waiting(club: ClubFolder) -> bool:
    """Whether somebody waits for a lock in the club's PostgreSQL database."""
    with club.db.reading() as conn:
        return bool(conn.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one())


def _has_open(process: Running, name: str) -> bool:
    """Whether the process has a file of this name open (Linux)."""
    folder = Path(f"/proc/{process.pid}/fd")
    try:
        return any(link.readlink().name == name for link in folder.iterdir())
    except OSError:
        return False
