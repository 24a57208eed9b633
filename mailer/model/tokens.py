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
from collections.abc import Iterable, Mapping
from enum import StrEnum
from hashlib import blake2b, sha512
from struct import Struct

VERSION = 1
LENGTH = 26
MAX_DELIVERY = 1 << 56
_HALF = 28
_MASK = (1 << _HALF) - 1
_ROUNDS = 4
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = tuple(first + second for first in _LETTERS for second in _LETTERS)
_OF_THE_HANDLE = range(54, -6, -10)  # twelve of the letters are the handle's alone
_WORDS = Struct(">8Q")  # what one HMAC gives: signatures for eight purposes
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


_PLACES: Mapping[str, tuple[int, int]] = {purpose: divmod(place, 8) for place, purpose in enumerate(Purpose)}


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
        return self.sign_all(delivery, (purpose,), key_id)[purpose]

    def sign_all(self, delivery: int, purposes: Iterable[str], key_id: int | None = None) -> dict[str, str]:
        """The tokens of `delivery` by purpose, for all the links of one message at once."""
        key_id = self.current if key_id is None else key_id
        hashes = self._hashes[key_id]
        head = (VERSION << 4 | key_id) << 56 | hashes.permute(delivery)
        raw, last = head.to_bytes(8, "big"), (head & 15) << 66
        common = "".join([_PAIRS[head >> shift & 1023] for shift in _OF_THE_HANDLE])
        signatures: dict[int, tuple[int, ...]] = {}
        found = {}
        for purpose in purposes:
            block, word = _PLACES[purpose]
            if block not in signatures:
                signatures[block] = hashes.signatures(raw, block)
            own = last | signatures[block][word] << 2
            found[purpose] = (
                f"{common}{_PAIRS[own >> 60]}{_PAIRS[own >> 50 & 1023]}{_PAIRS[own >> 40 & 1023]}"
                f"{_PAIRS[own >> 30 & 1023]}{_PAIRS[own >> 20 & 1023]}{_PAIRS[own >> 10 & 1023]}{_PAIRS[own & 1023]}"
            )
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
        block, word = _PLACES[purpose]
        if not hmac.compare_digest(hashes.signatures(raw[:8], block)[word].to_bytes(8, "big"), raw[8:]):
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


class _Hashes:
    """What one key computes, from hash states prepared once: half the time of starting each from the key."""

    def __init__(self, key: bytes) -> None:
        block = (key if len(key) <= 128 else sha512(key).digest()).ljust(128, b"\0")
        self._inner, self._outer = sha512(block.translate(_INNER)), sha512(block.translate(_OUTER))
        self._rounds = [blake2b(digest_size=4, key=key[:64], salt=bytes([number])) for number in range(_ROUNDS)]

    def signatures(self, head: bytes, block: int) -> tuple[int, ...]:
        """Eight signatures: an HMAC-SHA512 (RFC 2104) over `head` and the number of the block, in pieces."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(head + bytes((block,)))
        outer.update(inner.digest())
        return _WORDS.unpack(outer.digest())

    def permute(self, value: int) -> int:
        """A four-round Feistel network over 56 bits: a bijection that only the key's holder can follow."""
        left, right = value >> _HALF, value & _MASK
        for number in range(_ROUNDS):
            left, right = right, left ^ self._round(number, right)
        return left << _HALF | right

    def unpermute(self, value: int) -> int:
        """The inverse of `permute`."""
        left, right = value >> _HALF, value & _MASK
        for number in reversed(range(_ROUNDS)):
            left, right = right ^ self._round(number, left), left
        return left << _HALF | right

    def _round(self, number: int, half: int) -> int:
        state = self._rounds[number].copy()
        state.update(half.to_bytes(4, "big"))
        return int.from_bytes(state.digest(), "big") & _MASK
