"""Pacing: no window ever holds more than its limit, and what throttle answers teach."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.model import pacing
from mailer.model.pacing import Account, Budget, Pulse, Window, charge, divide, group_of, seconds_for, used

MINUTE = Window(60, 60.0)


def test_domains_of_one_provider_are_one_group() -> None:
    assert {group_of(domain) for domain in ("qq.com", "foxmail.com")} == {"qq.com"}
    assert {group_of(domain) for domain in ("163.com", "126.com", "yeah.net", "188.com")} == {"163.com"}
    assert {group_of(domain) for domain in ("hotmail.com", "live.com", "msn.com")} == {"outlook.com"}
    assert group_of("harbour.example") == "harbour.example"


def test_every_domain_stands_in_one_group_and_a_group_is_named_after_its_first() -> None:
    domains = [domain for group in pacing.PROVIDERS.values() for domain in group]
    assert len(domains) == len(set(domains))
    assert all(group == domains[0] for group, domains in pacing.PROVIDERS.items())


def test_the_domains_of_a_group_are_all_it_was_named_for() -> None:
    assert all(
        pacing.domains_of(group_of(domain)) == domains for domains in pacing.PROVIDERS.values() for domain in domains
    )
    assert pacing.domains_of("harbour.example") == ("harbour.example",)


def test_quotas_become_windows_and_zero_is_none() -> None:
    assert pacing.windows(per_hour=500) == (Window(500, 3600.0),)
    assert pacing.windows() == ()
    assert pacing.windows(per_minute=1, per_hour=2, per_day=3) == (
        Window(1, 60.0),
        Window(2, 3600.0),
        Window(3, 86400.0),
    )
    assert pacing.second_window(0.5) == Window(1, 2.0)
    assert pacing.second_window(10) == Window(10, 1.0)
    assert pacing.second_window(2.5) == Window(2, 0.8)


def test_a_message_leaves_a_window_when_exactly_its_length_has_passed() -> None:
    assert used(((1000.0, 5),), MINUTE, 1059.75) == 5
    assert used(((1000.0, 5),), MINUTE, 1060.0) == 0


def test_a_moment_is_kept_to_a_quarter_second_until_that_is_less_than_a_64th_of_its_age_and_so_on() -> None:
    kept = charge((), 1, 1000.1)
    assert kept == ((1000.25, 1),)
    assert charge(kept, 1, 1032.0)[0] == (1000.25, 1)  # 31.75 s old
    assert charge(kept, 1, 1032.25)[0] == (1000.5, 1)  # 32 s: two quarters are its 64th
    assert charge(kept, 1, 1064.0)[0] == (1000.5, 1)
    assert charge(kept, 1, 1064.25)[0] == (1001.0, 1)


def test_after_a_day_and_a_64th_of_it_nothing_is_remembered() -> None:
    last = pacing.LONGEST * 65 / 64
    assert [count for _, count in charge(((1024.0, 5),), 1, 1024.0 + last - 1)] == [5, 1]
    assert [count for _, count in charge(((1024.0, 5),), 1, 1024.0 + last)] == [1]


def test_what_is_under_way_counts_like_what_was_sent() -> None:
    budget = Budget().charged(20, 1000.0)
    assert budget.allowance([MINUTE], 30, 1000.0) == 10
    assert budget.allowance([MINUTE], 50, 1000.0) == 0
    assert budget.allowance([], 50, 1000.0) is None


def test_the_tightest_window_decides() -> None:
    budget = Budget().charged(90, 0.0)
    assert budget.allowance([MINUTE, Window(100, 3600.0)], 0, 120.0) == 10


@given(
    st.lists(st.tuples(st.floats(0, 900), st.integers(1, 40)), min_size=1, max_size=60),
    st.sampled_from([60.0, 3600.0, 86400.0]),
)
def test_nothing_is_forgotten_before_its_window_has_passed_nor_much_later(
    steps: list[tuple[float, int]], seconds: float
) -> None:
    window, usage, sent, now = Window(1, seconds), (), [], 1_800_000_000.0
    for pause, count in steps:
        now += pause
        usage = charge(usage, count, now)
        sent.append((now, count))
        exact = sum(number for at, number in sent if at > now - seconds)
        late = sum(number for at, number in sent if at > now - seconds * (1 + 1 / 32) - 2 * pacing.FINEST)
        assert exact <= used(usage, window, now) <= late


def test_a_full_day_is_remembered_in_a_few_hundred_slots() -> None:
    usage: pacing.Usage = ()
    for step in range(1500):
        usage = charge(usage, 3, 1_800_000_000.0 + step * 60)
    assert len(usage) < 800


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60), st.floats(1.0, 90.0))
def test_no_window_of_the_relay_holds_more_than_the_limit_whenever_it_counts(
    seed: int, limit: int, seconds: float
) -> None:
    """Messages begin by allowance, take any time, and the relay counts each at any moment in between."""
    chance = random.Random(seed)  # noqa: S311 - a test wants a seed
    window, budget, now = Window(limit, seconds), Budget(), 1_800_000_000.0
    under_way: list[tuple[float, float]] = []  # (answered at, counted at)
    counted: list[float] = []
    for _ in range(300):
        now += chance.uniform(0, seconds / 10)
        answered = [each for each in under_way if each[0] <= now]
        under_way = [each for each in under_way if each[0] > now]
        budget = budget.charged(len(answered), now)
        counted += [at for _, at in answered]
        allowed = budget.allowance([window], len(under_way), now)
        assert allowed is not None
        for _ in range(chance.randint(0, allowed)):
            took = chance.choice([0.0, 0.1, chance.uniform(0, 3 * seconds)])
            under_way.append((now + took, now + chance.uniform(0, took)))
    counted += [at for _, at in under_way]
    counted.sort()
    for earlier, later in zip(counted, counted[limit:], strict=False):
        assert later - earlier >= seconds - 1e-6


@given(st.integers(1, 200), st.floats(0, 120))
def test_the_wait_ends_when_something_may_begin(count: int, later: float) -> None:
    budget = Budget().charged(count, 1000.0)
    wait = budget.wait([MINUTE], 1000.0 + later)
    assert budget.allowance([MINUTE], 0, 1000.0 + later + wait + 0.001)
    assert wait == 0 or budget.allowance([MINUTE], 0, 1000.0 + later + wait - 0.01) == 0


def test_the_wait_is_for_as_many_as_must_leave_and_no_more() -> None:
    budget = Budget().charged(30, 1000.0).charged(30, 1030.0)
    assert budget.wait([MINUTE], 1040.0) == 20.0
    assert budget.charged(30, 1035.0).wait([MINUTE], 1040.0) == 50.0
    assert budget.wait([Window(61, 60.0)], 1040.0) == 0.0
    assert budget.wait([MINUTE, Window(60, 3600.0)], 1040.0) == 3560.0


def test_a_learned_rate_holds_by_the_minute_and_evenly_within_it_once_the_pause_is_over() -> None:
    budget = Budget().slowed(57, 60.0, "HL:IFC", 1000.0)
    assert budget.limits([MINUTE], 1060.0) == [MINUTE, Window(57, 60.0), Window(22, 20.0)]
    assert budget.allowance([], 0, 1059.9) == 0
    assert budget.allowance([], 0, 1060.0) == 22


def test_a_throttle_answer_pauses_then_slows_to_what_was_taken() -> None:
    budget = Budget().slowed(100, 60.0, "HL:IFC", 1000.0)
    assert budget.allowance([], 0, 1059.0) == 0
    assert budget.learned(1060.0) == 100.0
    assert budget.allowance([], 0, 1061.0) == 39  # a third of a minute's, and a little more
    assert budget.charged(39, 1061.0).allowance([], 0, 1082.0) == 39
    assert budget.charged(39, 1061.0).charged(39, 1082.0).allowance([], 0, 1103.0) == 22  # never more in a minute


def test_what_was_under_way_and_taken_after_all_raises_what_is_known_to_be_possible() -> None:
    budget = Budget().slowed(57, 60.0, "HL:IFC", 1000.0)
    assert budget.charged(4, 1000.2, taken=3).learned(1060.0) == 60.0
    assert budget.charged(4, 1061.0, taken=3).rate == 57
    assert budget.charged(4, 1000.2).rate == 57
    assert budget.charged(4, 1060.0, taken=3).rate == 57
    assert budget.charged(0, 1000.2, taken=3) is budget
    assert Budget().charged(4, 1000.0, taken=3).rate == 0


def test_answers_to_what_was_under_way_do_not_slow_twice() -> None:
    once = Budget().slowed(100, 60.0, "HL:IFC", 1000.0)
    assert once.slowed(100, 60.0, "HL:IFC", 1059.9).rate == once.rate
    assert once.slowed(100, 60.0, "HL:IFC", 1060.0).rate == once.rate / 2


def test_throttled_again_soon_it_halves_and_pauses_longer_each_time() -> None:
    budget, now, pauses = Budget(), 1000.0, []
    for _ in range(12):
        budget = budget.slowed(100, 60.0, "HL:IFC", now)
        pauses.append(budget.blocked_until - now)
        now = budget.blocked_until + 1
    assert pauses[:4] == [60.0, 120.0, 240.0, 480.0]
    assert max(pauses) == 3600.0
    assert budget.rate == 6.0


def test_throttled_again_after_five_minutes_is_like_the_first_time() -> None:
    first = Budget().slowed(100, 60.0, "HL:IFC", 1000.0)
    soon = first.slowed(80, 60.0, "HL:IFC", 1060.0 + 299)
    late = first.slowed(80, 60.0, "HL:IFC", 1060.0 + 300)
    assert (soon.rate, soon.strikes, soon.blocked_until - soon.slowed_at) == (40.0, 2, 120.0)
    assert (late.rate, late.strikes, late.blocked_until - late.slowed_at) == (80, 1, 60.0)
    again = late.slowed(80, 60.0, "HL:IFC", late.blocked_until + 1)
    assert (again.strikes, again.blocked_until - again.slowed_at) == (2, 120.0)


def test_what_was_learned_before_still_holds_when_more_was_taken_meanwhile() -> None:
    first = Budget().slowed(50, 60.0, "HL:IFC", 1000.0)
    assert round(first.slowed(90, 60.0, "HL:IFC", 1060.0 + 600).rate, 6) == 50.5
    assert first.slowed(90, 60.0, "HL:IFC", 1060.0 + 1800).rate == 90


def test_a_pause_the_provider_asks_for_is_kept_however_long() -> None:
    budget = Budget().slowed(100, 7200.0, "try again in 2 hours", 1000.0)
    assert budget.blocked_until == 8200.0
    assert budget.slowed(100, 7200.0, "try again in 2 hours", 8201.0).blocked_until == 15401.0


def test_a_provider_is_slowed_during_its_pause_and_while_something_learned_holds() -> None:
    budget = Budget().slowed(100, 60.0, "HL:IFC", 1000.0)
    assert budget.is_slowed(1059.0)
    assert budget.is_slowed(1060.0)
    assert Budget(blocked_until=1060.0).is_slowed(1059.0)
    assert not Budget(blocked_until=1060.0).is_slowed(1060.0)
    assert not Budget().is_slowed(1000.0)


def test_quiet_minutes_raise_the_rate_and_half_an_hour_forgets_it() -> None:
    budget = Budget().slowed(100, 60.0, "HL:IFC", 1000.0)
    assert round(budget.learned(1060.0 + 600), 6) == 101.0
    assert budget.allowance([], 0, 1060.0 + 1800) is None
    assert not budget.is_slowed(1060.0 + 1800)


def test_the_pulse_tells_the_last_minute_of_each_group() -> None:
    pulse = Pulse()
    for second in range(0, 200, 2):
        pulse.beat("main", "foxmail.com", second)
    assert 25 <= pulse.taken_for("qq.com", 199) <= 35
    assert pulse.taken_for("gmail.com", 199) == 0


def test_the_pulse_counts_by_tens_of_seconds_and_no_longer_than_a_minute() -> None:
    pulse = Pulse()
    pulse.beat("main", "qq.com", 0)
    pulse.beat("other", "foxmail.com", 9)
    pulse.beat("other", "qq.com", 10)
    assert [pulse.taken_for("qq.com", now) for now in (10, 59, 60, 69, 70)] == [3, 3, 1, 1, 0]
    assert [pulse.taken_by(relay, 10) for relay in ("main", "other", "third")] == [1, 2, 0]
    pulse.beat("main", "qq.com", 60)
    assert pulse.taken_for("qq.com", 60) == 2


def test_an_answer_during_a_pause_makes_it_longer_but_never_shorter() -> None:
    budget = Budget().slowed(100, 60.0, "HL:IFC", 1000.0)
    assert budget.slowed(100, 300.0, "HL:IFC", 1010.0).blocked_until == 1310.0
    assert budget.slowed(100, 5.0, "HL:IFC", 1010.0).blocked_until == 1060.0


def test_a_limit_by_the_second_is_parted_evenly_and_each_part_is_given_up_before_another_gets_it() -> None:
    parts, alone = divide((), 10, "a", 0, (), 0.0)
    assert alone == 10
    parts, newcomer = divide(parts, 10, "b", 0, (), 1.0)
    assert newcomer == 0
    parts, less = divide(parts, 10, "a", 10, (), 1.1)
    assert less == 5
    assert divide(parts, 10, "b", 0, (), 1.2)[1] == 0  # ten of a's are counted yet
    parts, _ = divide(parts, 10, "a", 7, (), 1.9)
    parts, some = divide(parts, 10, "b", 0, (), 2.0)
    assert some == 3
    parts, _ = divide(parts, 10, "a", 5, (), 2.1)
    assert divide(parts, 10, "b", 3, (), 2.2)[1] == 5


def test_what_cannot_be_parted_evenly_goes_to_the_first() -> None:
    parts: tuple[pacing.Part, ...] = ()
    for _ in range(2):
        for worker in "cab":
            parts, _ = divide(parts, 11, worker, 0, (), 1.0)
    assert {part.worker: part.share for part in parts} == {"a": 4, "b": 4, "c": 3}
    assert {part.until for part in parts} == {11.0}


def test_who_has_no_part_yet_gets_none_of_what_others_hold_whatever_he_counts() -> None:
    parts, _ = divide((), 10, "a", 0, (), 0.0)
    parts, newcomer = divide(parts, 10, "b", 3, (), 1.0)
    assert newcomer == 0
    assert sum(part.share for part in parts) == 10


def test_a_part_that_is_not_used_is_free_after_a_while_unless_its_worker_is_busy() -> None:
    parts, _ = divide((), 10, "a", 0, (), 0.0)
    later = 11.0
    assert divide(parts, 10, "b", 0, {"a"}, later)[1] == 0
    assert divide(parts, 10, "b", 0, (), later)[1] == 10
    assert divide(parts, 10, "b", 0, (), 9.5)[1] == 0
    assert divide(parts, 10, "b", 0, (), 10.0)[1] == 10


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0.1, 6), st.booleans()), max_size=40), st.integers(1, 9))
def test_the_parts_never_exceed_the_whole_whoever_asks_when(asking: list[tuple[str, float, bool]], whole: int) -> None:
    parts: tuple[pacing.Part, ...] = ()
    limit, counted, now = dict.fromkeys("abcd", 0), dict.fromkeys("abcd", 0), 0.0
    for worker, after, drained in asking:
        now += after
        for part in parts:
            if part.until <= now:
                limit[part.worker] = counted[part.worker] = 0
        using = max(limit[worker], counted[worker])
        parts, limit[worker] = divide(parts, whole, worker, using, (), now)
        counted[worker] = limit[worker] if drained else max(counted[worker], limit[worker])
        assert sum(part.share for part in parts) <= whole
        assert all(max(limit[part.worker], counted[part.worker]) <= part.share for part in parts if part.until > now)


def test_what_may_leave_by_when_follows_from_the_limits_and_from_what_was_sent() -> None:
    hour = Account("main", (Window(5, 1.0), Window(300, 3600.0)))
    assert (hour.room(0.0), hour.room(0.0, 59.9), hour.room(0.0, 3599.9), hour.room(0.0, 3600.0)) == (5, 300, 300, 600)
    used_up = Account("main", (Window(300, 3600.0),), ((1000.0, 200), (1500.0, 100)))
    assert (used_up.room(2000.0), used_up.room(2000.0, 2600.0)) == (0, 300)
    assert used_up.used_up_until(2000.0) == 4600.0
    assert used_up.used_up_until(4600.0) == 0.0
    assert Account("free", ()).room(0.0) == float("inf")


def test_a_send_takes_the_whole_windows_that_must_pass_before_its_last_message() -> None:
    day = Account("main", (Window(1000, 86400.0),))
    assert seconds_for(900, [day], 0.0) == 0
    assert seconds_for(1001, [day], 0.0) == 86400
    assert abs(seconds_for(900, [Account("main", (Window(10, 1.0),))], 0.0) - 89) <= 1
    assert abs(seconds_for(900, [Account("a", (Window(60, 60.0),)), Account("b", (Window(30, 60.0),))], 0.0) - 540) <= 1
    assert seconds_for(10**6, [day, Account("free", ())], 0.0) == 0
    sent = Account("main", (Window(300, 3600.0),), ((1000.0, 300),))
    assert abs(seconds_for(600, [sent], 1120.0) - (2 * 3600 - 120)) <= 1
