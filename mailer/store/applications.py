"""The applications' and reviews' statements."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, literal, select, update

from mailer.model.application import EDGES, OPEN, Standing
from mailer.store import erasure
from mailer.store.bulk import among_texts
from mailer.store.schema import Instant, applications, deliveries, letters, reviews


def add(
    conn: Connection,
    *,
    address: str,
    match_key: str,
    name: str,
    language: str,
    kind: str,
    answers: Mapping[str, str],
    wording: str,
    source: str,
    client: str,
    now: datetime,
) -> Row[Any]:
    """A new application whose address is not confirmed yet; returns the row."""
    added = conn.execute(
        insert(applications)
        .values(
            address=address,
            match_key=match_key,
            name=name,
            language=language,
            kind=kind,
            answers=dict(answers),
            wants_newsletter=bool(wording),
            wording=wording,
            state=Standing.UNCONFIRMED,
            source=source,
            client=client,
            created_at=now,
        )
        .returning(applications)
    )
    return added.one()


def get(conn: Connection, application_id: int) -> Row[Any] | None:
    """One application, or None."""
    return conn.execute(select(applications).where(applications.c.id == application_id)).first()


def move(conn: Connection, application_id: int, to: Standing, now: datetime) -> bool:
    """Take an application along an edge of the model; False when no edge leads there from where it stands."""
    values: dict[str, Any] = {"state": to, "reminded_at": None}
    if to is Standing.WAITING:
        values["confirmed_at"] = func.coalesce(applications.c.confirmed_at, literal(now, Instant()))
    elif to in {Standing.APPROVED, Standing.DECLINED, Standing.EXPIRED}:
        values["decided_at"] = now
    sources = [state for state, targets in EDGES.items() if to in targets]
    changed = conn.execute(
        update(applications)
        .where(applications.c.id == application_id, applications.c.state.in_(sources))
        .values(values)
    )
    return changed.rowcount == 1


def note(conn: Connection, application_id: int, action: str, now: datetime, reviewer: str = "", text: str = "") -> None:
    """Append one line to an application's history."""
    conn.execute(
        insert(reviews).values(application_id=application_id, at=now, action=action, reviewer=reviewer, note=text)
    )


def history(conn: Connection, application_id: int) -> list[Row[Any]]:
    """Everything noted about one application, oldest first."""
    query = select(reviews).where(reviews.c.application_id == application_id).order_by(reviews.c.id)
    return list(conn.execute(query))


def listed(conn: Connection, states: Collection[Standing] = ()) -> list[Row[Any]]:
    """All applications in the given states (all but unconfirmed ones where none is given), longest waiting first."""
    wanted = states or [state for state in Standing if state is not Standing.UNCONFIRMED]
    query = select(applications).where(applications.c.state.in_(wanted))
    return list(conn.execute(query.order_by(applications.c.confirmed_at, applications.c.id)))


def of_person(conn: Connection, match_key: str, besides: int = 0) -> list[Row[Any]]:
    """All confirmed applications of one address, newest first, without the one numbered `besides`."""
    a = applications.c
    query = select(applications).where(a.match_key == match_key, a.id != besides, a.state != Standing.UNCONFIRMED)
    return list(conn.execute(query.order_by(a.id.desc()).limit(20)))


def tags_of_members(conn: Connection, match_keys: Sequence[str], *, hold: bool = False) -> dict[str, set[str]]:
    """Of these addresses the members', each with the tags of a member: that he is one, and his kinds.

    `hold` lets nobody decide on their applications before this transaction ends: for who adds them as readers now,
    since a reviewer who approves at the same moment would not find them.
    """
    a = applications.c
    told = (Standing.APPROVED, *OPEN) if hold else (Standing.APPROVED,)
    if conn.execute(select(a.id).where(a.state.in_(told)).limit(1)).first() is None:
        return {}
    theirs = select(a.match_key, a.kind, a.state).where(among_texts(conn, a.match_key, match_keys), a.state.in_(told))
    found: dict[str, set[str]] = {}
    for row in conn.execute(theirs.with_for_update(read=True) if hold else theirs):
        if row.state == Standing.APPROVED:
            found.setdefault(row.match_key, {"member"}).add(row.kind)
    return found


def open_ones(conn: Connection, match_key: str, besides: int) -> list[int]:
    """The numbers of an address's other applications that wait for somebody."""
    a = applications.c
    query = select(a.id).where(a.match_key == match_key, a.id != besides, a.state.in_(OPEN))
    return list(conn.execute(query).scalars())


def overdue(conn: Connection, before: datetime) -> list[Row[Any]]:
    """Applications that have waited for a reviewer since before a moment and of which nobody was reminded."""
    a = applications.c
    recent = select(reviews.c.id).where(
        reviews.c.application_id == a.id, reviews.c.action.in_(("confirmed", "answered")), reviews.c.at >= before
    )
    query = select(applications).where(a.state == Standing.WAITING, a.reminded_at.is_(None), ~recent.exists())
    return list(conn.execute(query.order_by(a.id).limit(200)))


def reminded(conn: Connection, application_id: int, now: datetime) -> bool:
    """Note that the reviewers are reminded; False where nobody waits any more, or another process has just done it."""
    a = applications.c
    overdue = (a.id == application_id, a.state == Standing.WAITING, a.reminded_at.is_(None))
    return conn.execute(update(applications).where(*overdue).values(reminded_at=now)).rowcount == 1


def unanswered(conn: Connection, before: datetime) -> list[Row[Any]]:
    """Applications whose applicant was asked before a moment and has not answered."""
    a = applications.c
    asked = select(reviews.c.id).where(
        reviews.c.application_id == a.id, reviews.c.action == "asked", reviews.c.at >= before
    )
    return list(conn.execute(select(applications).where(a.state == Standing.ASKED, ~asked.exists())))


def purge_unconfirmed(conn: Connection, before: datetime, now: datetime) -> int:
    """Remove applications entered before a moment and never confirmed, with their letters; returns how many."""
    a = applications.c
    stale = and_(a.state == Standing.UNCONFIRMED, a.created_at < before)
    erasure.empty_applications_mail(conn, stale, now)
    theirs = letters.c.application_id.in_(select(a.id).where(stale))
    conn.execute(update(letters).where(theirs).values(application_id=None))
    return conn.execute(delete(applications).where(stale)).rowcount


def forget_clients(conn: Connection, before: datetime) -> int:
    """Drop the network addresses of applications entered before a moment (retention); returns how many."""
    a = applications.c
    return conn.execute(update(applications).where(a.created_at < before, a.client != "").values(client="")).rowcount


def reviewer_of(conn: Connection, delivery_id: int) -> tuple[int, str] | None:
    """The application a reviewers' notification is about and whom it went to; None for any other delivery."""
    query = (
        select(letters.c.application_id, deliveries.c.address)
        .select_from(deliveries.join(letters, letters.c.id == deliveries.c.letter_id))
        .where(deliveries.c.id == delivery_id, letters.c.kind.in_(("review", "review-reminder")))
    )
    row = conn.execute(query).first()
    return None if row is None or row.application_id is None else (int(row.application_id), str(row.address))
