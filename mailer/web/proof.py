"""Proof of work: a puzzle of our own making that costs a browser a second, when there are too many submissions."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailer.web.parts import Parts

DIFFICULTY = 60_000  # hashes, at most, when forms begin to ask for them
HARDEST = 10  # times as many: ten seconds of a telephone
GOOD_FOR = timedelta(minutes=20)


def challenge(club: Parts, heat: float) -> dict[str, str]:
    """A new puzzle in ALTCHA's form: find the number whose hash with `salt` is `challenge`; harder with more `heat`."""
    from altcha import v1

    most = int(DIFFICULTY * min(max(heat, 1.0), HARDEST))
    expires = club.clock() + GOOD_FOR
    made = v1.create_challenge(v1.ChallengeOptions("SHA-256", most, hmac_key=_key(club), expires=expires))
    return {
        "challenge": made.challenge,
        "salt": made.salt,
        "signature": made.signature,
        "max": str(most),
    }


def solved(club: Parts, payload: str) -> str:
    """The id of the puzzle a payload solves, or "" when it solves none of ours; the caller lets each id pass once."""
    from altcha import v1

    if not payload or len(payload) > 2000:
        return ""
    try:
        found = json.loads(base64.b64decode(payload, validate=True))
    except (ValueError, RecursionError):
        return ""
    wanted = {"algorithm": str, "challenge": str, "number": int, "salt": str, "signature": str}
    if not isinstance(found, dict) or any(type(found.get(key)) is not kind for key, kind in wanted.items()):
        return ""
    if found["algorithm"] != "SHA-256" or not found["salt"].isascii():
        return ""
    expected = hmac.digest(_key(club).encode(), found["challenge"].encode("utf-8", "replace"), "sha256").hex()
    if not hmac.compare_digest(expected, found["signature"].encode("ascii", "replace").decode()):
        return ""
    solution = v1.Payload(**{key: found[key] for key in wanted})
    expires = solution.parse_salt()[1]
    right, _ = v1.verify_solution(solution, _key(club), check_expires=False)
    return found["challenge"] if right and expires is not None and club.clock().timestamp() < expires else ""


def _key(club: Parts) -> str:
    return hmac.digest(club.secret, b"proof-of-work", "sha256").hex()
