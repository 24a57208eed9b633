"""Signed tokens: who may use them for what."""

import base64
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.model.tokens import LENGTH, MAX_DELIVERY, Keyring, Purpose

OLD, NEW = b"o" * 32, b"n" * 32
RING = Keyring({1: OLD, 2: NEW}, current=2)
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


@given(st.integers(0, MAX_DELIVERY - 1), st.sampled_from(Purpose))
def test_a_token_names_its_delivery_for_its_purpose_only(delivery: int, purpose: Purpose) -> None:
    token = RING.sign(delivery, purpose)
    assert len(token) == LENGTH
    for other in Purpose:
        assert RING.read(token, other) == (delivery if other is purpose else None)


def test_a_token_is_accepted_in_upper_case() -> None:
    token = RING.sign(7, Purpose.BOUNCE)
    assert RING.read(token.upper(), Purpose.BOUNCE) == 7


@given(st.integers(0, LENGTH - 1), st.sampled_from(ALPHABET))
def test_a_changed_token_is_refused(position: int, letter: str) -> None:
    token = RING.sign(42, Purpose.UNSUBSCRIBE)
    changed = token[:position] + letter + token[position + 1 :]
    assert RING.read(changed, Purpose.UNSUBSCRIBE) == (42 if changed == token else None)


@given(st.text(max_size=40))
def test_no_other_text_is_a_token(text: str) -> None:
    assert RING.read(text, Purpose.VIEW) is None


@pytest.mark.parametrize("cut", [0, 1, 25])
def test_a_cut_token_is_refused(cut: int) -> None:
    assert RING.read(RING.sign(42, Purpose.VIEW)[:cut], Purpose.VIEW) is None


def test_old_keys_still_read_and_the_current_one_signs() -> None:
    old_ring = Keyring({1: OLD}, current=1)
    token = old_ring.sign(9, Purpose.UNSUBSCRIBE)
    assert RING.read(token, Purpose.UNSUBSCRIBE) == 9
    assert RING.sign(9, Purpose.UNSUBSCRIBE) != token
    assert RING.sign(9, Purpose.UNSUBSCRIBE, key_id=1) == token
    assert Keyring({2: NEW}, current=2).read(token, Purpose.UNSUBSCRIBE) is None


def test_neighbouring_deliveries_have_unrelated_handles() -> None:
    first, second = (RING.sign(delivery, Purpose.VIEW) for delivery in (1, 2))
    assert sum(a != b for a, b in zip(first[2:13], second[2:13], strict=True)) >= 6


def test_all_tokens_of_a_message_are_those_signed_one_by_one() -> None:
    tokens = RING.sign_each(5, list(Purpose))
    assert tokens == {purpose: RING.sign(5, purpose) for purpose in Purpose}


@given(st.lists(st.integers(0, MAX_DELIVERY - 1), max_size=300), st.lists(st.sampled_from(Purpose), min_size=1))
def test_many_tokens_at_once_are_those_signed_one_by_one(deliveries: list[int], purposes: list[Purpose]) -> None:
    assert RING.sign_all(deliveries, purposes) == [
        [RING.sign(delivery, purpose) for purpose in purposes] for delivery in deliveries
    ]


@pytest.mark.parametrize(
    ("keys", "current"), [({1: OLD}, 2), ({16: OLD}, 16), ({1: b"short"}, 1)], ids=["absent", "id too big", "short"]
)
def test_a_ring_that_cannot_sign_is_refused(keys: dict[int, bytes], current: int) -> None:
    with pytest.raises(ValueError, match="key"):
        Keyring(keys, current)


def test_a_signature_is_the_purposes_piece_of_one_hmac() -> None:
    token = base64.b32decode(RING.sign(9, Purpose.VIEW).upper() + "======")
    whole = hmac.digest(NEW, token[:8] + b"\0", "sha512")
    place = 8 * list(Purpose).index(Purpose.VIEW)
    assert token[8:] == whole[place : place + 8]


def test_links_that_were_sent_keep_their_meaning() -> None:
    assert list(Purpose) == [
        "bounce", "message", "unsubscribe", "preferences", "confirm", "view", "apply", "review", "click"
    ]  # fmt: skip
