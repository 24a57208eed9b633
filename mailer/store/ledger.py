"""The delivery log's statements: claim a batch, record its outcomes, take over what a dead worker held.

Every change of a delivery's state stands here or beside the fact that causes it, and names in its WHERE the
states it may leave (model.delivery.EDGES). The claim's number is the fence: an outcome counts only for the
worker whose claim the row still carries.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    Update,
    and_,
    case,
    cast,
    func,
    insert,
    not_,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from mailer.model.delivery import Phase, State
from mailer.model.routing import ANYBODY, Route
from mailer.store.bulk import WAITS, among, append, batch, one_of
from mailer.store.healing import heal_heard_of
from mailer.store.holdings import held, stretches, under_way
from mailer.store.journal import Mark
from mailer.store.rendered import given, rendered
from mailer.store.schema import (
    Instant,
    attempts,
    claims,
    deliveries,
    editions,
    events,
    from_millis,
    issues,
    letters,
    subscribers,
    to_millis,
)
from mailer.store.suppressions import is_suppressed

MAX_LOSSES = 3
LOCK = "restored"  # the worker of a claim that stands for a lock
CLERK = "letters-"  # begins the name of a worker that sends letters only: no sign that issues are being sent
LOCKED_FOR = timedelta(days=36500)
WAITING = (State.PENDING, State.DEFERRED)
ASIDE = {
    State.SUPPRESSED: "left or was suppressed before this message",
    State.CANCELLED: "the letter's link had expired before it could be sent",
}


@dataclass(frozen=True, slots=True)
class Worker:
    """Who sends: a name of its own, its host, process and the host's boot (for the journal)."""

    name: str
    host: str
    pid: int
    boot: str


class Claimed(NamedTuple):
    """One claimed delivery, with all that composing and judging it needs."""

    id: int
    issue_id: int | None
    edition_id: int | None
    letter_id: int | None
    subscriber_id: int | None
    address: str
    domain: str
    name: str
    attributes: dict[str, Any]
    tries: int
    deferred_at: datetime | None  # when it was put off first: what giving up is counted from


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


@dataclass(frozen=True, slots=True)
class OpenClaim:
    """A claim that has not ended: who holds it, until when, and where its journal is."""

    id: int
    worker: str
    host: str
    boot: str
    journal: str
    relay: str
    leased_until: datetime


class Sendable(NamedTuple):
    """An issue that may be sent now; `id` None stands for the letters."""

    id: int | None
    slug: str = ""


LETTERS = Sendable(None)


def sendable(conn: Connection, now: datetime) -> list[Sendable]:
    """Letters first, then the issues being sent whose time has come, oldest first."""
    rows = _sendable(conn).rows(conn, now=to_millis(now))
    return [LETTERS, *map(Sendable._make, rows)]


@rendered
def _sendable(database: str) -> Select[Any]:
    return (
        select(issues.c.id, issues.c.slug)
        .where(issues.c.state == "sending", issues.c.send_at <= given("now", Instant))
        .order_by(issues.c.send_at, issues.c.id)
        .with_for_update(read=True)  # an operator's pause waits for the claim, so that no intent comes after it
    )


def open_claim(
    conn: Connection, worker: Worker, journal_folder: str, now: datetime, lease: timedelta, relay: str = ""
) -> int:
    """Register a claim over a relay and return its number; greater than every earlier one."""
    number: int = conn.execute(
        insert(claims)
        .values(
            worker=worker.name,
            host=worker.host,
            pid=worker.pid,
            boot=worker.boot,
            journal=journal_folder,
            relay=relay,
            created_at=now,
            leased_until=now + lease,
        )
        .returning(claims.c.id)
    ).scalar_one()
    return number


def assign(conn: Connection, claim_id: int, rows: Sequence[Claimed], now: datetime) -> None:
    """Put picked deliveries under a claim, all of them at once, in the transaction that picked them."""
    if rows:
        ids = [row.id for row in rows]
        conn.execute(update(claims).where(claims.c.id == claim_id).values(covers=stretches(ids)))
        _assign(conn).run(conn, ids=batch(conn, ids), claim=claim_id, now=to_millis(now))


