"""Runs the migrations for alembic, on the connection that `mailer.store.migrate` hands over."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy.types import TypeDecorator

from mailer.store.schema import complete


def render_item(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """How a new migration writes our own column types: as what the database stores."""
    return f"sa.{type(item.impl).__name__}()" if kind == "type" and isinstance(item, TypeDecorator) else False


def run(connection: Any) -> None:
    """Run what alembic was asked to, on this connection."""
    context.configure(
        connection=connection,
        target_metadata=complete(connection.dialect.name),
        render_item=render_item,
        render_as_batch=context.config.attributes.get("batch", True),
        transactional_ddl=True,  # true of SQLite, too, as we begin transactions ourselves
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
