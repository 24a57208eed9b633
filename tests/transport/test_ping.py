"""The dead man's switch is fetched once, follows nobody, and never stops the program."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mailer.errors import SettingsError
from mailer.transport import ping


class Switch(BaseHTTPRequestHandler):
    """Answers with the code in the path; remembers what was asked."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/stall":
            self.server.let_go.wait(10)  # type: ignore[attr-defined]
            return
        self.send_response(int(self.path[1:4]))
        self.send_header("Location", "/200")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def switch() -> Iterator[tuple[str, list[str]]]:
    Switch.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Switch)
    server.let_go = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", Switch.asked
    server.let_go.set()  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_good_answer_is_enough(switch: tuple[str, list[str]]) -> None:
    url, asked = switch
    assert ping.ping(f"{url}/200?key=secret") is True
    assert asked == ["/200?key=secret"]


@pytest.mark.parametrize("path", ["/302", "/404", "/500", "/stall"])
def test_anything_else_is_a_line_in_the_log_without_the_address(
    switch: tuple[str, list[str]], caplog: pytest.LogCaptureFixture, path: str
) -> None:
    url, asked = switch
    with caplog.at_level(logging.WARNING):
        assert ping.ping(f"{url}{path}", seconds=0.3) is False
    assert len(asked) == 1
    assert "ping_url" in caplog.text
    assert url not in caplog.text


def test_nobody_there_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    assert ping.ping("http://127.0.0.1:1/secret") is False
    assert "secret" not in caplog.text


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/", "example.org", "http://", "http://a b/"])
def test_what_is_not_a_web_address_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="ping_url"):
        ping.ping(url)
