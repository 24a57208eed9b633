"""Signed tokens: one opaque handle per delivery, a token of its own per purpose.

A token is one block of AES in lower-case base32 without padding (26 characters): enciphered with a key of ours are
the purpose in one byte, the delivery's row number in seven, and eight that are zero. Whoever cannot encipher cannot
make one: what he makes up or changes deciphers to zeros once in 2^64 (M. Bellare and P. Rogaway, Encode-then-encipher
encryption, 2000). It tells nothing about how many deliveries there are, nor that two tokens are of one, and needs no
column of its own. It fits a local part (RFC 5321 4.5.3.1.1) with room for forwarding schemes, and survives systems
that change the case of local parts.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from struct import pack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.modes import ECB

LENGTH = 26
MAX_DELIVERY = 1 << 56
_BLOCK = 16
_ROOM = 32  # letters for a block when it is spelled; what is over is cut off
_ZEROS = bytes(8)
_LETTERS = bytes.maketrans(bytes(range(32)), b"abcdefghijklmnopqrstuvwxyz234567")
_HALVINGS = ((20, (0,)), (10, (0, 32)), (5, (0, 16, 32, 48)))


class Purpose(StrEnum):
    """What a token may be used for; a token signed for one purpose is worthless for another.

    Their order is part of the format: a new one goes to the end.
    """

    BOUNCE = "bounce"
    MESSAGE = "message"
    UNSUBSCRIBE = "unsubscribe"
    PREFERENCES = "preferences"
    CONFIRM = "confirm"
    VIEW = "view"
    APPLY = "apply"
    REVIEW = "review"
    CLICK = "click"


_NUMBERS: Mapping[str, int] = {purpose: number for number, purpose in enumerate(Purpose)}


class Keyring:
    """The keys tokens are signed with: `keys` maps an id (0-15) to at least 32 secret bytes, `current` signs.

    Old keys stay in the ring as long as their links should work. Raises ValueError for a ring that cannot sign.
    """

    def __init__(self, keys: Mapping[int, bytes], current: int) -> None:
        if current not in keys:
            raise ValueError(f"no key with the id {current}")
        for key_id, key in keys.items():
            if not 0 <= key_id <= 15 or len(key) < 32:
                raise ValueError("a key has an id from 0 to 15 and at least 32 bytes")
        self.keys = dict(keys)
        self.current = current

    def sign(self, delivery: int, purpose: Purpose, key_id: int | None = None) -> str:
        """The token of `delivery` for `purpose`, signed with `key_id` or the current key.

        Raises ValueError unless 0 <= delivery < 2^56.
        """
        return self.sign_all((delivery,), (purpose,), key_id)[0][0]

    def sign_each(self, delivery: int, purposes: Sequence[str], key_id: int | None = None) -> dict[str, str]:
        """The tokens of one delivery by purpose."""
        return dict(zip(purposes, self.sign_all((delivery,), purposes, key_id)[0], strict=True))

    def sign_all(
        self, deliveries: Sequence[int], purposes: Sequence[str], key_id: int | None = None
    ) -> list[list[str]]:
        """For each delivery its tokens, in the order of the purposes: a thousand cost a tenth of one by one."""
        if deliveries and not 0 <= min(deliveries) <= max(deliveries) < MAX_DELIVERY:
            raise ValueError("no delivery has such a number")
        size = _BLOCK * len(purposes)
        raw, blocks = pack(f">{len(deliveries)}Q", *deliveries), bytearray(size * len(deliveries))
        for start, purpose in zip(range(0, size, _BLOCK), purposes, strict=True):
            blocks[start::size] = bytes((_NUMBERS[purpose],)) * len(deliveries)
            for place in range(1, 8):
                blocks[start + place :: size] = raw[place::8]
        cipher = _cipher(self.keys[self.current if key_id is None else key_id])
        letters, row = _spelled(cipher.encryptor().update(blocks)), _ROOM * len(purposes)
        return [
            [letters[at : at + LENGTH] for at in range(start, start + row, _ROOM)]
            for start in range(0, len(letters), row)
        ]

    def read(self, token: str, purpose: Purpose) -> int | None:
        """The delivery a token was signed for, or None when it is not exactly one of ours for this purpose.

        Upper case is accepted (mail systems change it); anything else that differs is not.
        """
        block = _decode(token)
        for key in self.keys.values() if block else ():
            plain = _cipher(key).decryptor().update(block)
            if compare_digest(plain[8:], _ZEROS) and plain[0] == _NUMBERS[purpose]:
                return int.from_bytes(plain[1:8], "big")
        return None


def _decode(token: str) -> bytes:
    """The block that a token spells, b"" for what is none."""
    if len(token) != LENGTH or not token.isascii():
        return b""
    try:
        raw = base64.b32decode(token.upper() + "======")
    except binascii.Error:
        return b""
    return raw if _spelled(raw)[:LENGTH] == token.lower() else b""  # the last letter has two bits to spare


@lru_cache(maxsize=16)
def _cipher(key: bytes) -> Cipher[ECB]:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    secret = blake2b(key, digest_size=32, person=b"mailer: token").digest()
    return Cipher(algorithms.AES(secret), modes.ECB())  # noqa: S305 - no two blocks that are enciphered are alike


def _spelled(blocks: bytes) -> str:
    """Blocks in base32, 32 letters for each: all of them at once, in numbers as long as that.

    Five bytes stand in eight; they are halved three times, and the upper half moved up each time, until there are
    five bits in each byte.
    """
    room = bytearray(len(blocks) // _BLOCK * _ROOM)
    for place in range(_BLOCK):
        lane, byte = divmod(place, 5)
        room[8 * lane + 3 + byte :: _ROOM] = blocks[place::_BLOCK]
    number = int.from_bytes(room, "big")
    for lower, upper, shift in _masks(len(room) // 8):
        number = number & lower | (number & upper) << shift
    return number.to_bytes(len(room), "big").translate(_LETTERS).decode("ascii")


@lru_cache(maxsize=4)
def _masks(lanes: int) -> list[tuple[int, int, int]]:
    """For each halving of so many lanes of eight bytes: what is lower, what is upper, and how far that moves."""
    masks = []
    for bits, places in _HALVINGS:
        lane = sum((1 << bits) - 1 << place for place in places)
        lower = int.from_bytes(lane.to_bytes(8, "big") * lanes, "big")
        masks.append((lower, lower << bits, bits * 8 // 5 - bits))
    return masks
