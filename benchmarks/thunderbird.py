"""Messages opened in Thunderbird under Xvfb, in light and dark, wide and narrow: pictures, and what is too wide.

Thunderbird drops @media from a mail and has a dark mode of its own, which takes colours away, so the core layer alone
has to hold there. It is driven by Marionette (a JSON array behind its length, on loopback), offline, in a new profile.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

WIDTHS = (1000, 420)  # the window grows to its own least width
HEIGHT = 4300
OFFLINE = {"network.proxy.type": 1, "network.proxy.http": "127.0.0.1", "network.proxy.ssl": "127.0.0.1"}
PREFERENCES = OFFLINE | {
    "app.update.enabled": False,
    "mail.accountmanager.accounts": "account1",
    "mail.account.account1.server": "server1",
    "mail.server.server1.type": "none",
    "mail.server.server1.hostname": "Local Folders",
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.shell.checkDefaultClient": False,
    "mail.inappnotifications.enabled": False,
    "mail.openMessageBehavior": 0,  # in a window
    "mail.rights.version": 1,
    "mailnews.start_page.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
}
OPEN = """const {MailUtils} = ChromeUtils.importESModule("resource:///modules/MailUtils.sys.mjs");
const file = Cc["@mozilla.org/file/local;1"].createInstance(Ci.nsIFile); file.initWithPath(arguments[0]);
MailUtils.openEMLFile(window, file, Services.io.newFileURI(file));"""
SHOWN = """const about = document.getElementById("messageBrowser")?.contentWindow;
const page = about?.getMessagePaneBrowser?.().contentDocument;
if (!page?.querySelector("[role=article]")) return null;
return page.documentElement.scrollWidth - page.documentElement.clientWidth;"""


def missing() -> list[str]:
    """What this machine lacks."""
    return [name for name in ("thunderbird", "Xvfb") if not shutil.which(name)]


def pictures(mails: list[Path], folder: Path) -> Iterator[tuple[str, str, int, float]]:
    """Write `name.thunderbird.WIDTH.SCHEME.png` for each; give name, scheme, width and how far the mail is too wide."""
    for scheme in ("light", "dark"):
        with _running(dark=scheme == "dark") as window:
            first = window("WebDriver:GetWindowHandles")
            for mail in mails:
                window.run(OPEN, str(mail))
                window("WebDriver:SwitchToWindow", handle=_until(partial(_another, window, first)))
                for width in WIDTHS:
                    window("WebDriver:SetWindowRect", x=0, y=0, width=width, height=HEIGHT)
                    _until(lambda: window.run(SHOWN) is not None)
                    time.sleep(1)  # for it to be laid out and, in dark, to have lost its colours
                    over = window.run(SHOWN)
                    taken = window("WebDriver:TakeScreenshot", full=False)["value"]
                    (folder / f"{mail.stem}.thunderbird.{width}.{scheme}.png").write_bytes(base64.b64decode(taken))
                    yield mail.stem, scheme, width, over
                window("WebDriver:CloseChromeWindow")
                window("WebDriver:SwitchToWindow", handle=first[0])


def _another(window: _Marionette, known: list[str]) -> str | None:
    return next((handle for handle in window("WebDriver:GetWindowHandles") if handle not in known), None)


@contextmanager
def _running(*, dark: bool) -> Iterator[_Marionette]:
    with (
        tempfile.TemporaryDirectory(prefix="thunderbird-", ignore_cleanup_errors=True) as name,
        socket.socket() as free,
    ):
        profile = Path(name)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        wanted = PREFERENCES | {
            "marionette.port": port,
            "ui.systemUsesDarkTheme": int(dark),
            "layout.css.prefers-color-scheme.content-override": 0 if dark else 1,
            "extensions.activeThemeID": f"thunderbird-compact-{'dark' if dark else 'light'}@mozilla.org",
        }
        lines = (f"user_pref({json.dumps(key)}, {json.dumps(value)});\n" for key, value in wanted.items())
        (profile / "user.js").write_text("".join(lines), encoding="utf-8")
        read, write = os.pipe()
        screen = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", f"1100x{HEIGHT + 50}x24", "-nolisten", "tcp"],
            pass_fds=[write],
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        with os.fdopen(read) as told:
            display = told.readline().strip()
        program = subprocess.Popen(
            ["thunderbird", "--profile", name, "--no-remote", "--marionette", "--remote-allow-system-access"],
            env={**os.environ, "DISPLAY": f":{display}", "HOME": name},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            window = _Marionette(port)
            window("WebDriver:NewSession")
            window("Marionette:SetContext", value="chrome")
            time.sleep(3)  # its main window opens, and would take the focus
            yield window
        finally:
            for process in (program, screen):
                process.terminate()
                process.wait(20)


class _Marionette:
    """Thunderbird's remote control."""

    def __init__(self, port: int) -> None:
        self._socket = _until(lambda: _connected(port), seconds=60)
        self._socket.settimeout(60)
        self._sent = 0
        self._read()

    def __call__(self, command: str, **parameters: Any) -> Any:
        self._sent += 1
        message = json.dumps([0, self._sent, command, parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(message), message))
        while (answer := self._read())[:2] != [1, self._sent]:
            pass
        if answer[2]:
            raise RuntimeError(f"{command}: {answer[2]['message']}")
        return answer[3]

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script gives back in the window at hand."""
        return self("WebDriver:ExecuteScript", script=script, args=[*arguments], sandbox="system")["value"]

    def _read(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            length += self._received(1)
        message = b""
        while len(message) < int(length[:-1]):
            message += self._received(int(length[:-1]) - len(message))
        return json.loads(message)

    def _received(self, most: int) -> bytes:
        if not (received := self._socket.recv(most)):
            raise RuntimeError("Thunderbird has ended")
        return received


def _connected(port: int) -> socket.socket | None:
    try:
        return socket.create_connection(("127.0.0.1", port), 5)
    except OSError:
        return None


def _until(ask: Any, seconds: float = 30) -> Any:
    """The first answer that is one."""
    end = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > end:
            raise TimeoutError("Thunderbird did not answer")
        time.sleep(0.2)
    return answer
