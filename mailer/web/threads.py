"""Off the event loop: threads that call the journeys' steps; writes that wait at the same time share one commit."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

from mailer.store.engine import Database

P = ParamSpec("P")
T = TypeVar("T")

BUSY_SECONDS = 4.0  # a mail client that unsubscribes with one click hears a 503 before it hangs up, and tries again
TOGETHER = 100  # requests at most whose steps share a transaction, so that other processes get their turn


class Threads:
    """Readers and writers of one database, for one event loop.

    SQLite lets one write at a time, each with a flush of its own: one thread, and one transaction for all that waits.
    PostgreSQL lets connections share a flush by itself: a thread for each of several, and a transaction for each step.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._most = TOGETHER if db.is_sqlite else 1
        self._threads = 1 if db.is_sqlite else 8
        self._busy = 0  # writers under way; like the queue, of the event loop's thread alone
        self._waiting: deque[tuple[Callable[[], Any], asyncio.Future[Any]]] = deque()
        self._writers = ThreadPoolExecutor(self._threads, "write", db.hurry, (BUSY_SECONDS,))
        self._readers = ThreadPoolExecutor(4, "read", db.hurry, (BUSY_SECONDS,))

    async def write(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a journey's step that writes; it has committed when this returns."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((partial(step, *args, **kwargs), future))
        self._begin()
        return await future

    async def read(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a journey's step that only reads."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, partial(step, *args, **kwargs))

    def aside(self, step: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Call a step that nobody waits for."""
        self._readers.submit(step, *args, **kwargs)

    def close(self) -> None:
        """Wait for the steps under way and let the threads go; what nobody has begun with is not done."""
        while self._waiting:
            self._waiting.popleft()[1].cancel()
        self._writers.shutdown(wait=True)
        self._readers.shutdown(wait=True)

    def _begin(self) -> None:
        """Give a writer that is free what waits."""
        while self._waiting and self._busy < self._threads:
            group = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            group = [(step, future) for step, future in group if not future.cancelled()]
            if group:
                self._busy += 1
                loop = asyncio.get_running_loop()
                writing = loop.run_in_executor(self._writers, self._db.together, [step for step, _ in group])
                writing.add_done_callback(partial(self._end, [future for _, future in group]))

    def _end(self, futures: Sequence[asyncio.Future[Any]], writing: asyncio.Future[list[Any]]) -> None:
        """Tell everybody of a group at once what became of it."""
        self._busy -= 1
        error = writing.exception()
        outcomes = [error] * len(futures) if error else writing.result()
        for future, outcome in zip(futures, outcomes, strict=True):
            if future.done():  # who waited for it has gone
                continue
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
        self._begin()
