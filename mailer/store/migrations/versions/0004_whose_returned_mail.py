"""Whose returned mail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Bring a database of the version before to this one; of the older mails those that made a bounce are known."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("PRAGMA secure_delete = ON")  # or the mails of who is erased later would stay in the file
    op.add_column("returned_mails", sa.Column("delivery_id", sa.BigInteger(), nullable=True))
    op.create_index("ix_returned_mails_delivery_id", "returned_mails", ["delivery_id"])
    op.execute("""UPDATE returned_mails SET delivery_id = b.delivery_id FROM bounces AS b
        WHERE b.raw_id = returned_mails.id AND b.delivery_id IS NOT NULL""")
