"""listmonk, the newsletter program in Go, sending one campaign from a PostgreSQL database of its own: listmonk.py TASK

The task names the `program`, built in the folder of its sources, and the `database_url` of a server where a database
may be made; otherwise it is as in sending/task.py. listmonk has no signed return path, writes no name into To and puts
the reader's UUID into its links; a reader's UUID here ends with his number.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL, make_url

sys.path[0] = str(Path(__file__).parents[1])

from sending.task import Task, address, cpu_of, measure, name_of, peak_rss  # noqa: E402 - found by the path above

DATABASE = "mailer_bench_listmonk"
CAMPAIGN = "11111111-1111-4111-8111-111111111111"
BATCH = 1000  # readers it fetches at a time: its own default
PATIENCE = 120.0  # seconds for a campaign
CONFIG = """[app]
address = "127.0.0.1:{port}"
admin_username = ""
admin_password = ""
[db]
host = "{host}"
port = {db_port}
user = "{user}"
password = "{password}"
database = "{database}"
ssl_mode = "disable"
max_open = 25
max_idle = 25
max_lifetime = "300s"
"""
CAMPAIGN_ROW = """
    INSERT INTO campaigns (uuid, name, subject, from_email, body, altbody, content_type, messenger, template_id)
    VALUES (%s, 'digest', %s, %s, %s, %s, 'html', 'email', (SELECT min(id) FROM templates))
"""


def uuid_of(number: int) -> str:
    """The UUID of the reader with this number."""
    return f"00000000-0000-4000-8000-{number:012d}"


class Listmonk:
    """An installation with its readers and one campaign, not yet started; a context manager, gone at its end."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._server = make_url(task["database_url"]).set(drivername="postgresql")
        self._program = Path(task["program"])
        self._folder = tempfile.TemporaryDirectory(prefix="listmonk-")
        self._config = Path(self._folder.name) / "config.toml"

    def __enter__(self) -> Listmonk:
        self._in_server(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)", f"CREATE DATABASE {DATABASE}")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        url = self._server
        values = {"port": self.port, "host": _host(url), "db_port": url.port or 5432, "database": DATABASE}
        values["user"] = url.username or "postgres"
        values["password"] = url.password or "none"  # its driver misreads an empty one
        self._config.write_text(CONFIG.format(**values), encoding="utf-8")
        self._start("--install", "--yes").wait(60)
        with self.database() as db:
            self._furnish(db)
        return self

    def __exit__(self, *reason: object) -> None:
        self._in_server(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        self._folder.cleanup()

    def database(self) -> psycopg.Connection[Any]:
        """A connection to its database that commits by itself."""
        return psycopg.connect(self._server.set(database=DATABASE).render_as_string(False), autocommit=True)

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """Its process, up and looking for campaigns."""
        process = self._start()
        try:
            _wait(lambda: _answers(self.port), "listmonk does not start")
            yield process
        finally:
            process.kill()
            process.wait(10)

    def begin(self) -> None:
        """Have the campaign sent; listmonk looks for it every five seconds."""
        with self.database() as db:
            db.execute("UPDATE campaigns SET status = 'running'")

    def finished(self) -> dict[str, Any] | None:
        """What it says of the campaign once it calls it finished: `sent` and `seconds`."""
        with self.database() as db:
            ask = "SELECT status, sent, extract(epoch FROM updated_at - started_at) FROM campaigns"
            row = db.execute(ask).fetchone()
        assert row
        return {"sent": row[1], "seconds": float(row[2])} if row[0] == "finished" else None

    def until_finished(self) -> dict[str, Any]:
        """Wait for `finished`."""
        found: dict[str, Any] = _wait(self.finished, "listmonk does not finish")
        return found

    def _start(self, *options: str) -> subprocess.Popen[bytes]:
        command = [str(self._program), "--config", str(self._config), *options]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(command, cwd=self._program.parent, stdin=subprocess.DEVNULL, **quiet)

    def _furnish(self, db: psycopg.Connection[Any]) -> None:
        """Settings without a rate, readers, a campaign of the task's message."""
        task = self._task
        relay = {"enabled": True, "host": "127.0.0.1", "port": task["port"], "auth_protocol": "none"}
        relay |= {"max_conns": task["connections"], "idle_timeout": "30s", "wait_timeout": "30s"}
        relay |= {"max_msg_retries": 2, "hello_hostname": "localhost", "tls_enabled": False, "email_headers": []}
        settings = {"smtp": [relay], "app.concurrency": task["connections"], "app.message_rate": 1_000_000}
        settings |= {"app.batch_size": BATCH, "app.check_updates": False, "app.notify_emails": []}
        settings |= {"app.root_url": "http://127.0.0.1:8080"}
        for key, value in settings.items():
            db.execute("UPDATE settings SET value = %s WHERE key = %s", (json.dumps(value), key))
        db.execute("DELETE FROM subscribers")
        db.execute("DELETE FROM campaigns")
        db.execute("UPDATE templates SET body = '{{ template \"content\" . }}'")
        with db.cursor().copy("COPY subscribers (id, uuid, email, name) FROM STDIN") as rows:
            for number in range(1, task["count"] + 1):
                rows.write_row((number, uuid_of(number), address(number), name_of(number, task["names"])))
        db.execute(
            "INSERT INTO subscriber_lists (subscriber_id, list_id, status)"
            " SELECT id, (SELECT min(id) FROM lists), 'confirmed' FROM subscribers"
        )
        parts = [
            task[part]
            .replace(task["marked"], "{{ .Subscriber.FirstName }}")
            .replace(task["token"], "{{ .Subscriber.UUID }}")
            for part in ("html", "text")
        ]
        db.execute(CAMPAIGN_ROW, (CAMPAIGN, task["subject"], task["sender"], *parts))
        db.execute(
            "INSERT INTO campaign_lists (campaign_id, list_id) SELECT id, (SELECT min(id) FROM lists) FROM campaigns"
        )
        db.execute("ANALYZE")

    def _in_server(self, *statements: str) -> None:
        with psycopg.connect(self._server.render_as_string(False), autocommit=True) as db:
            for statement in statements:
                db.execute(statement)


def _host(url: URL) -> str:
    return str(url.host or url.query.get("host") or "localhost")


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def _wait(is_so: Any, otherwise: str) -> Any:
    until = time.monotonic() + PATIENCE
    while not (found := is_so()):
        if time.monotonic() > until:
            raise SystemExit(otherwise)
        time.sleep(0.05)
    return found


def settled(process: subprocess.Popen[bytes]) -> float:
    """CPU seconds of a process, once it has used none for a while: what it had queued is sent then."""
    before = -1.0
    while (now := cpu_of(process.pid)) > before:
        before = now
        time.sleep(0.5)
    return now


def send(task: Task) -> Task:
    """A campaign from its start to where listmonk calls it finished, when less than thirty messages are under way."""
    with Listmonk(task) as installation, installation.running() as process:
        start = cpu_of(process.pid)
        installation.begin()
        told = installation.until_finished()
        used = settled(process)
        memory = peak_rss(process.pid)
    took = {"wall_s": told["seconds"], "cpu_s": used - start, "start_cpu_s": start}
    return took | {"rss_mb": memory, "version": task["version"]}


if __name__ == "__main__":
    measure(send)
