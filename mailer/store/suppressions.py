"""The suppression list: addresses we will not mail, with reason, evidence and date."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    Update,
    and_,
    any_,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from mailer.model.signup import REFUSALS
from mailer.store.bulk import WAITS, batch, one_of
from mailer.store.rendered import given, rendered
from mailer.store.schema import Instant, deliveries, issues, subscribers, suppressions, to_millis

ACTIVE = "active"
HELD = "held"  # stopped for now: the whole domain is failing, and a person decides
LIFTED = "lifted"
BY_HAND = "operator"  # the actor of an entry that one of the club's people made

PUT_OFF = timedelta(seconds=1)  # longer than a claim takes to look

Moment = datetime | ColumnElement[datetime]


@dataclass(frozen=True, slots=True)
class Suppression:
    """One entry to be made; `evidence` is the server's own words, `actor` who or what decided."""

    match_key: str
    reason: str
    evidence: str = ""
    actor: str = ""
    expires_at: datetime | None = None
    delivery_id: int | None = None
    bounce_id: int | None = None
    state: str = ACTIVE


def is_suppressed(match_key: ColumnElement[str], now: Moment, since: Moment | None = None) -> ColumnElement[bool]:
    """A condition for SELECT and UPDATE: the address with this match key must not be mailed at `now`.

    `since`: only because of what came then or later.
    """
    which = [suppressions.c.match_key == match_key, in_force(now)]
    if since is not None:
        which.append(suppressions.c.at >= since)
    return select(true()).where(*which).exists()


def suppressed_keys(now: datetime) -> Select[tuple[str]]:
    """The match keys of all addresses that must not be mailed at `now`."""
    return select(suppressions.c.match_key).where(in_force(now))


def in_force(now: Moment) -> ColumnElement[bool]:
    """A condition over the entries: this one stops mail at `now`.

    Held entries do too: nothing goes to a domain in trouble until a person has looked.
    """
    s = suppressions.c
    return and_(s.state.in_((ACTIVE, HELD)), or_(s.expires_at.is_(None), s.expires_at > now))


def active(conn: Connection, match_key: str, now: datetime) -> Row[Any] | None:
    """The entry in force for an address, or None."""
    return conn.execute(select(suppressions).where(suppressions.c.match_key == match_key, in_force(now))).first()


def actors(conn: Connection, match_keys: Sequence[str], now: datetime) -> dict[str, str]:
    """Of these addresses the ones that are not mailed at `now`, each with who or what decided."""
    rows = _in_force_for(conn).rows(conn, keys=batch(conn, match_keys), now=to_millis(now))
    return {row.match_key: row.actor for row in rows}


def suppress(conn: Connection, entries: Iterable[Suppression], now: datetime) -> int:
    """Add entries for addresses that have none for the same reason; returns how many were added.

    An entry held by a domain's breaker becomes active when the new one is. One in force with another reason
    does not keep a complaint from being remembered.
    """
    wanted = {(entry.match_key, entry.reason): entry for entry in entries}
    known = _known(conn, [key for key, _ in wanted], now)
    fresh = [entry for key, entry in wanted.items() if key not in known]
    if fresh:
        conn.execute(insert(suppressions), [_row(entry, now) for entry in fresh])
    stronger = [
        known[key][0] for key, entry in wanted.items() if entry.state == ACTIVE and known.get(key, ("", ""))[1] == HELD
    ]
    if stronger:
        conn.execute(update(suppressions).where(suppressions.c.id.in_(stronger)).values(state=ACTIVE))
    if fresh and conn.dialect.name == "postgresql":
        _put_off(conn).run(conn, keys=batch(conn, sorted({key for key, _ in wanted})), later=to_millis(now + PUT_OFF))
    return len(fresh)


@rendered
def _put_off(database: str) -> Update:
    """Have what is due to these addresses wait a moment: who is claiming it has claimed it before they are suppressed.

    A claim that looked before that skips what has just been put off, and the next one sees that they are suppressed.
    """
    d, s, later = deliveries.c, subscribers.c, given("later", Instant)
    theirs = select(s.id).where(one_of(database, s.match_key, given("keys", Text)))
    sending = select(issues.c.id).where(issues.c.state == "sending")
    mail = or_(d.issue_id == any_(func.array(sending.scalar_subquery())), d.issue_id.is_(None))
    due = (d.subscriber_id == any_(func.array(theirs.scalar_subquery())), mail, WAITS, d.due_at < later)
    return update(deliveries).where(*due).values(due_at=later)


