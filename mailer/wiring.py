"""Builds the parts from the settings; the one room that knows them all, and the owner of clock and randomness."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mailer import settings as settings_module
from mailer.errors import SettingsError
from mailer.model.tokens import Keyring

if TYPE_CHECKING:
    from mailer.settings import Settings
    from mailer.store.engine import Database

KEY_FILE = "mailer.key"
KEY_VARIABLE = "MAILER_SECRET_KEY"

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Now, aware, in UTC: the only place where the program looks at the clock."""
    return datetime.now(UTC)


class Club:
    """One club: its folder, settings, database and keys; parts are built when first asked for.

    Raises SettingsError where the settings do not allow a part to be built.
    """

    def __init__(self, folder: Path, settings: Settings, clock: Clock = system_clock) -> None:
        self.folder = folder
        self.settings = settings
        self.clock = clock

    @classmethod
    def open(cls, config: Path | None = None, clock: Clock = system_clock) -> Club:
        """The club whose settings are in `config` (default: mailer.toml in the current folder)."""
        path = config or Path(settings_module.FILE)
        return cls(path.absolute().parent, settings_module.load(path), clock)

    @property
    def database_url(self) -> str:
        """The database's URL, a relative SQLite file resolved against the club's folder."""
        url = self.settings.database.url.get_secret_value()
        prefix = "sqlite:///"
        if url.startswith(prefix) and not url.startswith(prefix + "/"):
            return f"{prefix}{self.folder / url.removeprefix(prefix)}"
        return url

    @cached_property
    def db(self) -> Database:
        """The database, checked to be of this program's version."""
        from mailer.store import migrate
        from mailer.store.engine import Database

        database = Database(self.database_url)
        migrate.require_current(database)
        return database

    @cached_property
    def keyring(self) -> Keyring:
        """The keys that sign links and return paths."""
        text = os.environ.get(KEY_VARIABLE)
        if text is None:
            try:
                text = (self.folder / KEY_FILE).read_text(encoding="ascii")
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(
                    f"the secret key cannot be read ({type(error).__name__}); restore {KEY_FILE} from your backup:"
                    " without it links in mails already sent stop working",
                    where=str(self.folder / KEY_FILE),
                ) from None
        return read_keys(text)

    @property
    def bounce_domain(self) -> str:
        """The domain of signed return paths and Message-IDs."""
        return self.settings.sender.bounce_domain or self.sender_address.rpartition("@")[2]

    @property
    def sender_address(self) -> str:
        """The bare address in [sender] from."""
        from email.utils import parseaddr

        address = parseaddr(self.settings.sender.from_)[1]
        if "@" not in address:
            raise SettingsError("[sender] from has no address; write it as: Club News <news@club.example>")
        return address

    @property
    def sender_name(self) -> str:
        """The display name in [sender] from, or the newsletter's name."""
        from email.utils import parseaddr

        return parseaddr(self.settings.sender.from_)[0] or self.settings.newsletter.name


def new_key() -> str:
    """The text of a new key file: one line `id key`, 32 random bytes in hex."""
    return f"1 {secrets.token_hex(32)}\n"


def read_keys(text: str) -> Keyring:
    """A key file's keys: a line `id hex` each, the last one signs. Raises SettingsError (never showing the text)."""
    keys: dict[int, bytes] = {}
    lines = [line.split() for line in text.replace(",", "\n").splitlines() if line.strip()]
    try:
        for number, line in enumerate(lines, 1):
            key_id, key = line if len(line) == 2 else (str(number), *line)
            keys[int(key_id)] = bytes.fromhex(key)
        return Keyring(keys, list(keys)[-1])
    except (ValueError, IndexError):
        raise SettingsError(
            "the secret key is not a line of id and at least 64 hex digits; restore it, or make one with 'mailer init'",
            where=KEY_FILE,
        ) from None
