"""How a log line looks: JSON for machines, columns on a terminal, and never a whole address at INFO."""

from __future__ import annotations

import logging
import re
import sys
from collections import Counter
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog

_ADDRESS = re.compile(r"[^\s<>,;:\"'()\[\]]+@[\w.-]*\w")
_LEVELS_WITH_ADDRESSES = frozenset({"debug"})
_BY_STRANGERS = ("mailer.web", "uvicorn", "python_multipart", "mail.log")
_SECONDS = 60.0


def setup(*, debug: bool = False, stream: TextIO | None = None) -> None:
    """Send all log lines, our own and the libraries', to `stream` (default: stderr).

    A line has `event` (`dispatch.started`: the flow, then what happened), `level`, `timestamp` (ISO 8601, UTC)
    and the event's values; a JSON object unless the stream is a terminal. Addresses are masked but for DEBUG lines.
    What a request on the public pages can cause is told once a minute, with `not_shown`, how often it was not.
    """
    stream = stream or sys.stderr
    level = logging.DEBUG if debug else logging.INFO
    terminal = stream.isatty()
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering: list[structlog.types.Processor] = [
        *([] if terminal else [structlog.processors.format_exc_info]),
        mask_addresses,
        structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    handler = logging.StreamHandler(stream)
    handler.addFilter(_OnceAMinute())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    structlog.configure(  # straight to the stream: by way of `logging` a line takes three times as long
        processors=[*shared, *rendering],
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Unfailing(stream))),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )


class _Unfailing:
    """A stream that takes what it can: mail does not stop because the log's disk is full, or nobody reads it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


class _OnceAMinute(logging.Filter):
    """Nobody fills a disk with bad requests: of the lines from one place in the web's code, one a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: dict[tuple[str, int], float] = {}
        self._hidden: Counter[tuple[str, int]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(_BY_STRANGERS):
            return True
        place = record.name, record.lineno
        if record.created - self._shown.get(place, -_SECONDS) < _SECONDS:
            self._hidden[place] += 1
            return False
        self._shown[place] = record.created
        if hidden := self._hidden.pop(place, 0):
            record.not_shown = hidden
        return True


def masked(text: str) -> str:
    """The text with every address in it cut to its first letter and its domain: `a***@example.com`."""
    if "@" not in text:
        return text
    return _ADDRESS.sub(lambda found: f"{found[0][0]}***@{found[0].rpartition('@')[2]}", text)


def mask_addresses(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The processor that masks addresses wherever they stand in an event of INFO or above."""
    if event.get("level") not in _LEVELS_WITH_ADDRESSES:
        for key, value in event.items():
            event[key] = _masked_within(value)
    return event


def _masked_within(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {key: _masked_within(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked_within(one) for one in value]
    return value if isinstance(value, int | float | bool | None) else masked(str(value))
