"""Other people's ways of sending: those that are here, and those fetched into a folder that is thrown away.

Versions are pinned; nothing that comes with a package is run when it is installed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sending.task import CONNECTIONS
from sending.ways import SLOW

HERE = Path(__file__).parent
SOURCE = f"smtp-source -s {CONNECTIONS} -d"
EMAIL_MESSAGE, FINISHED, STDLIB = (
    "aiosmtplib pool + EmailMessage",
    "aiosmtplib sendmail(bytes)",
    "smtplib + EmailMessage",
)
NODEMAILER, NODEMAILER_ONE, NODEMAILER_DKIM = "nodemailer pool 10", "nodemailer pool 1", "nodemailer pool 10, DKIM"
SMTPPOOL, DJANGO = "smtppool v2 + html/template", "Django EmailMultiAlternatives"
LISTMONK = "listmonk, PostgreSQL"
# listmonk's is the newest that the Go proxy has
FETCHED = {"nodemailer": "10.6.0", "smtppool": "v2.1.0", "listmonk": "v1.1.0", "django": "5.2.19"}


@dataclass(frozen=True)
class Way:
    """How to send: a program that is given its task as a file; `share` is how many times fewer messages it sends.

    `club` is the product's club, "" for a peer; `relay` are settings of the relay, `dkim` whether messages are signed,
    `extra` is more for the task.
    """

    name: str
    command: tuple[str, ...]
    share: int = 1
    club: str = ""
    connections: int = CONNECTIONS
    relay: dict[str, Any] = field(default_factory=dict)
    dkim: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


def python_way(name: str) -> Way:
    """A way of sending/ways.py."""
    return Way(name, (sys.executable, str(HERE / "ways.py"), name), SLOW)


class Peers:
    """The ways that can be had: `ways` by name, and in `absent` why there is no other.

    `wanted` are keys of FETCHED to be fetched into `folder` where they are not there already; `postgres_url` is for
    those that need a database.
    """

    def __init__(self, folder: Path, wanted: Sequence[str], postgres_url: str = "") -> None:
        self._folder = folder
        self._url = postgres_url
        self.ways: dict[str, Way] = {}
        self.absent: dict[str, str] = {}
        if shutil.which("smtp-source"):
            self.ways[SOURCE] = Way(SOURCE, ("smtp-source",))
        else:
            self.absent[SOURCE] = "not on the PATH (Debian package postfix)"
        for name in (EMAIL_MESSAGE, FINISHED, STDLIB):
            self.ways[name] = python_way(name)
        find: dict[str, Callable[[bool], str]] = {
            "django": self._django,
            "nodemailer": self._nodemailer,
            "smtppool": self._smtppool,
            "listmonk": self._listmonk,
        }
        for name, look in find.items():
            try:
                missing = look(name in wanted)
            except (subprocess.SubprocessError, OSError) as error:
                missing = f"cannot be fetched ({type(error).__name__})"
            if missing:
                self.absent[name] = missing

    def _django(self, fetch: bool) -> str:
        python = sys.executable
        if importlib.util.find_spec("django") is None:
            python = str(self._folder / "django" / "bin" / "python")
            if not Path(python).exists():
                if not fetch:
                    return "not installed (--peers django)"
                _run([sys.executable, "-m", "venv", str(self._folder / "django")])
                _run([python, "-m", "pip", "install", "-q", "--only-binary", ":all:", f"django=={FETCHED['django']}"])
        self.ways[DJANGO] = Way(DJANGO, (python, str(HERE / "django_mail.py")), SLOW)
        return ""

    def _nodemailer(self, fetch: bool) -> str:
        node = shutil.which("node")
        if not node:
            return "node is not on the PATH"
        modules = self._folder / "node"
        script = modules / "nodemailer.cjs"
        if not (modules / "node_modules" / "nodemailer").exists():
            if not fetch:
                return "not installed (--peers nodemailer)"
            modules.mkdir(parents=True, exist_ok=True)
            (modules / "package.json").write_text("{}", encoding="ascii")
            options = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
            _run(["npm", "install", *options, f"nodemailer@{FETCHED['nodemailer']}"], modules)
        shutil.copy(HERE / "nodemailer.cjs", script)
        for name, connections in ((NODEMAILER, CONNECTIONS), (NODEMAILER_ONE, 1), (NODEMAILER_DKIM, CONNECTIONS)):
            signs = name == NODEMAILER_DKIM
            self.ways[name] = Way(name, (node, str(script)), SLOW // 4, connections=connections, dkim=signs)
        return ""

    def _smtppool(self, fetch: bool) -> str:
        program, build = self._folder / "go" / "smtppool", self._folder / "go"
        if not program.exists():
            go = _go()
            if not go:
                return "go is not on the PATH"
            if not fetch:
                return "not built (--peers smtppool)"
            build.mkdir(parents=True, exist_ok=True)
            shutil.copy(HERE / "smtppool.go", build / "main.go")
            (build / "go.mod").write_text("module peer\n\ngo 1.21\n", encoding="ascii")
            _run([go, "get", f"github.com/knadh/smtppool/v2@{FETCHED['smtppool']}"], build)
            _run([go, "build", "-o", str(program), "."], build)
        self.ways[SMTPPOOL] = Way(SMTPPOOL, (str(program),), SLOW // 4)
        return ""

    def _listmonk(self, fetch: bool) -> str:
        """Built in a copy of its sources, which it reads its pages and statements from; its front end is not needed."""
        build, module = self._folder / "listmonk", f"github.com/knadh/listmonk@{FETCHED['listmonk']}"
        program = build / "listmonk"
        if not self._url:
            return "there is no PostgreSQL"
        if not program.exists():
            go = _go()
            if not go:
                return "go is not on the PATH"
            if not fetch:
                return "not built (--peers listmonk)"
            self._folder.mkdir(parents=True, exist_ok=True)
            told = subprocess.run(
                [go, "mod", "download", "-json", module], stdout=subprocess.PIPE, check=True, timeout=180
            )
            shutil.copytree(json.loads(told.stdout)["Dir"], build, copy_function=shutil.copyfile)
            for folder, _, _ in os.walk(build):
                Path(folder).chmod(0o755)
            (build / "frontend" / "dist" / "frontend").mkdir(parents=True)
            (build / "frontend" / "dist" / "favicon.png").touch()
            (build / "frontend" / "dist" / "frontend" / "index.html").touch()
            _run([go, "build", "-mod=mod", "-o", str(program), "./cmd"], build)
        extra = {"program": str(program), "database_url": self._url, "version": FETCHED["listmonk"]}
        self.ways[LISTMONK] = Way(LISTMONK, (sys.executable, str(HERE / "listmonk.py")), SLOW // 16, extra=extra)
        return ""


def _go() -> str | None:
    return shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")


def _run(command: list[str], folder: Path | None = None) -> None:
    subprocess.run(command, cwd=folder, check=True, timeout=180, stdout=subprocess.DEVNULL, env=dict(os.environ))
