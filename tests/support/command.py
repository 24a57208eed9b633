"""The real command line, as a process of its own in a folder.

Each is forked from a process that has the program loaded already: to load it again for every one of the hundreds of
commands would be most of the tests' work.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from mailer import cli

SECONDS = 60
FORKS = multiprocessing.get_context("forkserver")
ROOMS = Path(cli.__file__).parent.parent
FORKS.set_forkserver_preload(
    [f"mailer.{file.parent.name}.{file.stem}" for file in ROOMS.glob("*/*.py") if not file.stem.startswith("__")]
)


class Done(NamedTuple):
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


class Running:
    """`mailer ARGUMENTS`, running in a folder; a context manager that waits for its end."""

    def __init__(self, folder: Path, arguments: Sequence[str], environment: Mapping[str, str], stdin: str = "") -> None:
        self._files = tempfile.TemporaryDirectory()
        said = Path(self._files.name)
        self._out, self._err = said / "stdout", said / "stderr"
        (said / "stdin").write_text(stdin)
        self._out.touch()
        self._err.touch()
        self._process = FORKS.Process(target=_become, args=(str(folder), arguments, dict(environment), str(said)))
        self._process.start()
        self._done: Done | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            self.kill()
        self.communicate()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit code, if it has ended; the signal as a negative number, if that killed it."""
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, as `kill -9` does."""
        self._process.kill()

    def terminate(self) -> None:
        """Ask it to end, as `kill` does."""
        self._process.terminate()

    def communicate(self, timeout: float = SECONDS) -> Done:
        """Wait for its end, and say what it said. Fails when that takes too long."""
        if self._done is None:
            self._process.join(timeout)
            out, err = self._out.read_text(), self._err.read_text()
            assert self._process.exitcode is not None, f"still running after {timeout} s: {out}{err}"
            self._done = Done(self._process.exitcode, out, err)
            self._files.cleanup()
        return self._done


def _become(folder: str, arguments: Sequence[str], environment: Mapping[str, str], said: str) -> None:
    """In the new process: be the command that `python -m mailer` is."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, (name, mode) in enumerate([("stdin", "r"), ("stdout", "w"), ("stderr", "w")]):
        file = open(f"{said}/{name}", mode, encoding="utf-8")  # noqa: SIM115 - open as long as the process lives
        os.dup2(file.fileno(), number)
        stream = open(number, mode, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.argv = ["mailer", *arguments]
    cli.main()


def mailer(folder: Path, *arguments: str, stdin: str = "", code: int | None = 0, **environment: str) -> Done:
    """Run `mailer ARGUMENTS` in the folder; `code` is the exit code it must have (None: any)."""
    with Running(folder, arguments, {**os.environ, **environment}, stdin) as running:
        done = running.communicate()
    assert "Traceback" not in done.stderr, done.stderr
    assert code is None or done.returncode == code, f"exit {done.returncode}: {done.stderr}{done.stdout}"
    return done


def data(folder: Path, *arguments: str, code: int | None = 0, **environment: str) -> Any:
    """What `mailer ARGUMENTS --json` printed."""
    return json.loads(mailer(folder, *arguments, "--json", code=code, **environment).stdout)
