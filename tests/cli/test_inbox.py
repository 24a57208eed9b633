"""`mailer inbox` as a process: it says where it is, takes mail, and ends quietly."""

from __future__ import annotations

import signal
import smtplib
import subprocess
import sys
from pathlib import Path

import httpx2 as httpx


def test_the_inbox_takes_mail_shows_it_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    options = ["--listen", "127.0.0.1:0", "--web", "127.0.0.1:0", "--refuse", "dave@*"]
    with subprocess.Popen(
        [sys.executable, "-m", "mailer", "inbox", *options],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            page = process.stdout.readline().split()[0]
            port = int(process.stderr.readline().split("smtp://127.0.0.1:")[1].split(",")[0])
            with smtplib.SMTP("127.0.0.1", port) as client:
                refused = client.sendmail(
                    "b@example.org", ["alice@example.com", "dave@example.com"], b"Subject: News\r\n\r\nHello\r\n"
                )
            assert set(refused) == {"dave@example.com"}
            assert "alice@example.com" in httpx.get(page).text
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""
    assert len(list((tmp_path / "inbox").glob("*.eml"))) == 1


def test_a_port_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mailer", "inbox", "--listen", "127.0.0.1:99999"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("mailer: --listen:")
    assert "99999" in done.stderr
    assert "Traceback" not in done.stderr
