"""Writes the next file in mailer/store/migrations/versions: what schema.py has and the migrations do not make yet."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config

from mailer.store import migrate
from mailer.store.engine import Database

MIGRATIONS = Path(migrate.__file__).parent / "migrations"


def main(message: str) -> None:
    """Write the migration called `message`; with no migrations there, the first one, which makes every table."""
    there = sorted((MIGRATIONS / "versions").glob("[0-9]*.py"))
    number = f"{int(there[-1].name[:4]) + 1 if there else 1:04}"
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["batch"] = bool(there)  # SQLite changes a table by rebuilding it, which making one need not
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/made-by-migrations.db")
        if there:
            migrate.upgrade(database)
        with database.transaction() as connection:
            config.attributes["connection"] = connection
            command.revision(config, message, autogenerate=True, rev_id=number)
        database.close()
    written = next((MIGRATIONS / "versions").glob(f"{number}_*.py"))
    tidy = re.sub(r"(?m)^ +# ###.*\n", "", written.read_text()).replace("(false)", "false")
    written.write_text(tidy)
    for step in (["format"], ["check", "--fix"], ["format"]):
        subprocess.run([sys.executable, "-m", "ruff", *step, "-q", written], check=True)
    module = Path(migrate.__file__)
    module.write_text(re.sub(r'(?m)^HEAD = "\d+"', f'HEAD = "{number}"', module.read_text()))
    print(f"wrote {written.name}, set HEAD; read it, then run tests/store/test_migrate.py")


if __name__ == "__main__":
    main(sys.argv[1])
