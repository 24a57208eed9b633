"""The secret keys as files: the one that signs links, and those that sign mail (DKIM); made and read here."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from mailer.errors import SettingsError, spoken
from mailer.model.tokens import Keyring
from mailer.sentence import Sentence

if TYPE_CHECKING:
    from mailer.mail.dkim import PrivateKey

KEY_FILE = "mailer.key"
KEY_VARIABLE = "MAILER_SECRET_KEY"


def new_key() -> str:
    """The text of a new key file: one line `id key`, 32 random bytes in hex."""
    return f"1 {secrets.token_hex(32)}\n"


def keyring(folder: Path) -> Keyring:
    """The keys that sign links: of the environment, else of the club's file. Raises SettingsError without any."""
    text = os.environ.get(KEY_VARIABLE)
    if text is None:
        try:
            text = (folder / KEY_FILE).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            what = (
                "the secret key cannot be read (%(why)s); restore it from your backup: without it links in mails"
                " already sent stop working"
            )
            raise SettingsError(Sentence(what, why=spoken(error)), where=str(folder / KEY_FILE)) from None
    return read_keys(text)


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
        what = (
            "the secret key is not a line of id and at least 64 hex digits; restore it, or make one with 'mailer init'"
        )
        raise SettingsError(Sentence(what), where=KEY_FILE) from None


def read_dkim_key(file: Path) -> PrivateKey:
    """The private key in a DKIM key's file. Raises SettingsError for one that is missing, open to all or no key."""
    from mailer.mail import dkim

    try:
        if file.stat().st_mode & 0o007:
            what = "can be used by everybody on this machine; chmod 600 %(file)s"
            raise SettingsError(Sentence(what, file=file.name), where=str(file))
        return dkim.read_key(file.read_bytes())
    except OSError as error:
        what = (
            "the DKIM key cannot be read (%(why)s); restore it from your backup, or make one with 'mailer dkim new' and"
            " put its name into [[dkim.keys]]"
        )
        raise SettingsError(Sentence(what, why=spoken(error)), where=str(file)) from None
    except ValueError as error:
        what = "%(what)s; restore it, or make one with 'mailer dkim new'"
        raise SettingsError(Sentence(what, what=spoken(error)), where=str(file)) from None


def new_dkim_key(kind: str) -> PrivateKey:
    """A new private key, RSA of 2048 bits or ed25519."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    return generate_private_key(65537, 2048) if kind == "rsa" else Ed25519PrivateKey.generate()
