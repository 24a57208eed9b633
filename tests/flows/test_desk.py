"""The desk of a worker's connections: what is taken from it, what goes back, what an answer means for others."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from support.cast import NOW

from mailer.errors import RelayError
from mailer.flows.dispatch.batch import Batch, Work
from mailer.flows.dispatch.desk import NOT_TAKEN, UNANSWERED, Desk, Observer
from mailer.flows.dispatch.outcome import Retry
from mailer.mail.reply import Reply
from mailer.model.delivery import Phase, Result, State
from mailer.store.budgets import PROVIDER, RELAY
from mailer.store.journal import Journal, Mark, read
from mailer.store.leases import Worker
from mailer.store.ledger import Outcome
from mailer.store.picking import Claimed
from mailer.transport.lane import REST_SECONDS, Lane
from mailer.transport.smtp import SmtpRelay
from mailer.transport.url import parse

TAKEN = Result(Phase.DOT, Reply(250, ("ok",)))
THROTTLED = Result(Phase.RCPT, Reply(550, ("Connection frequency limited",)))
REFUSED = Result(Phase.RCPT, Reply(550, ("5.1.1 No such user",)))
DOWN = RelayError("nobody answers", phase="connect")
NOT_HEARD = Result(Phase.DOT, None, "the connection was lost")


class _Listener(Observer):
    def __init__(self, told: list[str]) -> None:
        self._told = told

    def relay_down(self, name: str, error: RelayError) -> None:
        self._told.append(f"{name} is down: {error}")

    def outcome(self, outcome: Outcome, worker: Worker) -> None:
        self._told.append(f"{outcome.state} by {worker.name}")

    def slowed(self, name: str, pause: float, cause: str) -> None:
        self._told.append(f"{name} is slowed for {pause:g} s")


class Table:
    """A desk with one lane, work on it, and a clock that stands still."""

    def __init__(self, folder: Path) -> None:
        self.now = 1000.0
        self.told: list[str] = []
        main, other = (SmtpRelay(parse("smtp://127.0.0.1:1"), name=name) for name in ("main", "other"))
        self.lane = Lane(main, connections=2, return_path=lambda token: token)
        self.other = Lane(other, connections=2, return_path=lambda token: token, within_limits=False)
        self.desk = Desk(
            lanes=[self.lane, self.other],
            worker=Worker("w", "here", 1, "boot"),
            retry=Retry(),
            observer=_Listener(self.told),
            now=lambda: NOW + timedelta(seconds=self.now),
            monotonic=lambda: self.now,
        )
        self._folder = folder
        self._numbers = itertools.count(1)

    def work(self, *domains: str, claimed_at: float = 1000.0, issue: int | None = 7) -> list[Work]:
        """A claim of a reader at each domain."""
        first = next(self._numbers) * 100
        rows = [
            Claimed(first + place, issue, 1, None, 1, f"r@{domain}", domain, "", {}, 0, None)
            for place, domain in enumerate(domains)
        ]
        journal = Journal(self._folder, first, [row.id for row in rows])
        batch = Batch(first, rows, _never, journal, claimed_at, claimed_at + 120, len(rows))
        return [Work(batch, place, row) for place, row in enumerate(rows)]

    def answer(self, work: Work, result: Result, lane: Lane | None = None, millis: int = 5) -> None:
        self.desk.answered(lane or self.lane, work, result, self.now, millis)


def _never(row: Claimed) -> object:
    raise NotImplementedError


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


def test_work_is_taken_for_a_second_after_its_claim_and_goes_back_then(table: Table) -> None:
    old, fresh = table.work("a.example", claimed_at=998.9) + table.work("a.example", claimed_at=999.0)
    table.lane.ready.extend([old, fresh])
    assert table.desk.take(table.lane, table.now) is fresh
    assert table.desk.page.released == [old]
    assert table.desk.take(table.lane, table.now) is None


def test_outcomes_are_dated_to_the_millisecond_whenever_the_answers_come(table: Table) -> None:
    for work, seconds in zip(table.work(*["a.example"] * 4), (0.0, 0.0005, 7.0, 0.002), strict=True):
        table.now += seconds
        table.answer(work, TAKEN)
        dated = table.desk.page.entries[-1].outcome.at
        assert timedelta() <= NOW + timedelta(seconds=table.now) - dated < timedelta(milliseconds=1)


def test_the_dispatcher_is_woken_when_half_of_a_claim_is_left(table: Table) -> None:
    table.lane.ready.extend(table.work("a.example", "a.example", "a.example"))
    table.lane.wake_at = 1
    table.desk.take(table.lane, table.now)
    assert not table.desk.changed.is_set()
    table.desk.take(table.lane, table.now)
    assert table.desk.changed.is_set()


@pytest.mark.parametrize(
    ("unlike", "room"),
    [
        (lambda lane: None, True),
        (lambda lane: setattr(lane, "claim_at", 1000.1), False),
        (lambda lane: setattr(lane, "claim_at", 1000.0), True),
        (lambda lane: lane.failed(1000.0, DOWN), False),
        (lambda lane: lane.ready.extend([1]), True),
        (lambda lane: lane.ready.extend([1, 2]), False),
    ],
)
def test_more_is_claimed_for_a_relay_that_is_up_when_half_of_its_work_is_gone(
    table: Table, unlike: Callable[[Lane], object], room: bool
) -> None:
    assert table.lane.most(1.0, 1000) == 2
    unlike(table.lane)
    assert table.desk.has_room(table.lane) is room


def test_what_was_claimed_while_its_relay_went_away_goes_back_at_once(table: Table) -> None:
    work = table.work("a.example", "b.example")
    table.lane.failed(1000.0, DOWN)
    table.lane.ready.extend(work)
    table.desk.give_back_waiting(table.lane)
    assert table.desk.page.released == work
    assert not table.lane.ready


def test_what_a_provider_takes_of_what_was_under_way_when_it_throttled_counts_as_possible(table: Table) -> None:
    for work in table.work("qq.com", "foxmail.com"):
        table.answer(work, TAKEN)
    refused, under_way, other = table.work("qq.com", "foxmail.com", "example.com")
    table.answer(refused, THROTTLED)
    key = PROVIDER + "qq.com"
    assert table.desk.page.slowdowns[key].taken == 2
    table.answer(other, TAKEN)
    assert table.desk.page.slowdowns[key].taken == 2
    table.answer(under_way, TAKEN)
    assert table.desk.page.slowdowns[key].taken == 3
    assert RELAY + "main" not in table.desk.page.slowdowns


def test_a_throttle_sends_back_what_is_ready_for_the_provider_and_nothing_else(table: Table) -> None:
    refused, foxmail, other = table.work("qq.com", "foxmail.com", "example.com")
    table.lane.ready.extend([foxmail, other])
    table.answer(refused, THROTTLED)
    assert table.desk.page.released == [foxmail]
    assert list(table.lane.ready) == [other]
    assert table.desk.changed.is_set()


@pytest.mark.parametrize("answer", [TAKEN, REFUSED])
def test_answers_that_stay_away_one_after_the_other_pause_the_issue_and_one_answer_begins_anew(
    table: Table, answer: Result
) -> None:
    lost = table.work(*["a.example"] * (2 * UNANSWERED))
    for work in lost[: UNANSWERED - 1]:
        table.answer(work, NOT_HEARD)
    table.answer(table.work("a.example")[0], answer)
    for work in lost[UNANSWERED:-1]:
        table.now += 0.01
        table.answer(work, NOT_HEARD)
        table.answer(table.work("a.example")[0], answer, table.other)  # which says nothing about this relay
    assert table.desk.page.pauses == {}
    table.now += 0.01
    ready = table.work("a.example") + table.work("a.example", issue=8)
    table.lane.ready.extend(ready)
    table.answer(lost[-1], NOT_HEARD)
    assert table.desk.page.pauses == {7: f"main took {UNANSWERED} messages in a row without an answer"}
    assert (table.desk.page.released, list(table.lane.ready)) == (ready[:1], ready[1:])
    assert table.desk.tally[State.UNCERTAIN] == 2 * UNANSWERED - 1


def test_what_is_lost_together_when_a_relay_is_restarted_pauses_nothing_but_the_next_does(table: Table) -> None:
    for work in table.work(*["a.example"] * 2 * UNANSWERED):
        table.now += 0.001
        table.answer(work, NOT_HEARD, millis=100)
    assert table.desk.page.pauses == {}
    table.now += 0.5
    table.answer(table.work("a.example")[0], NOT_HEARD)
    assert table.desk.page.pauses == {7: f"main took {2 * UNANSWERED + 1} messages in a row without an answer"}


def test_a_relay_that_hangs_up_between_those_it_swallows_has_answered_nothing(table: Table) -> None:
    for work in table.work(*["a.example"] * UNANSWERED):
        table.now += 0.01
        table.answer(work, NOT_HEARD)
        table.answer(table.work("a.example")[0], Result(Phase.MAIL, None, "connection lost"))
    assert table.desk.page.pauses == {7: f"main took {UNANSWERED} messages in a row without an answer"}


def test_letters_without_an_answer_pause_nothing(table: Table) -> None:
    for work in table.work(*["a.example"] * UNANSWERED, issue=None):
        table.now += 0.01
        table.answer(work, NOT_HEARD)
    assert table.desk.page.pauses == {}


def test_a_relay_that_is_up_and_has_limits_left_is_able(table: Table) -> None:
    assert table.desk.able() == {"main": 1}
    table.lane.within_limits = False
    assert table.desk.able() == {}
    table.lane.within_limits = True
    table.lane.failed(table.now, DOWN)
    assert table.desk.able() == {}


def test_whose_work_nobody_comes_for_is_left_out_until_somebody_comes(table: Table) -> None:
    table.lane.ready.extend(old := table.work("a.example", claimed_at=990.0))
    table.desk.give_back_stuck()
    assert table.desk.page.released == []
    table.now += 0.1
    table.desk.give_back_stuck()
    assert (table.desk.page.released, table.desk.able()) == (old, {})
    assert not table.desk.has_room(table.lane)
    assert not table.desk.changed.is_set()
    assert table.desk.take(table.lane, table.now) is None
    assert table.desk.changed.is_set()
    assert table.desk.has_room(table.lane)


def test_a_relay_whose_pace_is_slower_than_ten_seconds_a_message_is_not_silent(table: Table) -> None:
    table.lane.per_second = 0.05
    table.lane.take(table.now)
    table.lane.answered(table.now)
    table.lane.ready.extend(table.work("a.example"))
    table.now += 10.1
    table.desk.give_back_stuck()
    assert (table.desk.page.released, table.lane.stuck) == ([], False)


@pytest.mark.parametrize("phase", [Phase.MAIL, Phase.RCPT])
def test_a_relay_that_takes_nobody_rests_where_another_one_can_send(table: Table, phase: Phase) -> None:
    refused = Result(phase, Reply(451, ("4.3.2 Not at night",)))
    table.other.within_limits = True
    rows = table.work(*["a.example"] * (2 * NOT_TAKEN))
    table.lane.ready.extend(rows[NOT_TAKEN:])
    for work in rows[: NOT_TAKEN - 1]:
        table.answer(work, refused)
    table.answer(rows[0], TAKEN)
    for work in rows[: NOT_TAKEN - 1]:
        table.answer(work, refused)
    assert table.desk.able() == {"main": 1, "other": 1}
    table.answer(rows[NOT_TAKEN - 1], refused)
    rests = phase is Phase.MAIL
    assert table.desk.able() == ({"other": 1} if rests else {"main": 1, "other": 1})
    assert len(table.desk.page.released) == (NOT_TAKEN if rests else 0)
    table.now += REST_SECONDS
    assert table.desk.able() == {"main": 1, "other": 1}


def test_the_last_relay_that_can_send_does_not_rest(table: Table) -> None:
    for work in table.work(*["a.example"] * NOT_TAKEN):
        table.answer(work, Result(Phase.MAIL, Reply(451, ("4.3.2 Not at night",))))
    assert table.desk.able() == {"main": 1}


def test_a_relay_that_says_nothing_is_told_of(table: Table) -> None:
    assert table.lane.obstacle == ""
    table.lane.stuck = True
    assert table.lane.obstacle == "main takes connections and says nothing"
    table.lane.failed(table.now, DOWN)
    assert table.lane.obstacle == str(DOWN)


@pytest.mark.parametrize(("weight", "heeded"), [(1, {"main": 1}), (0, {"main": 0, "other": 1})])
def test_who_found_nobody_to_send_to_is_heeded_by_a_spare_alone(
    table: Table, weight: int, heeded: dict[str, int]
) -> None:
    table.lane.weight, table.lane.idle = weight, True
    table.other.within_limits = table.other.idle = True
    assert table.desk.sharing(table.lane) == heeded


def test_a_connection_that_stands_closes_the_breaker_and_clears_what_is_wrong(table: Table) -> None:
    table.desk.not_opened(table.lane, RelayError("nobody answers", phase="connect"))
    assert str(table.lane.trouble) == "nobody answers"
    table.now += 1
    table.desk.opened(table.lane)
    assert (table.lane.sessions, table.lane.failures, table.lane.trouble) == (1, 0, None)


def test_where_no_connection_stands_the_work_goes_back_and_people_are_told_once(table: Table) -> None:
    (work,) = table.work("a.example")
    table.lane.ready.append(work)
    for _ in range(2):  # a second connection that was refused at the same moment says nothing new
        table.desk.not_opened(table.lane, RelayError("nobody answers", phase="connect"))
    assert (table.desk.page.released, list(table.lane.ready)) == ([work], [])
    assert table.told == ["main is down: nobody answers"]
    assert (table.lane.failures, table.desk.stopping) == (1, False)


def test_a_relay_that_allows_fewer_connections_goes_on_with_those_it_has(table: Table) -> None:
    (work,) = table.work("a.example")
    table.lane.ready.append(work)
    table.desk.opened(table.lane)
    table.desk.not_opened(table.lane, RelayError("too many connections", phase="greeting"))
    assert (table.lane.trouble, list(table.lane.ready)) == (None, [work])


def test_a_relay_is_waited_for_until_it_has_refused_three_times_or_what_only_other_settings_can_mend(
    table: Table,
) -> None:
    for hopeless in (False, False, True):
        table.desk.not_opened(table.lane, RelayError("nobody answers", phase="connect"))
        assert table.lane.is_hopeless is hopeless
        table.now += 60
    table.desk.opened(table.lane)
    assert not table.lane.is_hopeless
    table.desk.not_opened(table.lane, RelayError("wrong password", phase="auth", permanent=True))
    assert not table.lane.is_hopeless  # what stands goes on
    table.lane.sessions = 0
    assert table.lane.is_hopeless
    assert table.desk.changed.is_set()


def test_what_others_were_refused_beside_the_last_connection_does_not_end_a_run(table: Table) -> None:
    table.desk.opened(table.lane)
    for _ in range(4):
        table.desk.not_opened(table.lane, RelayError("too many connections", phase="greeting"))
        table.now += 60
    table.lane.closed()
    assert not table.lane.is_hopeless
    assert table.lane.is_open(table.now)
    table.desk.not_opened(table.lane, RelayError("too many connections", phase="greeting"))
    assert not table.lane.is_hopeless


def test_who_was_refused_a_log_in_does_not_try_again_for_five_minutes(table: Table) -> None:
    table.desk.not_opened(table.lane, RelayError("wrong password", phase="auth", permanent=True))
    table.now += 299
    assert not table.lane.is_open(table.now)
    table.now += 1
    assert table.lane.is_open(table.now)


def test_what_is_put_back_is_all_that_is_ready_unless_some_is_chosen(table: Table) -> None:
    first, second = table.work("a.example", "b.example")
    table.lane.ready.extend([first, second])
    table.desk.give_back_ready(table.lane, lambda row: row.domain == "b.example")
    assert (table.desk.page.released, list(table.lane.ready)) == ([second], [first])
    table.desk.give_back_ready(table.lane)
    assert (table.desk.page.released, list(table.lane.ready)) == ([second, first], [])


def test_each_answer_is_written_down_counted_and_told(table: Table) -> None:
    taken, refused, broken = table.work("a.example", "b.example", "c.example")
    table.answer(taken, TAKEN)
    table.answer(refused, REFUSED)
    table.desk.not_composed(table.lane, broken, ValueError("no name"))
    written = table.desk.page.entries
    assert [(entry.outcome.delivery, entry.outcome.state) for entry in written] == [
        (taken.row, State.ACCEPTED),
        (refused.row, State.FAILED),
        (broken.row, State.FAILED),
    ]
    assert [entry.refusal is not None for entry in written] == [False, True, False]
    assert written[0].outcome.at == NOW + timedelta(seconds=table.now)
    assert table.told == ["accepted by w", "failed by w", "failed by w"]
    assert (table.lane.recorded, table.desk.tally[State.FAILED], table.desk.tally[State.ACCEPTED]) == (3, 2, 1)
    assert (table.desk.tally.paused, table.desk.tally.overdue) == (0, 0)


def test_the_journal_says_whose_answer_was_heard(table: Table) -> None:
    works = table.work("a.example", "b.example", "c.example", "d.example")
    taken, refused, lost, broken = works
    for work in works[:3]:
        work.mark(Mark.HANDED_OVER)
    table.answer(taken, TAKEN)
    table.answer(refused, REFUSED)
    table.answer(lost, NOT_HEARD)
    table.desk.not_composed(table.lane, broken, ValueError("no name"))
    found = read(taken.batch.journal.path, taken.batch.id)
    assert found is not None
    assert [found[work.row.id] for work in works] == [Mark.ACCEPTED, Mark.ANSWERED, Mark.HANDED_OVER, Mark.UNTOUCHED]


def test_a_throttle_of_the_relay_itself_sends_back_all_that_is_ready_for_it_and_nothing_of_another(
    table: Table,
) -> None:
    refused, waiting, elsewhere = table.work("qq.com", "example.com", "example.org")
    table.lane.ready.append(waiting)
    table.other.ready.append(elsewhere)
    table.answer(
        refused, Result(Phase.MAIL, Reply(454, ("Throttling failure: Daily message quota exceeded " + "x" * 600,)))
    )
    assert table.desk.page.released == [waiting]
    assert list(table.other.ready) == [elsewhere]
    (slowdown,) = table.desk.page.slowdowns.values()
    assert (slowdown.key, len(slowdown.cause)) == (RELAY + "main", 500)
    assert table.told == ["deferred by w", f"main is slowed for {slowdown.pause:g} s"]


def test_a_throttle_by_the_second_sets_the_pace_of_this_relay_and_slows_nothing_for_longer(table: Table) -> None:
    for work in table.work(*["example.com"] * 14):
        table.answer(work, TAKEN)
    refused, again, waiting = table.work("qq.com", "example.com", "example.com")
    table.lane.ready.append(waiting)
    said = Result(Phase.DOT, Reply(454, ("Throttling failure: Maximum sending rate exceeded",)))
    table.answer(refused, said)
    table.answer(again, said)  # it was under way
    assert (table.lane.claim_at > table.desk.monotonic(), table.other.claim_at) == (True, 0.0)
    assert (table.desk.page.too_fast, table.desk.page.slowdowns) == ({"main": str(said.reply)}, {})
    assert table.desk.page.released == [waiting]
    assert table.told[14:] == ["deferred by w", "main is slowed for 2 s", "deferred by w"]


def test_a_throttle_of_a_provider_sends_back_its_readers_from_every_relay(table: Table) -> None:
    refused, waiting, elsewhere, other = table.work("qq.com", "foxmail.com", "qq.com", "example.com")
    table.lane.ready.append(waiting)
    table.other.ready.extend([elsewhere, other])
    table.answer(refused, THROTTLED)
    assert table.desk.page.released == [waiting, elsewhere]
    assert list(table.other.ready) == [other]


def test_what_was_being_claimed_when_a_throttle_or_a_refusal_of_ours_came_goes_back_too(table: Table) -> None:
    throttled, refused = table.work("qq.com", "example.com")
    table.answer(throttled, THROTTLED)
    table.answer(refused, Result(Phase.MAIL, Reply(550, ("5.7.1 We do not know you",))))
    slowed, free = table.work("foxmail.com", "example.com", issue=8)
    (paused,) = table.work("example.com", issue=7)
    table.lane.ready.extend([slowed, free, paused])
    table.desk.give_back_waiting(table.lane)
    assert table.desk.page.released == [slowed, paused]
    assert list(table.lane.ready) == [free]


def test_what_was_being_claimed_for_a_relay_that_throttles_goes_back_whole(table: Table) -> None:
    (throttled,) = table.work("example.com")
    table.answer(throttled, Result(Phase.MAIL, Reply(454, ("Throttling failure: Daily message quota exceeded",))))
    late = table.work("example.com", "example.org")
    for lane in (table.lane, table.other):
        lane.ready.extend(late)
        table.desk.give_back_waiting(lane)
    assert table.desk.page.released == late
    assert (list(table.lane.ready), list(table.other.ready)) == ([], late)