@rendered
def _assign(database: str) -> Update:
    chosen = one_of(database, deliveries.c.id, given("ids", Text))
    return (
        update(deliveries)
        .where(chosen, deliveries.c.state.in_(WAITING))
        .values(state=State.ATTEMPTING, claim_id=given("claim"), changed_at=given("now", Instant))
    )


def pick(conn: Connection, issue: Sendable, limit: int, now: datetime, route: Route = ANYBODY) -> list[Claimed]:
    """Up to `limit` due deliveries of one issue, or of the letters, locked until the transaction ends.

    `route` says to which domains.
    Readers who left, were suppressed or erased since the freeze are set aside as suppressed instead, and letters whose
    links have expired as cancelled. On PostgreSQL rows that another worker is claiming at this moment are skipped.
    """
    only, without = route.only, route.without
    values: dict[str, Any] = {"now": to_millis(now), "most": limit}
    if issue.id is not None:
        values["issue"] = issue.id
    if only is not None:
        values["only"] = batch(conn, sorted(only))
    if without:
        values["without"] = batch(conn, sorted(without))
    picked = _due(conn, issue.id is None, only is not None, bool(without)).rows(conn, **values)
    kept = [_claimed(row) for row in picked if not row[-1]]
    if len(kept) < len(picked):
        _set_aside(conn, [(row[-1], row[0]) for row in picked if row[-1]], now)
    return kept


def _claimed(row: Sequence[Any]) -> Claimed:
    known = {} if row[8] == "{}" else json.loads(row[8])  # most readers have no attributes
    return Claimed._make((*row[:8], known, row[9], None if row[10] is None else from_millis(row[10])))


@rendered
def _due(database: str, of_letters: bool, only: bool, without: bool) -> Select[Any]:
    """What `pick` asks, and last in each row why it is to be set aside."""
    d, s, now = deliveries.c, subscribers.c, given("now", Instant)
    source = deliveries.outerjoin(subscribers, s.id == d.subscriber_id)
    if of_letters:
        source = source.outerjoin(letters, letters.c.id == d.letter_id)
        gone = or_(d.address == "", and_(s.id.is_not(None), s.state == "erased"))
        aside = case((gone, State.SUPPRESSED.value), (letters.c.expires_at <= now, State.CANCELLED.value), else_="")
    else:
        gone = or_(d.address == "", s.state != "active", is_suppressed(s.match_key, now))
        aside = case((gone, State.SUPPRESSED.value), else_="")
    wanted = [d.issue_id.is_(None) if of_letters else d.issue_id == given("issue")]
    if only:
        wanted.append(one_of(database, d.domain, given("only", Text)))
    if without:
        wanted.append(not_(one_of(database, d.domain, given("without", Text))))
    return (
        select(
            d.id,
            d.issue_id,
            d.edition_id,
            d.letter_id,
            d.subscriber_id,
            d.address,
            d.domain,
            d.name,
            cast(d.attributes, Text),
            d.tries,
            d.deferred_at,
            aside,
        )
        .select_from(source)
        .where(*wanted, WAITS, d.due_at <= now)
        .order_by(d.due_at, d.id)
        .limit(given("most"))
        .with_for_update(skip_locked=True, of=deliveries)
    )


def _set_aside(conn: Connection, rows: Iterable[tuple[str, int]], now: datetime) -> None:
    d = deliveries.c
    for state, ids in groupby(sorted(rows), key=itemgetter(0)):
        conn.execute(
            update(deliveries)
            .where(d.id.in_([number for _, number in ids]), d.state.in_(WAITING))
            .values(state=state, changed_at=now, cause=ASIDE[State(state)])
        )


def renew(conn: Connection, claim_ids: Iterable[int], until: datetime) -> set[int]:
    """Extend the leases of open claims; returns those still held. One that is missing was taken over."""
    wanted = batch(conn, list(claim_ids))
    return {row[0] for row in _renew(conn).rows(conn, claims=wanted, until=to_millis(until))}


