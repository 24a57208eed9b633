"""Pictures of a rendered page, taken with a Chromium that is installed on this machine."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from html import escape
from pathlib import Path

from mailer.errors import TemplateError
from mailer.sentence import Sentence

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SHOTS = (("desktop", 640, False), ("phone", 375, False), ("dark", 640, True))
_QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--allow-file-access-from-files",
)
TIMEOUT = 60.0
TALLEST = 16_000  # pixels
_MEASURE = (
    "<script>window.onload=()=>{const page=document.querySelector('iframe').contentDocument.documentElement;"
    "document.body.dataset.extent=page.scrollWidth+' '+page.scrollHeight}</script>"
)


def find_chromium() -> str | None:
    """The path of a Chromium, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def take_all(page: Path, folder: Path) -> Iterator[Path]:
    """Write desktop.png, phone.png and dark.png of `page` into `folder`. Raises TemplateError when that fails."""
    for name, width, dark in SHOTS:
        target = folder / f"{name}.png"
        take(page, target, width, dark=dark)
        yield target


def take(page: Path, target: Path, width: int, *, dark: bool = False, height: int = 0) -> None:
    """One picture of `page` at `width` pixels, in light or dark; `height` 0: as tall as the page is."""
    height = height or min(extent(page, width)[1], TALLEST)
    options = ["--blink-settings=preferredColorScheme=0"] if dark else []
    _framed(page, width, height, [*options, f"--screenshot={target.resolve()}"])


def extent(page: Path, width: int) -> tuple[int, int]:
    """How wide and how tall `page` is laid out in a window of `width` pixels."""
    output = _framed(page, width, 10, ["--dump-dom"], script=_MEASURE)
    measured = re.search(rb'data-extent="(\d+) (\d+)"', output)
    if measured is None:
        raise TemplateError(Sentence("Chromium did not measure the page"), where=str(page))
    return int(measured[1]), int(measured[2])


def _framed(page: Path, width: int, height: int, options: list[str], script: str = "") -> bytes:
    """What Chromium prints with `page` in a frame, because it makes no window narrower than 500 pixels."""
    chromium = find_chromium()
    if chromium is None:
        what = Sentence("there is no Chromium on this machine; install it (Debian: apt install chromium)")
        raise TemplateError(what)
    with tempfile.TemporaryDirectory(prefix="mailer-picture-") as profile:
        frame = Path(profile) / "frame.html"
        address = escape(page.resolve().as_uri())
        frame.write_text(
            f'<body style="margin:0"><iframe src="{address}" width="{width}" height="{height}" frameborder="0">'
            f"</iframe>{script}",
            encoding="utf-8",
        )
        command = [chromium, *_QUIET, f"--user-data-dir={profile}", f"--window-size={width},{height}"]
        command += [*options, frame.as_uri()]
        try:
            done = subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT)  # noqa: S603 - our own arguments
        except (subprocess.SubprocessError, OSError) as error:
            what = Sentence("Chromium gave up: %(why)s", why=type(error).__name__)
            raise TemplateError(what, where=str(page)) from None
        return done.stdout
