"""An event loop whose clock stands still while anything runs and leaps to the next timer when nothing does.

What runs in the context of a `Process` can stand still and die together, at any point where it waits: a dead
process's callbacks are never run again, no handler and no `finally` of its sees that it ended.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar

T = TypeVar("T")

EARLY_SECONDS = 1e-6  # at most, that a loop runs a timer before its moment
ROUNDS = 100  # of cancelling what still waits when a play is over
CURRENT: ContextVar[Process | None] = ContextVar("process", default=None)


class Deadlock(Exception):
    """Everything waits and no timer is set."""


class Process:
    """What lives, stands still and dies as one; `at_step` maps the number of a callback to what happens before it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.steps = 0
        self.frozen_until = 0.0
        self.at_step: dict[int, Callable[[], None]] = {}
        self.on_death: list[Callable[[], None]] = []
        self._held: list[Callable[[], None]] = []

    def spawn(self, main: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a coroutine and all that comes of it as this process."""
        context, loop = copy_context(), asyncio.get_running_loop()
        context.run(CURRENT.set, self)
        assert isinstance(loop, VirtualLoop)
        loop.processes.append(self)
        return loop.create_task(main, context=context)

    def kill(self) -> None:
        """End it as `kill -9` does; what the system does for a dead process is `on_death`."""
        if not self.dead:
            self.dead = True
            for after in self.on_death:
                after()

    def freeze(self, seconds: float) -> None:
        """Let it stand still, as SIGSTOP and SIGCONT do."""
        loop = asyncio.get_running_loop()
        self.frozen_until = max(self.frozen_until, loop.time() + seconds)
        loop.call_at(self.frozen_until, self._thaw, context=Context())

    def _thaw(self) -> None:
        now = asyncio.get_running_loop().time()
        if not self.dead and now >= self.frozen_until - EARLY_SECONDS:
            self.frozen_until = min(self.frozen_until, now)
            self.give_back()

    def may_run(self, now: float, after: Callable[[], None]) -> bool:
        """Whether a callback of this process may run now; one that comes while it stands still is run `after`."""
        if (happens := self.at_step.pop(self.steps, None)) is not None:
            Context().run(happens)
        if self.dead or now < self.frozen_until:
            self._held.append(after)
            return False
        self.steps += 1
        return True

    def give_back(self) -> None:
        """Hand what was held to the loop; what a dead process left runs only when the play is over."""
        held, self._held = self._held, []
        for step in held:
            asyncio.get_running_loop().call_soon(step, context=Context())


class _Leaping(selectors.SelectSelector):
    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise Deadlock
        self.loop.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Seconds pass only by leaping to the next timer."""

    def __init__(self) -> None:
        selector = _Leaping()
        self.now = 0.0
        self.is_over = False
        self.mishaps: list[BaseException] = []
        self.processes: list[Process] = []
        super().__init__(selector)
        selector.loop = self
        self.set_exception_handler(self._note)

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> asyncio.Handle:
        step, keep = self._guarded(callback, args, context)
        return keep(super().call_soon(step, context=context))

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> asyncio.TimerHandle:
        step, keep = self._guarded(callback, args, context)
        return keep(super().call_at(when, step, context=context))

    def _guarded(self, callback: Any, args: Any, context: Context | None) -> tuple[Callable[[], None], Any]:
        process = CURRENT.get() if context is None else context.get(CURRENT)
        if process is None:
            return (lambda: callback(*args)), lambda handle: handle
        handles: list[Any] = []

        def step() -> None:
            if self.is_over or process.may_run(self.now, after):
                callback(*args)

        def after() -> None:
            if not handles[0].cancelled():  # by something that ran since the thaw
                handles[0]._context.run(step)

        def keep(handle: Any) -> Any:
            handles.append(handle)
            return handle

        return step, keep

    def _note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not self.is_over:
            self.mishaps.append(error if error is not None else RuntimeError(context["message"]))


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` in virtual time; what still waits at the end is dropped. Raises what nobody caught meanwhile."""
    loop = VirtualLoop()
    try:
        result = loop.run_until_complete(main)
        if loop.mishaps:
            raise loop.mishaps[0]
        return result
    finally:
        loop.is_over = True
        loop.run_until_complete(_drop(loop.processes))
        loop.close()


async def _drop(processes: list[Process]) -> None:
    for process in processes:
        process.give_back()
    for _ in range(ROUNDS):
        if not (waiting := asyncio.all_tasks() - {asyncio.current_task()}):
            return
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting, timeout=1)