@rendered
def _renew(database: str) -> ReturningUpdate[Any]:
    c = claims.c
    mine = one_of(database, c.id, given("claims", Text))
    until = given("until", Instant)
    return update(claims).where(mine, c.ended_at.is_(None)).values(leased_until=until).returning(c.id)


def latest_claim(conn: Connection) -> int:
    """The greatest number given to a claim so far, by any worker; 0 when there was none."""
    ((latest,),) = _latest(conn).rows(conn)
    return latest or 0


@rendered
def _latest(database: str) -> Select[Any]:
    return select(func.max(claims.c.id))


def is_locked(conn: Connection) -> bool:
    """Whether a worker found that a backup was restored, and nobody has reconciled since."""
    return bool(_locks(conn).rows(conn))


@rendered
def _locks(database: str) -> Select[Any]:
    return select(claims.c.id).where(claims.c.ended_at.is_(None), claims.c.worker == LOCK).limit(1)


def lock(conn: Connection, now: datetime) -> None:
    """Keep every worker of every host from claiming until `restored.reconcile` ends all claims, this one among them."""
    if not is_locked(conn):
        open_claim(conn, Worker(LOCK, "", 0, ""), "", now, LOCKED_FOR)


def end_claim(conn: Connection, claim_id: int, now: datetime) -> bool:
    """Close a claim; False when it had been closed before (somebody took over)."""
    changed = conn.execute(
        update(claims).where(claims.c.id == claim_id, claims.c.ended_at.is_(None)).values(ended_at=now)
    )
    return changed.rowcount == 1


def end_claims(conn: Connection, claim_ids: Sequence[int], now: datetime) -> None:
    """Close claims that nothing is open of any more."""
    if claim_ids:
        _end(conn).run(conn, claims=batch(conn, claim_ids), now=to_millis(now))


@rendered
def _end(database: str) -> Update:
    mine = one_of(database, claims.c.id, given("claims", Text))
    return update(claims).where(mine, claims.c.ended_at.is_(None)).values(ended_at=given("now", Instant))


def record(conn: Connection, claim_id: int, outcomes: Sequence[Outcome], now: datetime) -> bool:
    """Write outcomes of one claim: the deliveries' states and a line each in the attempts log.

    An accepted outcome also counts when the row has become uncertain meanwhile (the answer was seen after all);
    every other outcome counts only while the row is still this claim's. False when all had been written before.
    """
    if not outcomes:
        return False
    d = deliveries.c
    accepted = [outcome.delivery.id for outcome in outcomes if outcome.state is State.ACCEPTED]
    if accepted:
        _accept(conn).run(conn, ids=batch(conn, accepted), claim=claim_id, now=to_millis(now))
    for outcome in outcomes:
        if outcome.state is not State.ACCEPTED:
            counts = outcome.state in {State.DEFERRED, State.FAILED, State.UNCERTAIN} and not outcome.throttled
            values: dict[str, Any] = {
                "state": outcome.state,
                "changed_at": now,
                "cause": f"{outcome.code} {outcome.text}" if outcome.code else outcome.text,
                "tries": d.tries + (1 if counts else 0),
            }
            if outcome.due_at is not None:
                values["due_at"] = outcome.due_at
            if outcome.state is State.DEFERRED:
                values["deferred_at"] = outcome.delivery.deferred_at or outcome.at
            conn.execute(
                update(deliveries)
                .where(d.id == outcome.delivery.id, d.claim_id == claim_id, d.state == State.ATTEMPTING)
                .values(**values)
            )
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
        .values(state=State.ACCEPTED, changed_at=given("now", Instant), tries=d.tries + 1, cause="")
    )


def release(conn: Connection, claim_id: int, delivery_ids: Sequence[int], now: datetime) -> None:
    """Give back claimed deliveries that nothing was done with.

    Also those that became uncertain when somebody took over, as long as their issue is being sent: who held them
    knows better.
    """
    if delivery_ids:
        d = deliveries.c
        running = select(issues.c.id).where(issues.c.state.in_(("sending", "paused")))
        conn.execute(
            update(deliveries)
            .where(
                among(conn, delivery_ids),
                d.claim_id == claim_id,
                or_(d.state == State.ATTEMPTING, and_(d.state == State.UNCERTAIN, d.issue_id.in_(running))),
            )
            .values(state=State.PENDING, changed_at=now, cause="", edition_id=_edition_now())
        )


