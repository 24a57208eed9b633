"""A reader's issues found issue by issue."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Bring a database of the version before to this one."""
    op.drop_index("ix_deliveries_subscriber", "deliveries")
    letter = sa.text("issue_id IS NULL")
    op.create_index(
        "ix_deliveries_letters_reader", "deliveries", ["subscriber_id"], sqlite_where=letter, postgresql_where=letter
    )
