"""The real command line, as a process of its own in a folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SECONDS = 60


def mailer(
    folder: Path, *arguments: str, stdin: str = "", code: int | None = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `mailer ARGUMENTS` in the folder; `code` is the exit code it must have (None: any)."""
    done = subprocess.run(
        [sys.executable, "-m", "mailer", *arguments],
        cwd=folder,
        input=stdin,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert code is None or done.returncode == code, f"exit {done.returncode}: {done.stderr}{done.stdout}"
    return done


def data(folder: Path, *arguments: str, code: int | None = 0, **environment: str) -> Any:
    """What `mailer ARGUMENTS --json` printed."""
    return json.loads(mailer(folder, *arguments, "--json", code=code, **environment).stdout)