def lift(conn: Connection, match_key: str, now: datetime, by: str, *, complaints: bool = False) -> int:
    """End what stops an address; returns how many entries ended. Complaints and erasures only when told so."""
    which = [suppressions.c.match_key == match_key, suppressions.c.state != LIFTED]
    if not complaints:
        which.append(suppressions.c.reason.not_in(("complaint", "erased")))
    return _end(conn, which, now, by)


def lift_faults(conn: Connection, match_key: str, now: datetime, by: str) -> int:
    """End what stops an address through no person's will; returns how many entries ended."""
    s = suppressions.c
    faults = and_(s.reason.not_in(REFUSALS), s.actor != BY_HAND)
    return _end(conn, [s.match_key == match_key, s.state != LIFTED, faults], now, by)


def lift_domain(conn: Connection, domain: str, after: datetime, before: datetime, now: datetime, by: str) -> int:
    """Undo the address faults of a whole domain made between two moments; returns how many entries ended."""
    which = [_of_domain(domain), suppressions.c.at.between(after, before), suppressions.c.state != LIFTED]
    return _end(conn, [*which, suppressions.c.reason.in_(("userunknown", "hasmoved"))], now, by)


def hold_domain(conn: Connection, domain: str, since: datetime) -> int:
    """Hold the unknown-address entries of a domain made since a moment; returns how many."""
    s = suppressions.c
    held = conn.execute(
        update(suppressions)
        .where(_of_domain(domain), s.state == ACTIVE, s.at >= since, s.reason.in_(("userunknown", "hasmoved")))
        .values(state=HELD)
    )
    return held.rowcount


def release_domain(conn: Connection, domain: str) -> int:
    """Make the held entries of a domain active: a person has looked, the addresses are dead; returns how many."""
    held = conn.execute(
        update(suppressions).where(_of_domain(domain), suppressions.c.state == HELD).values(state=ACTIVE)
    )
    return held.rowcount


def entries(conn: Connection, *, needle: str = "", state: str = "", limit: int = 1000) -> Sequence[Row[Any]]:
    """Entries, the newest first; `needle` is part of an address or a reason."""
    query = select(suppressions).order_by(suppressions.c.id.desc()).limit(limit)
    if needle:
        s = suppressions.c
        query = query.where(or_(s.match_key.contains(needle.lower(), autoescape=True), s.reason == needle))
    if state:
        query = query.where(suppressions.c.state == state)
    return conn.execute(query).all()


def _of_domain(domain: str) -> ColumnElement[bool]:
    return suppressions.c.match_key.endswith("@" + domain.lower(), autoescape=True)


def _known(conn: Connection, keys: Sequence[str], now: datetime) -> dict[tuple[str, str], tuple[int, str]]:
    if not keys:
        return {}
    rows = _in_force_for(conn).rows(conn, keys=batch(conn, sorted(set(keys))), now=to_millis(now))
    return {(row.match_key, row.reason): (row.id, row.state) for row in rows}


@rendered
def _in_force_for(database: str) -> Select[Any]:
    s = suppressions.c
    wanted = one_of(database, s.match_key, given("keys", Text))
    return select(s.id, s.match_key, s.reason, s.state, s.actor).where(wanted, in_force(given("now", Instant)))


def _row(entry: Suppression, now: datetime) -> dict[str, Any]:
    return {
        "match_key": entry.match_key,
        "reason": entry.reason,
        "state": entry.state,
        "at": now,
        "expires_at": entry.expires_at,
        "delivery_id": entry.delivery_id,
        "bounce_id": entry.bounce_id,
        "evidence": entry.evidence[:2000],
        "actor": entry.actor,
    }


def _end(conn: Connection, which: list[ColumnElement[bool]], now: datetime, by: str) -> int:
    ended = conn.execute(update(suppressions).where(*which).values(state=LIFTED, lifted_at=now, lifted_by=by))
    return ended.rowcount
