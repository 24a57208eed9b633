"""Running a dispatcher from the command line: signals, progress, the closing lines, the exit code."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailer.cli.output import at, clock_behind, readers, said, slowdown, span, talk
from mailer.errors import AwayError, MailerError
from mailer.flows import report
from mailer.flows.dispatch import Observer, Tally
from mailer.flows.dispatch.dispatcher import TELL_AGAIN_SECONDS
from mailer.model.causes import told
from mailer.model.delivery import UNFINISHED, State
from mailer.sentence import Sentence

if TYPE_CHECKING:
    from mailer.errors import RelayError, StoreError
    from mailer.store.leases import Worker
    from mailer.store.ledger import Outcome
    from mailer.wiring import Club

TELL_SECONDS = 5.0
REACH_SECONDS = 1.0  # between two looks whether the database is there


class Talk(Observer):
    """Tells the person at the terminal what a dispatcher does: a progress bar, or a line every few seconds."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._told_at = time.monotonic()
        self._told = ""
        self._bar: Any = None
        self._task: Any = None

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show a progress bar while the block runs, on a terminal."""
        if not sys.stderr.isatty() or not self._total:
            yield
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn(said(Sentence("sending"))),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True)) as self._bar:
            self._task = self._bar.add_task("sending", total=self._total, rate="")
            yield
        self._bar = None

    def outcome(self, outcome: Outcome, worker: Worker) -> None:
        if outcome.state in UNFINISHED or outcome.delivery.issue_id is None:  # who is tried again counts once
            return
        self._done += 1
        if self._bar is not None:
            self._bar.update(self._task, advance=1, rate=f"{self._bar.tasks[0].speed or 0:.0f}/s")
        elif self._total and time.monotonic() - self._told_at >= TELL_SECONDS:
            self._told_at = time.monotonic()
            talk(Sentence("%(done)s of %(total)s", done=f"{self._done:,}", total=f"{self._total:,}"))

    def relay_down(self, name: str, error: RelayError) -> None:
        if str(error) != self._told:
            self._told = str(error)
            talk(error.sentence)

    def store_down(self, error: StoreError) -> None:
        talk(Sentence("%(what)s; nothing more is sent until it answers", what=error.sentence))

    def paused(self, issue_id: int, cause: str) -> None:
        talk(Sentence("paused: %(cause)s; mend it, then 'mailer resume'", cause=told(cause)))

    def taken_over(self, worker: str, cause: str, uncertain: int) -> None:
        if uncertain:
            what = "settled what %(worker)s left open: %(readers)s uncertain; 'mailer audit ISSUE' names them"
            talk(Sentence(what, worker=worker, readers=readers(uncertain)))
        else:
            talk(Sentence("settled what %(worker)s left open", worker=worker))

    def overdue(self, slug: str, count: int) -> None:
        what = "the deadline of %(slug)s has passed: %(readers)s did not get it"
        talk(Sentence(what, slug=slug, readers=readers(count)))

    def slowed(self, name: str, pause: float, cause: str) -> None:
        what = "%(name)s asks us to go slower: nothing goes there for %(span)s; it answered: %(cause)s"
        talk(Sentence(what, name=name, span=span(pause), cause=cause))


class Journal(Observer):
    """A worker that stays logs for machines, one line an attempt and no address in clear, and counts for Prometheus.

    `listen` is the `host:port` where the counters are shown; None: nowhere.
    """

    def __init__(self, listen: str | None = None) -> None:
        import structlog

        from mailer import logs
        from mailer.metrics import Metrics

        logs.setup()
        self._log = structlog.get_logger()
        self._metrics = Metrics()
        if listen:
            self._metrics.serve(listen)

    def outcome(self, outcome: Outcome, worker: Worker) -> None:
        self._metrics.attempt(outcome.relay, outcome.state.value, outcome.millis)
        self._log.info(
            "dispatch.attempt",
            delivery=outcome.delivery.id,
            domain=outcome.delivery.domain,
            state=outcome.state.value,
            relay=outcome.relay,
            phase=outcome.phase.value,
            code=outcome.code,
            text=outcome.text,
            millis=outcome.millis,
            worker=worker.name,
        )

    def relay_down(self, name: str, error: RelayError) -> None:
        self._metrics.relay_down(name)
        self._log.warning("dispatch.relay_down", relay=name, cause=str(error))

    def store_down(self, error: StoreError) -> None:
        self._metrics.store_down()
        self._log.error("dispatch.database_away", cause=str(error))

    def paused(self, issue_id: int, cause: str) -> None:
        self._metrics.paused()
        self._log.error("dispatch.paused", issue=issue_id, cause=cause)

    def finished(self, slugs: Sequence[str]) -> None:
        for slug in slugs:
            self._log.info("dispatch.finished", issue=slug)

    def taken_over(self, worker: str, cause: str, uncertain: int) -> None:
        self._metrics.taken_over(uncertain)
        self._log.warning("dispatch.taken_over", worker=worker, cause=cause, uncertain=uncertain)

    def overdue(self, slug: str, count: int) -> None:
        self._metrics.cut_off(count)
        self._log.warning("dispatch.overdue", issue=slug, readers=count)

    def slowed(self, name: str, pause: float, cause: str) -> None:
        self._metrics.slowed(name)
        self._log.warning("dispatch.slowed", name=name, pause=pause, cause=cause)


class Alerting(Observer):
    """Passes everything on to another observer, and tells the operators by mail when a send ends or stops.

    The letter is in the outbox when a method returns, so that the same run still sends it. Raises SettingsError.
    """

    def __init__(self, club: Club, other: Observer) -> None:
        club.ping_url  # noqa: B018 - a mistake in it is told before anything is sent
        self._club = club
        self.outcome = other.outcome  # type: ignore[method-assign]
        self.relay_down = other.relay_down  # type: ignore[method-assign]
        self.store_down = other.store_down  # type: ignore[method-assign]
        self.taken_over = other.taken_over  # type: ignore[method-assign]
        self.slowed = other.slowed  # type: ignore[method-assign]
        self.overdue = other.overdue  # type: ignore[method-assign]
        self._other = other

    def paused(self, issue_id: int, cause: str) -> None:
        self._other.paused(issue_id, cause)
        self._look()

    def finished(self, slugs: Sequence[str]) -> None:
        self._other.finished(slugs)
        if slugs:
            self._look()

    def _look(self) -> None:
        try:
            well = self._club.alerts.look()
        except MailerError as error:
            talk(Sentence("the operators could not be told: %(why)s", why=error.sentence))
            return
        if well:
            asyncio.get_running_loop().run_in_executor(None, self._club.ping)


def reach(club: Club, observer: Observer) -> bool:
    """Wait for a database that is away, saying so now and then; False when a signal ended that.

    Raises SettingsError, and StoreError for what waiting does not mend: a wrong password, another version.
    """
    stopped, tell_at = threading.Event(), -inf
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: stopped.set()) for number in numbers]
    try:
        while not stopped.is_set():
            try:
                club.db  # noqa: B018 - opened, and looked at
            except AwayError as error:
                if time.monotonic() >= tell_at:
                    observer.store_down(error)
                    tell_at = time.monotonic() + TELL_AGAIN_SECONDS
            else:
                break
            stopped.wait(REACH_SECONDS)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
    return not stopped.is_set()


def send(club: Club, *, total: int = 0, forever: bool = False, metrics: str | None = None) -> Tally:
    """Dispatch what is due and show it; SIGINT and SIGTERM end it in good order. Raises SettingsError, StoreError.

    `forever` waits for a database that is away, at the start as well.
    """
    talker = Talk(total)
    observer = Journal(metrics) if forever else talker
    if not forever:  # else a wait of an hour would look like a hang
        now = club.now()
        for each in report.slowed(club.db, now):
            talk(slowdown(each, now))
    elif not reach(club, observer):
        return Tally()
    dispatcher = club.dispatcher(Alerting(club, observer))

    async def run() -> Tally:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, dispatcher.stop)
        try:
            return await dispatcher.run(forever=forever)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    with talker.shown():
        return asyncio.run(run())


def say(club: Club, tally: Tally) -> None:
    """The closing lines on stderr: what was done, and when the next delivery is due."""
    became = {state: count for state, count in tally.states.items() if count and state not in UNFINISHED}
    try:
        now = club.now()
        if tally[State.DEFERRED]:  # some of them may have had it since
            became[State.DEFERRED] = report.deferred(club.db)
    except AwayError as error:  # a worker that stays may be stopped while it waits for that
        what = "%(done)s; %(why)s"
        talk(Sentence(what, done=_counted(became) or Sentence("nothing was sent"), why=error.sentence))
        return
    done = _counted(became)
    due, zone = tally.next_due, club.settings.newsletter.zone
    if done or not (tally.error or due or tally.overdue):
        talk(done or (Sentence("nothing was sent") if tally[State.PENDING] else Sentence("nothing was due")))
    for slug in [] if done else report.paused(club.db):
        talk(Sentence("%(slug)s is paused; 'mailer resume %(slug)s' goes on", slug=slug))
    if tally.error:
        talk(Sentence("nothing more could be sent: %(why)s", why=tally.error.sentence))
    if due and due <= now:
        talk(Sentence("there is more to send; 'mailer dispatch' goes on where this stopped"))
    elif due:
        if last := report.set_back(club.db, now):
            talk(clock_behind(last, zone, now))
        what = "the next delivery is due at %(time)s; run 'mailer dispatch' then, or keep 'mailer dispatch --forever'"
        talk(Sentence(what, time=at(due, zone, now)))


def _counted(became: Mapping[State, int]) -> str:
    """How many readers stand where, in the order of the states."""
    return said(Sentence(", ")).join(
        said(Sentence("%(count)s %(state)s", count=f"{became[state]:,}", state=Sentence(state.value)))
        for state in State
        if became.get(state)
    )


def exit_code(tally: Tally) -> int:
    """1 when the relay could not be used, an issue was paused or too late, or deliveries are uncertain; else 0.

    Deferred readers have their next try, and who stops a worker by a signal knows that it did not finish.
    """
    return 1 if tally.error or tally.paused or tally.overdue or tally[State.UNCERTAIN] else 0


def send_in_processes(config: Path | None, count: int, forever: bool) -> int:
    """Run `count` workers as processes of their own until all have ended; the worst exit code."""
    command = [sys.executable, "-m", "mailer", *(["--config", str(config)] if config else []), "dispatch"]
    if forever:
        command.append("--forever")
    workers = [subprocess.Popen(command) for _ in range(count)]  # noqa: S603 - our own program

    def stop(*_: object) -> None:
        for worker in workers:
            worker.terminate()

    before = signal.signal(signal.SIGTERM, stop)
    try:
        while True:
            try:
                return max(abs(worker.wait()) for worker in workers)  # a signal's number is negative
            except KeyboardInterrupt:
                stop()
    finally:
        signal.signal(signal.SIGTERM, before)