def _edition_now() -> ColumnElement[int]:
    """The edition for a delivery that waits again: corrected while it was claimed, unless it was attempted before."""
    d, had, newer = deliveries.c, editions.alias("had"), editions.alias("newer")
    newest = (
        select(func.max(newer.c.id))
        .where(had.c.id == d.edition_id, newer.c.issue_id == had.c.issue_id, newer.c.language == had.c.language)
        .correlate(deliveries)
        .scalar_subquery()
    )
    return case((and_(d.tries == 0, d.repeats == 0), newest), else_=d.edition_id)


def open_claims(conn: Connection) -> list[OpenClaim]:
    """All claims that have not ended, oldest first."""
    return [
        OpenClaim(number, worker, host, boot, journal, relay, from_millis(until))
        for number, worker, host, boot, journal, relay, until in _open(conn).rows(conn)
    ]


@rendered
def _open(database: str) -> Select[Any]:
    c = claims.c
    facts = (c.id, c.worker, c.host, c.boot, c.journal, c.relay, c.leased_until)
    return select(*facts).where(c.ended_at.is_(None)).order_by(c.id)


def take_over(conn: Connection, claim_id: int, marks: dict[int, Mark] | None, cause: str, now: datetime) -> bool:
    """End a dead worker's claim and give each of its deliveries the state its journal proves.

    `marks` None: no journal can be believed, so everything not recorded is uncertain. False when another
    worker was faster.
    """
    if not end_claim(conn, claim_id, now):
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
    release(conn, claim_id, groups[Mark.UNTOUCHED] + groups[Mark.ANSWERED], now)
    _lose(conn, claim_id, groups[Mark.COMPOSING], now)
    return True


