"""Numbers and days told among the attributes."""

from __future__ import annotations

import json
from typing import Any

from alembic import op

from mailer.store.packing import packed

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Bring a database of the version before to this one: only SQLite searches in the text."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        driver.create_function("packed", 1, lambda text: packed(json.loads(text)), deterministic=True)
        op.execute("PRAGMA secure_delete = ON")  # or the attributes of who is erased later would stay in the file
        op.execute("""UPDATE subscribers SET attributes = packed(attributes) WHERE attributes GLOB '*:"[0-9 +.-]*'""")
        driver.create_function("packed", 1, None)
