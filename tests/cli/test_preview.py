"""`mailer preview`: which changes it hears of; what it shows is in `tests/web`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from mailer.cli.preview import either, listening
from mailer.errors import UsageError


async def _changes(told: asyncio.Queue[str]) -> AsyncIterator[object]:
    while (change := await told.get()) != "broken":
        yield change
    raise OSError("the folder is gone")


async def test_changes_of_each_kind_are_heard_also_those_that_come_while_one_is_dealt_with() -> None:
    issues, tables = asyncio.Queue[str](), asyncio.Queue[str]()
    async with asyncio.timeout(10), aclosing(either(_changes(issues), _changes(tables))) as heard:  # type: ignore[type-var]
        issues.put_nowait("issue")
        assert await anext(heard) == "issue"
        tables.put_nowait("table")
        issues.put_nowait("issue again")
        assert {await anext(heard), await anext(heard)} == {"table", "issue again"}
        tables.put_nowait("table again")
        assert await anext(heard) == "table again"


async def test_what_ends_one_kind_is_told() -> None:
    issues, tables = asyncio.Queue[str](), asyncio.Queue[str]()
    issues.put_nowait("broken")
    with pytest.raises(OSError, match="gone"):
        async with asyncio.timeout(10):
            await anext(either(_changes(issues), _changes(tables)))


def test_a_second_preview_takes_a_port_of_its_own_unless_it_was_given_one() -> None:
    with socket.socket() as first:
        first.bind(("127.0.0.1", 0))
        first.listen()
        taken = first.getsockname()[1]
        with listening(taken, 0) as second:
            assert second.getsockname()[1] not in (0, taken)
        with pytest.raises(UsageError, match=f"port {taken} cannot be used .*--port"):
            listening(taken)