def _settle(
    conn: Connection, claim_id: int, relay: str, ids: Sequence[int], state: State, cause: str, now: datetime
) -> None:
    if not ids:
        return
    d = deliveries.c
    conn.execute(
        update(deliveries)
        .where(among(conn, ids), d.claim_id == claim_id, d.state == State.ATTEMPTING)
        .values(state=state, changed_at=now, cause="" if state is State.ACCEPTED else cause, tries=d.tries + 1)
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
    d = deliveries.c
    last = d.losses + 1 >= MAX_LOSSES
    conn.execute(
        update(deliveries)
        .where(among(conn, ids), d.claim_id == claim_id, d.state == State.ATTEMPTING)
        .values(
            state=case((last, State.FAILED.value), else_=State.PENDING.value),
            edition_id=_edition_now(),
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
        .values(state=State.PENDING, repeats=1, due_at=now, changed_at=now)
    )


def pause(conn: Connection, issue_id: int, cause: str, now: datetime) -> bool:
    """Stop an issue that is being sent; False when it was not."""
    changed = conn.execute(
        update(issues)
        .where(issues.c.id == issue_id, issues.c.state == "sending")
        .values(state="paused", state_cause=cause)
    )
    if changed.rowcount:
        conn.execute(
            insert(events).values(at=now, kind="paused", issue_id=issue_id, actor="dispatch", detail={"cause": cause})
        )
    return changed.rowcount == 1


def paused(conn: Connection) -> dict[int, str]:
    """The issues that are paused, and why."""
    rows = conn.execute(select(issues.c.id, issues.c.state_cause).where(issues.c.state == "paused"))
    return {row.id: row.state_cause for row in rows}


def expire_overdue(conn: Connection, now: datetime) -> dict[str, int]:
    """Nothing stale leaves: past an issue's deadline what waits is cancelled, what was deferred has failed.

    Returns how many, by the issues' slugs.
    """
    found: dict[str, int] = {}
    for issue_id, slug in _overdue(conn).rows(conn, now=to_millis(now)):
        for before, after in ((State.PENDING, State.CANCELLED), (State.DEFERRED, State.FAILED)):
            changed = conn.execute(
                update(deliveries)
                .where(deliveries.c.issue_id == issue_id, WAITS, deliveries.c.state == before)
                .values(state=after, changed_at=now, cause="the issue's deadline has passed")
            ).rowcount
            found[slug] = found.get(slug, 0) + changed
    return {slug: count for slug, count in found.items() if count}


@rendered
def _overdue(database: str) -> Select[Any]:
    late = issues.c.deadline <= given("now", Instant)
    return select(issues.c.id, issues.c.slug).where(issues.c.state == "sending", late)


def has_endings(conn: Connection, now: datetime) -> bool:
    """Whether `finish_issues` may have something to do: asked every second while nothing is due, so one look only."""
    return bool(_endings(conn).rows(conn, now=to_millis(now)))


@rendered
def _endings(database: str) -> Select[Any]:
    waits = _waits_of_it()
    over = and_(issues.c.state == "sending", issues.c.send_at <= given("now", Instant), not_(waits))
    return select(issues.c.id).where(or_(over, and_(issues.c.state == "cancelled", waits))).limit(1)


def _waits_of_it() -> ColumnElement[bool]:
    return select(true()).where(deliveries.c.issue_id == issues.c.id, WAITS).correlate(issues).exists()


def finish_issues(conn: Connection, now: datetime) -> list[str]:
    """Mark the issues as finished that have nothing pending, attempting or deferred; returns their slugs.

    What a worker gave back to an issue that was cancelled meanwhile is cancelled too.
    """
    d = deliveries.c
    cancelled = select(issues.c.id).where(issues.c.state == "cancelled")
    conn.execute(
        update(deliveries)
        .where(d.issue_id.in_(cancelled), WAITS)
        .values(state=State.CANCELLED, changed_at=now, cause="the operator cancelled the issue")
    )
    # Locked first, in the order of claims: nobody claims of an issue meanwhile, and what comes back is seen to wait.
    ready = (issues.c.state == "sending", issues.c.send_at <= now)
    locked = select(issues.c.id).where(*ready).order_by(issues.c.send_at, issues.c.id).with_for_update()
    sending = set(conn.execute(locked).scalars())
    sending -= set(conn.execute(select(d.issue_id).where(under_way(conn)).distinct()).scalars())
    rows = conn.execute(
        update(issues)
        .where(issues.c.id.in_(sending), *ready, not_(_waits_of_it()))
        .values(state="finished", finished_at=now)
        .returning(issues.c.slug)
    )
    return [row.slug for row in rows]


def next_letter_due(conn: Connection) -> datetime | None:
    """When the next letter is due; None when none waits."""
    ((first,),) = _next_letter_due(conn).rows(conn)
    return None if first is None else from_millis(first)


@rendered
def _next_letter_due(database: str) -> Select[Any]:
    return select(func.min(deliveries.c.due_at)).where(deliveries.c.issue_id.is_(None), WAITS)


def next_due(conn: Connection) -> datetime | None:
    """When the next delivery of a running issue or letter is due; None when nothing waits."""
    due = [from_millis(max(first, start)) for first, start in _next_due(conn).rows(conn) if first is not None]
    return min([*due, *filter(None, [next_letter_due(conn)])], default=None)


@rendered
def _next_due(database: str) -> Select[Any]:
    first = select(func.min(deliveries.c.due_at)).where(deliveries.c.issue_id == issues.c.id, WAITS).correlate(issues)
    return select(first.scalar_subquery(), issues.c.send_at).where(issues.c.state == "sending")


def counts(conn: Connection, issue_id: int) -> dict[str, int]:
    """How many deliveries of an issue stand in each state; every state is named."""
    found = dict.fromkeys((state.value for state in State), 0)
    rows = conn.execute(
        select(deliveries.c.state, func.count()).where(deliveries.c.issue_id == issue_id).group_by(deliveries.c.state)
    )
    found.update((state, count) for state, count in rows)
    return found
