"""One connection to a relay, on a virtual clock: what it announces, what it hands over, what it gives back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support import virtual
from support.cast import NOW

from mailer.errors import RelayError
from mailer.flows.dispatch.batch import Batch, Work
from mailer.flows.dispatch.connection import IDLE_SECONDS, Connection
from mailer.flows.dispatch.desk import Desk, Observer
from mailer.flows.dispatch.outcome import Retry
from mailer.mail.reply import Reply
from mailer.model.delivery import Phase, Result, State
from mailer.rendering.outgoing import Outgoing
from mailer.store.budgets import RELAY
from mailer.store.journal import Journal, Mark
from mailer.store.leases import Worker
from mailer.store.picking import Claimed
from mailer.transport.base import Message
from mailer.transport.lane import Lane

TAKEN = Result(Phase.DOT, Reply(250, ("2.0.0 ok",)))
BYE = Result(Phase.MAIL, Reply(421, ("4.3.2 Service shutting down",)))


class Line:
    """A relay whose sessions take a message in `takes` seconds, connections to it, and a desk with work for them."""

    name = "main"

    def __init__(self, folder: Path, connections: int = 1, **lane: Any) -> None:
        self.takes, self.opening, self.dawdles = 0.1, 0.0, 0.0
        self.most = 0
        self.refuses: RelayError | None = None
        self.answers: dict[int, Result] = {}  # by delivery; TAKEN where there is none
        self.opened: list[Session] = []
        self.knocks = 0
        self.heard: list[tuple[int, float]] = []  # each message that was handed over, and when
        self.told: list[int] = []  # each that was announced
        self.lane = Lane(self, connections, lambda token: token, **lane)
        self.others: list[Lane] = []  # of other relays
        self._folder = folder
        self._worked = 0

    async def open(self) -> Session:
        self.knocks += 1
        await asyncio.sleep(self.opening)
        if self.refuses:
            raise self.refuses
        self.opened.append(Session(self))
        return self.opened[-1]

    def beside(self) -> Lane:
        """Another relay's lane."""
        other = Line(self._folder)
        other.name = "other"
        return other.lane

    def batch(self, count: int, **facts: Any) -> Batch:
        """A claim made now."""
        self._worked += 1
        rows = [
            Claimed(100 * self._worked + place, 7, 1, None, 1, "r@a.example", "a.example", "", {}, 0, None)
            for place in range(count)
        ]
        journal, now = Journal(self._folder, self._worked, [row.id for row in rows]), self.now
        compose = facts.pop("compose", lambda row: Outgoing(str(row.id), "token", ()))
        return Batch(self._worked, rows, compose, journal, now, now + 120, count, **facts)

    def give(self, batch: Batch) -> list[int]:
        self.lane.ready.extend(Work(batch, place, row) for place, row in enumerate(batch.deliveries))
        self.lane.arrived.set()
        return [row.id for row in batch.deliveries]

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def states(self) -> dict[int, State]:
        return {entry.outcome.delivery.id: entry.outcome.state for entry in self.desk.page.entries}

    @property
    def back(self) -> list[int]:
        """What was given back unsent."""
        return [work.row.id for work in self.desk.page.released]

    def play(self, scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """The connections at work while a scene is played, and until all of them have ended."""

        async def whole() -> None:
            self.desk = Desk(
                lanes=[self.lane, *self.others],
                worker=Worker("w", "here", 1, "boot"),
                retry=Retry(),
                observer=Observer(),
                now=lambda: NOW + timedelta(seconds=self.now),
                monotonic=lambda: self.now,
            )
            self.lane.arrived, self.lane.turn, self.lane.door = asyncio.Event(), asyncio.Lock(), asyncio.Lock()
            self.connections = [Connection(self.lane, self.desk) for _ in range(self.lane.connections)]
            runs = [asyncio.create_task(each.run()) for each in self.connections]
            await scene()
            self.desk.ended.set()
            self.lane.arrived.set()
            await asyncio.gather(*runs)
            for each in self.connections:
                each.give_back()
            assert self.lane.sessions == 0
            assert not [session for session in self.opened if not session.closed]
            assert self.lane._begun == 0, "a place in the pace was not given back"

        virtual.run(whole())


class Session:
    """As mailer.transport.base.Session promises: what is announced goes next, what is withdrawn ends it."""

    def __init__(self, line: Line) -> None:
        self.line, self.most = line, line.most
        self.usable, self.closed, self.count = True, False, 0
        self._announced: Message | None = None

    async def send(
        self, message: Message, handing_over: Callable[[], None], following: Callable[[], Message | None]
    ) -> Result:
        assert self.usable
        assert not self.closed
        assert self._announced in (None, message)
        line, number = self.line, int(message.envelope.recipient)
        result = line.answers.get(number, TAKEN)
        self.count += 1
        await asyncio.sleep(line.takes / 2)
        if result.phase is Phase.DOT:
            self._announced = following()
            if self._announced:
                line.told.append(int(self._announced.envelope.recipient))
            try:
                handing_over()
            except Exception:
                self.usable = False
                raise
            line.heard.append((number, round(line.now, 3)))
        await asyncio.sleep(line.takes / 2 + line.dawdles)
        if result.reply is None or result.reply.code == 421:
            self.usable = False
        return result

    async def close(self) -> None:
        self.closed, self.usable = True, False


@pytest.mark.parametrize(("takes", "prompt"), [(0.5, True), (0.6, False)])
def test_only_a_relay_that_has_just_been_prompt_is_told_what_comes_next(
    tmp_path: Path, takes: float, prompt: bool
) -> None:
    line = Line(tmp_path)
    line.takes = takes

    async def scene() -> None:
        numbers = line.give(line.batch(3))
        await asyncio.sleep(3.0)
        assert line.told == (numbers[2:] if prompt else [])  # nobody knows the relay yet at the first
        assert list(line.states)[:2] == numbers[:2]

    line.play(scene)
    assert len(line.opened) == 1


@pytest.mark.parametrize(("most", "said"), [(3, False), (3, True)])
def test_a_connection_takes_so_many_messages_and_nothing_is_announced_beyond(
    tmp_path: Path, most: int, said: bool
) -> None:
    line = Line(tmp_path, messages_per_connection=100 if said else most)
    line.most = most if said else 0

    async def scene() -> None:
        numbers = line.give(line.batch(7))
        await asyncio.sleep(0.95)
        assert line.told == [numbers[2], numbers[5]]

    line.play(scene)
    assert [session.count for session in line.opened] == [3, 3, 1]
    assert line.lane.messages_per_connection == most


def test_once_the_end_has_come_nothing_more_is_announced_or_begun(tmp_path: Path) -> None:
    line = Line(tmp_path)

    async def scene() -> None:
        line.give(line.batch(5))
        await asyncio.sleep(0.24)  # the third is under way, and its content has not been asked for
        line.desk.ended.set()

    line.play(scene)
    assert (len(line.heard), line.told) == (3, [102])
    assert line.states == dict.fromkeys((100, 101, 102), State.ACCEPTED)


@pytest.mark.parametrize(("dawdles", "sent"), [(1.7, True), (1.9, False)])
def test_what_was_announced_and_waited_too_long_behind_another_is_withdrawn(
    tmp_path: Path, dawdles: float, sent: bool
) -> None:
    line = Line(tmp_path)

    async def scene() -> None:
        numbers = line.give(line.batch(3))
        await asyncio.sleep(0.11)
        line.dawdles = dawdles  # over the second, with the third announced behind it
        await asyncio.sleep(9.0)
        assert line.told == numbers[2:]
        assert (list(line.states), line.back) == ((numbers, []) if sent else (numbers[:2], numbers[2:]))
        marks = line.desk.page.entries[0].batch.journal.marks
        assert marks[2] == (Mark.ACCEPTED if sent else Mark.UNTOUCHED)

    line.play(scene)
    assert [session.count for session in line.opened] == [3]


@pytest.mark.parametrize(
    ("facts", "sent"),
    [
        ({}, True),
        ({"lost": True}, False),
        ({"deadline": NOW + timedelta(seconds=1.05)}, False),
        ({"deadline": NOW + timedelta(seconds=1.06)}, True),
    ],
)
def test_what_may_not_be_sent_any_more_is_not_handed_over(tmp_path: Path, facts: dict[str, Any], sent: bool) -> None:
    line = Line(tmp_path)

    async def scene() -> None:
        await asyncio.sleep(1.0)
        numbers = line.give(line.batch(1, **facts))
        await asyncio.sleep(0.5)
        assert [number for number, _ in line.heard] == numbers * sent
        assert (list(line.states), line.back) == ((numbers, []) if sent else ([], numbers))

    line.play(scene)


@pytest.mark.parametrize(("left", "sent"), [(0.05, False), (0.06, True)])
def test_nothing_is_handed_over_once_the_lease_has_run_out(tmp_path: Path, left: float, sent: bool) -> None:
    line = Line(tmp_path)

    async def scene() -> None:
        batch = line.batch(1)
        batch.lease_ends = line.now + left
        numbers = line.give(batch)
        await asyncio.sleep(0.5)
        assert ([number for number, _ in line.heard], line.back) == ((numbers, []) if sent else ([], numbers))

    line.play(scene)


def test_what_cannot_be_composed_is_passed_over(tmp_path: Path) -> None:
    line = Line(tmp_path)

    def compose(row: Claimed) -> Outgoing:
        if row.id == 100:
            raise ValueError("no name")
        return Outgoing(str(row.id), "token", ())

    async def scene() -> None:
        line.give(line.batch(2, compose=compose))
        await asyncio.sleep(0.5)

    line.play(scene)
    assert line.states == {100: State.FAILED, 101: State.ACCEPTED}
    assert bytes(line.desk.page.entries[0].batch.journal.marks) == bytes([Mark.UNTOUCHED, Mark.ACCEPTED])


def test_the_journal_says_of_whom_the_message_was_being_composed_and_whose_was_handed_over(tmp_path: Path) -> None:
    line = Line(tmp_path)
    seen: list[int] = []

    async def scene() -> None:
        batch = line.batch(1, compose=lambda row: seen.append(marks[0]) or Outgoing(str(row.id), "token", ()))
        marks = batch.journal.marks
        line.give(batch)
        await asyncio.sleep(0.04)
        seen.append(marks[0])
        await asyncio.sleep(0.04)
        seen.append(marks[0])

    line.play(scene)
    assert seen == [Mark.COMPOSING, Mark.UNTOUCHED, Mark.HANDED_OVER]


@pytest.mark.parametrize(
    ("place", "result", "waits"),
    [
        (0, BYE, True),  # a fresh connection: the relay is down
        (1, BYE, False),  # it ends this connection
        (1, Result(Phase.RCPT, BYE.reply), True),
        (1, Result(Phase.MAIL, Reply(450, ("4.3.0 Not now",))), True),
        (1, Result(Phase.MAIL, Reply(452, ("4.3.2 Max message per connection reached",))), False),
        (1, Result(Phase.MAIL, Reply(421, ("4.7.0 Too many messages, slow down",))), True),
    ],
)
def test_what_is_said_to_mail_in_the_middle_of_a_connection_is_about_the_connection(
    tmp_path: Path, place: int, result: Result, waits: bool
) -> None:
    line = Line(tmp_path)
    line.answers = {100 + place: result}

    async def scene() -> None:
        line.give(line.batch(2))
        await asyncio.sleep(0.5)
        (refused,) = [entry.outcome for entry in line.desk.page.entries if entry.outcome.state is not State.ACCEPTED]
        assert refused.state is (State.DEFERRED if waits else State.PENDING)
        assert refused.due_at is not None
        assert (refused.due_at > refused.at) is waits

    line.play(scene)
    assert line.lane.messages_per_connection == (1 if "Max message" in str(result.reply) else 1000)
    assert (RELAY + "main" in line.desk.page.slowdowns) is ("slow down" in str(result.reply))


def test_a_connection_that_is_lost_gives_back_what_was_announced_and_another_one_is_opened(tmp_path: Path) -> None:
    line = Line(tmp_path)
    line.answers = {101: Result(Phase.DOT, None, "connection lost")}

    async def scene() -> None:
        line.give(line.batch(4))
        await asyncio.sleep(0.5)
        assert line.told == [102]
        assert (line.states, line.back) == (
            {100: State.ACCEPTED, 101: State.UNCERTAIN, 103: State.ACCEPTED},
            [102],
        )

    line.play(scene)
    assert len(line.opened) == 2


def test_a_connection_the_relay_closed_while_it_was_idle_is_not_used(tmp_path: Path) -> None:
    line = Line(tmp_path)

    async def scene() -> None:
        line.give(line.batch(1))
        await asyncio.sleep(3.0)
        line.opened[0].usable = False
        line.give(line.batch(1))
        await asyncio.sleep(0.5)
        assert list(line.states.values()) == [State.ACCEPTED] * 2

    line.play(scene)
    assert [session.count for session in line.opened] == [1, 1]


def test_a_session_without_work_is_closed_though_a_connection_that_never_had_any_waits_before_it(
    tmp_path: Path,
) -> None:
    line = Line(tmp_path, connections=3)

    async def scene() -> None:
        line.give(line.batch(1))
        await asyncio.sleep(9.0)
        assert not line.opened[0].closed
        await asyncio.sleep(3 * IDLE_SECONDS)
        assert line.opened[0].closed
        line.give(line.batch(1))
        await asyncio.sleep(0.5)
        assert list(line.states.values()) == [State.ACCEPTED] * 2

    line.play(scene)
    assert len(line.opened) == 2


@pytest.mark.parametrize(("opening", "sent"), [(1.9, True), (2.1, False)])
def test_what_waited_long_for_its_connection_is_claimed_anew(tmp_path: Path, opening: float, sent: bool) -> None:
    line = Line(tmp_path)
    line.opening = opening

    async def scene() -> None:
        numbers = line.give(line.batch(1))
        await asyncio.sleep(3.0)
        assert (list(line.states), line.back) == ((numbers, []) if sent else ([], numbers))

    line.play(scene)


def test_what_waits_for_a_silent_relay_goes_back_while_it_is_still_being_opened(tmp_path: Path) -> None:
    line = Line(tmp_path, per_second=10.0)
    line.opening = 30.0

    async def scene() -> None:
        numbers = line.give(line.batch(1))
        await asyncio.sleep(1.9)
        assert line.back == []
        await asyncio.sleep(0.2)
        assert (line.back, line.connections[0].may_be_cancelled) == (numbers, True)
        await asyncio.sleep(28.0)
        assert (len(line.opened), line.connections[0].may_be_cancelled) == (1, False)
        others = line.give(line.batch(1))
        await asyncio.sleep(1.0)
        assert (list(line.states), line.back) == (others, numbers)

    line.play(scene)


def test_whom_a_relay_is_silent_about_another_one_has_after_ten_seconds_once(tmp_path: Path) -> None:
    line = Line(tmp_path, per_second=10.0)
    line.takes = 60.0
    line.others = [line.beside()]

    async def scene() -> None:
        (connection,) = line.connections
        line.give(batch := line.batch(1))
        await asyncio.sleep(9.9)
        connection.give_up_waiting()
        assert (line.back, line.lane.stuck) == ([], False)
        await asyncio.sleep(0.2)
        connection.give_up_waiting()
        assert (line.back, line.lane.stuck, connection.may_be_cancelled) == ([100], True, True)
        connection.give_up_waiting()
        await asyncio.sleep(60.0)
        assert (line.heard, line.states, len(line.back)) == ([], {}, 1)
        line.give(Batch(2, batch.deliveries, batch.compose, batch.journal, line.now, line.now + 120, 1))
        await asyncio.sleep(20.0)
        connection.give_up_waiting()
        assert len(line.back) == 1  # two slow relays would pass it to each other for ever
        await asyncio.sleep(41.0)
        assert list(line.states) == [100]

    line.play(scene)


def test_a_silent_relay_that_is_the_only_one_is_waited_for(tmp_path: Path) -> None:
    line = Line(tmp_path)
    line.takes = 60.0

    async def scene() -> None:
        numbers = line.give(line.batch(1))
        await asyncio.sleep(20.0)
        line.connections[0].give_up_waiting()
        await asyncio.sleep(50.0)
        assert (line.back, list(line.states)) == ([], numbers)

    line.play(scene)


def test_what_was_announced_behind_a_message_without_an_answer_goes_back_and_that_one_is_waited_for(
    tmp_path: Path,
) -> None:
    line = Line(tmp_path)
    line.others = [line.beside()]

    async def scene() -> None:
        first = line.give(line.batch(1))
        await asyncio.sleep(1.0)
        line.dawdles = 60.0
        handed, announced = line.give(line.batch(2))
        await asyncio.sleep(11.0)
        (connection,) = line.connections
        connection.give_up_waiting()
        assert (line.back, connection.may_be_cancelled) == ([announced], False)
        await asyncio.sleep(60.0)
        assert (list(line.states), len(line.opened)) == ([*first, handed], 1)
        last = line.give(line.batch(1))
        line.dawdles = 0.0
        await asyncio.sleep(1.0)
        assert (list(line.states), len(line.opened)) == ([*first, handed, *last], 2)

    line.play(scene)


def test_a_relay_that_refuses_the_connection_sends_all_work_back(tmp_path: Path) -> None:
    line = Line(tmp_path)
    line.refuses = RelayError("nobody answers", phase="connect")

    async def scene() -> None:
        numbers = line.give(line.batch(3))
        await asyncio.sleep(0.2)
        assert (sorted(line.back), line.states, line.knocks) == (numbers, {}, 1)
        await asyncio.sleep(0.4)  # the breaker lets it be tried again after half a second
        line.refuses = None
        line.give(line.batch(1))
        await asyncio.sleep(0.2)
        assert len(line.states) == 1

    line.play(scene)


@pytest.mark.parametrize(("opening", "knocks"), [(1.9, 1), (2.5, 3)])
def test_while_no_connection_stands_one_goes_first_for_two_seconds_at_most(
    tmp_path: Path, opening: float, knocks: int
) -> None:
    line = Line(tmp_path, connections=3)
    line.opening, line.refuses = opening, RelayError("nobody answers", phase="connect")

    async def scene() -> None:
        line.give(line.batch(3))
        await asyncio.sleep(2.2)
        assert line.knocks == knocks

    line.play(scene)


def test_when_the_first_connection_stands_the_others_follow(tmp_path: Path) -> None:
    line = Line(tmp_path, connections=3)
    line.opening = 1.0

    async def scene() -> None:
        line.give(line.batch(3))
        await asyncio.sleep(0.9)
        assert line.knocks == 1
        await asyncio.sleep(0.9)
        assert line.knocks == 3

    line.play(scene)
    assert len(line.opened) == 3


def test_an_outcome_says_how_long_the_relay_took(tmp_path: Path) -> None:
    line = Line(tmp_path)
    line.takes = 1.5

    async def scene() -> None:
        line.give(line.batch(1))
        await asyncio.sleep(2.0)

    line.play(scene)
    assert [entry.outcome.millis for entry in line.desk.page.entries] == [1500]


def test_a_connection_may_be_cancelled_while_its_message_has_not_been_handed_over(tmp_path: Path) -> None:
    line = Line(tmp_path)
    line.takes = 2.0

    async def scene() -> None:
        (connection,) = line.connections
        assert not connection.may_be_cancelled  # nothing is under way
        line.give(line.batch(1))
        await asyncio.sleep(0.5)
        assert connection.may_be_cancelled
        await asyncio.sleep(1.0)
        assert not connection.may_be_cancelled

    line.play(scene)


def test_messages_begin_as_the_pace_allows_and_those_that_wait_stop_at_the_end(tmp_path: Path) -> None:
    line = Line(tmp_path, connections=3, per_second=2.0)

    async def scene() -> None:
        line.give(line.batch(9))
        await asyncio.sleep(0.9)

    line.play(scene)
    assert [moment for _, moment in line.heard] == [0.05, 0.55]
