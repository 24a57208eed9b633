"""A guard in the tests' databases: no statement moves a delivery along an edge that model.delivery does not allow."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, text, update

from mailer.model.delivery import EDGES
from mailer.store.engine import Database
from mailer.store.schema import deliveries

_ALLOWED = ", ".join(f"'{old} {new}'" for old, targets in EDGES.items() for new in sorted(targets))
_FORBIDDEN = f"WHEN (OLD.state <> NEW.state AND OLD.state || ' ' || NEW.state NOT IN ({_ALLOWED}))"
_REFUSE = """
CREATE FUNCTION refuse_edge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE 'a forbidden edge: % to %', OLD.state, NEW.state; END $$
"""
_SQLITE = "BEGIN SELECT RAISE(ABORT, 'a forbidden edge'); END"
_POSTGRESQL = "EXECUTE FUNCTION refuse_edge()"


def guard(db: Database) -> None:
    """Have this database, and every copy of it, refuse them."""
    with db.transaction() as conn:
        if not db.is_sqlite:
            conn.execute(text(_REFUSE))
        _watch(conn)


def set_up(conn: Connection, *where: ColumnElement[bool], **values: Any) -> None:
    """Put deliveries into a state to begin a test with, by whatever edge."""
    conn.execute(text("DROP TRIGGER edges" + ("" if conn.dialect.name == "sqlite" else " ON deliveries")))
    conn.execute(update(deliveries).where(*where).values(**values))
    _watch(conn)


def _watch(conn: Connection) -> None:
    then = _SQLITE if conn.dialect.name == "sqlite" else _POSTGRESQL
    conn.execute(text(f"CREATE TRIGGER edges BEFORE UPDATE ON deliveries FOR EACH ROW {_FORBIDDEN} {then}"))
