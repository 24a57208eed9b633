"""Off the event loop: threads that call the journeys' steps; writes that wait at the same time share one commit."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

from mailer.store.engine import Database

P = ParamSpec("P")
T = TypeVar("T")

TOGETHER = 100  # requests at most whose steps share a transaction, so that other processes get their turn


class Threads:
    """Readers and writers of one database.

    SQLite lets one write at a time, each with a flush of its own: one thread, and one transaction for all that waits.
    PostgreSQL lets connections share a flush by itself: a thread for each of several, and a transaction for each step.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._most = TOGETHER if db.is_sqlite else 1
        self._waiting: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._writers = ThreadPoolExecutor(1 if db.is_sqlite else 8, thread_name_prefix="write")
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="read")

    async def write(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a journey's step that writes; it has committed when this returns."""
        future: Future[T] = Future()
        self._waiting.append((partial(step, *args, **kwargs), future))
        self._writers.submit(self._work)
        return await asyncio.wrap_future(future)

    async def read(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a journey's step that only reads."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, partial(step, *args, **kwargs))

    def aside(self, step: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Call a step that nobody waits for."""
        self._readers.submit(step, *args, **kwargs)

    def close(self) -> None:
        """Wait for the steps under way and let the threads go."""
        self._writers.shutdown(wait=True)
        self._readers.shutdown(wait=True)

    def _work(self) -> None:
        """Do what waits, unless another call of this has taken it along."""
        group: list[tuple[Callable[[], Any], Future[Any]]] = []
        while self._waiting and len(group) < self._most:
            step, future = self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                group.append((step, future))
        if not group:
            return
        try:
            outcomes = self._db.together([step for step, _ in group])
        except BaseException as error:
            outcomes = [error] * len(group)
        for (_, future), outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
