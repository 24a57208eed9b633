"""A limit by the second that nobody told us, as it is learned from answers."""

from __future__ import annotations

import pytest

from mailer.model.tempo import CUT, FIRST_GROWTH, FORGOTTEN_AFTER, GROWTH, Tempo, best_second

SAID = "454 Maximum sending rate exceeded"


def test_the_first_answer_teaches_what_was_taken_in_the_best_second() -> None:
    assert Tempo().by(1000.0) == 0
    assert Tempo().too_fast(14, SAID, 1000.0) == Tempo(14, 1000.0, 1, SAID)
    assert Tempo().too_fast(0, SAID, 1000.0).rate == 1  # nothing was taken: one a second is tried


def test_answers_to_what_was_under_way_may_only_show_that_more_was_taken() -> None:
    first = Tempo().too_fast(5, SAID, 1000.0)
    assert first.too_fast(14, "other", 1000.9) == Tempo(14, 1000.0, 1, SAID)
    assert first.too_fast(3, "other", 1000.9) == first


def test_it_grows_quickly_until_it_was_too_much_once_more_and_then_slowly() -> None:
    first = Tempo().too_fast(100, SAID, 1000.0)
    assert first.by(1010.0) == round(100 * (1 + 10 * FIRST_GROWTH))
    second = first.too_fast(200, SAID, 1010.0)
    assert second.rate == pytest.approx(110 * CUT)
    assert second.answers == 2
    assert second.by(1110.0) == round(110 * CUT * (1 + 100 * GROWTH))


def test_it_is_never_more_than_what_was_seen() -> None:
    assert Tempo(100, 1000.0, 2, SAID).too_fast(60, SAID, 1010.0).rate == 60


def test_it_goes_on_learning_when_the_clock_is_set_back() -> None:
    first = Tempo().too_fast(100, SAID, 5000.0)
    assert first.too_fast(150, SAID, 4999.5).rate == 150  # of several workers, whose clocks differ a little
    assert first.too_fast(150, SAID, 1400.0) == Tempo(100 * CUT, 1400.0, 2, SAID)


def test_it_is_a_whole_number_unless_it_is_less_than_one() -> None:
    assert Tempo(4.4, 1000.0, 2).by(1000.0) == 4
    assert Tempo(0.6, 1000.0, 2).by(1000.0) == 0.6


def test_it_is_forgotten_after_half_an_hour_and_learned_anew() -> None:
    old = Tempo(14, 1000.0, 3, SAID)
    assert old.by(1000.0 + FORGOTTEN_AFTER) == 0
    assert old.too_fast(20, SAID, 1000.0 + FORGOTTEN_AFTER).answers == 1


@pytest.mark.parametrize(
    ("moments", "best"),
    [([], 0), ([5.0], 1), ([0.0, 0.5, 1.0], 2), ([0.0, 0.1, 0.9, 1.05, 3.0], 3), ([0.0, 0.6, 1.1, 1.2, 1.3], 4)],
)
def test_the_best_second_begins_and_ends_anywhere(moments: list[float], best: int) -> None:
    assert best_second(moments) == best
