"""At the list's door: counting what strangers send, and letting in who has confirmed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from mailer.mail.address import Address
from mailer.model.signup import (
    DAY,
    HOUR,
    MONTH,
    Answer,
    Counts,
    Limits,
    Visit,
    base_key,
    client_bucket,
    judge,
    mark,
    truncated,
)
from mailer.store import applications, consents, marks, signups, subscribers, suppressions
from mailer.store.consents import Step


def admit(
    conn: Connection,
    limits: Limits,
    key: bytes,
    address: Address,
    visit: Visit,
    now: datetime,
    *,
    writes: bool = True,
) -> Answer:
    """Count a submission and judge it, in the caller's transaction; a proof of work is good for one submission.

    `writes` tells whether a letter follows where one may: what nobody gets is not counted as a letter to him.
    """
    letter = _letter(key, address.match_key)
    client = mark(key, "client", client_bucket(visit.client)) if visit.client and limits.counts_clients else ""
    domain = mark(key, "domain", address.domain) if limits.counts_domain(address.domain) else ""
    total = mark(key, "total", "") if limits.total_hour else ""
    proof = mark(key, "proof", visit.proof) if visit.proof else ""
    marks.lock(conn, letter, proof)
    found = marks.counts(
        conn,
        [
            (letter, now - DAY),
            (letter, now - MONTH),
            (client, now - HOUR),
            (domain, now - HOUR),
            (total, now - HOUR),
            (proof, now - DAY),
        ],
    )
    counts, proved = Counts(*found[:5]), bool(proof) and not found[5]
    suppressed = signups.suppression(conn, address.match_key, now)
    answer = judge(limits, counts, address.domain, proved=proved, suppressed=suppressed)
    if answer in {Answer.BUSY, Answer.PROVE}:
        return answer
    counted = [client, domain, total, proof, letter if writes and answer is Answer.SEND else ""]
    marks.add(conn, filter(None, counted), now)
    return answer


def answered(conn: Connection, key: bytes, match_key: str, now: datetime) -> None:
    """Somebody pressed the button in a letter: it was no bomb, and the day's count for his mailbox begins anew.

    Who has just subscribed may apply to join, and who has left may come back, on the same day.
    """
    marks.take_back(conn, _letter(key, match_key), now - DAY)


def _letter(key: bytes, match_key: str) -> str:
    return mark(key, "letter", base_key(match_key))


def enter(
    conn: Connection, subscriber_id: int, match_key: str, wording: str, language: str, visit: Visit, now: datetime
) -> None:
    """Make a subscriber active on his confirmed wish, with the consent, and a member's tags where he is one."""
    signups.activate(conn, subscriber_id, now, language)
    step = Step("confirmed", wording, language, visit.source, truncated(visit.client), visit.user_agent[:200])
    consents.append(conn, subscriber_id, step, now)
    suppressions.lift_faults(conn, match_key, now, "reader")  # mail arrives, and he wants it
    for tags in applications.tags_of_members(conn, [match_key]).values():
        subscribers.retag(conn, subscriber_id, add=tags)
