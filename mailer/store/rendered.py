"""Statements that run for every batch or every request: rendered once, then given to the driver as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, ClauseElement, Connection, CursorResult, Dialect, bindparam


@dataclass(frozen=True, slots=True)
class Rendered:
    """A statement as one database takes it. Values go in and come out raw: moments are milliseconds, JSON is text."""

    text: str
    names: tuple[str, ...] | None  # of the values by position; None: by name
    constants: dict[str, Any]

    def rows(self, conn: Connection, **values: Any) -> Sequence[Any]:
        """Run it with a value for each parameter, and take all it finds."""
        return self.run(conn, **values).all()

    def run(self, conn: Connection, **values: Any) -> CursorResult[Any]:
        """Run it with a value for each parameter."""
        every = self.constants | values
        return conn.exec_driver_sql(self.text, every if self.names is None else tuple(every[n] for n in self.names))


def given(name: str, kind: Any = None) -> BindParameter[Any]:
    """A value that such a statement is given each time."""
    return bindparam(name, None, type_=kind)


def rendered(build: Callable[..., ClauseElement]) -> Callable[..., Rendered]:
    """Make a function that builds a statement give it rendered for the database of a connection, built only once.

    SQLAlchemy would build, compare and look up the statement each time, which takes it longer than running it takes
    the database.
    """

    known: dict[tuple[Any, ...], Rendered] = {}

    def find(conn: Connection, *shape: Any) -> Rendered:
        key = (conn.dialect.name, *shape)
        if key not in known:
            known[key] = _render(build(*key), conn.dialect)
        return known[key]

    return find


def _render(statement: ClauseElement, dialect: Dialect) -> Rendered:
    compiled: Any = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    names = tuple(compiled.positiontup) if compiled.positional else None
    return Rendered(str(compiled), names, dict(compiled.params))
