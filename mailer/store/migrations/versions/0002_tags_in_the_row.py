"""Tags in the row."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# His tags in the order of their characters, as Python sorts them, each between two line breaks.
_LINES = {
    "sqlite": """char(10) || (
        SELECT group_concat(tag, char(10))
        FROM (SELECT tag FROM subscriber_tags WHERE subscriber_id = subscribers.id ORDER BY tag)
    ) || char(10)""",
    "postgresql": """chr(10) || (
        SELECT string_agg(tag, chr(10) ORDER BY tag COLLATE "C")
        FROM subscriber_tags WHERE subscriber_id = subscribers.id
    ) || chr(10)""",
}


def upgrade() -> None:
    """Bring a database of the version before to this one."""
    database = op.get_bind().dialect.name
    if database == "sqlite":
        op.execute("PRAGMA secure_delete = ON")  # or the tags of who is erased later would stay in the file
    op.add_column("subscribers", sa.Column("tags", sa.Text(), server_default="", nullable=False))
    his = "id IN (SELECT subscriber_id FROM subscriber_tags)"
    op.execute(f"UPDATE subscribers SET tags = {_LINES[database]} WHERE {his}")  # noqa: S608 - our own words
    op.drop_table("subscriber_tags")
    op.drop_index("ix_subscribers_domain", "subscribers")
    op.drop_index("ix_subscribers_state", "subscribers")
    if database == "sqlite":
        asked = ["state", "id", "language", "joined_at", "domain", "tags", "attributes"]
        op.create_index("ix_subscribers_segments", "subscribers", asked)
    else:
        op.create_index("ix_subscribers_state", "subscribers", ["state", "id"])
