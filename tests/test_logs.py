from __future__ import annotations

import errno
import io
import json
import logging
from typing import Any

import structlog

from mailer import logs


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_a_json_object_when_nobody_watches() -> None:
    stream = io.StringIO()
    logs.setup(stream=stream)
    structlog.get_logger().info("dispatch.started", issue="2026-11-23", readers=200)
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["readers"]) == ("dispatch.started", "info", 200)
    assert line["timestamp"].endswith("Z")


def test_an_address_is_masked_wherever_it_stands() -> None:
    stream = io.StringIO()
    logs.setup(stream=stream)
    structlog.get_logger().warning(
        "sent to alice@example.com",
        to="bob@example.org",
        more={"who": ["Dave <dave@example.net>"]},
        error=ValueError("carol@example.com"),
    )
    text = stream.getvalue()
    assert "a***@example.com" in text
    assert "d***@example.net" in text
    assert not any(f"{name}@" in text for name in ("alice", "bob", "carol", "dave"))


def test_a_traceback_is_masked_too() -> None:
    stream = io.StringIO()
    logs.setup(stream=stream)
    try:
        raise ValueError("no such reader: alice@example.com")
    except ValueError:
        structlog.get_logger().exception("dispatch.failed")
    assert "Traceback" in lines(stream)[0]["exception"]
    assert "alice@" not in stream.getvalue()


def test_debug_lines_are_written_only_when_asked_for_and_name_the_reader() -> None:
    quiet, chatty = io.StringIO(), io.StringIO()
    logs.setup(stream=quiet)
    structlog.get_logger().debug("dispatch.sent", to="alice@example.com")
    logs.setup(stream=chatty, debug=True)
    structlog.get_logger().debug("dispatch.sent", to="alice@example.com")
    assert quiet.getvalue() == ""
    assert lines(chatty)[0]["to"] == "alice@example.com"


def test_the_libraries_lines_look_like_ours() -> None:
    stream = io.StringIO()
    logs.setup(stream=stream)
    logging.getLogger("uvicorn.error").info("Started for %s", "alice@example.com")
    assert lines(stream)[0]["event"] == "Started for a***@example.com"


def test_bad_requests_write_a_line_a_minute_and_the_next_counts_them() -> None:
    stream = io.StringIO()
    logs.setup(stream=stream)
    logger = logging.getLogger("python_multipart.multipart")
    handler = logging.getLogger().handlers[0]
    for second in (*range(50), 60, 61):
        record = logger.makeRecord(logger.name, logging.WARNING, "multipart.py", 1125, f"index {second}", (), None)
        record.created = 1_800_000_000.0 + second
        handler.handle(record)
    assert [(line["event"], line.get("not_shown")) for line in lines(stream)] == [("index 0", None), ("index 60", 49)]


def test_lines_that_strangers_do_not_cause_are_all_written() -> None:
    stream = io.StringIO()
    logs.setup(stream=stream)
    for number in range(3):
        structlog.get_logger("mailer.flows.dispatch").warning("dispatch.deferred", delivery=number)
    assert [line["delivery"] for line in lines(stream)] == [0, 1, 2]


def test_a_log_that_nobody_takes_stops_nothing() -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    logs.setup(stream=Full())
    structlog.get_logger().info("dispatch.attempt", delivery=1)
    structlog.get_logger().error("dispatch.paused", issue=1)
