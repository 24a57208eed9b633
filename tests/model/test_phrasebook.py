"""Phrases are filed by what they begin with; nothing that stands in a text is missed for it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.model.phrasebook import Phrasebook, openings
from mailer.model.rules.providers import PROVIDER_CODES
from mailer.model.rules.words import DEAD_PHRASES, LATE_PHRASES, PHRASES

TABLES = (PROVIDER_CODES, PHRASES, DEAD_PHRASES, LATE_PHRASES)
SPOKEN = [
    " ".join(phrase.split()).replace("*", " so ")
    for table in TABLES
    for _, _, words in table
    for phrase in words.split("|")
]


def _one_by_one(table: tuple[tuple[str, str, str], ...], said: str) -> tuple[str, str]:
    """The same answer without the filing: a book of each single row, in their order."""
    for row in table:
        found = Phrasebook((row,)).first(said, openings(said) | {said[place : place + 4] for place in range(len(said))})
        if found[0]:
            return found
    return "", ""


def test_every_phrase_of_a_table_is_found_by_the_words_it_begins_with() -> None:
    books = [Phrasebook(table) for table in TABLES]
    for phrase in SPOKEN:
        said = f" 550 {phrase}ish "
        assert any(book.first(said, openings(said))[0] for book in books), phrase


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*SPOKEN, "550", "<>", "said:", "x"]), max_size=5), st.sampled_from(" -(:x"))
def test_the_first_of_the_tables_order_speaks(phrases: list[str], glue: str) -> None:
    said = f" {glue.join(phrases)} "
    for table in TABLES:
        assert Phrasebook(table).first(said, openings(said)) == _one_by_one(table, said)


def test_a_phrase_stands_at_the_start_of_a_word() -> None:
    book = Phrasebook((("speeding", "test", "rate limit"),))
    assert book.first(" corporate limit ", openings(" corporate limit ")) == ("", "")
    assert book.first(" 4.7.28 rate limits ", openings(" 4.7.28 rate limits "))[0] == "speeding"
