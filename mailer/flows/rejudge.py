"""All histories -> today's policy -> what differs from the suppression list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from mailer.model.suppression import Action, Policy, Verdict, standing
from mailer.store import bounces, evidence, suppressions
from mailer.store.bounces import Reader
from mailer.store.engine import Database
from mailer.store.verdicts import entry_for

AT_ONCE = 200  # readers, in a transaction that a running send has to wait for
_WOULD = {Action.SUPPRESS: "be suppressed", Action.HOLD: "be held", Action.REST: "rest"}


@dataclass(frozen=True, slots=True)
class Difference:
    """A reader whom today's policy judges otherwise than the suppression list stands."""

    address: str
    change: str  # would be suppressed (or rest, or be held) | would not be suppressed
    verdict: Verdict


def replay(db: Database, now: datetime, *, apply: bool = False, policy: Policy | None = None) -> Iterator[Difference]:
    """Judge every reader with bounces again; yields differences, and with `apply` makes what is missing.

    What is on the list and would not be is only shown: lifting is a person's decision.
    """
    last = 0
    while rows := db.read(bounces.readers_with_bounces, last, AT_ONCE):
        last = rows[-1].id
        yield from (db.run if apply else db.read)(_replay_some, rows, now, apply, policy)


def _replay_some(
    conn: Connection, rows: Sequence[Any], now: datetime, apply: bool, policy: Policy | None
) -> list[Difference]:
    histories = evidence.histories(conn, [row.id for row in rows], now)
    stopped = suppressions.actors(conn, [row.match_key for row in rows], now)
    found: list[Difference] = []
    for row in rows:
        verdict = standing(histories[row.id], now, policy=policy)
        by = stopped.get(row.match_key)
        if verdict.action is not Action.RECORD and by is None:
            found.append(Difference(row.address, f"would {_WOULD[verdict.action]}", verdict))
            made = entry_for(Reader(None, row.id, row.address, row.domain), verdict, "judged again", None)
            if apply and made:
                suppressions.suppress(conn, [made], now)
        elif verdict.action is Action.RECORD and by is not None and by.startswith("policy"):
            found.append(Difference(row.address, "would not be suppressed", verdict))
    return found
