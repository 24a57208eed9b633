"""Signed tokens: who may use them for what."""

import base64
from hashlib import blake2b
from itertools import combinations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from mailer.model.tokens import LENGTH, MAX_DELIVERY, Keyring, Purpose

OLD, NEW = b"o" * 32, b"n" * 32
RING = Keyring({1: OLD, 2: NEW}, current=2)
NUMBERS = st.integers(0, MAX_DELIVERY - 1)
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


def test_tokens_of_one_delivery_or_of_neighbours_have_nothing_in_common() -> None:
    tokens = [RING.sign(delivery, purpose) for delivery in (1, 2) for purpose in Purpose]
    for first, second in combinations(tokens, 2):
        assert sum(a != b for a, b in zip(first, second, strict=True)) >= 15


def test_all_tokens_of_a_message_are_those_signed_one_by_one() -> None:
    tokens = RING.sign_each(5, list(Purpose))
    assert tokens == {purpose: RING.sign(5, purpose) for purpose in Purpose}


@pytest.mark.parametrize(
    ("keys", "current"), [({1: OLD}, 2), ({16: OLD}, 16), ({1: b"short"}, 1)], ids=["absent", "id too big", "short"]
)
def test_a_ring_that_cannot_sign_is_refused(keys: dict[int, bytes], current: int) -> None:
    with pytest.raises(ValueError, match="key"):
        Keyring(keys, current)


def test_a_token_is_one_block_of_aes() -> None:
    secret = blake2b(NEW, digest_size=32, person=b"mailer: token").digest()
    block = base64.b32decode(RING.sign(9, Purpose.VIEW).upper() + "======")
    plain = Cipher(algorithms.AES(secret), modes.ECB()).decryptor().update(block)  # noqa: S305 - as it is made
    assert plain == bytes([list(Purpose).index(Purpose.VIEW)]) + (9).to_bytes(7, "big") + bytes(8)


@given(st.lists(NUMBERS, max_size=40), st.lists(st.sampled_from(Purpose), min_size=1, max_size=9))
def test_many_tokens_at_once_are_those_signed_one_by_one(deliveries: list[int], purposes: list[Purpose]) -> None:
    assert RING.sign_all(deliveries, purposes) == [
        [RING.sign(delivery, purpose) for purpose in purposes] for delivery in deliveries
    ]


@given(st.binary(min_size=16, max_size=16))
def test_a_block_nobody_enciphered_names_nobody(block: bytes) -> None:
    token = base64.b32encode(block).decode().lower()[:LENGTH]
    assert [RING.read(token, purpose) for purpose in Purpose] == [None] * len(Purpose)


def test_a_number_that_is_no_deliverys_is_not_signed() -> None:
    for number in (-1, MAX_DELIVERY):
        with pytest.raises(ValueError, match="no delivery"):
            RING.sign(number, Purpose.VIEW)


def test_links_that_were_sent_keep_their_meaning() -> None:
    assert list(Purpose) == [
        "bounce", "message", "unsubscribe", "preferences", "confirm", "view", "apply", "review", "click"
    ]  # fmt: skip
