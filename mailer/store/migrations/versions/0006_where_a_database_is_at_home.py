"""Where a database is at home."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from mailer.store.home import settle

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Bring a database of the version before to this one."""
    op.create_table(
        "home",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_home")),
    )
    settle(op.get_bind())
