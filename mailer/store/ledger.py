"""The delivery log's statements: record what became of a claim, give back, take over what a dead worker held.

Every change of a delivery's state stands here or beside the fact that causes it, and names in its WHERE the
states it may leave (model.delivery.EDGES). The claim's number is the fence: an outcome counts only for the
worker whose claim the row still carries.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Text, Update, case, func, insert, or_, select, update

from mailer.model.delivery import Phase, State
from mailer.store.bulk import among, append, batch, one_of
from mailer.store.healing import heal_heard_of, unless_proved
from mailer.store.holdings import held
from mailer.store.issues import edition_now, hold_editions
from mailer.store.journal import Mark
from mailer.store.late import give_back, go_on, take_back_uncertain, take_taken
from mailer.store.leases import end_claim
from mailer.store.picking import Claimed
from mailer.store.rendered import given, rendered
from mailer.store.schema import Instant, attempts, claims, deliveries, issues, to_millis

MAX_LOSSES = 3


class Outcome(NamedTuple):
    """What became of one claimed delivery. `due_at` is when a deferred or returned one may be tried again."""

    delivery: Claimed
    state: State
    at: datetime
    relay: str
    phase: Phase
    code: int | None = None
    status: str = ""
    text: str = ""
    millis: int = 0
    due_at: datetime | None = None
    throttled: bool = False  # the answer was about our pace: it costs the reader no try


def record(conn: Connection, claim_id: int, outcomes: Sequence[Outcome], now: datetime) -> bool:
    """Write outcomes of one claim: the deliveries' states and a line each in the attempts log.

    An answer that was seen after all counts although the row has become uncertain meanwhile, and an accepted outcome
    also when it waits again since, or is another claim's; every other outcome counts only while the row is still this
    claim's. False when all had been written before.
    """
    if not outcomes:
        return False
    d = deliveries.c
    others = [outcome.delivery.id for outcome in outcomes if outcome.state is not State.ACCEPTED]
    if gone := emptied(conn, others):
        outcomes = [one._replace(text="") if one.delivery.id in gone else one for one in outcomes]
    accepted = [outcome.delivery.id for outcome in outcomes if outcome.state is State.ACCEPTED]
    if accepted:
        values: dict[str, Any] = {"ids": batch(conn, accepted), "claim": claim_id, "now": to_millis(now)}
        if _accept(conn).run(conn, **values).rowcount < len(accepted):
            take_taken(conn, claim_id, accepted, now)
    for outcome in outcomes:
        if outcome.state is not State.ACCEPTED:
            counts = outcome.relay and (  # what could not be composed was not tried
                outcome.state in {State.FAILED, State.UNCERTAIN}
                or (outcome.state is State.DEFERRED and not outcome.throttled)
            )
            said = f"{outcome.code} {outcome.text}" if outcome.code else outcome.text
            values = {
                "state": outcome.state,
                "changed_at": now,
                "cause": said,
                "tries": d.tries + (1 if counts else 0),
            }
            if outcome.state is State.UNCERTAIN:
                values |= unless_proved(said)
            if outcome.due_at is not None:
                values["due_at"] = outcome.due_at
            if outcome.state is State.DEFERRED:
                values["deferred_at"] = outcome.delivery.deferred_at or outcome.at
            change = (
                update(deliveries)
                .where(d.id == outcome.delivery.id, d.claim_id == claim_id, d.state == State.ATTEMPTING)
                .values(**values)
            )
            late = not conn.execute(change).rowcount and outcome.state is not State.UNCERTAIN
            if late and take_back_uncertain(conn, claim_id, outcome.delivery.id):
                conn.execute(change)
                go_on(conn, [outcome.delivery.id])
    heal_heard_of(conn, [outcome.delivery.id for outcome in outcomes if outcome.state is State.UNCERTAIN], now)
    lines = [
        (
            outcome.delivery.id,
            claim_id,
            to_millis(outcome.at),
            outcome.relay,
            outcome.phase,
            outcome.state,
            outcome.code,
            outcome.status,
            outcome.text,
            outcome.millis,
        )
        for outcome in outcomes
    ]
    return append(conn, attempts, _LINE, lines, "ON CONFLICT (delivery_id, claim_id, state) DO NOTHING") > 0


def emptied(conn: Connection, delivery_ids: Sequence[int]) -> set[int]:
    """Of these deliveries those whose reader was erased while they were sent: what is said of him is not kept.

    The others are locked, so that who is erased from now on is so after what this transaction says of him.
    """
    if not delivery_ids:
        return set()
    d = deliveries.c
    rows = select(d.id, d.address).where(among(conn, delivery_ids)).order_by(d.id).with_for_update(key_share=True)
    return {number for number, address in conn.execute(rows) if not address}


_LINE = ("delivery_id", "claim_id", "at", "relay", "phase", "state", "code", "status", "text", "millis")


@rendered
def _accept(database: str) -> Update:
    d = deliveries.c
    return (
        update(deliveries)
        .where(
            one_of(database, d.id, given("ids", Text)),
            d.claim_id == given("claim"),
            d.state.in_((State.ATTEMPTING, State.UNCERTAIN)),
        )
        .values(state=State.ACCEPTED, changed_at=given("now", Instant), tries=d.tries + _unless_uncertain(), cause="")
    )


def _unless_uncertain() -> ColumnElement[int]:
    """One try more; none where it was counted when somebody took over."""
    return case((deliveries.c.state == State.UNCERTAIN, 0), else_=1)


def release(conn: Connection, claim_id: int, delivery_ids: Sequence[int], now: datetime) -> None:
    """Give back claimed deliveries that nothing was done with.

    Also those of an issue that became uncertain when somebody took over: who held them knows better.
    """
    if not delivery_ids:
        return
    hold_editions(conn, delivery_ids)
    values = {"ids": batch(conn, delivery_ids), "claim": claim_id, "now": to_millis(now)}
    if _release(conn, False).run(conn, **values).rowcount < len(delivery_ids):
        give_back(conn, claim_id, delivery_ids, now)


@rendered
def _release(database: str, tried: bool) -> Update:
    """`tried`: the relay has answered, nobody knows what but that it was no; the bytes stay those it was given."""
    d = deliveries.c
    after = {"tries": d.tries + 1} if tried else {"edition_id": edition_now()}
    return (
        update(deliveries)
        .where(
            one_of(database, d.id, given("ids", Text)),
            d.claim_id == given("claim"),
            d.state == State.ATTEMPTING,
        )
        .values(state=State.PENDING, changed_at=given("now", Instant), cause="", **after)
    )


def take_over(
    conn: Connection,
    claim_id: int,
    marks: dict[int, Mark] | None,
    cause: str,
    now: datetime,
    leased_until: datetime | None = None,
) -> bool:
    """End a dead worker's claim and give each of its deliveries the state its journal proves.

    `marks` None: no journal can be believed, so everything not recorded is uncertain. False when another worker was
    faster, or its own, which has renewed the lease since it was seen to end at `leased_until`.
    """
    if not end_claim(conn, claim_id, now, leased_until):
        return False
    relay: str = conn.execute(select(claims.c.relay).where(claims.c.id == claim_id)).scalar_one()
    if marks is None:
        marks = {}
        default = Mark.HANDED_OVER
    else:
        default = Mark.UNTOUCHED
    groups: dict[Mark, list[int]] = {mark: [] for mark in Mark}
    for delivery_id in held(conn, claim_id):
        groups[marks.get(delivery_id, default)].append(delivery_id)

    by_journal = "accepted, by the worker's journal"
    _settle(conn, claim_id, relay, groups[Mark.ACCEPTED], State.ACCEPTED, by_journal, now)
    _settle(conn, claim_id, relay, groups[Mark.HANDED_OVER], State.UNCERTAIN, cause, now)
    heal_heard_of(conn, groups[Mark.HANDED_OVER], now)
    release(conn, claim_id, groups[Mark.UNTOUCHED], now)
    if answered := groups[Mark.ANSWERED]:
        _release(conn, True).run(conn, ids=batch(conn, answered), claim=claim_id, now=to_millis(now))
    _lose(conn, claim_id, groups[Mark.COMPOSING], now)
    return True


def _settle(
    conn: Connection, claim_id: int, relay: str, ids: Sequence[int], state: State, cause: str, now: datetime
) -> None:
    if not ids:
        return
    d = deliveries.c
    after = {"state": state, "cause": ""} if state is State.ACCEPTED else unless_proved(cause)
    conn.execute(
        update(deliveries)
        .where(among(conn, ids), d.claim_id == claim_id, d.state == State.ATTEMPTING)
        .values(**after, changed_at=now, tries=d.tries + 1)
    )
    row = {
        "claim_id": claim_id,
        "at": now,
        "relay": relay,
        "phase": Phase.DOT,
        "state": state,
        "text": cause,
        "millis": 0,
    }
    conn.execute(insert(attempts), [{**row, "delivery_id": delivery_id} for delivery_id in ids])


def _lose(conn: Connection, claim_id: int, ids: Sequence[int], now: datetime) -> None:
    """A worker died while composing these; after the third such death one is quarantined."""
    if not ids:
        return
    hold_editions(conn, ids)
    d = deliveries.c
    last = d.losses + 1 >= MAX_LOSSES
    conn.execute(
        update(deliveries)
        .where(among(conn, ids), d.claim_id == claim_id, d.state == State.ATTEMPTING)
        .values(
            state=case((last, State.FAILED.value), else_=State.PENDING.value),
            edition_id=edition_now(),
            cause=case((last, f"quarantined: {MAX_LOSSES} workers were lost while composing it"), else_=""),
            losses=d.losses + 1,
            changed_at=now,
        )
    )


def repeat_uncertain(conn: Connection, now: datetime) -> None:
    """Send again, once and with the same Message-ID, what is uncertain and may rather come twice than not at all.

    Those are letters, and issues published with the policy at_least_once.
    """
    d = deliveries.c
    chosen = select(issues.c.id).where(issues.c.policy == "at_least_once", issues.c.state == "sending")
    conn.execute(
        update(deliveries)
        .where(or_(d.letter_id.is_not(None), d.issue_id.in_(chosen)), d.state == State.UNCERTAIN, d.repeats == 0)
        .values(state=State.PENDING, repeats=1, changed_at=now)
    )


def counts(conn: Connection, issue_id: int) -> dict[str, int]:
    """How many deliveries of an issue stand in each state; every state is named."""
    states = [state.value for state in State]
    numbers = (func.count().filter(deliveries.c.state == state) for state in states)  # GROUP BY would sort a million
    row = conn.execute(select(*numbers).where(deliveries.c.issue_id == issue_id)).one()
    return dict(zip(states, row, strict=True))
