"""Bounces appended, and what follows: readers judged, suppressions written, breakers and the watch asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from mailer.errors import AddressError
from mailer.mail.address import match_key
from mailer.model.bounce import FAMILY, Diagnosis, Family, Kind
from mailer.model.suppression import Action, Fact, History, Verdict, judge
from mailer.store import bounces, evidence, suppressions
from mailer.store.bounces import Bounce, Reader
from mailer.store.breaker import Breakers
from mailer.store.suppressions import ACTIVE, HELD, Suppression
from mailer.store.watch import Watch


def record(
    conn: Connection, rows: Sequence[Bounce], now: datetime, breakers: Breakers, watch: Watch | None = None
) -> dict[str, Verdict]:
    """Append what is new, judge its readers, and let the watch look at their issues; verdicts by fingerprint.

    A repeat has no verdict: nothing follows from it. What is stale, and what is about nobody, is only recorded.
    """
    by_fingerprint = {row.fingerprint: row for row in rows}
    added = bounces.append(conn, list(by_fingerprint.values()))
    new = [(by_fingerprint[fingerprint], number) for fingerprint, number in added.items()]
    recorded = dict.fromkeys(added, Verdict(Action.RECORD, why="recorded, not acted on"))
    acted_on = [
        (row, number) for row, number in new if row.reader.delivery_id is not None and row.note != bounces.STALE
    ]
    broken: set[tuple[int, str]] = set()
    for (row, _), verdict in zip(acted_on, _judge(conn, acted_on, now, breakers), strict=True):
        recorded[row.fingerprint] = verdict
        held = verdict.action is Action.HOLD and FAMILY.get(verdict.reason) is Family.NO_SUCH_ADDRESS
        if held and row.reader.issue_id is not None:
            broken.add((row.reader.issue_id, row.reader.domain))
    if watch is not None:
        for issue_id, domain in sorted(broken):
            watch.hold(conn, issue_id, domain, now)
        complaint = any(row.diagnosis.kind is Kind.COMPLAINT for row, _ in acted_on)
        watch.look(conn, [row.reader.issue_id for row in rows], now, complaint=complaint)
    return recorded


def _judge(conn: Connection, found: Sequence[tuple[Bounce, int]], now: datetime, breakers: Breakers) -> list[Verdict]:
    """Judge the readers of bounces just appended and suppress those whose history says so; verdicts in order."""
    if not found:
        return []
    histories = evidence.histories(
        conn, [row.reader.subscriber_id for row, _ in found if row.reader.subscriber_id], now
    )
    unknown = Counter(row.reader.domain for row, _ in found if row.diagnosis.family is Family.NO_SUCH_ADDRESS)
    opened = breakers.opened(conn, unknown, now) if unknown else set()
    verdicts: list[Verdict] = []
    entries: list[Suppression] = []
    for row, bounce_id in found:
        reader, diagnosis = row.reader, row.diagnosis
        history = histories.get(reader.subscriber_id or 0) or History(
            (Fact(now, diagnosis.kind, diagnosis.reason, reader.delivery_id),)
        )
        verdict = judge(history, now, breaker_open=reader.domain in opened)
        verdicts.append(verdict)
        entry = entry_for(reader, verdict, row.text, bounce_id) if counts(diagnosis) else None
        if entry is not None:
            entries.append(entry)
    suppressions.suppress(conn, entries, now)
    return verdicts


def counts(diagnosis: Diagnosis) -> bool:
    """Whether a bounce can change anything; one that cannot must not bring back what a person has lifted."""
    return diagnosis.kind in {Kind.HARD, Kind.SOFT, Kind.COMPLAINT} and diagnosis.family not in {
        Family.POLICY,
        Family.SIZE,
    }


def entry_for(reader: Reader, verdict: Verdict, text: str, bounce_id: int | None) -> Suppression | None:
    """The suppression a verdict leads to; None when it leads to none, or the address is not one."""
    if verdict.action is Action.RECORD:
        return None
    try:
        key = match_key(reader.address)
    except AddressError:
        return None
    resting = verdict.action is Action.REST
    return Suppression(
        key,
        "resting" if resting else verdict.reason,
        text,
        f"policy: {verdict.why}"[:200],
        verdict.until,
        reader.delivery_id,
        bounce_id,
        HELD if verdict.action is Action.HOLD else ACTIVE,
    )
