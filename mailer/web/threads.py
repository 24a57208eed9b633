"""Off the event loop: threads that call the journeys' steps; writes that wait at the same time share one commit."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import Any, ParamSpec, TypeVar

from mailer.store.engine import Database

P = ParamSpec("P")
T = TypeVar("T")

BUSY_SECONDS = 4.0  # a mail client that unsubscribes with one click hears a 503 before it hangs up, and tries again
TOGETHER = 100  # requests at most whose steps share a transaction, so that other processes get their turn

_Waiting = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class Threads:
    """Readers and writers of one database, for any number of event loops.

    SQLite lets one write at a time, each with a flush of its own: one thread, and one transaction for all that waits.
    PostgreSQL lets connections share a flush by itself: a thread for each of several, and a transaction for each step.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._most = TOGETHER if db.is_sqlite else 1
        self._free = 1 if db.is_sqlite else 8  # writers that have nothing to do
        self._waiting: deque[_Waiting] = deque()
        self._lock = Lock()
        self._writers = ThreadPoolExecutor(self._free, "write", db.hurry, (BUSY_SECONDS,))
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
        with self._lock:
            left = [*self._waiting]
            self._waiting.clear()
        _tell([(future, asyncio.CancelledError()) for _, future in left])
        self._writers.shutdown(wait=True)
        self._readers.shutdown(wait=True)

    def _begin(self) -> None:
        """Give what waits to a writer, if one is free."""
        with self._lock:
            group = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)) if self._free else 0)]
            if not group:
                return
            self._free -= 1
        self._writers.submit(self._work, group)

    def _work(self, group: Sequence[_Waiting]) -> None:
        """Do the steps of a group; begin with the next one, and tell everybody of this one what became of it."""
        group = [(step, future) for step, future in group if not future.cancelled()]
        outcomes: Sequence[Any]
        try:
            outcomes = self._db.together([step for step, _ in group])
        except BaseException as error:
            outcomes = [error] * len(group)
        with self._lock:
            self._free += 1
        self._begin()
        _tell([(future, outcome) for (_, future), outcome in zip(group, outcomes, strict=True)])


def _tell(answers: Iterable[tuple[asyncio.Future[Any], Any]]) -> None:
    """Let those who wait have their answers, all of one event loop at once."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for answer in answers:
        loops.setdefault(answer[0].get_loop(), []).append(answer)
    for loop, told in loops.items():
        with suppress(RuntimeError):  # it has been closed: nobody waits
            loop.call_soon_threadsafe(_answer, told)


def _answer(answers: Iterable[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, outcome in answers:
        if future.done():  # who waited for it has gone
            continue
        if isinstance(outcome, asyncio.CancelledError):
            future.cancel()
        elif isinstance(outcome, BaseException):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
