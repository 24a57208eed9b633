"""A real Postfix on loopback, with a configuration, a queue and a log of its own, gone at the end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_MAIN = """
compatibility_level = 3.6
queue_directory = {place}/queue
data_directory = {place}/data
maillog_file = {place}/log
maillog_file_prefixes = {place}
mail_owner = postfix
setgid_group = postdrop
multi_instance_name =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = {name}
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtp_host_lookup = native
disable_dns_lookups = yes
minimal_backoff_time = 5s
maximal_backoff_time = 5s
bounce_queue_lifetime = 1h
default_destination_concurrency_failed_cohort_limit = 0
{extra}
"""
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """A mail server called `name` that takes mail at `port`; `extra` are further lines of main.cf."""

    def __init__(self, place: Path, name: str, extra: str = "") -> None:
        self.place = place
        self.log = place / "log"
        self.config = place / "etc"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"smtp://127.0.0.1:{self.port}"
        for folder in ("etc", "queue", "data"):
            (place / folder).mkdir()
        shutil.chown(place / "data", "postfix")
        (self.config / "main.cf").write_text(_MAIN.format(place=place, name=name, extra=extra))
        (self.config / "master.cf").write_text(_MASTER.format(port=self.port))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start serving; returns once the greeting came."""
        subprocess.run(["postfix", "-c", self.config, "check"], check=True, capture_output=True, timeout=30)
        found = subprocess.run(["postconf", "-dh", "daemon_directory"], check=True, capture_output=True, text=True)
        master = Path(found.stdout.strip()) / "master"
        environment = {**os.environ, "MAIL_CONFIG": str(self.config)}
        self._process = subprocess.Popen(
            [master, "-c", self.config, "-d"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 2) as client:
                if client.recv(200).startswith(b"220"):
                    return
            time.sleep(0.05)
        raise AssertionError(self.said())

    def stop(self) -> None:
        """End the server and its children, at once."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(5)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process = None

    def said(self) -> str:
        """What stands in its log."""
        return self.log.read_text() if self.log.exists() else "no log"


@contextlib.contextmanager
def postfix(name: str = "relay.example.net", extra: str = "") -> Iterator[Postfix]:
    """A Postfix that is running; skips where the program is not installed, or may not be started."""
    if not shutil.which("postfix"):
        pytest.skip("no postfix here (Debian package postfix)")
    if os.geteuid() != 0:
        pytest.skip("Postfix can only be started by root")
    place = Path(tempfile.mkdtemp(prefix="mailer-postfix-"))
    place.chmod(0o755)
    server = Postfix(place, name, extra)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(place, ignore_errors=True)
