"""Signed tokens: one opaque handle per delivery, one signature per purpose.

A token is 16 bytes in lower-case base32 without padding (26 characters): version and key id in one byte, the
delivery's handle in seven, and the eight bytes that belong to the purpose of an HMAC-SHA512 over the first eight.
It fits a local part (RFC 5321 4.5.3.1.1) with room for forwarding schemes, and survives systems that
change the case of local parts. The handle is the delivery's row number under a keyed permutation, so a token
tells nothing about how many deliveries there are and needs no column of its own.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b, sha512

VERSION = 1
LENGTH = 26
MAX_DELIVERY = 1 << 56
_HALF = 28
_MASK = (1 << _HALF) - 1
_ROUNDS = 4
_BYTES = 16
_ROOM = 32  # letters for a token when it is spelled; what is over is cut off
_LETTERS = bytes.maketrans(bytes(range(32)), b"abcdefghijklmnopqrstuvwxyz234567")
_HALVINGS = ((20, (0,)), (10, (0, 32)), (5, (0, 16, 32, 48)))  # bits that stay, and from where in eight bytes
_AT_ONCE = 128  # deliveries whose tokens are spelled in one go: more would be no quicker, and take more memory
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


class Purpose(StrEnum):
    """What a token may be used for; a token signed for one purpose is worthless for another.

    Their order decides where each finds its signature: a new one goes to the end.
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


_PLACES: Mapping[str, tuple[int, slice]] = {
    purpose: (place // 8, slice(place % 8 * 8, place % 8 * 8 + 8)) for place, purpose in enumerate(Purpose)
}


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
        self._hashes = {key_id: _Hashes(key) for key_id, key in keys.items()}

    def sign(self, delivery: int, purpose: Purpose, key_id: int | None = None) -> str:
        """The token of `delivery` (0 <= delivery < 2^56) for `purpose`, signed with `key_id` or the current key."""
        return self.sign_all((delivery,), (purpose,), key_id)[0][0]

    def sign_each(self, delivery: int, purposes: Sequence[str], key_id: int | None = None) -> dict[str, str]:
        """The tokens of one delivery by purpose."""
        return dict(zip(purposes, self.sign_all((delivery,), purposes, key_id)[0], strict=True))

    def sign_all(
        self, deliveries: Sequence[int], purposes: Sequence[str], key_id: int | None = None
    ) -> list[list[str]]:
        """For each delivery its tokens, in the order of the purposes; of a hundred each costs half of one alone."""
        key_id = self.current if key_id is None else key_id
        hashes, first = self._hashes[key_id], (VERSION << 4 | key_id) << 56
        places, row = [_PLACES[purpose] for purpose in purposes], _ROOM * len(purposes)
        blocks = {block for block, _ in places}
        found = []
        for start in range(0, len(deliveries), _AT_ONCE):
            raw: list[bytes] = []
            for delivery in deliveries[start : start + _AT_ONCE]:
                head = (first | hashes.permute(delivery)).to_bytes(8, "big")
                signatures = {block: hashes.signatures(head, block) for block in blocks}
                for block, piece in places:
                    raw += (head, signatures[block][piece])
            letters = _spelled(b"".join(raw))
            found += [
                [letters[at : at + LENGTH] for at in range(begin, begin + row, _ROOM)]
                for begin in range(0, len(letters), row)
            ]
        return found

    def read(self, token: str, purpose: Purpose) -> int | None:
        """The delivery a token was signed for, or None when it is not exactly one of ours for this purpose.

        Upper case is accepted (mail systems change it); anything else that differs is not.
        """
        raw = _decode(token)
        if raw is None or raw[0] >> 4 != VERSION:
            return None
        hashes = self._hashes.get(raw[0] & 15)
        if hashes is None:
            return None
        block, piece = _PLACES[purpose]
        if not hmac.compare_digest(hashes.signatures(raw[:8], block)[piece], raw[8:]):
            return None
        return hashes.unpermute(int.from_bytes(raw[1:8], "big"))


def _decode(token: str) -> bytes | None:
    if len(token) != LENGTH or not token.isascii():
        return None
    try:
        raw = base64.b32decode(token.upper() + "======")
    except binascii.Error:
        return None
    canonical = base64.b32encode(raw).decode("ascii")[:LENGTH]  # the last letter has two bits to spare
    return raw if canonical == token.upper() else None


def _spelled(raw: bytes) -> str:
    """Tokens in base32, 32 letters for each: all of them at once, in numbers as long as that.

    Five bytes stand in eight; they are halved three times, and the upper half moved up each time, until there are
    five bits in each byte.
    """
    room = bytearray(len(raw) // _BYTES * _ROOM)
    for place in range(_BYTES):
        lane, byte = divmod(place, 5)
        room[8 * lane + 3 + byte :: _ROOM] = raw[place::_BYTES]
    number = int.from_bytes(room, "big")
    for lower, upper, shift in _masks(len(room) // 8):
        number = number & lower | (number & upper) << shift
    return number.to_bytes(len(room), "big").translate(_LETTERS).decode("ascii")


@lru_cache(maxsize=2)
def _masks(lanes: int) -> list[tuple[int, int, int]]:
    """For each halving of so many lanes of eight bytes: what is lower, what is upper, and how far that moves."""
    masks = []
    for bits, places in _HALVINGS:
        lane = sum((1 << bits) - 1 << place for place in places)
        lower = int.from_bytes(lane.to_bytes(8, "big") * lanes, "big")
        masks.append((lower, lower << bits, bits * 8 // 5 - bits))
    return masks


class _Hashes:
    """What one key computes, from hash states prepared once: half the time of starting each from the key."""

    def __init__(self, key: bytes) -> None:
        block = (key if len(key) <= 128 else sha512(key).digest()).ljust(128, b"\0")
        self._inner, self._outer = sha512(block.translate(_INNER)), sha512(block.translate(_OUTER))
        self._rounds = [blake2b(digest_size=4, key=key[:64], salt=bytes([number])) for number in range(_ROUNDS)]

    def signatures(self, head: bytes, block: int) -> bytes:
        """Eight signatures of eight bytes: an HMAC-SHA512 (RFC 2104) over `head` and the number of the block."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(head + bytes((block,)))
        outer.update(inner.digest())
        return outer.digest()

    def permute(self, value: int) -> int:
        """A four-round Feistel network over 56 bits: a bijection that only the key's holder can follow."""
        left, right = value >> _HALF, value & _MASK
        for keyed in self._rounds:
            left, right = right, left ^ _mixed(keyed, right)
        return left << _HALF | right

    def unpermute(self, value: int) -> int:
        """The inverse of `permute`."""
        left, right = value >> _HALF, value & _MASK
        for keyed in reversed(self._rounds):
            left, right = right ^ _mixed(keyed, left), left
        return left << _HALF | right


def _mixed(keyed: blake2b, half: int) -> int:
    """What one round makes of a half of the value."""
    state = keyed.copy()
    state.update(half.to_bytes(4, "big"))
    return int.from_bytes(state.digest(), "big") & _MASK
