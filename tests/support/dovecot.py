"""A real Dovecot with one mailbox, on loopback, gone at the end."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

USER, PASSWORD = "news", "hush-hush"
_CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_failure_delay = 0
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
mail_location = maildir:{folder}/mail
first_valid_uid = 1
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home
}}
namespace inbox {{
  inbox = yes
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
{extra}
"""


class Dovecot:
    """A mailbox's server; `url` for [bounces] mailboxes, `folder` the Maildir."""

    def __init__(self, place: Path, extra: str = "") -> None:
        self.place = place
        self.folder = place / "mail"
        self.root = os.geteuid() == 0
        self.owner = pwd.getpwnam("nobody") if self.root else pwd.getpwuid(os.geteuid())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"imap://{USER}:{PASSWORD}@127.0.0.1:{self.port}/INBOX"
        own = self.owner.pw_name
        text = _CONFIG.format(
            folder=place,
            port=self.port,
            password=PASSWORD,
            uid=self.owner.pw_uid,
            gid=self.owner.pw_gid,
            internal="dovecot" if self.root else own,
            internal_group="dovecot" if self.root else own,
            login="dovenull" if self.root else own,
            extra=extra,
        )
        (place / "dovecot.conf").write_text(text)
        for name in ("new", "cur", "tmp"):
            (self.folder / name).mkdir(parents=True)
        self._give(self.folder)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start serving; returns once the greeting came."""
        self._process = subprocess.Popen(
            ["dovecot", "-F", "-c", str(self.place / "dovecot.conf")], start_new_session=True
        )
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 2) as client:
                if client.recv(200).startswith(b"* OK"):
                    return
            time.sleep(0.05)
        raise AssertionError((self.place / "log").read_text())

    def stop(self) -> None:
        """End the server and every connection to it, at once."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(15)
            self._process = None

    def put(self, name: str, raw: bytes) -> None:
        """Lay a mail into the mailbox."""
        file = self.folder / "new" / name
        file.write_bytes(raw)
        self._give(file)

    def hand_over(self) -> None:
        """Make all that was laid into the mailbox its owner's."""
        self._give(self.folder)

    def mails(self, subfolder: str = "") -> list[bytes]:
        """The mails in the inbox, or in a subfolder, in any order."""
        place = self.folder / f".{subfolder}" if subfolder else self.folder
        return [file.read_bytes() for part in ("new", "cur") for file in sorted((place / part).glob("*"))]

    def new_uidvalidity(self) -> None:
        """Forget which UID is which mail, as after a restored backup."""
        for file in self.folder.glob("dovecot*"):
            file.unlink()

    def _give(self, path: Path) -> None:
        for each in (path, *path.rglob("*")) if self.root else ():
            os.chown(each, self.owner.pw_uid, self.owner.pw_gid)


@contextlib.contextmanager
def dovecot(extra: str = "") -> Iterator[Dovecot]:
    """A Dovecot that is running, with `extra` lines of configuration; skips where the program is not installed."""
    if not shutil.which("dovecot"):
        pytest.skip("no dovecot here (Debian package dovecot-imapd)")
    place = Path(tempfile.mkdtemp(prefix="mailer-dovecot-"))
    place.chmod(0o755)
    server = Dovecot(place, extra)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(place, ignore_errors=True)
