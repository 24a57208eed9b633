"""What follows from bounces just appended: their readers judged, suppressions written, domains' breakers asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from mailer.errors import AddressError
from mailer.mail.address import match_key
from mailer.model.bounce import Diagnosis, Family, Kind
from mailer.model.suppression import Action, Fact, History, Verdict, judge
from mailer.store import bounces, suppressions
from mailer.store.breaker import Breakers
from mailer.store.suppressions import ACTIVE, HELD, Suppression


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom a bounce is about, found by its token."""

    delivery_id: int | None
    subscriber_id: int | None
    address: str
    domain: str


def judge_readers(
    conn: Connection,
    found: Sequence[tuple[Reader, Diagnosis, str, int]],
    now: datetime,
    breakers: Breakers | None = None,
) -> list[Verdict]:
    """Judge the readers of bounces just appended and suppress those whose history says so; verdicts in order."""
    if not found:
        return []
    histories = bounces.histories(conn, [reader.subscriber_id for reader, *_ in found if reader.subscriber_id], now)
    unknown = {reader.domain for reader, diagnosis, *_ in found if diagnosis.family is Family.NO_SUCH_ADDRESS}
    opened = (breakers or Breakers()).opened(conn, unknown, now) if unknown else set()
    verdicts: list[Verdict] = []
    entries: list[Suppression] = []
    for reader, diagnosis, text, bounce_id in found:
        history = histories.get(reader.subscriber_id or 0) or History(
            (Fact(now, diagnosis.kind, diagnosis.reason, reader.delivery_id),)
        )
        verdict = judge(history, now, breaker_open=reader.domain in opened)
        verdicts.append(verdict)
        entry = entry_for(reader, verdict, text, bounce_id) if counts(diagnosis) else None
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
