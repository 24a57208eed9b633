"""The subscribers' statements: find, add, change, list and erase one, and the counts by state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from mailer.mail.address import Address
from mailer.model.subscriber import State, Subscriber
from mailer.store import bulk
from mailer.store.attributes import Either, Position
from mailer.store.packing import packed
from mailer.store.rendered import given, rendered
from mailer.store.schema import subscribers, to_lines, to_millis

_BY_ID = select(subscribers).where(subscribers.c.id == bindparam("this"))
_HELD = _BY_ID.with_for_update(key_share=True)  # SQLite lets one write at a time, and needs no such thing


def find(conn: Connection, match_key: str, *, hold: bool = False) -> Subscriber | None:
    """The subscriber with this match key (mail.address.match_key), or None. `hold` as in `get`."""
    found = _number(conn).rows(conn, key=match_key)  # most who sign up are new: nothing is to be read of them
    return get(conn, found[0].id, hold=hold) if found else None


@rendered
def _number(database: str) -> Select[Any]:
    return select(subscribers.c.id).where(subscribers.c.match_key == given("key"))


def get(conn: Connection, subscriber_id: int, *, hold: bool = False) -> Subscriber | None:
    """The subscriber with this id, or None.

    `hold` lets nobody else change him before this transaction ends: for who writes what follows from what he is now.
    """
    row = conn.execute(_HELD if hold else _BY_ID, {"this": subscriber_id}).one_or_none()
    return None if row is None else subscriber_of(row)


def subscriber_of(row: Row[Any]) -> Subscriber:
    """A row of the subscribers table as the model's noun."""
    return Subscriber(
        id=row.id,
        address=row.address,
        match_key=row.match_key,
        domain=row.domain,
        name=row.name,
        language=row.language,
        state=State(row.state),
        attributes=row.attributes,
        tags=row.tags,
        created_at=row.created_at,
        joined_at=row.joined_at,
        left_at=row.left_at,
        paused_until=row.paused_until,
    )


def add(
    conn: Connection,
    address: Address,
    *,
    name: str = "",
    language: str = "",
    state: State = State.PENDING,
    attributes: Mapping[str, str] | None = None,
    tags: Iterable[str] = (),
    now: datetime,
) -> int:
    """Add a subscriber and return his id. The address must be new (find it first, in the same transaction)."""
    moment = to_millis(now)
    return bulk.add(
        conn,
        subscribers,
        address=address.address,
        match_key=address.match_key,
        domain=address.domain,
        name=name,
        language=language,
        state=state.value,
        tags=to_lines(tuple(tags)),
        attributes=packed(attributes or {}),
        created_at=moment,
        joined_at=moment if state is State.ACTIVE else None,
        left_at=moment if state is State.UNSUBSCRIBED else None,
    )


def change(conn: Connection, subscriber_id: int, **values: Any) -> None:
    """Set some of a subscriber's `name`, `language`, `attributes` (the whole mapping), `paused_until`."""
    allowed = {"name", "language", "attributes", "paused_until"}
    assert values.keys() <= allowed, values.keys() - allowed  # noqa: S101 - a mistake of ours, not of a user's
    conn.execute(update(subscribers).where(subscribers.c.id == subscriber_id).values(values))


def retag(
    conn: Connection, subscriber_id: int, *, add: Iterable[str] = (), remove: Iterable[str] = ()
) -> tuple[str, ...]:
    """Give a subscriber tags (as kept: model.subscriber.tag_name) and take others; returns those he has then.

    One who has been erased meanwhile has none, and gets none.
    """
    his = and_(subscribers.c.id == subscriber_id, subscribers.c.state != State.ERASED)
    before = conn.execute(select(subscribers.c.tags).where(his).with_for_update(key_share=True)).scalar()
    if before is None:
        return ()
    after = tuple(sorted({*before, *add}.difference(remove)))
    if after != before:
        conn.execute(update(subscribers).where(his).values(tags=after))
    return after


def page(
    conn: Connection,
    *,
    after: int = 0,
    limit: int = 100,
    segment: ColumnElement[bool] | None = None,
    state: State | None = None,
    search: str = "",
) -> list[Subscriber]:
    """Up to `limit` subscribers with an id above `after`, in order; never the erased.

    `search` is looked for in addresses and names: `@domain` means the whole domain, anything else any part.
    """
    query = select(subscribers).where(subscribers.c.id > after, *_wanted(segment, state, search))
    return [subscriber_of(row) for row in conn.execute(query.order_by(subscribers.c.id).limit(limit))]


def count(
    conn: Connection, *, segment: ColumnElement[bool] | None = None, state: State | None = None, search: str = ""
) -> int:
    """How many subscribers `page` would go through."""
    query = select(func.count()).select_from(subscribers).where(*_wanted(segment, state, search))
    return conn.execute(query).scalar_one()


class Scanned(FunctionElement[str]):
    """A column whose index SQLite must not walk: nearly everybody is active, and whole rows are needed."""

    type = Text()
    inherit_cache = True


@compiles(Scanned)
def _scanned(element: Any, compiler: Any, **kw: Any) -> str:
    sign = "+" if compiler.dialect.name == "sqlite" else ""
    return f"{sign}{compiler.process(element.clauses, **kw)}"


def _wanted(segment: ColumnElement[bool] | None, state: State | None, search: str) -> list[ColumnElement[bool]]:
    wanted = [] if segment is None else [segment]
    standing: ColumnElement[str] = subscribers.c.state
    if search.startswith("@"):
        wanted.append(subscribers.c.domain == search[1:].lower())
    elif search:
        standing = Scanned(standing)
        part = search.lower()
        wanted.append(or_(_holds(subscribers.c.match_key, part), _holds(subscribers.c.name, part, lower=True)))
    # Last, as SQLite looks in this order: nearly everybody has the state, and few are what is searched for.
    return [*wanted, standing == state if state else standing != State.ERASED]


def _holds(column: ColumnElement[str], part: str, *, lower: bool = False) -> ColumnElement[bool]:
    """Whether a column holds a text in lower case. SQLite's LIKE does not mind the case, and takes half the time."""
    like = column.contains(part, autoescape=any(sign in part for sign in "%_/"))
    return Either(like, Position(func.lower(column) if lower else column, part) > 0)
